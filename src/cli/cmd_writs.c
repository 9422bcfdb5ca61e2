#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
by_opened(const void *a, const void *b)
{
    return bytes_cmp(json_text(*(const struct json *const *)a, "opened"), json_text(*(const struct json *const *)b, "opened"));
}

static void
add_row(struct grid *g, const struct json *w)
{
    char calls[64];
    snprintf(calls, sizeof calls, "%lld/%lld", (long long)json_whole(w, "calls"), (long long)json_whole(w, "refused"));
    grid_add(g, json_text(w, "id"));
    grid_add(g, json_text(w, "state"));
    grid_add(g, json_text(w, "agent"));
    grid_add(g, json_text(w, "task"));
    grid_add(g, bytes_sub(json_text(w, "opened"), 0, 19));
    grid_add(g, bytes_sub(json_get(w, "ended") ? json_text(w, "ended") : json_text(w, "expires"), 0, 19));
    grid_add(g, bytes_str(calls));
    grid_add(g, json_get(w, "ended_why") ? json_text(w, "ended_why") : json_text(w, "purpose"));
}

static void
put_writs(struct cli *c, struct buf *b, const struct json *list)
{
    static const char *const head[] = {"WRIT", "STATE", "AGENT", "TASK", "OPENED (UTC)", "ENDS (UTC)", "CALLS/REFUSED", "PURPOSE, OR WHY IT ENDED"};
    struct grid g = grid_make(&c->arena, 8);
    size_t n = 0;
    const struct json **rows = list ? arena_list(&c->arena, list->count + 1, sizeof *rows) : NULL;
    for (const struct json *w = rows ? list->child : NULL; w; w = w->next)
        rows[n++] = w;
    if (n == 0) {
        buf_puts(b, given(c, "all") ? "no writ is open, and none ended within the last day\n" : "no writ is open\n");
        return;
    }
    qsort(rows, n, sizeof *rows, by_opened);
    grid_head(&g, head);
    for (size_t i = 0; i < n; i++)
        add_row(&g, rows[i]);
    grid_put(&g, b, output_colour(STDOUT_FILENO));
}

struct err
cmd_writs(struct cli *c)
{
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    const char *agent = given(c, "agent");
    if (agent)
        TRY(api_id("agent", agent));
    TRY(api_get(c, FACE_EITHER, arena_printf(&c->arena, "/v1/writs?agent=%s&ended=%d", agent ? agent : "", given(c, "all") != NULL), &answer));
    if (c->json)
        answer_put(&b, answer);
    else
        put_writs(c, &b, json_get(answer, "writs"));
    return output_send(c, &b);
}
