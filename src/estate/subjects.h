/*
 * Prompts and resources as subjects of grants and policies, beside tools. Inside the estate room.
 *
 * A grant and an action are called "@prompts", "@resources" (all of them), "@prompts/NAME" (a pinned prompt) or "@resources/TEMPLATE" (what a
 * pinned template can give). "@resources/URI" in a grant is "@resources" with a condition on uri.
 */
#ifndef ESTATE_SUBJECTS_H
#define ESTATE_SUBJECTS_H

#include "estate/fields.h"
#include "estate/pin.h"

/* subject_set(l, x, item): what of ${x} comes from the pinned ${item}, but its name and digest. */
void subject_set(struct loader *l, struct pinned_extra *x, const struct json *item);

/* subject_nearest(d, prompt, n): offer the names of all pinned prompts, or templates. */
void subject_nearest(const struct destination *d, bool prompt, struct nearest *n);

/* subject_put_actions(b, d): the actions of prompts and resources in the schema that policies are checked by. ${around}: members of every context. */
void subject_put_actions(struct buf *b, const struct destination *d, const char *around);

/*
 * subject_grant(l, key, path, d, g, schema): g->tool begins with "@": does the destination share and have it? False: a finding says why not.
 * ${schema}: of the arguments that its conditions may be on, or NULL when anything goes. A grant of one URI gets that condition.
 */
bool subject_grant(struct loader *l, const struct yaml *key, const char *path, const struct destination *d, struct grant *g,
                   const struct json **schema, struct condition *uri);
/* subject_condition(l, y, path, g, c): is what a condition on uri or name asks for something that can be? */
void subject_condition(struct loader *l, const struct yaml *y, const char *path, const struct grant *g, const struct condition *c);

#endif
