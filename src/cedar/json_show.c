/* JSON values in error texts, as the official engine's JSON library words them. */
#include "cedar/json_show.h"

/* The member behind ${last} in the order of keys, by looking through all: texts are short, and so are the objects they show. */
static const struct json *
next_sorted(const struct json *v, const struct json *last)
{
    const struct json *best = NULL;
    for (const struct json *m = v->child; m; m = m->next)
        if ((last == NULL || bytes_cmp(m->key, last->key) > 0) && (best == NULL || bytes_cmp(m->key, best->key) < 0))
            best = m;
    return best;
}

void
json_show_string(struct text *t, struct bytes s)
{
    struct buf b = buf_make(4096);
    json_put_text(&b, bytes_sub(s, 0, 600));
    text_add(t, "%s", buf_text(&b));
    buf_free(&b);
}

/* Only the outermost object has its keys sorted, only the outermost array spaces. Recursion is bounded by the JSON reader. */
static void
show(struct text *t, const struct json *v, bool outermost)
{
    const struct json *m = NULL;
    const char *comma = outermost ? ", " : ",";
    if (v->type == JSON_STRING)
        json_show_string(t, v->text);
    else if (v->type == JSON_ARRAY) {
        text_add(t, "[");
        for (m = v->child; m && t->n < t->cap; m = m->next) {
            text_add(t, "%s", m == v->child ? "" : comma);
            show(t, m, outermost);
        }
        text_add(t, "]");
    } else if (v->type == JSON_OBJECT) {
        text_add(t, "{");
        for (size_t i = 0; i < v->count && t->n < t->cap; i++) {
            m = outermost ? next_sorted(v, m) : m ? m->next : v->child;
            text_add(t, "%s", i > 0 ? "," : "");
            json_show_string(t, m->key);
            text_add(t, ":");
            show(t, m, false);
        }
        text_add(t, "}");
    } else
        text_str(t, (struct cedar_str){(const char *)v->raw.at, v->raw.n < 300 ? v->raw.n : 300});
}

void
json_show(struct text *t, const struct json *v)
{
    show(t, v, true);
}

bool
json_wrong_type(struct cedar_error *error, const struct json *v, const char *expected)
{
    static const char *const words[] = {
        [JSON_NULL] = "null",      [JSON_BOOL] = "boolean `", [JSON_INT] = "integer `", [JSON_NUMBER] = "floating point `",
        [JSON_STRING] = "string ", [JSON_ARRAY] = "sequence", [JSON_OBJECT] = "map"};
    error_set(error, CEDAR_VALUE, 0, 0, "invalid type: %s", words[v->type]);
    struct text t = error_text(error);
    if (v->type == JSON_STRING)
        text_quoted(&t, (struct cedar_str){(const char *)v->text.at, v->text.n < 300 ? v->text.n : 300});
    else if (v->type == JSON_BOOL || v->type == JSON_INT || v->type == JSON_NUMBER) {
        text_str(&t, (struct cedar_str){(const char *)v->raw.at, v->raw.n < 300 ? v->raw.n : 300});
        text_add(&t, "`");
    }
    text_add(&t, ", expected %s", expected);
    return false;
}
