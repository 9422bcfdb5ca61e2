/*
 * run: an agent under a writ of its own. The walls first, then the writ for the waiting process, then the program. From there on
 * three things are waited for: the agent's end, a word of the server, a signal.
 */
#include "cli/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESUME_MS 10000u
#define RESUME_EVERY_MS 200

struct run {
    struct cli *c;
    struct run_plan plan;
    struct confine_level level;
    struct confine_child child;
    struct run_link link;
    int signals;          /* signalfd(2) */
    uint64_t away_until;  /* not 0: the server is gone, and this is the last moment for it to be back */
    bool over;            /* the task was completed from elsewhere; the agent may still end in its own time */
    bool running;
};

/* ------------------------------------------------------------------------------------------------------------ signals */

static struct err
take_signals(struct run *r)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return err_system("waiting for signals");
    return err_ok();
}

/* What a terminal sends it sends to the whole group; the agent has it already then. */
static void
pass_signal(struct run *r)
{
    struct signalfd_siginfo s;
    if (read(r->signals, &s, sizeof s) != sizeof s)
        return;
    bool had = s.ssi_code == SI_KERNEL && getpgid(r->child.agent) == getpgrp();
    if (!had)
        kill(r->child.agent, (int)s.ssi_signo);
}

/* ------------------------------------------------------------------------------------------------------------- words */

__attribute__((format(printf, 2, 3))) static void
say(const struct run *r, const char *fmt, ...)
{
    struct buf b = buf_make(8192);
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->c->json) {
        json_open(&b, '{');
        json_member_str(&b, "writ", r->link.writ);
        json_member_str(&b, "said", text);
        json_close(&b, '}');
    } else {
        buf_puts(&b, "writ: ");
        output_clean(&b, bytes_str(text), false);
    }
    fprintf(stderr, "%s\n", buf_text(&b));
    buf_free(&b);
}

static void
say_open(const struct run *r)
{
    struct buf b = buf_make(8192);
    if (!r->c->json) {
        say(r, "%s is open for %s, task %s (proof: %s); walls: %s%s%s", r->link.writ, r->link.agent, r->link.task, r->link.proof, r->level.text,
            r->level.missing[0] ? "; missing: " : "", r->level.missing);
        return;
    }
    json_open(&b, '{');
    json_member_str(&b, "writ", r->link.writ);
    json_member_str(&b, "agent", r->link.agent);
    json_member_str(&b, "task", r->link.task);
    json_member_str(&b, "proof", r->link.proof);
    json_member_bool(&b, "confined", run_confined(&r->level));
    json_member_str(&b, "confinement", r->level.text);
    json_member_str(&b, "missing", r->level.missing);
    json_close(&b, '}');
    fprintf(stderr, "%s\n", buf_text(&b));
    buf_free(&b);
}

/* ----------------------------------------------------------------------------------------------------------- starting */

static struct err
make_secret(struct run *r)
{
    return own_token_make(r->c->env, OWN_TOKEN_ENDPOINT, r->link.secret);
}

static struct err
start_program(struct run *r)
{
    struct arena *a = &r->c->arena;
    const char *env[] = {
        arena_printf(a, "WRIT_MCP_CONFIG=%s/mcp.json", r->plan.folder),
        arena_printf(a, "WRIT_MCP_ALL_CONFIG=%s/all.json", r->plan.folder),
        arena_printf(a, "WRIT_MCP_URL=http://127.0.0.1:%u/%s/mcp", r->child.port, r->link.secret),
        arena_printf(a, "WRIT_ENDPOINT=http://127.0.0.1:%u/%s", r->child.port, r->link.secret),
        arena_printf(a, "WRIT_ID=%s", r->link.writ),
        NULL,
    };
    for (size_t i = 0; i + 1 < sizeof env / sizeof *env; i++)
        if (env[i] == NULL)
            return err_make(E_MEMORY, "out of memory");
    TRY(run_config_write(&r->plan, r->child.port, r->link.secret, r->link.destinations));
    say_open(r);
    return confine_go(&r->child, env);
}

