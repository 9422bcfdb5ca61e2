/* Every command, once. */
#include "cli/cli.h"

#define END {NULL, NULL, NULL, false}

const struct option common_options[] = {
    {"json", NULL, "answer in JSON, for programs", false},
    {"estate", "DIR", "the estate's folder; otherwise $WRIT_ESTATE, the nearest folder upward with a writ.yaml, or /etc/writ", false},
    {"run-dir", "DIR", "the folder of the server's sockets; otherwise $WRIT_RUN_DIR, or run_dir of writ.yaml", false},
    {"help", NULL, "say how this command is used (also -h)", false},
    END,
};

static const struct option none[] = {END};

static const struct option init_options[] = {
    {"state-dir", "DIR", "where the server keeps its store, log and keys; absolute; otherwise writ-state beside DIR", false},
    {"run-dir", "DIR", "where its sockets are; absolute; otherwise writ-run beside DIR", false},
    {"files-root", "DIR", "the folder that the example destination serves; otherwise /srv/docs", false},
    {"owner", "NAME", "who owns the example agents; otherwise you", false},
    {"node", "FILE", "the Node.js that runs the example server; otherwise /usr/bin/node", false},
    {"server-js", "FILE", "dist/index.js of @modelcontextprotocol/server-filesystem; otherwise below /opt/mcp", false},
    {"reader-user", "USER", "the user that the agent \"reader\" alone runs as", false},
    {"bot-user", "USER", "the user that the agent \"invoice-bot\" alone runs as", false},
    END,
};

static const struct option serve_options[] = {
    {"quiet", NULL, "say nothing on standard error but errors", false},
    END,
};

static const struct option run_options[] = {
    {"task", "TASK", "the task template; otherwise the agent's default task", false},
    {"agent", "AGENT", "who it is; needed when more than one declared agent fits the process", false},
    {"purpose", "TEXT", "what this task is for, in a sentence; on record", false},
    {"on-behalf-of", "PERSON", "for whom, when not for yourself", false},
    {"user", "USER", "run the agent as this user (needs root)", false},
    {"confine", "LEVEL",
     "full: fail unless every wall stands; network: fail without a network of its own; auto: as many as this machine can "
     "build, the rest is said (the default); none: no walls, on record as unconfined",
     false},
    {"cwd", "DIR", "where the agent starts; readable for it", false},
    {"read", "DIR", "a folder or file that it may read and execute", true},
    {"write", "DIR", "a folder or file that it may change", true},
    END,
};

static const struct option mcp_options[] = {
    {"agent", "AGENT", "who is asking; needed when more than one declared agent fits the process", false},
    {"task", "TASK", "the task template; otherwise the agent's default task", false},
    {"purpose", "TEXT", "what this task is for; on record as the agent's own words", false},
    END,
};

static const struct option adopt_options[] = {
    {"dry-run", NULL, "show what would be done, and do nothing", false},
    {"yes", NULL, "do it without asking; you have read what --dry-run shows", false},
    {"enforce", NULL, "enforce from the first call, instead of observing for 14 days", false},
    {"no-start", NULL, "start no server: destinations are declared and secrets sealed; files stay as they are until the destinations are pinned",
     false},
    {"undo", NULL, "put the files back as they were, byte for byte", false},
    {"entries", NULL, "with --undo, of a file that was changed since: put back only the entries that go through Writ", false},
    {"user", "USER", "whose clients these are; otherwise who ran sudo", false},
    {"home", "DIR", "their home folder; otherwise as the system has it", false},
    {"state-dir", "DIR", "of a new estate: where the server keeps its store, log and keys; otherwise /var/lib/writ, or writ-state beside it", false},
    END,
};

static const struct option hook_options[] = {
    {"destination", "DESTINATION", "behind which they are decided; otherwise claude-code or cursor", false},
    {"agent", "AGENT", "who is asking; needed when more than one declared agent fits the process", false},
    {"task", "TASK", "the task template; otherwise the agent's default task", false},
    {"through", "SERVER", "an MCP server of the client's configuration that goes through Writ: its tools are decided there", true},
    END,
};

