#include "estate/fields.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#define WRONG_TYPE(l, y, path, what) refuse(l, y, path, "expected %s, got %s%s", what, yaml_type_name((y)->type), quotes_hint(y))

/* A number or true where a text belongs is most often a text that wants quotes. */
static const char *
quotes_hint(const struct yaml *y)
{
    return y->type == YAML_INT || y->type == YAML_FLOAT || y->type == YAML_BOOL ? "; put it in quotes if it is meant as text" : "";
}

bool
is_map(struct loader *l, const struct yaml *y, const char *path)
{
    if (y->type != YAML_MAP)
        refuse(l, y, path, "expected a mapping, got %s", yaml_type_name(y->type));
    return y->type == YAML_MAP;
}

bool
is_list(struct loader *l, const struct yaml *y, const char *path)
{
    if (y->type != YAML_LIST)
        refuse(l, y, path, "expected a list, got %s", yaml_type_name(y->type));
    return y->type == YAML_LIST;
}

const char *
text_of(struct loader *l, const struct yaml *y, const char *path)
{
    if (y->type == YAML_TEXT)
        return keep(l, y->text);
    WRONG_TYPE(l, y, path, "a text");
    return NULL;
}

const struct json *
json_of(struct loader *l, const struct yaml *y)
{
    struct buf b = buf_make(YAML_MAX_BYTES * 8);
    struct json *v = NULL;
    yaml_to_json(y, &b);
    struct bytes text = b.failed ? (struct bytes){NULL, 0} : arena_copy(&l->estate->arena, buf_bytes(&b));
    if (text.at == NULL || err_failed(json_parse(&l->estate->arena, text, NULL, &v)))
        l->memory = true;
    buf_free(&b);
    return v;
}

typedef void read_fn(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to);

static void
read_text(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    const char *text = text_of(l, y, path);
    if (text && f->flags & FIELD_REQUIRED && bytes_trim(y->text).n == 0)
        refuse(l, y, path, "must not be empty: %s", f->help);
    if (text)
        *(const char **)to = text;
}

static void
read_bool(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    if (y->type == YAML_BOOL)
        *(bool *)to = y->truth;
    else if (y->type == YAML_TEXT)
        refuse(l, y, path, "expected true or false, got the text '%.*s'", BYTES_CUT(y->text, 40));
    else
        refuse(l, y, path, "expected true or false, got %s", yaml_type_name(y->type));
}

static void
read_count(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    if (y->type == YAML_INT && y->number >= 0 && y->number <= UINT32_MAX)
        *(uint64_t *)to = (uint64_t)y->number;
    else if (y->type == YAML_INT)
        refuse(l, y, path, "expected 0 to %u, got %lld", UINT32_MAX, (long long)y->number);
    else
        refuse(l, y, path, "expected an integer, got %s", yaml_type_name(y->type));
}

struct scale {
    const char *ending;
    uint64_t times;
};

/* "<digits><ending>": the value, or false. */
static bool
scaled(struct bytes text, const struct scale *scales, uint64_t *out)
{
    for (; scales->ending; scales++) {
        struct bytes ending = bytes_str(scales->ending);
        if (!bytes_ends(text, ending) || !bytes_u64(bytes_sub(text, 0, text.n - ending.n), out))
            continue;
        return !__builtin_mul_overflow(*out, scales->times, out) && *out <= (uint64_t)INT64_MAX;
    }
    return false;
}

