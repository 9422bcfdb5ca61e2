#include "identity/proc.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WHY_MAX 256

const char *
proof_strength_name(enum proof_strength s)
{
    static const char *const names[] = {"none", "weak", "user", "program"};
    return names[s];
}

static bool no(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool
no(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, WHY_MAX, fmt, ap);
    va_end(ap);
    return false;
}

static const char *
exe_text(const struct process *p)
{
    return p->exe[0] ? p->exe : "a program that this user may not see";
}

enum fit { FIT_NO, FIT_YES, FIT_FORGED };

/*
 * Does ${p} run the file that is at ${path} for us? The link in /proc names the file as the process's own mount namespace does, and in a
 * user namespace anyone can mount anything over any path; so the file itself (device and inode) must be the one we have there.
 */
static enum fit
runs(const struct process *p, const char *path)
{
    char real[PATH_MAX];
    struct stat st;
    if (p->exe[0] == 0)
        return FIT_NO;
    if (strcmp(p->exe, path) != 0 && (realpath(path, real) == NULL || strcmp(p->exe, real) != 0))
        return FIT_NO;
    if (stat(path, &st) != 0 || st.st_dev != p->exe_device || st.st_ino != p->exe_inode)
        return FIT_FORGED;
    return FIT_YES;
}

/* The first process of the chain from ${from} that runs ${path}; proof->n when none does. */
static size_t
find(const struct peer_proof *proof, size_t from, const char *path, bool *forged)
{
    size_t i = from;
    enum fit fit = FIT_NO;
    for (; i < proof->n; i++) {
        fit = runs(&proof->chain[i], path);
        if (fit == FIT_YES)
            break;
        *forged |= fit == FIT_FORGED;
    }
    return i;
}

static const char forged_text[] = "a process shows the path %s, but what runs is not the file that is there (replaced, or another mount namespace)";

/* The executable must be below the client: the peer itself, or between both. */
static bool
match_programs(const struct unix_claim *claim, const struct peer_proof *proof, size_t *program, char *why)
{
    bool forged = false;
    const struct process *peer = &proof->chain[0];
    *program = claim->exe ? find(proof, 0, claim->exe, &forged) : 0;
    if (*program == proof->n && forged)
        return no(why, forged_text, claim->exe);
    if (*program == proof->n)
        return no(why, "no process of the caller's chain runs %.90s; the caller (process %d) runs %.90s", claim->exe, peer->pid, exe_text(peer));
    if (claim->client == NULL)
        return true;
    forged = false;
    if (find(proof, *program + 1, claim->client, &forged) < proof->n)
        return true;
    if (forged)
        return no(why, forged_text, claim->client);
    return no(why, "%.80s is not among the parents of process %d (%.80s)", claim->client, proof->chain[*program].pid,
              exe_text(&proof->chain[*program]));
}

static bool
match_hash(const struct unix_claim *claim, struct process *p, char *why)
{
    if (claim->sha256 == NULL)
        return true;
    struct err e = process_hash(p);
    if (err_failed(e))
        return no(why, "%.250s", e.text);
    if (strcasecmp(claim->sha256, p->sha256) == 0)
        return true;
    return no(why, "the SHA-256 of %.120s is %s, not the declared one", exe_text(p), p->sha256);
}

static bool
match_uid(const struct unix_claim *claim, const struct peer_proof *proof, size_t program, char *why)
{
    int peer = proof->chain[0].uid, other = proof->chain[program].uid;
    if (claim->uid < 0 || peer == claim->uid || other == claim->uid)
        return true;
    return no(why, "the caller runs as user %d, not as user %d", peer, claim->uid);
}

static bool
is_under(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    while (n && prefix[n - 1] == '/')
        n--;
    return n && strncmp(path, prefix, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* Below user.slice or below a service, units are named by who runs there: such a name proves no more than the user, who must be named. */
static bool
match_unit(const struct unix_claim *claim, const struct process *peer, char *why)
{
    const char *has = peer->unit[0] ? peer->unit : "none";
    if (claim->unit && strcmp(claim->unit, peer->unit) != 0)
        return no(why, "the caller's systemd unit is %.90s, not %.90s", has, claim->unit);
    if (claim->cgroup && !is_under(peer->cgroup, claim->cgroup))
        return no(why, "the caller's cgroup is %.110s, not under %.90s", peer->cgroup[0] ? peer->cgroup : "unknown", claim->cgroup);
    if ((claim->unit || claim->cgroup) && claim->uid != peer->uid && proc_cgroup_delegated(peer->cgroup))
        return no(why, "the cgroup %.100s is made by its user, who may name units as they like: declare the uid too", peer->cgroup);
    return true;
}

static const char *
strength_of(const struct unix_claim *claim, const struct peer_proof *proof, size_t program, enum proof_strength *strength)
{
    const struct process *p = &proof->chain[program];
    *strength = PROOF_PROGRAM;
    if ((claim->unit || claim->cgroup) && !proc_cgroup_delegated(proof->chain[0].cgroup))
        return "by its systemd unit or cgroup";
    if (claim->exe && claim->sha256 && !p->interpreter)
        return "by path and SHA-256 of its program";
    *strength = PROOF_USER;
    if (claim->dedicated_user && claim->uid >= 0 && proof->chain[0].uid == claim->uid)
        return "by a user that is its alone";
    *strength = PROOF_WEAK;
    if (p->interpreter)
        return "weakly: it is an interpreter, what it runs is not proven, and others have this user too";
    if (claim->sha256)
        return "weakly: a hash without a path (any copy fits, an interpreter's under another name too)";
    return "weakly: others have this user too, and no hash or unit is declared";
}

static bool
asks_nothing(const struct unix_claim *c)
{
    return c->uid < 0 && !c->exe && !c->sha256 && !c->client && !c->unit && !c->cgroup;
}

bool
claim_match(const struct unix_claim *claim, struct peer_proof *proof, enum proof_strength *strength, char why[256])
{
    size_t program;
    *strength = PROOF_NONE;
    if (proof->n == 0)
        return no(why, "nothing is known about the caller's process");
    if (asks_nothing(claim))
        return no(why, "the agent's proof declares nothing that could be matched: give it a uid, an executable or a unit");
    if (!match_programs(claim, proof, &program, why) || !match_uid(claim, proof, program, why) || !match_unit(claim, &proof->chain[0], why) ||
        !match_hash(claim, &proof->chain[program], why))
        return false;
    const struct process *p = &proof->chain[program];
    const char *how = strength_of(claim, proof, program, strength);
    snprintf(why, WHY_MAX, "process %d (%.100s, user %d) matches %s", p->pid, exe_text(p), p->uid, how);
    return true;
}
