/*
 * Several destinations behind one address (docs/federation.md). A hub is the session that a client sees; behind it stands one ordinary
 * session for each destination that the writ's template grants, its members. The hub translates names and merges lists. It decides nothing:
 * grants, policies, pins, records and revocation are where they always are, in the member's session.
 *
 *   hub.c         the hub, its members, what belongs to no request
 *   hub_part.c    a request's part at a member: made, answered, late, dropped
 *   hub_route.c   which member a request is for, and what goes on to it
 *   hub_list.c    lists and what servers say of themselves, asked of all and merged
 *   hub_listen.c  subscriptions of 2026-07-28, split by owner
 *   hub_uri.c     whose a URI is
 *   hub_name.c, hub_seal.c, hub_text.c   names, sealed states, and where they stand in messages
 *
 * Everything belongs to the loop's thread.
 */
#ifndef GATE_MCP_HUB_H
#define GATE_MCP_HUB_H

#include "gate/mcp/mcp.h"

#define HUB_PREFIX_MAX 24
#define HUB_NAME_MAX 53         /* of a tool: with "mcp__writ__", which clients put before it, 64 */
#define HUB_MEMBERS_MAX 32
#define HUB_START_MS 4000       /* a list waits so long for a member that has not started yet */
#define HUB_LIST_MS 1000        /* … for one that has */
#define HUB_PAGES_MAX 64        /* of one member's list */
#define HUB_ITEMS_MAX 2000      /* of one member's list */
#define HUB_TEMPLATES_MAX 64    /* of one member that say whose a URI is */
#define HUB_LIST_BYTES ((size_t)8 << 20)  /* of one member's list */
#define HUB_PAGE_ITEMS 1000     /* of a merged page */
#define HUB_PAGE_BYTES ((size_t)4 << 20)

/* ------------------------------------------------------------------------------------------------------------- names */

/* hub_prefix(destination, out): what its names begin with, before "__": letters, digits, "_" and "-". */
void hub_prefix(const char *destination, char out[HUB_PREFIX_MAX + 1]);
/* hub_split(name, prefix, rest): at the first "__"; false when there is none. */
bool hub_split(struct bytes name, struct bytes *prefix, struct bytes *rest);
/* A tool's name for the client: PREFIX__TOOL, at most HUB_NAME_MAX of [A-Za-z0-9_-]; what does not fit is shortened with a digest. */
void hub_put_tool(struct buf *b, const char *prefix, struct bytes tool);
/* hub_tool_of(d, prefix, rest): back again, by the pinned tools of ${d} (may be NULL); at == NULL: no tool goes by that name. */
struct bytes hub_tool_of(const struct destination *d, const char *prefix, struct bytes rest);
/* Names of prompts and ids of tasks: PREFIX__NAME, whatever it is. URIs: writ:PREFIX:URI. Both read back by themselves. */
void hub_put_name(struct buf *b, const char *prefix, struct bytes name);
void hub_put_uri(struct buf *b, const char *prefix, struct bytes uri);
bool hub_split_uri(struct bytes uri, struct bytes *prefix, struct bytes *rest);
bool hub_template_matches(struct bytes template, struct bytes uri);

/* ------------------------------------------------------------------------------------------------------------- seals */

struct hub_bound { /* to what a sealed state is bound */
    const char *writ, *destination;
    struct bytes method, name;
};
struct err hub_seal(struct env *env, struct hub_key *key, const struct hub_bound *to, struct bytes state, struct buf *out) MUST_USE;
/* hub_unseal: false when it was made by nobody here, for something else, or more than an hour ago. */
bool hub_unseal(struct env *env, const struct hub_key *key, const struct hub_bound *to, struct bytes sealed, struct buf *out);

/* ------------------------------------------------------------------------------------------------------------- texts */

enum hub_act { HUB_URI, HUB_TASK, HUB_STATE, HUB_SAYS, HUB_ASKS, HUB_LOGGER, HUB_NAME, HUB_ERROR };
/* hub_act_fn(b, value, act, ctx): write what stands there instead of the string ${value}. */
typedef void hub_act_fn(struct buf *b, const struct json *value, enum hub_act act, void *ctx);
/* hub_text_up, hub_text_down: ${root}, a message or a part of one, with every name in it replaced: towards the client, towards a server. */
void hub_text_up(struct buf *b, const struct json *root, hub_act_fn *fn, void *ctx);
void hub_text_down(struct buf *b, const struct json *root, hub_act_fn *fn, void *ctx);
/* hub_text_plain(message): surely nothing in it needs replacing. */
bool hub_text_plain(struct bytes message);

/* ----------------------------------------------------------------------------------------------------------- members */

enum hub_list { HUB_TOOLS, HUB_PROMPTS, HUB_RESOURCES, HUB_TEMPLATES, HUB_LISTS };
extern const struct hub_list_kind {
    const char *method, *member, *changed, *filter;
} hub_lists[HUB_LISTS];

struct member {
    struct hub *hub;
    struct session *session;
    char prefix[HUB_PREFIX_MAX + 1];
    bool grants[HUB_LISTS];
    bool started;              /* has answered before */
    bool late, down;           /* did not answer in time; failed: nobody waits for it until it has answered again */
    unsigned under_way;        /* parts that nobody waits for any more */
    char why[200];             /* why it is late or down */
    struct buf capabilities, instructions; /* as it said at its start, JSON */
    struct hub_uris {          /* what it listed last, of resources and of templates */
        struct arena arena;
        struct bytes *slots;   /* by hash, open addressing */
        size_t n;              /* slots, a power of two; or templates */
        bool known;
    } uris, templates;
};

