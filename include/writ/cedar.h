/*
 * cedar: the Cedar policy language (SDK 4.13 / language 4.5) as a C library of its own. Usable without the rest of Writ.
 *
 * What makes it different from Cedar's own answer: satisfied permits, satisfied forbids and erroring policies come back separately, so
 * that a caller can build outcomes richer than allow and deny. cedar_decision() gives the official decision from them.
 *
 * Policies, entities and schemas are immutable once made, reference-counted, and may be read by any number of threads. Everything that
 * belongs to one request (values, the answer) lives in a struct cedar_scratch and dies with cedar_scratch_reset.
 */
#ifndef WRIT_CEDAR_H
#define WRIT_CEDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of UTF-8, not zero-terminated, not owned. */
struct cedar_str {
    const char *at;
    size_t n;
};

enum cedar_code {
    CEDAR_OK,
    CEDAR_SYNTAX,      /* the text is no Cedar */
    CEDAR_UNSUPPORTED, /* Cedar, but this version does not know it; never guessed */
    CEDAR_LIMIT,       /* a documented bound (bytes, nodes, depth, members) */
    CEDAR_VALUE,       /* a value cannot be made (a decimal out of range, a duplicate key …) */
    CEDAR_MEMORY,
};

struct cedar_error {
    enum cedar_code code;
    unsigned line, column; /* from 1; 0 when there is none */
    char text[1024];       /* what is wrong; what does not fit is cut at a character and ends in "…" */
    char help[512];        /* how to mend it ("did you mean …"); empty when there is nothing to say */
};

/* Documented bounds; see docs/cedar.md. */
#define CEDAR_MAX_POLICY_BYTES (1u << 20)
#define CEDAR_MAX_DEPTH 128u
#define CEDAR_MAX_POLICY_JSON_BYTES (8u << 20)
#define CEDAR_MAX_POLICY_JSON_VALUES 2000000u
#define CEDAR_MAX_JSON_DEPTH 127u         /* of policies in JSON, as the official reader */
#define CEDAR_MAX_POLICY_NODES (1u << 18) /* expressions in one text or JSON document */
#define CEDAR_MAX_ELEMENTS (1u << 16)     /* of one set, record, call, chain of operators or list in a scope */

/* ---------------------------------------------------------------------------------------------------------------- policies */

struct cedar_policies;

/*
 * cedar_policies_parse(text, name, id_by_annotation, out, error): parse a policy file. Ids are "policy0", "policy1", … in order; with
 * ${id_by_annotation} a policy that carries @id("x") is called x and others "<name>:<number>". Duplicate ids are an error. Templates
 * are parsed and kept; they take no part in decisions until linked. Returns false and fills ${error} otherwise.
 */
bool cedar_policies_parse(struct cedar_str text, const char *name, bool id_by_annotation, struct cedar_policies **out, struct cedar_error *error);
/*
 * cedar_policies_errors(text, list, max): what is wrong with a text that cedar_policies_parse refuses, as far as ${max} goes: the error that
 * that gives, and, since reading goes on behind the next `;`, the first of each policy behind. Where a token cannot be read (a string that is
 * not closed) or a bound is met, that is the last. Returns how many; 0 when each policy can be read by itself.
 */
#define CEDAR_MAX_ERRORS 20u
size_t cedar_policies_errors(struct cedar_str text, struct cedar_error *list, size_t max);
/*
 * cedar_policies_select(p, keep, ctx, out, error): a new set of the policies for which ${keep} says so, in their order. It shares the memory
 * of ${p}, which stays as it is. A link may be in it without its template.
 */
bool cedar_policies_select(const struct cedar_policies *p, bool (*keep)(const struct cedar_policies *p, size_t i, void *ctx), void *ctx,
                           struct cedar_policies **out, struct cedar_error *error);
/* cedar_policies_join(sets, n, out, error): one set with the policies of all, in order; duplicate ids are an error. */
bool cedar_policies_join(struct cedar_policies *const *sets, size_t n, struct cedar_policies **out, struct cedar_error *error);
struct cedar_policies *cedar_policies_ref(struct cedar_policies *p);
void cedar_policies_unref(struct cedar_policies *p); /* NULL is fine */