static const struct option close_options[] = {
    {"why", "TEXT", "the reason, for the record", false},
    END,
};

#define SELECTORS(verb)                                                                                                                              \
    {"call", "CALL", verb " one call", false}, {"writ", "WRIT", verb " one writ", false},                                                            \
        {"instance", "INSTANCE", verb " all writs of one running copy of an agent", false}, {"agent", "AGENT", verb " an agent", false},             \
        {"owner", "PERSON", verb " all agents of a person", false}, {"destination", "DESTINATION", verb " a destination", false},                    \
    {                                                                                                                                                \
        "everything", NULL, verb " everything", false                                                                                                \
    }

static const struct option revoke_options[] = {
    SELECTORS("cut off"),
    {"why", "TEXT", "the reason, for the record", false},
    END,
};

static const struct option restore_options[] = {
    SELECTORS("give back"),
    END,
};

static const struct option writs_options[] = {
    {"agent", "AGENT", "only those of this agent", false},
    {"all", NULL, "also those that ended within the last day", false},
    END,
};

static const struct option seal_options[] = {
    {"audience", "URL", "of a private key: an issuer it may be used at; the signer signs for no other", true},
    END,
};

static const struct option account_options[] = {
    {"as", "PERSON", "whose account; otherwise your own", false},
    END,
};

static const struct option pin_options[] = {
    {"yes", NULL, "accept the difference without asking; you have read it", false},
    {"accept-findings", NULL, "accept also what hides characters or looks like another name; of the TOOLs when some are named", false},
    {"confirm-effects", NULL, "the effects stated in destinations/ still hold for the tools that changed", false},
    END,
};

static const struct option propose_options[] = {
    {"write", NULL, "note what is not stated yet in destinations/ as proposed: it only narrows, and each call asks", false},
    {"confirm", NULL, "state it there as confirmed, also what was noted as proposed; you have read it", false},
    END,
};

static const struct option log_options[] = {
    {"kind", "KIND", "only estate, writ, decision, outcome, secret, privilege, revocation, server or pin", false},
    {"writ", "WRIT", "only of this writ", false},
    {"agent", "AGENT", "only of this agent", false},
    {"call", "CALL", "only of this call", false},
    {"destination", "DESTINATION", "only of this destination", false},
    {"decision", "DECISION", "only allow, deny, step_up, defer, modify or list", false},
    {"from", "N", "from record N on, forward; otherwise the last ones are shown", false},
    {"limit", "N", "at most N records; otherwise 100", false},
    {"follow", NULL, "go on with new records as they come", false},
    {"said", "N", "what was said in record N: arguments, purpose (this reading is itself recorded)", false},
    END,
};

static const struct option verify_options[] = {
    {"key", "HEX", "the log's public key, 64 digits; from a place the server cannot change", false},
    {"origin", "NAME", "the log's name, writ.INSTALLATION/log", false},
    END,
};

#define POLICY_FILES                                                                                                                                 \
    {"policies", "FILE", "a file of Cedar policies, instead of an estate's", true},                                                                  \
        {"entities", "FILE", "a file of entities in Cedar's JSON form, with --policies", false},                                                     \
        {"schema", "FILE", "a schema that entities and contexts are read by, with --policies; in JSON when it ends in .json", false},                \
    {                                                                                                                                                \
        "links", "FILE", "links of templates in JSON: [{\"template_id\", \"link_id\", \"args\"}], with --policies", false                            \
    }

static const struct option policy_check_options[] = {
    {"schema", "FILE", "with FILEs: validate them against this schema; in JSON when it ends in .json", false},
    END,
};

static const struct option policy_test_options[] = {
    POLICY_FILES,
    END,
};

static const struct option policy_eject_options[] = {
    {"to", "NAME", "write policies/NAME.cedar; otherwise builtin", false},
    {"print", NULL, "write nothing; show them", false},
    END,
};

static const struct option policy_format_options[] = {
    {"check", NULL, "change nothing; name the files that are laid out otherwise, exit code 1", false},
    {"write", NULL, "put the result into the files", false},
    {"width", "N", "columns to a line; otherwise 80", false},
    END,
};

