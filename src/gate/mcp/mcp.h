/*
 * Inside of src/gate/mcp. The parts, in the order a request meets them:
 *
 *   http_face.c, lines.c   frame: bytes of a client → one struct down for each request
 *   bearer.c               the HTTP face as a resource of OAuth
 *   session.c, down.c      what a client's conversation is; one request of it on its way
 *   methods.c              the table of methods, and what is passed on
 *   notes.c                what belongs to no request: notifications
 *   asks.c, park.c         what a server asks its client, in the same era and across
 *   listen.c, logs.c       subscriptions and log messages, in the same era and across
 *   replay.c               streams of the older era that can be taken up again
 *   tasks.c                handles of work that goes on after its call
 *   headers.c              headers that say again what stands in the body
 *   call.c, list.c         tools/call decided; lists filtered
 *   subject.c              prompts and resources decided
 *   limit.c, breaker.c     what is too often, too much at once, or at a destination that does not answer (limit.h)
 *   flow.c                 who does not read, and who is not read meanwhile
 *   look.c                 what stands in what passes, both ways: found, redacted, refused, on record
 *   saw.c                  what a writ has seen when a result passes
 *   view.c                 what a session sees, and when that changes
 *   hub.c, hub_*.c         several destinations behind one address (hub.h)
 *   link.c                 one conversation with one real server: ids, who waits for what, its end
 *   link_start.c           how it begins: era, what the server says of itself
 *   link_lists.c           lists of the server, kept for a hub
 *   link_creds.c           what it proves itself with; consent.c: a person who must connect an account first
 *   link_pins.c            what that server offers, against its pin
 *   link_stdio.c, link_http.c  its two transports
 *
 * Everything belongs to the loop's thread. A down and a session are counted references, because an answer, a revocation, a record that
 * reaches the disk and the client's leaving may come in any order.
 */
#ifndef GATE_MCP_MCP_H
#define GATE_MCP_MCP_H

#include "estate/packs.h"
#include "estate/pin.h"
#include "gate/gate.h"
#include "gate/mcp/rpc.h"
#include "limits/limits.h"

enum era { ERA_UNKNOWN, ERA_LEGACY, ERA_MODERN };
#define MODERN_VERSION "2026-07-28"
#define LEGACY_VERSION "2025-11-25"
#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CLIENT "io.modelcontextprotocol/clientInfo"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define META_LOG_LEVEL "io.modelcontextprotocol/logLevel"
#define META_SERVER "io.modelcontextprotocol/serverInfo"
#define EXTENSION_TASKS "io.modelcontextprotocol/tasks"
#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"

#define MESSAGE_MAX ((size_t)4 << 20)   /* one JSON-RPC message, either way */
#define RESULT_MAX ((size_t)16 << 20)   /* one message of a server; a destination may set less */
#define SESSIONS_MAX 10000
#define PASS_MS 60000                   /* for what is passed on without being a call */
#define WATCHED_MAX 64                  /* resources that a client of the older era may subscribe to at a server of the newer one */
#define BACKS_MAX 64                    /* requests of the server that wait for the client */
#define SESSIONS_OF_WRIT_MAX 32         /* then the one that is unused for longest makes room */
#define DOWNS_MAX 256                   /* requests under way in one session */

/* What the gate remembers of a destination while it runs. */
struct route {
    struct route *next;
    char id[65];
    enum era era;           /* it was spoken to in last */
    enum speaks { SPEAKS_UNKNOWN, SPEAKS_YES, SPEAKS_NO } speaks[3]; /* by era */
    unsigned servers;       /* processes running */
    unsigned failures;      /* in a row */
    struct breaker breaker; /* of all agents: it cannot be reached */
    char last_error[240];
    bool late, down;        /* a hub gave up waiting for it; it failed; and it has not answered a hub since */
    struct held *held;      /* what is not as it was pinned (pins.h) */
    size_t n_held;
    bool turned;            /* clients are to be told */
};

struct hub_key { /* seals what members hand to clients; made when it is first needed */
    uint8_t at[32];
    bool made;
};