size_t cedar_policies_count(const struct cedar_policies *p);
enum cedar_effect { CEDAR_PERMIT, CEDAR_FORBID };
/* Policy ${i} of the set, 0 <= i < count. Strings live as long as the set. */
struct cedar_str cedar_policy_id(const struct cedar_policies *p, size_t i);
enum cedar_effect cedar_policy_effect(const struct cedar_policies *p, size_t i);
unsigned cedar_policy_line(const struct cedar_policies *p, size_t i);
/* cedar_policy_source: the policy's text as written. cedar_policy_file: the ${name} it was parsed under. */
struct cedar_str cedar_policy_source(const struct cedar_policies *p, size_t i);
struct cedar_str cedar_policy_file(const struct cedar_policies *p, size_t i);
/* cedar_policy_annotation(p, i, "step_up", out): false when it has none of this key. A bare @key has the value "". */
bool cedar_policy_annotation(const struct cedar_policies *p, size_t i, const char *key, struct cedar_str *out);
/* The k-th annotation, for checking that all are known: false past the last. */
bool cedar_policy_annotation_at(const struct cedar_policies *p, size_t i, size_t k, struct cedar_str *key, struct cedar_str *value);
/*
 * cedar_policies_walk_context(p, fn, ctx): every attribute path below `context` that a condition names ("input.path"), with the policy's
 * index, its action constraint when that is a single action ("==", else n == 0), line and column. For load-time checks of argument names.
 */
void
cedar_policies_walk_context(const struct cedar_policies *p,
                            void (*fn)(size_t policy, struct cedar_str action_id, struct cedar_str path, unsigned line, unsigned column, void *ctx),
                            void *ctx);

/* ------------------------------------------------------------------------------------------------------------------ values */

struct cedar_scratch;                  /* memory of one request after another; one thread at a time */
struct cedar_value;                    /* immutable once built; lives in its scratch, or in an entity store */
struct cedar_scratch *cedar_scratch_new(size_t max_bytes);
void cedar_scratch_reset(struct cedar_scratch *s);
void cedar_scratch_free(struct cedar_scratch *s);

struct cedar_uid {
    struct cedar_str type, id;
};

/* Constructors copy their bytes; NULL means out of memory or (decimal, ip) not such a value. */
struct cedar_value *cedar_bool(struct cedar_scratch *s, bool v);
struct cedar_value *cedar_long(struct cedar_scratch *s, int64_t v);
struct cedar_value *cedar_string(struct cedar_scratch *s, struct cedar_str v);
struct cedar_value *cedar_entity(struct cedar_scratch *s, struct cedar_uid uid);
/* Elements may be of different types; duplicates collapse. */
struct cedar_value *cedar_set(struct cedar_scratch *s, struct cedar_value *const *list, size_t n);
struct cedar_value *cedar_record(struct cedar_scratch *s);
/* cedar_record_put: false when out of memory or the key is there already. Only before the record is used in another value or a request. */
bool cedar_record_put(struct cedar_scratch *s, struct cedar_value *record, struct cedar_str key, struct cedar_value *v);
struct cedar_value *cedar_decimal(struct cedar_scratch *s, struct cedar_str text); /* exactly representable only: "1.2500" */
struct cedar_value *cedar_ip(struct cedar_scratch *s, struct cedar_str text);
struct cedar_value *cedar_datetime(struct cedar_scratch *s, int64_t ms);
struct cedar_value *cedar_duration(struct cedar_scratch *s, int64_t ms);

/* ---------------------------------------------------------------------------------------------------------------- entities */

struct cedar_entities;
struct cedar_entities_builder;
struct cedar_entities_builder *cedar_entities_new(void);
/* Attributes and tags are records (NULL: empty), deep-copied. A uid given twice is an error at finish unless both are identical. */
bool cedar_entities_add(struct cedar_entities_builder *b, struct cedar_uid uid, const struct cedar_value *attributes, const struct cedar_uid *parents,
                        size_t n_parents, const struct cedar_value *tags);
/* cedar_entities_finish: closes the ancestor relation (a cycle is an error), frees the builder in either case. */
bool cedar_entities_finish(struct cedar_entities_builder *b, struct cedar_entities **out, struct cedar_error *error);
/* cedar_entities_json(text): the official entity JSON without schema ([{uid,attrs,parents,tags}]). */
bool cedar_entities_json(struct cedar_str text, struct cedar_entities **out, struct cedar_error *error);
/* cedar_value_json(s, text): a value or context in the official JSON form (__entity, __extn escapes). NULL and ${error} on failure. */
struct cedar_value *cedar_value_json(struct cedar_scratch *s, struct cedar_str text, struct cedar_error *error);
struct cedar_entities *cedar_entities_ref(struct cedar_entities *e);
void cedar_entities_unref(struct cedar_entities *e);

