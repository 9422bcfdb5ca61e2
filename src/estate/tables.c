/*
 * Every key of every file, once. docs/estate.md holds the same rows; a unit test compares them.
 */
#include "estate/fields.h"

const char *const agent_kind_names[] = {"assistant", "autonomous", "background", "service", NULL};
const char *const agent_state_names[] = {"active", "frozen", "retired", NULL};
const char *const effect_names[] = {"read", "write", "irreversible", NULL};
const char *const sensitivity_names[] = {"public", "internal", "confidential", "restricted", NULL};
const char *const integrity_names[] = {"trusted", "untrusted", NULL};
const char *const sink_kind_names[] = {"none", "path", "url", "recipient", "amount", "other", NULL};

#define AT(type, member) offsetof(struct type, member)
#define END {0}

static const struct field settings[] = {
    {"name", FIELD_NAME, AT(settings_file, settings.name), FIELD_REQUIRED, NULL, NULL, "name of this installation; the log is called writ.NAME"},
    {"state_dir", FIELD_PATH, AT(settings_file, settings.state_dir), FIELD_REQUIRED, NULL, NULL,
     "folder of the store, the log and the keys; absolute"},
    {"run_dir", FIELD_PATH, AT(settings_file, settings.run_dir), FIELD_REQUIRED, NULL, NULL, "folder of the sockets; absolute"},
    {"store", FIELD_TEXT, AT(settings_file, settings.store_url), 0, NULL, NULL, "where state is kept; default: sqlite:STATE_DIR/writ.db"},
    {"master", FIELD_MAP, AT(settings_file, master), FIELD_REQUIRED, NULL, NULL, "where the key comes from that encrypts everything at rest"},
    {"log_window", FIELD_DURATION, AT(settings_file, settings.log_window_ms), 0, NULL, "100ms",
     "how long a record of a light or standard call may wait for the disk; at most 10s"},
    {"builtin_policies", FIELD_BOOL, AT(settings_file, settings.builtin_policies), 0, NULL, "true",
     "use the built-in policies beside those in policies/"},
    {"connect", FIELD_MAP, AT(settings_file, connect), 0, NULL, NULL, "where people's browsers come back from an authorization server"},
    {"authorization", FIELD_MAP, AT(settings_file, authorization), 0, NULL, NULL, "where tokens for the HTTP face are given, for its metadata"},
    {"observe", FIELD_LIST, AT(settings_file, observe), 0, NULL, NULL, "what is only observed: refusals are recorded and not enforced"},
    END};
const struct table table_settings = {"writ.yaml", settings};

static const struct field master[] = {
    {"credential", FIELD_TEXT, AT(master_file, credential), 0, NULL, NULL, "name of a systemd credential (below $CREDENTIALS_DIRECTORY)"},
    {"file", FIELD_PATH, AT(master_file, file), 0, NULL, NULL, "a file of 32 bytes or more, readable by its owner only"},
    {"passphrase", FIELD_BOOL, AT(master_file, passphrase), 0, NULL, "false", "true: ask for it at start"},
    END};
const struct table table_master = {"writ.yaml: master (exactly one of them)", master};

static const struct field connecting[] = {
    {"listen", FIELD_TEXT, AT(connect_settings, listen), FIELD_REQUIRED, NULL, NULL, "address and port on this host, such as 127.0.0.1:8931"},
    {"url", FIELD_TEXT, AT(connect_settings, url), 0, NULL, NULL, "https address that browsers reach it by; default: http://LISTEN"},
    {"client_metadata", FIELD_TEXT, AT(connect_settings, client_metadata), 0, NULL, NULL,
     "https address of a client id metadata document; default: URL/client.json when url is set"},
    END};
const struct table table_connect = {"writ.yaml: connect", connecting};

static const struct field authorizing[] = {
    {"servers", FIELD_TEXTS, AT(authorization_settings, servers), FIELD_REQUIRED, NULL, NULL, "issuers of authorization servers, as https://…"},
    {"documentation", FIELD_TEXT, AT(authorization_settings, documentation), 0, NULL, NULL, "page for people who write clients"},
    END};
const struct table table_authorization = {"writ.yaml: authorization", authorizing};

