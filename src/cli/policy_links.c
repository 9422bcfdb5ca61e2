/* Links of templates, as the official command line reads them. */
#include "cli/policy.h"

#define LINKS_MAX 100000u

static struct cedar_str
text_of(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct err
read_slot(struct cli *c, const struct json *args, const char *slot, const struct cedar_uid **out)
{
    struct bytes text = json_text(args, slot);
    if (text.at == NULL)
        return err_ok(); /* the library says when one is missing */
    struct cedar_uid *uid = ARENA_NEW(&c->arena, struct cedar_uid);
    const char *copy = arena_str(&c->arena, text);
    if (uid == NULL || copy == NULL)
        return err_make(E_MEMORY, "out of memory");
    *out = uid;
    return uid_read(c, slot, copy, uid);
}

static struct err
read_link(struct cli *c, const struct json *v, struct cedar_link *out)
{
    *out = (struct cedar_link){.template_id = text_of(json_text(v, "template_id")), .id = text_of(json_text(v, "link_id"))};
    if (out->template_id.at == NULL || out->id.at == NULL)
        return err_make(E_USAGE, "--links: a link has template_id, link_id and args");
    TRY(read_slot(c, json_get(v, "args"), "?principal", &out->principal));
    return read_slot(c, json_get(v, "args"), "?resource", &out->resource);
}

static struct err
link_all(struct cli *c, const struct json *list, struct cedar_policies **p)
{
    struct cedar_policies *linked = NULL;
    struct cedar_error error = {0};
    struct cedar_link *links = arena_list(&c->arena, list->count + 1, sizeof *links);
    size_t n = 0;
    if (links == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (const struct json *v = list->child; v; v = v->next)
        TRY(read_link(c, v, &links[n++]));
    if (!cedar_policies_link(*p, links, n, &linked, &error))
        return err_make(E_POLICY, "--links: %.280s", error.text);
    cedar_policies_unref(*p);
    *p = linked;
    return err_ok();
}

struct err
policy_links(struct cli *c, struct cedar_policies **p)
{
    const char *path = given(c, "links");
    struct json *top;
    struct bytes text;
    if (path == NULL)
        return err_ok();
    TRY(policy_read(c, path, &text));
    TRY(err_wrap(json_parse(&c->arena, text, NULL, &top), "%.150s", path));
    if (top->type != JSON_ARRAY || top->count > LINKS_MAX)
        return err_make(E_USAGE, "--links: expected a list of at most %u links", LINKS_MAX);
    return link_all(c, top, p);
}