struct gate {
    struct gate_config config;
    struct snapshot *snapshot;
    struct cedar_scratch *scratch;
    struct inspect *inspect; /* or NULL */
    struct inspect_room *looking;
    struct route *routes;
    struct session *sessions;
    struct endpoint *endpoints;
    struct link *links;
    size_t n_sessions;
    struct hub_key hub_key;
    struct limits *limits;
    uint64_t generation; /* of the snapshot: counted up with each */
    struct timer *turns_due, *rest_due; /* limit.c */
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

struct route *gate_route(struct gate *g, const char *destination);
void gate_maybe_closed(struct gate *g);

/* ------------------------------------------------------------------------------------------------------ sessions */

struct down;
struct down_face {
    /* send: a message for the client that belongs to this request; ${last}: the response, after which the face forgets the request. */
    void (*send)(struct down *d, struct bytes message, bool last);
    /* dropped: the request ended without a response, because the client left or cancelled it. */
    void (*dropped)(struct down *d);
    /* push: what was sent goes out now, and not at the end of the turn. NULL where a face cannot. */
    void (*push)(struct down *d);
};

struct session {
    struct session *next, **at;
    unsigned refs;
    struct gate *gate;
    struct writ *writ;
    char destination[65];
    enum era era;
    char id[ENV_ID_MAX]; /* legacy HTTP: Mcp-Session-Id */
    struct link *link;
    struct down *downs; /* requests under way */
    size_t n_downs;
    /* Messages for the client that belong to no request: false when there is nowhere to put them now. */
    bool (*push)(struct session *s, struct bytes message);
    /* choke: do not read this client (or do again), as far as that can be. May be NULL. */
    void (*choke)(struct session *s, bool on);
    bool full;    /* flow.c: its client takes no more at the moment */
    void *owner;  /* the struct lines or struct endpoint it belongs to */
    bool lines;   /* it is a struct lines */
    void *stream; /* HTTP, legacy: the open GET stream */
    struct kept *kept, **kept_last; /* replay.c: its last events */
    size_t n_kept, kept_bytes;
    unsigned next_stream;
    uint64_t next_event;
    struct back *backs; /* asks.c: the server's requests that the client is to answer */
    size_t n_backs;
    int64_t next_back;
    struct parked *parked; /* park.c: calls that wait for the client to come back with answers */
    size_t n_parked;
    char level[16]; /* logs.c: what a client of the older era set, or empty */
    struct handle *handles; /* tasks.c: of tasks that its calls made */
    size_t n_handles;
    struct arena keep;
    struct rpc client; /* the client's first request: who it says it is, for every link of the session */
    struct view *view; /* view.c: what its client was told that it sees */
    struct hub *hub; /* several destinations behind it: hub.h */
    bool member;     /* … and this is one of them; its owner is a struct member */
    bool ended;
    int64_t used_ms;
    struct limits_agent *limited; /* limit.c: as of ${limits_at} */
    const struct agent *agent_now;
    const struct task *task_now;
    uint64_t limits_at;
};

/* session_make(g, writ, destination, era, out): ${destination} "": all that the writ's template grants. */
struct err session_make(struct gate *g, struct writ *writ, const char *destination, enum era era, struct session **out) MUST_USE;
/* session_member(of, destination, out): the session behind the hub ${of}; its owner and push are the caller's to set. */
struct err session_member(struct session *of, const char *destination, struct session **out) MUST_USE;
struct session *session_ref(struct session *s);
void session_unref(struct session *s);
/* session_end(s, why): answer what is under way with an error, close the link. Idempotent; the last reference frees. */
void session_end(struct session *s, const char *why);
/* session_rebind(s, writ): the same conversation goes on under another writ of the same instance. */
void session_rebind(struct session *s, struct writ *writ);
/* session_take(s, d): a request of the client; ${d} is owned by the session from here and is answered through its face exactly once. */
void session_take(struct session *s, struct down *d);
/* session_go_on(d): take it from its beginning, with a new link if need be. */
void session_go_on(struct down *d);
/* session_note(s, rpc): a notification or a response of the client. */
void session_note(struct session *s, const struct rpc *rpc);
/* What a link hands up. */
void session_from_server(struct session *s, struct down *about, struct parked *parked, const struct rpc *rpc);
void session_link_died(struct session *s, struct err e);
/* note_passes(s, m): may the client hear this notification of its server as it is? */
bool note_passes(struct session *s, const struct rpc *m);
/* session_tell(s, about, message): to the client, on the stream of ${about} or wherever it listens. */
void session_tell(struct session *s, struct down *about, struct bytes message);

/* One request of a client on its way. */
struct down {
    struct down *next, **at;
    unsigned refs;
    struct session *session;
    const struct down_face *face;
    void *face_ctx;
    struct arena arena;
    struct rpc rpc;
    struct pending *pending;     /* waiting at the link */
    struct running running;
    unsigned stream;             /* http_face: the number of its stream of events, 0: it has none (yet) */
    bool answered, gone;         /* gone: the client left */
    bool hushed;                 /* the client has its answer (of a revocation), the rest of its end is still to come */
    /* tools/call */
    char call[ENV_ID_MAX];
    struct snapshot *snapshot;
    const struct destination *destination;
    const struct tool *tool;
    struct json *arguments; /* typed; what is forwarded, or, of a prompt or resource, what it was decided by */
    bool owes; /* it was allowed, and its end is not on record yet */
    struct inspection *found; /* in them; NULL: nothing */
    const char *const *found_names; /* for policies, NULL-terminated; or NULL */
    const char *outsiders;  /* the part of its result that outsiders wrote, as it is stated of the tool; or NULL */
    bool input_held;        /* its inputResponses hold what may not be sent */
    const char *modified;   /* how the call was changed by a policy before it was decided again, or NULL */
    struct inspect_carry *carry; /* of the texts that came back for it so far */
    struct decision decision;
    const char *scope; /* what a grant of it would be called, for who lacks it */
    uint64_t began_ns;
    struct timer *deadline;
    uint64_t deadline_ms;
    struct bridge *bridge;       /* asks.c */
    struct bytes more;           /* members for the end of its params, each behind a comma: what the client answered */
    struct listening *listening; /* listen.c */
    struct work *work; /* at the members of a hub */
    bool uris_asked;   /* … once */
    bool looking; /* waits for a look at what the server offers */
    /* limit.c, breaker.c */
    struct limits_place place;
    struct limits_wait wait;
    bool full;          /* flow.c: its stream takes no more at the moment */
    bool counted, turn; /* in rate and repeats; its turn after waiting has come */
    unsigned probes;    /* it sees whether the destination is back */
    struct limits_agent *counted_by;
    size_t bytes;
    uint64_t retry_ms;  /* when the client may come back; 0: nothing is known */
};

/* down_make(s, face, ctx, a, rpc): takes over the arena that holds the message ${rpc} and its text. NULL: out of memory, the arena is freed. */
struct down *down_make(struct session *s, const struct down_face *face, void *face_ctx, struct arena *a, const struct rpc *rpc);
struct down *down_ref(struct down *d);
void down_unref(struct down *d);
/* Answers: each ends the request for the client; a second one is ignored. */
void down_result(struct down *d, struct bytes result);
void down_error(struct down *d, int code, const char *message, struct bytes data);
void down_fail(struct down *d, struct err e);
/* down_finish(d, message): the one way out: the client gets ${message} (freed here), nothing waits for it any more, nothing runs for it any more. */
void down_finish(struct down *d, struct buf *message);
/* down_left(d): the client went away; a modern request is cancelled by it, a legacy one goes on without an audience. */
void down_left(struct down *d);

/* down_deadline(d, ms): from now on; then it fails. down_wait(d): a person is asked meanwhile. down_go_on(d): no longer. */
void down_deadline(struct down *d, uint64_t ms);
void down_wait(struct down *d);
void down_go_on(struct down *d);

/* asks.c: what a server asks the client. asks_by_result(d, result): input_required for a client of the older era; ${d} is answered later. */
void asks_from_server(struct session *s, struct down *about, struct parked *parked, const struct rpc *m);
void asks_answered(struct session *s, const struct rpc *m);
void asks_withdrawn(struct session *s, const struct rpc *m);
void asks_by_result(struct down *d, const struct json *result);
/* asks_by_error(d, error): an error of the older era that the newer one says otherwise; false: it goes on as it is. */
bool asks_by_error(struct down *d, const struct json *error);
void asks_over(struct down *d);
void asks_end(struct session *s);
const char *asks_capability(struct bytes method);
bool asks_can(const struct json *capabilities, struct bytes method, const struct json *params);

/* park.c: a call whose server asks a client of the newer era. park, park_more: false when it cannot be. */
bool park(struct down *d, const struct rpc *m);
bool park_more(struct parked *p, const struct rpc *m);
struct parked *park_only(const struct session *s); /* the one that its server still works on, when there is exactly one */
/* park_resume(d): is it the client that comes back? Then ${d} has taken the call's place, or was answered. */
bool park_resume(struct down *d);
void park_answered(struct parked *p, const struct rpc *m);
void park_forgotten(struct parked *p);
void park_end(struct session *s);

/*
 * replay.c. replay_next(s, stream, message, id): the id of the next event, which is kept. replay_whole(s, after): everything behind ${after} is
 * still there. replay_give: those of one stream, oldest first.
 */
#define REPLAY_ID_MAX 40
void replay_next(struct session *s, unsigned stream, struct bytes message, char id[REPLAY_ID_MAX]);
bool replay_read(struct bytes id, unsigned *stream, uint64_t *after);
bool replay_whole(const struct session *s, uint64_t after);
void replay_give(struct session *s, unsigned stream, uint64_t after, void (*give)(void *ctx, const char *id, struct bytes message), void *ctx);
void replay_free(struct session *s);

/* logs.c. logs_level: false when there is no such level. logs_for: whose message it is, or NULL. */
bool logs_level(struct session *s, struct bytes level);
void logs_ask(struct link *l, const struct down *d);
struct down *logs_for(const struct session *s, struct down *about, const struct rpc *m);

/* listen.c: the client's subscriptions/listen; what an older server tells to those that listen; its end when the session ends. */
void listen_take(struct down *d);
void listen_note(struct session *s, const struct rpc *m);
bool listen_over(struct down *d);

/* methods.c: is there such a method in the session's era? method_take: do what it asks; it is known and the link is ready. */
bool method_known(const struct session *s, struct bytes name);
void method_take(struct down *d);
void method_again(struct down *d); /* it waited for a look at what the server offers */
/* method_pass(d, answer): send it on as it is, translated for the server's era. method_answer: the usual way back. */
void method_pass(struct down *d, void (*answer)(struct down *d, const struct rpc *answer));
void method_answer(struct down *d, const struct rpc *answer);

/* tasks.c: tasks/get, tasks/update and tasks/cancel, for handles of this session only. */
void tasks_take(struct down *d);
/* tasks_made(d, result): a call's result is a task; false when its handle cannot be kept. */
bool tasks_made(struct down *d, const struct json *result);
bool tasks_own(const struct session *s, struct bytes id);
/* tasks_end(s): the session ends; its tasks are cancelled as far as the server can still be told. */
void tasks_end(struct session *s);

/* call.c, list.c */
void call_take(struct down *d);
void list_tools_take(struct down *d);
/* answers of the server for them */
void call_answer(struct down *d, const struct rpc *answer);
void list_tools_answer(struct down *d, const struct rpc *answer);
void list_items_take(struct down *d); /* of prompts, resources and templates */

/*
 * subject.c: prompts and resources, each decided on what it is. subject_take: prompts/get, resources/read, resources/(un)subscribe. subject_complete:
 * completion/complete. subject_granted(d, group): does any grant speak of "@prompts", "@resources"? subject_hears(s, uri): may the writ hear of this
 * resource now? subject_listens(d, uri): the same for a subscription, decided and recorded. subject_shows(d, kind, item): is it listed?
 */
void subject_take(struct down *d);
void subject_complete(struct down *d);
bool subject_granted(const struct session *s, const char *group);
bool subject_hears(struct session *s, const struct json *uri);
bool subject_listens(struct down *d, const struct json *uri);
bool subject_shows(struct down *d, const char *method, const struct json *item);
/* call_refuse(d, name, reason): refused because of a pin, and on record. */
void call_refuse(struct down *d, struct bytes name, const char *reason);
/* call_answered(s, d, answers): on record that the client answered what the server asked (${d}: during this request, or NULL). It is the agent's word. */
void call_answered(struct session *s, const struct down *d, struct bytes answers);
/* call_markable(d, tool): where either side speaks 2026-07-28, a tool with an x-mcp-header that may not be is none. */
bool call_markable(const struct down *d, const struct tool *tool);
/* call_over(d, status, bytes): records the outcome, once. */
void call_over(struct down *d, const char *status, size_t bytes);
/* call_saw(d, answer): note what the instance has now seen (saw.c); before call_over, which records what of it outsiders wrote. */
void call_saw(struct down *d, const struct rpc *answer);
/*
 * For subject.c, in this order. call_prepare(d): it gets an id, a snapshot, a destination; false: it was answered. call_of(d, name): it as decide
 * wants it. call_record(d, name, …): its decision. call_allow(d, name, then): count, record, and when that is where its tier wants it, go on.
 * call_deny(d, name), call_refuse_as(d, name, code, reason, edit): refuse, by decision or for another reason. call_tell(d, code): only the answer.
 */
bool call_prepare(struct down *d);
struct call call_of(struct down *d, struct bytes name);
struct err call_record(struct down *d, struct bytes name, bool sync, audit_done *done, void *ctx) MUST_USE;
void call_allow(struct down *d, struct bytes name, void (*then)(struct down *d));
void call_deny(struct down *d, struct bytes name);
void call_refuse_as(struct down *d, struct bytes name, const char *code, const char *reason, const char *edit);
void call_tell(struct down *d, const char *code);
/* call_again(d): the client has answered what the server asked: send the call once more, with that. */
void call_again(struct down *d);
bool grant_names(const struct down *d, struct bytes name);

/*
 * look.c. look_up: a message of the server, before anybody sees it. ${p}: who waits for it, if it is a response. ${m} may become another
 * message. False: it goes no further, and who waited has his answer.
 * look_arguments: what stands in the arguments of ${d}: fills found and found_names; what the estate says is to be redacted is, and ${changed}
 * says so: they are to be typed and looked at again. ${redact}: a policy says to redact all that is found.
 * look_down: the params of what is no call, or an answer to the server; an error when it may not go up.
 * look_put: members of what was found, for a record.
 */
bool look_up(struct link *l, struct pending *p, struct down *about, struct arena *a, struct rpc *m);
struct err look_arguments(struct down *d, bool redact, bool *changed) MUST_USE;
struct err look_down(struct session *s, struct link *l, const struct json *value, struct bytes method) MUST_USE;
void look_put(const struct inspection *found, struct buf *m);
/* look_refused(found): does the estate refuse it? ${reason}: why, for the agent; no value and no secret in it. */
bool look_refused(const struct inspection *found, char reason[200]);
/* http_face.c: the writ whose endpoint has this secret, or NULL; borrowed. */
struct writ *endpoint_writ(struct gate *g, struct bytes secret);

/* Results between eras: into ${b} the result as the client's era wants it. ${list}: it is a list, and was filtered. */
void result_translate(struct buf *b, const struct session *s, const struct json *result, bool list);
/* result_member(b, m): one member of a result. In its _meta, names that begin with writ/ are Writ's own: what a server says under them is left out. */
void result_member(struct buf *b, const struct json *m);

/* hub*.c: what the rest of the gate knows of sessions with several destinations. */
struct err hub_make(struct session *s) MUST_USE; /* what was made when it fails goes with the session */
void hub_take(struct down *d);
void hub_note(struct session *s, const struct rpc *m);
void hub_over(struct down *d); /* it is finished, however: nothing runs for it any more */
void hub_end(struct session *s, const char *why);
void hub_rebind(struct session *s, struct writ *writ);
void hub_free(struct hub *h);
/* hub_tool(g, writ, name): the pinned tool that goes by this name in a hub of the writ, or NULL. */
const struct tool *hub_tool(const struct gate *g, const struct writ *writ, struct bytes name);

/* --------------------------------------------------------------------------------------------------------- links */

enum link_state { LINK_STARTING, LINK_READY, LINK_DEAD };

/* Someone waits for the answer to a request that went up. Either a down, or the link's own business (${own}). */
struct pending {
    struct pending *next;
    int64_t id;
    struct down *down;
    struct parked *parked;
    void (*own)(struct link *l, const struct rpc *answer, struct err e);
    void (*answer)(struct down *d, const struct rpc *answer);
    struct http_stream *stream; /* link_http: its reader */
    struct buf message; /* kept until the link is ready */
    char method_text[64];
    struct bytes method; /* for its header */
    bool listen;
    unsigned changes; /* of the link, when it was asked */
};

struct link_transport {
    struct err (*start)(struct link *l) MUST_USE;
    /* send: ${p} NULL: a notification or a response to the server. */
    void (*send)(struct link *l, struct pending *p, struct bytes message, struct bytes method);
    void (*cancel)(struct link *l, struct pending *p);
    /* stop: end for good; link_stopped(l) when it has really ended. */
    void (*stop)(struct link *l);
    void (*ready)(struct link *l); /* legacy HTTP opens its GET stream */
    /* last: say this while the link ends; nobody waits for an answer. May be NULL. */
    void (*last)(struct link *l, struct bytes message, struct bytes method, struct bytes name);
    void (*flow)(struct link *l); /* flow.c: what is to be left unread has changed */
};
extern const struct link_transport link_stdio, link_http;

typedef void link_ready_fn(struct link *l, struct err e, void *ctx);

struct link {
    struct link *next, **at;
    unsigned refs; /* one of its owner, one of a running transport, one of each call in progress */
    struct gate *gate;
    struct route *route;
    struct snapshot *snapshot; /* keeps ${destination} */
    const struct destination *destination;
    struct writ *writ; /* NULL for a probe */
    struct session *session; /* NULL for a probe, or when the session has gone */
    struct creds_account *account;
    const struct rpc *client; /* of the session: who the client says it is */
    bool awaits_creds; /* the transport starts when they are there */
    const struct link_transport *transport;
    void *wire; /* of the transport */
    enum link_state state;
    enum era era;
    enum era probing; /* the era that is being asked for */
    bool asked_both, stopped;
    struct limits_agent *limited; /* breaker.c: whose failures are counted; NULL for a probe */
    size_t unsent; /* flow.c: bytes that the kernel has not taken yet */
    bool choked; /* … and they are too many */
    unsigned probes; /* its start sees whether the destination is back */
    bool no_good; /* what is just being received came with an error of HTTP */
    struct arena arena; /* what is kept for the link's life */
    struct sealed *sealed; /* the values that were released for it: they may not come back */
    struct bytes client_info, client_capabilities, client_version; /* JSON of the legacy client, or empty */
    struct bytes start_result; /* the server's InitializeResult or DiscoverResult, JSON */
    struct json *start;
    struct pending *waiting; /* in order of sending; also those that are not sent yet */
    int64_t next_id;
    struct err why_dead;
    struct timer *deadline, *probe_due, *watch_due;
    struct buf *watched; /* listen.c: resources that a client of the older era subscribed to */
    size_t n_watched;
    char level[16]; /* logs.c: the level that was set at a server of the older era */
    struct pins *pins; /* what it offers, as seen over this link (pins.h) */
    struct kept_list *kept; /* link_lists.c */
    size_t kept_bytes, n_kept;
    unsigned changes; /* of lists, that the server told */
    link_ready_fn *on_ready;
    void *on_ready_ctx;
};

/* link_make(g, d, writ, person, session, info, capabilities, version, on_ready): start talking to the destination. on_ready is called once. */
struct err link_make(struct gate *g, struct snapshot *s, const struct destination *d, struct writ *writ, const char *person, struct session *session,
                     const struct rpc *client, link_ready_fn *on_ready, void *ctx, struct link **out) MUST_USE;
void link_close(struct link *l, const char *why);
struct link *link_ref(struct link *l);
void link_unref(struct link *l);
/* link_request(l, d, params, answer): send the client's request up; ${params} empty: none. */
struct err link_request(struct link *l, struct down *d, struct bytes params, void (*answer)(struct down *d, const struct rpc *answer)) MUST_USE;
void link_notify(struct link *l, struct bytes method, struct bytes params);
void link_respond(struct link *l, const struct rpc *response, struct bytes id);
/* link_respond_looked: it was looked at already, with ${held}: an error goes in its place. */
void link_respond_looked(struct link *l, const struct rpc *response, struct bytes id, struct err held);
/* link_cancel(l, p, kill): nobody wants the answer any more. ${kill}: also make sure that the work itself stops. */
void link_cancel(struct link *l, struct pending *p, bool kill);
/* link_ask(l, method, params, own): the link's own request; ${own} gets the answer, unless the link dies first. */
struct err
link_ask(struct link *l, struct bytes method, struct bytes params, void (*own)(struct link *l, const struct rpc *answer, struct err e)) MUST_USE;
void link_fail(struct link *l, struct err e); /* the server did what it may not: this link ends */
void link_now_ready(struct link *l); /* what the server offers has been looked at */

/* link_listen: like link_ask, for the link's own subscriptions/listen. */
struct err link_listen(struct link *l, struct bytes params, void (*own)(struct link *l, const struct rpc *answer, struct err e)) MUST_USE;
/* listen.c: the link's own subscription. watch(l): (again) with what is wanted now. watch_noted: was it for that? watch_resource: resources/(un)subscribe. */
void watch(struct link *l);
void watch_stop(struct link *l);
void watch_free(struct link *l);
bool watch_noted(struct link *l, const struct pending *about, const struct rpc *m);
void watch_resource(struct down *d);
/* link_forget(l, p): its answer is not waited for any more. */
void link_forget(struct link *l, struct pending *p);

/* link_creds.c: the account it acts as. ${person}: on behalf of, or "". Starts the transport, now or when there is what that needs. */
struct err link_creds_make(struct link *l, const char *person, const struct rpc *client) MUST_USE;
void link_creds_free(struct link *l);
/* consent.c: answer with the way to connect an account; false when there is none. */
bool consent_answer(struct down *d, struct err e);

/* link_start.c */
void link_start(struct link *l, const struct rpc *client);
void link_start_died(struct link *l);

/* link_lists.c: lists for a hub. link_list_kept: answer ${d} with what is kept. link_list_keep: it was answered with ${m}. */
bool link_list_kept(struct link *l, struct down *d, void (*answer)(struct down *d, const struct rpc *answer));
void link_list_keep(struct link *l, const struct down *d, const struct rpc *m);
void link_lists_noted(struct link *l, struct bytes method);
void link_lists_free(struct link *l);

/* link_pins.c: what the server offers now against what was pinned. */
struct err link_pins_make(struct link *l) MUST_USE;
void link_pins_free(struct link *l);
/* link_pins_start(l): the server has said who it is: look at all that it offers, then link_now_ready(l). */
void link_pins_start(struct link *l);
/* link_pins_noted(l, method): a notification came; one that says that a list changed has it looked at again. */
void link_pins_noted(struct link *l, struct bytes method);
void link_pins_look(struct link *l); /* once more */
/* link_pins_died(l, e): calls that wait for a look get no answer from this link. */
void link_pins_died(struct link *l, struct err e);
/* May it be used over this link: seen here as it was pinned, findings accepted, and not held back? By the estate in force. */
bool link_tool_verified(const struct link *l, const struct tool *tool);
bool link_item_verified(const struct link *l, enum item_kind kind, struct bytes name);
/* link_pins_hold(d): it is just being looked at what the server offers: the call is taken again when that is known. */
bool link_pins_hold(struct down *d);
/* For lists on their way to a client: link_pins_see each item of a page (what is not as pinned is held back from everyone); after that
 * link_pins_shows says whether this item, in this form, may be shown. */
void link_pins_see(struct link *l, enum item_kind kind, const struct json *item);
bool link_pins_shows(struct link *l, enum item_kind kind, const struct json *item);
/* What clients may hear of the server: serverInfo as pinned; instructions, or NULL when they are not as pinned. */
const struct json *link_server_info(const struct link *l);
const struct json *link_instructions(const struct link *l);
/*
 * view.c. gate_lists_changed(g, destination): lists of it (NULL: of any) may be others now: every client hears of those that are, for it. view_look(s):
 * the same for one session; the first time it is only remembered. view_listed(s, resources, first): the server listed these; ${first}: a first page.
 * view_seen(s): has the writ seen what changes its lists?
 */
void gate_lists_changed(struct gate *g, const char *destination);
void view_look(struct session *s);
/* view_claimed(s, method): its server says that a list changed: pass it on? If not, it is told with what a look finds: view_looked(s). */
bool view_claimed(struct session *s, struct bytes method);
void view_looked(struct session *s);
void view_listed(struct session *s, const struct json *resources, bool first);
void view_seen(struct session *s);
void view_free(struct session *s);

/* What transports report. ${about}: the request whose stream it came on, or NULL. */
void link_received(struct link *l, struct bytes message, struct pending *about);
/* link_refused: this one request failed, the link lives. */
void link_refused(struct link *l, struct pending *p, struct err e);
void link_died(struct link *l, struct err e);
void link_stopped(struct link *l);
struct pending *link_find(struct link *l, int64_t id);

/* meta.c: params for the server's era: the client's, with _meta as that era wants it, and the arguments replaced when given. */
void params_translate(struct buf *b, const struct link *l, const struct down *d, struct bytes arguments);
/* params_own(b, l): params of the link's own requests ({} or with _meta). */
void params_own(struct buf *b, const struct link *l, struct bytes cursor);
void params_own_meta(struct buf *b, const struct link *l); /* the value of _meta alone, for a server of 2026-07-28 */

#endif
