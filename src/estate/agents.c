/*
 * agents/NAME.yaml: who an agent is, who answers for it, how it proves itself.
 */
#include "estate/fields.h"

/* What runs a script: its hash says nothing about what runs. Versions behind the name ("python3.12") count too. */
static const char *const interpreters[] = {"node",   "nodejs", "python", "ruby",  "perl", "bash",   "sh",   "dash",  "zsh",  "fish",    "ksh",
                                           "java",   "deno",   "bun",    "php",   "lua",  "luajit", "pwsh", "tclsh", "wish", "Rscript", "busybox",
                                           "dotnet", "mono",   "julia",  "guile", "env",  "npx",    "uv",   "uvx",   NULL};

static bool
interpreter(const char *exe)
{
    const char *slash = strrchr(exe, '/');
    struct bytes name = bytes_str(slash ? slash + 1 : exe);
    while (name.n && strchr("0123456789.-", name.at[name.n - 1]))
        name.n--;
    for (const char *const *i = interpreters; *i; i++)
        if (bytes_is(name, *i))
            return true;
    return false;
}

static void
check_weakness(struct loader *l, const struct yaml *y, const char *path, const struct agent *a, const struct unix_claim *c)
{
    bool script = c->exe && interpreter(c->exe);
    const char *what = script                    ? "any script that this interpreter runs"
                       : c->uid < 0 && c->client ? "any program that the client starts"
                                                 : "any program of this user";
    if (c->dedicated_user || c->unit || c->cgroup || (c->exe && !script))
        return;
    if (a->accept_weak_proof)
        warn(l, y, path, "weak proof accepted: %s matches; its calls are never light, never irreversible, never on restricted data", what);
    else
        refuse(l, y, path, "weak proof: %s would match; add a dedicated user, unit or cgroup, or set accept_weak_proof: true", what);
}

static void
check_claim(struct loader *l, const struct yaml *y, const char *path, const struct unix_claim *c)
{
    if (c->sha256 && !c->exe)
        refuse(l, yaml_get(y, "sha256"), join(l, path, BYTES("sha256")), "needs exe: whose hash is it?");
    if (c->cgroup && strcmp(c->cgroup, "/") == 0)
        refuse(l, yaml_get(y, "cgroup"), join(l, path, BYTES("cgroup")), "is the group of all processes; name the agent's own");
    if (c->dedicated_user && c->uid < 0)
        refuse(l, yaml_get(y, "dedicated"), join(l, path, BYTES("dedicated")), "needs user or uid");
    if (c->exe && !c->sha256 && !interpreter(c->exe))
        warn(l, yaml_get(y, "exe"), join(l, path, BYTES("exe")), "without sha256 whoever can replace the file is the agent; add: sha256sum %s",
             c->exe);
    if (c->unit && c->uid < 0)
        warn(l, yaml_get(y, "unit"), join(l, path, BYTES("unit")),
             "without user, anyone's own service manager can run a unit of this name; add user, or use cgroup: /system.slice/…");
    if (c->uid == 0)
        warn(l, y, path, "an agent that runs as root cannot be held to anything; give it a user of its own");
}

static bool
same_claim_user(struct loader *l, const struct yaml *y, const char *path, struct claim_file *f)
{
    if (f->user >= 0 && f->uid >= 0 && f->user != f->uid)
        refuse(l, yaml_get(y, "uid"), join(l, path, BYTES("uid")), "the user named has the id %d; give one of user and uid", f->user);
    f->claim.uid = f->user >= 0 ? f->user : f->uid;
    return f->claim.uid >= 0 || (!yaml_get(y, "user") && !yaml_get(y, "uid"));
}

static void
read_claim(struct loader *l, const struct yaml *y, const char *path, struct agent *a)
{
    struct claim_file f = {.claim = {.uid = -1}, .user = -1, .uid = -1};
    size_t before = l->findings->errors;
    fields_read(l, &table_claim, y, path, &f);
    struct unix_claim *c = &f.claim;
    bool whole = same_claim_user(l, y, path, &f) && l->findings->errors == before;
    if (whole && c->uid < 0 && !c->exe && !c->unit && !c->cgroup && !c->client)
        refuse(l, y, path, "nothing is set: every process of this host would be '%s'", a->id);
    else if (whole)
        check_weakness(l, y, path, a, c), check_claim(l, y, path, c);
    a->claims[a->n_claims] = *c;
    if (l->n_notes < l->max_notes)
        l->notes[l->n_notes++] = (struct claim_note){a, &a->claims[a->n_claims], y->line, y->column};
    a->n_claims++;
}

