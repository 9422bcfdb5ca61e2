/*
 * Doing it, in an order in which nothing that works stops: declare, seal, pin, grant, and only then change a client's file; each step is
 * checked before the next, and what an estate would not load with is taken back.
 */
#include "cli/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adopt/refer.h"
#include "decide/decide.h"
#include "estate/pin.h"

#define CHANGES_MAX 4000u
#define ESTATE_TEXT ((size_t)1 << 20)

struct changed { /* a file of the estate, as it was */
    const char *path;
    struct bytes before; /* at == NULL: it was not there */
};

struct applying {
    struct adoption *a;
    struct declare_who who;
    struct changed *list;
    size_t n;
};

static const char *
in_estate(const struct applying *p, const char *folder, const char *name, const char *end)
{
    return arena_printf(&p->a->c->arena, "%s/%s%s%s", p->a->dir, folder, name, end);
}

static struct err
write_estate(struct applying *p, const char *path, struct bytes text)
{
    struct bytes before = {NULL, 0};
    if (path == NULL || p->n == CHANGES_MAX)
        return err_make(E_LIMIT, "more than %u changes of the estate at once", CHANGES_MAX);
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (there)
        TRY(where_file(p->a->c, path, ESTATE_TEXT, &before));
    TRY(file_write(path, text, there ? st.st_mode & 0777 : 0600, true));
    if (there && chown(path, st.st_uid, st.st_gid) != 0)
        return err_system("%.200s", path);
    p->list[p->n++] = (struct changed){path, before};
    return err_ok();
}

/* The newest first: a file may have been changed twice. */
static void
take_back(struct applying *p, size_t from)
{
    while (p->n > from) {
        const struct changed *c = &p->list[--p->n];
        if (c->before.at == NULL)
            unlink(c->path);
        else if (err_failed(file_write(c->path, c->before, 0600, true)))
            fprintf(stderr, "writ: %s could not be put back as it was\n", c->path);
    }
}

static void
say(const struct adoption *a, const char *fmt, ...)
{
    va_list ap;
    if (a->c->json)
        return;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fflush(stderr);
}

/* ------------------------------------------------------------------------------------------------------------- the estate */

static struct err
make_folder(const char *path, mode_t mode)
{
    return mkdir(path, mode) == 0 || errno == EEXIST ? err_ok() : err_system("%.200s cannot be made", path);
}

static struct err
make_master(struct applying *p)
{
    struct adoption *a = p->a;
    uint8_t key[32];
    const char *path = arena_printf(&a->c->arena, "%s/master.key", a->state_dir);
    if (path == NULL || !a->c->env->random(a->c->env, key, sizeof key))
        return err_make(E_MEMORY, "out of memory");
    struct err e = file_write(path, bytes_make(key, sizeof key), 0600, false);
    bytes_wipe(key, sizeof key);
    return e.code == E_EXISTS ? err_ok() : e;
}

static struct err
make_estate(struct applying *p)
{
    static const char *const folders[] = {"", "/agents", "/destinations", "/pins", "/policies", "/tasks"};
    struct adoption *a = p->a;
    char host[80] = "host";
    struct buf b = buf_make(65536);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        TRY(make_folder(in_estate(p, "", folders[i] + (folders[i][0] == '/'), ""), 0755));
    TRY(make_folder(a->state_dir, 0700));
    TRY(make_master(p));
    gethostname(host, sizeof host - 1);
    declare_settings(&b, declare_id(&a->c->arena, bytes_str(host), "host"), a->state_dir, a->run_dir);
    struct err e = write_estate(p, in_estate(p, "writ.yaml", "", ""), buf_bytes(&b));
    buf_free(&b);
    return e;
}

static struct err
declare_person_in(struct applying *p)
{
    struct adoption *a = p->a;
    const char *path = in_estate(p, "people.yaml", "", "");
    struct bytes before = {NULL, 0};
    struct buf b = buf_make(ESTATE_TEXT);
    if (!a->person_new)
        return err_ok();
    if (!a->fresh)
        TRY(where_file(a->c, path, ESTATE_TEXT, &before));
    buf_put(&b, before);
    if (b.n && b.at[b.n - 1] != '\n')
        buf_putc(&b, '\n');
    declare_person(&b, &p->who);
    struct err e = write_estate(p, path, buf_bytes(&b));
    buf_free(&b);
    return e;
}

