/*
 * Schemas, and data by a schema, against the official engine.
 *
 *     cedar_schema DIR GOLDEN    DIR holds CASE.cedarschema, CASE.entities.json and CASE.json of the official corpus; GOLDEN, one JSON
 *                                object a line, what the official engine says of each: {"case", "schemaJson": {"json"}}
 *     cedar_schema --check       JSON Lines from standard input, answers to standard output, for comparing on texts of any kind:
 *                                {"op": "schema" | "json" | "text" | "resolved", "schema": text or object}, {"op": "entities",
 *                                "entities", "schema"}, {"op": "context", "context", "action", "schema"}, {"op": "request", "principal",
 *                                "action", "resource", "context", "schema"}; answers {"ok", "error", "help", "out"}
 *
 * Prints the first differences and one last line. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "writ/cedar.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 20
#define FILE_MAX_BYTES ((size_t)64 << 20)

static struct {
    size_t cases, json, again, text, resolved, entities, requests, conforming, shown;
} total;

__attribute__((noreturn)) static void
stop(const char *what, const char *about)
{
    fprintf(stderr, "%s: %s\n", about, what);
    exit(3);
}

static struct cedar_str
str_from(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct cedar_str
output_str(const struct cedar_output *o)
{
    return (struct cedar_str){o->at, o->n};
}

static struct buf
read_file(const char *dir, struct bytes name, const char *ending)
{
    char path[4096];
    struct buf b = buf_make(FILE_MAX_BYTES);
    snprintf(path, sizeof path, "%s/%.*s%s", dir, BYTES_ARG(name), ending);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        stop("cannot open", path);
    for (size_t n = 1; n > 0;) {
        uint8_t *room = buf_room(&b, 1 << 16);
        if (room == NULL)
            stop("too large", path);
        n = fread(room, 1, 1 << 16, f);
        b.n += n;
    }
    fclose(f);
    return b;
}

static bool
count(size_t *n, bool ok, struct bytes name, const char *what, const struct cedar_error *error)
{
    *n += ok;
    if (!ok && total.shown++ < SHOWN)
        printf("%.*s: %s: %s\n", BYTES_ARG(name), what, error->text);
    return ok;
}

static bool
same_json(struct arena *a, const struct cedar_output *text, const struct json *expected)
{
    struct json_limits limits = {.bytes = FILE_MAX_BYTES, .depth = 256, .nodes = 2000000};
    struct json *v;
    return !err_failed(json_parse(a, bytes_make(text->at, text->n), &limits, &v)) && json_equal(v, expected);
}

/* ------------------------------------------------------------------------------------------------------------- the corpus */

static void
check_forms(struct arena *a, struct bytes name, struct cedar_str text, const struct json *golden)
{
    struct cedar_output json = {NULL, 0}, again = {NULL, 0}, cedar = {NULL, 0}, back = {NULL, 0}, resolved = {NULL, 0};
    struct cedar_error e = {0};
    bool ok = cedar_schema_convert(text, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &json, &e);
    if (!count(&total.json, ok && same_json(a, &json, golden), name, "Cedar to JSON", &e))
        return;
    ok = cedar_schema_convert(output_str(&json), CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON, &again, &e);
    count(&total.again, ok && same_json(a, &again, golden), name, "JSON to JSON", &e);
    ok = cedar_schema_convert(output_str(&json), CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_CEDAR, &cedar, &e) &&
         cedar_schema_convert(output_str(&cedar), CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON, &back, &e);
    count(&total.text, ok && same_json(a, &back, golden), name, "JSON to Cedar and back", &e);
    struct cedar_schema *s = NULL;
    ok = cedar_schema_convert(text, CEDAR_SCHEMA_CEDAR, CEDAR_SCHEMA_JSON_RESOLVED, &resolved, &e) &&
         cedar_schema_parse_json(output_str(&resolved), "resolved", &s, &e);
    count(&total.resolved, ok, name, "to resolved JSON, which is read", &e);
    cedar_schema_unref(s);
    cedar_output_free(&json);
    cedar_output_free(&again);
    cedar_output_free(&cedar);
    cedar_output_free(&back);
    cedar_output_free(&resolved);
}

static struct cedar_uid
uid_from(const struct json *v)
{
    return (struct cedar_uid){str_from(json_text(v, "type")), str_from(json_text(v, "id"))};
}

static bool
check_request(struct cedar_scratch *s, const struct cedar_schema *schema, const struct json *r, struct cedar_error *error)
{
    static const struct bytes none = {(const uint8_t *)"{}", 2};
    const struct json *context = json_get(r, "context");
    struct cedar_request q = {uid_from(json_get(r, "principal")), uid_from(json_get(r, "action")), uid_from(json_get(r, "resource")), NULL};
    q.context = cedar_context_json_schema(s, str_from(context ? context->raw : none), schema, &q.action, error);
    return q.context != NULL && cedar_request_check(schema, &q, error);
}

static void
check_data(struct arena *a, const char *dir, struct bytes name, struct cedar_str text)
{
    struct buf entities = read_file(dir, name, ".entities.json"), requests = read_file(dir, name, ".json");
    struct cedar_scratch *s = cedar_scratch_new((size_t)256 << 20);
    struct cedar_entities *store = NULL;
    struct cedar_schema *schema = NULL;
    struct cedar_error e = {0};
    struct json *v;
    bool ok = cedar_schema_parse(text, "schema", &schema, &e) && cedar_entities_json_schema(str_from(buf_bytes(&entities)), schema, &store, &e);
    if (s == NULL || err_failed(json_parse(a, buf_bytes(&requests), NULL, &v)))
        stop("cannot be read", "a case");
    if (count(&total.entities, ok, name, "entities", &e))
        for (const struct json *r = json_get(v, "requests")->child; r; r = r->next) {
            total.requests++;
            count(&total.conforming, check_request(s, schema, r, &e), name, "request", &e);
            cedar_scratch_reset(s);
        }
    cedar_entities_unref(store);
    cedar_schema_unref(schema);
    cedar_scratch_free(s);
    buf_free(&entities);
    buf_free(&requests);
}

