/* Inside of `writ destination pin` and `show`: what its files share. */
#ifndef CLI_PIN_H
#define CLI_PIN_H

#include "cli/cli.h"
#include "estate/pin.h"

/* What a person decides about, and how. */
struct choice {
    const struct json *old, *offer; /* the present pin (NULL: none) and what is offered now */
    struct item_changes changes;
    bool *taken;                    /* one for each change: it goes into the pin */
    bool *danger;                   /* one for each change: it has findings that hide or deceive */
    bool accept_findings, confirm_effects;
    const char *const *names;       /* only these, NULL-terminated; none: all */
};

/* choice_names(c, kind, name): is it among those that were named, or was none named? */
bool choice_names(const struct choice *c, enum item_kind kind, struct bytes name);
/* pin_draft(a, c, out): the pin with what was taken; all else as it is. */
struct err pin_draft(struct arena *a, const struct choice *c, const struct json **out) MUST_USE;
/* pin_unconfirmed(pin, name): did this tool change since its effect was stated? */
bool pin_unconfirmed(const struct json *pin, struct bytes name);

/* pin_show(b, change, width, colour): a change as change_put wrote it, for a person. */
void pin_show(struct buf *b, const struct json *change, size_t width, bool colour);

#endif
