/*
 * tasks/NAME.yaml: what a kind of task may use, under which conditions.
 */
#include "estate/fields.h"
#include "estate/schema.h"
#include "estate/subjects.h"

static const struct json *
number_of(struct loader *l, const struct yaml *y, const char *path)
{
    const struct json *v = y->type == YAML_INT || y->type == YAML_FLOAT ? json_of(l, y) : NULL;
    if (v && (v->type == JSON_INT || v->type == JSON_NUMBER))
        return v;
    refuse(l, y, path, "expected a number such as 100 or 99.50, got '%.*s'", BYTES_CUT(y->text, 40));
    return NULL;
}

static const struct json *
list_of(struct loader *l, const struct yaml *y, const char *path)
{
    if (!is_list(l, y, path))
        return NULL;
    if (y->count == 0)
        refuse(l, y, path, "is empty: no call could satisfy it");
    return json_of(l, y);
}

/* Read the condition's own value; false when it is not usable. */
static bool
read_value(struct loader *l, const struct yaml *y, const char *path, struct condition *c)
{
    switch (c->kind) {
    case COND_UNDER:
        c->folders = paths_of(l, y, path);
        if (c->folders && !c->folders[0] && y->type == YAML_LIST && y->count == 0)
            refuse(l, y, path, "is empty: no call could satisfy it");
        return c->folders != NULL;
    case COND_IS:
        return (c->value = json_of(l, y)) != NULL;
    case COND_ONE_OF:
        return (c->value = list_of(l, y, path)) != NULL;
    case COND_AT_MOST:
    case COND_AT_LEAST:
        return (c->value = number_of(l, y, path)) != NULL;
    case COND_STARTS:
        return text_of(l, y, path) && (c->value = json_of(l, y)) != NULL;
    case COND_ABSENT:
        if (y->type != YAML_BOOL || !y->truth)
            refuse(l, y, path, "can only be true; to allow the argument, remove the condition");
        return true;
    }
    return false;
}

/* "a string", … of the types that the pinned schema gives the argument. */
static const char *
types_text(unsigned types)
{
    for (int t = JSON_NULL; t <= JSON_OBJECT; t++)
        if (types == 1u << t)
            return json_type_name((enum json_type)t);
    return types == (1u << JSON_INT | 1u << JSON_NUMBER) ? "number" : "of several types";
}

static void
check_value(struct loader *l, const struct yaml *y, const char *path, const struct json *schema, const struct condition *c)
{
    const struct json *v = c->kind == COND_ONE_OF ? c->value->child : c->value;
    for (; v; v = c->kind == COND_ONE_OF ? v->next : NULL) {
        struct err e = schema_argument_fits(schema, bytes_str(c->argument), v);
        if (err_failed(e))
            refuse(l, y, path, "no call could satisfy this: %s", e.text);
    }
}

/* Can the condition hold for an argument of this type at all? */
static void
check_type(struct loader *l, const struct yaml *y, const char *path, const struct json *schema, const struct condition *c)
{
    struct bytes name = bytes_str(c->argument);
    unsigned types = schema_argument_types(schema, name), text = 1u << JSON_STRING, numbers = 1u << JSON_INT | 1u << JSON_NUMBER;
    bool texts = types & 1u << JSON_ARRAY && schema_item_types(schema, name) & text;
    if (c->kind == COND_UNDER && !(types & text) && !texts)
        refuse(l, y, path, "only a text or a list of texts can be a path; the argument is %s", types_text(types));
    if ((c->kind == COND_AT_MOST || c->kind == COND_AT_LEAST) && !(types & numbers))
        refuse(l, y, path, "only a number can be compared; the argument is %s", types_text(types));
    if (c->kind == COND_STARTS && !(types & text))
        refuse(l, y, path, "only a text can start with something; the argument is %s", types_text(types));
    if (c->kind == COND_IS || c->kind == COND_ONE_OF)
        check_value(l, y, path, schema, c);
}

/* The row of the condition's key, or -1 with a finding. */
static int
kind_of(struct loader *l, const struct yaml *y, const char *path)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(y->key);
    for (int i = 0; table_condition.rows[i].key; i++) {
        nearest_offer(&n, bytes_str(table_condition.rows[i].key));
        if (bytes_is(y->key, table_condition.rows[i].key))
            return i;
    }
    if (n.best.n)
        refuse(l, y, path, "unknown condition%s", nearest_hint(&n, hint));
    else
        refuse(l, y, path, "unknown condition; known: under, is, one_of, at_most, at_least, starts, absent");
    return -1;
}

