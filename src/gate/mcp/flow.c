#include "gate/mcp/flow.h"

#include "gate/mcp/hub.h"

#define CHOKED_BYTES ((size_t)1 << 20) /* towards a server: its client is not read any more … */
#define EASED_BYTES ((size_t)256 << 10) /* … until no more than this waits */

void
flow_apply(struct link *l)
{
    if (l && l->state != LINK_DEAD && l->transport->flow)
        l->transport->flow(l);
}

void
flow_down(struct down *d, bool full)
{
    if (d->full == full)
        return;
    d->full = full;
    for (struct part *p = d->work ? d->work->parts : NULL; p; p = p->next)
        if (p->down)
            flow_down(p->down, full);
    flow_apply(d->session->link);
}

void
flow_session(struct session *s, bool full)
{
    if (s->full == full)
        return;
    s->full = full;
    for (size_t i = 0; s->hub && i < s->hub->n; i++)
        flow_session(s->hub->members[i].session, full);
    flow_apply(s->link);
}

bool
flow_stopped(const struct link *l, const struct pending *p)
{
    return l->session && (l->session->full || (p && p->down && p->down->full));
}

bool
flow_any_stopped(const struct link *l)
{
    bool any = flow_stopped(l, NULL);
    for (const struct pending *p = l->waiting; p && !any; p = p->next)
        any = flow_stopped(l, p);
    return any;
}

/* Behind a hub stand others, whom nobody may keep waiting: there a server that does not read meets the bounds of requests under way. */
static void
choke(struct link *l, bool on)
{
    struct session *s = l->session;
    l->choked = on;
    if (s && !s->member && s->choke)
        s->choke(s, on);
}

void
flow_unsent(struct link *l, size_t more, size_t less)
{
    l->unsent = l->unsent + more - less;
    if (!l->choked && l->unsent > CHOKED_BYTES)
        choke(l, true);
    else if (l->choked && l->unsent <= EASED_BYTES)
        choke(l, false);
}

void
flow_end(struct link *l)
{
    if (l->choked)
        choke(l, false);
}