/* --------------------------------------------------------------------------------------------------------------- decisions */

struct cedar_request {
    struct cedar_uid principal, action, resource;
    const struct cedar_value *context; /* a record; NULL: empty */
};

struct cedar_policy_error {
    size_t policy;          /* index in the set */
    const char *text;       /* as the official engine words it, where it does */
};

struct cedar_answer { /* indices into the policy set, in its order; memory of the scratch */
    const size_t *permits, *forbids;
    size_t n_permits, n_forbids;
    const struct cedar_policy_error *errors;
    size_t n_errors;
};

/*
 * cedar_evaluate(policies, entities, request, scratch, answer): evaluate every policy. Returns false only when the scratch ran out of
 * memory: then nothing is known and the caller denies. A condition nested past CEDAR_MAX_DEPTH cannot exist: parsing refused it.
 */
bool cedar_evaluate(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_request *request,
                    struct cedar_scratch *scratch, struct cedar_answer *answer);
/* cedar_decision(answer): the official decision: a permit and no forbid. */
static inline bool
cedar_decision(const struct cedar_answer *a)
{
    return a->n_forbids == 0 && a->n_permits > 0;
}

/* ---------------------------------------------------------------------------------------------------------------------------------- texts */

/* UTF-8 that this library allocated, with a zero behind its ${n} bytes. Give it back with cedar_output_free; {NULL, 0} is fine there. */
struct cedar_output {
    char *at;
    size_t n;
};
void cedar_output_free(struct cedar_output *o);

/* -------------------------------------------------------------------------------------------------------- policies: JSON, text, templates */

/*
 * cedar_error_show(text, error, out): the error as a person reads it: the line of ${text} it is in, a caret under the place, what is
 * wrong. ${text} is what was parsed. False when out of memory.
 */
bool cedar_error_show(struct cedar_str text, const struct cedar_error *error, struct cedar_output *out);

/*
 * The official JSON form. cedar_policies_json reads a policy set {"templates": {id: policy}, "staticPolicies": {id: policy},
 * "templateLinks": [{"templateId", "newId", "values"}]}; cedar_policy_json one policy or template, as a set of one with the id "policy0".
 * The trees are those that the same policies as text would give, but without places. ${name} is what cedar_policy_file answers.
 */
bool cedar_policies_json(struct cedar_str text, const char *name, struct cedar_policies **out, struct cedar_error *error);
bool cedar_policy_json(struct cedar_str text, const char *name, struct cedar_policies **out, struct cedar_error *error);
/* The whole set, and policy ${i} of it (a link as what it stands for), in that form. False: CEDAR_MEMORY or CEDAR_LIMIT. */
bool cedar_policies_to_json(const struct cedar_policies *p, struct cedar_output *out, struct cedar_error *error);
bool cedar_policy_to_json(const struct cedar_policies *p, size_t i, struct cedar_output *out, struct cedar_error *error);
/* Policy ${i} as text, as the official engine prints a policy that it got as JSON. cedar_policies_to_text: all but the links. */
bool cedar_policy_to_text(const struct cedar_policies *p, size_t i, struct cedar_output *out, struct cedar_error *error);
bool cedar_policies_to_text(const struct cedar_policies *p, struct cedar_output *out, struct cedar_error *error);

/*
 * cedar_format(text, width, indent, out, error): the policies of ${text} laid out as the official formatter does, comments kept. Its
 * defaults are a ${width} of 80 columns and an ${indent} of 2.
 */
bool cedar_format(struct cedar_str text, unsigned width, unsigned indent, struct cedar_output *out, struct cedar_error *error);

/* Templates. A template is a policy of the set that takes no part in decisions; each link of it is one more policy that does. */
bool cedar_policy_is_template(const struct cedar_policies *p, size_t i);
/* cedar_policies_find(p, id, i): the policy, template or link called ${id}. */
bool cedar_policies_find(const struct cedar_policies *p, struct cedar_str id, size_t *i);

/* What fills the slots ?principal and ?resource; NULL: nothing does. */
struct cedar_link {
    struct cedar_str template_id, id;
    const struct cedar_uid *principal, *resource;
};
/* cedar_policy_link(p, i, out): false when policy ${i} is no link. Strings and uids live as long as the set. */
bool cedar_policy_link(const struct cedar_policies *p, size_t i, struct cedar_link *out);
/*
 * cedar_policies_link(p, links, n, out, error): a new set with ${n} links behind the policies of ${p}. Each must fill all slots of its
 * template and no others, under an id that the set does not have. The new set shares the memory of ${p}, which stays as it is.
 */