static void
read_duration(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    static const struct scale scales[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    uint64_t ms;
    (void)f;
    if (y->type != YAML_TEXT || !scaled(y->text, scales, &ms))
        refuse(l, y, path, "'%.*s' is no duration; write a number with ms, s, m, h or d, such as 15m", BYTES_CUT(y->text, 40));
    else if (ms == 0 || ms > 366 * (uint64_t)86400000)
        refuse(l, y, path, "a duration lies between 1ms and 366d");
    else
        *(uint64_t *)to = ms;
}

static void
read_size(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    static const struct scale scales[] = {{"KiB", 1024}, {"MiB", 1024 * 1024}, {"", 1}, {NULL, 0}};
    uint64_t bytes;
    (void)f;
    if ((y->type != YAML_TEXT && y->type != YAML_INT) || !scaled(y->text, scales, &bytes))
        refuse(l, y, path, "'%.*s' is no size; write bytes, or a number with KiB or MiB", BYTES_CUT(y->text, 40));
    else if (bytes == 0 || bytes > (uint64_t)64 << 20)
        refuse(l, y, path, "a size lies between 1 and 64MiB");
    else
        *(uint64_t *)to = bytes;
}

static void
read_rate(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    static const struct scale scales[] = {{"/s", 1}, {"/m", 1}, {"/h", 1}, {NULL, 0}};
    uint64_t count;
    (void)f;
    if (y->type == YAML_TEXT && bytes_is(y->text, "none"))
        *(struct rate *)to = (struct rate){0, 0};
    else if (y->type != YAML_TEXT || !scaled(y->text, scales, &count))
        refuse(l, y, path, "'%.*s' is no rate; write a number with /s, /m or /h, such as 10/s, or none", BYTES_CUT(y->text, 40));
    else if (count == 0 || count > 1000000)
        refuse(l, y, path, "a rate lies between 1 and 1000000, or is none");
    else
        *(struct rate *)to = (struct rate){count, bytes_ends(y->text, BYTES("s")) ? 1000 : bytes_ends(y->text, BYTES("m")) ? 60000 : 3600000};
}

static void
read_choice(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    char list[160] = "";
    if (y->type != YAML_TEXT) {
        WRONG_TYPE(l, y, path, "a text");
        return;
    }
    for (int i = 0; f->choices[i]; i++) {
        if (bytes_is(y->text, f->choices[i])) {
            *(int *)to = i;
            return;
        }
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", f->choices[i]);
    }
    refuse(l, y, path, "'%.*s' is none of: %s", BYTES_CUT(y->text, 40), list);
}

/* Absolute, and written as it is meant: no "." or ".." and no doubled slash that two readers could take differently. */
static const char *
path_fault(struct bytes p)
{
    if (p.n == 0 || p.at[0] != '/')
        return "must be absolute (start with /)";
    if (p.n > 1 && p.at[p.n - 1] == '/')
        return "must not end with /";
    if (p.n > 4000)
        return "is too long";
    if (p.n == 1)
        return NULL;
    struct bytes rest = bytes_sub(p, 1, p.n);
    while (rest.at) {
        struct bytes part = bytes_split(&rest, '/');
        if (part.n == 0 || bytes_is(part, ".") || bytes_is(part, ".."))
            return "must be written without '.', '..' and '//'";
    }
    return NULL;
}

const char *
path_of(struct loader *l, const struct yaml *y, const char *path)
{
    const char *text = text_of(l, y, path);
    const char *fault = text ? path_fault(y->text) : NULL;
    if (fault)
        refuse(l, y, path, "the path '%.*s' %s", BYTES_CUT(y->text, 100), fault);
    return fault ? NULL : text;
}

static void
read_path(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    const char *text = path_of(l, y, path);
    if (text)
        *(const char **)to = text;
}

/* Howard Hinnant's days from civil, in the proleptic Gregorian calendar. */
static int64_t
days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool
date_parse(struct bytes t, int64_t *day)
{
    char full[32];
    int64_t ms;
    if (t.n != 10)
        return false;
    snprintf(full, sizeof full, "%.*sT00:00:00Z", BYTES_CUT(t, 10));
    if (!env_time_parse(bytes_str(full), &ms))
        return false;
    *day = days_since_1970(atoi(full), atoi(full + 5), atoi(full + 8));
    return true;
}

static void
read_date(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    int64_t day;
    (void)f;
    if (y->type == YAML_TEXT && date_parse(y->text, &day))
        *(const char **)to = keep(l, y->text);
    else
        refuse(l, y, path, "'%.*s' is no date; write YYYY-MM-DD", BYTES_CUT(y->text, 40));
}

static const char *
name_of(struct loader *l, const struct yaml *y, const char *path)
{
    const char *text = text_of(l, y, path);
    if (text == NULL || name_ok(y->text))
        return text;
    refuse(l, y, path, "'%.*s' is no name: 1 to %u of a-z 0-9 . _ -, beginning with a letter or digit", BYTES_CUT(y->text, 80), NAME_MAX_BYTES);
    return NULL;
}

static void
read_name(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    const char *text = name_of(l, y, path);
    if (text)
        *(const char **)to = text;
}

typedef const char *item_fn(struct loader *l, const struct yaml *y, const char *path);

/* A list of texts; where ${single} is allowed, one text alone is a list of it. */
static const char **
list_of(struct loader *l, const struct yaml *y, const char *path, item_fn *item, bool single)
{
    bool alone = single && y->type == YAML_TEXT;
    if (single && !alone && y->type != YAML_LIST)
        refuse(l, y, path, "expected a path or a list of paths, got %s", yaml_type_name(y->type));
    if (!alone && (single ? y->type != YAML_LIST : !is_list(l, y, path)))
        return NULL;
    const char **list = estate_list(l, y->count + 2, sizeof *list);
    size_t n = 0;
    for (const struct yaml *m = alone ? y : y->child; m && list; m = alone ? NULL : m->next) {
        const char *text = item(l, m, path);
        if (text)
            list[n++] = text;
    }
    return list;
}

const char **
paths_of(struct loader *l, const struct yaml *y, const char *path)
{
    return list_of(l, y, path, path_of, true);
}

static void
read_texts(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    item_fn *item = f->type == FIELD_PATHS ? path_of : f->type == FIELD_NAMES ? name_of : text_of;
    const char **list = list_of(l, y, path, item, f->type == FIELD_PATHS);
    for (size_t i = 0; list && list[i]; i++)
        for (size_t k = 0; k < i && f->type != FIELD_TEXTS; k++)
            if (strcmp(list[i], list[k]) == 0)
                refuse(l, y, path, "'%s' stands twice in the list", list[i]);
    if (list)
        *(const char ***)to = list;
}

static void
read_person(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    char hint[HINT_MAX];
    (void)f;
    const char *id = text_of(l, y, path);
    const struct person *p = id ? estate_person(l->estate, id) : NULL;
    if (p)
        *(const struct person **)to = p;
    if (id == NULL || p || l->people_broken)
        return;
    struct nearest n = nearest_for(y->text);
    for (size_t i = 0; i < l->estate->n_people; i++)
        nearest_offer(&n, bytes_str(l->estate->people[i].id));
    refuse(l, y, path, "people.yaml has no '%s'%s", id, nearest_hint(&n, hint));
}

static const struct task *
task_of(struct loader *l, const struct yaml *y, const char *path)
{
    char hint[HINT_MAX];
    const char *id = text_of(l, y, path);
    const struct task *t = id ? estate_task(l->estate, id) : NULL;
    if (id == NULL || t)
        return t;
    struct nearest n = nearest_for(y->text);
    for (size_t i = 0; i < l->estate->n_tasks; i++)
        nearest_offer(&n, bytes_str(l->estate->tasks[i].id));
    refuse(l, y, path, "there is no task '%s'%s", id, nearest_hint(&n, hint));
    return NULL;
}

static void
read_task(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    *(const struct task **)to = task_of(l, y, path);
}

static void
read_tasks(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    if (!is_list(l, y, path))
        return;
    const struct task **list = estate_list(l, y->count + 1, sizeof *list);
    size_t n = 0;
    for (const struct yaml *m = y->child; m && list; m = m->next) {
        const struct task *t = task_of(l, m, path);
        for (size_t k = 0; k < n && t; k++)
            if (list[k] == t) {
                refuse(l, m, path, "'%s' stands twice in the list", t->id);
                t = NULL;
            }
        if (t)
            list[n++] = t;
    }
    if (list)
        *(const struct task ***)to = list;
}

/* user_find(l, y, path, uid): the user of this host with that name, or id in quotes: in a container users have no names. */
static const char *
user_find(struct loader *l, const struct yaml *y, const char *path, int *uid)
{
    char text[16384];
    struct passwd entry, *found = NULL;
    const char *name = text_of(l, y, path);
    if (name == NULL)
        return NULL;
    int failed = getpwnam_r(name, &entry, text, sizeof text, &found);
    uint64_t number;
    if (found == NULL && bytes_u64(bytes_str(name), &number) && number < INT32_MAX) {
        *uid = (int)number;
        return name;
    }
    if (found == NULL) {
        refuse(l, y, path, failed ? "the user '%s' cannot be looked up on this host" : "this host has no user '%s'; create it or name another", name);
        return NULL;
    }
    *uid = (int)found->pw_uid;
    return name;
}

static void
read_user(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    int uid = -1;
    const char *name = user_find(l, y, path, &uid);
    if (name == NULL)
        return;
    if (f->type == FIELD_USERNAME)
        *(const char **)to = name;
    else
        *(int *)to = uid;
}

static void
read_uid(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    if (y->type == YAML_INT && y->number >= 0 && y->number < INT32_MAX)
        *(int *)to = (int)y->number;
    else if (y->type == YAML_INT)
        refuse(l, y, path, "expected a user id of 0 to %d", INT32_MAX - 1);
    else
        refuse(l, y, path, "expected a user id (a number), got %s; a name goes under 'user'", yaml_type_name(y->type));
}

static void
read_hash(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)f;
    const char *text = text_of(l, y, path);
    if (text == NULL)
        return;
    if (y->text.n != 64 || strspn(text, "0123456789abcdef") != 64)
        refuse(l, y, path, "expected 64 lower-case hexadecimal digits, as sha256sum prints them");
    else
        *(const char **)to = text;
}

