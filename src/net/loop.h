/*
 * The event loop of one worker thread: a thin face over libuv with the environment of the process. Everything in src/net belongs to
 * the thread that runs its loop; only loop_post may be called from other threads.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <uv.h>

#include "base/env.h"
#include "base/err.h"

struct loop;

/* loop_make(env, out): also sets SIGPIPE to be ignored in the process, which libuv needs. */
struct err loop_make(struct env *env, struct loop **out) MUST_USE;
/* loop_run(l): until loop_stop. loop_stop: the loop leaves after the present round. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* loop_free(l): everything that was started on it must have been closed; runs the closing callbacks that are still due. */
void loop_free(struct loop *l);
struct env *loop_env(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);

/* loop_post(l, fn, ctx): run fn(ctx) on the loop's thread soon. Thread-safe. Order of one thread's posts is kept. E_MEMORY. */
struct err loop_post(struct loop *l, void (*fn)(void *ctx), void *ctx) MUST_USE;

/* One-shot timer. loop_after returns a timer to hand to loop_cancel, which is allowed only before it fired; NULL when out of memory. */
struct timer;
struct timer *loop_after(struct loop *l, uint64_t ms, void (*fn)(void *ctx), void *ctx);
void loop_cancel(struct timer *t);
/* loop_every(l, ms, fn, ctx): repeating until loop_cancel. */
struct timer *loop_every(struct loop *l, uint64_t ms, void (*fn)(void *ctx), void *ctx);

#endif
