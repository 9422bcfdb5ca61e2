/* Policy sets: making them, joining them, and the questions about one policy. */
#include "cedar/policies.h"

#include <stdlib.h>

#define FILE_MEMORY_MAX ((size_t)512 << 20)

void
policy_file_unref(struct policy_file *f)
{
    if (f == NULL || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    arena_free(&f->a);
    free(f);
}

struct policy_file *
policy_file_ref(struct policy_file *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

struct cedar_policies *
policies_new(size_t n, size_t n_files)
{
    struct cedar_policies *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->refs = 1;
    p->at = calloc(n + 1, sizeof *p->at);
    p->files = calloc(n_files + 1, sizeof(struct policy_file *));
    if (p->at && p->files)
        return p;
    cedar_policies_unref(p);
    return NULL;
}

struct cedar_policies *
cedar_policies_ref(struct cedar_policies *p)
{
    __atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    return p;
}

void
cedar_policies_unref(struct cedar_policies *p)
{
    if (p == NULL || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < p->n_files; i++)
        policy_file_unref(p->files[i]);
    free(p->files);
    free(p->at);
    free(p);
}

/* ------------------------------------------------------------------------------------------------------------------ ids */

static int
by_id(const void *a, const void *b)
{
    const struct policy *x = *(const struct policy *const *)a, *y = *(const struct policy *const *)b;
    int c = str_cmp(x->id, y->id);
    if (c == 0 && x->file == y->file)
        c = x->line != y->line ? (x->line < y->line ? -1 : 1) : x->column < y->column ? -1 : x->column > y->column;
    return c;
}

static bool
duplicate(const struct policy *first, const struct policy *second, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, second->line, second->column, "a policy with id `");
    struct text t = error_text(error);
    text_str(&t, second->id);
    text_add(&t, "` already exists in the policy set (");
    text_str(&t, first->file->name);
    text_add(&t, ", line %u)", first->line);
    return false;
}

bool
policies_check_ids(const struct cedar_policies *p, struct cedar_error *error)
{
    const struct policy **list = calloc(p->n + 1, sizeof *list);
    bool ok = true;
    if (list == NULL)
        return error_memory(error);
    for (size_t i = 0; i < p->n; i++)
        list[i] = p->at[i];
    if (p->n > 1)
        qsort(list, p->n, sizeof *list, by_id);
    for (size_t i = 1; ok && i < p->n; i++)
        if (str_eq(list[i - 1]->id, list[i]->id))
            ok = duplicate(list[i - 1], list[i], error);
    free(list);
    return ok;
}

static bool
find_annotation(const struct policy *p, const char *key, struct cedar_str *out)
{
    for (const struct annotation *n = p->annotations; n; n = n->next)
        if (str_is(n->key, key))
            return *out = n->value, true;
    return false;
}

static bool
name_policy(struct policy *p, size_t number, bool by_annotation, struct arena *a, struct cedar_error *error)
{
    char *made;
    if (by_annotation && find_annotation(p, "id", &p->id)) {
        if (p->id.n == 0)
            return error_set(error, CEDAR_VALUE, p->line, p->column, "this @id is empty: write @id(\"a-name\")");
        return true;
    }
    if (by_annotation)
        made = arena_printf(a, "%.*s:%zu", BYTES_ARG(str_bytes(p->file->name)), number);
    else
        made = arena_printf(a, "policy%zu", number);
    if (made == NULL)
        return error_memory(error);
    p->id = str_of(made);
    return true;
}

/* -------------------------------------------------------------------------------------------------------------- parsing */

static bool
check_text(struct cedar_str text, struct cedar_error *error)
{
    struct bytes rest = str_bytes(text);
    unsigned line = 1;
    if (text.n > CEDAR_MAX_POLICY_BYTES)
        return error_set(error, CEDAR_LIMIT, 0, 0, "the policies are %zu bytes long; the most is %u", text.n, CEDAR_MAX_POLICY_BYTES);
    if (bytes_utf8(rest))
        return true;
    while (rest.n > 0 && bytes_utf8(bytes_split(&rest, '\n')))
        line++;
    return error_set(error, CEDAR_SYNTAX, line, 0, "this line is not valid UTF-8");
}

struct policy_file *
policy_file_new(struct cedar_str text, const char *name, struct cedar_error *error)
{
    struct policy_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_memory(error), NULL;
    f->refs = 1;
    f->a.max = FILE_MEMORY_MAX;
    struct bytes own_text = arena_copy(&f->a, str_bytes(text)), own_name = arena_copy(&f->a, bytes_str(name));
    f->text = (struct cedar_str){(const char *)own_text.at, own_text.n};
    f->name = (struct cedar_str){(const char *)own_name.at, own_name.n};
    if (own_text.at && own_name.at)
        return f;
    policy_file_unref(f);
    return error_memory(error), NULL;
}

static struct cedar_policies *
set_from(struct policy_file *f, bool id_by_annotation, struct cedar_error *error)
{
    struct policy *first = NULL;
    size_t n, i = 0;
    if (!parse_policies(f, &first, &n, error))
        return NULL;
    struct cedar_policies *p = policies_new(n, 1);
    if (p == NULL)
        return error_memory(error), NULL;
    p->files[p->n_files++] = policy_file_ref(f);
    bool ok = true;
    for (struct policy *one = first; ok && one; one = one->next, i++) {
        ok = name_policy(one, i, id_by_annotation, &f->a, error);
        p->at[p->n++] = one;
    }
    if (ok && policies_check_ids(p, error))
        return p;
    cedar_policies_unref(p);
    return NULL;
}

bool
cedar_policies_parse(struct cedar_str text, const char *name, bool id_by_annotation, struct cedar_policies **out, struct cedar_error *error)
{
    *out = NULL;
    if (!check_text(text, error))
        return false;
    struct policy_file *f = policy_file_new(text, name, error);
    if (f == NULL)
        return false;
    *out = set_from(f, id_by_annotation, error);
    policy_file_unref(f);
    return *out != NULL;
}

size_t
cedar_policies_errors(struct cedar_str text, struct cedar_error *list, size_t max)
{
    for (size_t i = 0; i < max; i++)
        list[i] = (struct cedar_error){CEDAR_OK, 0, 0, "", ""};
    if (max == 0 || !check_text(text, list))
        return max > 0;
    struct policy_file *f = policy_file_new(text, "", list);
    if (f == NULL)
        return 1;
    size_t n = parse_errors(f, list, max);
    policy_file_unref(f);
    return n;
}

bool
cedar_policies_join(struct cedar_policies *const *sets, size_t n, struct cedar_policies **out, struct cedar_error *error)
{
    size_t policies = 0, files = 0;
    for (size_t i = 0; i < n; i++)
        policies += sets[i]->n, files += sets[i]->n_files;
    struct cedar_policies *p = policies_new(policies, files);
    if (p == NULL)
        return *out = NULL, error_memory(error);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sets[i]->n; k++)
            p->at[p->n++] = sets[i]->at[k];
        for (size_t k = 0; k < sets[i]->n_files; k++)
            p->files[p->n_files++] = policy_file_ref(sets[i]->files[k]);
    }
    bool ok = policies_check_ids(p, error);
    if (!ok)
        cedar_policies_unref(p);
    *out = ok ? p : NULL;
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------ questions */

