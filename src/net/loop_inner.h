/* What the files of src/net share of the loop: work put off to the next turn, read buffers, the cached Date. */
#ifndef NET_LOOP_INNER_H
#define NET_LOOP_INNER_H

#include "net/list.h"
#include "net/loop.h"

#define LOOP_READ_BYTES 65536
#define LOOP_DATE_MAX 32

/*
 * Work for the next turn of the loop, before it waits for the kernel again. A part of the struct it is for; soon_cancel before that is
 * freed. Callbacks to users are made from here rather than from inside the function the user just called.
 */
struct soon {
    struct list link;
    struct loop *loop;
    void (*fn)(struct soon *s);
};

struct loop {
    uv_loop_t uv;
    struct env *env;
    uv_async_t wake;
    uv_idle_t idle;   /* active while ${soon} holds something, so that the loop does not sleep */
    uv_check_t check; /* runs ${soon} right behind the sockets' callbacks, which saves a round of asking the kernel */
    uv_mutex_t lock; /* guards first_post and last_post, the only part other threads touch */
    struct post *first_post, *last_post;
    struct list soon;
    /* Reads of all connections go through these two: a callback gets a slice that is good until it returns. */
    uint8_t *raw, *plain;
    int64_t date_second;
    char date[LOOP_DATE_MAX];
};

void soon_init(struct soon *s, struct loop *l, void (*fn)(struct soon *s));
/* soon_ask(s): run its function once in the next turn; asking twice is asking once. */
void soon_ask(struct soon *s);
void soon_cancel(struct soon *s);

/* loop_date(l): now as an IMF-fixdate (RFC 9110 §5.6.7), made once a second. */
const char *loop_date(struct loop *l);

#endif