static struct err
check_estate(struct applying *p, struct findings *f)
{
    struct estate *estate = NULL;
    struct err e = estate_load(p->a->c->env, p->a->dir, decide_builtin(), f, &estate);
    if (estate)
        estate_unref(estate);
    return e;
}

static struct err
first_error(const struct findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].level == FINDING_ERROR)
            return err_make(E_ESTATE, "the estate would not load, so this was taken back; first %s:%d: %.220s", f->list[i].file, f->list[i].line,
                            f->list[i].text);
    return err_make(E_ESTATE, "the estate would not load, so this was taken back");
}

/* ---------------------------------------------------------------------------------------------------------- destinations */

static bool
still_good(const struct adopt_destination *d)
{
    return d->entry->state == ENTRY_GOOD && d->failed[0] == 0;
}

/* What is known of the server, by its command or address alone, or also by what it says it is. */
static void
recognise(const struct adoption *a, const struct adopt_destination *d, struct recognised *out)
{
    struct declare_server s = {.entry = d->entry, .program = d->program};
    const struct json *info = json_get(json_get(d->offer, "server"), "info");
    struct known_server known = {.name = json_text(info, "name"), .version = json_text(info, "version")};
    if (d->entry->http)
        known.url = arena_str(&a->c->arena, d->entry->url.text);
    else
        known.command = (const char *const *)declare_argv(&a->c->arena, &s);
    packs_recognise(a->packs, &known, &a->c->arena, out);
}

/* The effects that its tools seem to have, each on a line; nothing of it counts before a person has confirmed it, but what makes it stricter. */
static struct err
propose(struct applying *p, struct adopt_destination *d)
{
    struct adoption *a = p->a;
    const char *path = in_estate(p, "destinations/", d->id, ".yaml");
    const struct json *tools = json_get(d->offer, "tools");
    struct recognised known;
    struct bytes before;
    struct buf b = buf_make(ESTATE_TEXT);
    recognise(a, d, &known);
    TRY(where_file(a->c, path, ESTATE_TEXT, &before));
    buf_put(&b, before);
    buf_puts(&b, "# Proposals, until a person confirms them: until then each counts as a write, and asks.\ntools:\n");
    struct err e = err_ok();
    for (const struct json *t = tools ? tools->child : NULL; t && !err_failed(e); t = t->next) {
        struct proposal one;
        if (!item_name_ok(ITEM_TOOL, json_text(t, "name")))
            continue;
        e = propose_tool(&known, t, &a->c->arena, &one);
        if (err_failed(e))
            break;
        buf_puts(&b, "  ");
        proposal_put(&b, &one, false);
        buf_putc(&b, '\n');
        d->known += one.known;
    }
    if (!err_failed(e) && tools && tools->child)
        e = b.failed ? err_make(E_LIMIT, "too many proposals for one file") : write_estate(p, path, buf_bytes(&b));
    buf_free(&b);
    return e;
}

/* Without a proposal a tool is an unconfirmed write; so nothing stops when one cannot be written. */
static void
propose_for(struct applying *p, struct adopt_destination *d)
{
    struct findings f = {0};
    size_t from = p->n;
    struct err e = d->offer && d->written ? propose(p, d) : err_ok();
    if (err_failed(e) || (p->n > from && err_failed(check_estate(p, &f))))
        take_back(p, from);
    findings_free(&f);
}

static struct bytes
first_line(struct bytes text)
{
    return bytes_sub(text, 0, bytes_find(text, '\n') + 1);
}