bool
cedar_policies_link(const struct cedar_policies *p, const struct cedar_link *links, size_t n, struct cedar_policies **out, struct cedar_error *error);
/* cedar_policies_remove(p, id, out, error): a new set without this policy or link; a template goes only when nothing is linked to it. */
bool cedar_policies_remove(const struct cedar_policies *p, struct cedar_str id, struct cedar_policies **out, struct cedar_error *error);

/* -------------------------------------------------------------------------------------------------------------------------------- schemas */

/*
 * A schema says which entity types, attributes, tags and actions there are. Immutable, reference-counted, read by any number of threads.
 * It has two forms, Cedar's own and JSON; a reader takes both to the same struct cedar_schema.
 */
struct cedar_schema;
enum cedar_schema_form {
    CEDAR_SCHEMA_CEDAR,
    CEDAR_SCHEMA_JSON,
    CEDAR_SCHEMA_JSON_RESOLVED, /* only as a target: every name in full, common types told from entity types */
};

#define CEDAR_MAX_SCHEMA_BYTES (4u << 20)

/*
 * cedar_schema_parse(text, name, out, error): read a schema in Cedar syntax and resolve it: every name must be declared, common types and
 * action groups must not run in circles. ${name} is kept for people (a file name). cedar_schema_parse_json: the same from JSON.
 */
bool cedar_schema_parse(struct cedar_str text, const char *name, struct cedar_schema **out, struct cedar_error *error);
bool cedar_schema_parse_json(struct cedar_str text, const char *name, struct cedar_schema **out, struct cedar_error *error);
struct cedar_schema *cedar_schema_ref(struct cedar_schema *s);
void cedar_schema_unref(struct cedar_schema *s); /* NULL is fine */
struct cedar_str cedar_schema_name(const struct cedar_schema *s);
/*
 * cedar_schema_warnings(s, n): the official warnings about names that hide others, in the order of the text; a schema in JSON has none. The
 * place is that of the name which hides. They live as long as the schema.
 */
struct cedar_schema_warning {
    struct cedar_str message;
    unsigned line, column;
};
const struct cedar_schema_warning *cedar_schema_warnings(const struct cedar_schema *s, size_t *n);

/*
 * cedar_schema_convert(text, from, to, out, error): from one form to another, or, with both the same, to its usual layout. Names need not
 * be declared unless the target is RESOLVED: a text may be a part of a schema.
 */
bool cedar_schema_convert(struct cedar_str text, enum cedar_schema_form from, enum cedar_schema_form to, struct cedar_output *out,
                          struct cedar_error *error);

/*
 * Entities and contexts in JSON, read by a schema: where it expects an entity or an extension value the escapes __entity and __extn may be
 * left out. Entities must keep to the schema; its actions are added to the store. Of a context only names and shape are looked at, whether
 * it keeps to its types says cedar_request_check.
 */
bool cedar_entities_json_schema(struct cedar_str text, const struct cedar_schema *schema, struct cedar_entities **out, struct cedar_error *error);
struct cedar_value *cedar_context_json_schema(struct cedar_scratch *s, struct cedar_str text, const struct cedar_schema *schema,
                                              const struct cedar_uid *action, struct cedar_error *error);
/* cedar_request_check(schema, request, error): is this a request the schema knows: its action, both types for that action, its context? */
bool cedar_request_check(const struct cedar_schema *schema, const struct cedar_request *request, struct cedar_error *error);

/* ----------------------------------------------------------------------------------------------------------------------------- validation */

/*
 * What is wrong with a policy before any request: with a schema, the findings of Cedar's strict validator in the official engine's
 * words; and the lint, which finds policies that can do nothing, with or without a schema.
 */
enum cedar_finding_kind {
    CEDAR_FINDING_ERROR,   /* the policy does not validate */
    CEDAR_FINDING_WARNING, /* it does, but look at it */
    CEDAR_FINDING_LINT,    /* not from the official validator: cedar_lint */
};

struct cedar_finding {
    enum cedar_finding_kind kind;
    size_t policy;                  /* index in the set */
    struct cedar_str message, help; /* help.n == 0: none. Whole, never cut. */
    size_t start, end;              /* bytes in the file of the policy, [start, end); 0, 0: no place is known (policies from JSON) */
    unsigned line, column;          /* of start, from 1; 0, 0 without a place */
};