static void
check_case(const char *dir, struct bytes line)
{
    struct json_limits limits = {.bytes = FILE_MAX_BYTES, .depth = 256, .nodes = 2000000};
    struct arena a = {.max = (size_t)512 << 20};
    struct json *v;
    if (err_failed(json_parse(&a, line, &limits, &v)))
        stop("is no JSON", "a line of the golden file");
    struct bytes name = json_text(v, "case");
    if (bytes_ends(name, BYTES(".json")))
        name.n -= 5;
    struct buf text = read_file(dir, name, ".cedarschema");
    total.cases++;
    check_forms(&a, name, str_from(buf_bytes(&text)), json_get(json_get(v, "schemaJson"), "json"));
    check_data(&a, dir, name, str_from(buf_bytes(&text)));
    buf_free(&text);
    arena_free(&a);
}

/* -------------------------------------------------------------------------------------------------------- any texts at all */

static bool
load(const struct json *v, struct cedar_schema **out, struct cedar_error *e)
{
    if (json_is(v, JSON_STRING))
        return cedar_schema_parse(str_from(v->text), "schema", out, e);
    return cedar_schema_parse_json(str_from(v->raw), "schema", out, e);
}

static bool
convert(const struct json *v, enum cedar_schema_form to, struct cedar_output *out, struct cedar_error *e)
{
    bool cedar = json_is(v, JSON_STRING);
    return cedar_schema_convert(str_from(cedar ? v->text : v->raw), cedar ? CEDAR_SCHEMA_CEDAR : CEDAR_SCHEMA_JSON, to, out, e);
}

static bool
answer_data(const struct json *line, struct bytes op, struct cedar_error *e)
{
    struct cedar_scratch *s = cedar_scratch_new((size_t)256 << 20);
    struct cedar_entities *store = NULL;
    struct cedar_schema *schema = NULL;
    struct cedar_uid action = uid_from(json_get(line, "action"));
    bool ok = s != NULL && load(json_get(line, "schema"), &schema, e);
    if (ok && bytes_is(op, "entities"))
        ok = cedar_entities_json_schema(str_from(json_get(line, "entities")->raw), schema, &store, e);
    else if (ok && bytes_is(op, "context"))
        ok = cedar_context_json_schema(s, str_from(json_get(line, "context")->raw), schema, &action, e) != NULL;
    else if (ok && bytes_is(op, "request"))
        ok = check_request(s, schema, line, e);
    cedar_entities_unref(store);
    cedar_schema_unref(schema);
    cedar_scratch_free(s);
    return ok;
}

static void
answer(struct bytes text)
{
    struct json_limits limits = {.bytes = FILE_MAX_BYTES, .depth = 256, .nodes = 2000000};
    struct arena a = {.max = (size_t)512 << 20};
    struct cedar_output out = {NULL, 0};
    struct cedar_error e = {0};
    struct json *line;
    if (err_failed(json_parse(&a, text, &limits, &line)))
        stop("is no JSON", "a line");
    struct bytes op = json_text(line, "op");
    const struct json *schema = json_get(line, "schema");
    bool ok = bytes_is(op, "json")       ? convert(schema, CEDAR_SCHEMA_JSON, &out, &e)
              : bytes_is(op, "text")     ? convert(schema, CEDAR_SCHEMA_CEDAR, &out, &e)
              : bytes_is(op, "resolved") ? convert(schema, CEDAR_SCHEMA_JSON_RESOLVED, &out, &e)
                                         : answer_data(line, op, &e);
    struct buf b = buf_make(FILE_MAX_BYTES);
    json_open(&b, '{');
    json_member_bool(&b, "ok", ok);
    if (!ok)
        json_member_str(&b, "error", e.text);
    if (!ok && e.help[0])
        json_member_str(&b, "help", e.help);
    if (out.at)
        json_member_text(&b, "out", bytes_make(out.at, out.n));
    json_close(&b, '}');
    puts(buf_text(&b));
    buf_free(&b);
    cedar_output_free(&out);
    arena_free(&a);
}

int
main(int argc, char **argv)
{
    size_t room = 0;
    char *line = NULL;
    bool lines = argc == 2 && strcmp(argv[1], "--check") == 0;
    if (!lines && argc != 3)
        stop("use: cedar_schema DIR GOLDEN, or --check", "usage");
    FILE *f = lines ? stdin : fopen(argv[2], "rb");
    if (f == NULL)
        stop("cannot open", argv[2]);
    for (ssize_t n; (n = getline(&line, &room, f)) > 0;) {
        if (lines)
            answer(bytes_make(line, (size_t)n));
        else
            check_case(argv[1], bytes_make(line, (size_t)n));
        fflush(stdout);
    }
    free(line);
    if (lines)
        return 0;
    fclose(f);
    printf("schemas %zu: JSON agree %zu, JSON again %zu, Cedar and back %zu, resolved %zu; entities load %zu; requests %zu conform %zu\n",
           total.cases, total.json, total.again, total.text, total.resolved, total.entities, total.requests, total.conforming);
    return total.shown > 0;
}
