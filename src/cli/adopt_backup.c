/*
 * Backups of what adopt changed: the file as it was, sealed with a key of the server's (AES-256-GCM), and beside it in clear what may be known: whose it is,
 * where it stood, what it became. Below state_dir, which is the server's alone.
 */
#include "cli/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/crypto.h"

#define BACKUPS_MAX 10000u

static const char *
place(struct adoption *a, const char *id, const char *end)
{
    return arena_printf(&a->c->arena, "%s/adopt/%s%s", a->state_dir, id, end);
}

static void
put_digest(struct buf *b, const char *key, const uint8_t digest[32])
{
    struct buf hex = buf_make(80);
    buf_hex(&hex, bytes_make(digest, 32));
    json_member_str(b, key, buf_text(&hex));
    buf_free(&hex);
}

static void
put_entries(struct buf *b, const struct adoption *a, const struct adopt_file *f)
{
    json_key(b, "entries");
    json_open(b, '[');
    for (size_t i = 0; i < f->entries.n; i++) {
        const struct entry *e = &f->entries.list[i];
        const struct adopt_destination *d = adopt_destination(a, e->destination);
        if (e->state != ENTRY_GOOD || d == NULL || !d->pinned)
            continue;
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "name", e->name);
        json_member_str(b, "destination", d->id);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void
put_facts(struct buf *b, const struct adoption *a, const struct adopt_file *f)
{
    uint8_t after[32];
    char at[ENV_TIME_MAX];
    crypto_sha256(f->changed, after);
    env_time_text(a->c->env->now_ms(a->c->env), at);
    json_open(b, '{');
    json_member_str(b, "id", f->backup);
    json_member_str(b, "at", at);
    json_member_int(b, "uid", (int64_t)a->person.uid);
    json_member_str(b, "person", a->person_id);
    json_member_str(b, "path", f->taken.path);
    json_member_int(b, "mode", (int64_t)f->taken.mode);
    put_digest(b, "before", f->taken.digest);
    put_digest(b, "after", after);
    json_member_str(b, "client", f->agent->client->id);
    json_member_str(b, "agent", f->agent->id);
    put_entries(b, a, f);
    json_close(b, '}');
    buf_putc(b, '\n');
}

/* nonce, box */
static struct err
seal(struct adoption *a, const struct adopt_file *f, const uint8_t key[32], struct buf *out)
{
    size_t room = CRYPTO_NONCE + f->taken.text.n + CRYPTO_TAG;
    uint8_t *to = buf_room(out, room);
    if (to == NULL || !a->c->env->random(a->c->env, to, CRYPTO_NONCE))
        return err_make(E_MEMORY, "no memory for the backup");
    TRY(crypto_box(key, to, bytes_str(f->backup), f->taken.text, to + CRYPTO_NONCE));
    out->n += room;
    return err_ok();
}

static struct err
make_folder(struct adoption *a)
{
    const char *dir = arena_printf(&a->c->arena, "%s/adopt", a->state_dir);
    if (dir == NULL)
        return err_make(E_MEMORY, "out of memory");
    return mkdir(dir, 0700) == 0 || errno == EEXIST ? err_ok() : err_system("%s cannot be made", dir);
}

/* Its name begins with the time, so that the newest of a file comes last. */
static struct err
name_backup(struct adoption *a, struct adopt_file *f)
{
    char id[ENV_ID_MAX];
    TRY(env_id(a->c->env, "b", id));
    snprintf(f->backup, sizeof f->backup, "%013lld-%.16s", (long long)a->c->env->now_ms(a->c->env), id + 2);
    return err_ok();
}

struct err
adopt_backup(struct adoption *a, struct adopt_file *f, const uint8_t key[32])
{
    struct buf box = buf_make(CONFIG_MAX_BYTES + 1024), facts = buf_make((size_t)1 << 20);
    TRY(make_folder(a));
    TRY(name_backup(a, f));
    struct err e = seal(a, f, key, &box);
    put_facts(&facts, a, f);
    if (!err_failed(e) && facts.failed)
        e = err_make(E_LIMIT, "too much for one backup");
    if (!err_failed(e))
        e = file_write(place(a, f->backup, ".sealed"), buf_bytes(&box), 0600, false);
    if (!err_failed(e))
        e = file_write(place(a, f->backup, ".json"), buf_bytes(&facts), 0600, false);
    buf_free(&box);
    buf_free(&facts);
    return e;
}

void
adopt_backup_drop(struct adoption *a, struct adopt_file *f)
{
    unlink(place(a, f->backup, ".json"));
    unlink(place(a, f->backup, ".sealed"));
    f->backup[0] = 0;
}

/* ------------------------------------------------------------------------------------------------------------------- undo */

struct backup {
    const char *id, *path;
    const struct json *facts;
    struct bytes text; /* the file as it was */
    bool done;
    char said[ERR_TEXT_MAX];
};

struct undoing {
    struct adoption *a;
    struct backup *list;
    size_t n;
    uint8_t key[32];
};

static int
newest_first(const void *x, const void *y)
{
    return strcmp(((const struct backup *)y)->id, ((const struct backup *)x)->id);
}

static struct err
read_facts(struct undoing *u, const char *name)
{
    struct bytes text;
    struct json *facts;
    struct adoption *a = u->a;
    const char *id = arena_str(&a->c->arena, bytes_sub(bytes_str(name), 0, strlen(name) - 5));
    if (id == NULL || u->n == BACKUPS_MAX)
        return err_make(E_LIMIT, "more than %u backups in %s/adopt", BACKUPS_MAX, a->state_dir);
    TRY(where_file(a->c, place(a, id, ".json"), (size_t)1 << 20, &text));
    if (err_failed(json_parse(&a->c->arena, text, NULL, &facts)) || json_text(facts, "path").n == 0)
        return err_make(E_TAMPERED, "%s/adopt/%s is damaged", a->state_dir, name);
    if (json_whole(facts, "uid") != (int64_t)a->person.uid || json_truth(facts, "undone"))
        return err_ok();
    u->list[u->n++] = (struct backup){.id = id, .facts = facts, .path = arena_str(&a->c->arena, json_text(facts, "path"))};
    return err_ok();
}

static bool
wanted(const struct adoption *a, const struct backup *b)
{
    for (size_t i = 0; i < a->c->n_words; i++) {
        char *real = realpath(a->c->words[i], NULL);
        bool same = strcmp(a->c->words[i], b->path) == 0 || (real && strcmp(real, b->path) == 0);
        free(real);
        if (same)
            return true;
    }
    return a->c->n_words == 0;
}

static struct err
find_backups(struct undoing *u)
{
    struct adoption *a = u->a;
    const char *dir = arena_printf(&a->c->arena, "%s/adopt", a->state_dir);
    u->list = arena_list(&a->c->arena, BACKUPS_MAX, sizeof *u->list);
    if (dir == NULL || u->list == NULL)
        return err_make(E_MEMORY, "out of memory");
    DIR *d = opendir(dir);
    if (d == NULL)
        return errno == ENOENT ? err_ok() : err_system("%s", dir);
    struct err e = err_ok();
    for (struct dirent *n = readdir(d); n && !err_failed(e); n = readdir(d))
        if (bytes_ends(bytes_str(n->d_name), BYTES(".json")))
            e = read_facts(u, n->d_name);
    closedir(d);
    TRY(e);
    qsort(u->list, u->n, sizeof *u->list, newest_first);
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++)
        if (wanted(a, &u->list[i]))
            u->list[kept++] = u->list[i];
    u->n = kept;
    return err_ok();
}

