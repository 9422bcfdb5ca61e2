#include "cli/policy.h"

/* The form of a file: what --from says, else its ending. */
static struct err
is_json(struct cli *c, const char *path, bool *json)
{
    const char *from = given(c, "from");
    if (from && strcmp(from, "json") != 0 && strcmp(from, "cedar") != 0)
        return err_make(E_USAGE, "--from: expected cedar or json, got '%.40s'", from);
    *json = from ? strcmp(from, "json") == 0 : bytes_ends(bytes_str(path), BYTES(".json"));
    return err_ok();
}

/* A set of policies, or one policy alone. */
static bool
parse_json(struct cedar_str text, struct cedar_policies **out, struct cedar_error *error)
{
    struct arena a = {0};
    struct json *top = NULL;
    struct err e = json_parse(&a, bytes_make(text.at, text.n), NULL, &top);
    bool one = !err_failed(e) && json_get(top, "effect") != NULL;
    arena_free(&a);
    return one ? cedar_policy_json(text, "policies", out, error) : cedar_policies_json(text, "policies", out, error);
}

static bool
convert(struct cedar_str text, bool json, struct cedar_output *out, struct cedar_error *error)
{
    struct cedar_policies *set = NULL;
    bool ok = json ? parse_json(text, &set, error) : cedar_policies_parse(text, "policies", false, &set, error);
    ok = ok && (json ? cedar_policies_to_text(set, out, error) : cedar_policies_to_json(set, out, error));
    cedar_policies_unref(set);
    return ok;
}

static void
put_json(struct buf *b, bool from_json, struct bytes result)
{
    json_open(b, '{');
    json_member_str(b, "from", from_json ? "json" : "cedar");
    json_member_str(b, "to", from_json ? "cedar" : "json");
    json_key(b, "result");
    if (from_json)
        json_put_text(b, result);
    else
        buf_put(b, result); /* it is JSON */
    json_close(b, '}');
    buf_putc(b, '\n');
}

struct err
cmd_policy_convert(struct cli *c)
{
    struct cedar_output out = {NULL, 0};
    struct cedar_error error = {0};
    struct bytes text;
    struct buf b = buf_make(OUTPUT_MAX);
    bool json;
    TRY(is_json(c, c->words[0], &json));
    TRY(policy_read(c, c->words[0], &text));
    struct cedar_str in = {text.n ? (const char *)text.at : "", text.n};
    enum cedar_schema_form from = json ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_CEDAR, to = json ? CEDAR_SCHEMA_CEDAR : CEDAR_SCHEMA_JSON;
    if (given(c, "schema") ? !cedar_schema_convert(in, from, to, &out, &error) : !convert(in, json, &out, &error))
        return policy_syntax(c, c->words[0], text, &error);
    if (c->json) {
        put_json(&b, json, bytes_make(out.at, out.n));
    } else {
        buf_put(&b, bytes_make(out.at, out.n));
        if (out.n && out.at[out.n - 1] != '\n')
            buf_putc(&b, '\n');
    }
    cedar_output_free(&out);
    return output_send(c, &b);
}