static void
read_map(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    if (f->type == FIELD_LIST ? is_list(l, y, path) : is_map(l, y, path))
        *(const struct yaml **)to = y;
}

static void
read_any(struct loader *l, const struct field *f, const struct yaml *y, const char *path, void *to)
{
    (void)l, (void)f, (void)path;
    *(const struct yaml **)to = y;
}

static const struct {
    const char *text; /* in docs */
    read_fn *read;
} kinds[] = {
    [FIELD_TEXT] = {"text", read_text},
    [FIELD_BOOL] = {"true or false", read_bool},
    [FIELD_COUNT] = {"number", read_count},
    [FIELD_DURATION] = {"duration", read_duration},
    [FIELD_SIZE] = {"size", read_size},
    [FIELD_RATE] = {"rate", read_rate},
    [FIELD_CHOICE] = {"one of", read_choice},
    [FIELD_PATH] = {"absolute path", read_path},
    [FIELD_DATE] = {"date", read_date},
    [FIELD_NAME] = {"name", read_name},
    [FIELD_TEXTS] = {"list of texts", read_texts},
    [FIELD_PATHS] = {"absolute path, or list", read_texts},
    [FIELD_NAMES] = {"list of names", read_texts},
    [FIELD_PERSON] = {"person", read_person},
    [FIELD_TASK] = {"task", read_task},
    [FIELD_TASKS] = {"list of tasks", read_tasks},
    [FIELD_USER] = {"user name", read_user},
    [FIELD_UID] = {"user id", read_uid},
    [FIELD_USERNAME] = {"user name", read_user},
    [FIELD_HASH] = {"64 hex digits", read_hash},
    [FIELD_MAP] = {"mapping", read_map},
    [FIELD_LIST] = {"list", read_map},
    [FIELD_ANY] = {"any value", read_any},
};

