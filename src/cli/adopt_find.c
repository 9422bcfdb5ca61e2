/* Which configurations there are, and what stands in them. What is wrong with one is said of that one. */
#include "cli/adopt.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define FILES_MAX 300u

static void
problem(struct adopt_file *f, int line, struct err e)
{
    f->line = line;
    snprintf(f->problem, sizeof f->problem, "%s", e.text);
}

static struct err
add_file(struct adoption *a, const char *shown, struct adopt_file **out)
{
    if (a->n_files == FILES_MAX)
        return err_make(E_LIMIT, "more than %u files at once", FILES_MAX);
    *out = &a->files[a->n_files++];
    **out = (struct adopt_file){.shown = shown};
    return err_ok();
}

/* The folder of the project that a file is of: what stands before the end by which it is known. */
static struct bytes
project_of(const struct adopt_file *f, const struct client_file *row)
{
    struct bytes path = bytes_str(f->taken.path), end = bytes_str(row->path);
    if (!row->project)
        return (struct bytes){NULL, 0};
    if (row->path[0] && bytes_ends(path, end) && path.n > end.n + 1)
        return bytes_sub(path, 0, path.n - end.n - 1);
    size_t slash = path.n;
    while (slash > 1 && path.at[slash - 1] != '/')
        slash--;
    return bytes_sub(path, 0, slash > 1 ? slash - 1 : 1);
}

static struct err
read_entries(struct adoption *a, struct adopt_file *f, struct finder *finder)
{
    struct surroundings around = {a->person.home, a->environment};
    for (size_t i = 0; i < f->n_rows; i++) {
        struct bytes folder = arena_copy(&a->c->arena, project_of(f, f->rows[i]));
        struct err e = entries_read(&a->c->arena, f->doc, f->rows[i], &around, folder, finder, &f->entries);
        if (e.code == E_MEMORY)
            return e;
        if (err_failed(e)) {
            problem(f, 1, e);
            f->entries.n = 0;
            return err_ok();
        }
    }
    return err_ok();
}

static struct err
parse(struct adoption *a, struct adopt_file *f)
{
    struct config *doc = NULL;
    int line = 1;
    f->toml = bytes_ends(bytes_str(f->taken.path), BYTES(".toml"));
    bool empty = bytes_trim(f->taken.text).n == 0;
    if (empty)
        return err_ok(); /* some clients leave one behind */
    struct err e = f->toml ? config_toml(&a->c->arena, f->taken.text, &doc, &line) : config_json(&a->c->arena, f->taken.text, &doc, &line);
    if (e.code == E_MEMORY)
        return e;
    if (err_failed(e))
        problem(f, line, e);
    f->doc = err_failed(e) ? NULL : doc;
    return err_ok();
}

static struct err
take(struct adoption *a, struct adopt_file *f, struct finder *finder, bool named)
{
    struct err e = file_take(&a->c->arena, &a->person, f->shown, CONFIG_MAX_BYTES, &f->taken);
    if (e.code == E_NOT_FOUND && !named)
        a->n_files--;
    else if (err_failed(e))
        problem(f, 0, e);
    if (err_failed(e))
        return e.code == E_MEMORY ? e : err_ok();
    if (f->n_rows && f->rows[0]->unread) {
        problem(f, 0, err_make(E_STATE, "%s", f->rows[0]->unread));
        return err_ok();
    }
    TRY(parse(a, f));
    const struct client_file *guess = f->doc && f->n_rows == 0 ? client_guess(f->doc) : NULL;
    if (guess)
        f->rows[f->n_rows++] = guess;
    if (f->doc && f->n_rows == 0)
        problem(f, 0, err_make(E_NOT_FOUND, "names no servers that Writ knows of (mcpServers, servers, context_servers, mcp_servers, mcp)"));
    return f->doc && f->n_rows ? read_entries(a, f, finder) : err_ok();
}

static bool
seen(const struct adoption *a, const char *path)
{
    for (size_t i = 0; i + 1 < a->n_files; i++)
        if (a->files[i].taken.path && strcmp(a->files[i].taken.path, path) == 0 && a->files[i].taken.text.at)
            return true;
    return false;
}

/* Two paths may lead to one file; it is read once. */
static void
drop_twin(struct adoption *a, size_t before)
{
    struct adopt_file *f = a->n_files > before ? &a->files[a->n_files - 1] : NULL;
    if (f && f->taken.text.at && seen(a, f->taken.path))
        a->n_files--;
}

static struct err
find_known(struct adoption *a, struct finder *finder)
{
    for (const struct client_file *row = client_files; row->path; row++) {
        const char *path = arena_printf(&a->c->arena, "%s/%s", a->person.home, row->path);
        size_t before = a->n_files;
        struct adopt_file *f;
        bool again = row > client_files && !row->project && strcmp(row[-1].path, row->path) == 0;
        if (path == NULL)
            return err_make(E_MEMORY, "out of memory");
        if (row->project || again)
            continue;
        TRY(add_file(a, path, &f));
        for (const struct client_file *r = row; r->path && strcmp(r->path, row->path) == 0 && !r->project; r++)
            f->rows[f->n_rows++] = r;
        TRY(take(a, f, finder, false));
        drop_twin(a, before);
    }
    return err_ok();
}

static struct err
find_named(struct adoption *a, struct finder *finder)
{
    char cwd[PATH_MAX];
    for (size_t i = 0; i < a->c->n_words; i++) {
        const char *path = a->c->words[i];
        size_t before = a->n_files;
        struct adopt_file *f;
        if (path[0] != '/') {
            if (getcwd(cwd, sizeof cwd) == NULL)
                return err_system("the current folder");
            path = arena_printf(&a->c->arena, "%s/%s", cwd, path);
        }
        if (path == NULL)
            return err_make(E_MEMORY, "out of memory");
        TRY(add_file(a, path, &f));
        for (const struct client_file *r = client_of_path(path, a->person.home, client_files); r && f->n_rows < 4;
             r = client_of_path(path, a->person.home, r + 1))
            f->rows[f->n_rows++] = r;
        TRY(take(a, f, finder, true));
        drop_twin(a, before);
    }
    return err_ok();
}

struct err
adopt_find(struct adoption *a)
{
    struct finder *finder;
    a->files = arena_list(&a->c->arena, FILES_MAX, sizeof *a->files);
    if (a->files == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(finder_make(&finder));
    struct err e = a->c->n_words ? find_named(a, finder) : find_known(a, finder);
    finder_free(finder);
    return e;
}