/* Findings in the order of the policies; within a policy by place. Memory of their own: they outlive policies and schema. */
struct cedar_findings {
    const struct cedar_finding *at;
    size_t n;
    size_t n_errors;
};
void cedar_findings_free(struct cedar_findings *f); /* NULL is fine */

/* Documented bounds; see docs/cedar.md. */
#define CEDAR_MAX_FINDINGS 10000u
#define CEDAR_MAX_VALIDATION_STEPS (1u << 26) /* of one policy: request environments times nodes of its condition, about */

struct cedar_validation {
    bool levels;     /* check the depth of entity dereferences (RFC 76), too: at most ${level} */
    unsigned level;
};

struct cedar_schema;

/*
 * cedar_validate(policies, schema, options, out, error): validate static policies, templates and links against ${schema}, as the
 * official strict validator does. ${options} may be NULL: no level check. *${out} is to be freed with cedar_findings_free; the set
 * validates when n_errors == 0. False with CEDAR_LIMIT when there are more findings than CEDAR_MAX_FINDINGS or one policy takes more
 * than CEDAR_MAX_VALIDATION_STEPS, with CEDAR_MEMORY when memory is short: then nothing is known and nobody should use the policies.
 */
bool cedar_validate(const struct cedar_policies *policies, const struct cedar_schema *schema, const struct cedar_validation *options,
                    struct cedar_findings **out, struct cedar_error *error);

/*
 * cedar_lint(policies, schema, out, error): policies whose condition is false for every request that their scope admits, or that end in
 * an error for every one of them. Cedar skips a policy that errors, so a forbid of this kind forbids nothing. ${schema} may be NULL;
 * with one, what it says about types is used, too. Findings are of kind CEDAR_FINDING_LINT and never wrong: a policy is named only when
 * no entities and no request can make it apply.
 */
bool cedar_lint(const struct cedar_policies *policies, const struct cedar_schema *schema, struct cedar_findings **out, struct cedar_error *error);

/* -------------------------------------------------------------------------------------------------------------------- the compiled engine */

/*
 * Policies and entities made ready for deciding. A store is an entity set compiled once: every type, uid, name and value stands in it
 * once. An engine is a policy set compiled against a store: its conditions are code over those values, and an index by scope and by first
 * condition leads a request to the few policies that can say anything about it. Both are immutable and reference-counted, and any number
 * of threads decide with them, each with a scratch of its own. To reload policies compile a new engine against the same store.
 *
 * The answer is that of cedar_evaluate: the same permits, forbids and errors with the same texts, in the order of the set.
 */
struct cedar_store;
struct cedar_engine;

/* ${entities} may be NULL (none) and is not needed afterwards. */
bool cedar_store_compile(const struct cedar_entities *entities, struct cedar_store **out, struct cedar_error *error);
struct cedar_store *cedar_store_ref(struct cedar_store *s);
void cedar_store_unref(struct cedar_store *s); /* NULL is fine */
size_t cedar_store_bytes(const struct cedar_store *s); /* of memory it holds */

/* The engine holds its own references of ${policies} and ${store}. ${store} NULL: no entities. */
bool cedar_engine_compile(struct cedar_policies *policies, struct cedar_store *store, struct cedar_engine **out, struct cedar_error *error);
struct cedar_engine *cedar_engine_ref(struct cedar_engine *e);
void cedar_engine_unref(struct cedar_engine *e); /* NULL is fine */
const struct cedar_policies *cedar_engine_policies(const struct cedar_engine *e);
size_t cedar_engine_bytes(const struct cedar_engine *e); /* of memory it holds, the store and the policies' trees not counted */

struct cedar_decide_options {
    const struct cedar_entities *extra; /* entities of this request only: uids that the store neither knows nor names as a parent */
    bool fail_closed;                   /* a forbid that errors is among the forbids, too */
    bool no_index;                      /* look at every policy; for tests */
};

/*
 * cedar_decide(engine, request, options, scratch, answer): as cedar_evaluate. ${options} may be NULL. Takes no memory from the heap once
 * the scratch has served a request of this engine and its context fits. Returns false when memory ran out or ${options->extra} has an
 * entity of the store: then nothing is known and the caller denies.
 */
bool cedar_decide(const struct cedar_engine *e, const struct cedar_request *request, const struct cedar_decide_options *options,
                  struct cedar_scratch *scratch, struct cedar_answer *answer);

/*
 * A request whose parts were looked up before. cedar_engine_uid and cedar_engine_value give the engine's own copy of an entity or of any
 * value, and where it has none one in ${scratch} (NULL when memory ran out); they serve every decision of this engine.
 */