static const struct option policy_convert_options[] = {
    {"schema", NULL, "FILE is a schema, not policies", false},
    {"from", "FORM", "what FILE is, cedar or json; otherwise its ending says", false},
    END,
};

static const struct option policy_eval_options[] = {
    POLICY_FILES,
    {"principal", "UID", "who asks, as Type::\"id\"", false},
    {"action", "UID", "the action, as Action::\"id\"", false},
    {"resource", "UID", "what it is about, as Type::\"id\"", false},
    {"context", "JSON", "the context in Cedar's JSON form, or @FILE", false},
    {"request", "FILE", "these four from a JSON file, as the official command line has them", false},
    {"agent", "AGENT", "instead of a principal: an agent of the estate, in a writ made for this question", false},
    {"tool", "DESTINATION/TOOL", "instead of action and resource: the tool it calls", false},
    {"arguments", "JSON", "the arguments of the call, or @FILE; checked by the pinned schema", false},
    {"task", "TASK", "the task of the writ; otherwise the agent's default task, or its first", false},
    {"proof", "STRENGTH", "how the agent proved itself: none, weak, user or program; otherwise user", false},
    {"seen", "SENSITIVITY", "what the writ has touched: public, internal, confidential or restricted; otherwise public", false},
    {"untrusted", NULL, "the writ has seen outsiders' content", false},
    {"unconfined", NULL, "the agent runs without walls", false},
    {"why", NULL, "of each policy whose scope fits: which clause made it apply or not", false},
    END,
};

static const struct option help_options[] = {
    {"markdown", NULL, "all commands as docs/cli.md has them", false},
    {"man", NULL, "all commands as a man page", false},
    {"completion", "SHELL", "the completion script for a shell: bash", false},
    END,
};