static struct err
start(struct run *r)
{
    TRY(where_socket(r->c, "run.sock", &r->link.path));
    TRY(make_secret(r));
    TRY(take_signals(r));
    TRY(run_plan_make(r->c, &r->plan));
    TRY(confine_prepare(&r->plan.plan, &r->level, &r->child));
    r->running = true;
    r->link.level = &r->level;
    r->link.child = &r->child;
    TRY(run_link_open(r->c, &r->link, r->signals));
    return start_program(r);
}

/* ----------------------------------------------------------------------------------------------------------- watching */

/* No authority without the writ: the whole tree goes, and it is said how long that took. */
static struct err
cut(struct run *r, const struct err *why)
{
    uint64_t ns = 0;
    struct err e = confine_kill(r->c->env, &r->child, &ns);
    if (err_failed(e))
        return err_wrap(e, "%.120s", why->text);
    say(r, "the agent and all its processes were ended in %.1f ms", (double)ns / 1e6);
    return *why;
}

static struct err
writ_ended(struct run *r, const char *state, const char *why)
{
    size_t n = strlen(state);
    if (strncmp(why, state, n) == 0 && strncmp(why + n, ": ", 2) == 0)
        why += n + 2; /* said already */
    struct err e = err_make(E_WRIT_ENDED, "%s was %s: %s", r->link.writ, state, why[0] ? why : "no reason was given");
    if (strcmp(state, "completed") == 0) {
        r->over = true;
        say(r, "%s is completed; the agent can do nothing under it any more", r->link.writ);
        return err_ok();
    }
    return cut(r, &e);
}

static struct err
hear_server(struct run *r)
{
    char state[32], why[256];
    if (run_link_hear(&r->link, state, why))
        return writ_ended(r, state, why);
    if (r->over)
        return err_ok();
    r->away_until = deadline_in(r->c->env, RESUME_MS);
    say(r, "the server is gone; waiting %u s for it to come back", RESUME_MS / 1000);
    return err_ok();
}

static struct err
try_resume(struct run *r)
{
    struct err e = run_link_resume(r->c, &r->link, -1);
    bool away = e.code == E_CONNECT || e.code == E_CLOSED || e.code == E_TIMEOUT || e.code == E_BUSY;
    if (!err_failed(e)) {
        r->away_until = 0;
        say(r, "the server is back; %s goes on", r->link.writ);
    } else if (!away) {
        return cut(r, &e);
    } else if (deadline_in(r->c->env, 0) >= r->away_until) {
        e = err_make(E_CLOSED, "the server did not come back within %u s, and without it there is no authority", RESUME_MS / 1000);
        return cut(r, &e);
    }
    return err_ok();
}

/* Until the agent has ended by itself; an error when it was ended. */
static struct err
watch(struct run *r)
{
    for (;;) {
        struct pollfd p[3] = {
            {.fd = r->child.pidfd, .events = POLLIN},
            {.fd = r->signals, .events = POLLIN},
            {.fd = r->link.fd, .events = POLLIN},
        };
        int n = poll(p, 3, r->away_until ? RESUME_EVERY_MS : -1);
        if (n < 0 && errno != EINTR)
            return err_system("waiting for the agent");
        if (n > 0 && p[0].revents)
            return err_ok();
        if (n > 0 && p[1].revents)
            pass_signal(r);
        if (n > 0 && p[2].revents)
            TRY(hear_server(r));
        if (r->away_until)
            TRY(try_resume(r));
    }
}

static int
exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 1;
}

struct err
cmd_run(struct cli *c)
{
    struct run r = {.c = c, .signals = -1, .link = {.fd = -1}};
    int status = 0;
    struct err e = start(&r);
    if (!err_failed(e))
        e = watch(&r);
    if (!err_failed(e))
        e = confine_wait(&r.child, &status);
    if (r.running)
        confine_free(&r.child);
    c->status = exit_code(status);
    run_link_done(c, &r.link, err_failed(e) ? 1 : c->status);
    run_folder_remove(&r.plan);
    if (r.signals >= 0)
        close(r.signals);
    bytes_wipe(r.link.secret, sizeof r.link.secret);
    return e;
}
