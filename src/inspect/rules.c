/* Rule files in gitleaks' format: TOML to struct rule. What cannot be taken is said with the rule and the reason. */
#include "inspect/rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/toml.h"

struct source {
    struct inspect *in;
    const char *file;
    bool builtin;
    struct arena trees;
};

void
rules_note(struct inspect *in, enum finding_level level, const char *file, int line, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    in->errors += level == FINDING_ERROR;
    if (in->note)
        in->note(level, file, line, text, in->note_ctx);
}

#define REFUSE(s, t, ...) rules_note((s)->in, FINDING_ERROR, (s)->file, (t)->line, __VA_ARGS__)
#define WARN(s, t, ...) rules_note((s)->in, FINDING_WARNING, (s)->file, (t)->line, __VA_ARGS__)
#define NO_MEMORY() err_make(E_MEMORY, "no memory for rules")

struct rule *
rules_find(const struct inspect *in, struct bytes id)
{
    for (size_t i = 0; i < in->n_rules; i++)
        if (bytes_is(id, in->rules[i].id))
            return &in->rules[i];
    return NULL;
}

struct err
rules_add(struct inspect *in, const struct rule *r)
{
    if (in->n_rules >= RULES_MAX)
        return err_make(E_LIMIT, "more than %u rules", RULES_MAX);
    if (in->n_rules == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : 128;
        struct rule *list = realloc(in->rules, cap * sizeof *list);
        if (list == NULL)
            return NO_MEMORY();
        in->rules = list;
        in->cap = cap;
    }
    in->rules[in->n_rules++] = *r;
    return err_ok();
}

/* ---------------------------------------------------------------------------------------------------------- fields */

/* A member of the wanted type, or NULL; of another type: NULL with a finding. */
static const struct toml *
want(struct source *s, const struct toml *t, const char *key, enum toml_type type)
{
    const struct toml *m = toml_get(t, key);
    if (m == NULL || m->type == type)
        return m;
    REFUSE(s, m, "%s: expected %s, got %s", key, toml_type_name(type), toml_type_name(m->type));
    return NULL;
}

static struct bytes
text_of(struct source *s, const struct toml *t, const char *key)
{
    const struct toml *m = want(s, t, key, TOML_TEXT);
    return m ? m->text : (struct bytes){NULL, 0};
}

static void
check_keys(struct source *s, const struct toml *t, const char *const *known, const char *where)
{
    for (const struct toml *m = t->child; m; m = m->next) {
        bool ok = false;
        for (const char *const *k = known; *k && !ok; k++)
            ok = bytes_is(m->key, *k);
        if (!ok)
            REFUSE(s, m, "%s: unknown key '%.*s'", where, BYTES_CUT(m->key, 40));
    }
}

/* A list of texts, lower case when ${lower}. */
static struct err
texts_of(struct source *s, const struct toml *t, const char *key, size_t max, bool lower, struct bytes **out, size_t *n)
{
    const struct toml *list = want(s, t, key, TOML_LIST);
    *n = 0;
    if (list == NULL)
        return err_ok();
    if (list->count > max) {
        REFUSE(s, list, "%s: more than %zu entries", key, max);
        return err_ok();
    }
    *out = arena_list(&s->in->a, list->count + 1, sizeof **out);
    if (*out == NULL)
        return NO_MEMORY();
    for (const struct toml *m = list->child; m; m = m->next) {
        if (m->type != TOML_TEXT || m->text.n == 0) {
            REFUSE(s, m, "%s: expected texts that are not empty", key);
            continue;
        }
        struct bytes copy = arena_copy(&s->in->a, m->text);
        if (copy.at == NULL)
            return NO_MEMORY();
        uint8_t *at = (uint8_t *)(uintptr_t)copy.at;
        for (size_t i = 0; lower && i < copy.n; i++)
            at[i] |= at[i] >= 'A' && at[i] <= 'Z' ? 0x20 : 0;
        (*out)[(*n)++] = copy;
    }
    return err_ok();
}

static bool
expression(struct source *s, const struct toml *at, struct bytes text, const char *what, struct regex **out)
{
    struct err e = regex_parse(&s->in->a, text, out);
    if (err_failed(e))
        REFUSE(s, at, "%s: %s", what, e.text);
    return !err_failed(e);
}

