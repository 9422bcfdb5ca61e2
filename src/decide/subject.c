/* From what a client asks for to what grants and policies know: the pinned prompt, or the URI and the pinned templates it may come from. */
#include "decide/request.h"
#include "estate/uri.h"

static struct err
parse_into(struct buf *b, struct arena *a, const struct json **out)
{
    struct json *v = NULL;
    struct bytes text = b->failed ? bytes_make(NULL, 0) : arena_copy(a, buf_bytes(b));
    struct err e = text.at ? json_parse(a, text, NULL, &v) : err_make(E_MEMORY, "no memory for what was asked for");
    buf_free(b);
    *out = v;
    return e;
}

/* Those that are known, as far as the prompt takes them. */
static struct err
check_known(const struct pinned_extra *x, const struct json *arguments)
{
    for (const struct json *m = arguments ? arguments->child : NULL; m; m = m->next)
        if (m->type != JSON_STRING || json_find(json_get(x->arguments, "properties"), m->key) == NULL)
            return err_make(E_ARGUMENTS, "arguments.%.*s: the prompt takes no such text", BYTES_CUT(m->key, 60));
    return err_ok();
}

struct err
subject_prompt(struct call *call, struct bytes name, const struct json *arguments, bool whole, struct arena *a)
{
    static const char none[] = "{}";
    const struct pinned_extra *x = destination_extra(call->destination, true, name);
    struct json *typed = NULL;
    struct buf b = buf_make((size_t)8 << 20);
    call->name = BYTES("@prompts");
    call->n_items = 0;
    if (x == NULL)
        return err_make(E_NOT_FOUND, "the prompt is not pinned");
    call->items[call->n_items++] = x;
    if (arguments && arguments->type != JSON_OBJECT)
        return err_make(E_ARGUMENTS, "arguments: expected an object, got %s", json_type_name(arguments->type));
    if (whole && arguments == NULL)
        TRY(json_parse(a, bytes_str(none), NULL, &typed));
    if (whole)
        TRY(arguments_check(x->arguments, arguments ? arguments : typed, a, &typed));
    else
        TRY(check_known(x, arguments));
    json_open(&b, '{');
    json_member_text(&b, "name", name);
    if (typed || arguments)
        json_member_raw(&b, "arguments", typed ? typed->raw : arguments->raw);
    json_close(&b, '}');
    return parse_into(&b, a, &call->arguments);
}

static struct err
find_templates(struct call *call, struct bytes uri)
{
    const struct destination *d = call->destination;
    size_t work = URI_WORK;
    for (size_t i = 0; i < d->n_extras; i++) {
        if (d->extras[i].prompt || !uri_template_fits(d->extras[i].name, uri, &work))
            continue;
        if (call->n_items == CALL_ITEMS_MAX)
            return err_make(E_ARGUMENTS, "the URI fits more than %d pinned templates", CALL_ITEMS_MAX);
        call->items[call->n_items++] = &d->extras[i];
    }
    if (work == 0)
        return err_make(E_ARGUMENTS, "the URI takes too long to compare with the pinned templates");
    return err_ok();
}

struct err
subject_resource(struct call *call, struct bytes uri, struct arena *a)
{
    struct buf b = buf_make(URI_MAX * 8);
    const char *fault = uri_fault(uri);
    call->name = BYTES("@resources");
    call->n_items = 0;
    if (fault)
        return err_make(E_ARGUMENTS, "the URI is not in the one spelling that is read: %s", fault);
    TRY(find_templates(call, uri));
    if (uri_has_slash_encoded(uri) && call->n_items == 0)
        return err_make(E_ARGUMENTS, "the URI encodes a slash, and no pinned template gives that");
    json_open(&b, '{');
    json_member_text(&b, "uri", uri);
    json_close(&b, '}');
    return parse_into(&b, a, &call->arguments);
}

void
subject_template(struct call *call, const struct pinned_extra *template)
{
    call->name = BYTES("@resources");
    call->items[0] = template;
    call->n_items = 1;
    call->arguments = NULL;
}

struct bytes
call_subject(const struct call *call)
{
    return call->n_items == 1 && call->items[0]->prompt ? bytes_str(call->items[0]->subject) : call->name;
}
