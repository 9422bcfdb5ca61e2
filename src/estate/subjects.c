#include "estate/subjects.h"

#include "estate/schema.h"
#include "estate/uri.h"

#define ACTION_NAME_MAX 150u /* as decide cuts the name of an action */

/* ---------------------------------------------------------------------------------------------------------------- from the pin */

/* Is the argument the first of its name? A prompt that lists one twice means one. */
static bool
first_of_name(const struct json *list, const struct json *argument)
{
    struct bytes name = json_text(argument, "name");
    for (const struct json *v = list->child; v != argument; v = v->next)
        if (bytes_eq(json_text(v, "name"), name))
            return false;
    return name.n > 0;
}

/* MCP's prompts take texts (schema: PromptArgument): {"type": "object", "properties": …, "required": […]}. */
static void
put_arguments(struct buf *b, const struct json *item)
{
    const struct json *list = json_get(item, "arguments");
    const struct json *first = json_is(list, JSON_ARRAY) ? list->child : NULL;
    buf_puts(b, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (const struct json *v = first; v; v = v->next)
        if (first_of_name(list, v)) {
            json_key_bytes(b, json_text(v, "name"));
            buf_puts(b, "{\"type\":\"string\"}");
        }
    buf_puts(b, "},\"required\":[");
    for (const struct json *v = first; v; v = v->next) {
        const struct json *required = json_get(v, "required");
        if (first_of_name(list, v) && json_is(required, JSON_BOOL) && required->truth) {
            json_item(b);
            json_put_text(b, json_text(v, "name"));
        }
    }
    buf_puts(b, "]}");
}

static const struct json *
parsed(struct loader *l, struct buf *b)
{
    struct json *v = NULL;
    struct bytes text = b->failed ? bytes_make(NULL, 0) : arena_copy(&l->estate->arena, buf_bytes(b));
    if (text.at == NULL || err_failed(json_parse(&l->estate->arena, text, NULL, &v)))
        l->memory = true;
    buf_free(b);
    return v;
}

void
subject_set(struct loader *l, struct pinned_extra *x, const struct json *item)
{
    struct buf b = buf_make(ESTATE_MAX_FILE * 2);
    x->subject = arena_printf(&l->estate->arena, "%s/%.*s", x->prompt ? "@prompts" : "@resources", BYTES_CUT(x->name, NAME_MAX_OTHER));
    l->memory = l->memory || x->subject == NULL;
    x->named = x->subject && strlen(x->subject) <= ACTION_NAME_MAX;
    x->mime = x->prompt ? bytes_make(NULL, 0) : json_text(item, "mimeType");
    if (x->prompt) {
        put_arguments(&b, item);
        x->arguments = parsed(l, &b);
        b = buf_make(ESTATE_MAX_FILE * 2);
    }
    json_open(&b, '{');
    json_member_str(&b, "type", "object");
    json_key(&b, "properties");
    json_open(&b, '{');
    json_member_raw(&b, x->prompt ? "name" : "uri", BYTES("{\"type\":\"string\"}"));
    if (x->arguments)
        json_member_raw(&b, "arguments", x->arguments->raw);
    if (x->mime.n)
        json_member_raw(&b, "mime", BYTES("{\"type\":\"string\"}"));
    json_close(&b, '}');
    json_member_raw(&b, "required", BYTES("[\"name\",\"arguments\",\"uri\",\"mime\"]")); /* what is there at all is always there */
    json_close(&b, '}');
    x->schema = parsed(l, &b);
}

const struct pinned_extra *
destination_subject(const struct destination *d, struct bytes text)
{
    for (size_t i = 0; i < d->n_extras; i++)
        if (bytes_is(text, d->extras[i].subject))
            return &d->extras[i];
    return NULL;
}

void
subject_nearest(const struct destination *d, bool prompt, struct nearest *n)
{
    for (size_t i = 0; i < d->n_extras; i++)
        if (d->extras[i].prompt == prompt)
            nearest_offer(n, d->extras[i].name);
}

/* ---------------------------------------------------------------------------------------------------------------- for policies */

static void
put_group(struct buf *b, const struct destination *d, const char *group, const char *member, const char *around)
{
    buf_printf(b,
               "action \"%s/%s\" in [\"%s\"] appliesTo { principal: [Agent], resource: [Destination], context: { input: { %s?: String }, "
               "origin: { %s?: String }, %s",
               d->id, group, d->id, member, member, around);
}

static void
put_subject(struct buf *b, const struct destination *d, const struct pinned_extra *x, const char *around)
{
    const struct json *properties = json_get(x->schema, "properties");
    struct buf id = buf_make(256);
    buf_printf(&id, "%s/%s", d->id, x->subject);
    buf_puts(b, "action ");
    argument_quoted(b, buf_bytes(&id));
    buf_free(&id);
    buf_printf(b, " in [\"%s/%s\"] appliesTo { principal: [Agent], resource: [Destination], context: { input: { ", d->id,
               x->prompt ? "@prompts" : "@resources");
    for (const struct json *p = properties->child; p; p = p->next)
        argument_member(b, x->schema, x->schema, p);
    buf_printf(b, "}, origin: { %s }, %s", x->prompt ? "name: String, arguments: String" : "uri: String", around);
}

void
subject_put_actions(struct buf *b, const struct destination *d, const char *around)
{
    put_group(b, d, "@resources", "uri", around);
    put_group(b, d, "@prompts", "name", around);
    for (size_t i = 0; i < d->n_extras; i++)
        if (d->extras[i].named && d->extras[i].schema)
            put_subject(b, d, &d->extras[i], around);
}

/* ------------------------------------------------------------------------------------------------------------------ in grants */

static bool
known_uri(struct loader *l, const struct yaml *key, const char *path, const struct destination *d, struct bytes uri)
{
    const char *fault = uri_fault(uri);
    size_t work = URI_WORK;
    bool fits = !uri_has_slash_encoded(uri);
    for (size_t i = 0; i < d->n_extras && !fits && !fault; i++)
        fits = !d->extras[i].prompt && uri_template_fits(d->extras[i].name, uri, &work);
    if (fault)
        refuse(l, key, path, "no resource can be read by the URI '%.*s': %s", BYTES_CUT(uri, 80), fault);
    else if (!fits)
        refuse(l, key, path, "no resource can be read by the URI '%.*s': it encodes a slash, and no pinned template gives that", BYTES_CUT(uri, 80));
    return !fault && fits;
}

static bool
unknown(struct loader *l, const struct yaml *key, const char *path, const struct destination *d, bool prompt, struct bytes name)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(name);
    subject_nearest(d, prompt, &n);
    refuse(l, key, path, "'%s' has no pinned %s '%.*s'%s", d->id, prompt ? "prompt" : "resource template", BYTES_CUT(name, 64),
           nearest_hint(&n, hint));
    return false;
}