/* ------------------------------------------------------------------------------------------------------ allowlists */

static struct err
read_regexes(struct source *s, const struct toml *t, const char *what, struct allow *a)
{
    struct bytes *texts;
    size_t n;
    TRY(texts_of(s, t, "regexes", ALLOW_REGEXES_MAX, false, &texts, &n));
    a->regexes = arena_list(&s->in->a, n + 1, sizeof *a->regexes);
    if (a->regexes == NULL)
        return NO_MEMORY();
    for (size_t i = 0; i < n; i++)
        if (expression(s, t, texts[i], what, &a->regexes[a->n_regexes]))
            a->n_regexes++;
    return err_ok();
}

static bool
read_target(struct source *s, const struct toml *t, struct allow *a)
{
    struct bytes target = text_of(s, t, "regexTarget"), condition = text_of(s, t, "condition");
    a->target = bytes_is(target, "match") ? ALLOW_MATCH : bytes_is(target, "line") ? ALLOW_LINE : ALLOW_SECRET;
    if (a->target == ALLOW_SECRET && target.n && !bytes_is(target, "secret")) {
        REFUSE(s, t, "regexTarget: '%.*s' is none of secret, match, line", BYTES_CUT(target, 20));
        return false;
    }
    a->all = bytes_same_case(condition, BYTES("AND")) || bytes_is(condition, "&&");
    if (!a->all && condition.n && !bytes_same_case(condition, BYTES("OR")) && !bytes_is(condition, "||")) {
        REFUSE(s, t, "condition: '%.*s' is neither AND nor OR", BYTES_CUT(condition, 20));
        return false;
    }
    return true;
}

/*
 * Nothing here has a path or a commit. Where those are one way of several to be allowed, the others stay; where all must hold, or nothing
 * else is asked for, the entry can never allow anything and is left out.
 */
static struct err
read_allow(struct source *s, const struct toml *t, const char *what, struct allow *a, bool *usable)
{
    static const char *const keys[] = {"description", "condition", "commits", "paths", "regexTarget", "regexes", "stopwords", "targetRules", NULL};
    *a = (struct allow){0};
    *usable = false;
    if (t->type != TOML_TABLE) {
        REFUSE(s, t, "%s: expected a table, got %s", what, toml_type_name(t->type));
        return err_ok();
    }
    check_keys(s, t, keys, what);
    if (!read_target(s, t, a))
        return err_ok();
    TRY(read_regexes(s, t, what, a));
    TRY(texts_of(s, t, "stopwords", STOPWORDS_MAX, true, &a->stopwords, &a->n_stopwords));
    bool elsewhere = toml_get(t, "paths") || toml_get(t, "commits");
    *usable = (a->n_regexes || a->n_stopwords) && !(a->all && elsewhere);
    return err_ok();
}

static struct err
push_allow(struct inspect *in, struct allow **list, size_t *n, size_t *cap, const struct allow *a)
{
    if (*n >= ALLOWS_MAX)
        return err_make(E_LIMIT, "more than %u allowlists", ALLOWS_MAX);
    if (*n == *cap) {
        struct allow *more = arena_list(&in->a, *cap * 2 + 4, sizeof *more);
        if (more == NULL)
            return NO_MEMORY();
        if (*n)
            memcpy(more, *list, *n * sizeof *more);
        *list = more;
        *cap = *cap * 2 + 4;
    }
    (*list)[(*n)++] = *a;
    return err_ok();
}

static struct err
add_to_rules(struct source *s, const struct toml *targets, const struct allow *a)
{
    for (const struct toml *m = targets->child; m; m = m->next) {
        struct rule *r = m->type == TOML_TEXT ? rules_find(s->in, m->text) : NULL;
        size_t cap = r ? r->n_allows : 0; /* always full: a copy each time, which is rare */
        if (r)
            TRY(push_allow(s->in, &r->allows, &r->n_allows, &cap, a));
        else
            REFUSE(s, m, "targetRules: there is no rule '%.*s'", BYTES_CUT(m->text, 60));
    }
    return err_ok();
}

