/* One request to the admin API under way (admin.c); counted, because an answer may come after its asker has left. */
#ifndef SERVE_ASK_H
#define SERVE_ASK_H

#include "serve/inner.h"

struct ask {
    struct admin_face *face;
    struct http_exchange *x; /* NULL once it has ended */
    unsigned refs;           /* of the face's thread only */
    char who[80];
    bool admin;              /* may ask for everything; else only for what is their own */
    char rest[256];          /* behind the route's path */
    struct buf answer;       /* filled by the other thread before it posts */
    struct err e;
    struct timer *slow;
    struct json *body;
    struct bytes query;
};

/* ask_answer_from_main(k): from the main loop's thread: the answer, or k->e, is there. One reference ends. */
void ask_answer_from_main(struct ask *k);

/* admin_accounts.c: people's accounts at destinations. */
struct err post_connect(struct ask *k) MUST_USE;
struct err post_disconnect(struct ask *k) MUST_USE;
struct err get_accounts(struct ask *k) MUST_USE;
/* admin_alerts.c */
struct err get_alerts(struct ask *k) MUST_USE;
struct err post_alerts_test(struct ask *k) MUST_USE;
/* admin_accounts.c */
struct err get_client_key(struct ask *k) MUST_USE;

/* admin_adopt.c: what `writ adopt` asks for. */
struct err post_backup_key(struct ask *k) MUST_USE;
struct err post_adopted(struct ask *k) MUST_USE;

#endif
