/*
 * writ.yaml: the server's own settings, and what is only observed for a while.
 */
#include "estate/fields.h"

#include <arpa/inet.h>
#include <stdio.h>

#define OBSERVE_DAYS_MAX 90

static void
read_master(struct loader *l, const struct yaml *y, struct keys_master *out)
{
    struct master_file m = {0};
    fields_read(l, &table_master, y, "master", &m);
    if (!!m.credential + !!m.file + m.passphrase != 1) {
        refuse(l, y, "master", "give exactly one of credential, file and passphrase: true");
        return;
    }
    out->source = m.credential ? KEYS_MASTER_CREDENTIAL : m.file ? KEYS_MASTER_FILE : KEYS_MASTER_PASSPHRASE;
    out->name = m.credential ? m.credential : m.file;
}

static void
read_connect(struct loader *l, const struct yaml *y, struct connect_settings *c)
{
    fields_read(l, &table_connect, y, "connect", c);
    struct bytes listen = bytes_str(c->listen);
    struct sockaddr_in at = {0};
    uint64_t port = 0;
    char host[48] = "";
    snprintf(host, sizeof host, "%.*s", BYTES_CUT(listen, bytes_find(listen, ':')));
    if (c->listen && (inet_pton(AF_INET, host, &at.sin_addr) != 1 || !bytes_u64(bytes_sub(listen, bytes_find(listen, ':') + 1, SIZE_MAX), &port) ||
                      port == 0 || port > 65535))
        refuse(l, yaml_get(y, "listen"), "connect.listen", "expected an IPv4 address and a port, such as 127.0.0.1:8931");
    else if (c->listen && (ntohl(at.sin_addr.s_addr) >> 24) != 127 && c->url == NULL)
        refuse(l, yaml_get(y, "listen"), "connect.listen", "is reached from elsewhere; give url, an https address, for what stands before it");
    if (c->url && (strncmp(c->url, "https://", 8) != 0 || c->url[strlen(c->url) - 1] == '/' || url_fault(bytes_str(c->url))))
        refuse(l, yaml_get(y, "url"), "connect.url", "expected an https address without a slash at its end");
    if (c->client_metadata && (strncmp(c->client_metadata, "https://", 8) != 0 || url_fault(bytes_str(c->client_metadata))))
        refuse(l, yaml_get(y, "client_metadata"), "connect.client_metadata", "expected an https address");
}

/* An issuer is an https URL without query or fragment (RFC 8414 §2). */
static void
read_authorization(struct loader *l, const struct yaml *y, struct authorization_settings *a)
{
    fields_read(l, &table_authorization, y, "authorization", a);
    for (const char **s = a->servers; s && *s; s++) {
        const char *fault = url_fault(bytes_str(*s));
        if (fault == NULL && strchr(*s, '?'))
            fault = "must have no query";
        if (fault)
            refuse(l, yaml_get(y, "servers"), "authorization.servers", "'%.100s' %s", *s, fault);
    }
    if (a->servers && a->servers[0] == NULL)
        refuse(l, yaml_get(y, "servers"), "authorization.servers", "is empty; leave out authorization when there is none");
    if (a->documentation && url_fault(bytes_str(a->documentation)))
        refuse(l, yaml_get(y, "documentation"), "authorization.documentation", "%s", url_fault(bytes_str(a->documentation)));
}

static void
set_store(struct loader *l, const struct yaml *top, struct settings *s)
{
    if (s->store_url == NULL && s->state_dir)
        s->store_url = arena_printf(&l->estate->arena, "sqlite:%s/writ.db", s->state_dir);
    if (s->store_url && strncmp(s->store_url, "sqlite:/", 8) != 0)
        refuse(l, yaml_get(top, "store"), "store", "expected sqlite:/absolute/path/writ.db");
}

