#include <stdlib.h>

#include "decide/request.h"

struct snapshot *
snapshot_ref(struct snapshot *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void
snapshot_unref(struct snapshot *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    listing_free(s);
    cedar_engine_unref(s->engine);
    cedar_entities_unref(s->entities);
    estate_unref(s->estate);
    free(s);
}

static bool
put_text(struct cedar_scratch *c, struct cedar_value *record, const char *key, const char *text)
{
    return cedar_record_put(c, record, cedar_text(key), cedar_string(c, cedar_text(text)));
}

static bool
add_agent(struct cedar_entities_builder *b, struct cedar_scratch *c, const struct agent *agent)
{
    struct cedar_value *r = cedar_record(c);
    bool ok = r && put_text(c, r, "owner", agent->owner->id) && put_text(c, r, "kind", agent_kind_names[agent->kind]) &&
              put_text(c, r, "environment", agent->environment) && put_text(c, r, "purpose", agent->purpose);
    return ok && cedar_entities_add(b, cedar_id("Agent", agent->id), r, NULL, 0, NULL);
}

/* ${in}: the group it is part of, "@prompts" or "@resources"; NULL: the destination's. */
static bool
add_action(struct cedar_entities_builder *b, const char *destination, const char *in, const char *tool)
{
    char name[DECISION_ACTION_MAX], group[DECISION_ACTION_MAX];
    snprintf(name, sizeof name, "%s/%.150s", destination, tool);
    snprintf(group, sizeof group, "%s%s%s", destination, in ? "/" : "", in ? in : "");
    struct cedar_uid parent = cedar_id("Action", group);
    return cedar_entities_add(b, cedar_id("Action", name), NULL, &parent, 1, NULL);
}

static bool
add_destination(struct cedar_entities_builder *b, struct cedar_scratch *c, const struct destination *d)
{
    struct cedar_value *r = cedar_record(c);
    struct cedar_uid all = cedar_id("Action", "CallTool");
    bool ok = r && put_text(c, r, "owner", d->owner->id) && put_text(c, r, "environment", d->environment) &&
              put_text(c, r, "sensitivity", sensitivity_names[d->sensitivity]) && put_text(c, r, "integrity", integrity_names[d->integrity]) &&
              cedar_record_put(c, r, cedar_text("level"), cedar_long(c, d->sensitivity)) &&
              cedar_entities_add(b, cedar_id("Destination", d->id), r, NULL, 0, NULL) &&
              cedar_entities_add(b, cedar_id("Action", d->id), NULL, &all, 1, NULL);
    for (size_t i = 0; ok && i < d->n_tools; i++)
        ok = add_action(b, d->id, NULL, d->tools[i].name);
    ok = ok && add_action(b, d->id, NULL, "@resources") && add_action(b, d->id, NULL, "@prompts");
    for (size_t i = 0; ok && i < d->n_extras; i++)
        ok = !d->extras[i].named || add_action(b, d->id, d->extras[i].prompt ? "@prompts" : "@resources", d->extras[i].subject);
    return ok;
}

static bool
add_all(struct cedar_entities_builder *b, struct cedar_scratch *c, const struct estate *e)
{
    bool ok = cedar_entities_add(b, cedar_id("Action", "CallTool"), NULL, NULL, 0, NULL);
    for (size_t i = 0; ok && i < e->n_agents; i++)
        ok = add_agent(b, c, &e->agents[i]);
    for (size_t i = 0; ok && i < e->n_destinations; i++)
        ok = add_destination(b, c, &e->destinations[i]);
    return ok;
}

static struct cedar_entities *
make_entities(const struct estate *estate, struct cedar_error *why)
{
    struct cedar_scratch *c = cedar_scratch_new((size_t)16 << 20);
    struct cedar_entities_builder *b = cedar_entities_new();
    struct cedar_entities *entities = NULL;
    bool added = c && b && add_all(b, c, estate);
    bool ok = b && cedar_entities_finish(b, &entities, why) && added;
    cedar_scratch_free(c);
    if (!ok)
        cedar_entities_unref(entities);
    return ok ? entities : NULL;
}

static bool
compile(struct snapshot *s, struct estate *estate, struct cedar_error *why)
{
    struct cedar_store *store = NULL;
    bool ok = cedar_store_compile(s->entities, &store, why) && cedar_engine_compile(estate->policies, store, &s->engine, why);
    cedar_store_unref(store);
    return ok;
}

struct err
snapshot_make(struct estate *estate, struct snapshot **out)
{
    struct cedar_error why = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    if (s) {
        s->refs = 1;
        s->estate = estate_ref(estate);
    }
    bool ok = s && (s->entities = make_entities(estate, &why)) && compile(s, estate, &why) && listing_make(s, &why);
    if (!ok) {
        snapshot_unref(s);
        return err_make(E_ESTATE, "the estate cannot be used in policies: %s", why.text[0] ? why.text : "out of memory");
    }
    *out = s;
    return err_ok();
}