size_t
cedar_policies_count(const struct cedar_policies *p)
{
    return p->n;
}

struct cedar_str
cedar_policy_id(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->id;
}

enum cedar_effect
cedar_policy_effect(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->effect;
}

unsigned
cedar_policy_line(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->line;
}

struct cedar_str
cedar_policy_source(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->source;
}

struct cedar_str
cedar_policy_file(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->file->name;
}

bool
cedar_policy_annotation(const struct cedar_policies *p, size_t i, const char *key, struct cedar_str *out)
{
    return find_annotation(p->at[i], key, out);
}

bool
cedar_policy_annotation_at(const struct cedar_policies *p, size_t i, size_t k, struct cedar_str *key, struct cedar_str *value)
{
    const struct annotation *n = p->at[i]->annotations;
    for (; n && k > 0; k--)
        n = n->next;
    if (n)
        *key = n->key, *value = n->value;
    return n != NULL;
}

void
cedar_policies_walk_context(const struct cedar_policies *p,
                            void (*fn)(size_t policy, struct cedar_str action_id, struct cedar_str path, unsigned line, unsigned column, void *ctx),
                            void *ctx)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct scope *action = &p->at[i]->action;
        struct cedar_str id = action->kind == SCOPE_EQUAL ? action->uids[0].id : (struct cedar_str){NULL, 0};
        for (const struct context_path *c = p->at[i]->paths; c; c = c->next)
            fn(i, id, c->path, c->line, c->column, ctx);
    }
}
