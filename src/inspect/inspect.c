#include "inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "inspect/rules.h"
#include "keys/own_token.h"

const char *const sighting_kind_names[] = {"secret", "class", "own_token", "sealed", "binary", NULL};
const char *const sighting_how_names[] = {"plain", "escaped", "percent", "base64", "split", NULL};

#define PATTERN_BYTES_MAX ((size_t)4 << 20)

/* ------------------------------------------------------------------------------------------------------ compiling */

static void
compiled_unref(struct compiled *c)
{
    if (c == NULL || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    hs_free_database(c->db);
    buf_free(&c->key);
    free(c);
}

/* Every rule's text for vectorscan, a zero behind each. */
static struct err
put_texts(const struct inspect *in, struct buf *b)
{
    for (size_t i = 0; i < in->n_rules; i++) {
        regex_scan_text(in->rules[i].regex, b);
        buf_putc(b, 0);
    }
    return b->failed ? err_make(E_LIMIT, "the rules are too large together") : err_ok();
}

static struct err
compile_texts(struct inspect *in, struct buf *texts, hs_database_t **db)
{
    const char **list = calloc(in->n_rules, sizeof *list);
    unsigned *ids = calloc(in->n_rules, sizeof *ids);
    hs_compile_error_t *why = NULL;
    struct err e = list && ids ? err_ok() : err_make(E_MEMORY, "no memory for rules");
    const char *at = (const char *)texts->at;
    for (size_t i = 0; !err_failed(e) && i < in->n_rules; i++) {
        list[i] = at;
        ids[i] = (unsigned)i;
        at += strlen(at) + 1;
    }
    if (!err_failed(e) && hs_compile_multi(list, NULL, ids, (unsigned)in->n_rules, HS_MODE_STREAM, NULL, db, &why) != HS_SUCCESS) {
        const struct rule *r = why->expression >= 0 && (size_t)why->expression < in->n_rules ? &in->rules[why->expression] : NULL;
        if (r)
            rules_note(in, FINDING_ERROR, r->file, r->line, "rule %s: it cannot be matched: %s", r->id, why->message);
        e = err_make(E_ESTATE, "the rules cannot be matched: %.200s", why->message);
        hs_free_compile_error(why);
    }
    free(list);
    free(ids);
    return e;
}

static struct err
compile(struct inspect *in, const struct inspect *old)
{
    static uint64_t serials;
    struct buf texts = buf_make(PATTERN_BYTES_MAX);
    struct err e = put_texts(in, &texts);
    if (!err_failed(e) && old && old->compiled && bytes_eq(buf_bytes(&texts), buf_bytes(&old->compiled->key))) {
        in->compiled = old->compiled;
        __atomic_add_fetch(&in->compiled->refs, 1, __ATOMIC_RELAXED);
        buf_free(&texts);
        return err_ok();
    }
    struct compiled *c = err_failed(e) ? NULL : calloc(1, sizeof *c);
    if (c && in->n_rules)
        e = compile_texts(in, &texts, &c->db);
    if (c == NULL || err_failed(e)) {
        free(c);
        buf_free(&texts);
        return err_failed(e) ? e : err_make(E_MEMORY, "no memory for rules");
    }
    c->refs = 1;
    c->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    c->key = texts;
    in->compiled = c;
    return err_ok();
}

/* ---------------------------------------------------------------------------------------------------------- making */

/* Tokens of Writ's own: what anybody else's files say about them changes nothing. */
static struct err
add_own(struct inspect *in)
{
    struct rule r = {.id = "writ-token",
                     .kind = SIGHT_OWN,
                     .join = true,
                     .check = own_token_is,
                     .file = "builtin",
                     .act = {FOUND_REFUSE, FOUND_REDACT, SENS_RESTRICTED}};
    TRY(regex_parse(&in->a, BYTES("writ_[a-z]{2}_[0-9A-Za-z]{38}"), &r.regex));
    return rules_add(in, &r);
}

static bool
is_off(const struct inspect *in, const char *id)
{
    for (const char *const *o = in->settings.disabled; o && *o; o++)
        if (strcmp(*o, id) == 0)
            return true;
    for (size_t i = 0; i < in->n_off; i++)
        if (strcmp(in->off[i], id) == 0)
            return true;
    return false;
}

static void
check_off(struct inspect *in)
{
    for (const char *const *o = in->settings.disabled; o && *o; o++)
        if (rules_find(in, bytes_str(*o)) == NULL)
            rules_note(in, FINDING_ERROR, in->settings.place.file, in->settings.place.line, "disabled_rules: there is no rule '%.64s'", *o);
    for (size_t i = 0; i < in->settings.n_rules; i++) {
        const struct rule_setting *s = &in->settings.rules[i];
        const struct rule *r = rules_find(in, bytes_str(s->id));
        if (r == NULL || r->kind != SIGHT_SECRET)
            rules_note(in, FINDING_ERROR, s->place.file, s->place.line, "rules: there is no rule '%.64s'", s->id);
    }
}

static void
drop_disabled(struct inspect *in)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n_rules; i++)
        if (in->rules[i].kind != SIGHT_SECRET || !is_off(in, in->rules[i].id))
            in->rules[n++] = in->rules[i];
    in->n_rules = n;
}