static const struct field observe[] = {{"agent", FIELD_NAME, AT(observe_file, agent), 0, NULL, NULL, "the agent that is observed"},
                                       {"destination", FIELD_NAME, AT(observe_file, destination), 0, NULL, NULL, "the destination that is observed"},
                                       {"policy", FIELD_TEXT, AT(observe_file, policy), 0, NULL, NULL, "the @id of the policy that is observed"},
                                       {"until", FIELD_DATE, AT(observe_file, until), FIELD_REQUIRED, NULL, NULL, "last day; at most 90 days ahead"},
                                       END};
const struct table table_observe = {"writ.yaml: each entry of observe (exactly one of agent, destination, policy)", observe};

static const struct field person[] = {
    {"name", FIELD_TEXT, AT(person_file, person.name), FIELD_REQUIRED, NULL, NULL, "the person's name"},
    {"user", FIELD_USER, AT(person_file, user), 0, NULL, NULL, "their user name on this host"},
    {"uid", FIELD_UID, AT(person_file, uid), 0, NULL, NULL, "their user id, instead of user"},
    {"admin", FIELD_BOOL, AT(person_file, person.admin), 0, NULL, "false", "may administer Writ; needs user or uid, which then must not run agents"},
    {"groups", FIELD_NAMES, AT(person_file, person.groups), 0, NULL, NULL, "groups that may approve"},
    {"active", FIELD_BOOL, AT(person_file, person.active), 0, NULL, "true", "false: has left; what they own has no living owner"},
    END};
const struct table table_person = {"people.yaml: each person, below their id", person};

static const struct field agent[] = {
    {"purpose", FIELD_TEXT, AT(agent_file, agent.purpose), FIELD_REQUIRED, NULL, NULL, "why this agent exists"},
    {"owner", FIELD_PERSON, AT(agent_file, agent.owner), FIELD_REQUIRED, NULL, NULL, "the person who answers for it"},
    {"backup", FIELD_PERSON, AT(agent_file, agent.backup), 0, NULL, NULL, "who answers when the owner has left"},
    {"kind", FIELD_CHOICE, AT(agent_file, agent.kind), FIELD_REQUIRED, agent_kind_names, NULL,
     "assistant: a person watches; service: a legacy account"},
    {"environment", FIELD_NAME, AT(agent_file, agent.environment), 0, NULL, "production", "where it works"},
    {"state", FIELD_CHOICE, AT(agent_file, agent.state), 0, agent_state_names, "active", "frozen and retired agents get no writ"},
    {"proves", FIELD_LIST, AT(agent_file, proves), FIELD_REQUIRED, NULL, NULL, "how it proves what it is; any one entry is enough"},
    {"accept_weak_proof", FIELD_BOOL, AT(agent_file, agent.accept_weak_proof), 0, NULL, "false",
     "accept a proof that other programs of the same user can give too"},
    {"tasks", FIELD_TASKS, AT(agent_file, agent.tasks), FIELD_REQUIRED, NULL, NULL, "the task templates it may take"},
    {"default_task", FIELD_TASK, AT(agent_file, agent.default_task), 0, NULL, NULL, "the task of calls that come without a writ; one of tasks"},
    {"acts_for", FIELD_PERSON, AT(agent_file, agent.acts_for), 0, NULL, NULL,
     "whose agent it is: its writs are on behalf of this person unless another is named"},
    {"limits", FIELD_MAP, AT(agent_file, limits), 0, NULL, NULL, "bounds of all its calls, whatever its writs and instances"},
    {"review", FIELD_DATE, AT(agent_file, agent.review), 0, NULL, NULL, "day by which a person looks at this agent again"},
    END};
const struct table table_agent = {"agents/NAME.yaml", agent};

static const struct field claim[] = {
    {"user", FIELD_USER, AT(claim_file, user), 0, NULL, NULL, "user name the process runs as"},
    {"uid", FIELD_UID, AT(claim_file, uid), 0, NULL, NULL, "user id the process runs as, instead of user"},
    {"dedicated", FIELD_BOOL, AT(claim_file, claim.dedicated_user), 0, NULL, "false",
     "the user is this agent's alone: no other agent and no person has it"},
    {"exe", FIELD_PATH, AT(claim_file, claim.exe), 0, NULL, NULL, "executable of the process or of one that started it"},
    {"sha256", FIELD_HASH, AT(claim_file, claim.sha256), 0, NULL, NULL, "SHA-256 of exe"},
    {"client", FIELD_PATH, AT(claim_file, claim.client), 0, NULL, NULL, "executable that must have started it, directly or not"},
    {"unit", FIELD_TEXT, AT(claim_file, claim.unit), 0, NULL, NULL, "systemd unit it runs in"},
    {"cgroup", FIELD_PATH, AT(claim_file, claim.cgroup), 0, NULL, NULL, "its control group, or a group above"},
    END};
