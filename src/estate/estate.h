/*
 * The estate: the folder, kept in git, that declares people, agents, destinations with their pinned tool sets, task templates, policies
 * and the server's own settings. Loading is all or nothing: every problem in every file is reported with file, line, key and the nearest
 * valid key, and a broken estate never replaces a good one. A loaded estate is immutable and reference-counted; readers of any thread.
 *
 * Layout: writ.yaml, people.yaml, agents/NAME.yaml, destinations/NAME.yaml, pins/NAME.json, tasks/NAME.yaml, policies/NAME.cedar,
 * inspection.yaml, inspection/NAME.toml, packs/NAME.yaml, alerts/NAME.yaml.
 */
#ifndef ESTATE_ESTATE_H
#define ESTATE_ESTATE_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "estate/credentials.h"
#include "identity/identity.h"
#include "keys/keys.h"
#include "writ/cedar.h"

struct pack;

struct place { /* where something is declared, for explain and for errors */
    const char *file; /* relative to the estate */
    int line;
};

enum agent_kind { AGENT_ASSISTANT, AGENT_AUTONOMOUS, AGENT_BACKGROUND, AGENT_SERVICE };
enum agent_state { AGENT_ACTIVE, AGENT_FROZEN, AGENT_RETIRED };
enum effect { EFFECT_READ, EFFECT_WRITE, EFFECT_IRREVERSIBLE };
enum sensitivity { SENS_PUBLIC, SENS_INTERNAL, SENS_CONFIDENTIAL, SENS_RESTRICTED };
enum integrity { INTEGRITY_TRUSTED, INTEGRITY_UNTRUSTED };
extern const char *const agent_kind_names[],
    *const agent_state_names[], *const effect_names[], *const sensitivity_names[], *const integrity_names[],
                                                                                       *const sink_kind_names[]; /* each ends with NULL */

/* How much an agent may use of something (src/limits); 0: no bound. ${place}: what to edit. */
struct rate {
    uint64_t count, ms; /* so many in so long */
};
struct use_limits {
    struct rate rate;
    uint64_t burst; /* 0: as many as ${rate} counts */
    uint64_t concurrency, queue;
    struct place place;
};

struct person {
    const char *id, *name;
    int uid;             /* unix user of this person, -1 when none is declared */
    bool admin;          /* may use the admin socket; its uid must not run agents (law 12) */
    const char **groups; /* NULL-terminated */
    bool active;         /* a person that left stays declared as inactive: what they own has no living owner (law 1) */
    struct place place;
};

struct agent {
    const char *id, *purpose, *environment;
    const struct person *owner, *backup; /* backup may be NULL with a warning */
    enum agent_kind kind;
    enum agent_state state;
    struct unix_claim *claims; /* any one of them proves it */
    size_t n_claims;
    bool accept_weak_proof;    /* an interpreter under a shared user is accepted, at the lower worth */
    const struct task **tasks; /* NULL-terminated */
    const struct task *default_task; /* or NULL */
    struct use_limits limits; /* of all its writs together */
    const struct person *acts_for; /* whose agent it is: its writs are on behalf of this person unless another is named; or NULL */
    const char *review;        /* date YYYY-MM-DD or NULL */
    struct place place;
};

/* What kind of place an argument names. A sink decides where an effect or data lands. */
enum sink_kind { SINK_NONE, SINK_PATH, SINK_URL, SINK_RECIPIENT, SINK_AMOUNT, SINK_OTHER };
struct sink {
    const char *argument; /* name of a top-level argument; arrays of strings mean each of them */
    enum sink_kind kind;
    bool leaves; /* the place lies outside the house: a read with such a sink is a write */
};

