/*
 * The destination behind which the clients' own tools are decided: an MCP server of 2026-07-28 over standard input and output, which describes them and
 * does nothing. What is allowed here the client does itself.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/hook.h"

#define VERSION "1"
#define LINE_MAX_BYTES ((size_t)8 << 20)

#define TEXT(name) "\"" name "\":{\"type\":\"string\"}"
#define LIST(name) "\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define TOOL(name, about, properties, required)                                                                                                      \
    "{\"name\":\"" name "\",\"description\":\"" about "\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties                          \
    "},\"required\":[" required "],\"additionalProperties\":false}}"
#define SHELL(name, about)                                                                                                                           \
    TOOL(name, about, TEXT("command") "," TEXT("cwd") "," TEXT("why") "," LIST("programs") "," LIST("writes") "," LIST("hosts"), "\"command\"")
#define PATH(name, about) TOOL(name, about, TEXT("path"), "\"path\"")

static const char tools[] =
    "[" PATH("read_file", "Reads a file.") "," PATH("write_file", "Writes a file.") "," PATH("edit_file", "Changes a file.") "," PATH("delete_file", "Removes a file.") "," PATH(
        "search",
        "Looks for files, or in them.") "," TOOL("read_secret", "Reads a file in a place where secrets are kept.", TEXT("path") "," TEXT("by"),
                                                 "\"path\"") "," TOOL("write_config",
                                                                      "Changes a file that decides what other programs run, or holds secrets.",
                                                                      TEXT("path") "," TEXT("by"),
                                                                      "\"path\"") "," TOOL("fetch", "Fetches an address of the web.", TEXT("url"),
                                                                                           "\"url\"") "," TOOL("web_search", "Asks a search engine.",
                                                                                                               TEXT("query"), "\"query\"") "," SHELL("shell_read",
                                                                                                                                                     "A shell command that only reads.") "," SHELL("shell_write",
                                                                                                                                                                                                   "A shell command that writes files.") "," SHELL("shell_network",
                                                                                                                                                                                                                                                   "A shell command that reaches the network.") "," SHELL("shell_irreversible", "A shell command that removes or overwrites, or reads where secrets are kept.") "," SHELL("shell_unknown",
                                                                                                                                                                                                                                                                                                                                                                                                                          "A shell command whose effects are not known: a build, a script, a program nobody listed.") "," TOOL("plan", "A tool by which the client keeps its own lists or talks to the person.", TEXT("tool"), "\"tool\"") "," TOOL("mcp_elsewhere",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "A tool of an MCP server that does not go through Writ.", TEXT("server") "," TEXT("tool"),
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "\"server\",\"tool\"") "," TOOL("other_tool",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "A tool of the client that is not known here.",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    TEXT(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "tool") "," TEXT("arguments"),
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "\"tool\"") "," TOOL("prompt", "What the person asked for, as their client says it.", TEXT("text"), "\"text\"") "," TOOL("result",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "What came of a tool, as the client says it.", TEXT("tool") "," TEXT("text"), "\"tool\"") "]";

#define COMPLETE "\"resultType\":\"complete\",\"ttlMs\":3600000,\"cacheScope\":\"private\""

static void
put_result(struct buf *b, struct bytes method)
{
    if (bytes_is(method, "server/discover"))
        buf_puts(b, "\"result\":{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"writ-hook\","
                    "\"version\":\"" VERSION "\"}," COMPLETE "}");
    else if (bytes_is(method, "tools/list"))
        buf_printf(b, "\"result\":{\"tools\":%s," COMPLETE "}", tools);
    else if (bytes_is(method, "tools/call"))
        buf_puts(b, "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"decided\"}]," COMPLETE "}");
    else
        buf_puts(b, "\"error\":{\"code\":-32601,\"message\":\"there is no such method\"}");
}

static struct err
answer(struct cli *c, struct bytes line)
{
    struct json *m;
    struct arena a = {0};
    struct buf b = buf_make((size_t)1 << 20);
    struct err e = err_ok();
    const struct json *id = err_failed(json_parse(&a, line, NULL, &m)) ? NULL : json_get(m, "id");
    if (id && json_text(m, "method").n) { /* what is no request needs no answer */
        buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
        json_put(&b, id);
        buf_putc(&b, ',');
        put_result(&b, json_text(m, "method"));
        buf_puts(&b, "}\n");
        e = output_send(c, &b);
    }
    buf_free(&b);
    arena_free(&a);
    return e;
}

struct err
cmd_hook_server(struct cli *c)
{
    struct buf in = buf_make(LINE_MAX_BYTES);
    struct err e = err_ok();
    for (;;) {
        uint8_t *to = buf_room(&in, 65536);
        ssize_t n = to ? read(STDIN_FILENO, to, 65536) : 0;
        if (n <= 0)
            break;
        in.n += (size_t)n;
        for (size_t end; !err_failed(e) && (end = bytes_find(buf_bytes(&in), '\n')) < in.n; buf_drop(&in, end + 1))
            e = answer(c, bytes_sub(buf_bytes(&in), 0, end));
        if (err_failed(e))
            break;
    }
    buf_free(&in);
    return e;
}