const struct table table_claim = {"agents/NAME.yaml: unix, in each entry of proves (all that is given must hold)", claim};

static const struct field destination[] = {
    {"owner", FIELD_PERSON, AT(destination_file, destination.owner), FIELD_REQUIRED, NULL, NULL, "the person who answers for it"},
    {"environment", FIELD_NAME, AT(destination_file, destination.environment), 0, NULL, "production", "where it works"},
    {"sensitivity", FIELD_CHOICE, AT(destination_file, destination.sensitivity), FIELD_REQUIRED, sensitivity_names, NULL, "of the data it gives"},
    {"integrity", FIELD_CHOICE, AT(destination_file, destination.integrity), 0, integrity_names, "untrusted",
     "untrusted: outsiders can put text into what it returns"},
    {"server", FIELD_MAP, AT(destination_file, server), FIELD_REQUIRED, NULL, NULL, "the server behind it: command or url"},
    {"limits", FIELD_MAP, AT(destination_file, limits), 0, NULL, NULL, "bounds of calls, and of how many"},
    {"share", FIELD_NAMES, AT(destination_file, share), 0, NULL, NULL, "what may be granted besides tools: resources, prompts"},
    {"tools", FIELD_MAP, AT(destination_file, tools), 0, NULL, NULL, "what a person confirmed about its pinned tools, by name"},
    END};
const struct table table_destination = {"destinations/NAME.yaml", destination};

static const struct field server[] = {
    {"command", FIELD_TEXTS, AT(server_file, command), 0, NULL, NULL, "program and arguments of an MCP server over stdio"},
    {"cwd", FIELD_PATH, AT(server_file, cwd), 0, NULL, NULL, "its working folder; default: the first of roots"},
    {"user", FIELD_USERNAME, AT(server_file, user), 0, NULL, NULL, "run it as this user; default: as Writ's own"},
    {"env", FIELD_MAP, AT(server_file, env), 0, NULL, NULL, "its environment: NAME: text, or NAME: { secret: … }"},
    {"roots", FIELD_PATHS, AT(server_file, roots), 0, NULL, NULL, "folders its paths are meant under; relative ones under the first"},
    {"url", FIELD_TEXT, AT(server_file, url), 0, NULL, NULL, "address of an MCP server over HTTP: https://…, or http:// on this host"},
    {"ca_file", FIELD_PATH, AT(server_file, ca_file), 0, NULL, NULL, "certificates trusted for https; default: the system's"},
    {"headers", FIELD_MAP, AT(server_file, headers), 0, NULL, NULL, "headers it gets: NAME: { secret: … }"},
    {"networks", FIELD_TEXTS, AT(server_file, networks), 0, NULL, NULL,
     "private addresses that it and its authorization server may have, such as 10.1.0.0/16; otherwise public ones only"},
    {"vault", FIELD_MAP, AT(server_file, vault), 0, NULL, NULL, "the Vault or OpenBao that secrets with vault: come from"},
    {"kubernetes", FIELD_MAP, AT(server_file, kubernetes), 0, NULL, NULL,
     "the cluster that secrets with kubernetes: come from; default: the one Writ runs in"},
    {"oauth", FIELD_MAP, AT(server_file, oauth), 0, NULL, NULL, "get access tokens for it"},
    END};
const struct table table_server = {"destinations/NAME.yaml: server (either command or url)", server};

static const struct field secret[] = {
    {"secret", FIELD_NAME, AT(secret_file, secret), 0, NULL, NULL, "name of a sealed secret (writ destination seal)"},
    {"file", FIELD_PATH, AT(secret_file, file), 0, NULL, NULL, "a file that nobody else may read; read again when it changes"},
    {"owner", FIELD_USER, AT(secret_file, owner), 0, NULL, NULL, "user that the file belongs to; default: Writ's own or root"},
    {"vault", FIELD_TEXT, AT(secret_file, vault), 0, NULL, NULL, "path below the mount of a KV engine (server.vault)"},
    {"kubernetes", FIELD_TEXT, AT(secret_file, kubernetes), 0, NULL, NULL, "name of a Secret in the cluster (server.kubernetes)"},
    {"field", FIELD_TEXT, AT(secret_file, field), 0, NULL, NULL, "with vault or kubernetes: which of its values"},
    {"namespace", FIELD_TEXT, AT(secret_file, workspace), 0, NULL, NULL, "with kubernetes: its namespace; default: that of server.kubernetes"},
    {"prefix", FIELD_TEXT, AT(secret_file, prefix), 0, NULL, "", "text before it in a header, such as \"Bearer \""},
    END};