struct tool {
    const char *name;
    const struct destination *destination;
    enum effect effect;
    bool confirmed; /* a person stated the effect in destinations/NAME.yaml; else it counts as write */
    struct sink *sinks;
    size_t n_sinks;
    const struct json *pin;    /* the tool object as pinned (name, description, inputSchema, annotations …) */
    const struct json *schema; /* its inputSchema, or NULL */
    uint8_t digest[32];        /* SHA-256 of the canonical form of ${pin}, every member included */
    bool held;                 /* pinned with findings that nobody accepted: it cannot be used */
    const char *unmarkable;    /* why no client of 2026-07-28 may use it (x-mcp-header), or NULL */
    bool changed;              /* it was accepted in another form since its effect was stated: unconfirmed */
    const char *proposed;      /* nobody has confirmed what is stated, which rests on this; NULL: somebody has */
    const char **outsiders;    /* parts of its result that outsiders wrote (packs.h), NULL-terminated; NULL: as the destination's integrity */
    int sensitivity;           /* of its result: an enum sensitivity, or -1: the destination's */
    struct use_limits limits;  /* as one agent uses it */
    bool has_repeats;
    uint64_t repeats;          /* instead of the destination's; 0: no bound */
    uint64_t call_timeout_ms, result_bytes; /* 0: the destination's */
    struct place place;
};

struct pinned_extra { /* a prompt or a resource template, as pinned: a subject of grants and policies (docs/estate.md) */
    bool prompt;
    bool held;
    struct bytes name; /* of a template: its uriTemplate */
    uint8_t digest[32];
    const char *subject;          /* "@prompts/NAME" or "@resources/TEMPLATE": what grants say, and its action behind the destination's id */
    bool named;                   /* ${subject} is short enough for an action of its own */
    const struct json *schema;    /* of what policies see of a call: {name, arguments}, {uri, mime} */
    const struct json *arguments; /* of a prompt: what it takes, as a JSON Schema of texts */
    struct bytes mime;            /* of a template that says so, or empty */
};

enum upstream_kind { UPSTREAM_STDIO, UPSTREAM_HTTP };

struct destination {
    const char *id;
    const struct person *owner;
    const char *environment;
    enum sensitivity sensitivity;
    enum integrity integrity;
    enum upstream_kind kind;
    const char *url;      /* UPSTREAM_HTTP: http://127.0.0.1… or https://… */
    const char *ca_file;  /* trust for https, NULL: the system's */
    const char **command; /* UPSTREAM_STDIO: argv, NULL-terminated; [0] absolute or found in PATH */
    const char *cwd;      /* or NULL */
    const char **env;     /* "NAME=value", NULL-terminated; plain values */
    const char **roots;   /* folders that path arguments are meant under, absolute; for path sinks and MCP roots */
    const char *user;     /* run the server as this user, or NULL: as Writ's own */
    struct secret_use {   /* secrets it gets */
        const char *secret; /* what people call it: the sealed name, "file:/…", "vault:path#field", "kubernetes:name#field" */
        struct secret_source source;
        const char *env;    /* as this environment variable (stdio), or NULL */
        const char *header; /* as this header (http), with ${prefix} before it */
        const char *prefix; /* "Bearer " or "" */
    } *secrets;
    size_t n_secrets;
    struct net_range *networks; /* private ones that its addresses, and those of its authorization server, may lie in */
    size_t n_networks;
    struct vault_access *vault;           /* or NULL */
    struct kubernetes_access *kubernetes; /* or NULL */
    struct oauth_use *oauth;              /* or NULL */
    struct tool *tools; /* sorted by name; from the pin */
    size_t n_tools;
    struct pinned_extra *extras;
    size_t n_extras;
    bool pinned;
    bool held;              /* the server's own name or instructions have findings that nobody accepted: nothing of it can be used */
    const struct json *pin; /* the whole pin file (estate/pin.h) */
    const char *pin_server; /* "name version" of the pinned server */
    bool share_resources, share_prompts; /* may be granted at all */
    uint64_t call_timeout_ms, result_bytes;
    struct use_limits limits; /* as one agent uses it */
    uint64_t repeats, repeated_writes, repeat_ms; /* the same call of one agent within that time; 0: no bound */
    struct place place;
};

