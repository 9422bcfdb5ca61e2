#include "writ/table.h"

#include <stdio.h>
#include <stdlib.h>

struct instance *
instance_get(struct writs *w, const struct agent *agent, const struct process *process, enum proof_strength strength, const char *why)
{
    for (struct instance *i = w->instances; i; i = i->next)
        if (i->process.pid == process->pid && i->process.start == process->start && strcmp(i->agent, agent->id) == 0)
            return i->refs++, i;
    struct instance *i = calloc(1, sizeof *i);
    if (i == NULL || err_failed(env_id(w->config.env, "in", i->id))) {
        free(i);
        return NULL;
    }
    i->refs = 1;
    i->process = *process;
    i->strength = strength;
    snprintf(i->agent, sizeof i->agent, "%s", agent->id);
    snprintf(i->why, sizeof i->why, "%s", why);
    i->next = w->instances;
    w->instances = i;
    return i;
}

void
instance_drop(struct writs *w, struct instance *instance)
{
    if (instance == NULL || --instance->refs)
        return;
    for (struct instance **at = &w->instances; *at; at = &(*at)->next) {
        if (*at != instance)
            continue;
        *at = instance->next;
        break;
    }
    free(instance);
}
