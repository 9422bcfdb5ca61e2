#include "base/json.h"
#include "writ/table.h"
#include "writ/writ.h"

/* (locked) */
static void
put_writ(const struct writ *writ, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "id", writ->id);
    json_member_str(b, "state", writ_state_names[writ->state]);
    json_member_str(b, "agent", writ->agent->id);
    json_member_str(b, "task", writ->task->id);
    json_member_str(b, "purpose", writ->purpose);
    json_member_str(b, "purpose_source", purpose_source_names[writ->source]);
    json_member_str(b, "purpose_by", purpose_by_names[writ->by]);
    json_member_str(b, "owner", writ->agent->owner->id);
    if (writ->on_behalf_of[0])
        json_member_str(b, "on_behalf_of", writ->on_behalf_of);
    json_member_str(b, "instance", writ->instance->id);
    json_member_str(b, "proof", proof_strength_name(writ->instance->strength));
    json_member_str(b, "proof_why", writ->instance->why);
    json_member_int(b, "pid", writ->instance->process.pid);
    json_member_int(b, "uid", writ->instance->process.uid);
    json_member_str(b, "exe", writ->instance->process.exe);
    json_member_str(b, "confinement", writ->confinement[0] ? writ->confinement : "unconfined");
    json_member_str(b, "seen", sensitivity_names[writ->instance->seen.level]);
    json_member_bool(b, "seen_untrusted", writ->instance->seen.untrusted);
    env_member_time(b, "opened", writ->opened_ms);
    env_member_time(b, "expires", writ->expires_ms);
    env_member_time(b, "last_use", writ->last_use_ms);
    json_member_int(b, "calls", (int64_t)writ->calls);
    json_member_int(b, "refused", (int64_t)writ->refused);
    json_member_str(b, "estate", writ->opened_under->version);
    if (writ->state >= WRIT_COMPLETED) {
        env_member_time(b, "ended", writ->ended_ms);
        json_member_str(b, "ended_why", writ->ended_why);
        json_member_str(b, "ended_by", writ->ended_by);
        json_member_bool(b, "durable", !writ->unsaved);
    }
    json_close(b, '}');
}

void
writ_json(struct writs *w, const struct writ *writ, struct buf *b)
{
    pthread_mutex_lock(&w->lock);
    put_writ(writ, b);
    pthread_mutex_unlock(&w->lock);
}

void
writs_json(struct writs *w, const char *agent, bool ended, struct buf *b)
{
    json_open(b, '[');
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < WRIT_BUCKETS; i++) {
        for (const struct writ *writ = w->buckets[i]; writ; writ = writ->next) {
            if ((agent[0] && strcmp(agent, writ->agent->id) != 0) || (!ended && writ->state >= WRIT_COMPLETED))
                continue;
            json_item(b);
            put_writ(writ, b);
        }
    }
    pthread_mutex_unlock(&w->lock);
    json_close(b, ']');
}

void
writs_blocks_json(struct writs *w, struct buf *b)
{
    json_open(b, '[');
    pthread_mutex_lock(&w->lock);
    for (const struct block *k = w->blocks; k; k = k->next) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "selector", selector_names[k->selector]);
        json_member_str(b, "id", k->id);
        json_member_str(b, "why", k->why);
        json_member_str(b, "by", k->by);
        env_member_time(b, "since", k->since_ms);
        json_close(b, '}');
    }
    pthread_mutex_unlock(&w->lock);
    json_close(b, ']');
}

size_t
writs_active(struct writs *w)
{
    pthread_mutex_lock(&w->lock);
    size_t n = w->active;
    pthread_mutex_unlock(&w->lock);
    return n;
}
