/* Inside of src/inspect: one JSON value being looked at. */
#ifndef INSPECT_ROOM_H
#define INSPECT_ROOM_H

#include "inspect/rules.h"

/*
 * The view: the value written out without escapes, "key":"text" a line, so that one pass of vectorscan sees everything and a rule that
 * wants a name before a value finds it. Segments say which part of it is which text.
 */
enum segment_kind { SEGMENT_KEY, SEGMENT_TEXT, SEGMENT_NUMBER };
struct segment {
    size_t at, n;            /* in the view */
    const struct json *node; /* of a key: the member */
    uint32_t frame, index;   /* the container it is in, and which child of it */
    enum segment_kind kind;
    bool tainted;            /* a key in which something was found: it may not be shown in places */
};
struct frame { /* an object or array */
    const struct json *node;
    uint32_t parent, index;
    uint32_t key; /* segment of its name, or UINT32_MAX */
};

/* Where a decoded text came from. A block stands for all of its origin. */
struct origin {
    size_t at, from; /* in the decoded text; in the view */
    size_t n;        /* block: bytes of the view */
    bool block;
};

/* A text in the joined one. */
struct joined {
    uint64_t name; /* hash of the name that it goes by */
    size_t at;     /* in the joined text; SIZE_MAX: alone, and so not in it */
    uint32_t segment;
};

struct inspect_room {
    hs_scratch_t *scratch;
    hs_stream_t *stream;
    uint64_t serial; /* of the compiled rules that both are for */
    struct regex_room *regex;
    struct buf view, decoded, joined;
    struct segment *segments;
    size_t n_segments, cap_segments;
    struct frame *frames;
    size_t n_frames, cap_frames;
    struct origin *origins;
    size_t n_origins, cap_origins;
    struct joined *parts;
    size_t n_parts, cap_parts;
    struct found *found;
    size_t n_found, cap_found;
    size_t *next; /* of each rule: where its next match may begin, in the text that is scanned */
    size_t cap_next;
    uint64_t budget;
    /* the question at hand */
    const struct inspect *in;
    const struct inspect_ask *ask;
    bool cleaning; /* for a record: all secrets are left out */
    const char *incomplete; /* why not all was looked at, or NULL */
};

#define FOUND_MAX 10000u
#define REACH 16384u /* of a match without a bound of its own */
#define BUDGET 20000000u
#define BINARY_LEAST 1024u

void view_build(struct inspect_room *r, const struct json *value, size_t max);
/* view_place(r, s, out): JSON pointer of a segment. */
void view_place(const struct inspect_room *r, const struct segment *s, char out[PLACE_MAX]);
/* view_segment(r, at): index of the last segment that begins at or before ${at}; n_segments when none does. */
size_t view_segment(const struct inspect_room *r, size_t at);
void view_trim(struct inspect_room *r);

/* scan.c: look through one text. ${how} PLAIN: it is the view; SPLIT: the joined text; others: decoded, with its origins. */
void scan_text(struct inspect_room *r, struct bytes text, enum sighting_how how);
/* joined.c: texts that go by the same name, as one, with what came before. joined_found: a range of that text counts when it crosses a border. */
void scan_joined(struct inspect_room *r);
void joined_found(struct inspect_room *r, size_t from, size_t to, uint32_t rule, enum found_action action);
void found_add(struct inspect_room *r, size_t from, size_t to, uint32_t rule, enum sighting_how how, enum found_action action);
bool scan_ready(struct inspect_room *r);

/* disguise.c: decoded texts of the view, scanned one after another. */
void scan_disguised(struct inspect_room *r, size_t max);

/* One more of a growing list; NULL without memory, and then the room is incomplete. */
void *room_grow(struct inspect_room *r, void **list, size_t n, size_t *cap, size_t size);
#define ROOM_PUSH(r, list, n, cap) room_grow(r, (void **)&(r)->list, (r)->n, &(r)->cap, sizeof *(r)->list)

#endif
