/*
 * people.yaml, and which user id belongs to whom: a user that runs agents never administers (law 12).
 */
#include "estate/fields.h"

#include <pwd.h>
#include <stdlib.h>

static void
check_person(struct loader *l, const struct yaml *y, struct person_file *f)
{
    if (f->user >= 0 && f->uid >= 0 && f->user != f->uid)
        refuse(l, yaml_get(y, "uid"), join(l, f->person.id, BYTES("uid")), "the user named has the id %d; give one of user and uid", f->user);
    f->person.uid = f->user >= 0 ? f->user : f->uid;
    if (f->person.admin && f->person.uid < 0 && !yaml_get(y, "user") && !yaml_get(y, "uid"))
        refuse(l, y, f->person.id, "an admin needs user or uid: it is how Writ knows them");
    if (f->person.admin && !f->person.active)
        warn(l, y, f->person.id, "is an admin but no longer active; an inactive person does not administer");
}

static void
read_person(struct loader *l, const struct yaml *y)
{
    static const char *none[] = {NULL};
    struct person_file f = {.person = {.uid = -1, .groups = none, .place = {l->file, y->line}}, .user = -1, .uid = -1};
    f.person.id = keep(l, y->key);
    f.person.active = true;
    if (!name_ok(y->key))
        refuse(l, y, f.person.id, "this is no name: 1 to %u of a-z 0-9 . _ -, beginning with a letter or digit", NAME_MAX_BYTES);
    if (is_map(l, y, f.person.id)) {
        fields_read(l, &table_person, y, f.person.id, &f);
        check_person(l, y, &f);
    }
    f.person.name = f.person.name ? f.person.name : f.person.id;
    l->estate->people[l->estate->n_people++] = f.person;
}

static int
by_id(const void *left, const void *right)
{
    return strcmp(((const struct person *)left)->id, ((const struct person *)right)->id);
}

static void
check_people(struct loader *l, const struct yaml *top)
{
    struct estate *e = l->estate;
    bool admin = false;
    for (size_t i = 0; i < e->n_people; i++) {
        struct person *p = &e->people[i];
        admin = admin || (p->admin && p->active);
        for (size_t k = 0; k < i && p->uid >= 0; k++)
            if (e->people[k].uid == p->uid)
                refuse(l, yaml_get(top, p->id), p->id, "has the user id %d, as '%s' has; a user id is one person", p->uid, e->people[k].id);
    }
    if (!admin)
        warn(l, top, NULL, "no active person has admin: true; nobody can administer this installation");
}

void
load_people(struct loader *l)
{
    struct estate *e = l->estate;
    struct file f;
    const struct yaml *top = file_read(l, "people.yaml", true, &f) ? file_yaml(l, &f) : NULL;
    l->people_broken = top == NULL;
    e->people = estate_list(l, top ? top->count : 0, sizeof *e->people);
    for (const struct yaml *y = top ? top->child : NULL; y && e->people; y = y->next)
        read_person(l, y);
    if (e->n_people)
        qsort(e->people, e->n_people, sizeof *e->people, by_id);
    if (top)
        check_people(l, top);
}

bool
group_known(const struct estate *e, struct bytes name)
{
    if (bytes_is(name, "owners"))
        return true;
    for (size_t i = 0; i < e->n_people; i++)
        for (const char **g = e->people[i].groups; *g; g++)
            if (bytes_is(name, *g))
                return true;
    return false;
}

void
refuse_group(struct loader *l, const struct yaml *y, const char *path, struct bytes group)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(group);
    nearest_offer(&n, BYTES("owners"));
    for (size_t i = 0; i < l->estate->n_people; i++)
        for (const char **g = l->estate->people[i].groups; *g; g++)
            nearest_offer(&n, bytes_str(*g));
    refuse(l, y, path, "nobody in people.yaml is in the group '%.*s'%s", BYTES_CUT(group, 64), nearest_hint(&n, hint));
}

static void
check_person_user(struct loader *l, const struct claim_note *n)
{
    for (size_t i = 0; i < l->estate->n_people; i++) {
        const struct person *p = &l->estate->people[i];
        if (p->uid != n->claim->uid)
            continue;
        if (p->admin)
            finding_add(l, FINDING_ERROR, n->agent->place.file, n->line, n->column,
                        "proves: the user id %d belongs to the admin '%s' (%s:%d); a user that runs agents never administers (law 12)", p->uid, p->id,
                        p->place.file, p->place.line);
        else if (n->claim->dedicated_user)
            finding_add(l, FINDING_ERROR, n->agent->place.file, n->line, n->column,
                        "proves: the user id %d is not dedicated: it belongs to '%s' too (%s:%d)", p->uid, p->id, p->place.file, p->place.line);
    }
}

static void
check_other_agents(struct loader *l, const struct claim_note *n)
{
    for (size_t i = 0; i < l->n_notes; i++) {
        const struct claim_note *o = &l->notes[i];
        if (o->agent == n->agent || o->claim->uid != n->claim->uid)
            continue;
        finding_add(l, FINDING_ERROR, n->agent->place.file, n->line, n->column,
                    "proves: the user id %d is not dedicated: the agent '%s' has it too (%s:%d)", n->claim->uid, o->agent->id, o->agent->place.file,
                    o->line);
        return;
    }
}

static int
uid_of(const char *user)
{
    char text[16384];
    struct passwd entry, *found = NULL;
    uint64_t number;
    if (getpwnam_r(user, &entry, text, sizeof text, &found) == 0 && found)
        return (int)found->pw_uid;
    return bytes_u64(bytes_str(user), &number) && number < INT32_MAX ? (int)number : -1;
}

/* A server under an agent's own user: the agent can read its memory, and with it the secrets it was given (law 5). */
static void
check_servers(struct loader *l, const struct claim_note *n)
{
    for (size_t i = 0; i < l->estate->n_destinations; i++) {
        const struct destination *d = &l->estate->destinations[i];
        if (d->user && uid_of(d->user) == n->claim->uid)
            finding_add(l, FINDING_WARNING, n->agent->place.file, n->line, n->column,
                        "proves: the destination '%s' (%s) runs as the same user '%s'; the agent can take its secrets (law 5)", d->id, d->place.file,
                        d->user);
    }
}

void
check_users(struct loader *l)
{
    for (size_t i = 0; i < l->n_notes; i++) {
        const struct claim_note *n = &l->notes[i];
        if (n->claim->uid < 0)
            continue;
        check_person_user(l, n);
        if (n->claim->dedicated_user)
            check_other_agents(l, n);
        check_servers(l, n);
    }
}