static void
read_argument(struct loader *l, const struct yaml *y, const char *path, const struct json *schema, struct grant *g)
{
    if (y->type != YAML_MAP || y->count == 0) {
        refuse(l, y, path, "expected a condition such as { is: … } or { under: /folder }; to allow any value, leave the argument out");
        return;
    }
    for (const struct yaml *m = y->child; m; m = m->next) {
        const char *at = join(l, path, m->key);
        int kind = kind_of(l, m, at);
        struct condition c = {.argument = keep(l, y->key), .kind = (enum condition_kind)kind};
        if (kind < 0 || !read_value(l, m, at, &c))
            continue;
        if (schema)
            check_type(l, m, at, schema, &c);
        g->conditions[g->n_conditions++] = c;
    }
}

static size_t
count_conditions(const struct yaml *map)
{
    size_t n = 0;
    for (const struct yaml *y = map->child; y; y = y->next)
        n += y->count;
    return n;
}

/* What all resources, what all prompts are called with. */
static bool
shared_argument(const struct grant *g, struct bytes name)
{
    return strncmp(g->tool, "@resources", 10) == 0 ? bytes_is(name, "uri") : bytes_is(name, "name");
}

static void
unknown_argument(struct loader *l, const struct yaml *y, const char *path, const char *tool, const struct nearest *n)
{
    char hint[HINT_MAX];
    refuse(l, y, path, "the %s has no such argument%s", strncmp(tool, "@prompts/", 9) == 0 ? "prompt" : "tool", nearest_hint(n, hint));
}

static bool
argument_known(const struct grant *g, const struct tool *t, const struct json *schema, struct bytes name, struct nearest *n)
{
    if (t)
        return tool_argument(t, name, n);
    if (g->tool[0] != '@')
        return true; /* nothing is known of a tool that is not pinned */
    if (schema)
        return schema_argument(schema, name, n);
    return strncmp(g->tool, "@prompts/", 9) == 0 || shared_argument(g, name);
}

/* ${schema}: of the arguments, or NULL; ${first}: a condition that the grant's own name makes, or NULL. */
static void
read_conditions(struct loader *l, const struct yaml *map, const char *path, const struct tool *t, const struct json *schema,
                const struct condition *first, struct grant *g)
{
    g->conditions = estate_list(l, count_conditions(map) + 1, sizeof *g->conditions);
    if (first && g->conditions)
        g->conditions[g->n_conditions++] = *first;
    for (const struct yaml *y = map->child; y && g->conditions; y = y->next) {
        const char *at = join(l, path, y->key);
        struct nearest n = nearest_for(y->key);
        size_t before = g->n_conditions;
        if (!argument_known(g, t, schema, y->key, &n))
            unknown_argument(l, y, at, g->tool, &n);
        else
            read_argument(l, y, at, t ? t->schema : schema, g);
        for (size_t i = before; i < g->n_conditions && g->tool[0] == '@'; i++)
            subject_condition(l, y, at, g, &g->conditions[i]);
    }
}

static void
unknown_tool(struct loader *l, const struct yaml *y, const char *path, const struct destination *d, struct bytes name)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(name);
    for (size_t i = 0; i < d->n_tools; i++)
        nearest_offer(&n, bytes_str(d->tools[i].name));
    refuse(l, y, path, "'%s' has no pinned tool '%.*s'%s", d->id, BYTES_CUT(name, 64), nearest_hint(&n, hint));
}

/* One of "tool", "*", "@resources…", "@prompts…" of the destination, with what stands below it. */
static void
read_grant(struct loader *l, const struct yaml *key, const struct yaml *map, const char *path, struct grant *g)
{
    const struct destination *d = g->destination;
    struct bytes name = bytes_str(g->tool);
    const struct tool *t = destination_tool(d, name);
    if (strcmp(g->tool, "*") == 0) {
        struct any_tool_file f = {0};
        fields_read(l, &table_any_tool, map, path, &f);
        g->ceiling = (enum effect)f.up_to;
        return;
    }
    const struct json *schema = NULL;
    struct condition uri = {.argument = NULL};
    if (g->tool[0] == '@') {
        if (subject_grant(l, key, path, d, g, &schema, &uri))
            read_conditions(l, map, path, NULL, schema, uri.argument ? &uri : NULL, g);
        return;
    }
    if (t == NULL && d->pinned)
        unknown_tool(l, key, path, d, name);
    else
        read_conditions(l, map, path, t, NULL, NULL, g);
}

