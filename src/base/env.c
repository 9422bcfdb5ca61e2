#include "base/env.h"
#include "base/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t
real_now_ms(struct env *env)
{
    (void)env;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t
real_mono_ns(struct env *env)
{
    (void)env;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool
random_from_kernel(uint8_t *to, size_t n)
{
    while (n) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

/*
 * Small requests (ids, salts: two a call) share a trip to the kernel. What was given out is wiped at once. The page is empty in a child
 * after fork, lock included (all zeros is an unlocked mutex on Linux): the two must never draw the same bytes.
 */
struct pool {
    pthread_mutex_t lock;
    size_t left;
    uint8_t bytes[2048];
};

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static struct pool *pool;

static void
pool_make(void)
{
    void *page = mmap(NULL, sizeof(struct pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, sizeof(struct pool), MADV_WIPEONFORK) == 0)
        pool = page;
    else
        munmap(page, sizeof(struct pool));
}

static bool
real_random(struct env *env, void *at, size_t n)
{
    (void)env;
    pthread_once(&pool_once, pool_make);
    if (pool == NULL || n > sizeof pool->bytes / 8)
        return random_from_kernel(at, n);
    pthread_mutex_lock(&pool->lock);
    bool ok = pool->left >= n || random_from_kernel(pool->bytes, sizeof pool->bytes);
    if (ok) {
        pool->left = (pool->left >= n ? pool->left : sizeof pool->bytes) - n;
        memcpy(at, pool->bytes + pool->left, n);
        bytes_wipe(pool->bytes + pool->left, n);
    }
    pthread_mutex_unlock(&pool->lock);
    return ok;
}

static bool
real_write(struct env *env, int fd, struct bytes b)
{
    (void)env;
    while (b.n) {
        ssize_t put = write(fd, b.at, b.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        b.at += put;
        b.n -= (size_t)put;
    }
    return true;
}

static bool
real_sync(struct env *env, int fd)
{
    (void)env;
    return fdatasync(fd) == 0;
}

struct env *
env_real(void)
{
    static struct env real = {real_now_ms, real_mono_ns, real_random, real_write, real_sync};
    return &real;
}

struct err
env_id(struct env *env, const char *prefix, char out[ENV_ID_MAX])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t random[17] = {0};
    if (!env->random(env, random, 16))
        return err_make(E_SYSTEM, "the system's random generator failed");
    size_t n = bytes_text(bytes_str(prefix), out, 9);
    out[n++] = '_';
    for (unsigned i = 0; i < 26; i++) {
        unsigned bit = i * 5, word = (unsigned)random[bit / 8] << 8 | random[bit / 8 + 1];
        out[n++] = alphabet[(word >> (11 - bit % 8)) & 31];
    }
    out[n] = 0;
    return err_ok();
}

void
env_time_text(int64_t ms, char out[ENV_TIME_MAX])
{
    static _Thread_local char last[ENV_TIME_MAX]; /* up to the second: the one before is mostly the same */
    static _Thread_local int64_t last_s = INT64_MIN;
    int64_t s = ms / 1000 - (ms % 1000 < 0);
    unsigned part = (unsigned)(ms - s * 1000);
    if (s != last_s) {
        time_t whole = (time_t)s;
        struct tm t;
        gmtime_r(&whole, &t);
        last[strftime(last, sizeof last, "%Y-%m-%dT%H:%M:%S", &t)] = 0;
        last_s = s;
    }
    size_t n = strlen(last);
    memcpy(out, last, n);
    const char tail[] = {'.', (char)('0' + part / 100), (char)('0' + part / 10 % 10), (char)('0' + part % 10), 'Z', 0};
    memcpy(out + n, tail, sizeof tail);
}

static bool
digits(struct bytes b, size_t from, size_t n, int *out)
{
    *out = 0;
    for (size_t i = from; i < from + n; i++) {
        if (i >= b.n || b.at[i] < '0' || b.at[i] > '9')
            return false;
        *out = *out * 10 + (b.at[i] - '0');
    }
    return true;
}

bool
env_time_parse(struct bytes b, int64_t *ms)
{
    struct tm t = {0};
    int fraction = 0;
    bool ok = digits(b, 0, 4, &t.tm_year) && digits(b, 5, 2, &t.tm_mon) && digits(b, 8, 2, &t.tm_mday) && digits(b, 11, 2, &t.tm_hour) &&
              digits(b, 14, 2, &t.tm_min) && digits(b, 17, 2, &t.tm_sec) && b.n >= 20 && b.at[4] == '-' && b.at[7] == '-' && b.at[10] == 'T' &&
              b.at[13] == ':' && b.at[16] == ':' && b.at[b.n - 1] == 'Z';
    if (!ok || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 59)
        return false;
    if (b.n != 20 && !(b.n == 24 && b.at[19] == '.' && digits(b, 20, 3, &fraction)))
        return false;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    int day = t.tm_mday;
    time_t s = timegm(&t);
    if (t.tm_mday != day)
        return false; /* 30 February */
    *ms = (int64_t)s * 1000 + fraction;
    return true;
}

void
env_member_time(struct buf *b, const char *key, int64_t ms)
{
    char text[ENV_TIME_MAX];
    if (ms == 0)
        return;
    env_time_text(ms, text);
    json_member_str(b, key, text);
}
