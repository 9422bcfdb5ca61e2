#include "base/yaml.h"

#include "base/json.h"

#include <libfyaml.h>
#include <stdlib.h>

#define TEXT_OF(token, n) ((token) ? fy_token_get_text((token), (n)) : "")

struct level {
    struct yaml *at;
    struct yaml **end;
    bool have_key; /* a mapping's key was read; its value comes next */
    struct bytes key;
    struct yaml_mark key_mark;
};

struct reader {
    struct arena *a;
    struct fy_parser *parser;
    struct fy_diag *diag;
    struct yaml_mark *where;
    struct yaml *root;
    struct level stack[YAML_MAX_DEPTH];
    size_t depth, nodes, documents;
};

static struct yaml_mark
mark_of(struct fy_event *e)
{
    const struct fy_mark *m = fy_event_start_mark(e);
    return m ? (struct yaml_mark){m->line + 1, m->column + 1} : (struct yaml_mark){1, 1};
}

static struct yaml_mark
mark_at(struct bytes text, size_t at)
{
    struct yaml_mark m = {1, 1};
    for (size_t i = 0; i < at && i < text.n; i++) {
        m.column++;
        if (text.at[i] == '\n')
            m.line++, m.column = 1;
    }
    return m;
}

static struct err
wrong(struct reader *r, struct yaml_mark mark, const char *what)
{
    *r->where = mark;
    return err_make(E_YAML, "%s", what);
}

/* The first byte that no reader of configuration should meet: NUL, other control characters, DEL (YAML 1.2 §5.1), or n. */
static size_t
find_control(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.at[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return i;
    }
    return text.n;
}

static size_t
find_bad_utf8(struct bytes text)
{
    size_t line_start = 0, good = 0, end;
    for (; line_start < text.n; line_start = end) {
        end = line_start + bytes_find(bytes_sub(text, line_start, text.n), '\n');
        end = end < text.n ? end + 1 : end;
        if (!bytes_utf8(bytes_sub(text, line_start, end - line_start)))
            break;
        good = end;
    }
    return good;
}

static struct err
check_bytes(struct bytes text, struct yaml_mark *where)
{
    *where = (struct yaml_mark){1, 1};
    if (text.n > YAML_MAX_BYTES)
        return err_make(E_LIMIT, "the file has %zu bytes; at most %zu are read", text.n, YAML_MAX_BYTES);
    if (!bytes_utf8(text)) {
        *where = mark_at(text, find_bad_utf8(text));
        return err_make(E_YAML, "this line is not valid UTF-8; save the file as UTF-8");
    }
    size_t bad = find_control(text);
    if (bad < text.n) {
        *where = mark_at(text, bad);
        return err_make(E_YAML, "the control character 0x%02x is not allowed", text.at[bad]);
    }
    return err_ok();
}

static bool
one_of(struct bytes t, const char *const *words)
{
    for (; *words; words++)
        if (bytes_is(t, *words))
            return true;
    return false;
}