/* Conditions on the arguments of one granted tool. All must hold. The vocabulary is closed so that narrowing can be decided. */
enum condition_kind {
    COND_UNDER,    /* a path (or each of a list) that lies under one of the folders after resolving; lexical ".." and links cannot leave */
    COND_IS,       /* equals the JSON value */
    COND_ONE_OF,   /* equals one of the JSON values */
    COND_AT_MOST,  /* a number <= */
    COND_AT_LEAST, /* a number >= */
    COND_STARTS,   /* a string that starts with */
    COND_ABSENT,   /* the argument must not be given */
};
struct condition {
    const char *argument;
    enum condition_kind kind;
    const char **folders;       /* COND_UNDER: absolute, NULL-terminated */
    const struct json *value;   /* the others; an array for COND_ONE_OF */
};
struct grant {
    const struct destination *destination;
    const char *tool; /* a pinned name, "*" for all pinned tools, "@resources" or "@prompts" */
    enum effect ceiling; /* "*" covers tools up to this effect only */
    struct condition *conditions;
    size_t n_conditions;
    struct place place;
};

struct task {
    const char *id, *purpose; /* purpose: default text when none is stated */
    struct grant *grants;
    size_t n_grants;
    uint64_t lifetime_ms, idle_ms; /* a writ ends at the latest, or unused, after */
    uint64_t max_calls;            /* 0: no bound */
    struct use_limits limits;      /* of one writ */
    const char **approvers;        /* groups, NULL-terminated */
    struct place place;
};

struct observe { /* design.md law 3 */
    enum { OBSERVE_AGENT, OBSERVE_DESTINATION, OBSERVE_POLICY } what;
    const char *id;
    const char *until; /* YYYY-MM-DD; at most 90 days ahead */
    struct place place;
};

struct policy_tests { /* a file of them, read by who runs them */
    const char *file; /* relative to the estate */
    struct bytes text;
};

/* What to do about what is found in arguments and results: ordered, the later is the stronger. */
enum found_action { FOUND_NOTE, FOUND_REDACT, FOUND_REFUSE };
extern const char *const found_action_names[], *const class_kind_names[];
struct found_do {
    enum found_action arguments, results;
    enum sensitivity sensitivity; /* what the writ has seen when it passed */
};
enum class_kind {
    CLASS_REGEX,
    CLASS_WORDS,
    CLASS_IBAN,
    CLASS_CARD,
    CLASS_EMAIL,
    CLASS_PHONE,
    CLASS_US_SSN,
    CLASS_UK_NINO,
    CLASS_DE_TAX_ID,
    CLASS_FR_NIR,
    CLASS_ES_DNI,
    CLASS_NL_BSN,
    CLASS_PL_PESEL
};
struct data_class { /* inspection.yaml: a declared kind of data */
    const char *id;
    enum class_kind kind;
    const char *regex;   /* CLASS_REGEX */
    const char **words;  /* CLASS_WORDS: NULL-terminated */
    bool ignore_case;
    struct found_do act;
    struct place place;
};
struct rule_setting { /* inspection.yaml: what to do about one rule */
    const char *id;
    struct found_do act;
    struct place place;
};
struct rule_file { /* inspection/NAME.toml, read by src/inspect */
    const char *file;
    struct bytes text;
};
struct inspection_settings {
    bool builtin_rules;
    const char **disabled; /* rule ids, NULL-terminated */
    struct found_do secrets;
    enum found_action beyond, binary; /* FOUND_NOTE or FOUND_REFUSE */
    uint64_t max_bytes;
    struct data_class *classes;
    size_t n_classes;
    struct rule_setting *rules;
    size_t n_rules;
    struct rule_file *files;
    size_t n_files;
    struct place place;
};

/* What people are told of at once, each a line of the log or a date that comes near. */
enum alert_kind {
    ALERT_REFUSAL,      /* a call was refused */
    ALERT_ASKED,        /* a call waits for a person, or for context */
    ALERT_OBSERVED,     /* observe: it would have been refused or asked */
    ALERT_SIGHTING,     /* a secret, or a token of Writ's own, where it does not belong */
    ALERT_QUARANTINE,   /* what a server offers is not as it was pinned */
    ALERT_REVOCATION,
    ALERT_OBSERVE_ENDS, /* an observe period is over soon */
    ALERT_PRIVILEGE,    /* who may do what has changed */
    ALERT_SERVER,       /* the log failed, an estate was refused, Writ started or stopped */
    ALERT_KINDS
};
enum alert_form { ALERT_JSON, ALERT_SLACK, ALERT_TEAMS };
extern const char *const alert_kind_names[], *const alert_form_names[]; /* each ends with NULL */