struct cedar_ready {
    const struct cedar_value *principal, *action, *resource; /* from cedar_engine_uid */
    const struct cedar_value *context;                       /* a record; NULL: empty */
};
const struct cedar_value *cedar_engine_uid(const struct cedar_engine *e, struct cedar_uid uid, struct cedar_scratch *scratch);
const struct cedar_value *cedar_engine_value(const struct cedar_engine *e, const struct cedar_value *v, struct cedar_scratch *scratch);
bool cedar_decide_ready(const struct cedar_engine *e, const struct cedar_ready *request, const struct cedar_decide_options *options,
                        struct cedar_scratch *scratch, struct cedar_answer *answer);

/*
 * cedar_decide_json(engine, text, options, scratch, answer, error): a request {"principal", "action", "resource", "context"} in JSON; uids
 * are {"type", "id"} or {"__entity": {…}}, the context is in the official form and may be left out. Unknown members are errors.
 */
bool cedar_decide_json(const struct cedar_engine *e, struct cedar_str text, const struct cedar_decide_options *options, struct cedar_scratch *scratch,
                       struct cedar_answer *answer, struct cedar_error *error);

/*
 * The engine in force, replaced under readers. Each thread has a reader that holds a counted reference and, before a request, asks for
 * the current engine: one atomic load while nothing changed, a short lock when something did. A replaced engine goes when the last reader
 * has moved on, so an idle reader keeps its engine until it asks again or ends.
 */
struct cedar_live;
struct cedar_reader;
struct cedar_live *cedar_live_new(struct cedar_engine *first);                     /* takes its own reference; NULL: out of memory */
void cedar_live_replace(struct cedar_live *live, struct cedar_engine *next);       /* any thread; takes its own reference */
void cedar_live_free(struct cedar_live *live);                                     /* after all its readers */
struct cedar_reader *cedar_reader_new(struct cedar_live *live);
const struct cedar_engine *cedar_reader_engine(struct cedar_reader *r); /* one thread at a time; valid until the next call */
void cedar_reader_free(struct cedar_reader *r);

/* --------------------------------------------------------------------------------------------------------------------- partial evaluation */

/*
 * A request of which not all is known. An answer to it holds for every completion: every request and store that agree with what is
 * known and, when a schema is given, have of what is unknown only what the schema allows. Nothing is claimed that a completion refutes;
 * "depends" may still be claimed where a cleverer look would have found an answer.
 */
enum cedar_known { CEDAR_UNKNOWN, CEDAR_KNOWN_TYPE, CEDAR_KNOWN };

struct cedar_partial_uid {
    enum cedar_known known;
    struct cedar_uid uid; /* its type is read from CEDAR_KNOWN_TYPE on, its id when it is CEDAR_KNOWN */
};

/* An attribute below `context` whose value is not known: {"input", "path"} is context.input.path; with n == 0 nothing of it is known. */
struct cedar_unknown {
    const struct cedar_str *path;
    size_t n;
    bool present; /* it is there, whatever it is; else it may be missing, unless the schema requires it */
    bool rest;    /* it is a record that is there: what the context says of its attributes is known, and only what it does not say is not */
};

/* At most this many unknown attributes in one request, each at most this deep. */
#define CEDAR_MAX_UNKNOWNS 1024u
#define CEDAR_MAX_UNKNOWN_DEPTH 32u

struct cedar_partial_request {
    struct cedar_partial_uid principal, action, resource;
    const struct cedar_value *context;   /* what is known of it, a record; NULL: empty */
    const struct cedar_unknown *unknown; /* goes before what ${context} says of the same attribute */
    size_t n_unknown;
};

/* An entity of which parts are not known, whatever the store says of them. */
struct cedar_unknown_entity {
    struct cedar_uid uid;
    bool attributes, ancestors, tags;
};

struct cedar_partial_options {                  /* NULL or {0}: as cedar_evaluate sees it */
    const struct cedar_schema *schema;          /* what unknown parts can be; NULL: anything */
    bool open;                                  /* entities that are not in the store may exist, with anything */
    const struct cedar_unknown_entity *unknown; /* in any order */
    size_t n_unknown;
    bool fail_closed; /* a forbid that errors counts as satisfied */
};

enum cedar_part { CEDAR_NOT_SATISFIED, CEDAR_SATISFIED, CEDAR_ERRS, CEDAR_RESIDUAL };

struct expr; /* the tree of a condition */

