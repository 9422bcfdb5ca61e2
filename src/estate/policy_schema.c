/*
 * The Cedar schema that policies of this estate are checked by. It says exactly what src/decide builds: whoever changes the request there
 * changes this text too (tests/unit/test_decide.c holds the two together). What the JSON Schema of an argument leaves open has no Cedar type:
 * that argument is left out, so a policy that names it is refused at load, and the rest of the estate is as good as before.
 */
#include "estate/schema.h"
#include "estate/subjects.h"

#include <stdio.h>

#define TEXT_MAX (CEDAR_MAX_SCHEMA_BYTES)

static const char fixed[] = "entity Null;\n"
                            "entity Agent = { environment: String, kind: String, owner: String, purpose: String };\n"
                            "entity Destination = { environment: String, integrity: String, level: Long, owner: String, sensitivity: String };\n"
                            "type WritTool = { confirmed: Bool, effect: String, leaves: Bool };\n"
                            "type WritTask = { calls: Long, confined: Bool, depth: Long, on_behalf_of: String, purpose: String, purpose_by: String, "
                            "purpose_source: String, template: String };\n"
                            "type WritSeen = { level: Long, sensitivity: String, untrusted: Bool };\n"
                            "action \"CallTool\";\n";

static const char around[] = "found: Set<String>, tool: WritTool, writ: WritTask, seen: WritSeen, tier: String, proof: String, now: datetime } };\n";

/* ---------------------------------------------------------------------------------------------------------------------- actions */

/* Where each argument came from: a text for every argument that is there. */
static void
put_origin(struct buf *b, const struct json *root, const struct json *top)
{
    const struct json *properties = json_get(top, "properties");
    buf_puts(b, ", origin: { ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next)
        argument_attribute(b, root, top, p, "String", false);
    buf_puts(b, "}, ");
}

static void
put_action(struct buf *b, const struct destination *d, struct bytes name)
{
    char id[256];
    snprintf(id, sizeof id, "%s/%.*s", d->id, BYTES_CUT(name, 150)); /* as decide cuts it */
    buf_puts(b, "action ");
    argument_quoted(b, bytes_str(id));
    buf_puts(b, " in [");
    argument_quoted(b, bytes_str(d->id));
    buf_puts(b, "] appliesTo { principal: [Agent], resource: [Destination], context: { input: ");
}

static void
put_tool(struct buf *b, const struct tool *t)
{
    const struct json *top = arguments_object(t->schema), *properties = json_get(top, "properties");
    put_action(b, t->destination, bytes_str(t->name));
    buf_puts(b, "{ ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next)
        argument_member(b, t->schema, top, p);
    buf_puts(b, "}");
    put_origin(b, t->schema, top);
    buf_puts(b, around);
}

static void
put_destination(struct buf *b, const struct destination *d)
{
    buf_puts(b, "action ");
    argument_quoted(b, bytes_str(d->id));
    buf_puts(b, " in [\"CallTool\"];\n");
    for (size_t i = 0; i < d->n_tools; i++)
        put_tool(b, &d->tools[i]);
    subject_put_actions(b, d, around);
}

void
policy_schema_text(const struct estate *e, struct buf *b)
{
    buf_puts(b, fixed);
    for (size_t i = 0; i < e->n_destinations; i++)
        put_destination(b, &e->destinations[i]);
}

/* ----------------------------------------------------------------------------------------------------------------------- loading */

/* One line for each destination, so that nobody finds out only when a policy is refused. */
static void
say_hidden(struct loader *l, const struct destination *d)
{
    char first[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < d->n_tools; i++) {
        const struct tool *t = &d->tools[i];
        const struct json *properties = json_get(arguments_object(t->schema), "properties");
        for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next) {
            const char *why = argument_hidden(t, p->key);
            if (why && n++ == 0)
                snprintf(first, sizeof first, "%.60s: %.*s: %s", t->name, BYTES_CUT(p->key, 40), why);
        }
    }
    if (n)
        finding_add(l, FINDING_WARNING, d->tools[0].place.file, 1, 0, "policies cannot look at %zu argument%s of this destination (%s)", n,
                    n == 1 ? "" : "s", first);
}

bool
policy_schema(struct loader *l, struct cedar_schema **out)
{
    const struct estate *e = l->estate;
    struct buf b = buf_make(TEXT_MAX);
    struct cedar_error error = {0};
    policy_schema_text(e, &b);
    for (size_t i = 0; i < e->n_destinations; i++)
        say_hidden(l, &e->destinations[i]);
    bool ok = !b.failed && cedar_schema_parse((struct cedar_str){(const char *)b.at, b.n}, "the estate", out, &error);
    if (error.code == CEDAR_MEMORY)
        l->memory = true;
    else if (!ok)
        finding_add(l, FINDING_ERROR, "policies", 0, 0, "the tools cannot be described to policies: %s",
                    b.failed ? "together their schemas are larger than 4 MiB" : error.text);
    buf_free(&b);
    return ok;
}
