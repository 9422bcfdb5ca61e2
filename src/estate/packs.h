/*
 * Packs: what is known of widely used MCP servers, one readable file each (packs/NAME.yaml of this project, embedded; an estate's own packs/NAME.yaml
 * replaces the one of that name). A pack never decides: it proposes effects, sinks and what outsiders wrote, and a person confirms.
 *
 * packs_open → packs_recognise a server → propose_tools of what it offers → proposal_put into destinations/NAME.yaml.
 */
#ifndef ESTATE_PACKS_H
#define ESTATE_PACKS_H

#include "estate/estate.h"

struct pack_tool {
    const char *name;
    const char *versions;   /* of the server it is like this in; NULL: all that the pack speaks of */
    enum effect effect;
    const char **arguments; /* all it has, NULL-terminated: a tool with another one is not the one that was looked at */
    struct sink *sinks;
    size_t n_sinks;
    const char **outsiders; /* parts of its result that outsiders wrote (outsiders.c), NULL-terminated; none: nothing */
    int sensitivity;        /* of its result: an enum sensitivity, or -1: as the pack's */
    const char *note;       /* for who confirms, or NULL */
    struct place place;
};

struct pack {
    const char *id, *about, *versions, *looked_at;
    const char **npm, **pypi, **images, **programs, **urls; /* what it is run or reached by; NULL-terminated, never NULL */
    const char **servers;                                   /* what it calls itself (serverInfo.name): a claim, which only narrows */
    enum sensitivity sensitivity;
    const char *note; /* for who confirms, or NULL */
    struct pack_tool *tools; /* in order of name; a name may stand several times, for several ranges of versions */
    size_t n_tools;
    bool own;          /* of the estate */
    struct bytes text; /* the file */
    struct place place;
};

struct packs {
    struct estate *builtin; /* holds the memory of the built-in ones */
    struct estate *estate;  /* whose own ones are among them, or NULL */
    const struct pack **list; /* by id */
    size_t n;
};

/* packs_open(env, e, out): the built-in packs and those of ${e} (may be NULL; a reference is taken). packs_close(NULL) is fine. */
struct err packs_open(struct env *env, struct estate *e, struct packs **out) MUST_USE;
void packs_close(struct packs *p);
const struct pack *packs_find(const struct packs *p, const char *id);

/* ------------------------------------------------------------------------------------------------------ pack_command.c */

enum program_kind { PROGRAM_UNKNOWN, PROGRAM_NPM, PROGRAM_PYPI, PROGRAM_IMAGE, PROGRAM_FILE, PROGRAM_URL };
extern const char *const program_kind_names[]; /* "nothing known", "npm package", "PyPI package", "image", "program", "address" */
struct program { /* what a command runs, as far as its words say */
    enum program_kind kind;
    struct bytes name;    /* package, image without tag, base name of the program, or URL */
    struct bytes version; /* as the command or the package on disk says, or empty */
    const char *at;       /* PROGRAM_NPM: the script on this host that is run, or NULL: it is fetched */
};
/*
 * program_of(command, a, out): npx, npm exec, pnpm dlx, yarn dlx, bunx, uvx, uv tool run, pipx run, python -m, node PATH (the package.json above it is
 * read), docker run and podman run, mcp-remote URL; else the program's own name. Only the word at the program's place counts, never a later argument.
 */
void program_of(const char *const *command, struct arena *a, struct program *out);

/* ------------------------------------------------------------------------------------------------------ pack_version.c */

/* range_ok(text): is it a range, such as ">=0.6.2 <2"? range_holds(text, version): does ${version} lie in it? A NULL range holds all. */
bool range_ok(struct bytes text);
bool range_holds(const char *range, struct bytes version);

/* ---------------------------------------------------------------------------------------------------- pack_recognise.c */

struct known_server { /* what is known of a server; what is not stays NULL or empty */
    const char *const *command;         /* argv, NULL-terminated */
    const char *url;
    struct bytes name, version;         /* serverInfo: its own claim */
};

enum basis { BASIS_NONE, BASIS_CLAIM, BASIS_FILE, BASIS_PACKAGE };
struct recognised {
    const struct pack *pack; /* NULL: no pack knows it */
    enum basis basis;        /* FILE: by the name of a program on this host; PACKAGE: by package, image or address */
    bool doubt;              /* the pack only narrows: a mere claim, another name than the pack knows, or another version */
    bool remote;             /* it is reached over the network */
    char version[64];        /* "" unknown */
    char why[200];           /* on what it rests, for people */
};
void packs_recognise(const struct packs *p, const struct known_server *s, struct arena *a, struct recognised *out);

/* ------------------------------------------------------------------------------------------------------- pack_propose.c */

struct proposal {
    const char *tool;
    enum effect effect;
    struct sink *sinks;
    size_t n_sinks;
    const char **outsiders; /* NULL-terminated, never NULL */
    int sensitivity;        /* or -1: the destination's */
    bool known;             /* from the pack as it stands; false: from names and annotations, or the stricter of both */
    const char *why;        /* on what it rests */
    const char *note;       /* or NULL */
};
/* propose_tool(r, tool, a, out): ${tool} as the server lists it (name, inputSchema, annotations). Memory of ${a}. E_MEMORY. */
struct err propose_tool(const struct recognised *r, const struct json *tool, struct arena *a, struct proposal *out) MUST_USE;
/* propose_sensitivity(r): of the destination as a whole. */
enum sensitivity propose_sensitivity(const struct recognised *r);
/* proposal_put(b, p, confirmed): the tool as a line of "tools:" in destinations/NAME.yaml, without indent or line feed. Unconfirmed it says "proposed",
 * counts as a write that asks, and only narrows. */
void proposal_put(struct buf *b, const struct proposal *p, bool confirmed);

/* --------------------------------------------------------------------------------------------------------- pack_write.c */

/*
 * The text of destinations/NAME.yaml with more under "tools:", all else as it stands. tools_add: the ${n} lines of ${add}, which must not be there yet.
 * tools_confirm: without the "proposed" of the tools called ${names} (NULL-terminated). E_YAML says which line to change by hand. Memory of ${a}.
 */
struct err tools_add(struct arena *a, struct bytes text, const struct bytes *add, size_t n, struct buf *out) MUST_USE;
struct err tools_confirm(struct arena *a, struct bytes text, const char *const *names, struct buf *out) MUST_USE;
/* tools_write(dir, destination, text): the file, in one step. */
struct err tools_write(const char *dir, const char *destination, struct bytes text) MUST_USE;

/* --------------------------------------------------------------------------------------------------------- pack_guess.c */

/* guess_tool(tool, remote, a, out): by name and annotations alone. Annotations only make it stricter. */
struct err guess_tool(const struct json *tool, bool remote, struct arena *a, struct proposal *out) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------- outsiders.c */

/*
 * A part of a result is "*" (all of it) or dotted names of members ("items.body"), looked for in structuredContent and in each text block that is JSON,
 * at the top or below lists. outsider_part_ok(text): is it one? outsiders_in(parts, result, a): the first part that ${result} has something in, or NULL.
 * A text that cannot be read as JSON, other content than text, and an error may hold anything: they count whenever ${parts} names something.
 */
bool outsider_part_ok(struct bytes text);
const char *outsiders_in(const char *const *parts, const struct json *result, struct arena *a);

#endif
