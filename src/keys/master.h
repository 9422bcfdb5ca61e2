/* The master key: the one secret that comes from outside; everything at rest hangs on it. */
#ifndef KEYS_MASTER_H
#define KEYS_MASTER_H

#include "keys/folder.h"
#include "keys/keys.h"

#define MASTER_MIN 32   /* bytes of a key file */
#define MASTER_MAX 4096
#define PASSPHRASE_MIN 8
#define PASSPHRASE_MAX 1024

/*
 * master_load(f, source, name, passphrase, fresh, out): ${name} is a path (KEYS_MASTER_FILE, KEYS_MASTER_CREDENTIAL). ${fresh}: the
 * folder holds no keys yet, so a salt may be made. ${out} is the caller's to free.
 */
struct err master_load(struct folder *f, int source, const char *name, struct bytes passphrase, bool fresh, struct secret *out) MUST_USE;

#endif