static const struct destination *
destination_of(struct loader *l, const struct yaml *y, const char *path, struct bytes id)
{
    char hint[HINT_MAX], name[NAME_MAX_BYTES + 1] = "";
    if (id.n <= NAME_MAX_BYTES)
        memcpy(name, id.at, id.n);
    const struct destination *d = estate_destination(l->estate, name);
    if (d)
        return d;
    struct nearest n = nearest_for(id);
    for (size_t i = 0; i < l->estate->n_destinations; i++)
        nearest_offer(&n, bytes_str(l->estate->destinations[i].id));
    refuse(l, y, path, "there is no destination '%.*s'%s", BYTES_CUT(id, 64), nearest_hint(&n, hint));
    return NULL;
}

/* A list below one tool is several ways to be allowed: each entry is a grant of its own. */
static void
read_grants(struct loader *l, const struct yaml *y, struct task *t)
{
    const char *path = join(l, "tools", y->key);
    size_t slash = bytes_find(y->key, '/');
    if (slash == 0 || slash + 1 >= y->key.n) {
        refuse(l, y, path, "expected DESTINATION/TOOL, such as files/read_text_file, or DESTINATION/*");
        return;
    }
    const struct destination *d = destination_of(l, y, path, bytes_sub(y->key, 0, slash));
    if (y->type == YAML_LIST && y->count == 0)
        refuse(l, y, path, "is an empty list; write {} to allow the tool with any arguments");
    for (const struct yaml *m = y->type == YAML_LIST ? y->child : y; m; m = y->type == YAML_LIST ? m->next : NULL) {
        struct grant g = {
            .destination = d, .tool = keep(l, bytes_sub(y->key, slash + 1, y->key.n)), .ceiling = EFFECT_IRREVERSIBLE, .place = {l->file, m->line}};
        if (!is_map(l, m, path) || d == NULL)
            continue;
        read_grant(l, y, m, path, &g);
        t->grants[t->n_grants++] = g;
    }
}

static size_t
count_grants(const struct yaml *tools)
{
    size_t n = 0;
    for (const struct yaml *y = tools->child; y; y = y->next)
        n += y->type == YAML_LIST ? y->count : 1;
    return n;
}

static void
check_task(struct loader *l, const struct yaml *top, const struct task *t)
{
    for (const char **g = t->approvers; *g; g++)
        if (!group_known(l->estate, bytes_str(*g)) && !l->people_broken)
            refuse_group(l, yaml_get(top, "approvers"), "approvers", bytes_str(*g));
    if (t->idle_ms > t->lifetime_ms && yaml_get(top, "idle"))
        warn(l, yaml_get(top, "idle"), "idle", "is longer than lifetime and has no effect");
}

static void
read_task(struct loader *l, const struct file *file, struct task *t)
{
    static const char *none[] = {NULL};
    struct task_file f = {.task = {.id = file->name, .purpose = "", .approvers = none, .place = {file->path, 1}}};
    const struct yaml *top = file_yaml(l, file);
    if (top)
        fields_read(l, &table_task, top, NULL, &f);
    *t = f.task;
    if (top == NULL)
        return;
    limits_of_use(l, f.limits, &t->limits);
    check_task(l, top, t);
    if (f.tools == NULL)
        return;
    t->grants = estate_list(l, count_grants(f.tools), sizeof *t->grants);
    if (f.tools->count == 0)
        warn(l, f.tools, "tools", "is empty: the task allows nothing");
    for (const struct yaml *y = f.tools->child; y && t->grants; y = y->next)
        read_grants(l, y, t);
}

void
load_tasks(struct loader *l)
{
    size_t n;
    struct file *files = files_list(l, "tasks", ".yaml", &n);
    l->estate->tasks = estate_list(l, n, sizeof *l->estate->tasks);
    for (size_t i = 0; i < n && l->estate->tasks && !l->memory; i++)
        read_task(l, &files[i], &l->estate->tasks[l->estate->n_tasks++]);
}
