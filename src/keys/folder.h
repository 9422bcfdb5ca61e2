/*
 * The key folder: every file in it is a box (AES-256-GCM under the wrapping key, the file's name as associated data), replaced as a
 * whole: temporary file, sync, rename, sync of the folder. One signer at a time, by a lock that the kernel drops with the process.
 *
 * File: "WRITKEY1", 8 bytes that name the wrapping key, 12 bytes nonce, box. Only `salt` and `lock` are plain.
 */
#ifndef KEYS_FOLDER_H
#define KEYS_FOLDER_H

#include "base/env.h"
#include "keys/crypto.h"

#define FOLDER_NAME_MAX 100
#define FOLDER_FILE_MAX ((size_t)1 << 20)
#define FOLDER_SALT 32

struct folder {
    struct env *env;
    int fd, lock_fd; /* -1: none */
    uint8_t wrap[CRYPTO_KEY];
    uint8_t wrap_name[8];
};

/* folder_open(f, env, path): open ${path} (made, mode 0700, when it does not exist) and lock it. On failure nothing is held. */
struct err folder_open(struct folder *f, struct env *env, const char *path) MUST_USE;
void folder_close(struct folder *f);
/* folder_unlock(f, master): derive the wrapping key from the master key. Whether it is the right one shows when a file is read. */
struct err folder_unlock(struct folder *f, struct bytes master) MUST_USE;

/* folder_has(f, name): E_KEYS only when that cannot be known. */
struct err folder_has(struct folder *f, const char *name, bool *has) MUST_USE;
/* folder_read(f, name, out): E_NOT_FOUND when there is none; E_KEYS when the wrapping key is another or the file is damaged. */
struct err folder_read(struct folder *f, const char *name, struct secret *out) MUST_USE;
/* folder_write(f, name, plain): on disk when it returns; or failed, and the old file is as it was or already the new one. */
struct err folder_write(struct folder *f, const char *name, struct bytes plain) MUST_USE;
struct err folder_remove(struct folder *f, const char *name) MUST_USE;
/* folder_visit(f, fn, ctx): every name in the folder, until an error of ${fn}. */
struct err folder_visit(struct folder *f, struct err (*fn)(const char *name, void *ctx), void *ctx) MUST_USE;

/* folder_salt(f, make, salt): the stored salt of the passphrase; with ${make} a new one when there is none. */
struct err folder_salt(struct folder *f, bool make, uint8_t salt[FOLDER_SALT]) MUST_USE;

#endif