#define WEBHOOK_NAME_MAX 48u
struct webhook { /* alerts/NAME.yaml: where alerts go */
    const char *id;
    const char *url;        /* or NULL: */
    const char *url_secret; /* name of the sealed secret that holds it */
    const char *sign;       /* name of the sealed secret that messages are signed with, or NULL */
    const char *ca_file;    /* or NULL: the system's */
    enum alert_form form;
    unsigned kinds; /* bits of 1 << enum alert_kind */
    struct net_range *networks;
    size_t n_networks;
    uint64_t per_minute; /* messages of each kind */
    uint64_t repeat_ms;  /* the same thing again within this time is counted, not sent */
    struct place place;
};

struct authorization_settings { /* what the HTTP face says of itself (RFC 9728); nothing is declared: zeros */
    const char **servers; /* issuers, NULL-terminated */
    const char *documentation;
};

struct settings { /* writ.yaml */
    const char *name;      /* of this installation; log origin "writ.<name>" */
    const char *state_dir; /* store, log, keys; absolute */
    const char *run_dir;   /* sockets; absolute */
    const char *store_url;
    struct keys_master master;
    uint64_t log_window_ms;
    bool builtin_policies; /* default true */
    struct connect_settings connect;
    struct authorization_settings authorization;
    struct place place;
};

struct estate {
    struct arena arena;
    int refs;
    const char *dir;
    struct settings settings;
    struct person *people;
    size_t n_people;
    struct agent *agents;
    size_t n_agents;
    struct destination *destinations;
    size_t n_destinations;
    struct task *tasks;
    size_t n_tasks;
    struct observe *observes;
    size_t n_observes;
    struct inspection_settings inspection;
    struct pack *packs; /* packs/NAME.yaml (packs.h), by id */
    size_t n_packs;
    struct webhook *webhooks;
    size_t n_webhooks;
    struct policy_tests *tests; /* policies/NAME.test.yaml */
    size_t n_tests;
    struct cedar_policies *policies; /* the estate's own and the built-in ones that it does not replace; ids are @id or file:number */
    struct cedar_schema *schema;     /* what policies are validated by: policy_schema_text */
    uint8_t digest[32];              /* SHA-256 over all files, names and contents, in order: the version of the estate */
    char version[17];                /* its first 16 hex digits */
};

