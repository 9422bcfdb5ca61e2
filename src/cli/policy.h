/*
 * Inside of src/cli: what the `writ policy` commands share. They work on an estate, or for anyone's Cedar on files named on the command line.
 */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "base/yaml.h"
#include "cli/cli.h"
#include "decide/decide.h"

#define POLICY_FILE_MAX ((size_t)16 << 20)
#define POLICY_SCRATCH ((size_t)64 << 20)

/* What is decided with: an estate, or policies and entities from files. */
struct policy_world {
    struct cli *c;
    struct estate *estate;     /* NULL: plain Cedar */
    struct snapshot *snapshot; /* of the estate */
    struct cedar_policies *policies;
    struct cedar_entities *entities;
    struct cedar_schema *schema; /* of files; NULL: none was given */
    struct cedar_scratch *scratch;
    struct findings *wrong; /* set before world_files: gets every syntax error of the files; NULL: the first is enough */
};

/* policy_read(c, path, text): a file of policies, entities or tests; "-" is standard input. */
struct err policy_read(struct cli *c, const char *path, struct bytes *text) MUST_USE;
/* policy_syntax(c, path, text, error): an error of parsing as E_POLICY: "FILE:LINE:COLUMN: what", the line with a caret below, help. */
struct err policy_syntax(struct cli *c, const char *path, struct bytes text, const struct cedar_error *error);
/* policy_schema_option(c, out): the schema of --schema; NULL without that option. */
struct err policy_schema_option(struct cli *c, struct cedar_schema **out) MUST_USE;
/* policy_links(c, p): *${p} with the links of --links, when that is given (policy_links.c). */
struct err policy_links(struct cli *c, struct cedar_policies **p) MUST_USE;
/*
 * policy_files(c, paths, n, wrong, out): the policies of these files as one set; ids are @id or "policyN", N counted over all files. All syntax
 * errors go to ${wrong}, unless that is NULL.
 */
struct err policy_files(struct cli *c, const char *const *paths, size_t n, struct findings *wrong, struct cedar_policies **out) MUST_USE;
/* ${w} is zero before, or has ${wrong}. world_estate(c, w), world_files(c, policies, n, entities, w): with ${entities} NULL there are none. world_close frees, also half-opened ones. */
struct err world_estate(struct cli *c, struct policy_world *w) MUST_USE;
struct err world_of(struct cli *c, struct estate *estate, struct policy_world *w) MUST_USE; /* one that is loaded */
struct err world_files(struct cli *c, const char *const *policies, size_t n, const char *entities, struct policy_world *w) MUST_USE;
void world_close(struct policy_world *w);

/* A request to decide, from a test file or from options. Either a call of an agent (of an estate) or a request in Cedar's words. */
struct policy_ask {
    const char *agent, *tool, *task, *purpose, *on_behalf_of, *proof, *sensitivity;
    bool unconfined, untrusted;
    uint64_t calls;
    const char *const *found; /* what inspection saw in the arguments, NULL-terminated; NULL: nothing */
    struct bytes arguments; /* JSON; empty: none */
    const char *principal, *action, *resource; /* Type::"id" */
    struct bytes context; /* JSON; empty: {} */
};

/* What came of it. Memory of the world's scratch and policies, until the next ask. */
struct policy_result {
    struct cedar_answer answer;
    struct decision decision;
    struct decision_requests requests; /* one, but for a prompt or a resource */
    enum tier tier;
    bool call; /* it was an agent's call: then tier is set */
};

/* ask_run(w, ask, r): decide it. With an estate the outcome is Writ's (five of them), else Cedar's (allow or deny). E_USAGE, E_ARGUMENTS. */
struct err ask_run(struct policy_world *w, const struct policy_ask *ask, struct policy_result *r) MUST_USE;
/* result_groups(w, r, i): the group that the ${i}th satisfied step_up forbid names; false past the last. */
bool result_group(const struct policy_world *w, const struct policy_result *r, size_t i, struct bytes *group);

/* call_find(e, name, a, call): what DESTINATION/TOOL, DESTINATION/@prompts/NAME or DESTINATION/@resources/URI means: destination, tool, name. E_USAGE. */
struct err call_find(const struct estate *e, const char *name, struct call *call) MUST_USE;

/* uid_read(c, what, text, out): Type::"id"; in the id, only \" and \\ may follow a backslash. ${what} names it in the error. */
struct err uid_read(struct cli *c, const char *what, const char *text, struct cedar_uid *out) MUST_USE;

/* One test that was run. */
struct policy_verdict {
    const char *file, *name;
    int line;
    size_t n_wrong;
    const char *wrong[8]; /* "decision: expected deny, got allow" …; empty: it passed */
};
struct policy_verdicts {
    struct policy_verdict *list;
    size_t n, cap, failed;
};

/*
 * tests_run(w, file, text, out): run the tests of one file. ${file} is for people. A file that cannot be read, or a test that cannot be
 * run, counts as failed and says why. ${out} grows in memory of the command.
 */
struct err tests_run(struct policy_world *w, const char *file, struct bytes text, struct policy_verdicts *out) MUST_USE;
/* tests_estate(w, out): those of the estate. */
struct err tests_estate(struct policy_world *w, struct policy_verdicts *out) MUST_USE;

#endif
