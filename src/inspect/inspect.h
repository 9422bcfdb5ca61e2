/*
 * Inspection: what stands in arguments and results. Knows bytes, JSON, rules and the forms of data; no protocol, no writ.
 *
 * Three kinds of things are looked for: secrets by rules in gitleaks' format (matched by vectorscan), declared classes of data, and exact
 * values that must not pass (sealed secrets of destinations). A finding says by which rule, where (a JSON pointer) and in which disguise;
 * never what. A struct inspect is immutable and counted; a room belongs to one thread.
 */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include "estate/estate.h"

struct inspect;

/* A problem with a rule or a class: ${level} FINDING_ERROR: it cannot be used. */
typedef void inspect_note(enum finding_level level, const char *file, int line, const char *text, void *ctx);

/*
 * inspect_make(s, old, note, ctx, out): read the rules and classes of ${s} and compile them. ${old} (may be NULL): what it compiled is used again
 * when nothing changed. Every problem goes to ${note}. E_ESTATE when a rule of the estate cannot be used; E_LIMIT; E_MEMORY. Takes 0.1 to 1 s of CPU.
 */
struct err inspect_make(const struct inspection_settings *s, const struct inspect *old, inspect_note *note, void *ctx, struct inspect **out) MUST_USE;
/* inspect_settle(): give back what only compiling needed (settle.c): memory of the heap and the compiler's code. Any thread. */
void inspect_settle(void);
/* inspect_check(estate, findings): inspect_make for its findings alone. */
struct err inspect_check(const struct estate *e, struct findings *f) MUST_USE;
struct inspect *inspect_ref(struct inspect *in);
void inspect_unref(struct inspect *in);
size_t inspect_rules(const struct inspect *in);

struct inspect_room;
struct inspect_room *inspect_room_make(void);
void inspect_room_free(struct inspect_room *room);

/* Exact values that must not pass: as they are, and as base64 (in all positions), percent-encoded, JSON-escaped and hexadecimal. */
struct sealed;
struct sealed *sealed_make(void);
void sealed_free(struct sealed *s); /* wipes */
/* sealed_add(s, name, value): values of less than SEALED_MIN bytes are not looked for (false), as they stand everywhere. */
#define SEALED_MIN 6u
bool sealed_add(struct sealed *s, const char *name, struct bytes value);
size_t sealed_count(const struct sealed *s);

enum inspect_way { INSPECT_ARGUMENTS, INSPECT_RESULTS };
enum sighting_kind { SIGHT_SECRET, SIGHT_CLASS, SIGHT_OWN, SIGHT_SEALED, SIGHT_BINARY };
extern const char *const sighting_kind_names[], *const sighting_how_names[];
enum sighting_how { HOW_PLAIN, HOW_ESCAPED, HOW_PERCENT, HOW_BASE64, HOW_SPLIT };

#define SIGHTINGS_MAX 24
#define PLACE_MAX 128
struct spotted {
    enum sighting_kind kind;
    enum sighting_how how;
    enum found_action action;
    const char *rule; /* id of the rule or class; memory of the inspect or of the sealed */
    char place[PLACE_MAX]; /* JSON pointer of where it begins, cut at the end when it is longer */
    size_t bytes;          /* SIGHT_BINARY: how many */
};

struct inspection {
    struct spotted list[SIGHTINGS_MAX];
    size_t n, total; /* n of total are listed */
    bool incomplete; /* not all could be looked at */
    char why[160];   /* if so */
    enum found_action action; /* the strongest; FOUND_NOTE also when nothing was found */
    enum sensitivity sensitivity; /* of what is in the value as it passes on */
    bool observed;   /* what would have been done (${would}) was not: whoever asked said so (inspection_lift) */
    enum found_action would;
    bool own;        /* a token of Writ's own was seen */
    bool secret;     /* a secret of any kind was seen */
    struct bytes clean; /* if so: the value without it, whatever is done about it, for records; empty without memory */
    bool changed;    /* ${text} holds the value as JSON without what is to be redacted */
    struct bytes text;
};

/*
 * What was said before in pieces: keeps the ends of the texts of one request, by the names they go by, so that a secret that is split between
 * messages is found when its last piece comes.
 */
struct inspect_carry;
struct inspect_carry *inspect_carry_make(void);
void inspect_carry_free(struct inspect_carry *c);

struct inspect_ask {
    enum inspect_way way;
    const struct sealed *sealed; /* or NULL */
    struct inspect_carry *carry; /* or NULL; is brought up to date */
    bool redact; /* what would only be noted is redacted, too */
    /* own(token, ctx): a token of Writ's own form was seen; may be NULL. */
    void (*own)(struct bytes token, void *ctx);
    void *ctx;
};

/*
 * inspect_json(in, room, ask, value, a, out): look at every text, key and number of ${value}. Never fails: what cannot be looked at is
 * ${incomplete}, and its action is what the estate says. ${in} NULL: only sealed values are looked for. Memory of ${a}.
 */
void inspect_json(const struct inspect *in, struct inspect_room *room, const struct inspect_ask *ask, const struct json *value, struct arena *a,
                  struct inspection *out);

/* inspection_lift(i): in observe: it passes as it is, with what would have been done on record. Not so with sealed values, tokens of Writ's own, and
 * what was not looked at whole. False: nothing was lifted. */
bool inspection_lift(struct inspection *i);

/* inspection_found(i, fn, ctx): names for policies: "secret" or the class, once each, and the rule. */
void inspection_names(const struct inspection *i, void (*fn)(const char *name, void *ctx), void *ctx);
/* inspection_put(i, b): members for a record: "found":[{"rule":…,"place":…}],… without braces. */
void inspection_put(const struct inspection *i, struct buf *b);

#endif