static size_t
digits_of(struct bytes t, size_t from, const char *digits)
{
    size_t i = from;
    while (i < t.n && strchr(digits, t.at[i]))
        i++;
    return i - from;
}

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+ (YAML 1.2 §10.3.2). False when it is none or does not fit. */
static bool
integer(struct bytes t, int64_t *out)
{
    bool sign = t.n && (t.at[0] == '-' || t.at[0] == '+');
    unsigned base = t.n > 2 && t.at[0] == '0' ? (t.at[1] == 'x' ? 16 : t.at[1] == 'o' ? 8 : 10) : 10;
    size_t from = base != 10 ? 2 : sign;
    const char *digits = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789";
    if (t.n <= from || digits_of(t, from, digits) != t.n - from)
        return false;
    int64_t v = 0;
    for (size_t i = from; i < t.n; i++) {
        int c = t.at[i], d = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
        if (__builtin_mul_overflow(v, (int64_t)base, &v) || __builtin_sub_overflow(v, d, &v))
            return false;
    }
    /* counted downwards, so that the smallest integer fits too */
    return *out = v, (sign && t.at[0] == '-') || !__builtin_sub_overflow((int64_t)0, v, out);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? and the named ones (YAML 1.2 §10.3.2). */
static bool
floating(struct bytes t)
{
    static const char *const named[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN", NULL};
    static const char digits[] = "0123456789";
    if (one_of(t, named))
        return true;
    size_t i = t.n && (t.at[0] == '-' || t.at[0] == '+');
    size_t whole = digits_of(t, i, digits), fraction = 0;
    i += whole;
    if (i < t.n && t.at[i] == '.')
        fraction = digits_of(t, ++i, digits), i += fraction;
    if (whole + fraction == 0)
        return false;
    if (i < t.n && (t.at[i] | 32) == 'e') {
        i++;
        i += i < t.n && (t.at[i] == '-' || t.at[i] == '+');
        size_t exponent = digits_of(t, i, digits);
        i = exponent ? i + exponent : t.n + 1;
    }
    return i == t.n;
}

/* What a plain scalar means in the core schema; quoted and block scalars are always texts. */
static void
resolve(struct yaml *y)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL}, *const falses[] = {"false", "False", "FALSE", NULL};
    if (one_of(y->text, nulls)) {
        y->type = YAML_NULL;
    } else if (one_of(y->text, trues) || one_of(y->text, falses)) {
        y->type = YAML_BOOL;
        y->truth = (y->text.at[0] | 32) == 't';
    } else if (integer(y->text, &y->number)) {
        y->type = YAML_INT;
    } else {
        y->type = floating(y->text) ? YAML_FLOAT : YAML_TEXT;
    }
}

static struct err
scalar_text(struct reader *r, struct fy_event *e, struct yaml_mark mark, struct bytes *out)
{
    size_t n = 0;
    const char *text = TEXT_OF(e->scalar.value, &n);
    if (text == NULL)
        return wrong(r, mark, "this value cannot be read");
    if (memchr(text, 0, n))
        return wrong(r, mark, "a value must not contain the character \\0");
    if (!bytes_utf8(bytes_make(text, n)))
        return wrong(r, mark, "an escape in this value makes no valid character"); /* "\ud800" */
    *out = arena_copy(r->a, bytes_make(text, n));
    return out->at ? err_ok() : err_make(E_MEMORY, "no memory for a value of %zu bytes", n);
}

static struct err
take_key(struct reader *r, struct level *top, struct fy_event *e)
{
    struct yaml_mark mark = mark_of(e);
    if (e->type != FYET_SCALAR)
        return wrong(r, mark, "a key must be a plain name, not a mapping or a list");
    TRY(scalar_text(r, e, mark, &top->key));
    if (bytes_is(top->key, "<<"))
        return wrong(r, mark, "merge keys ('<<') are not accepted; write the keys out");
    top->key_mark = mark;
    top->have_key = true;
    return err_ok();
}

/* By key, then by place, so that of two alike the first written stands first. */
static int
by_key(const void *left, const void *right)
{
    const struct yaml *a = *(const struct yaml *const *)left, *b = *(const struct yaml *const *)right;
    int d = bytes_cmp(a->key, b->key);
    if (d == 0)
        d = (a->line > b->line) - (a->line < b->line);
    return d ? d : (a->column > b->column) - (a->column < b->column);
}

static struct err
refuse_duplicates(struct reader *r, const struct yaml *map)
{
    const struct yaml **list = arena_list(r->a, map->count + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return err_make(E_MEMORY, "no memory to compare %zu keys", map->count);
    for (const struct yaml *m = map->child; m; m = m->next)
        list[n++] = m;
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 1; i < n; i++) {
        if (!bytes_eq(list[i - 1]->key, list[i]->key))
            continue;
        *r->where = (struct yaml_mark){list[i]->line, list[i]->column};
        return err_make(E_YAML, "the key '%.*s' stands twice; the first is in line %d", BYTES_CUT(list[i]->key, 64), list[i - 1]->line);
    }
    return err_ok();
}