/* A rule that guesses does not stop a call by itself. */
static void
set_actions(struct inspect *in)
{
    for (size_t i = 0; i < in->n_rules; i++) {
        struct rule *r = &in->rules[i];
        r->reach = regex_reach(r->regex);
        if (r->kind != SIGHT_SECRET)
            continue;
        r->act = in->settings.secrets;
        if (r->guess && r->act.arguments > FOUND_NOTE)
            r->act.arguments = FOUND_NOTE;
        for (size_t k = 0; k < in->settings.n_rules; k++)
            if (strcmp(in->settings.rules[k].id, r->id) == 0)
                r->act = in->settings.rules[k].act;
    }
}

static struct err
read_all(struct inspect *in)
{
    const struct inspection_settings *s = &in->settings;
    TRY(add_own(in));
    if (s->builtin_rules)
        TRY(rules_read(in, "builtin", inspect_builtin(), true));
    for (size_t i = 0; i < s->n_files; i++)
        TRY(rules_read(in, s->files[i].file, s->files[i].text, false));
    for (size_t i = 0; i < s->n_classes; i++) {
        struct err e = rules_class(in, &s->classes[i]);
        if (e.code == E_LIMIT)
            rules_note(in, FINDING_ERROR, s->place.file, s->place.line, "%s", e.text);
        else
            TRY(e);
    }
    check_off(in);
    drop_disabled(in);
    set_actions(in);
    for (size_t i = 0; i < in->n_rules; i++)
        in->steps += regex_steps(in->rules[i].regex);
    if (in->steps > RULES_STEPS_MAX)
        rules_note(in, FINDING_ERROR, s->place.file, s->place.line, "with repetitions written out, the rules have %zu steps together; at most %u",
                   in->steps, RULES_STEPS_MAX);
    return err_ok();
}

struct err
inspect_make(const struct inspection_settings *s, const struct inspect *old, inspect_note *note, void *ctx, struct inspect **out)
{
    struct inspect *in = calloc(1, sizeof *in);
    if (in == NULL)
        return err_make(E_MEMORY, "no memory for rules");
    in->refs = 1;
    in->a.max = (size_t)256 << 20;
    in->settings = *s;
    in->note = note;
    in->note_ctx = ctx;
    struct err e = read_all(in);
    if (!err_failed(e) && in->errors)
        e = err_make(E_ESTATE, "%zu problem%s in what is to be looked for", in->errors, in->errors == 1 ? "" : "s");
    if (!err_failed(e))
        e = compile(in, old);
    in->note = NULL;
    if (err_failed(e)) {
        inspect_unref(in);
        return e;
    }
    *out = in;
    return err_ok();
}

struct inspect *
inspect_ref(struct inspect *in)
{
    if (in)
        __atomic_add_fetch(&in->refs, 1, __ATOMIC_RELAXED);
    return in;
}

void
inspect_unref(struct inspect *in)
{
    if (in == NULL || __atomic_sub_fetch(&in->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    compiled_unref(in->compiled);
    free(in->rules);
    arena_free(&in->a);
    free(in);
}

size_t
inspect_rules(const struct inspect *in)
{
    return in->n_rules;
}

static void
to_findings(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    findings_note(ctx, level, file, line, 0, "%s", text);
}

struct err
inspect_check(const struct estate *e, struct findings *f)
{
    struct inspect *in = NULL;
    struct err r = inspect_make(&e->inspection, NULL, to_findings, f, &in);
    inspect_unref(in);
    return r;
}
