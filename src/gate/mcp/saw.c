/*
 * What a writ has seen when a result passes: how sensitive it is, and whether outsiders wrote any of it. As a person stated it of the tool; else as the
 * destination says. What nobody has confirmed can only add to what the destination says.
 */
#include "gate/mcp/mcp.h"

static const char *
outsiders_of(const struct tool *t, const struct json *result)
{
    struct arena a = {.max = (size_t)256 << 20};
    const char *part = t->outsiders[0];
    if (result && part)
        part = outsiders_in(t->outsiders, result, &a);
    arena_free(&a);
    return part;
}

void
call_saw(struct down *d, const struct rpc *answer)
{
    const struct tool *t = d->tool;
    const struct destination *from = d->destination;
    enum sensitivity level = from->sensitivity;
    bool untrusted = from->integrity == INTEGRITY_UNTRUSTED;
    if (t && t->outsiders) {
        d->outsiders = outsiders_of(t, json_is(answer->result, JSON_OBJECT) ? answer->result : NULL);
        untrusted = d->outsiders || (untrusted && !t->confirmed);
    }
    if (t && t->sensitivity >= 0 && (t->confirmed || (enum sensitivity)t->sensitivity > level))
        level = (enum sensitivity)t->sensitivity;
    writ_saw_result(d->session->gate->config.writs, d->session->writ, level, untrusted);
}
