/*
 * The gate: what agents talk to. Frames MCP (both eras, over HTTP and lines) into calls, has each decided, and speaks to the real servers
 * behind. It knows no policy. Belongs to the loop's thread.
 *
 * Public face for serve: make a gate, give it the current snapshot, hand it connections that are bound to a writ.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "creds/creds.h"
#include "decide/decide.h"
#include "inspect/inspect.h"
#include "net/http.h"

struct gate;
struct gate_config {
    struct env *env;
    struct loop *loop;
    struct writs *writs;
    struct audit *audit;
    struct keys *keys;
    struct store *store; /* keeps what is held back; NULL: it is forgotten with the gate */
    struct creds *creds;
    const char *self; /* path of this executable, for starting servers in the background */
};

struct err gate_make(const struct gate_config *config, struct gate **out) MUST_USE;
/* gate_close(g): cut every session and server; free after the last one is gone (done runs on the loop). */
void gate_close(struct gate *g, void (*done)(void *ctx), void *ctx);
/* gate_use(g, s): decisions from now on use ${s}; takes a reference. Sessions hear that their lists may have changed. */
void gate_use(struct gate *g, struct snapshot *s);
/* gate_try_again(g): destinations that are not asked because they failed may be asked now. */
void gate_try_again(struct gate *g);
/* gate_inspect(g, in): what passes from now on is looked at by ${in}; takes a reference. Without one, only sealed secrets are looked for. */
void gate_inspect(struct gate *g, struct inspect *in);
struct snapshot *gate_snapshot(struct gate *g); /* borrowed; valid until the loop's next round */

/*
 * A private endpoint of one writ: a listening socket that only this writ's agent can reach, taken over. ${secret}: first path segment that
 * every request must carry. ${uid}: the only user whose connections are accepted (-1: not asked), looked up in the network namespace of ${netns_pid}.
 * Paths: /SECRET/mcp/DESTINATION (streamable HTTP), GET /SECRET/writ (its state), POST /SECRET/complete (the agent ends its task).
 */
struct endpoint;
struct err endpoint_open(struct gate *g, struct writ *writ, int fd, const char *secret, int uid, int netns_pid, struct endpoint **out) MUST_USE;
void endpoint_close(struct endpoint *e);

/*
 * gate_lines(g, writ, destination, stream): speak the stdio form of MCP (one message a line) over a byte stream. Feed what arrives with
 * lines_feed; lines_end when the stream is gone.
 */
struct lines;
struct err lines_open(struct gate *g, struct writ *writ, const char *destination, bool (*write)(void *ctx, struct bytes line), void *ctx,
                      struct lines **out) MUST_USE;
void lines_feed(struct lines *l, struct bytes part);
void lines_end(struct lines *l);
/* ${write} gives false when the client is slow; lines_drained when it has taken all. ${hold}: stop reading from the client, or go on. */
void lines_drained(struct lines *l);
void lines_on_hold(struct lines *l, void (*hold)(void *ctx, bool on));
/* lines_writ(l): its writ now. The session asks for a new one through ${reopen} when idleness ended the old one; answer with lines_rebind. */
void lines_on_reopen(struct lines *l, void (*reopen)(void *ctx, struct lines *l));
void lines_rebind(struct lines *l, struct writ *writ, struct err e);

/* gate_probe(g, destination, done, ctx): start the destination's server once and look at all it offers (estate/pin.h), for pinning.
 * ${person}: who looks; where the destination is used as a person, it is as this one. */
typedef void gate_probed(struct err e, struct bytes offer, void *ctx);
struct err gate_probe(struct gate *g, const struct destination *d, const char *person, gate_probed *done, void *ctx) MUST_USE;

/* gate_json(g, b): destinations with era, state, servers running, last failure. */
void gate_json(struct gate *g, struct buf *b);
/* gate_held_json(g, destination, b): what is held back there and how it differs from the pin, as a list (change_put, and "since", "blocks", "returned"). */
void gate_held_json(struct gate *g, const char *destination, struct buf *b);
/* gate_release(g, destination, items): a person accepted these ([{"kind", "name"}…]; NULL: all). Gives how many had been held back. */
size_t gate_release(struct gate *g, const char *destination, const struct json *items);

#endif
