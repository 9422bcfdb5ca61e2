#include <stdio.h>

#include "serve/inner.h"

static bool
matches(const struct agent *agent, struct peer_proof *proof, struct resolved *out)
{
    for (size_t i = 0; i < agent->n_claims; i++) {
        enum proof_strength strength = PROOF_NONE;
        char why[256] = "";
        bool ok = claim_match(&agent->claims[i], proof, &strength, why);
        bool better = ok && (out->agent == NULL || strength > out->strength);
        if (ok && strength <= PROOF_WEAK && !agent->accept_weak_proof) {
            if (out->agent == NULL)
                snprintf(out->why, sizeof out->why, "%.150s; that is too weak (accept_weak_proof is not set)", why);
            continue;
        }
        if (better) {
            out->agent = agent;
            out->strength = strength;
        }
        if (better || out->agent == NULL)
            snprintf(out->why, sizeof out->why, "%s", why);
    }
    return out->agent == agent;
}

static struct err
resolve_named(const struct estate *estate, struct peer_proof *proof, const char *wanted, struct resolved *out)
{
    const struct agent *agent = estate_agent(estate, wanted);
    if (agent == NULL) {
        const char *near = estate_nearest(estate, "agent", wanted);
        return err_make(E_PROOF, "there is no agent %.64s%s%s%s", wanted, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (!matches(agent, proof, out))
        return err_make(E_PROOF, "this process is not proven to be %s: %.200s", agent->id, out->why[0] ? out->why : "the agent declares no proof");
    return err_ok();
}

struct err
agent_resolve(const struct estate *estate, struct peer_proof *proof, const char *wanted, struct resolved *out)
{
    *out = (struct resolved){0};
    if (wanted && wanted[0])
        return resolve_named(estate, proof, wanted, out);
    struct resolved found = {0};
    for (size_t i = 0; i < estate->n_agents; i++) {
        struct resolved one = {0};
        if (!matches(&estate->agents[i], proof, &one))
            continue;
        if (found.agent)
            return err_make(E_PROOF, "this process could be %s or %s; say which (--agent)", found.agent->id, one.agent->id);
        found = one;
    }
    *out = found;
    if (found.agent)
        return err_ok();
    const struct process *p = &proof->chain[0];
    return err_make(E_PROOF, "no declared agent matches this process (uid %d, executable %.160s%s%.60s)", p->uid, p->exe[0] ? p->exe : "unreadable",
                    p->unit[0] ? ", unit " : "", p->unit);
}

struct err
agent_task(const struct agent *agent, const struct estate *estate, const char *wanted, const struct task **out)
{
    *out = wanted && wanted[0] ? estate_task(estate, wanted) : agent->default_task;
    if (*out)
        return err_ok();
    if (wanted == NULL || !wanted[0])
        return err_make(E_FORBIDDEN, "the agent %s has no default task; name one (--task)", agent->id);
    const char *near = estate_nearest(estate, "task", wanted);
    return err_make(E_NOT_FOUND, "there is no task %.64s%s%s%s", wanted, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static bool
runs_agents(const struct estate *estate, int uid)
{
    for (size_t i = 0; i < estate->n_agents; i++)
        for (size_t k = 0; k < estate->agents[i].n_claims; k++)
            if (estate->agents[i].claims[k].uid == uid)
                return true;
    return false;
}

const struct person *
person_of(const struct estate *estate, int uid)
{
    for (size_t i = 0; i < estate->n_people; i++)
        if (estate->people[i].uid == uid && estate->people[i].active && uid >= 0)
            return runs_agents(estate, uid) ? NULL : &estate->people[i];
    return NULL;
}

bool
may_administer(const struct estate *estate, int uid)
{
    const struct person *person = person_of(estate, uid);
    return uid == 0 ? !runs_agents(estate, 0) : person && person->admin;
}
