/* Policies against the schema of the estate: what Cedar's strict validator and the lint find, as findings of the load. */
#include "estate/schema.h"

#include <stdio.h>

static struct bytes
of(struct cedar_str s)
{
    return bytes_make(s.at, s.n);
}

/* Nothing is known of the tools of a destination without a pin; calls to it are refused anyway. */
static const char *
names_unpinned(const struct estate *e, struct bytes message)
{
    char start[128];
    for (size_t i = 0; i < e->n_destinations; i++) {
        snprintf(start, sizeof start, "Action::\"%s/", e->destinations[i].id);
        if (!e->destinations[i].pinned && bytes_search(message, bytes_str(start)) < message.n)
            return e->destinations[i].id;
    }
    return NULL;
}

/* The official texts name the policy first; the place does that already. */
static struct bytes
without_name(struct bytes text)
{
    size_t at = bytes_search(text, BYTES("`, "));
    return bytes_starts(text, BYTES("for policy `")) && at < text.n ? bytes_sub(text, at + 3, text.n) : text;
}

static void
report(struct loader *l, const struct cedar_policies *set, const struct cedar_finding *f)
{
    struct bytes message = without_name(of(f->message)), help = without_name(of(f->help)), name = {NULL, 0}, id = of(cedar_policy_id(set, f->policy));
    const char *file = keep(l, of(cedar_policy_file(set, f->policy))), *unpinned = names_unpinned(l->estate, message);
    unsigned line = f->line ? f->line : cedar_policy_line(set, f->policy);
    enum finding_level level = f->kind == CEDAR_FINDING_ERROR ? FINDING_ERROR : FINDING_WARNING;
    struct cedar_str given;
    if (cedar_policy_annotation(set, f->policy, "id", &given))
        name = id;
    if (unpinned)
        finding_add(l, FINDING_WARNING, file, (int)line, (int)f->column, "this policy cannot be checked until '%s' is pinned", unpinned);
    else
        finding_add(l, level, file, (int)line, (int)f->column, "%.*s%s%.*s%s%.*s", BYTES_CUT(name, 60), name.n ? ": " : "", BYTES_CUT(message, 200),
                    help.n ? "; " : "", BYTES_CUT(help, 120));
}

/* Does the validator say anything of this policy itself? Then the lint would only repeat it. */
static bool
spoken(const struct cedar_findings *found, size_t policy)
{
    for (size_t i = 0; found && i < found->n; i++)
        if (found->at[i].policy == policy)
            return true;
    return false;
}

/* All errors of a policy that is about an unpinned destination come from not knowing its tools. */
static bool
about_unpinned(const struct estate *e, const struct cedar_findings *found, const struct cedar_finding *f)
{
    for (size_t i = 0; i < found->n; i++)
        if (found->at[i].policy == f->policy && &found->at[i] != f && names_unpinned(e, of(found->at[i].message)))
            return names_unpinned(e, of(f->message)) == NULL;
    return false;
}

/* Beside an error, a warning about the same policy is most likely what comes of it. */
static bool
has_error(const struct cedar_findings *found, size_t policy)
{
    for (size_t i = 0; i < found->n; i++)
        if (found->at[i].policy == policy && found->at[i].kind == CEDAR_FINDING_ERROR)
            return true;
    return false;
}

static bool
said(const struct loader *l, const struct cedar_findings *found, const struct cedar_finding *f, const bool *told)
{
    if (told[f->policy] || about_unpinned(l->estate, found, f))
        return false;
    return f->kind == CEDAR_FINDING_ERROR || !has_error(found, f->policy);
}

static void
report_all(struct loader *l, const struct cedar_policies *set, const struct cedar_findings *found, const struct cedar_findings *lint,
           const bool *told)
{
    for (size_t i = 0; found && i < found->n; i++)
        if (said(l, found, &found->at[i], told))
            report(l, set, &found->at[i]);
    for (size_t i = 0; lint && i < lint->n; i++)
        if (!told[lint->at[i].policy] && !spoken(found, lint->at[i].policy))
            report(l, set, &lint->at[i]);
}

void
policies_validate_builtin(struct loader *l, const struct cedar_policies *set, const struct cedar_schema *schema)
{
    struct cedar_findings *found = NULL;
    struct cedar_error error = {0};
    bool ok = cedar_validate(set, schema, NULL, &found, &error);
    if (!ok && error.code == CEDAR_MEMORY)
        l->memory = true;
    else if (!ok)
        finding_add(l, FINDING_ERROR, "policies", 0, 0, "the built-in policies cannot be checked: %s", error.text);
    for (size_t i = 0; found && i < found->n; i++)
        if (found->at[i].kind == CEDAR_FINDING_ERROR)
            report(l, set, &found->at[i]);
    cedar_findings_free(found);
}

void
policies_validate(struct loader *l, const struct cedar_policies *set, const struct cedar_schema *schema, const bool *told)
{
    struct cedar_findings *found = NULL, *lint = NULL;
    struct cedar_error error = {0};
    bool ok = cedar_validate(set, schema, NULL, &found, &error) && cedar_lint(set, schema, &lint, &error);
    if (!ok && error.code == CEDAR_MEMORY)
        l->memory = true;
    else if (!ok)
        finding_add(l, FINDING_ERROR, "policies", 0, 0, "the policies cannot be checked: %s", error.text);
    report_all(l, set, found, lint, told);
    cedar_findings_free(found);
    cedar_findings_free(lint);
}