static struct err
declare_one(struct applying *p, struct adopt_destination *d)
{
    struct adoption *a = p->a;
    const struct destination *there = a->estate ? estate_destination(a->estate, d->id) : NULL;
    struct recognised known;
    recognise(a, d, &known);
    struct declare_server s = {d->entry, d->file, d->program, a->path, d->cwd, given(a->c, "home"), sensitivity_names[propose_sensitivity(&known)]};
    const char *path = in_estate(p, "destinations/", d->id, ".yaml");
    struct buf b = buf_make(ESTATE_TEXT);
    struct bytes before = {NULL, 0};
    declare_destination(&b, &p->who, &s);
    struct err e = b.failed ? err_make(E_LIMIT, "its declaration is too large") : err_ok();
    if (!err_failed(e) && there)
        e = where_file(a->c, path, ESTATE_TEXT, &before);
    d->pinned = there && there->pinned;
    bool same = bytes_starts(before, buf_bytes(&b)), mine = bytes_starts(before, first_line(buf_bytes(&b)));
    if (!err_failed(e) && d->pinned && mine && !same)
        snprintf(d->failed, sizeof d->failed,
                 "destinations/%s.yaml was declared from it before and says something else now; change it there, or give the server "
                 "another name",
                 d->id);
    else if (!err_failed(e) && !same && !(d->pinned && !mine))
        e = write_estate(p, path, buf_bytes(&b)), d->written = true;
    d->tools = there ? there->n_tools : 0;
    buf_free(&b);
    return e;
}

/* What cannot be declared is that entry's trouble alone. */
static bool
drop_broken(struct applying *p, const struct findings *f)
{
    char file[128];
    bool any = false;
    for (size_t i = 0; i < p->a->n_destinations; i++) {
        struct adopt_destination *d = &p->a->destinations[i];
        snprintf(file, sizeof file, "destinations/%s.yaml", d->id);
        for (size_t k = 0; k < f->n && d->written; k++) {
            if (f->list[k].level != FINDING_ERROR || strcmp(f->list[k].file, file) != 0)
                continue;
            snprintf(d->failed, sizeof d->failed, "cannot be declared: %.250s", f->list[k].text);
            unlink(in_estate(p, "destinations/", d->id, ".yaml"));
            d->written = false;
            any = true;
        }
    }
    return any;
}

static struct err
declare_all(struct applying *p)
{
    struct adoption *a = p->a;
    for (size_t i = 0; i < a->n_destinations; i++)
        if (still_good(&a->destinations[i]))
            TRY(declare_one(p, &a->destinations[i]));
    for (;;) {
        struct findings f = {0};
        struct err e = check_estate(p, &f);
        bool again = err_failed(e) && drop_broken(p, &f);
        if (err_failed(e) && !again)
            e = first_error(&f);
        findings_free(&f);
        if (!again)
            return e;
    }
}

static struct err
seal_list(struct adoption *a, const struct adopt_destination *d, const struct value *list, size_t n, bool all)
{
    for (size_t i = 0; i < n; i++)
        if (all || list[i].secret)
            TRY(adopt_seal(a, d->id, &list[i]));
    return err_ok();
}

static struct err
seal_all(struct adoption *a, const struct adopt_destination *d)
{
    TRY(seal_list(a, d, d->entry->args, d->entry->n_args, false));
    TRY(seal_list(a, d, d->entry->env, d->entry->n_env, false));
    return seal_list(a, d, d->entry->headers, d->entry->n_headers, true);
}

static void
pin_one(struct applying *p, struct adopt_destination *d)
{
    struct adoption *a = p->a;
    struct err e = seal_all(a, d);
    if (!err_failed(e) && !d->pinned && !a->start) {
        snprintf(d->failed, sizeof d->failed, "not pinned, as --no-start says; then: sudo writ destination pin %s, and run this again", d->id);
        return;
    }
    if (!err_failed(e) && !d->pinned) {
        say(a, "  starting %s … ", d->id);
        e = adopt_pin(a, d);
        say(a, err_failed(e) ? "failed\n" : "%zu tools\n", d->tools);
    }
    if (err_failed(e))
        snprintf(d->failed, sizeof d->failed, "%s", e.text);
}

/* ----------------------------------------------------------------------------------------------------- agents and tasks */

static bool
leads_to(const struct adopt_file *f, const char *destination)
{
    for (size_t i = 0; i < f->entries.n; i++) {
        const struct entry *e = &f->entries.list[i];
        if (e->state == ENTRY_GOOD && e->destination && strcmp(e->destination, destination) == 0)
            return true;
    }
    return false;
}

