/*
 * What the files of this library share. docs/protocol/log.md describes the bytes on disk; nothing here needs more than libc and
 * libcrypto, so that the log can be taken out and used alone.
 */
#ifndef TLOG_PARTS_H
#define TLOG_PARTS_H

#include <openssl/evp.h>
#include <string.h>
#include <sys/types.h>
#include <writ/tlog.h>

#define TLOG_FRAME 10       /* u16 length, then the first 8 bytes of the leaf's hash, which tell a torn record from a whole one */
#define TLOG_CHECK 8
#define TLOG_ORIGIN_MAX 200
#define TLOG_NOTE_MAX 1024  /* a note of ours: two names, size, root, signature */
#define TLOG_NOTE_LINES 5

/* Errors. */
static inline struct tlog_error
tlog_ok(void)
{
    struct tlog_error e;
    e.code = TLOG_OK;
    e.text[0] = 0;
    return e;
}
struct tlog_error tlog_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* tlog_fail_io(number, what, name): TLOG_IO, or TLOG_FULL when ${number} says that there is no room. */
struct tlog_error tlog_fail_io(int number, const char *what, const char *name);

#define TLOG_TRY(expr)                                                                                                                               \
    do {                                                                                                                                             \
        struct tlog_error try_error_ = (expr);                                                                                                       \
        if (try_error_.code != TLOG_OK)                                                                                                              \
            return try_error_;                                                                                                                       \
    } while (0)

/* Hashing with a context that is used again (a new one costs as much as a short hash). NULL and false: out of memory. */
EVP_MD_CTX *tlog_hasher(void);
bool tlog_hash_leaf(EVP_MD_CTX *c, const void *leaf, size_t n, uint8_t out[TLOG_HASH]);
bool tlog_hash_node(EVP_MD_CTX *c, const uint8_t left[TLOG_HASH], const uint8_t right[TLOG_HASH], uint8_t out[TLOG_HASH]);

/* The right edge of a tree: at[k] is the whole subtree of 2^k leaves that stands for bit k of ${size}. */
struct tlog_edge {
    uint64_t size;
    uint8_t at[64][TLOG_HASH];
};
/* tlog_edge_push: one more leaf. ${made}: the leaf's hash and the nodes it completes, in storage order; ${n} of them, at most 64. */
bool tlog_edge_push(struct tlog_edge *e, EVP_MD_CTX *c, const uint8_t leaf[TLOG_HASH], uint8_t made[64][TLOG_HASH], size_t *n);
bool tlog_edge_root(const struct tlog_edge *e, EVP_MD_CTX *c, uint8_t out[TLOG_HASH]);

/*
 * `hashes`: every leaf hash and every node of a whole subtree, in the order in which they come to be (the order of Go's
 * golang.org/x/mod/sumdb/tlog). tlog_stored_count(n): how many there are for n leaves. tlog_stored_index: where node ${n} of ${level} is.
 */
uint64_t tlog_stored_count(uint64_t n);
uint64_t tlog_stored_index(unsigned level, uint64_t n);
/* tlog_stored_leaves(entries): the most leaves whose hashes all fit in so many entries. */
uint64_t tlog_stored_leaves(uint64_t entries);
/* tlog_stored_read: false when it is not there; a hash of zeros (a hole left by a power loss) counts as not there. */
bool tlog_stored_read(int fd, unsigned level, uint64_t n, uint8_t out[TLOG_HASH]);
/* tlog_edge_load(e, fd, size): the right edge of the first ${size} leaves from `hashes`. */
bool tlog_edge_load(struct tlog_edge *e, int fd, uint64_t size);

/* tlog_offset_read(fd, n, at): where in the journal record ${n} starts, from `offsets`, which nothing may trust unchecked. */
bool tlog_offset_read(int fd, uint64_t n, uint64_t *at);

/* Reading the journal in order. */
enum tlog_found { TLOG_RECORD, TLOG_END, TLOG_SHORT /* the file ends inside a record */, TLOG_BAD /* the check does not fit */, TLOG_ERROR };
struct tlog_reader {
    int fd;
    EVP_MD_CTX *hash;
    uint8_t *buf;
    size_t have, used;
    uint64_t at; /* offset in the file of what comes next */
    int number;  /* errno of TLOG_ERROR */
    /* the record found */
    const uint8_t *leaf;
    size_t n;
    uint8_t leaf_hash[TLOG_HASH];
};
bool tlog_reader_start(struct tlog_reader *r, int fd, uint64_t at);
void tlog_reader_end(struct tlog_reader *r);
enum tlog_found tlog_reader_next(struct tlog_reader *r);

/* Files. */
int tlog_file(int dir, const char *name, int flags);
int64_t tlog_file_size(int fd);
/* tlog_pread: as many of ${n} bytes as there are, or -1. */
ssize_t tlog_pread(int fd, void *at, size_t n, uint64_t from);

/* A signed tree head. */
struct tlog_head {
    uint64_t size;
    uint8_t root[TLOG_HASH];
};
/*
 * tlog_heads_last(fd, origin, key, head, end): the newest note in `heads`, from the file's end; *${end} is where the last whole note
 * ends, 0 when there is none. What stands behind it is a note whose writing was cut short.
 */
struct tlog_error tlog_heads_last(int fd, const char *origin, const uint8_t key[32], struct tlog_head *head, uint64_t *end);
/* tlog_head_file(dir, origin, key, head, there): the note in `checkpoint`. */
struct tlog_error tlog_head_file(int dir, const char *origin, const uint8_t key[32], struct tlog_head *head, bool *there);
/* tlog_note_length(text, n): bytes of the five-line note that ${text} starts with, 0 when it is not whole. */
size_t tlog_note_length(const char *text, size_t n);
struct tlog_error tlog_origin_check(const char *origin);

/* Bytes on their way to a file. */
struct tlog_pile {
    uint8_t *at;
    size_t n, cap;
};
bool tlog_pile_put(struct tlog_pile *p, const void *at, size_t n);

struct tlog {
    char origin[TLOG_ORIGIN_MAX + 1];
    uint8_t key[32];
    struct tlog_io io;
    int dir, journal, hashes, offsets, heads;
    EVP_MD_CTX *hash;
    struct tlog_edge edge; /* of everything appended, written or not */
    uint64_t end;          /* bytes of the journal, written or not */
    struct tlog_pile frames;
    struct tlog_pile nodes, ends; /* for `hashes` and `offsets`: written only after their records are synced, so that they are
                                     evidence that the records once were on disk */
    bool unsynced, broken;
    bool have_head, confirmed, head_file_old;
    struct tlog_head head; /* newest signed */
    uint64_t recovered;
};

/* tlog_recover(t): bring memory and files into step after opening (see tlog_open). */
struct tlog_error tlog_recover(struct tlog *t);
/* tlog_note_leaf(t, leaf_hash, end): take a record into the tree in memory. tlog_write_nodes: put what it made into the two files. */
struct tlog_error tlog_take_leaf(struct tlog *t, const uint8_t leaf_hash[TLOG_HASH], uint64_t end);
struct tlog_error tlog_write_nodes(struct tlog *t);

static inline void
tlog_put_u64(uint8_t out[8], uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static inline uint64_t
tlog_get_u64(const uint8_t at[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

#endif