const struct table table_secret = {"destinations/NAME.yaml: a secret, below env or headers (exactly one of secret, file, vault, kubernetes)", secret};

static const struct field vault[] = {
    {"address", FIELD_TEXT, AT(vault_file, address), FIELD_REQUIRED, NULL, NULL, "https://…, or http:// on this host"},
    {"ca_file", FIELD_PATH, AT(vault_file, ca_file), 0, NULL, NULL, "certificates trusted for it; default: the system's"},
    {"namespace", FIELD_TEXT, AT(vault_file, workspace), 0, NULL, NULL, "namespace of all requests"},
    {"mount", FIELD_TEXT, AT(vault_file, mount), 0, NULL, "secret", "mount of the KV engine"},
    {"kv", FIELD_COUNT, AT(vault_file, kv), 0, NULL, "2", "version of the KV engine, 1 or 2"},
    {"token_file", FIELD_PATH, AT(vault_file, token_file), 0, NULL, NULL, "log in with the token in this file, as Vault Agent keeps one"},
    {"role_id", FIELD_TEXT, AT(vault_file, role_id), 0, NULL, NULL, "log in by AppRole, with secret_id_file"},
    {"secret_id_file", FIELD_PATH, AT(vault_file, secret_id_file), 0, NULL, NULL, "the AppRole's secret id"},
    {"kubernetes_role", FIELD_TEXT, AT(vault_file, kubernetes_role), 0, NULL, NULL, "log in with the service account's token"},
    {"jwt_role", FIELD_TEXT, AT(vault_file, jwt_role), 0, NULL, NULL, "log in with the JWT in jwt_file"},
    {"jwt_file", FIELD_PATH, AT(vault_file, jwt_file), 0, NULL, NULL, "the JWT; with kubernetes_role the default is the service account's"},
    {"login_mount", FIELD_TEXT, AT(vault_file, login_mount), 0, NULL, NULL, "mount of the login method; default: approle, kubernetes or jwt"},
    END};
const struct table table_vault = {"destinations/NAME.yaml: server.vault (exactly one of token_file, role_id, kubernetes_role, jwt_role)", vault};

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
static const struct field kubernetes[] = {
    {"address", FIELD_TEXT, AT(kubernetes_file, access.address), 0, NULL, "https://kubernetes.default.svc", "the cluster's API"},
    {"ca_file", FIELD_PATH, AT(kubernetes_file, access.ca_file), 0, NULL, SERVICE_ACCOUNT "ca.crt", "certificates trusted for it"},
    {"token_file", FIELD_PATH, AT(kubernetes_file, access.token_file), 0, NULL, SERVICE_ACCOUNT "token", "the service account's token"},
    {"namespace", FIELD_TEXT, AT(kubernetes_file, access.workspace), 0, NULL, NULL, "where the Secrets are; default: the service account's"},
    END};
const struct table table_kubernetes = {"destinations/NAME.yaml: server.kubernetes", kubernetes};

const char *const oauth_grant_names[] = {"client_credentials", "person", NULL};
const char *const oauth_auth_names[] = {"client_secret_basic", "client_secret_post", "private_key_jwt", "none", NULL};
static const struct field oauth[] = {
    {"grant", FIELD_CHOICE, AT(oauth_file, grant), FIELD_REQUIRED, oauth_grant_names, NULL,
     "client_credentials: as Writ; person: as the person a writ is on behalf of, who connects their account once"},
    {"issuer", FIELD_TEXT, AT(oauth_file, issuer), 0, NULL, NULL,
     "the only authorization server that is accepted; default: the one that the server names"},
    {"token_endpoint", FIELD_TEXT, AT(oauth_file, token_endpoint), 0, NULL, NULL, "instead of discovery, with client_credentials"},
    {"client_id", FIELD_TEXT, AT(oauth_file, client_id), 0, NULL, NULL,
     "as registered there; default: the client id metadata document (connect), or dynamic registration"},
    {"client_secret", FIELD_NAME, AT(oauth_file, client_secret), 0, NULL, NULL, "name of the sealed client secret"},
    {"key", FIELD_NAME, AT(oauth_file, key), 0, NULL, NULL, "name of the sealed private key, which ends in .key (private_key_jwt)"},
    {"auth", FIELD_CHOICE, AT(oauth_file, auth), 0, oauth_auth_names, NULL,
     "how the client proves itself; default: as the authorization server takes it"},
    {"scopes", FIELD_TEXTS, AT(oauth_file, scopes), 0, NULL, NULL, "asked for besides what the server says"},
    {"resource", FIELD_TEXT, AT(oauth_file, resource), 0, NULL, NULL, "what the token is for (RFC 8707); default: server.url"},
    END};
