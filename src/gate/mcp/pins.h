/*
 * What servers offer, against their pins. Two layers, and neither trusts the other:
 *
 *   link_pins.c    a connection uses what it has itself seen in the pinned form, and nothing else; so a server that shows two clients two
 *                  things, or changes between two calls, deceives nobody.
 *   quarantine.c   what any connection saw otherwise is held back from everyone, on record and in the store, until a person decides.
 */
#ifndef GATE_MCP_PINS_H
#define GATE_MCP_PINS_H

#include "estate/pin.h"
#include "gate/mcp/mcp.h"

#define HELD_MAX 400u              /* items of one destination that are kept; past it all of the destination is held back */
#define HELD_BYTES (256u << 10)    /* of one item's other form that is kept for the diff */

struct held { /* one item that is not as it was pinned */
    struct held *next;
    enum item_kind kind;
    enum change_what what;
    char *name, *from; /* from: of a renamed one, what it was called */
    unsigned alike;
    uint8_t digest[32]; /* of what was seen; zeros when nothing was */
    struct bytes seen;  /* that form, as JSON; at == NULL when it is gone or too large */
    int64_t since_ms;
    unsigned turns;     /* how often it came and went by itself */
    bool returned;      /* it looks as pinned again, and waits for a person all the same */
};

struct sighting { /* what a connection saw at its last look */
    enum item_kind kind;
    bool twice;
    struct bytes name;
    uint8_t digest[32];
};

#define LISTS 3
struct pins { /* of one link */
    bool busy, again, looked;    /* a look is under way; something changed meanwhile; one has ended */
    unsigned waiting;            /* lists that are not read to their end */
    unsigned asked;              /* bits: kinds that this look asks for */
    unsigned in_a_row;           /* looks one behind another, because it changed each time */
    unsigned pages[LISTS];
    struct buf lists[LISTS];     /* their items, with commas between them */
    struct bytes last_cursor[LISTS];
    struct arena arena;          /* of ${seen} */
    struct sighting *seen;
    size_t n_seen;
    struct timer *deadline;
    struct bytes reached;        /* JSON: how the server was come by; memory of the link's arena */
    struct buf offer;            /* a probe's: all that was seen, as one object */
};

/* program.c: program_reached(d, b): what the destination's server is, as the host has it now: its command and the SHA-256 of its program, or its
 * address and the certificates it is believed by. What an interpreter runs is the script, not the interpreter; what is fetched at start (npx, uvx) has no hash beforehand. */
void program_reached(const struct destination *d, struct buf *b);

/* quarantine.c. Everything on the loop's thread; a store or log that fails holds nothing up: what is held is held in memory first. */
struct err quarantine_load(struct gate *g) MUST_USE;
void quarantine_free(struct route *r);
/* quarantine_look(l, changes, asked): a look has ended: hold what changed, note what is as pinned again. ${asked}: bits of the kinds it was about. */
void quarantine_look(struct link *l, const struct item_changes *changes, unsigned asked);
/* quarantine_saw(l, change): one item, seen outside of a look. True: nobody knew that yet. */
bool quarantine_saw(struct link *l, const struct item_change *change);
/* quarantine_holds(r, kind, name): may nobody use it? */
bool quarantine_holds(const struct route *r, enum item_kind kind, struct bytes name);
size_t quarantine_count(const struct route *r);
/* quarantine_settle(g): there is another estate: what it pins as it was seen is accepted. */
void quarantine_settle(struct gate *g);

#endif
