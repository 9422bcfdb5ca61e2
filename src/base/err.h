/*
 * The one error type. Returned by value, must be used; carries a stable code, a message for a person and the place it was made.
 * The table below is the only list of codes: names, HTTP statuses (RFC 9457 problem documents), exit codes and docs come from it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/*       code              stable name            http exit  meaning */
#define ERR_TABLE(E)                                                                                                                                 \
    E(E_OK, "ok", 200, 0, "nothing went wrong")                                                                                                      \
    E(E_USAGE, "usage", 400, 2, "the command or request was used wrongly")                                                                           \
    E(E_MEMORY, "memory", 503, 3, "out of memory")                                                                                                   \
    E(E_LIMIT, "limit", 413, 3, "a stated bound was reached")                                                                                        \
    E(E_BUSY, "busy", 429, 3, "too much at once; try again later")                                                                                   \
    E(E_TIMEOUT, "timeout", 504, 3, "it took longer than allowed")                                                                                   \
    E(E_IO, "io", 500, 3, "reading or writing failed")                                                                                               \
    E(E_NOT_FOUND, "not_found", 404, 1, "there is no such thing")                                                                                    \
    E(E_EXISTS, "exists", 409, 1, "there is one already")                                                                                            \
    E(E_STATE, "state", 409, 1, "not possible in its present state")                                                                                 \
    E(E_JSON, "json", 400, 2, "not acceptable JSON")                                                                                                 \
    E(E_YAML, "yaml", 400, 2, "not acceptable YAML")                                                                                                 \
    E(E_TOML, "toml", 400, 2, "not acceptable TOML")                                                                                                 \
    E(E_HTTP, "http", 400, 3, "not acceptable HTTP")                                                                                                 \
    E(E_TLS, "tls", 502, 3, "a TLS connection could not be made or was broken")                                                                      \
    E(E_CONNECT, "connect", 502, 3, "the peer could not be reached")                                                                                 \
    E(E_CLOSED, "closed", 502, 3, "the peer closed the connection")                                                                                  \
    E(E_ESTATE, "estate", 422, 1, "the estate is not valid")                                                                                         \
    E(E_POLICY, "policy", 422, 1, "a policy is not valid")                                                                                           \
    E(E_PROOF, "proof", 401, 1, "the caller did not prove what it is")                                                                               \
    E(E_FORBIDDEN, "forbidden", 403, 1, "the caller may not do this")                                                                                \
    E(E_DENIED, "denied", 403, 1, "the call was refused by a decision")                                                                              \
    E(E_WRIT_ENDED, "writ_ended", 403, 1, "the writ is not active")                                                                                  \
    E(E_ARGUMENTS, "arguments", 422, 1, "the arguments do not fit the tool's pinned schema")                                                         \
    E(E_CONSENT, "consent", 403, 1, "a person must connect their account first")                                                                     \
    E(E_PIN, "pin", 403, 1, "the tool is not as it was pinned")                                                                                      \
    E(E_UPSTREAM, "upstream", 502, 3, "the destination failed")                                                                                      \
    E(E_PROTOCOL, "protocol", 400, 3, "not acceptable in this protocol")                                                                             \
    E(E_STORE, "store", 503, 3, "the store failed; nothing was changed")                                                                             \
    E(E_LOG, "log", 503, 3, "the log failed; nothing may take effect")                                                                               \
    E(E_TAMPERED, "tampered", 500, 1, "what is stored is not what was recorded")                                                                     \
    E(E_KEYS, "keys", 503, 3, "the signer refused or failed")                                                                                        \
    E(E_CRYPTO, "crypto", 500, 3, "a cryptographic operation failed")                                                                                \
    E(E_SYSTEM, "system", 500, 3, "the operating system refused")

enum err_code {
#define E(code, name, http, exit, meaning) code,
    ERR_TABLE(E)
#undef E
};

#define ERR_TEXT_MAX 320

struct err {
    enum err_code code;
    int line; /* where it was made, for developers */
    const char *file;
    char text[ERR_TEXT_MAX]; /* for a person: what, where and what to do; never holds a secret */
};

#define MUST_USE __attribute__((warn_unused_result))

/* UNINITIALIZED: for a large local that is written before it is read; the build fills every other one with zeros. */
#if defined __has_attribute
#if __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef UNINITIALIZED
#define UNINITIALIZED
#endif

static inline struct err
err_ok(void)
{
    UNINITIALIZED struct err e; /* of ${text} only the end is written: success is the common case and costs nothing */
    e.code = E_OK;
    e.line = 0;
    e.file = "";
    e.text[0] = 0;
    return e;
}

static inline bool
err_failed(struct err e)
{
    return e.code != E_OK;
}

/* err_make(code, fmt, …): a new error with its place. Long texts are cut at a character, ending in "…". */
#define err_make(code, ...) err_build((code), __FILE__, __LINE__, __VA_ARGS__)
struct err err_build(enum err_code code, const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* err_wrap(e, fmt, …): the same error with "<fmt …>: " before its text. */
struct err err_wrap(struct err e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* err_system(fmt, …): E_SYSTEM with the text of errno behind it; call before anything else can change errno. */
struct err err_system(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* TRY(expr): the one guard: leave the function with the error of ${expr} if it failed. Never where something must be undone. */
#define TRY(expr)                                                                                                                                    \
    do {                                                                                                                                             \
        struct err try_err_ = (expr);                                                                                                                \
        if (err_failed(try_err_))                                                                                                                    \
            return try_err_;                                                                                                                         \
    } while (0)

const char *err_name(enum err_code code);
int err_http_status(enum err_code code);
int err_exit_code(enum err_code code);
const char *err_meaning(enum err_code code);

#endif