const struct table table_oauth = {"destinations/NAME.yaml: server.oauth", oauth};

/* What every set of limits holds; ${in} "use." or nothing: where in the struct. */
#define USE_LIMITS(type, in, per, at_once, line)                                                                                                     \
    {"rate", FIELD_RATE, AT(type, in rate), 0, NULL, per, "calls: 10/s, 300/m, 1000/h, or none"},                                                    \
        {"burst", FIELD_COUNT, AT(type, in burst), 0, NULL, NULL, "calls that may come at once; default: the number of rate"},                       \
        {"concurrency", FIELD_COUNT, AT(type, in concurrency), 0, NULL, at_once, "calls under way at the same time"},                                \
        {"queue", FIELD_COUNT, AT(type, in queue), 0, NULL, line, "calls that may wait for one of them to end"}
static const struct field limits[] = {
    {"call_timeout", FIELD_DURATION, AT(limits_file, call_timeout_ms), 0, NULL, "60s", "longest time of one call"},
    {"result_bytes", FIELD_SIZE, AT(limits_file, result_bytes), 0, NULL, "4MiB", "largest result of one call"},
    USE_LIMITS(limits_file, use., "3000/m", "32", "32"),
    {"repeats", FIELD_COUNT, AT(limits_file, repeats), 0, NULL, "60", "the same read with the same arguments within repeat_window; 0: no bound"},
    {"repeated_writes", FIELD_COUNT, AT(limits_file, repeated_writes), 0, NULL, "10", "the same for all that is no confirmed read; 0: no bound"},
    {"repeat_window", FIELD_DURATION, AT(limits_file, repeat_ms), 0, NULL, "1m", "from the first of them; at most 1h"},
    END};
const struct table table_limits = {"destinations/NAME.yaml: limits (of each agent by itself)", limits};

static const struct field tool_limits[] = {
    {"call_timeout", FIELD_DURATION, AT(limits_file, call_timeout_ms), 0, NULL, NULL, "default: the destination's"},
    {"result_bytes", FIELD_SIZE, AT(limits_file, result_bytes), 0, NULL, NULL, "default: the destination's, which it cannot exceed"},
    USE_LIMITS(limits_file, use., NULL, NULL, "32"),
    {"repeats", FIELD_COUNT, AT(limits_file, repeats), 0, NULL, NULL,
     "the same arguments within the destination's repeat_window; 0: no bound; default: the destination's"},
    END};
const struct table table_tool_limits = {"destinations/NAME.yaml: limits of a tool (of each agent by itself, besides the destination's)", tool_limits};

static const struct field use_limits[] = {USE_LIMITS(use_limits, , NULL, NULL, "32"), END};
const struct table table_use_limits = {"agents/NAME.yaml: limits (all writs together), tasks/NAME.yaml: limits (of each writ)", use_limits};

static const struct field tool[] = {
    {"effect", FIELD_CHOICE, AT(tool_file, effect), FIELD_REQUIRED, effect_names, NULL,
     "what a call does; tools not named here count as write, unconfirmed"},
    {"sinks", FIELD_MAP, AT(tool_file, sinks), 0, NULL, NULL,
     "arguments that decide where an effect or data lands: ARGUMENT: kind, or ARGUMENT: { kind: …, leaves: … }"},
    {"limits", FIELD_MAP, AT(tool_file, limits), 0, NULL, NULL, "bounds of this tool"},
    {"outsiders", FIELD_TEXTS, AT(tool_file, outsiders), 0, NULL, NULL,
     "parts of its result that outsiders wrote: members by name, or \"*\"; default: as integrity of the destination says"},
    {"sensitivity", FIELD_CHOICE, AT(tool_file, sensitivity), 0, sensitivity_names, NULL, "of its result; default: as of the destination"},
    {"proposed", FIELD_TEXT, AT(tool_file, proposed), 0, NULL, NULL,
     "nobody confirmed this yet (writ destination propose): it counts as write at least, asks, and only narrows"},
    END};
