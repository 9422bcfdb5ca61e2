/*
 * inspection.yaml and inspection/NAME.toml: what is looked for in arguments and results, and what is done about it. The rules themselves are
 * read by src/inspect, which knows regular expressions.
 */
#include "estate/fields.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_BYTES_MAX ((uint64_t)64 << 20)
#define CLASSES_MAX 200u
#define WORDS_MAX 1000u

static int
by_class(const void *left, const void *right)
{
    return strcmp(((const struct data_class *)left)->id, ((const struct data_class *)right)->id);
}

static size_t
count_texts(const char **list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static void
check_class(struct loader *l, const struct yaml *y, const char *path, const struct data_class *c)
{
    if ((c->kind == CLASS_REGEX) != (c->regex != NULL))
        refuse(l, y, path, c->regex ? "regex goes with kind: regex only" : "give regex, or another kind");
    if ((c->kind == CLASS_WORDS) != (c->words != NULL))
        refuse(l, y, path, c->words ? "words go with kind: words only" : "kind words needs words");
    if (count_texts(c->words) > WORDS_MAX)
        refuse(l, y, path, "more than %u words", WORDS_MAX);
    for (const char **w = c->words; w && *w; w++)
        if (bytes_trim(bytes_str(*w)).n < 2)
            refuse(l, y, path, "the word '%.40s' is too short: two characters or more", *w);
}

static void
read_class(struct loader *l, const struct yaml *y)
{
    struct inspection_settings *s = &l->estate->inspection;
    const char *path = join(l, "classes", y->key);
    struct class_file f = {.class = {.place = {l->file, y->line}}};
    if (!name_ok(y->key)) {
        refuse(l, y, path, "this is no name: 1 to %u of a-z 0-9 . _ -, beginning with a letter or digit", NAME_MAX_BYTES);
        return;
    }
    if (!is_map(l, y, path))
        return;
    fields_read(l, &table_class, y, path, &f);
    f.class.id = keep(l, y->key);
    f.class.kind = f.class.words && yaml_get(y, "kind") == NULL ? CLASS_WORDS : (enum class_kind)f.kind;
    check_class(l, y, path, &f.class);
    s->classes[s->n_classes++] = f.class;
}

static void
read_classes(struct loader *l, const struct yaml *map)
{
    struct inspection_settings *s = &l->estate->inspection;
    s->classes = estate_list(l, map ? map->count : 0, sizeof *s->classes);
    if (map && map->count > CLASSES_MAX)
        refuse(l, map, "classes", "more than %u", CLASSES_MAX);
    for (const struct yaml *y = map ? map->child : NULL; y && s->classes; y = y->next)
        read_class(l, y);
    if (s->n_classes)
        qsort(s->classes, s->n_classes, sizeof *s->classes, by_class);
}

/* What a rule's entry leaves out is as for secrets. */
static void
read_rules(struct loader *l, const struct yaml *map)
{
    struct inspection_settings *s = &l->estate->inspection;
    s->rules = estate_list(l, map ? map->count : 0, sizeof *s->rules);
    for (const struct yaml *y = map ? map->child : NULL; y && s->rules; y = y->next) {
        const char *path = join(l, "rules", y->key);
        struct rule_setting r = {.id = keep(l, y->key), .act = s->secrets, .place = {l->file, y->line}};
        if (!is_map(l, y, path))
            continue;
        fields_read(l, &table_found, y, path, &r.act);
        s->rules[s->n_rules++] = r;
    }
}

static void
read_files(struct loader *l)
{
    struct inspection_settings *s = &l->estate->inspection;
    size_t n;
    struct file *files = files_list(l, "inspection", ".toml", &n);
    s->files = estate_list(l, n, sizeof *s->files);
    for (; s->files && s->n_files < n; s->n_files++)
        s->files[s->n_files] = (struct rule_file){files[s->n_files].path, files[s->n_files].text};
}

void
load_inspection(struct loader *l)
{
    static const struct yaml empty = {.type = YAML_MAP, .line = 1, .column = 1};
    static const struct found_do secrets = {FOUND_REFUSE, FOUND_REDACT, SENS_RESTRICTED};
    struct inspection_settings *s = &l->estate->inspection;
    struct inspection_file f = {.inspection = {.secrets = secrets}};
    struct file file;
    const struct yaml *top = &empty;
    if (file_read(l, "inspection.yaml", false, &file))
        top = file_yaml(l, &file);
    else
        l->file = "inspection.yaml";
    if (top == NULL)
        return;
    fields_read(l, &table_inspection, top, NULL, &f);
    f.inspection.beyond = f.beyond ? FOUND_REFUSE : FOUND_NOTE;
    f.inspection.binary = f.binary ? FOUND_REFUSE : FOUND_NOTE;
    f.inspection.place = (struct place){"inspection.yaml", top->line};
    if (f.inspection.max_bytes == 0 || f.inspection.max_bytes > MESSAGE_BYTES_MAX)
        refuse(l, yaml_get(top, "max_bytes"), "max_bytes", "1 byte to 64MiB");
    *s = f.inspection;
    if (f.secrets)
        fields_read(l, &table_found, f.secrets, "secrets", &s->secrets);
    read_rules(l, f.rules);
    read_classes(l, f.classes);
    read_files(l);
}
