/*
 * Every outside effect that decides anything goes through a struct env, so that tests run on fake time, fixed randomness and
 * failing disks. The real one is env_real(). Callers keep the pointer; an env outlives all that use it. Thread-safe.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/bytes.h"
#include "base/err.h"

struct env {
    /* Milliseconds since 1970-01-01T00:00:00Z. */
    int64_t (*now_ms)(struct env *env);
    /* Nanoseconds of a clock that never goes back; for durations only. */
    uint64_t (*mono_ns)(struct env *env);
    /* Fill ${at} with ${n} bytes from the operating system's generator, or fail. */
    bool (*random)(struct env *env, void *at, size_t n);
    /* write(2) the whole of ${b} to ${fd}, and fdatasync(2); false with errno set. Tests make them fail. */
    bool (*write)(struct env *env, int fd, struct bytes b);
    bool (*sync)(struct env *env, int fd);
};

struct env *env_real(void);

/* env_id(env, prefix, out): "<prefix>_" and 26 characters of lower-case base32 (128 random bits, RFC 4648 alphabet) to ${out}. */
#define ENV_ID_MAX 40
struct err env_id(struct env *env, const char *prefix, char out[ENV_ID_MAX]) MUST_USE;

/* env_time_text(ms, out): RFC 3339 in UTC with milliseconds, "2026-11-23T20:48:20.123Z". env_time_parse: that form, fraction optional. */
#define ENV_TIME_MAX 32
void env_time_text(int64_t ms, char out[ENV_TIME_MAX]);
/* env_member_time(b, key, ms): that text as the next member of a JSON object; 0 is no time, and no member. */
void env_member_time(struct buf *b, const char *key, int64_t ms);
bool env_time_parse(struct bytes text, int64_t *ms);

#endif