static bool
uses(const struct adoption *a, const struct adopt_agent *g, const struct adopt_destination *d)
{
    for (size_t i = 0; i < a->n_files && d->pinned; i++)
        if (a->files[i].agent == g && leads_to(&a->files[i], d->id))
            return true;
    return false;
}

static bool
granted(const struct task *t, const char *destination)
{
    for (size_t i = 0; t && i < t->n_grants; i++)
        if (strcmp(t->grants[i].destination->id, destination) == 0)
            return true;
    return false;
}

static struct err
write_task(struct applying *p, const struct adopt_agent *g, const struct task *there, size_t *added)
{
    struct adoption *a = p->a;
    const char *path = in_estate(p, "tasks/", there ? there->id : g->id, ".yaml");
    struct bytes before = {NULL, 0};
    struct buf b = buf_make(ESTATE_TEXT);
    if (there)
        TRY(where_file(a->c, path, ESTATE_TEXT, &before));
    else
        declare_task(&b, &p->who, g->client);
    buf_put(&b, before);
    if (b.n && b.at[b.n - 1] != '\n')
        buf_putc(&b, '\n');
    for (size_t i = 0; i < a->n_destinations; i++)
        if (uses(a, g, &a->destinations[i]) && !granted(there, a->destinations[i].id)) {
            declare_grants(&b, a->destinations[i].id);
            ++*added;
        }
    struct err e = *added ? write_estate(p, path, buf_bytes(&b)) : err_ok();
    buf_free(&b);
    return e;
}

static struct err
write_agent(struct applying *p, struct adopt_agent *g)
{
    struct adoption *a = p->a;
    const struct agent *there = g->reused ? estate_agent(a->estate, g->id) : NULL;
    size_t added = 0;
    struct buf b = buf_make(ESTATE_TEXT);
    TRY(write_task(p, g, there ? there->default_task : NULL, &added));
    if (there || added == 0)
        return err_ok();
    declare_agent(&b, &p->who, g->client, g->id);
    struct err e = write_estate(p, in_estate(p, "agents/", g->id, ".yaml"), buf_bytes(&b));
    buf_free(&b);
    return e;
}

/* A new agent is observed; of one that is enforced already, what comes to it is. */
static struct err
write_observe(struct applying *p)
{
    struct adoption *a = p->a;
    const char *path = in_estate(p, "writ.yaml", "", "");
    struct bytes text, before;
    if (a->enforce)
        return err_ok();
    TRY(where_file(a->c, path, ESTATE_TEXT, &text));
    before = text;
    for (size_t i = 0; i < a->n_agents; i++) {
        struct adopt_agent *g = &a->agents[i];
        bool any = false, hard = g->reused && !g->observed;
        for (size_t k = 0; k < a->n_destinations; k++) {
            bool new =
                uses(a, g, &a->destinations[k]) && (!g->reused || !granted(estate_agent(a->estate, g->id)->default_task, a->destinations[k].id));
            any = any || new;
            if (new && hard && a->destinations[k].written)
                TRY(declare_observe(&a->c->arena, text, "destination", a->destinations[k].id, a->until, &text));
        }
        if (any && !g->reused)
            TRY(declare_observe(&a->c->arena, text, "agent", g->id, a->until, &text));
        g->observed = g->observed || (any && !g->reused);
    }
    return bytes_eq(text, before) ? err_ok() : write_estate(p, path, text);
}

static struct err
grant_all(struct applying *p)
{
    struct adoption *a = p->a;
    size_t from = p->n;
    struct findings f = {0};
    struct err e = err_ok();
    for (size_t i = 0; i < a->n_agents && !err_failed(e); i++)
        e = write_agent(p, &a->agents[i]);
    if (!err_failed(e))
        e = write_observe(p);
    if (!err_failed(e) && err_failed(check_estate(p, &f)))
        e = first_error(&f);
    findings_free(&f);
    if (!err_failed(e) && p->n > from)
        e = adopt_reload(a);
    if (err_failed(e))
        take_back(p, from);
    return e;
}

/* --------------------------------------------------------------------------------------------------------- clients' files */