const char *
field_type_text(const struct field *f)
{
    return kinds[f->type].text;
}

static void
read_initial(struct loader *l, const struct field *f, void *into)
{
    struct yaml y = {.type = YAML_TEXT, .text = bytes_str(f->initial), .line = 1};
    if (f->type == FIELD_BOOL)
        y.type = YAML_BOOL, y.truth = f->initial[0] == 't';
    if (f->type == FIELD_COUNT)
        y.type = YAML_INT, y.number = atoll(f->initial);
    kinds[f->type].read(l, f, &y, f->key, (char *)into + f->offset);
}

static const struct field *
find_row(const struct field *rows, struct bytes key)
{
    for (; rows->key; rows++)
        if (bytes_is(key, rows->key))
            return rows;
    return NULL;
}

static void
unknown_key(struct loader *l, const struct field *rows, const struct yaml *y, const char *path)
{
    char list[200] = "", hint[HINT_MAX];
    struct nearest near = nearest_for(y->key);
    for (const struct field *f = rows; f->key; f++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", f->key);
        nearest_offer(&near, bytes_str(f->key));
    }
    if (near.best.n)
        refuse(l, y, path, "unknown key%s", nearest_hint(&near, hint));
    else
        refuse(l, y, path, "unknown key; known here: %s", list);
}

void
fields_read(struct loader *l, const struct table *t, const struct yaml *map, const char *path, void *into)
{
    for (const struct field *f = t->rows; f->key; f++) {
        const struct yaml *y = yaml_get(map, f->key);
        if (f->initial)
            read_initial(l, f, into);
        if (y && y->type == YAML_NULL)
            refuse(l, y, join(l, path, bytes_str(f->key)), "has no value; give one or remove the key");
        else if (y)
            kinds[f->type].read(l, f, y, join(l, path, bytes_str(f->key)), (char *)into + f->offset);
        else if (f->flags & FIELD_REQUIRED)
            refuse(l, map, join(l, path, bytes_str(f->key)), "missing: %s", f->help);
    }
    for (const struct yaml *y = map->child; y; y = y->next)
        if (find_row(t->rows, y->key) == NULL)
            unknown_key(l, t->rows, y, join(l, path, y->key));
}