static struct err
read_globals(struct source *s, const struct toml *root)
{
    const struct toml *list = toml_get(root, "allowlists"), *old = toml_get(root, "allowlist");
    struct allow a;
    bool usable;
    if (list && list->type != TOML_LIST) {
        REFUSE(s, list, "allowlists: write [[allowlists]]");
        return err_ok();
    }
    for (const struct toml *t = list ? list->child : old; t; t = list ? t->next : NULL) {
        TRY(read_allow(s, t, "allowlist", &a, &usable));
        const struct toml *targets = want(s, t, "targetRules", TOML_LIST);
        if (usable && targets)
            TRY(add_to_rules(s, targets, &a));
        else if (usable)
            TRY(push_allow(s->in, &s->in->allows, &s->in->n_allows, &s->in->cap_allows, &a));
    }
    return err_ok();
}

static struct err
read_allows(struct source *s, const struct toml *t, struct rule *r)
{
    const struct toml *list = toml_get(t, "allowlists"), *old = toml_get(t, "allowlist");
    size_t cap = 0;
    struct allow a;
    bool usable;
    if (list && list->type != TOML_LIST) {
        REFUSE(s, list, "rule %s: write [[rules.allowlists]]", r->id);
        return err_ok();
    }
    for (const struct toml *m = list ? list->child : old; m; m = list ? m->next : NULL) {
        TRY(read_allow(s, m, r->id, &a, &usable));
        if (usable)
            TRY(push_allow(s->in, &r->allows, &r->n_allows, &cap, &a));
    }
    return err_ok();
}

/* ----------------------------------------------------------------------------------------------------------- rules */

static bool
id_ok(struct bytes id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!((id.at[i] | 0x20) >= 'a' && (id.at[i] | 0x20) <= 'z') && !(id.at[i] >= '0' && id.at[i] <= '9') && !strchr("._-", id.at[i]))
            return false;
    return id.n > 0 && id.n <= ID_MAX;
}

static bool
has_tag(const struct toml *t, const char *tag)
{
    const struct toml *list = toml_get(t, "tags");
    for (const struct toml *m = list ? list->child : NULL; m; m = m->next)
        if (m->type == TOML_TEXT && bytes_is(m->text, tag))
            return true;
    return false;
}

static bool
read_numbers(struct source *s, const struct toml *t, struct rule *r)
{
    const struct toml *group = want(s, t, "secretGroup", TOML_INT), *entropy = toml_get(t, "entropy");
    if (group && (group->number < 0 || (uint64_t)group->number > regex_groups(r->regex))) {
        REFUSE(s, group, "rule %s: secretGroup %lld: the expression has %zu groups", r->id, (long long)group->number, regex_groups(r->regex));
        return false;
    }
    if (entropy && entropy->type != TOML_FLOAT && entropy->type != TOML_INT) {
        REFUSE(s, entropy, "rule %s: entropy: expected a number", r->id);
        return false;
    }
    r->group = group ? (unsigned)group->number : 0;
    r->entropy = entropy ? entropy->real : 0;
    return true;
}

static struct err
read_details(struct source *s, const struct toml *t, struct rule *r, bool *ok)
{
    static const char *const keys[] = {"id",   "description", "regex",      "secretGroup", "entropy",    "keywords", "path",
                                       "tags", "allowlist",   "allowlists", "required",    "skipReport", NULL};
    check_keys(s, t, keys, r->id);
    if (toml_get(t, "required") || toml_get(t, "skipReport")) {
        REFUSE(s, t, "rule %s: rules of several parts (required, skipReport) are not supported", r->id);
        return err_ok();
    }
    if (regex_min_bytes(r->regex) == 0) {
        REFUSE(s, t, "rule %s: the expression matches the empty text", r->id);
        return err_ok();
    }
    if (toml_get(t, "path"))
        WARN(s, t, "rule %s: path is not looked at: nothing here is a file, so the rule holds everywhere", r->id);
    if (!read_numbers(s, t, r))
        return err_ok();
    TRY(texts_of(s, t, "keywords", KEYWORDS_MAX, true, &r->keywords, &r->n_keywords));
    TRY(read_allows(s, t, r));
    r->guess = has_tag(t, "guess");
    *ok = true;
    return err_ok();
}

