#include "writ/table.h"

#include <stdlib.h>

/* One state change on its way: store first, then the log, then the caller. */
struct change {
    struct writs *w;
    bool direct;
    struct err e;
    int64_t last_seq;
    size_t rows;
    change_done *done;
    void *ctx;
};

static void
deliver(void *ctx)
{
    struct change *c = ctx;
    c->done(c->e, c->ctx);
    free(c);
}

static void
finish(struct change *c, struct err e)
{
    c->e = e;
    if (c->direct || err_failed(loop_post(c->w->config.loop, deliver, c)))
        deliver(c);
}

static void
logged(struct err e, uint64_t index, void *ctx)
{
    (void)index;
    finish(ctx, e);
}

static void
stored(struct err e, int64_t first_seq, void *ctx)
{
    struct change *c = ctx;
    if (!err_failed(e) && c->rows)
        e = audit_drain(c->w->config.audit, first_seq + (int64_t)c->rows - 1, logged, c);
    else {
        finish(c, e);
        return;
    }
    if (err_failed(e))
        finish(c, e);
}

struct err
change_commit(struct writs *w, const struct change_put *puts, size_t n, const struct audit_event *events, size_t n_events, bool direct,
              change_done *done, void *ctx)
{
    struct arena a = {0};
    struct store_put *list = arena_list(&a, n ? n : 1, sizeof *list);
    struct bytes *rows = arena_list(&a, n_events ? n_events : 1, sizeof *rows);
    struct change *c = calloc(1, sizeof *c);
    struct err e = err_ok();
    if (list == NULL || rows == NULL || c == NULL)
        e = err_make(E_MEMORY, "no memory for a state change");
    for (size_t i = 0; i < n && !err_failed(e); i++)
        list[i] = (struct store_put){.kind = puts[i].kind, .id = puts[i].id, .body = puts[i].body, .expect_version = puts[i].expect};
    for (size_t i = 0; i < n_events && !err_failed(e); i++)
        e = audit_outbox_row(w->config.audit, &events[i], &a, &rows[i]);
    if (!err_failed(e)) {
        *c = (struct change){.w = w, .direct = direct, .rows = n_events, .done = done, .ctx = ctx};
        struct store_write write = {.puts = list, .n_puts = n, .outbox = rows, .n_outbox = n_events};
        e = store_commit(w->config.store, &write, stored, c);
    }
    if (err_failed(e))
        free(c);
    arena_free(&a);
    return e;
}