static struct err
open_backup(struct undoing *u, struct backup *b)
{
    struct bytes box;
    struct adoption *a = u->a;
    TRY(where_file(a->c, place(a, b->id, ".sealed"), CONFIG_MAX_BYTES + 65536, &box));
    uint8_t *to = arena_get(&a->c->arena, box.n + 1);
    if (to == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (box.n < CRYPTO_NONCE + CRYPTO_TAG || !crypto_unbox(u->key, box.at, bytes_str(b->id), bytes_sub(box, CRYPTO_NONCE, SIZE_MAX), to))
        return err_make(E_TAMPERED, "the backup %s/adopt/%s.sealed is damaged", a->state_dir, b->id);
    b->text = bytes_make(to, box.n - CRYPTO_NONCE - CRYPTO_TAG);
    return err_ok();
}

static bool
is_as(const struct backup *b, const char *key, const uint8_t digest[32])
{
    uint8_t then[32];
    size_t n = 0;
    struct bytes hex = json_text(b->facts, key);
    return hex.n == 64 && bytes_unhex(hex, then, &n) && n == 32 && memcmp(then, digest, 32) == 0;
}

/* The entries that go through Writ get back what stood in their place; all else in the file stays as it is now. */
static const struct config *
twin(const struct config *was, const struct config *now, const struct config *wanted_now)
{
    if (now == wanted_now)
        return was;
    for (const struct config *n = now->type == CONFIG_MAP ? now->child : NULL; n; n = n->next)
        for (const struct config *w = was->type == CONFIG_MAP ? was->child : NULL; w; w = w->next)
            if (bytes_eq(w->key, n->key)) {
                const struct config *found = twin(w, n, wanted_now);
                if (found)
                    return found;
                break;
            }
    return NULL;
}

static struct err
parse(struct arena *m, const char *path, struct bytes text, struct config **out)
{
    int line;
    bool toml = bytes_ends(bytes_str(path), BYTES(".toml"));
    return toml ? config_toml(m, text, out, &line) : config_json(m, text, out, &line);
}

static bool
through_writ(const struct config *d)
{
    const struct config *command = config_get(d, "command"), *args = config_get(d, "args");
    const struct config *first = command && command->type == CONFIG_LIST ? command->child : command;
    const struct config *second = command && command->type == CONFIG_LIST ? (first ? first->next : NULL) : args ? args->child : NULL;
    return first && first->type == CONFIG_TEXT && bytes_ends(first->text, BYTES("writ")) && second && second->type == CONFIG_TEXT &&
           bytes_is(second->text, "mcp");
}

static void
put_back(struct edits *e, struct bytes text, const struct config *root, const struct config *now, struct bytes before, const struct config *was_root,
         size_t *n)
{
    const struct config *was = now->type == CONFIG_MAP && through_writ(now) ? twin(was_root, root, now) : NULL;
    if (was && was->end && now->end) {
        edits_add(e, now->at, now->end, bytes_sub(before, was->at, was->end - was->at));
        ++*n;
        for (const struct config *m = was->child; m; m = m->next) /* TOML: tables below it with headers of their own */
            if (m->type == CONFIG_MAP && m->end && (m->at < was->at || m->at >= was->end))
                edits_add(e, now->end, now->end, bytes_sub(before, m->at, m->end - m->at));
        return;
    }
    for (const struct config *m = now->child; m; m = m->next)
        put_back(e, text, root, m, before, was_root, n);
}

static struct err
entries_only(struct undoing *u, struct backup *b, const struct taken *now)
{
    struct config *is, *was;
    struct edits edits = {.a = &u->a->c->arena};
    struct buf out = buf_make(2 * CONFIG_MAX_BYTES);
    size_t n = 0;
    TRY(parse(&u->a->c->arena, b->path, now->text, &is));
    TRY(parse(&u->a->c->arena, b->path, b->text, &was));
    put_back(&edits, now->text, is, is, b->text, was, &n);
    struct err e = edits_apply(&edits, now->text, &out);
    if (!err_failed(e))
        e = parse(&u->a->c->arena, b->path, buf_bytes(&out), &is);
    if (!err_failed(e) && n == 0)
        e = err_make(E_NOT_FOUND, "has no entry left that goes through Writ");
    if (!err_failed(e))
        e = file_put(&u->a->person, now, buf_bytes(&out));
    buf_free(&out);
    snprintf(b->said, sizeof b->said, "%zu entries put back; the rest of the file is as it was now", n);
    return e;
}

static struct err
restore(struct undoing *u, struct backup *b)
{
    struct taken now;
    struct owner *o = &u->a->person;
    TRY(open_backup(u, b));
    snprintf(b->said, sizeof b->said, "restored, byte for byte");
    struct err e = file_take(&u->a->c->arena, o, b->path, CONFIG_MAX_BYTES, &now);
    if (e.code == E_NOT_FOUND)
        return file_make(o, b->path, b->text, (mode_t)json_whole(b->facts, "mode"));
    TRY(e);
    if (is_as(b, "after", now.digest))
        return file_put(o, &now, b->text);
    if (is_as(b, "before", now.digest)) {
        snprintf(b->said, sizeof b->said, "is as it was already");
        return err_ok();
    }
    if (given(u->a->c, "entries"))
        return entries_only(u, b, &now);
    return err_make(E_STATE,
                    "was changed since it was adopted and is left as it is; to put back only the entries that go through Writ: writ adopt "
                    "--undo --entries %.100s",
                    b->path);
}

/* On record beside it; the sealed file goes, since it holds what is to be rotated. */
static struct err
mark_undone(struct undoing *u, struct backup *b)
{
    struct buf out = buf_make((size_t)1 << 20);
    struct bytes raw = b->facts->raw;
    buf_put(&out, bytes_sub(raw, 0, raw.n - 1));
    buf_puts(&out, ",\"undone\":true}\n");
    struct err e = file_write(place(u->a, b->id, ".json"), buf_bytes(&out), 0600, true);
    buf_free(&out);
    unlink(place(u->a, b->id, ".sealed"));
    return e;
}

static struct err
say_undone(struct undoing *u, size_t failed)
{
    struct buf b = buf_make(OUTPUT_MAX);
    bool json = u->a->c->json, colour = output_colour(STDOUT_FILENO);
    if (json) {
        json_open(&b, '{');
        json_key(&b, "files");
        json_open(&b, '[');
    }
    for (size_t i = 0; i < u->n; i++) {
        const struct backup *k = &u->list[i];
        if (json) {
            json_item(&b);
            json_open(&b, '{');
            json_member_str(&b, "path", k->path);
            json_member_bool(&b, "undone", k->done);
            json_member_str(&b, "said", k->said);
            json_close(&b, '}');
            continue;
        }
        output_clean(&b, bytes_str(k->path), false);
        buf_puts(&b, ": ");
        output_tone(&b, colour, k->done ? TONE_GOOD : TONE_BAD, "");
        output_clean(&b, bytes_str(k->said), false);
        buf_putc(&b, '\n');
    }
    if (json) {
        json_close(&b, ']');
        json_close(&b, '}');
        buf_putc(&b, '\n');
    } else if (u->n == 0) {
        buf_puts(&b, "there is nothing to undo\n");
    } else if (failed < u->n) {
        buf_puts(&b, "What was declared in the estate stays, and harms nothing. The secrets stand in clear again: rotate them all the same.\n");
    }
    u->a->c->status = failed ? 1 : 0;
    return output_send(u->a->c, &b);
}

static struct err
undo_all(struct undoing *u)
{
    size_t failed = 0;
    struct buf what = buf_make(65536);
    if (u->n)
        TRY(adopt_backup_key(u->a, "to undo", u->key));
    for (size_t i = 0; i < u->n; i++) {
        struct backup *b = &u->list[i];
        struct err e = restore(u, b);
        if (!err_failed(e))
            e = mark_undone(u, b);
        b->done = !err_failed(e);
        failed += !b->done;
        if (err_failed(e))
            snprintf(b->said, sizeof b->said, "%s", e.text);
        else
            buf_printf(&what, "%s%.300s", what.n ? ", " : "", b->path);
    }
    bytes_wipe(u->key, sizeof u->key);
    struct err e = what.n ? adopt_record(u->a, "adoption undone", buf_bytes(&what), (struct bytes){NULL, 0}) : err_ok();
    buf_free(&what);
    TRY(e);
    return say_undone(u, failed);
}

struct err
adopt_undo(struct adoption *a)
{
    struct undoing u = {.a = a};
    if (a->fresh)
        return err_make(E_NOT_FOUND, "there is no estate here, so nothing was adopted; name one with --estate");
    TRY(find_backups(&u));
    struct err e = u.n ? adopt_server_begin(a) : err_ok();
    if (!err_failed(e))
        e = undo_all(&u);
    adopt_server_end(a);
    return e;
}
