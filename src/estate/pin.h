/*
 * What a server offers, what of it a person accepted (the pin), and how the two differ. Used where pins are loaded, where servers are
 * looked at, and where a person decides.
 *
 * An offer is one JSON object, and a pin file holds the same members:
 *   {"server": {"info": serverInfo, "instructions": text, "reached": {…}}, "tools": […], "prompts": […], "resource_templates": […]}
 * "reached" says how the server was come by: {"command": […], "files": {PATH: SHA-256}} or {"url": …}.
 */
#ifndef ESTATE_PIN_H
#define ESTATE_PIN_H

#include "estate/estate.h"

#define TOOL_NAME_MAX 128u   /* bytes */
#define NAME_MAX_OTHER 1024u /* of a prompt's name or a template */
#define OFFER_ITEMS_MAX 4000u /* tools, prompts and templates of one server together */

enum item_kind { ITEM_SERVER, ITEM_VERSION, ITEM_INSTRUCTIONS, ITEM_TOOL, ITEM_PROMPT, ITEM_TEMPLATE };
#define ITEM_KINDS 6
extern const char *const item_kind_names[]; /* "server", "version", "instructions", "tool", "prompt", "template"; ends with NULL */

/* offer_list_name(kind): "tools", "prompts", "resource_templates", or NULL. */
const char *offer_list_name(enum item_kind kind);
/* offer_list(offer, kind): the list of tools, prompts or templates, or NULL. */
const struct json *offer_list(const struct json *offer, enum item_kind kind);
/* item_name(kind, item): its name or uriTemplate; empty when it has none. */
struct bytes item_name(enum item_kind kind, const struct json *item);
/* item_name_ok(kind, name): may an item of this name be pinned? */
bool item_name_ok(enum item_kind kind, struct bytes name);
/* item_digest(item, out): SHA-256 of its canonical form (canonical.c), every member included. E_PIN when it is no object. */
struct err item_digest(const struct json *item, uint8_t out[32]) MUST_USE;
/* server_digest(server, out): of who the server is and how it is reached; neither of its version nor of its instructions. ${with_reached}:
 * a pin that does not say how the server is reached is compared without. */
struct err server_digest(const struct json *server, bool with_reached, uint8_t out[32]) MUST_USE;

/* canonical.c: keys sorted by their bytes, the fewest escapes; on one line (${indent} < 0), or on many for people who read it in git. */
void canonical_put(struct buf *b, const struct json *v, int indent);
/* canonical_digest(v, without, out): of an object, passing over the member called ${without} (NULL: none). */
struct err canonical_digest(const struct json *v, const char *without, uint8_t out[32]) MUST_USE;

/* ------------------------------------------------------------------------------------------------------ pin_compare.c */

enum change_what { CHANGE_CHANGED, CHANGE_ADDED, CHANGE_REMOVED, CHANGE_RENAMED, CHANGE_TWICE };
extern const char *const change_names[]; /* "changed", "added", "removed", "renamed", "twice"; ends with NULL */

struct item_change {
    enum item_kind kind;
    enum change_what what;
    struct bytes name;
    const struct json *was, *now; /* ITEM_SERVER and ITEM_VERSION: the whole "server" */
    struct bytes from;            /* renamed: what it was called */
    unsigned alike;               /* renamed: percent */
};
struct item_changes {
    struct item_change *list;
    size_t n;
};
/* pin_compare(a, pin, offer, out): what differs, in order of kind and name, in memory of ${a}. ${pin} NULL: everything is new. E_LIMIT, E_MEMORY. */
struct err pin_compare(struct arena *a, const struct json *pin, const struct json *offer, struct item_changes *out) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------- suspect.c */

enum suspect_level { SUSPECT_HINT, SUSPECT_DANGER };
extern const char *const suspect_level_names[]; /* "hint", "danger" */
struct suspect {
    enum suspect_level level;
    const char *what;  /* "zero width character" */
    uint32_t code;     /* the character, or 0 */
    size_t count;      /* how many in a row */
    char at[128];      /* where: "inputSchema.properties.path.description" */
    char text[200];    /* what stands there, what cannot be seen written as \u{200B} */
};
#define SUSPECTS_MAX 64
struct suspects {
    struct suspect list[SUSPECTS_MAX]; /* dangers first come first served; hints make room for them */
    size_t n, dangers, hints;          /* dangers and hints count those that found no place, too */
};
/* suspect_item(item, hints, s): every string of it, names of members included: what hides, reorders or steers, and with ${hints} what reads
 * like orders to a model. */
void suspect_item(const struct json *item, bool hints, struct suspects *s);
/* suspect_name(e, destination, kind, name, s): a name that looks like another one of the estate, or mixes scripts. */
void suspect_name(const struct estate *e, const char *destination, enum item_kind kind, struct bytes name, struct suspects *s);
/* suspect_mentions(e, destination, item, s): hints: tools of other destinations that its texts name. */
void suspect_mentions(const struct estate *e, const char *destination, const struct json *item, struct suspects *s);
/* suspect_put(b, s): as a JSON array. suspect_escape(b, text): text in which all can be seen. */
void suspect_put(struct buf *b, const struct suspects *s);
void suspect_escape(struct buf *b, struct bytes text);
/* suspect_look(text, out, room): the text with each character as the ASCII that it looks like (UTS 39 skeleton); false when some looks like none. */
bool suspect_look(struct bytes text, char *out, size_t room);

/* ------------------------------------------------------------------------------------------------------------ words.c */

/* words_put(b, was, now): the difference of two texts word by word, as a JSON array of ["=", text], ["-", text] and ["+", text]. */
void words_put(struct buf *b, struct bytes was, struct bytes now);
/* words_alike(a, b): percent of words that both have. */
unsigned words_alike(struct bytes a, struct bytes b);

/* ------------------------------------------------------------------------------------------------------- pin_change.c */

/*
 * change_put(b, change, e, destination): one change as a JSON object for people and programs: "kind", "name", "change", "from", "alike",
 * "parts" (each {"at", "words"} or {"at", "was", "now"}), "findings". ${e} NULL: without comparing names with the estate's.
 * Gives what was found.
 */
void change_put(struct buf *b, const struct item_change *c, const struct estate *e, const char *destination, struct suspects *found);

/* ------------------------------------------------------------------------------------------------------------- pins.c */

/*
 * pin_write(dir, destination, draft): pins/NAME.json, atomically. ${draft}: an offer, and what a person decided about it:
 * "accepted_findings": items whose findings were accepted, as "tool NAME"; "unconfirmed": tools that changed since their effect was stated.
 */
struct err pin_write(const char *dir, const char *destination, const struct json *draft) MUST_USE;
/* pin_restore(dir, destination, text): the file as it was; text.at NULL: there was none. */
struct err pin_restore(const char *dir, const char *destination, struct bytes text) MUST_USE;

#endif