/* A request's part at one member. */
struct part {
    struct part *next;
    struct member *member;
    struct work *work; /* NULL: nobody waits any more */
    struct down *down; /* NULL before and after */
    enum hub_list kind;
    bool open, own;    /* own: the hub's question, not the client's */
    uint64_t until_ms; /* of env's monotonic clock: then it is late; 0: no deadline */
    unsigned pages, items;
    struct buf list;   /* what it has answered so far */
    bool answered;     /* the list is whole */
    char missing[200]; /* why it has no answer */
};

/* What is done for one request of the client. */
struct work {
    struct work *next;
    struct hub *hub;
    struct down *d;    /* the client's request; NULL: for the hub itself */
    struct part *parts; /* in order of the members */
    bool filling;       /* parts are still being made */
    bool over;
    unsigned busy;      /* calls on the stack that still look at it */
    struct timer *deadline;
    /* answer: the response of a part, or NULL when it was dropped. settled: no part is waited for any more. */
    void (*answer)(struct part *p, struct bytes message);
    void (*settled)(struct work *w);
    enum hub_list kind;
    struct buf name;              /* hub_route: what the member knows it by, for seals */
    void (*then)(struct down *d); /* hub_uris: go on with this */
    struct listening *listening;
    void (*forget)(struct work *w);
};

struct hub {
    struct session *session;
    struct member *members;
    size_t n;
    struct work *works;
    struct hub_back {
        struct hub_back *next;
        struct member *member;
        int64_t id, members_id;
    } *backs;
    size_t n_backs;
    int64_t next_back, next_own;
    bool changed[HUB_LISTS];
    struct timer *tell, *retry;
    uint64_t retry_after_ms, retry_at_ms; /* how long from one try to the next; when the next is */
    struct buf level; /* the client's last logging/setLevel, its params */
    struct buf meta;  /* 2026-07-28: _meta of the client's first request, for questions of the hub's own */
};

struct member *hub_member(struct hub *h, struct bytes prefix);
/* hub_mark(h, kind): that list has changed; the client hears of it soon, once. hub_mark_all: a member came back. */
void hub_mark(struct hub *h, enum hub_list kind);
/* hub_view_changed(s, kind): that list of the member's session is another now. */
void hub_view_changed(struct session *s, enum hub_list kind);
/* hub_failed(m, why), hub_back(m): it does not answer; it does. */
void hub_failed(struct member *m, const char *why, bool late);
void hub_works(struct member *m);
/* hub_answered_error(m, answer): an error of the server itself is an answer; one that Writ made in its place says that it is down. */
void hub_answered_error(struct member *m, const struct rpc *answer);

/* hub_part.c */
struct work *hub_work(struct hub *h, struct down *d);
struct part *hub_part(struct work *w, struct member *m);
/* hub_ask(p, id, text): send ${text}, a JSON-RPC request, to the member. */
void hub_ask(struct part *p, struct bytes text);
void hub_part_drop(struct part *p);
void hub_filled(struct work *w);
/* hub_hold, hub_release: while what is called might end the work. */
void hub_hold(struct work *w);
void hub_release(struct work *w);
/* hub_settle(w): has anyone to be waited for still? */
void hub_settle(struct work *w);
/* hub_work_end(w): ${w} is over; parts that are open go on with nobody waiting, or are dropped. */
void hub_work_end(struct work *w, bool drop);
void hub_from_member(struct member *m, struct part *p, const struct rpc *message);
uint64_t hub_now_ms(const struct hub *h);

/* hub_route.c */
void hub_route(struct down *d);
void hub_up(struct buf *b, struct part *p, struct member *m, const struct json *root);
/* hub_refuse(d, reason, name): no member is asked; recorded. */
void hub_refuse(struct down *d, struct bytes name, const char *reason);

/* hub_uri.c: hub_owner(h, uri, rest): who serves it, and what it is called there; NULL: nobody, or more than one. */
struct member *hub_owner(struct hub *h, struct bytes uri, struct bytes *rest);
/* hub_uris(d, then): have the lists of resources, as far as members answer; then go on. */
void hub_uris(struct down *d, void (*then)(struct down *d));
bool hub_uris_known(const struct hub *h);
/* hub_uris_keep(m, kind, items): what it listed, all of it; an array. hub_uris_forget: it has changed. */
void hub_uris_keep(struct member *m, enum hub_list kind, const struct json *items);
void hub_uris_forget(struct member *m);

/* hub_list.c */
void hub_list(struct down *d);
void hub_start(struct down *d);
void hub_level(struct down *d);
void hub_level_again(struct member *m);
/* hub_put_meta(b, meta): _meta of a request, without what is for one server alone. */
void hub_put_meta(struct buf *b, const struct json *meta);
/* hub_own_ask(w, m, method, params): the hub's own question, under an id of its own. */
void hub_own_ask(struct work *w, struct member *m, const char *method, struct bytes params);
/* hub_list_ask(w, m, kind): the member's whole list, page by page, into its part. hub_list_answer: what to do with an answer. */
void hub_list_ask(struct work *w, struct member *m, enum hub_list kind);
void hub_list_answer(struct part *p, struct bytes message);
/* hub_retry(h): ask those that are down once more, later. hub_wait_ms(m): until it is asked again, by the hub or by whoever calls it. */
void hub_retry(struct hub *h);
uint64_t hub_wait_ms(const struct member *m);

/* hub_listen.c */
void hub_listen(struct down *d);
void hub_listen_note(struct part *p, const struct rpc *m);
void hub_listen_changed(struct hub *h, enum hub_list kind);
void hub_listen_again(struct member *m);

#endif