void
load_settings(struct loader *l)
{
    struct file f;
    struct settings_file s = {0};
    const struct yaml *top = file_read(l, "writ.yaml", true, &f) ? file_yaml(l, &f) : NULL;
    if (top == NULL)
        return;
    fields_read(l, &table_settings, top, NULL, &s);
    if (s.master)
        read_master(l, s.master, &s.settings.master);
    if (s.connect)
        read_connect(l, s.connect, &s.settings.connect);
    if (s.authorization)
        read_authorization(l, s.authorization, &s.settings.authorization);
    if (s.settings.log_window_ms > 10000)
        refuse(l, yaml_get(top, "log_window"), "log_window", "at most 10s: a crash loses what is not written yet");
    if (s.settings.state_dir && s.settings.run_dir && strcmp(s.settings.state_dir, s.settings.run_dir) == 0)
        refuse(l, yaml_get(top, "run_dir"), "run_dir", "must differ from state_dir: sockets are open to others, state is not");
    set_store(l, top, &s.settings);
    s.settings.place = (struct place){f.path, top->line};
    l->estate->settings = s.settings;
    l->observe = s.observe;
}

static bool
policy_known(const struct estate *e, const char *id, struct nearest *n)
{
    bool known = false;
    for (size_t i = 0; e->policies && i < cedar_policies_count(e->policies); i++) {
        struct cedar_str s = cedar_policy_id(e->policies, i);
        nearest_offer(n, bytes_make(s.at, s.n));
        known = known || bytes_eq(bytes_make(s.at, s.n), bytes_str(id));
    }
    return known;
}

static bool
observed_known(const struct estate *e, const struct observe *o, struct nearest *n)
{
    if (o->what == OBSERVE_POLICY)
        return policy_known(e, o->id, n);
    for (size_t i = 0; o->what == OBSERVE_AGENT && i < e->n_agents; i++)
        nearest_offer(n, bytes_str(e->agents[i].id));
    for (size_t i = 0; o->what == OBSERVE_DESTINATION && i < e->n_destinations; i++)
        nearest_offer(n, bytes_str(e->destinations[i].id));
    return o->what == OBSERVE_AGENT ? estate_agent(e, o->id) != NULL : estate_destination(e, o->id) != NULL;
}

static void
check_until(struct loader *l, const struct yaml *y, const char *path, const char *until)
{
    int64_t last, today;
    if (!date_parse(bytes_str(until), &last) || !date_parse(bytes_str(l->today), &today))
        return;
    if (last < today)
        warn(l, y, path, "%s is over: refusals are enforced again; remove the entry", until);
    else if (last > today + OBSERVE_DAYS_MAX)
        refuse(l, y, path, "%s is more than %d days ahead; observe mode ends soon or it is no test", until, OBSERVE_DAYS_MAX);
}

static void
read_observe(struct loader *l, const struct yaml *y, const char *path, struct observe *o)
{
    static const char *const keys[] = {"agent", "destination", "policy"};
    char hint[HINT_MAX];
    struct observe_file f = {0};
    fields_read(l, &table_observe, y, path, &f);
    const char *const ids[] = {f.agent, f.destination, f.policy};
    int given = 0;
    for (int i = 0; i < 3; i++)
        if (ids[i])
            given++, o->what = (unsigned)i, o->id = ids[i];
    if (given != 1) {
        refuse(l, y, path, "give exactly one of agent, destination and policy");
        return;
    }
    o->until = f.until;
    struct nearest n = nearest_for(bytes_str(o->id));
    if (!observed_known(l->estate, o, &n))
        refuse(l, yaml_get(y, keys[o->what]), join(l, path, bytes_str(keys[o->what])), "there is no %s '%s'%s", keys[o->what], o->id,
               nearest_hint(&n, hint));
    if (f.until)
        check_until(l, yaml_get(y, "until"), join(l, path, BYTES("until")), f.until);
}

void
load_observes(struct loader *l)
{
    struct estate *e = l->estate;
    if (l->observe == NULL)
        return;
    l->file = e->settings.place.file;
    e->observes = estate_list(l, l->observe->count, sizeof *e->observes);
    for (const struct yaml *y = l->observe->child; y && e->observes; y = y->next) {
        struct observe o = {.place = {l->file, y->line}};
        if (is_map(l, y, "observe"))
            read_observe(l, y, "observe", &o);
        if (o.id)
            e->observes[e->n_observes++] = o;
    }
}

const char *
estate_observed(const struct estate *e, unsigned what, const char *id, int64_t now_ms)
{
    char today[ENV_TIME_MAX];
    env_time_text(now_ms, today);
    today[10] = 0;
    for (size_t i = 0; i < e->n_observes; i++) {
        const struct observe *o = &e->observes[i];
        if (o->what == what && strcmp(o->id, id) == 0 && strcmp(today, o->until) <= 0)
            return o->until;
    }
    return NULL;
}