static struct err
add_node(struct reader *r, struct fy_event *e, struct yaml **out)
{
    struct yaml_mark mark = mark_of(e);
    if (++r->nodes > YAML_MAX_NODES) {
        *r->where = mark;
        return err_make(E_LIMIT, "more than %u values in one file", YAML_MAX_NODES);
    }
    struct yaml *y = ARENA_NEW(r->a, struct yaml);
    if (y == NULL)
        return err_make(E_MEMORY, "no memory for a value");
    struct level *top = r->depth ? &r->stack[r->depth - 1] : NULL;
    if (top && top->at->type == YAML_MAP) {
        y->key = top->key;
        mark = top->key_mark;
        top->have_key = false;
    }
    y->line = mark.line;
    y->column = mark.column;
    if (top) {
        *top->end = y;
        top->end = &y->next;
        top->at->count++;
    } else {
        r->root = y;
    }
    *out = y;
    return err_ok();
}

static struct err
take_holder(struct reader *r, struct fy_event *e)
{
    struct yaml *y;
    TRY(add_node(r, e, &y));
    y->type = e->type == FYET_MAPPING_START ? YAML_MAP : YAML_LIST;
    if (r->depth >= YAML_MAX_DEPTH) {
        *r->where = mark_of(e);
        return err_make(E_LIMIT, "nested deeper than %u levels", YAML_MAX_DEPTH);
    }
    r->stack[r->depth++] = (struct level){.at = y, .end = &y->child};
    return err_ok();
}

static struct err
take_scalar(struct reader *r, struct fy_event *e)
{
    struct yaml *y;
    TRY(add_node(r, e, &y));
    TRY(scalar_text(r, e, mark_of(e), &y->text));
    y->type = YAML_TEXT;
    if (e->scalar.value == NULL || fy_token_scalar_style(e->scalar.value) == FYSS_PLAIN)
        resolve(y);
    return err_ok();
}

static struct err
refuse_properties(struct reader *r, struct fy_event *e)
{
    struct fy_token *anchor = NULL, *tag = NULL;
    if (e->type == FYET_ALIAS)
        return wrong(r, mark_of(e), "aliases ('*name') are not accepted; write the value out");
    if (e->type == FYET_SCALAR)
        anchor = e->scalar.anchor, tag = e->scalar.tag;
    else if (e->type == FYET_MAPPING_START)
        anchor = e->mapping_start.anchor, tag = e->mapping_start.tag;
    else if (e->type == FYET_SEQUENCE_START)
        anchor = e->sequence_start.anchor, tag = e->sequence_start.tag;
    if (anchor)
        return wrong(r, mark_of(e), "anchors ('&name') are not accepted; write the value out where it is needed");
    if (tag)
        return wrong(r, mark_of(e), "tags ('!name') are not accepted");
    return err_ok();
}

static struct err
take_document(struct reader *r, struct fy_event *e)
{
    struct fy_document_state *s = e->document_start.document_state;
    if (++r->documents > 1)
        return wrong(r, mark_of(e), "a second document ('---') is not accepted; one file holds one document");
    if (s && (fy_document_state_version_explicit(s) || fy_document_state_tags_explicit(s)))
        return wrong(r, mark_of(e), "directives ('%YAML', '%TAG') are not accepted");
    return err_ok();
}

static struct err
take_event(struct reader *r, struct fy_event *e)
{
    struct level *top = r->depth ? &r->stack[r->depth - 1] : NULL;
    TRY(refuse_properties(r, e));
    switch (e->type) {
    case FYET_DOCUMENT_START:
        return take_document(r, e);
    case FYET_MAPPING_END:
        r->depth--;
        return refuse_duplicates(r, top->at);
    case FYET_SEQUENCE_END:
        r->depth--;
        return err_ok();
    case FYET_SCALAR:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        if (top && top->at->type == YAML_MAP && !top->have_key)
            return take_key(r, top, e);
        return e->type == FYET_SCALAR ? take_scalar(r, e) : take_holder(r, e);
    default:
        return err_ok();
    }
}

/* What the parser itself found wrong: its first error, in its own words. */
static struct err
parser_error(struct reader *r)
{
    void *iterator = NULL;
    struct fy_diag_error *d = fy_diag_errors_iterate(r->diag, &iterator);
    if (d == NULL || d->msg == NULL)
        return err_make(E_YAML, "not acceptable YAML");
    *r->where = (struct yaml_mark){d->line > 0 ? d->line : 1, d->column > 0 ? d->column : 1};
    struct bytes text = bytes_str(d->msg);
    while (text.n && (text.at[text.n - 1] == '\n' || text.at[text.n - 1] == ' '))
        text.n--;
    return err_make(E_YAML, "%.*s", BYTES_CUT(text, 200));
}

