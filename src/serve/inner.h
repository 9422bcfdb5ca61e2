/* Inside of src/serve. */
#ifndef SERVE_INNER_H
#define SERVE_INNER_H

#include <pthread.h>

#include "alert/alert.h"
#include "estate/pin.h"
#include "gate/gate.h"
#include "serve/serve.h"

#define WRIT_VERSION "0.1.0"

struct serve {
    struct serve_options options;
    struct env *env;
    struct loop *loop;
    struct keys *keys;
    struct store *store;
    struct audit *audit;
    struct writs *writs;
    struct creds *creds;
    struct alerts *alerts;
    struct gate *gate;
    struct http_server *agent_server, *admin_server;
    struct control *control;
    struct runs *runs;
    struct reload *reload;
    char *log_dir, *log_origin;
    pthread_mutex_t lock; /* of what follows */
    struct snapshot *snapshot;
    struct inspect *inspect; /* what was made of the estate's rules; main loop only */
    int64_t loaded_ms;
    char reload_error[4096]; /* "" when the last reload was good */
    uv_signal_t terminate, interrupt, hangup;
    bool stopping;
};

/* serve_snapshot(s): a reference; any thread. */
struct snapshot *serve_snapshot(struct serve *s);
void serve_say(const struct serve *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void serve_stop(struct serve *s);

/* serve_record(s, event): a privilege change is on disk before it takes effect (law 6); waits for that, some milliseconds. Rare acts only. */
struct err serve_record(struct serve *s, const struct audit_event *event) MUST_USE;

/* load.c: load and check the estate; a broken one changes nothing. serve_load: here and now, which takes up to a second. */
struct err serve_load(struct serve *s, struct buf *findings) MUST_USE;
/* serve_load_aside(s, asked, done, ctx): on another thread while the main loop goes on; ${done} is called on it, unless this failed. ${asked}: by a
 * person, so that what was not tried any more is tried again even when nothing has changed. */
typedef void serve_loaded(struct err e, struct buf *findings, void *ctx);
struct err serve_load_aside(struct serve *s, bool asked, serve_loaded *done, void *ctx) MUST_USE;
struct err load_record(struct serve *s, const struct estate *estate, const char *state) MUST_USE;
/* reload.c: when its files change, and on SIGHUP. */
struct err reload_watch(struct serve *s) MUST_USE;
void reload_stop(struct serve *s);

/* agents.c: which declared agent is this peer? ${wanted} NULL: the only one that matches. E_PROOF says what was missing. */
struct resolved {
    const struct agent *agent;
    enum proof_strength strength;
    char why[256];
};
struct err agent_resolve(const struct estate *estate, struct peer_proof *proof, const char *wanted, struct resolved *out) MUST_USE;
/* agent_task: the task a peer asked for, or the default. */
struct err agent_task(const struct agent *agent, const struct estate *estate, const char *wanted, const struct task **out) MUST_USE;
/* person_of(estate, uid): the declared person with this user id, unless agents run under it too (law 12). */
const struct person *person_of(const struct estate *estate, int uid);
bool may_administer(const struct estate *estate, int uid);

/* agent_face.c */
http_handler agent_handler;

/* run_face.c */
struct err runs_listen(struct serve *s, const char *path, struct runs **out) MUST_USE;
void runs_close(struct runs *r);

/* admin.c: the same routes on both sockets; ${ctx} is a struct admin_face. */
struct admin_face {
    struct serve *serve;
    struct loop *loop; /* the thread it answers on */
    bool control;
};
http_handler admin_handler;

/* explain.c: sentences about an agent, a writ, a call. */
struct err explain_agent(struct serve *s, const struct snapshot *snap, struct bytes id, struct buf *b) MUST_USE;
struct err explain_writ(struct serve *s, const struct snapshot *snap, struct bytes id, struct buf *b) MUST_USE;
struct err explain_call(struct serve *s, struct bytes id, struct buf *b) MUST_USE;

/* pins.c: a destination with its pin and what is held back; a pin that was accepted: recorded, loaded, let go. On the main loop. */
struct err pins_show(struct serve *s, struct bytes id, struct buf *b) MUST_USE;
struct err pins_accept(struct serve *s, const struct json *body, const char *who, struct buf *b) MUST_USE;

/* control.c */
struct err control_start(struct serve *s, const char *path, struct control **out) MUST_USE;
void control_stop(struct control *c);

#endif
