/* An account of one policy, for people and as JSON. */
#include "base/json.h"
#include "cedar/why.h"

#define OUTPUT_MAX ((size_t)1 << 20)

static void
put(struct buf *b, struct cedar_str s)
{
    buf_put(b, str_bytes(s));
}

static void
put_operands(struct buf *b, const struct cedar_cause *c)
{
    for (size_t i = 0; i < c->n_operands; i++) {
        buf_puts(b, i ? ", " : ": ");
        put(b, c->operands[i].text);
        buf_puts(b, " is ");
        put(b, c->operands[i].value);
    }
}

static void
put_cause(struct buf *b, const struct cedar_cause *c)
{
    static const char *const words[] = {[CEDAR_FALSE] = "` is false", [CEDAR_TRUE] = "` is true", [CEDAR_FAILED] = "` is an error: "};
    buf_puts(b, "`");
    put(b, c->text);
    buf_puts(b, words[c->truth]);
    buf_puts(b, c->error ? c->error : "");
    put_operands(b, c);
}

static void
put_scope(struct buf *b, const struct cedar_clause *c)
{
    buf_puts(b, "  ");
    put(b, c->text);
    buf_puts(b, c->truth == CEDAR_TRUE ? ": matches" : c->truth == CEDAR_FALSE ? ": does not match" : ": not looked at");
    if (c->truth == CEDAR_FALSE && c->n_causes > 0)
        put_operands(b, &c->causes[0]);
    buf_putc(b, '\n');
}

static void
put_condition(struct buf *b, const struct cedar_clause *c)
{
    static const char *const truths[] = {
        [CEDAR_FALSE] = " was false", [CEDAR_TRUE] = " was true", [CEDAR_FAILED] = " is an error", [CEDAR_NOT_REACHED] = " was not looked at"};
    buf_printf(b, "  this `%s`", c->kind == CEDAR_CLAUSE_WHEN ? "when" : "unless");
    if (c->line)
        buf_printf(b, " (line %u)", c->line);
    buf_puts(b, truths[c->truth]);
    for (size_t i = 0; i < c->n_causes; i++) {
        buf_puts(b, i ? "; " : " because ");
        put_cause(b, &c->causes[i]);
    }
    buf_putc(b, '\n');
}

bool
cedar_why_text(const struct cedar_policies *policies, size_t i, const struct cedar_why *why, struct cedar_output *out)
{
    static const char *const outcomes[] = {
        [CEDAR_NOT_SATISFIED] = "does not apply", [CEDAR_SATISFIED] = "applies", [CEDAR_ERRS] = "is an error and does not count"};
    struct buf b = buf_make(OUTPUT_MAX);
    const struct policy *p = policies->at[i];
    buf_printf(&b, "%s `", p->effect == CEDAR_PERMIT ? "permit" : "forbid");
    put(&b, p->id);
    buf_printf(&b, "` %s\n", outcomes[why->outcome]);
    for (size_t k = 0; k < why->n; k++)
        (k < 3 ? put_scope : put_condition)(&b, &why->clauses[k]);
    buf_puts(&b, why->cut ? "  (shortened)\n" : "");
    return output_take(&b, out);
}

/* ----------------------------------------------------------------------------------------------------------------------------------- JSON */

static const char *const truth_names[] = {
    [CEDAR_FALSE] = "false", [CEDAR_TRUE] = "true", [CEDAR_FAILED] = "error", [CEDAR_NOT_REACHED] = "not_reached"};

static void
json_place(struct buf *b, unsigned line, unsigned column)
{
    if (line == 0)
        return;
    json_member_int(b, "line", line);
    json_member_int(b, "column", column);
}

static void
json_cause(struct buf *b, const struct cedar_cause *c)
{
    json_item(b);
    json_open(b, '{');
    json_member_text(b, "text", str_bytes(c->text));
    json_place(b, c->line, c->column);
    json_member_str(b, "truth", truth_names[c->truth]);
    json_key(b, "operands");
    json_open(b, '[');
    for (size_t i = 0; i < c->n_operands; i++) {
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "text", str_bytes(c->operands[i].text));
        json_member_text(b, "value", str_bytes(c->operands[i].value));
        json_close(b, '}');
    }
    json_close(b, ']');
    if (c->error)
        json_member_str(b, "error", c->error);
    json_close(b, '}');
}

static void
json_clause(struct buf *b, const struct cedar_clause *c)
{
    static const char *const kinds[] = {"principal", "action", "resource", "when", "unless"};
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "clause", kinds[c->kind]);
    json_member_text(b, "text", str_bytes(c->text));
    json_place(b, c->line, c->column);
    json_member_str(b, "truth", truth_names[c->truth]);
    json_member_bool(b, "holds", c->holds);
    json_key(b, "causes");
    json_open(b, '[');
    for (size_t i = 0; i < c->n_causes; i++)
        json_cause(b, &c->causes[i]);
    json_close(b, ']');
    json_close(b, '}');
}

bool
cedar_why_json(const struct cedar_policies *policies, size_t i, const struct cedar_why *why, struct cedar_output *out)
{
    static const char *const outcomes[] = {[CEDAR_NOT_SATISFIED] = "not_satisfied", [CEDAR_SATISFIED] = "satisfied", [CEDAR_ERRS] = "error"};
    struct buf b = buf_make(OUTPUT_MAX);
    json_open(&b, '{');
    json_member_text(&b, "policy", str_bytes(policies->at[i]->id));
    json_member_str(&b, "effect", policies->at[i]->effect == CEDAR_PERMIT ? "permit" : "forbid");
    json_member_str(&b, "outcome", outcomes[why->outcome]);
    json_key(&b, "clauses");
    json_open(&b, '[');
    for (size_t k = 0; k < why->n; k++)
        json_clause(&b, &why->clauses[k]);
    json_close(&b, ']');
    json_member_bool(&b, "cut", why->cut);
    json_close(&b, '}');
    return output_take(&b, out);
}
