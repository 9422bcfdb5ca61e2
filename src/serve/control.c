/* control.sock on a thread and loop of its own: it looks and revokes even when the main loop is busy or stuck. */
#include <stdlib.h>

#include "serve/inner.h"

struct control {
    struct admin_face face;
    struct http_server *server;
    pthread_t thread;
};

static void *
control_run(void *ctx)
{
    struct control *c = ctx;
    loop_run(c->face.loop);
    return NULL;
}

struct err
control_start(struct serve *s, const char *path, struct control **out)
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_make(E_MEMORY, "no memory for control.sock");
    c->face = (struct admin_face){.serve = s, .control = true};
    struct err e = loop_make(s->env, &c->face.loop);
    if (!err_failed(e))
        e = http_listen(c->face.loop, path, 0666, NULL, &http_limits_default, admin_handler, &c->face, &c->server);
    if (!err_failed(e) && pthread_create(&c->thread, NULL, control_run, c) != 0)
        e = err_make(E_SYSTEM, "cannot start the control thread");
    if (err_failed(e)) {
        if (c->server)
            http_server_close(c->server);
        if (c->face.loop)
            loop_free(c->face.loop);
        free(c);
        return e;
    }
    *out = c;
    return err_ok();
}

static void
stop_inside(void *ctx)
{
    struct control *c = ctx;
    http_server_close(c->server);
    loop_stop(c->face.loop);
}

void
control_stop(struct control *c)
{
    if (c == NULL)
        return; /* Behave consistently with free(NULL). */
    struct err e = loop_post(c->face.loop, stop_inside, c);
    if (err_failed(e))
        return; /* out of memory at the very end: the process is about to leave anyway */
    pthread_join(c->thread, NULL);
    loop_free(c->face.loop);
    free(c);
}
