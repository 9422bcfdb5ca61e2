/* policy eject: the built-in policies as a file of the estate, to be read and changed. */
#include "cli/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "builtin/"

struct eject {
    struct cli *c;
    const struct estate *estate;
    struct cedar_policies *all; /* the built-in ones */
    struct buf text, said;
    size_t put;
};

static struct bytes
of(struct cedar_str s)
{
    return bytes_make(s.at, s.n);
}

/* "write" and "builtin/write" both name it. */
static bool
named(struct bytes id, const char *word)
{
    return bytes_is(id, word) || bytes_is(bytes_sub(id, strlen(PREFIX), id.n), word);
}

static bool
wanted(const struct cli *c, struct bytes id)
{
    bool any = c->n_words == 0;
    for (size_t i = 0; i < c->n_words; i++)
        any = any || named(id, c->words[i]);
    return any;
}

static struct err
check_words(const struct eject *j)
{
    for (size_t w = 0; w < j->c->n_words; w++) {
        bool known = false;
        struct buf all = buf_make(4096);
        for (size_t i = 0; i < cedar_policies_count(j->all); i++) {
            struct bytes id = of(cedar_policy_id(j->all, i));
            known = known || named(id, j->c->words[w]);
            buf_printf(&all, "%s%.*s", i ? ", " : "", BYTES_CUT(bytes_sub(id, strlen(PREFIX), id.n), 60));
        }
        struct err e =
            known ? err_ok() : err_make(E_NOT_FOUND, "there is no built-in policy %.60s; there are %.200s", j->c->words[w], buf_text(&all));
        buf_free(&all);
        TRY(e);
    }
    return err_ok();
}

/* The file of the estate that stands in for it already, or nothing. */
static struct bytes
replaced_in(const struct estate *e, struct bytes id)
{
    for (size_t i = 0; i < cedar_policies_count(e->policies); i++)
        if (bytes_eq(of(cedar_policy_id(e->policies, i)), id) && bytes_starts(of(cedar_policy_file(e->policies, i)), BYTES("policies/")))
            return of(cedar_policy_file(e->policies, i));
    return (struct bytes){NULL, 0};
}

static void
say(struct eject *j, struct bytes id, struct bytes skipped, struct cedar_str about)
{
    struct buf *b = &j->said;
    if (j->c->json) {
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "policy", id);
        json_member_bool(b, "ejected", skipped.n == 0);
        if (skipped.n)
            json_member_text(b, "file", skipped);
        json_close(b, '}');
    } else if (skipped.n) {
        buf_printf(b, "  %-26.*s left out: %.*s has it already\n", BYTES_ARG(id), BYTES_ARG(skipped));
    } else {
        buf_printf(b, "  %-26.*s %.*s\n", BYTES_ARG(id), BYTES_ARG(of(about)));
    }
}

static void
collect(struct eject *j)
{
    buf_puts(&j->text,
             "// The built-in policies, as Writ has them. A policy here stands in for the built-in one of the same @id; taking it out of this file\n"
             "// brings that back. To have one not apply, keep it and make its condition false.\n");
    for (size_t i = 0; i < cedar_policies_count(j->all); i++) {
        struct bytes id = of(cedar_policy_id(j->all, i)), elsewhere = replaced_in(j->estate, id);
        struct cedar_str about = {"", 0};
        if (!wanted(j->c, id))
            continue;
        cedar_policy_annotation(j->all, i, "description", &about);
        say(j, id, elsewhere, about);
        if (elsewhere.n)
            continue;
        buf_putc(&j->text, '\n');
        buf_put(&j->text, of(cedar_policy_source(j->all, i)));
        buf_putc(&j->text, '\n');
        j->put++;
    }
}

static struct err
write_new(struct cli *c, const char *folder, const char *path, struct bytes text)
{
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return err_system("cannot make %.200s", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno == EEXIST)
        return err_make(E_EXISTS, "%.200s is there already, and nothing was changed; give another name with --to", path);
    if (fd < 0)
        return err_system("cannot write %.200s", path);
    bool ok = c->env->write(c->env, fd, text) && c->env->sync(c->env, fd);
    struct err e = ok ? err_ok() : err_system("cannot write %.200s", path);
    close(fd);
    if (err_failed(e))
        unlink(path);
    return e;
}

static struct err
eject(struct eject *j, const char *dir)
{
    struct cli *c = j->c;
    const char *name = given(c, "to") ? given(c, "to") : "builtin";
    const char *folder = arena_printf(&c->arena, "%s/policies", dir), *path = arena_printf(&c->arena, "%s/policies/%s.cedar", dir, name);
    struct buf b = buf_make(OUTPUT_MAX);
    if (folder == NULL || path == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(api_id("name", name));
    TRY(check_words(j));
    collect(j);
    if (given(c, "print"))
        buf_put(&b, buf_bytes(&j->text));
    else if (j->put)
        TRY(write_new(c, folder, path, buf_bytes(&j->text)));
    if (c->json && !given(c, "print")) {
        json_open(&b, '{');
        json_member_str(&b, "file", j->put ? path : "");
        json_key(&b, "policies");
        json_open(&b, '[');
        buf_put(&b, buf_bytes(&j->said));
        json_close(&b, ']');
        json_close(&b, '}');
        buf_putc(&b, '\n');
    } else if (!given(c, "print")) {
        if (j->put)
            buf_printf(&b, "wrote policies/%s.cedar; these stand in for the built-in ones from now on:\n", name);
        else
            buf_puts(&b, "nothing was written:\n");
        buf_put(&b, buf_bytes(&j->said));
    }
    return b.failed || j->text.failed ? err_make(E_MEMORY, "out of memory") : output_send(c, &b);
}

struct err
cmd_policy_eject(struct cli *c)
{
    const char *dir;
    struct policy_world w = {0};
    struct cedar_error error = {0};
    struct bytes builtin = decide_builtin();
    struct eject j = {.c = c, .text = buf_make((size_t)1 << 20), .said = buf_make((size_t)1 << 20)};
    TRY(where_estate(c, NULL, &dir));
    struct err e = world_estate(c, &w);
    if (!err_failed(e) && !cedar_policies_parse((struct cedar_str){(const char *)builtin.at, builtin.n}, "built-in", true, &j.all, &error))
        e = err_make(E_POLICY, "the built-in policies: %s", error.text);
    j.estate = w.estate;
    if (!err_failed(e))
        e = eject(&j, dir);
    cedar_policies_unref(j.all);
    buf_free(&j.text);
    buf_free(&j.said);
    world_close(&w);
    return e;
}