static void
grow_notes(struct loader *l, size_t more)
{
    struct claim_note *notes = arena_list(&l->trees, l->n_notes + more, sizeof *notes);
    if (notes == NULL) {
        l->memory = true;
        return;
    }
    if (l->n_notes)
        memcpy(notes, l->notes, l->n_notes * sizeof *notes);
    l->notes = notes;
    l->max_notes = l->n_notes + more;
}

static void
read_proofs(struct loader *l, const struct yaml *list, struct agent *a)
{
    a->claims = estate_list(l, list->count, sizeof *a->claims);
    grow_notes(l, list->count);
    if (list->count == 0)
        refuse(l, list, "proves", "is empty: nothing could prove to be '%s'", a->id);
    for (const struct yaml *y = list->child; y && a->claims; y = y->next) {
        const struct yaml *claim = yaml_get(y, "unix");
        if (y->type != YAML_MAP || claim == NULL || y->count != 1)
            refuse(l, y, "proves", "each entry is one proof: unix: { … }");
        else if (is_map(l, claim, "proves.unix"))
            read_claim(l, claim, "proves.unix", a);
    }
}

static void
check_owner(struct loader *l, const struct yaml *top, const struct agent *a)
{
    const struct yaml *owner = yaml_get(top, "owner"), *backup = yaml_get(top, "backup");
    if (a->owner && !a->owner->active && a->state != AGENT_RETIRED)
        warn(l, owner, "owner", "'%s' is no longer active (%s:%d): %s; name another owner, or set state: retired", a->owner->id, a->owner->place.file,
             a->owner->place.line,
             a->backup && a->backup->active ? "the backup answers alone" : "no living owner (law 1), so the agent gets no authority");
    if (!backup && a->state != AGENT_RETIRED)
        warn(l, top, "backup", "missing: when the owner leaves, nobody answers for '%s' and it stops", a->id);
    else if (a->backup && a->backup == a->owner)
        warn(l, backup, "backup", "is the owner too; name another person");
    else if (a->backup && !a->backup->active && a->state != AGENT_RETIRED)
        warn(l, backup, "backup", "'%s' is no longer active; name another person", a->backup->id);
}

static void
check_default_task(struct loader *l, const struct yaml *top, const struct agent *a)
{
    for (const struct task **t = a->tasks; a->default_task && t && *t; t++)
        if (*t == a->default_task)
            return;
    if (a->default_task)
        refuse(l, yaml_get(top, "default_task"), "default_task", "'%s' is not among tasks; add it there", a->default_task->id);
}

static void
check_review(struct loader *l, const struct yaml *top, const struct agent *a)
{
    int64_t day, today;
    if (a->review && date_parse(bytes_str(a->review), &day) && date_parse(bytes_str(l->today), &today) && day < today)
        warn(l, yaml_get(top, "review"), "review", "was due on %s; look at this agent and set the next date", a->review);
}

static void
read_agent(struct loader *l, const struct file *file)
{
    static const struct task *none[] = {NULL};
    struct agent_file f = {.agent = {.id = file->name, .tasks = none, .environment = "production", .place = {file->path, 1}}};
    struct agent *a = &l->estate->agents[l->estate->n_agents++];
    const struct yaml *top = file_yaml(l, file);
    if (top)
        fields_read(l, &table_agent, top, NULL, &f);
    *a = f.agent;
    if (top == NULL)
        return;
    limits_of_use(l, f.limits, &a->limits);
    if (f.proves)
        read_proofs(l, f.proves, a);
    check_owner(l, top, a);
    check_default_task(l, top, a);
    check_review(l, top, a);
    if (a->tasks != none && yaml_get(top, "tasks")->count == 0)
        warn(l, yaml_get(top, "tasks"), "tasks", "is empty: the agent can do nothing");
}

void
load_agents(struct loader *l)
{
    size_t n;
    struct file *files = files_list(l, "agents", ".yaml", &n);
    l->estate->agents = estate_list(l, n, sizeof *l->estate->agents);
    for (size_t i = 0; i < n && l->estate->agents && !l->memory; i++)
        read_agent(l, &files[i]);
}
