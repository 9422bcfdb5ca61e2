/* adopt: put Writ between the MCP clients of a person and their servers, without anything that worked ceasing to. */
#include "cli/adopt.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* This process reads secrets in clear. */
static void
harden(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

static bool
has_work(const struct adoption *a)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (a->files[i].changed.at)
            return true;
    return false;
}

static size_t
count_problems(const struct adoption *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_files; i++) {
        n += a->files[i].problem[0] != 0;
        for (size_t k = 0; k < a->files[i].entries.n; k++)
            n += a->files[i].entries.list[k].state == ENTRY_BROKEN;
    }
    for (size_t i = 0; i < a->n_destinations; i++)
        n += a->destinations[i].failed[0] != 0;
    return n;
}

static struct err
ask(struct adoption *a)
{
    char line[16] = "";
    if (given(a->c, "yes"))
        return err_ok();
    if (a->c->json || !isatty(STDIN_FILENO))
        return err_make(E_STATE, "nothing was changed: say --yes, or --dry-run to look only");
    fputs("Go on? [y/N] ", stderr);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return err_ok();
    return err_make(E_STATE, "nothing was changed");
}

static struct err
need_root(void)
{
    if (geteuid() == 0)
        return err_ok();
    return err_make(
        E_FORBIDDEN,
        "adopt needs root: sudo writ adopt. Your clients go on as you; what decides about them, its record and its secrets must belong to "
        "somebody that they are not (law 12). `writ adopt --dry-run` shows without root what it would do");
}

static struct err
show_plan(struct adoption *a, bool last)
{
    struct buf b = buf_make(OUTPUT_MAX);
    if (!a->c->json)
        adopt_show_plan(a, &b);
    else if (last)
        adopt_show_json(a, &b);
    return output_send(a->c, &b);
}

static struct err
show_end(struct adoption *a)
{
    struct buf b = buf_make(OUTPUT_MAX);
    if (a->c->json)
        adopt_show_json(a, &b);
    else
        adopt_show_end(a, &b);
    return output_send(a->c, &b);
}

static struct err
adopt(struct adoption *a)
{
    bool dry = given(a->c, "dry-run") != NULL;
    TRY(adopt_find(a));
    TRY(adopt_plan(a));
    a->c->status = count_problems(a) ? 1 : 0;
    bool done = dry || !has_work(a);
    TRY(show_plan(a, done));
    if (done)
        return err_ok();
    TRY(need_root());
    TRY(ask(a));
    struct err e = adopt_apply(a);
    a->c->status = count_problems(a) ? 1 : 0;
    return err_failed(e) ? e : show_end(a);
}

struct err
cmd_adopt(struct cli *c)
{
    struct adoption a = {.c = c, .enforce = given(c, "enforce") != NULL, .start = given(c, "no-start") == NULL};
    bool undo = given(c, "undo") != NULL;
    harden();
    if (given(c, "entries") && !undo)
        return err_make(E_USAGE, "--entries goes with --undo");
    if (undo && (given(c, "dry-run") || given(c, "enforce") || given(c, "no-start")))
        return err_make(E_USAGE, "--undo goes with --entries, --user and FILEs only");
    if (undo)
        TRY(need_root());
    TRY(adopt_who(&a));
    TRY(adopt_where(&a));
    struct err e = undo ? adopt_undo(&a) : adopt(&a);
    if (a.estate)
        estate_unref(a.estate);
    return e;
}
