/* JSON in one form, so that a digest is about what is said and not about how it was written. */
#include <openssl/sha.h>
#include <stdlib.h>

#include "estate/load.h"
#include "estate/pin.h"

static int
by_key(const void *left, const void *right)
{
    return bytes_cmp((*(const struct json *const *)left)->key, (*(const struct json *const *)right)->key);
}

/* The members of ${v} by their keys, to be freed; NULL without memory, which fails ${b}. */
static const struct json **
sorted(struct buf *b, const struct json *v)
{
    const struct json **list = malloc((v->count + 1) * sizeof *list);
    size_t n = 0;
    if (list == NULL) {
        b->failed = true;
        return NULL;
    }
    for (const struct json *m = v->child; m; m = m->next)
        list[n++] = m;
    qsort(list, n, sizeof *list, by_key);
    return list;
}

static void
new_line(struct buf *b, int indent)
{
    if (indent >= 0)
        buf_putc(b, '\n');
    for (int i = 0; i < indent; i++)
        buf_puts(b, "  ");
}

static void
put_scalar(struct buf *b, const struct json *v)
{
    if (v->type == JSON_STRING)
        json_put_text(b, v->text);
    else if (v->type == JSON_INT)
        json_put_int(b, v->number);
    else
        json_put(b, v);
}

/* Depth is bounded by the JSON reader, so recursion is. */
void
canonical_put(struct buf *b, const struct json *v, int indent)
{
    bool object = v->type == JSON_OBJECT;
    if (!object && v->type != JSON_ARRAY) {
        put_scalar(b, v);
        return;
    }
    const struct json **list = object ? sorted(b, v) : NULL, *m = v->child;
    int deeper = indent < 0 ? -1 : indent + 1;
    json_open(b, object ? '{' : '[');
    for (size_t i = 0; i < v->count && !b->failed; i++) {
        const struct json *child = object ? list[i] : m;
        if (i)
            buf_putc(b, ',');
        new_line(b, deeper);
        if (object) {
            json_put_text(b, child->key);
            buf_puts(b, indent < 0 ? ":" : ": ");
        }
        canonical_put(b, child, deeper);
        m = m ? m->next : NULL;
    }
    if (v->count)
        new_line(b, indent);
    json_close(b, object ? '}' : ']');
    free(list);
}

struct err
canonical_digest(const struct json *v, const char *without, uint8_t out[32])
{
    struct buf b = buf_make(ESTATE_MAX_FILE * 4);
    if (!json_is(v, JSON_OBJECT))
        return err_make(E_PIN, "only an object has a digest");
    const struct json **list = sorted(&b, v);
    json_open(&b, '{');
    for (size_t i = 0; list && i < v->count; i++) {
        if (without && bytes_is(list[i]->key, without))
            continue;
        json_key_bytes(&b, list[i]->key);
        canonical_put(&b, list[i], -1);
    }
    json_close(&b, '}');
    free(list);
    bool failed = b.failed;
    if (!failed)
        SHA256(b.at, b.n, out);
    buf_free(&b);
    return failed ? err_make(E_MEMORY, "no memory for a digest") : err_ok();
}