static void
write_file(struct adoption *a, struct adopt_file *f, const uint8_t key[32])
{
    struct err e = adopt_rewrite(a, f, false);
    if (!err_failed(e) && f->changed.at) {
        e = adopt_backup(a, f, key);
        if (!err_failed(e)) {
            e = file_put(&a->person, &f->taken, f->changed);
            if (err_failed(e))
                adopt_backup_drop(a, f);
        }
        f->written = !err_failed(e);
    }
    if (err_failed(e))
        snprintf(f->problem, sizeof f->problem, "%s", e.text);
}

static void
put_exposed(const struct adoption *a, struct buf *b)
{
    json_open(b, '[');
    for (size_t i = 0; i < a->n_destinations; i++) {
        const struct adopt_destination *d = &a->destinations[i];
        const struct value *lists[] = {d->entry->args, d->entry->env, d->entry->headers};
        const size_t n[] = {d->entry->n_args, d->entry->n_env, d->entry->n_headers};
        for (size_t l = 0; l < 3; l++)
            for (size_t k = 0; k < n[l] && d->pinned && b->n < 40000; k++) {
                const struct value *v = &lists[l][k];
                if (!v->secret || v->reference)
                    continue;
                json_item(b);
                json_open(b, '{');
                json_member_str(b, "secret", v->sealed);
                json_member_str(b, "destination", d->id);
                json_member_str(b, "file", d->file);
                json_member_int(b, "line", v->line);
                json_close(b, '}');
            }
    }
    json_close(b, ']');
}

static struct err
change_files(struct applying *p)
{
    struct adoption *a = p->a;
    uint8_t key[32];
    struct buf what = buf_make(65536), exposed = buf_make(65536);
    TRY(adopt_backup_key(a, "to adopt", key));
    for (size_t i = 0; i < a->n_files; i++) {
        struct adopt_file *f = &a->files[i];
        if (f->problem[0] == 0 && f->agent)
            write_file(a, f, key);
        if (f->written)
            buf_printf(&what, "%s%.300s (%s, %zu servers)", what.n ? ", " : "", f->taken.path, f->agent->id, f->rewritten);
    }
    bytes_wipe(key, sizeof key);
    put_exposed(a, &exposed);
    struct err e = what.n ? adopt_record(a, "adopted", buf_bytes(&what), buf_bytes(&exposed)) : err_ok();
    buf_free(&what);
    buf_free(&exposed);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------- all */

/* One at a time on this host. */
static struct err
lock(struct adoption *a, int *fd)
{
    const char *path = arena_printf(&a->c->arena, "%s/adopt.lock", a->state_dir);
    *fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (*fd < 0)
        return err_system("%s/adopt.lock", a->state_dir);
    return flock(*fd, LOCK_EX | LOCK_NB) == 0 ? err_ok() : err_make(E_BUSY, "another `writ adopt` is at work; wait until it is done");
}

static struct err
work(struct applying *p)
{
    struct adoption *a = p->a;
    size_t before = p->n;
    struct err e = declare_person_in(p);
    if (!err_failed(e))
        e = declare_all(p);
    if (err_failed(e)) {
        take_back(p, before);
        return e;
    }
    TRY(adopt_server_begin(a));
    if (!a->serving)
        TRY(adopt_reload(a));
    for (size_t i = 0; i < a->n_destinations; i++)
        if (still_good(&a->destinations[i]))
            pin_one(p, &a->destinations[i]);
    for (size_t i = 0; i < a->n_destinations; i++)
        if (a->destinations[i].pinned)
            propose_for(p, &a->destinations[i]);
    TRY(grant_all(p));
    return change_files(p);
}

struct err
adopt_apply(struct adoption *a)
{
    int fd = -1;
    struct applying p = {.a = a,
                         .who = {a->person_id, a->full_name, a->person.user, (unsigned)a->person.uid, a->today, a->enforce ? NULL : a->until},
                         .list = arena_list(&a->c->arena, CHANGES_MAX, sizeof *p.list)};
    if (p.list == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(packs_open(a->c->env, a->estate, &a->packs));
    struct err e = a->fresh ? make_estate(&p) : err_ok();
    if (!err_failed(e))
        e = lock(a, &fd);
    if (!err_failed(e))
        e = work(&p);
    adopt_server_end(a);
    packs_close(a->packs);
    if (fd >= 0)
        close(fd);
    return e;
}