const struct table table_tool = {"destinations/NAME.yaml: each tool, below its name", tool};

static const struct field sink[] = {
    {"kind", FIELD_CHOICE, AT(sink_file, kind), FIELD_REQUIRED, sink_kind_names + 1, NULL, "what the argument names"},
    {"leaves", FIELD_BOOL, AT(sink_file, leaves), 0, NULL, NULL, "the place lies outside the house; default: true for url and recipient"},
    END};
const struct table table_sink = {"destinations/NAME.yaml: each sink, below the argument's name", sink};

static const struct field task[] = {
    {"purpose", FIELD_TEXT, AT(task_file, task.purpose), FIELD_REQUIRED, NULL, NULL, "what it is for; the reason on record when no other is stated"},
    {"lifetime", FIELD_DURATION, AT(task_file, task.lifetime_ms), 0, NULL, "1h", "a writ ends at the latest after this"},
    {"idle", FIELD_DURATION, AT(task_file, task.idle_ms), 0, NULL, "15m", "an unused writ ends after this"},
    {"max_calls", FIELD_COUNT, AT(task_file, task.max_calls), 0, NULL, "0", "calls of one writ; 0: no bound"},
    {"limits", FIELD_MAP, AT(task_file, limits), 0, NULL, NULL, "bounds of the calls of one writ"},
    {"approvers", FIELD_NAMES, AT(task_file, task.approvers), 0, NULL, NULL, "groups whose people may approve held calls"},
    {"tools", FIELD_MAP, AT(task_file, tools), FIELD_REQUIRED, NULL, NULL, "what it may use: DESTINATION/TOOL: { ARGUMENT: condition }"},
    END};
const struct table table_task = {"tasks/NAME.yaml", task};

static const struct field any_tool[] = {
    {"up_to", FIELD_CHOICE, AT(any_tool_file, up_to), 0, effect_names, "read", "strongest effect that DESTINATION/* covers"}, END};
const struct table table_any_tool = {"tasks/NAME.yaml: below DESTINATION/*", any_tool};

/* The keys of a condition, in the order of enum condition_kind; grants.c reads them. */
static const struct field condition[] = {
    {"under", FIELD_PATHS, 0, 0, NULL, NULL, "a path, or each of a list, in one of these folders; links and .. cannot leave"},
    {"is", FIELD_ANY, 0, 0, NULL, NULL, "equals this value"},
    {"one_of", FIELD_LIST, 0, 0, NULL, NULL, "equals one of these values"},
    {"at_most", FIELD_COUNT, 0, 0, NULL, NULL, "a number, this or less"},
    {"at_least", FIELD_COUNT, 0, 0, NULL, NULL, "a number, this or more"},
    {"starts", FIELD_TEXT, 0, 0, NULL, NULL, "a text that starts with this"},
    {"absent", FIELD_BOOL, 0, 0, NULL, NULL, "true: the argument must not be given"},
    END};
const struct table table_condition = {"tasks/NAME.yaml: a condition, below ARGUMENT (all must hold)", condition};

const char *const found_action_names[] = {"note", "redact", "refuse", NULL};
const char *const class_kind_names[] = {"regex",   "words",     "iban",   "card",   "email",  "phone",    "us_ssn",
                                        "uk_nino", "de_tax_id", "fr_nir", "es_dni", "nl_bsn", "pl_pesel", NULL};
static const char *const pass_names[] = {"note", "refuse", NULL};