static struct err
read_events(struct reader *r)
{
    for (;;) {
        struct fy_event *e = fy_parser_parse(r->parser);
        if (e == NULL)
            return fy_parser_get_stream_error(r->parser) ? parser_error(r) : err_ok();
        enum fy_event_type type = e->type;
        struct err failed = take_event(r, e);
        fy_parser_event_free(r->parser, e);
        if (err_failed(failed) || type == FYET_STREAM_END)
            return failed;
    }
}

static struct err
empty_document(struct reader *r, struct yaml **out)
{
    *out = r->root;
    if (r->root)
        return err_ok();
    *out = ARENA_NEW(r->a, struct yaml);
    if (*out == NULL)
        return err_make(E_MEMORY, "no memory for a value");
    **out = (struct yaml){.type = YAML_NULL, .line = 1, .column = 1, .text = BYTES("")};
    return err_ok();
}

/* A diagnostic sink that keeps the errors and prints nothing: a library function never prints. */
static struct fy_diag *
quiet_diag(void)
{
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&cfg);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

struct err
yaml_parse(struct arena *a, struct bytes text, struct yaml **out, struct yaml_mark *where)
{
    *out = NULL;
    TRY(check_bytes(text, where));
    if (bytes_starts(text, BYTES("\xef\xbb\xbf")))
        text = bytes_sub(text, 3, text.n);
    struct reader r = {.a = a, .where = where, .diag = quiet_diag()};
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = r.diag};
    struct err e = err_make(E_MEMORY, "no memory for the YAML parser");
    r.parser = r.diag ? fy_parser_create(&cfg) : NULL;
    if (r.parser && fy_parser_set_string(r.parser, text.n ? (const char *)text.at : "", text.n) == 0)
        e = read_events(&r);
    if (!err_failed(e))
        e = empty_document(&r, out);
    fy_parser_destroy(r.parser);
    fy_diag_destroy(r.diag);
    return e;
}

struct yaml *
yaml_get(const struct yaml *map, const char *key)
{
    if (map == NULL || map->type != YAML_MAP)
        return NULL;
    for (struct yaml *m = map->child; m; m = m->next)
        if (bytes_is(m->key, key))
            return m;
    return NULL;
}

const char *
yaml_type_name(enum yaml_type type)
{
    static const char *const names[] = {"nothing", "true or false", "an integer", "a number", "a text", "a list", "a mapping"};
    return names[type];
}

static void
put_number(const struct yaml *y, struct buf *b)
{
    struct arena a = {0};
    struct json *v;
    bool json = !err_failed(json_parse(&a, y->text, NULL, &v));
    if (json)
        buf_put(b, y->text);
    else
        json_put_text(b, y->text);
    arena_free(&a);
}

static void
put_scalar(const struct yaml *y, struct buf *b)
{
    if (y->type == YAML_NULL)
        buf_puts(b, "null");
    else if (y->type == YAML_BOOL)
        json_put_bool(b, y->truth);
    else if (y->type == YAML_INT)
        json_put_int(b, y->number);
    else if (y->type == YAML_FLOAT)
        put_number(y, b);
    else
        json_put_text(b, y->text);
}

/* Depth is bounded by the parser (YAML_MAX_DEPTH), so recursion is. */
void
yaml_to_json(const struct yaml *y, struct buf *b)
{
    if (y->type != YAML_LIST && y->type != YAML_MAP) {
        put_scalar(y, b);
        return;
    }
    json_open(b, y->type == YAML_MAP ? '{' : '[');
    for (const struct yaml *m = y->child; m; m = m->next) {
        if (y->type == YAML_MAP)
            json_key_bytes(b, m->key);
        else
            json_item(b);
        yaml_to_json(m, b);
    }
    json_close(b, y->type == YAML_MAP ? '}' : ']');
}