/* Findings of a load, in order of file and line. */
enum finding_level { FINDING_ERROR, FINDING_WARNING };
struct finding {
    enum finding_level level;
    char file[128];
    int line, column; /* column 0: unknown */
    char text[320];   /* what, and what to do; "did you mean" included */
};
struct findings {
    struct finding *list;
    size_t n, cap; /* at most 1000 are kept */
    size_t errors, warnings;
};
void findings_free(struct findings *f);
/* findings_note(f, level, file, line, column, fmt, …): one more, from who looks at an estate after its load. */
void findings_note(struct findings *f, enum finding_level level, const char *file, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* estate_load(env, dir, builtin, findings, out): all or nothing. ${findings} is filled either way. E_ESTATE when there were errors. */
struct err estate_load(struct env *env, const char *dir, struct bytes builtin_policies, struct findings *findings, struct estate **out) MUST_USE;
struct estate *estate_ref(struct estate *e);
void estate_unref(struct estate *e);

const struct person *estate_person(const struct estate *e, const char *id);
const struct agent *estate_agent(const struct estate *e, const char *id);
const struct destination *estate_destination(const struct estate *e, const char *id);
const struct task *estate_task(const struct estate *e, const char *id);
const struct webhook *estate_webhook(const struct estate *e, const char *id);
const struct tool *destination_tool(const struct destination *d, struct bytes name);
const struct pinned_extra *destination_extra(const struct destination *d, bool prompt, struct bytes name);
/* destination_subject(d, text): the pinned one whose subject is ${text}, "@prompts/NAME" or "@resources/TEMPLATE"; or NULL. */
const struct pinned_extra *destination_subject(const struct destination *d, struct bytes text);
/* estate_nearest(e, kind, id): the declared id nearest to a mistyped one ("agent", "destination", "task", "person"), or NULL. */
const char *estate_nearest(const struct estate *e, const char *kind, const char *id);

/* estate_observed(e, what, id, now_ms): the last day on which it is observed, or NULL: it is not, or that is over. */
const char *estate_observed(const struct estate *e, unsigned what, const char *id, int64_t now_ms);

/* estate_diff(old, new, fn, ctx): privilege changes between two estates as one readable line each, for the record. */
void estate_diff(const struct estate *old, const struct estate *new, void (*line)(const char *text, void *ctx), void *ctx);

/* estate_init(dir, options…): write the commented example. Refuses to overwrite (E_EXISTS naming the file). */
struct init_options {
    const char *state_dir, *run_dir; /* NULL: beside the estate: DIR/../writ-state … */
    const char *owner_name;          /* NULL: the user's name */
    int owner_uid;
    const char *files_root;               /* folder that the example destination serves; NULL: /srv/docs */
    const char *node, *server_js;         /* absolute: Node, and dist/index.js of @modelcontextprotocol/server-filesystem; NULL: the usual places */
    const char *reader_user, *bot_user;   /* users of their own for the two agents; NULL: proofs that need no user on this host */
};
struct err estate_init(const char *dir, const struct init_options *options) MUST_USE;

/* tool_digest(tool, out): digest of a tool object as listed live, comparable with struct tool.digest. */
struct err tool_digest(const struct json *tool, uint8_t out[32]) MUST_USE;

/*
 * arguments_check(schema, args, a, out): type the arguments of a call by the pinned inputSchema (JSON Schema 2020-12 as far as tools use
 * it: type, properties, required, additionalProperties, items, prefixItems, enum, const, minimum/maximum (and exclusive), minLength,
 * maxLength, minItems, maxItems, uniqueItems, anyOf, oneOf, allOf, not, default, local $ref). Undeclared arguments are refused unless
 * the schema says additionalProperties true or a schema; network $ref never followed; ${out} is a new object with defaults filled in, whose raw text is what is to be forwarded.
 * Keywords it does not know that could narrow (pattern, format, if/then, dependent*, …) are ignored for acceptance (the server checks
 * them) except where ignoring could change types. Errors: E_ARGUMENTS "arguments.path: expected string, got integer".
 */
struct err arguments_check(const struct json *schema, const struct json *args, struct arena *a, struct json **out) MUST_USE;

/*
 * argument_schema_of(root, schema): the schema that says what a value is when it is not null: ${schema} itself, or what its $ref leads to
 * within ${root}, or the first choice of its anyOf or oneOf that is not null. NULL when it leads nowhere. arguments_object(schema): the same
 * for all arguments together, which are no choice. What types arguments for policies and what builds the request must see the same.
 */
const struct json *argument_schema_of(const struct json *root, const struct json *schema);
const struct json *arguments_object(const struct json *schema);
/* argument_number(schema): what Cedar type numbers have by ${schema}, as argument_schema_of gives it. */
enum argument_number { NUMBER_ANY, NUMBER_LONG, NUMBER_DECIMAL };
enum argument_number argument_number(const struct json *schema);

/* policy_schema_text(e, b): the Cedar schema that policies of this estate are validated by. */
void policy_schema_text(const struct estate *e, struct buf *b);

/* number_compare(a, b): the exact order of two JSON numbers (JSON_INT or JSON_NUMBER), of any length: <0, 0 or >0. */
int number_compare(const struct json *a, const struct json *b);

/* path_resolve(path, roots, a, out): ${path} made absolute and free of ".", "..", doubled slashes and symbolic links, as the file system
 * of this host is now; parts that do not exist stay as written. Relative paths are meant under roots[0]. E_ARGUMENTS for NUL or empty. */
struct err path_resolve(struct bytes path, const char *const *roots, struct arena *a, char **out) MUST_USE;
/* path_under(path, folder): by whole components. */
bool path_under(const char *path, const char *folder);

#endif