static const struct field inspection[] = {
    {"builtin_rules", FIELD_BOOL, AT(inspection_file, inspection.builtin_rules), 0, NULL, "true", "look for secrets by the built-in rules"},
    {"disabled_rules", FIELD_TEXTS, AT(inspection_file, inspection.disabled), 0, NULL, NULL, "ids of rules that are not used"},
    {"secrets", FIELD_MAP, AT(inspection_file, secrets), 0, NULL, NULL, "what to do about secrets, as far as rules says nothing else"},
    {"rules", FIELD_MAP, AT(inspection_file, rules), 0, NULL, NULL, "what to do about the findings of one rule, by its id"},
    {"classes", FIELD_MAP, AT(inspection_file, classes), 0, NULL, NULL, "declared kinds of data, by name"},
    {"max_bytes", FIELD_SIZE, AT(inspection_file, inspection.max_bytes), 0, NULL, "16MiB", "of one message that are looked at; at most 64MiB"},
    {"beyond", FIELD_CHOICE, AT(inspection_file, beyond), 0, pass_names, "refuse", "what to do with a message that cannot be looked at whole"},
    {"binary", FIELD_CHOICE, AT(inspection_file, binary), 0, pass_names, "note", "what to do with images, sound and other data that is no text"},
    END};
const struct table table_inspection = {"inspection.yaml", inspection};

static const struct field found[] = {
    {"arguments", FIELD_CHOICE, AT(found_do, arguments), 0, found_action_names, NULL, "when it stands in what an agent sends"},
    {"results", FIELD_CHOICE, AT(found_do, results), 0, found_action_names, NULL, "when it stands in what a destination returns"},
    {"sensitivity", FIELD_CHOICE, AT(found_do, sensitivity), 0, sensitivity_names, NULL, "what the writ has seen when it passed unchanged"},
    END};
const struct table table_found = {"inspection.yaml: secrets, and each entry of rules", found};

static const struct field data_class[] = {
    {"kind", FIELD_CHOICE, AT(class_file, kind), 0, class_kind_names, "regex",
     "how it is recognized; all but regex, words and phone check digits too where there are any"},
    {"regex", FIELD_TEXT, AT(class_file, class.regex), 0, NULL, NULL, "kind regex: an expression in RE2 syntax"},
    {"words", FIELD_TEXTS, AT(class_file, class.words), 0, NULL, NULL, "kind words: whole words or phrases"},
    {"ignore_case", FIELD_BOOL, AT(class_file, class.ignore_case), 0, NULL, "true", "kind words: upper and lower case are alike"},
    {"arguments", FIELD_CHOICE, AT(class_file, class.act.arguments), 0, found_action_names, "note", "when it stands in what an agent sends"},
    {"results", FIELD_CHOICE, AT(class_file, class.act.results), 0, found_action_names, "note", "when it stands in what a destination returns"},
    {"sensitivity", FIELD_CHOICE, AT(class_file, class.act.sensitivity), 0, sensitivity_names, "confidential",
     "what the writ has seen when it passed unchanged"},
    END};
const struct table table_class = {"inspection.yaml: each of classes, below its name", data_class};

static const struct field pack[] = {
    {"about", FIELD_TEXT, AT(pack_file, pack.about), FIELD_REQUIRED, NULL, NULL, "what the server is for, in a line"},
    {"looked_at", FIELD_TEXT, AT(pack_file, pack.looked_at), FIELD_REQUIRED, NULL, NULL,
     "which version was looked at, where its tool list came from, and when"},
    {"versions", FIELD_TEXT, AT(pack_file, pack.versions), FIELD_REQUIRED, NULL, NULL,
     "of the package that it speaks of, such as \">=0.6.2 <2\"; of others it only narrows"},
    {"known_by", FIELD_MAP, AT(pack_file, known_by), FIELD_REQUIRED, NULL, NULL, "how such a server is recognized"},
    {"sensitivity", FIELD_CHOICE, AT(pack_file, sensitivity), FIELD_REQUIRED, sensitivity_names, NULL, "of the data it gives"},
    {"note", FIELD_TEXT, AT(pack_file, pack.note), 0, NULL, NULL, "what to consider before confirming"},
    {"tools", FIELD_MAP, AT(pack_file, tools), FIELD_REQUIRED, NULL, NULL, "TOOL: { … }, or a list of them for several ranges of versions"},
    END};
const struct table table_pack = {"packs/NAME.yaml", pack};

static const struct field known_by[] = {
    {"npm", FIELD_TEXTS, AT(known_by_file, npm), 0, NULL, NULL, "packages of npm"},
    {"pypi", FIELD_TEXTS, AT(known_by_file, pypi), 0, NULL, NULL, "packages of PyPI, and modules of python -m"},
    {"images", FIELD_TEXTS, AT(known_by_file, images), 0, NULL, NULL, "container images, without tag"},
    {"programs", FIELD_TEXTS, AT(known_by_file, programs), 0, NULL, NULL, "names of programs on a host"},
    {"urls", FIELD_TEXTS, AT(known_by_file, urls), 0, NULL, NULL, "addresses: https://HOST, or https://HOST/PATH and what is below"},
    {"servers", FIELD_TEXTS, AT(known_by_file, servers), 0, NULL, NULL, "what it calls itself (serverInfo.name); a claim, which only narrows"},
    END};