static struct err
read_rule(struct source *s, const struct toml *t)
{
    struct rule r = {.kind = SIGHT_SECRET, .join = true, .file = s->file, .line = t->line};
    struct bytes id = text_of(s, t, "id"), regex = text_of(s, t, "regex");
    if (t->type != TOML_TABLE || !id_ok(id)) {
        REFUSE(s, t, "rule: an id of 1 to %u letters, digits and . _ - is needed", ID_MAX);
        return err_ok();
    }
    size_t before = s->in->errors;
    bool ok = false;
    r.id = arena_str(&s->in->a, id);
    if (r.id == NULL)
        return NO_MEMORY();
    if (regex.n == 0) {
        WARN(s, t, toml_get(t, "path") ? "rule %s: it names files only, and nothing here is a file: left out" : "rule %s: it has no regex: left out",
             r.id);
        return err_ok();
    }
    if (!expression(s, toml_get(t, "regex"), regex, r.id, &r.regex))
        return err_ok();
    TRY(read_details(s, t, &r, &ok));
    if (!ok || s->in->errors > before)
        return err_ok();
    TRY(regex_trim(&s->in->a, r.regex));
    struct rule *old = rules_find(s->in, id);
    if (old == NULL)
        return rules_add(s->in, &r);
    if (old->file == s->file) {
        REFUSE(s, t, "rule %s: it stands twice in this file (line %d)", r.id, old->line);
        return err_ok();
    }
    WARN(s, t, "rule %s: replaces the one of %s", r.id, old->file);
    *old = r;
    return err_ok();
}

/* [extend]: the built-in rules are there already; other files would have to be fetched. */
static struct err
read_extend(struct source *s, const struct toml *t)
{
    static const char *const keys[] = {"path", "url", "useDefault", "disabledRules", NULL};
    if (t == NULL)
        return err_ok();
    check_keys(s, t, keys, "extend");
    if (toml_get(t, "path") || toml_get(t, "url"))
        REFUSE(s, t, "extend: other files are not read; put them into inspection/");
    const struct toml *standard = toml_get(t, "useDefault"), *off = want(s, t, "disabledRules", TOML_LIST);
    if (standard && standard->truth)
        WARN(s, standard, "extend.useDefault: means the built-in rules here, which inspection.yaml turns on and off");
    size_t had = s->in->n_off, n = off ? off->count : 0;
    const char **list = arena_list(&s->in->a, had + n + 1, sizeof *list);
    if (list == NULL)
        return NO_MEMORY();
    for (size_t i = 0; i < had; i++)
        list[i] = s->in->off[i];
    for (const struct toml *m = off ? off->child : NULL; m; m = m->next)
        if (m->type == TOML_TEXT && (list[had] = arena_str(&s->in->a, m->text)) != NULL)
            had++;
    s->in->off = list;
    s->in->n_off = had;
    return err_ok();
}

static struct err
read_root(struct source *s, const struct toml *root)
{
    static const char *const keys[] = {"title", "description", "minVersion", "extend", "rules", "allowlist", "allowlists", NULL};
    const struct toml *rules = want(s, root, "rules", TOML_LIST);
    check_keys(s, root, keys, "the file");
    for (const struct toml *t = rules ? rules->child : NULL; t; t = t->next) {
        struct err e = read_rule(s, t);
        if (e.code == E_LIMIT)
            REFUSE(s, t, "%s", e.text);
        else
            TRY(e);
    }
    TRY(read_extend(s, want(s, root, "extend", TOML_TABLE)));
    return read_globals(s, root);
}

struct err
rules_read(struct inspect *in, const char *file, struct bytes text, bool builtin)
{
    struct source s = {.in = in, .file = file, .builtin = builtin};
    struct toml *root;
    int line;
    struct err e = toml_parse(&s.trees, text, &root, &line);
    if (err_failed(e) && e.code != E_MEMORY) {
        rules_note(in, FINDING_ERROR, file, line, "%s", e.text);
        e = err_ok();
    } else if (!err_failed(e)) {
        e = read_root(&s, root);
    }
    if (e.code == E_LIMIT) {
        rules_note(in, FINDING_ERROR, file, 1, "%s", e.text);
        e = err_ok();
    }
    arena_free(&s.trees);
    return e;
}
