/*
 * Templates and what is linked to them. A link is a policy of its own: the template's conditions and annotations, with the slots of the
 * scope filled in. So nothing that evaluates policies has to know about slots.
 */
#include "cedar/policies.h"

#include <stdlib.h>

static const char *const slots[] = {"?principal", "?resource"};

static bool
wrong(struct cedar_error *error, const char *before, struct cedar_str id, const char *behind)
{
    error_set(error, CEDAR_VALUE, 0, 0, "%s", before);
    struct text t = error_text(error);
    text_str(&t, id);
    text_add(&t, "%s", behind);
    return false;
}

static bool
copy(struct arena *a, struct cedar_str from, struct cedar_str *to)
{
    struct bytes b = arena_copy(a, str_bytes(from));
    *to = (struct cedar_str){(const char *)b.at, b.n};
    return b.at != NULL;
}

static bool
fill(struct scope *s, const struct cedar_uid *uid, struct arena *a)
{
    if (uid == NULL)
        return true;
    s->slot = false;
    s->n = 1;
    s->places = NULL;
    s->uids = ARENA_NEW(a, struct cedar_uid);
    return s->uids && copy(a, uid->type, &s->uids->type) && copy(a, uid->id, &s->uids->id);
}

static bool
check_slot(bool slot, const struct cedar_uid *uid, const char *name, struct cedar_error *error)
{
    if (slot && uid == NULL)
        return error_set(error, CEDAR_VALUE, 0, 0, "the following slots were not provided as arguments: %s", name);
    if (!slot && uid)
        return error_set(error, CEDAR_VALUE, 0, 0, "the following slots were provided as arguments, but did not exist in the template: %s", name);
    if (uid && !name_is_path(uid->type))
        return wrong(error, "invalid entity type: `", uid->type, "`");
    return true;
}

struct policy *
links_make(const struct policy *template, const struct cedar_link *link, struct arena *a, struct cedar_error *error)
{
    if (!check_slot(template->principal.slot, link->principal, slots[0], error) ||
        !check_slot(template->resource.slot, link->resource, slots[1], error))
        return NULL;
    struct policy *p = ARENA_NEW(a, struct policy);
    if (p == NULL)
        return error_memory(error), NULL;
    *p = *template;
    p->template = false;
    p->linked = template;
    p->next = NULL;
    if (copy(a, link->id, &p->id) && fill(&p->principal, link->principal, a) && fill(&p->resource, link->resource, a))
        return p;
    error_memory(error);
    return NULL;
}

bool
cedar_policy_is_template(const struct cedar_policies *p, size_t i)
{
    return p->at[i]->template;
}

bool
cedar_policies_find(const struct cedar_policies *p, struct cedar_str id, size_t *i)
{
    for (*i = 0; *i < p->n; ++*i)
        if (str_eq(p->at[*i]->id, id))
            return true;
    return false;
}

bool
cedar_policy_link(const struct cedar_policies *p, size_t i, struct cedar_link *out)
{
    const struct policy *one = p->at[i];
    if (one->linked == NULL)
        return false;
    *out = (struct cedar_link){one->linked->id, one->id, one->linked->principal.slot ? one->principal.uids : NULL,
                               one->linked->resource.slot ? one->resource.uids : NULL};
    return true;
}

/* ${p} again, with room for ${more} policies and one more file. */
static struct cedar_policies *
widened(const struct cedar_policies *p, size_t more)
{
    struct cedar_policies *set = policies_new(p->n + more, p->n_files + 1);
    if (set == NULL)
        return NULL;
    for (size_t i = 0; i < p->n; i++)
        set->at[set->n++] = p->at[i];
    for (size_t i = 0; i < p->n_files; i++)
        set->files[set->n_files++] = policy_file_ref(p->files[i]);
    return set;
}

static bool
add_link(struct cedar_policies *set, const struct cedar_link *link, struct arena *a, struct cedar_error *error)
{
    size_t i;
    if (!cedar_policies_find(set, link->template_id, &i) || !set->at[i]->template)
        return wrong(error, "failed to find a template with id `", link->template_id, "`");
    struct policy *p = links_make(set->at[i], link, a, error);
    if (p)
        set->at[set->n++] = p;
    return p != NULL;
}

static bool
add_links(struct cedar_policies *set, const struct cedar_link *links, size_t n, struct cedar_error *error)
{
    struct policy_file *f = policy_file_new((struct cedar_str){"", 0}, "", error);
    if (f == NULL)
        return false;
    set->files[set->n_files++] = f;
    for (size_t i = 0; i < n; i++)
        if (!add_link(set, &links[i], &f->a, error))
            return false;
    return policies_check_ids(set, error);
}

bool
cedar_policies_link(const struct cedar_policies *p, const struct cedar_link *links, size_t n, struct cedar_policies **out, struct cedar_error *error)
{
    struct cedar_policies *set = widened(p, n);
    *out = NULL;
    if (set == NULL)
        return error_memory(error);
    if (add_links(set, links, n, error))
        return *out = set, true;
    cedar_policies_unref(set);
    return false;
}

static bool
is_linked(const struct cedar_policies *p, const struct policy *template)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i]->linked == template)
            return true;
    return false;
}

bool
cedar_policies_select(const struct cedar_policies *p, bool (*keep)(const struct cedar_policies *p, size_t i, void *ctx), void *ctx,
                      struct cedar_policies **out, struct cedar_error *error)
{
    struct cedar_policies *set = widened(p, 0);
    *out = NULL;
    if (set == NULL)
        return error_memory(error);
    set->n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (keep(p, i, ctx))
            set->at[set->n++] = p->at[i];
    const struct policy **exact = realloc(set->at, (set->n + 1) * sizeof *exact); /* many small sets may be made of a large one */
    if (exact)
        set->at = exact;
    *out = set;
    return true;
}

bool
cedar_policies_remove(const struct cedar_policies *p, struct cedar_str id, struct cedar_policies **out, struct cedar_error *error)
{
    size_t i;
    *out = NULL;
    if (!cedar_policies_find(p, id, &i))
        return wrong(error, "there is no policy with id `", id, "`");
    if (p->at[i]->template && is_linked(p, p->at[i]))
        return wrong(error, "the template `", id, "` still has links: remove them first");
    struct cedar_policies *set = widened(p, 0);
    if (set == NULL)
        return error_memory(error);
    memmove(&set->at[i], &set->at[i + 1], (set->n - i - 1) * sizeof *set->at);
    set->n--;
    *out = set;
    return true;
}
