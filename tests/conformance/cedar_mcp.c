/*
 * One schema from an MCP tool set: cedar_mcp TOOLS STUB OPTIONS, where OPTIONS are letters: o outputs, r objects as records, k keep annotations,
 * f flat, n numbers opaque, d deduplicate, l lossy, J as JSON. cedar_mcp.sh compares with the official examples.
 */
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)4 << 20)

static struct cedar_str
read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    char *at = malloc(FILE_MAX);
    if (f == NULL || at == NULL)
        exit(2);
    size_t n = fread(at, 1, FILE_MAX, f);
    fclose(f);
    return (struct cedar_str){at, n};
}

int
main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const char *letters = argv[3];
    struct cedar_mcp_options o = {.outputs = strchr(letters, 'o'),
                                  .objects_as_records = strchr(letters, 'r'),
                                  .keep_annotations = strchr(letters, 'k'),
                                  .flat = strchr(letters, 'f'),
                                  .numbers_opaque = strchr(letters, 'n'),
                                  .deduplicate = strchr(letters, 'd'),
                                  .lossy = strchr(letters, 'l')};
    enum cedar_schema_form form = strchr(letters, 'J') ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_CEDAR;
    struct cedar_str tools = read_file(argv[1]), stub = read_file(argv[2]);
    struct cedar_output out;
    struct cedar_error error;
    bool ok = cedar_schema_from_mcp(tools, stub, &o, form, &out, &error);
    if (ok)
        fwrite(out.at, 1, out.n, stdout);
    else
        fprintf(stderr, "%s\n", error.text);
    cedar_output_free(&out);
    free((void *)(size_t)tools.at);
    free((void *)(size_t)stub.at);
    return ok ? 0 : 1;
}