const struct command commands[] = {
    {"init",
     "DIR",
     "write a small, commented estate to start from",
     "Writes the files and nothing else; it never overwrites one. "
     "The estate is meant to be kept in git.",
     init_options,
     COMMON_JSON,
     {"writ init estate --files-root /srv/docs", "writ init /etc/writ --state-dir /var/lib/writ --run-dir /run/writ"},
     cmd_init},
    {"adopt",
     "[FILE]…",
     "put Writ between your MCP clients and their servers",
     "Reads the configurations of the clients that you have (Claude Desktop and Code, Cursor, VS Code, Windsurf, Cline, Gemini CLI, Codex, Zed, "
     "opencode, Copilot CLI, "
     "Amazon Q, Kiro and more; or the FILEs), and shows what would become of each entry. After your yes it declares each server as a destination and "
     "each client as "
     "an agent of yours, seals the secrets that stand in env, args and headers, starts each server once to pin what it offers, and changes the "
     "entries to go "
     "through `writ mcp`. All else in the files stays as it is, and a sealed backup is kept.\n\n"
     "Run it as yourself with sudo: the clients and servers go on as you, while Writ belongs to root. What is adopted is observed for 14 days: "
     "refusals are "
     "recorded and not enforced. An entry that cannot be adopted is left as it is and named with its line and what to do; exit code 1 then. It can "
     "be run again at "
     "any time.",
     adopt_options,
     COMMON_ALL,
     {"writ adopt --dry-run", "writ adopt --user ana .cursor/mcp.json", "writ adopt --undo"},
     cmd_adopt},
    {"check",
     "[DIR]",
     "read the whole estate and report every problem",
     "Each finding is one line, FILE:LINE: LEVEL: TEXT. Exit code 1 when there are "
     "errors; warnings alone are 0. A server that runs reloads a good estate by itself and never takes a broken one.",
     none,
     COMMON_JSON | COMMON_ESTATE,
     {"writ check", "writ check /etc/writ --json"},
     cmd_check},
    {"serve",
     "[DIR]",
     "run the server until SIGTERM or SIGINT",
     "Reads the estate, opens the store and the log in state_dir and the sockets in run_dir. "
     "It writes \"ready\" when it serves.",
     serve_options,
     COMMON_ESTATE,
     {"writ serve /etc/writ"},
     cmd_serve},
    {"run",
     "-- COMMAND [ARG]…",
     "start an agent under a writ of its own",
     "Builds the walls around the agent, opens a writ for the process, gives it a "
     "private endpoint as its only way out, and then lets the program start. $WRIT_MCP_CONFIG names an MCP client configuration with a server for "
     "each "
     "destination, $WRIT_MCP_ALL_CONFIG one with a single server for all of them and $WRIT_MCP_URL its address, $WRIT_ENDPOINT the endpoint, "
     "$WRIT_ID the writ.\n\n"
     "The writ ends with the command, however that ends. When the writ is revoked or expires, or the server goes away for more than 10 s, the agent "
     "is ended with all its processes. The exit code is the agent's, or 1 when its writ was taken away.\n\n"
     "Without --cwd the agent starts where you are if it may read there, and otherwise in the first folder of --write or --read.",
     run_options,
     COMMON_ALL,
     {"writ run --task read-docs --purpose \"summarise the handbook\" --write ./out -- claude --mcp-config \"$WRIT_MCP_CONFIG\"",
      "writ run --agent reader --user reader --confine full --cwd /srv/work -- python3 agent.py"},
     cmd_run},
    {"mcp",
     "[DESTINATION]",
     "speak MCP on standard input and output, for a client that starts servers itself",
     "For the configuration of an MCP client, in "
     "place of the server's own command. The process that started it is proven by what the kernel says, a writ is opened for the session, and "
     "it ends with it. Without DESTINATION all that the task grants stand behind it, their tools under "
     "DESTINATION__TOOL. When the server refuses, the reason stands on standard error and in the answer to the client's first request.",
     mcp_options,
     COMMON_ESTATE | COMMON_RUN_DIR,
     {"writ mcp files --agent reader --task read-docs", "writ mcp --agent reader"},
     cmd_mcp},
    {"hook claude-code",
     "",
     "have the tools of Claude Code itself decided; run by its hooks",
     "Reads an event of Claude Code's hook protocol on standard input and answers in its form. Bash, edits, reads and web access are calls of a "
     "destination "
     "whose server is `writ hook server`; a session is one writ. What is refused is refused with its reason; what is allowed goes on as the client "
     "would "
     "have it without a hook.",
     hook_options,
     COMMON_ESTATE | COMMON_RUN_DIR,
     {"writ hook claude-code --through files"},
     cmd_hook_claude_code},
    {"hook cursor",
     "",
     "have the tools of Cursor itself decided; run by its hooks",
     "As writ hook claude-code, in Cursor's form.",
     hook_options,
     COMMON_ESTATE | COMMON_RUN_DIR,
     {"writ hook cursor --through files"},
     cmd_hook_cursor},
    {"hook server",
     "",
     "the MCP server behind which those tools are decided",
     "For `server: command:` of a destination. It describes the tools and does nothing.",
     none,
     0,
     {"writ hook server"},
     cmd_hook_server},
    {"status",
     "",
     "is the server well, and what is going on",
     "Shows the estate in use (and why a newer one was refused), the log, active writs, "
     "destinations, what is cut off and what is only observed.",
     none,
     COMMON_ALL,
     {"writ status"},
     cmd_status},
    {"agent",
     "[AGENT]",
     "list the agents, or show one",
     "Who owns each, what it may do, whether it is at work and when it last was.",
     none,
     COMMON_ALL,
     {"writ agent", "writ agent reader"},
     cmd_agent},
    {"writs",
     "",
     "list the writs that are open",
     "One line a writ: who, which task, since when, until when, how many calls.",
     writs_options,
     COMMON_ALL,
     {"writ writs", "writ writs --agent reader --all"},
     cmd_writs},
    {"explain",
     "AGENT|WRIT|CALL",
     "say in sentences who has access, why, and what to edit to change it",
     "A writ begins with wr_ and a call with ca_; "
     "anything else is an agent.",
     none,
     COMMON_ALL,
     {"writ explain reader", "writ explain ca_q4zk…"},
     cmd_explain},
    {"close",
     "WRIT",
     "end a task in good order",
     "What was handed out under the writ is taken back. To cut somebody off, use revoke.",
     close_options,
     COMMON_ALL,
     {"writ close wr_7d5x…"},
     cmd_close},
    {"revoke",
     "",
     "take authority back now, and say how long that took",
     "Give exactly one of the selectors. Nothing new can start when the command "
     "returns, and it says when the last effect had stopped and when the cut was on disk. An agent, owner, destination or everything stays cut off "
     "until "
     "restore. Exit code 1 when the end of everything is not confirmed yet: then it goes on, and `writ status` shows it.",
     revoke_options,
     COMMON_ALL,
     {"writ revoke --agent reader --why \"strange calls\"", "writ revoke --everything --why incident-12"},
     cmd_revoke},
    {"restore",
     "",
     "lift what revoke blocked",
     "What was ended stays ended; new writs can be opened again.",
     restore_options,
     COMMON_ALL,
     {"writ restore --agent reader"},
     cmd_restore},
    {"destination list",
     "",
     "list the destinations of the estate and their pins",
     "From the files; the server need not run. Where it runs and you may ask it, STATE says how each destination is doing: up, late (it has not "
     "answered in time), down, or unused since the server started; and HELD BACK how much is offered otherwise than it was pinned.",
     none,
     COMMON_ALL,
     {"writ destination list"},
     cmd_destination_list},
    {"destination show",
     "DESTINATION",
     "show a destination: its pin, its tools, and what is held back",
     "What the server saw otherwise than it was pinned stands with the difference, since when, and what is suspicious about it. Exit code 1 when "
     "something is held back.",
     none,
     COMMON_ALL,
     {"writ destination show files"},
     cmd_destination_show},
    {"destination pin",
     "DESTINATION [TOOL]…",
     "look at what a destination offers now, and accept it",
     "The server starts the destination once and looks at who it is, its instructions, tools, prompts and resource templates. "
     "The difference to the present pin is shown and, when you accept it, pins/NAME.json is written, who accepted what goes on record, what was held "
     "back is let go and the server reloads. With TOOLs only these are accepted (a prompt by its name, a template by its uriTemplate; server, "
     "version "
     "and instructions stand for themselves). A new version that offers the same is accepted without a question.\n\n"
     "Read descriptions as text that an attacker may have written: a model will follow them. Lines with !! hide something (invisible, bidirectional "
     "or "
     "control characters, a name that looks like another's) and are left out without --accept-findings; lines with ? are guesses by words that known "
     "attacks used.\n\n"
     "Exit code 1 when something stays held back. An estate that would not load with the new pin keeps the old one, and the error says what to edit.",
     pin_options,
     COMMON_ALL,
     {"writ destination pin files", "writ destination pin files --yes", "writ destination pin files read_file --yes --confirm-effects"},
     cmd_pin},
    {"destination propose",
     "DESTINATION [TOOL]…",
     "propose effects, sinks and outsiders' content of the pinned tools",
     "From packs (what is known of widely used servers), and for tools that no pack knows from their names and annotations. Works on the files "
     "alone; the "
     "server need not run.\n\n"
     "Nothing is written without --write or --confirm, and what a person stated is never changed. A server is recognized by the package, image or "
     "address "
     "that it is started or reached by; what it calls itself is a claim, which can only make a proposal stricter. RESTS ON says whether a line is as "
     "the "
     "pack has it, or a guess by names (or the stricter of both).",
     propose_options,
     COMMON_JSON | COMMON_ESTATE,
     {"writ destination propose files", "writ destination propose files read_file list_directory --confirm",
      "writ destination propose files --confirm"},
     cmd_propose},
    {"pack list",
     "",
     "list what is known of MCP servers",
     "The built-in packs and those of the estate, if there is one, which take the place of built-in ones of the same name.",
     none,
     COMMON_JSON | COMMON_ESTATE,
     {"writ pack list"},
     cmd_pack_list},
    {"pack show",
     "PACK",
     "print a pack as its file is",
     "To change a built-in one, write it into packs/ of the estate and edit it there.",
     none,
     COMMON_JSON | COMMON_ESTATE,
     {"writ pack show git", "writ pack show git > packs/git.yaml"},
     cmd_pack_show},
    {"destination seal",
     "DESTINATION SECRET",
     "give the signer a secret for a destination",
     "The value is read from standard input, or typed without being "
     "shown; never from an argument. SECRET is the name that destinations/NAME.yaml uses. A name that ends in .key is a private key in PEM "
     "(P-256, Ed25519, RSA), sealed for the issuers given with --audience: the signer signs with it and never gives it out.",
     seal_options,
     COMMON_ALL,
     {"writ destination seal crm crm-token < token.txt", "writ destination seal crm crm.key --audience https://as.example < key.pem"},
     cmd_seal},
    {"destination secrets", "", "list the sealed secrets, never their values", "", none, COMMON_ALL, {"writ destination secrets"}, cmd_secrets},
    {"destination forget", "SECRET", "destroy a sealed secret", "", none, COMMON_ALL, {"writ destination forget crm-token"}, cmd_forget},
    {"destination key",
     "DESTINATION SECRET",
     "show the public half of a sealed private key, as a JWK set",
     "To be registered at the authorization server (private_key_jwt).",
     none,
     COMMON_ALL,
     {"writ destination key crm crm.key"},
     cmd_client_key},
    {"destination connect",
     "DESTINATION",
     "connect a person's account at a destination",
     "Finds out who authorizes there and gives a link for the person's own browser, good for ten minutes and once. What is allowed there is kept "
     "sealed, and used only for writs on behalf of this person.",
     account_options,
     COMMON_ALL,
     {"writ destination connect crm", "writ destination connect crm --as ana"},
     cmd_connect},
    {"destination disconnect",
     "DESTINATION",
     "take back a person's account at a destination, and forget it",
     "Revokes upstream where that is offered. It is forgotten here in any case.",
     account_options,
     COMMON_ALL,
     {"writ destination disconnect crm --as ana"},
     cmd_disconnect},
    {"destination accounts",
     "",
     "list the accounts that people have connected, and how they are",
     "",
     none,
     COMMON_ALL,
     {"writ destination accounts"},
     cmd_accounts},
    {"alert list",
     "",
     "list the webhooks that people are told by, and how they are",
     "Webhooks are declared in alerts/NAME.yaml. COUNTED are alerts that a limit kept back; the next message says how many.",
     none,
     COMMON_ALL,
     {"writ alert list"},
     cmd_alert_list},
    {"alert test",
     "[WEBHOOK]",
     "send a test message, and say what came of it",
     "To all webhooks, or to one. Exit code 1 when one of them did not take it.",
     none,
     COMMON_ALL,
     {"writ alert test", "writ alert test soc"},
     cmd_alert_test},
    {"alert seal",
     "WEBHOOK SECRET",
     "give the signer a webhook's address or signing key",
     "The value is read from standard input, or typed without being shown; never from an argument. SECRET is the name that alerts/WEBHOOK.yaml uses.",
     none,
     COMMON_ALL,
     {"writ alert seal soc soc-address < address.txt"},
     cmd_alert_seal},
    {"log",
     "",
     "show what is on record",
     "One line a record; the first column is its number. Filters must all match.",
     log_options,
     COMMON_ALL,
     {"writ log --decision deny", "writ log --agent reader --follow", "writ log --said 118"},
     cmd_log},
    {"log verify",
     "[FOLDER]",
     "check the whole log from its bytes, in this process",
     "Checks each record, each signed tree head against the tree it claims, "
     "and that each head extends the one before. Without FOLDER the server is asked where its log is and for its key; for evidence against the "
     "server itself, keep --key and --origin elsewhere and name a FOLDER. Exit code 1 when something does not fit.",
     verify_options,
     COMMON_ALL,
     {"writ log verify", "writ log verify /backup/log --key 5d41… --origin writ.example/log"},
     cmd_log_verify},
    {"policy check",
     "[FILE]…",
     "read policies and say what is wrong with them",
     "With FILEs it works for any Cedar policies; without, for the estate's, whose whole check is `writ check`. An error is shown with its "
     "line and a caret, several as a list, exit code 1; with --schema so is what Cedar's strict validator finds. A policy that can never apply, or "
     "that always fails, "
     "is a "
     "warning: a forbid of that kind forbids nothing.",
     policy_check_options,
     COMMON_JSON | COMMON_ESTATE,
     {"writ policy check", "writ policy check photos.cedar --schema photos.cedarschema"},
     cmd_policy_check},
    {"policy test",
     "[FILE]…",
     "run tests of policies",
     "Without FILE: policies/*.test.yaml of the estate, which `writ check` runs, too. A FILE names its policies and entities itself, or "
     "--policies and --entities do. Each test is a request and what must come of it. Exit code 1 when one fails.",
     policy_test_options,
     COMMON_JSON | COMMON_ESTATE,
     {"writ policy test", "writ policy test photos.test.yaml --policies photos.cedar --entities entities.json"},
     cmd_policy_test},
    {"policy eval",
     "",
     "decide one request and say why",
     "Either a call of an agent of the estate (--agent, --tool), decided by policies alone, without grants; or a request in Cedar's words "
     "(--principal, --action, --resource), by the estate's policies or by those of --policies. Exit code 1 when it is not allowed.",
     policy_eval_options,
     COMMON_JSON | COMMON_ESTATE,
     {"writ policy eval --agent reader --tool files/read_text_file --arguments '{\"path\":\"/srv/docs/a.txt\"}'",
      "writ policy eval --policies photos.cedar --principal 'User::\"alice\"' --action 'Action::\"view\"' --resource 'Photo::\"cat\"'"},
     cmd_policy_eval},
    {"policy who-can",
     "ACTION [RESOURCE]",
     "who could be allowed something",
     "In an estate ACTION is DESTINATION/TOOL, and each agent gets a line: yes; after approval; depends, on the arguments or on what its writ has "
     "seen; or no. "
     "With --policies it is Action::\"id\", RESOURCE is Type::\"id\", and those of --entities are shown who could be allowed it, the context being "
     "unknown.",
     policy_test_options,
     COMMON_JSON | COMMON_ESTATE,
     {"writ policy who-can files/write_file",
      "writ policy who-can 'Action::\"view\"' 'Photo::\"cat\"' --policies photos.cedar --entities entities.json"},
     cmd_policy_who},
    {"policy format",
     "FILE…",
     "lay out Cedar policies as the official formatter does",
     "Without --check and --write the result goes to standard output. FILE - is standard input. With --json: for each file whether it was laid out "
     "otherwise (differs) and, where it is not checked or written, the result (text).",
     policy_format_options,
     COMMON_JSON,
     {"writ policy format --check policies/house.cedar", "writ policy format --write policies/house.cedar"},
     cmd_policy_format},
    {"policy eject",
     "[POLICY]…",
     "write the built-in policies into the estate, to be changed",
     "All of them, or those named (with or without builtin/). They then stand in for the built-in ones of the same @id, as they are until somebody "
     "changes them; one that the estate has already is left out. No file is overwritten.",
     policy_eject_options,
     COMMON_ALL,
     {"writ policy eject --print", "writ policy eject", "writ policy eject way-out-asks --to house-way-out"},
     cmd_policy_eject},
    {"policy convert",
     "FILE",
     "turn Cedar policies or a schema into their JSON form, and back",
     "A FILE that ends in .json is read as JSON, a policy set or one policy; any other as Cedar. The other form goes to standard output. "
     "With --json: the forms it had (from) and got (to), and the result, a text when that is Cedar.",
     policy_convert_options,
     COMMON_JSON,
     {"writ policy convert photos.cedar > photos.json", "writ policy convert photos.json", "writ policy convert --schema photos.cedarschema"},
     cmd_policy_convert},
    {"help",
     "[COMMAND]…",
     "say how a command is used",
     "",
     help_options,
     COMMON_JSON,
     {"writ help", "writ help destination pin", "writ help --completion bash > /etc/bash_completion.d/writ"},
     cmd_help},
    {"version", "", "say which version this is", "", none, COMMON_JSON, {"writ version"}, cmd_version},
    {NULL},
};