/* "@resources/URI": as "@resources", where uri is that. */
static bool
one_uri(struct loader *l, const struct yaml *key, const char *path, const struct destination *d, struct bytes uri, struct grant *g,
        struct condition *c)
{
    struct buf b = buf_make(URI_MAX * 8);
    if (!known_uri(l, key, path, d, uri))
        return false;
    json_put_text(&b, uri);
    *c = (struct condition){.argument = "uri", .kind = COND_IS, .value = parsed(l, &b)};
    g->tool = "@resources";
    return true;
}

bool
subject_grant(struct loader *l, const struct yaml *key, const char *path, const struct destination *d, struct grant *g, const struct json **schema,
              struct condition *uri)
{
    struct bytes rest = bytes_str(g->tool), group = bytes_split(&rest, '/');
    bool prompts = bytes_is(group, "@prompts");
    const struct pinned_extra *x = rest.at ? destination_subject(d, bytes_str(g->tool)) : NULL;
    *schema = NULL;
    if (!prompts && !bytes_is(group, "@resources")) {
        refuse(l, key, path, "'%.*s' is none of: @resources, @prompts", BYTES_CUT(group, 64));
        return false;
    }
    if (!(prompts ? d->share_prompts : d->share_resources)) /* its conditions are looked at all the same */
        refuse(l, key, path, "destinations/%s.yaml does not share them; add there: share: [%s]", d->id, prompts ? "prompts" : "resources");
    if (x && x->prompt)
        *schema = x->arguments;
    if (rest.at == NULL || x)
        return true;
    if (!prompts && bytes_find(rest, '{') == rest.n)
        return one_uri(l, key, path, d, rest, g, uri);
    return d->pinned ? unknown(l, key, path, d, prompts, rest) : true;
}

void
subject_condition(struct loader *l, const struct yaml *y, const char *path, const struct grant *g, const struct condition *c)
{
    const struct destination *d = g->destination;
    bool prompts = strcmp(g->tool, "@prompts") == 0, all = prompts || strncmp(g->tool, "@resources", 10) == 0;
    if (!all || (c->kind != COND_IS && c->kind != COND_ONE_OF))
        return;
    for (const struct json *v = c->kind == COND_ONE_OF ? c->value->child : c->value; v; v = c->kind == COND_ONE_OF ? v->next : NULL) {
        if (v->type != JSON_STRING)
            refuse(l, y, path, "no call could satisfy this: expected a text, got %s", json_type_name(v->type));
        else if (!prompts)
            known_uri(l, y, path, d, v->text);
        else if (d->pinned && destination_extra(d, true, v->text) == NULL)
            unknown(l, y, path, d, true, v->text);
    }
}