const struct table table_known_by = {"packs/NAME.yaml: known_by", known_by};

static const struct field pack_tool[] = {
    {"versions", FIELD_TEXT, AT(pack_tool_file, tool.versions), 0, NULL, NULL, "it is like this in; default: all that the pack speaks of"},
    {"effect", FIELD_CHOICE, AT(pack_tool_file, effect), FIELD_REQUIRED, effect_names, NULL, "what a call does"},
    {"arguments", FIELD_TEXTS, AT(pack_tool_file, tool.arguments), FIELD_REQUIRED, NULL, NULL,
     "all it takes; a tool with another one is not the one that was looked at"},
    {"sinks", FIELD_MAP, AT(pack_tool_file, sinks), 0, NULL, NULL, "as in destinations/NAME.yaml"},
    {"outsiders", FIELD_TEXTS, AT(pack_tool_file, tool.outsiders), 0, NULL, NULL, "as there; default: nothing of its result"},
    {"sensitivity", FIELD_CHOICE, AT(pack_tool_file, tool.sensitivity), 0, sensitivity_names, NULL, "of its result; default: as of the pack"},
    {"note", FIELD_TEXT, AT(pack_tool_file, tool.note), 0, NULL, NULL, "what to consider before confirming"},
    END};
const struct table table_pack_tool = {"packs/NAME.yaml: each tool, below its name", pack_tool};

const char *const alert_kind_names[] = {"refusal",    "asked",        "observed",  "sighting", "quarantine",
                                        "revocation", "observe_ends", "privilege", "server",   NULL};
const char *const alert_form_names[] = {"json", "slack", "teams", NULL};
static const struct field webhook[] = {
    {"url", FIELD_TEXT, AT(webhook_file, webhook.url), 0, NULL, NULL,
     "where alerts are sent; https, or this host. An address that is itself a secret: url_secret"},
    {"url_secret", FIELD_NAME, AT(webhook_file, webhook.url_secret), 0, NULL, NULL,
     "name of the sealed secret that holds the address (writ alert seal)"},
    {"form", FIELD_CHOICE, AT(webhook_file, form), 0, alert_form_names, "json",
     "json: Standard Webhooks; slack, teams: as their incoming webhooks take it"},
    {"on", FIELD_TEXTS, AT(webhook_file, on), 0, NULL, NULL,
     "of refusal, asked, observed, sighting, quarantine, revocation, observe_ends, privilege, server; default: all but asked, observed and "
     "privilege"},
    {"sign", FIELD_NAME, AT(webhook_file, webhook.sign), 0, NULL, NULL, "name of the sealed secret that json messages are signed with (whsec_…)"},
    {"per_minute", FIELD_COUNT, AT(webhook_file, webhook.per_minute), 0, NULL, "10",
     "messages of each kind, 1 to 600; what is more is counted in the next one"},
    {"repeat", FIELD_DURATION, AT(webhook_file, webhook.repeat_ms), 0, NULL, "5m",
     "the same thing again within this time is counted, not sent; at most 1d"},
    {"networks", FIELD_TEXTS, AT(webhook_file, networks), 0, NULL, NULL, "private networks that its address may lie in, such as 10.1.0.0/16"},
    {"ca_file", FIELD_PATH, AT(webhook_file, webhook.ca_file), 0, NULL, NULL, "certificates trusted for it; default: the system's"},
    END};
const struct table table_webhook = {"alerts/NAME.yaml", webhook};

const struct table *const all_tables[] = {&table_settings,    &table_master,     &table_connect,    &table_authorization, &table_observe,
                                          &table_person,      &table_agent,      &table_claim,      &table_destination,   &table_server,
                                          &table_secret,      &table_vault,      &table_kubernetes, &table_oauth,         &table_limits,
                                          &table_tool_limits, &table_use_limits, &table_tool,       &table_sink,          &table_task,
                                          &table_any_tool,    &table_condition,  &table_inspection, &table_found,         &table_class,
                                          &table_pack,        &table_known_by,   &table_pack_tool,  &table_webhook,       NULL};