struct cedar_residual {
    size_t policy; /* index in the set */
    enum cedar_part part;
    bool may_satisfy, may_not, may_err; /* what completions can make of it */
    const char *error;                  /* CEDAR_ERRS: the text of cedar_evaluate where that is known, else a general one */
    const struct expr *condition;       /* what is left of its scope and its conditions */
};

enum cedar_partial_decision { CEDAR_DENIES, CEDAR_ALLOWS, CEDAR_DEPENDS };

struct cedar_partial_answer { /* memory of the scratch */
    enum cedar_partial_decision decision;
    const struct cedar_residual *residuals; /* of each policy that some completion may satisfy or make err, in the order of the set */
    size_t n;
    /* Policies that determine the decision in some completions, and those that do in all. */
    const size_t *may_determine, *must_determine;
    size_t n_may_determine, n_must_determine;
};

/*
 * cedar_partial(policies, entities, request, options, scratch, answer, error): what can be said of every policy, and of the decision.
 * Errors: CEDAR_MEMORY, and CEDAR_VALUE when an unknown attribute lies below a known one that is no record, CEDAR_LIMIT.
 */
bool cedar_partial(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                   const struct cedar_partial_options *options, struct cedar_scratch *scratch, struct cedar_partial_answer *answer,
                   struct cedar_error *error);
/*
 * cedar_residual_policies(policies, answer, out, error): what is left as a policy set of its own, with the ids, effects and annotations
 * of the originals: for a completion cedar_evaluate gives the same answer on both, and cedar_partial goes on from it when more is known.
 */
bool cedar_residual_policies(const struct cedar_policies *policies, const struct cedar_partial_answer *answer, struct cedar_policies **out,
                             struct cedar_error *error);
/* cedar_residual_text: as a policy in Cedar. cedar_residual_json: in the JSON form of policies, with {"unknown":[{"Value":name}]}. */
bool cedar_residual_text(const struct cedar_policies *policies, const struct cedar_residual *residual, struct cedar_output *out);
bool cedar_residual_json(const struct cedar_policies *policies, const struct cedar_residual *residual, struct cedar_output *out);
/* cedar_partial_json: the whole answer in the shape of the official isAuthorizedPartial. */
bool cedar_partial_json(const struct cedar_policies *policies, const struct cedar_partial_answer *answer, struct cedar_output *out);

/*
 * cedar_could_allow: could a completion be allowed? False: none can (or memory ran out, or the request is wrong: then ${error} says so,
 * else its code is CEDAR_OK). Finer than the decision of cedar_partial: where that depends, completions are told apart by the outcome of up
 * to 128 tests, so that a permit and a forbid on the same test, or on values of the same term, are seen together.
 */
bool cedar_could_allow(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                       const struct cedar_partial_options *options, struct cedar_scratch *scratch, struct cedar_error *error);
/*
 * cedar_policy_could_match: can the scope of policy ${i} match such a request? What is NULL may be anything. For choosing the policies of a
 * question that is asked often; it says nothing of conditions, and no template matches.
 */
bool cedar_policy_could_match(const struct cedar_policies *policies, size_t i, const struct cedar_entities *entities,
                              const struct cedar_uid *principal, const struct cedar_uid *action, const struct cedar_uid *resource);

struct cedar_candidate {
    struct cedar_uid uid;
    bool surely; /* allowed in every completion; else in some, perhaps */
};
struct cedar_candidates { /* memory of the scratch; the strings are those of the store, the schema or the caller */
    const struct cedar_candidate *at;
    size_t n;
};

/*
 * cedar_query_principal: the principals that could be allowed what the rest of ${request} says: those of ${among}, or, when that is
 * NULL, all known entities of the store of the type in request->principal (of any type when it is CEDAR_UNKNOWN; an enumerated type of
 * the schema: its ids). The rest of the request may be partial, too. cedar_query_resource: the same for resources.
 * cedar_query_action: for actions; without ${among} those of the schema, or, when there is none, the store's whose type is Action or
 * ends in ::Action. With a schema, actions that do not apply to the types of principal and resource are left out.
 */
bool cedar_query_principal(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                           const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                           struct cedar_candidates *out, struct cedar_error *error);
bool cedar_query_resource(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                          const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                          struct cedar_candidates *out, struct cedar_error *error);
bool cedar_query_action(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                        const struct cedar_partial_options *options, const struct cedar_uid *among, size_t n_among, struct cedar_scratch *scratch,
                        struct cedar_candidates *out, struct cedar_error *error);

/* ------------------------------------------------------------------------------------------------------------------------------------ why */

/* Why one policy did or did not apply to one request: an account of its scope and of each when and unless. */
enum cedar_truth { CEDAR_FALSE, CEDAR_TRUE, CEDAR_FAILED, CEDAR_NOT_REACHED };
enum cedar_clause_kind { CEDAR_CLAUSE_PRINCIPAL, CEDAR_CLAUSE_ACTION, CEDAR_CLAUSE_RESOURCE, CEDAR_CLAUSE_WHEN, CEDAR_CLAUSE_UNLESS };

struct cedar_operand {
    struct cedar_str text, value; /* "context.risk" and "91" */
};

/* A part of a condition that made it what it is: for `a && b` that is false, the side that is false. */
struct cedar_cause {
    struct cedar_str text; /* "context.risk < 50" */
    unsigned line, column;
    enum cedar_truth truth;
    const struct cedar_operand *operands; /* the operands that are not literals */
    size_t n_operands;
    const char *error; /* CEDAR_FAILED: as cedar_evaluate gives it */
};

struct cedar_clause {
    enum cedar_clause_kind kind;
    struct cedar_str text; /* "principal in Group::\"eng\"", or what stands between the braces */
    unsigned line, column;
    enum cedar_truth truth; /* of the expression: an `unless` lets the policy apply when it is CEDAR_FALSE */
    bool holds;             /* the policy can apply as far as this clause goes */
    const struct cedar_cause *causes;
    size_t n_causes;
};

struct cedar_why { /* memory of the scratch */
    enum cedar_part outcome;
    const struct cedar_clause *clauses; /* the scope's three, then the conditions in order */
    size_t n;
    bool cut; /* there were more causes than CEDAR_WHY_CAUSES, or texts were cut */
};

/* Causes of a clause, operands of a cause, and bytes of any one text. Values have a bound of their own: they may be secrets. */
#define CEDAR_WHY_CAUSES 8u
#define CEDAR_WHY_OPERANDS 4u
#define CEDAR_WHY_TEXT 256u
#define CEDAR_WHY_VALUE 64u

/*
 * cedar_why(policies, i, entities, request, value_max, scratch, out): the account of policy ${i}. Values of operands are cut behind
 * ${value_max} bytes (0: CEDAR_WHY_VALUE), ending in "…"; with 1 neither they nor error texts, which may name values, are shown. Returns false when the scratch ran out of memory.
 */
bool cedar_why(const struct cedar_policies *policies, size_t i, const struct cedar_entities *entities, const struct cedar_request *request,
               size_t value_max, struct cedar_scratch *scratch, struct cedar_why *out);
/* cedar_why_text: as lines for a person. cedar_why_json: as one JSON object. */
bool cedar_why_text(const struct cedar_policies *policies, size_t i, const struct cedar_why *why, struct cedar_output *out);
bool cedar_why_json(const struct cedar_policies *policies, size_t i, const struct cedar_why *why, struct cedar_output *out);

/* ------------------------------------------------------------------------------------------------------------- schemas from MCP tool sets */

/* All false: numbers are decimals, objects are entities, annotations of the stub are left out, and what cannot be exact is refused. */
struct cedar_mcp_options {
    bool outputs;            /* also context.output, from outputSchema */
    bool objects_as_records; /* an object without a schema for further members is a record, not an entity */
    bool keep_annotations;   /* @mcp_principal … of the stub stay in the schema */
    bool flat;               /* one namespace only: Ns::a::Input::b becomes Ns::a_Input_b */
    bool numbers_opaque;     /* a number is an entity Number that can only be compared for equality */
    bool deduplicate;        /* equal enums and flat objects of several tools become one type */
    bool nulls_absent;       /* what may be null is an optional attribute of its other type; a null is left out of a request */
    bool lossy;              /* as the official generator does: what is not exact is approximated without a word */
};

/*
 * cedar_schema_from_mcp(tools, stub, options, form, out, error): a schema with an action for each tool, in the form asked for; it resolves.
 * ${tools}: what MCP tools/list answers, a list of tools, or one tool, in JSON. ${stub}: a schema in Cedar syntax with exactly one
 * namespace, whose annotations say what is what: @mcp_principal and @mcp_resource on entity types, @mcp_context("key") on types that every
 * context holds, @mcp_action on the parents of the tools' actions. ${options} may be NULL. Errors name the tool and the place in its schema.
 */
bool cedar_schema_from_mcp(struct cedar_str tools, struct cedar_str stub, const struct cedar_mcp_options *options, enum cedar_schema_form form,
                           struct cedar_output *out, struct cedar_error *error);

#endif
