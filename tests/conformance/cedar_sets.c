/*
 * Large policy sets (cedar_large.h): every way to decide, and the official engine, on the same requests.
 *
 *     cedar_sets SETS REQUESTS [POLICIES [ENTITIES [SEED [SHOWN]]]]     10,000 policies and 4,000 entities a set, from SEED 1; the first
 *                                                                       SHOWN (10) disagreements in full
 *
 * CEDAR_PEER is the command of the official engine, which answers the calls hold, holdEntities and ask of cedar_calls.h, a line each;
 * without it only our ways are compared. They are: the tree-walking evaluator, which is the reference, on the set and on one with the
 * policies in another order and its links made otherwise; the compiled engine on both, with its index and without; requests as JSON and
 * looked up before; entities that come with the request; failing closed. Permits, forbids and errors must be the same policies, and in
 * the same order and with the same texts where the order of the set is the same. Of the official engine: decision, reasons, erroring
 * policies; texts of errors are counted apart. Exit: 0 all agree, 1 some do not, 3 could not look.
 */
#include "base/json.h"
#include "cedar_large.h"
#include "writ/cedar.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_PART ((size_t)900 << 10) /* below the bounds of one text and one JSON document */
#define JSON_PART ((size_t)4 << 20)
#define LINE_MAX_BYTES ((size_t)256 << 20)
#define RESTARTS 20 /* of a peer that ends by itself, which some versions of Node do */

enum { PERMITS = 1, FORBIDS = 2, ERRS = 4 };

/* What was said of each policy of the generator, whatever its place in the set. */
struct outcome {
    uint8_t *of;
    const char **texts;
};

struct ours {
    struct cedar_policies *policies;
    struct cedar_engine *engine;
    unsigned *number; /* of policy i of the set: that of its id; -1u: a template */
};

struct set {
    struct large l;
    struct ours plain, permuted, split; /* split: a few entities come with the request */
    struct cedar_entities *entities, *leaves;
    struct cedar_scratch *scratch;
    struct outcome reference, other;
    uint64_t seed;
};

static struct {
    pid_t pid;
    FILE *to, *from;
    struct buf held[2];
    unsigned restarts;
    char *line;
    size_t room;
} peer;

enum way { PERMUTED_TREE, COMPILED, NO_INDEX, FROM_JSON, LOOKED_UP, PERMUTED, PERMUTED_NO_INDEX, REQUEST_ENTITIES, FAIL_CLOSED, OFFICIAL, WAYS };
static struct {
    const char *name;
    size_t compared, differ, texts, texts_agree;
} ways[WAYS] = {[PERMUTED_TREE] = {.name = "permuted_tree"},
                [COMPILED] = {.name = "compiled"},
                [NO_INDEX] = {.name = "no_index"},
                [FROM_JSON] = {.name = "from_json"},
                [LOOKED_UP] = {.name = "looked_up"},
                [PERMUTED] = {.name = "permuted"},
                [PERMUTED_NO_INDEX] = {.name = "permuted_no_index"},
                [REQUEST_ENTITIES] = {.name = "request_entities"},
                [FAIL_CLOSED] = {.name = "fail_closed"},
                [OFFICIAL] = {.name = "official"}};

static struct {
    size_t sets, requests, differ, allowed, permits, forbids, errors, ever[3];
} sums;
static size_t show_most = 10;

__attribute__((noreturn)) static void
stop(const char *what, const char *why)
{
    fprintf(stderr, "cedar_sets: %s: %s\n", what, why);
    exit(3);
}

static void
must(bool ok, const char *what, const struct cedar_error *e)
{
    if (!ok)
        stop(what, e->text);
}

static struct cedar_str
to_str(const struct buf *b)
{
    if (b->failed)
        stop("memory", "a text is too long");
    return (struct cedar_str){(const char *)b->at, b->n};
}

static struct cedar_str
member(const struct json *v, const char *key)
{
    struct bytes text = json_text(v, key);
    return (struct cedar_str){(const char *)text.at, text.n};
}

static struct cedar_uid
uid_of(const struct json *v)
{
    const struct json *inner = json_get(v, "__entity");
    return (struct cedar_uid){member(inner ? inner : v, "type"), member(inner ? inner : v, "id")};
}

/* --------------------------------------------------------------------------------------------------------- our sets and engines */

/* A list of sets in the making. */
struct parts {
    struct cedar_policies *at[4096];
    size_t n;
};

static void
add_part(struct parts *p, struct buf *b, bool text)
{
    struct cedar_error e;
    if (b->n == 0)
        return;
    if (!text)
        buf_puts(b, "},\"templates\":{},\"templateLinks\":[]}");
    if (p->n == sizeof p->at / sizeof *p->at)
        stop("parts", "too many");
    must(text ? cedar_policies_parse(to_str(b), "sets", true, &p->at[p->n], &e) : cedar_policies_json(to_str(b), "sets", &p->at[p->n], &e),
         "policies", &e);
    p->n++;
    b->n = 0;
}

/* All but links, in the order given: runs of texts and of JSON documents. */
static void
add_statics(struct parts *parts, struct large *l, const unsigned *order)
{
    struct buf b = buf_make(2 * JSON_PART);
    bool text = false;
    for (unsigned k = 0; k < l->n_policies; k++) {
        const struct large_policy *p = &l->policies[order[k]];
        if (p->is_link)
            continue;
        /* Orders differ in where forms change, too: a run goes on for some policies of the other form. */
        if (b.n > (text ? TEXT_PART : JSON_PART) / 2 || (b.n && text != p->as_text && k % 64 == 0))
            add_part(parts, &b, text);
        if (b.n == 0) {
            text = p->as_text;
            buf_puts(&b, text ? "" : "{\"staticPolicies\":{");
        } else if (!text) {
            buf_putc(&b, ',');
        }
        if (!text)
            buf_printf(&b, "\"p%u\":", order[k]);
        (text ? large_put_text : large_put_json)(&b, l, order[k]);
    }
    add_part(parts, &b, text);
    buf_free(&b);
}

static void
put_templates(struct buf *b, struct large *l)
{
    for (unsigned i = 0; i < LARGE_TEMPLATES; i++) {
        buf_printf(b, "%s\"t%u\":", i ? "," : "", i);
        policy_put_json(b, &l->templates[i]);
    }
}

static void
put_links(struct buf *b, struct large *l)
{
    for (unsigned i = 0; i < l->n_policies; i++)
        if (l->policies[i].is_link)
            large_put_link(b, l, i);
}

/* Templates, with their links in the document. */
static void
add_linked(struct parts *parts, struct large *l, bool links)
{
    struct buf b = buf_make(2 * JSON_PART);
    struct cedar_error e;
    buf_puts(&b, "{\"staticPolicies\":{},\"templates\":{");
    put_templates(&b, l);
    buf_puts(&b, "},\"templateLinks\":[");
    if (links)
        put_links(&b, l);
    buf_puts(&b, "]}");
    must(cedar_policies_json(to_str(&b), "links", &parts->at[parts->n++], &e), "templates", &e);
    buf_free(&b);
}

static struct cedar_policies *
join(struct parts *p)
{
    struct cedar_policies *all;
    struct cedar_error e;
    must(cedar_policies_join(p->at, p->n, &all, &e), "join", &e);
    for (size_t i = 0; i < p->n; i++)
        cedar_policies_unref(p->at[i]);
    return all;
}

static struct cedar_str
c_str(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static struct cedar_uid
slot_uid(const struct scope *s)
{
    return (struct cedar_uid){c_str(s->type), c_str(s->id)};
}

/* The links made by calls, all at once. */
static struct cedar_policies *
link_all(struct large *l, struct cedar_policies *p)
{
    struct cedar_link *links = arena_list(&l->a, l->n_policies, sizeof *links);
    struct cedar_uid *uids = arena_list(&l->a, 2 * (size_t)l->n_policies, sizeof *uids);
    struct cedar_policies *linked;
    struct cedar_error e;
    size_t n = 0;
    for (unsigned i = 0; i < l->n_policies; i++) {
        const struct large_policy *q = &l->policies[i];
        if (!q->is_link)
            continue;
        struct cedar_uid *u = &uids[2 * n];
        u[0] = slot_uid(&q->made.principal);
        u[1] = slot_uid(&q->made.resource);
        char *template = arena_printf(&l->a, "t%u", q->template), *id = arena_printf(&l->a, "p%u", i);
        links[n++] = (struct cedar_link){c_str(template), c_str(id), q->made.principal.slot ? &u[0] : NULL, q->made.resource.slot ? &u[1] : NULL};
    }
    must(cedar_policies_link(p, links, n, &linked, &e), "links", &e);
    cedar_policies_unref(p);
    return linked;
}

static struct cedar_policies *
make_plain(struct large *l)
{
    struct parts parts = {.n = 0};
    unsigned *order = arena_list(&l->a, l->n_policies, sizeof *order);
    for (unsigned i = 0; i < l->n_policies; i++)
        order[i] = i;
    add_statics(&parts, l, order);
    add_linked(&parts, l, false);
    return link_all(l, join(&parts));
}

static struct cedar_policies *
make_permuted(struct large *l)
{
    struct parts parts = {.n = 0};
    unsigned *order = arena_list(&l->a, l->n_policies, sizeof *order);
    for (unsigned i = 0; i < l->n_policies; i++) {
        unsigned k = choice_of(l->w.c, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    add_linked(&parts, l, true);
    add_statics(&parts, l, order);
    return join(&parts);
}

static struct ours
compile(struct large *l, struct cedar_policies *p, const struct cedar_entities *entities)
{
    struct ours o = {.policies = p, .number = arena_list(&l->a, cedar_policies_count(p), sizeof *o.number)};
    struct cedar_store *store;
    struct cedar_error e;
    must(cedar_store_compile(entities, &store, &e), "store", &e);
    must(cedar_engine_compile(p, store, &o.engine, &e), "engine", &e);
    cedar_store_unref(store);
    for (size_t i = 0; i < cedar_policies_count(p); i++) {
        struct cedar_str id = cedar_policy_id(p, i);
        o.number[i] = *id.at == 'p' ? (unsigned)strtoul(id.at + 1, NULL, 10) : -1u;
    }
    return o;
}

static struct cedar_entities *
read_entities(struct large *l, enum large_part part)
{
    struct cedar_entities *entities;
    struct cedar_error e;
    struct buf b = buf_make(LINE_MAX_BYTES);
    large_put_entities(&b, l, part);
    must(cedar_entities_json(to_str(&b), &entities, &e), "entities", &e);
    buf_free(&b);
    return entities;
}

/* -------------------------------------------------------------------------------------------------------------------- comparing */

static void
mark(struct outcome *out, const struct ours *o, const size_t *at, size_t n, uint8_t how)
{
    for (size_t i = 0; i < n; i++)
        out->of[o->number[at[i]]] |= how;
}

static void
take(const struct set *s, struct outcome *out, const struct ours *o, const struct cedar_answer *a)
{
    memset(out->of, 0, s->l.n_policies);
    mark(out, o, a->permits, a->n_permits, PERMITS);
    mark(out, o, a->forbids, a->n_forbids, FORBIDS);
    for (size_t i = 0; i < a->n_errors; i++) {
        out->of[o->number[a->errors[i].policy]] |= ERRS;
        out->texts[o->number[a->errors[i].policy]] = a->errors[i].text;
    }
}

/* Count a disagreement; is it one to show? */
static bool
differs(const struct set *s, enum way way, struct bytes request)
{
    ways[way].differ++;
    if (sums.differ++ >= show_most)
        return false;
    printf("DISAGREE: %s, seed %llu, request %.*s\n", ways[way].name, (unsigned long long)s->seed, BYTES_CUT(request, 3000));
    return true;
}

static void
show_policy(struct set *s, unsigned i, unsigned expected, unsigned got)
{
    struct buf b = buf_make(1 << 20);
    large_put_text(&b, &s->l, i);
    printf("  policy %u%s: expected %u, got %u\n  %s\n", i, s->l.policies[i].is_link ? " (a link)" : "", expected, got, buf_text(&b));
    buf_free(&b);
}

/* The same of every policy, texts included. */
static bool
check(struct set *s, enum way way, struct bytes request, const struct ours *o, const struct cedar_answer *a)
{
    take(s, &s->other, o, a);
    ways[way].compared++;
    for (unsigned i = 0; i < s->l.n_policies; i++) {
        unsigned expected = s->reference.of[i], got = s->other.of[i];
        if (expected == got && (!(got & ERRS) || strcmp(s->reference.texts[i], s->other.texts[i]) == 0))
            continue;
        if (differs(s, way, request))
            show_policy(s, i, expected, got);
        return false;
    }
    return true;
}

static bool
same_list(const size_t *a, size_t n, const size_t *b, size_t m)
{
    return n == m && (n == 0 || memcmp(a, b, n * sizeof *a) == 0);
}

static bool
same_order(const struct cedar_answer *a, const struct cedar_answer *b)
{
    bool same = a->n_errors == b->n_errors;
    for (size_t i = 0; same && i < a->n_errors; i++)
        same = a->errors[i].policy == b->errors[i].policy;
    return same && same_list(a->permits, a->n_permits, b->permits, b->n_permits) && same_list(a->forbids, a->n_forbids, b->forbids, b->n_forbids);
}

/* As check, and in the order of the reference. */
static void
check_order(struct set *s, enum way way, struct bytes request, const struct ours *o, const struct cedar_answer *reference,
            const struct cedar_answer *a)
{
    if (check(s, way, request, o, a) && !same_order(reference, a) && differs(s, way, request))
        printf("  another order\n");
}

static void
decided(bool ok)
{
    if (!ok)
        stop("decision", "memory ran out");
}

/* What the reference says when a forbid that errs counts as satisfied. */
static void
check_closed(struct set *s, struct bytes request, const struct cedar_request *q)
{
    struct cedar_answer a;
    decided(cedar_decide(s->plain.engine, q, &(struct cedar_decide_options){.fail_closed = true}, s->scratch, &a));
    take(s, &s->other, &s->plain, &a);
    ways[FAIL_CLOSED].compared++;
    for (unsigned i = 0; i < s->l.n_policies; i++) {
        unsigned expected = s->reference.of[i];
        if (expected & ERRS && s->l.policies[i].made.forbid)
            expected |= FORBIDS;
        if (s->other.of[i] == expected)
            continue;
        if (differs(s, FAIL_CLOSED, request))
            show_policy(s, i, expected, s->other.of[i]);
        return;
    }
}

static void
check_compiled(struct set *s, struct bytes request, const struct cedar_request *q, const struct cedar_answer *reference)
{
    struct cedar_answer a;
    struct cedar_error e;
    const struct cedar_decide_options off = {.no_index = true}, extra = {.extra = s->leaves};
    const struct ours *o = &s->plain;
    decided(cedar_decide(o->engine, q, NULL, s->scratch, &a));
    check_order(s, COMPILED, request, o, reference, &a);
    decided(cedar_decide(o->engine, q, &off, s->scratch, &a));
    check_order(s, NO_INDEX, request, o, reference, &a);
    must(cedar_decide_json(o->engine, (struct cedar_str){(const char *)request.at, request.n}, NULL, s->scratch, &a, &e), "request as JSON", &e);
    check_order(s, FROM_JSON, request, o, reference, &a);
    struct cedar_ready ready = {cedar_engine_uid(o->engine, q->principal, s->scratch), cedar_engine_uid(o->engine, q->action, s->scratch),
                                cedar_engine_uid(o->engine, q->resource, s->scratch), cedar_engine_value(o->engine, q->context, s->scratch)};
    decided(cedar_decide_ready(o->engine, &ready, NULL, s->scratch, &a));
    check_order(s, LOOKED_UP, request, o, reference, &a);
    decided(cedar_decide(s->permuted.engine, q, NULL, s->scratch, &a));
    check(s, PERMUTED, request, &s->permuted, &a);
    decided(cedar_decide(s->permuted.engine, q, &off, s->scratch, &a));
    check(s, PERMUTED_NO_INDEX, request, &s->permuted, &a);
    decided(cedar_decide(s->split.engine, q, &extra, s->scratch, &a));
    check_order(s, REQUEST_ENTITIES, request, &s->split, reference, &a);
}

/* ------------------------------------------------------------------------------------------------------------------------- peer */

static void
peer_open(const char *command)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (peer.pid = fork()) < 0)
        stop("pipe", strerror(errno));
    if (peer.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    peer.to = fdopen(to[1], "w");
    peer.from = fdopen(from[0], "r");
    if (peer.to == NULL || peer.from == NULL)
        stop("pipe", strerror(errno));
}

static void
peer_close(void)
{
    fclose(peer.to);
    fclose(peer.from);
    waitpid(peer.pid, NULL, 0);
}

static void
peer_say(struct bytes line)
{
    fwrite(line.at, 1, line.n, peer.to);
    fputc('\n', peer.to);
    fflush(peer.to);
}

/* The next line, or n == 0 at the end. */
static struct bytes
peer_hear(void)
{
    ssize_t n = getline(&peer.line, &peer.room, peer.from);
    return n > 0 ? bytes_make(peer.line, (size_t)n - 1) : (struct bytes){NULL, 0};
}

static bool
peer_told(void)
{
    for (size_t i = 0; i < 2; i++) {
        peer_say(buf_bytes(&peer.held[i]));
        struct bytes answer = peer_hear();
        if (answer.n == 0)
            return false;
        if (!bytes_starts(answer, BYTES("{\"type\":\"success\"")))
            stop("the official engine refuses", peer.line);
    }
    return true;
}

/* Another one, told what the last one held. */
static void
peer_again(void)
{
    do {
        if (++peer.restarts > RESTARTS)
            stop("the official engine", "ends again and again");
        peer_close();
        peer_open(getenv("CEDAR_PEER"));
    } while (!peer_told());
}

static void
peer_hold(struct large *l)
{
    struct buf *p = &peer.held[0], *entities = &peer.held[1];
    p->n = entities->n = 0;
    buf_puts(p, "{\"op\":\"hold\",\"policies\":{\"staticPolicies\":{");
    for (unsigned i = 0, k = 0; i < l->n_policies; i++) {
        struct buf one = buf_make(1 << 20);
        if (l->policies[i].is_link)
            continue;
        buf_printf(p, "%s\"p%u\":", k++ ? "," : "", i);
        (l->policies[i].as_text ? large_put_text : large_put_json)(&one, l, i);
        if (l->policies[i].as_text)
            json_put_text(p, buf_bytes(&one));
        else
            buf_put(p, buf_bytes(&one));
        buf_free(&one);
    }
    buf_puts(p, "},\"templates\":{");
    put_templates(p, l);
    buf_puts(p, "},\"templateLinks\":[");
    put_links(p, l);
    buf_puts(p, "]}}");
    buf_puts(entities, "{\"op\":\"holdEntities\",\"entities\":");
    large_put_entities(entities, l, LARGE_ALL);
    buf_putc(entities, '}');
    if (p->failed || entities->failed)
        stop("memory", "a call is too long");
    if (!peer_told())
        peer_again();
}

/* What the official engine says of each policy: PERMITS for a reason, whatever its effect. */
static void
take_official(struct set *s, const struct json *response)
{
    const struct json *d = json_get(response, "diagnostics"), *reason = json_get(d, "reason"), *errors = json_get(d, "errors");
    memset(s->other.of, 0, s->l.n_policies);
    for (const struct json *v = reason ? reason->child : NULL; v; v = v->next)
        s->other.of[strtoul((const char *)v->text.at + 1, NULL, 10)] |= PERMITS;
    for (const struct json *v = errors ? errors->child : NULL; v; v = v->next) {
        unsigned long i = strtoul((const char *)json_text(v, "policyId").at + 1, NULL, 10);
        struct bytes text = json_text(json_get(v, "error"), "message");
        s->other.of[i] |= ERRS;
        ways[OFFICIAL].texts++;
        ways[OFFICIAL].texts_agree += s->reference.of[i] & ERRS && bytes_eq(text, bytes_str(s->reference.texts[i]));
    }
}

static void
check_official(struct set *s, struct bytes request, const struct cedar_answer *reference)
{
    struct arena a = {.max = (size_t)256 << 20};
    const struct json_limits limits = {.bytes = LINE_MAX_BYTES, .depth = 64, .nodes = 4000000};
    struct json *answer;
    struct bytes line = peer_hear();
    for (; line.n == 0; line = peer_hear()) {
        peer_again();
        peer_say(request);
    }
    if (err_failed(json_parse(&a, line, &limits, &answer)) || !bytes_is(json_text(answer, "type"), "success"))
        stop("the official engine answers", peer.line);
    const struct json *response = json_get(answer, "response");
    take_official(s, response);
    ways[OFFICIAL].compared++;
    bool same = bytes_is(json_text(response, "decision"), cedar_decision(reference) ? "allow" : "deny");
    unsigned counts = reference->n_forbids ? FORBIDS : PERMITS, wrong = s->l.n_policies;
    for (unsigned i = 0; i < s->l.n_policies; i++)
        if (((s->reference.of[i] & counts ? PERMITS : 0) | (s->reference.of[i] & ERRS)) != s->other.of[i])
            wrong = i;
    if ((!same || wrong < s->l.n_policies) && differs(s, OFFICIAL, request)) {
        printf("  %.*s\n", BYTES_CUT(line, 3000));
        if (wrong < s->l.n_policies)
            show_policy(s, wrong, s->reference.of[wrong], s->other.of[wrong]);
    }
    arena_free(&a);
}

/* -------------------------------------------------------------------------------------------------------------------------- all */

static void
count(const struct set *s, const struct cedar_answer *a, uint8_t *ever)
{
    sums.requests++;
    sums.allowed += cedar_decision(a);
    sums.permits += a->n_permits;
    sums.forbids += a->n_forbids;
    sums.errors += a->n_errors;
    for (unsigned i = 0; i < s->l.n_policies; i++)
        ever[i] |= s->reference.of[i];
}

static void
run_request(struct set *s, uint8_t *ever)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct buf text = buf_make(1 << 20), line = buf_make(1 << 20);
    struct json *call;
    struct cedar_error e;
    struct cedar_answer reference, other;
    json_open(&text, '{');
    large_put_request(&text, &s->l, choice_of(s->l.w.c, s->l.n_policies));
    json_close(&text, '}');
    to_str(&text);
    struct bytes request = buf_bytes(&text);
    buf_puts(&line, "{\"op\":\"ask\",");
    buf_put(&line, bytes_sub(request, 1, request.n));
    if (peer.to)
        peer_say(buf_bytes(&line));
    if (err_failed(json_parse(&a, request, NULL, &call)))
        stop("request", "no JSON");
    cedar_scratch_reset(s->scratch);
    struct bytes context = json_get(call, "context")->raw;
    struct cedar_request q = {uid_of(json_get(call, "principal")), uid_of(json_get(call, "action")), uid_of(json_get(call, "resource")),
                              cedar_value_json(s->scratch, (struct cedar_str){(const char *)context.at, context.n}, &e)};
    must(q.context != NULL, "context", &e);
    decided(cedar_evaluate(s->plain.policies, s->entities, &q, s->scratch, &reference));
    take(s, &s->reference, &s->plain, &reference);
    count(s, &reference, ever);
    decided(cedar_evaluate(s->permuted.policies, s->entities, &q, s->scratch, &other));
    check(s, PERMUTED_TREE, request, &s->permuted, &other);
    check_compiled(s, request, &q, &reference);
    check_closed(s, request, &q);
    if (peer.to)
        check_official(s, buf_bytes(&line), &reference);
    buf_free(&text);
    buf_free(&line);
    arena_free(&a);
}

static struct outcome
new_outcome(struct large *l)
{
    return (struct outcome){arena_get(&l->a, l->n_policies), arena_list(&l->a, l->n_policies, sizeof(char *))};
}

static void
free_ours(struct ours *o)
{
    cedar_engine_unref(o->engine);
    cedar_policies_unref(o->policies);
}

static void
run_set(uint64_t seed, unsigned policies, unsigned entities, size_t requests)
{
    struct choice c = {.state = seed};
    struct set s = {.seed = seed, .scratch = cedar_scratch_new((size_t)256 << 20)};
    large_make(&s.l, &c, policies, entities);
    s.entities = read_entities(&s.l, LARGE_ALL);
    s.leaves = read_entities(&s.l, LARGE_LEAVES);
    struct cedar_entities *stored = read_entities(&s.l, LARGE_STORED);
    s.plain = compile(&s.l, make_plain(&s.l), s.entities);
    s.permuted = compile(&s.l, make_permuted(&s.l), s.entities);
    s.split = compile(&s.l, cedar_policies_ref(s.plain.policies), stored);
    s.reference = new_outcome(&s.l);
    s.other = new_outcome(&s.l);
    uint8_t *ever = arena_get(&s.l.a, policies);
    if (peer.to)
        peer_hold(&s.l);
    for (size_t i = 0; i < requests; i++)
        run_request(&s, ever);
    for (unsigned i = 0; i < policies; i++)
        for (int how = 0; how < 3; how++)
            sums.ever[how] += ever[i] >> how & 1;
    sums.sets++;
    free_ours(&s.plain);
    free_ours(&s.permuted);
    free_ours(&s.split);
    cedar_entities_unref(stored);
    cedar_entities_unref(s.entities);
    cedar_entities_unref(s.leaves);
    cedar_scratch_free(s.scratch);
    large_free(&s.l);
}

static void
print_sums(unsigned policies)
{
    double n = sums.requests ? (double)sums.requests : 1;
    printf(
        "sets %zu of %u policies, requests %zu: %zu allowed; satisfied permits %.1f a request, forbids %.1f, errors %.1f; of all policies %zu were "
        "satisfied permits, %zu satisfied forbids, %zu erred\n",
        sums.sets, policies, sums.requests, sums.allowed, (double)sums.permits / n, (double)sums.forbids / n, (double)sums.errors / n, sums.ever[0],
        sums.ever[1], sums.ever[2]);
    printf("%-22s %9s %9s %8s %6s %6s %9s %9s\n", "way to decide", "compared", "agree", "differ", "trap", "limit", "texts", "agree");
    for (size_t i = 0; i < WAYS; i++)
        if (ways[i].compared)
            printf("%-22s %9zu %9zu %8zu %6d %6d %9zu %9zu\n", ways[i].name, ways[i].compared, ways[i].compared - ways[i].differ, ways[i].differ, 0,
                   0, ways[i].texts, ways[i].texts_agree);
}

static unsigned long
number(int argc, char **argv, int i, unsigned long otherwise)
{
    return i < argc ? strtoul(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
    if (argc < 3 || argc > 7) {
        fprintf(stderr, "usage: cedar_sets SETS REQUESTS [POLICIES [ENTITIES [SEED [SHOWN]]]]\n");
        return 2;
    }
    unsigned policies = (unsigned)number(argc, argv, 3, 10000), entities = (unsigned)number(argc, argv, 4, 4000);
    uint64_t first = number(argc, argv, 5, 1);
    show_most = number(argc, argv, 6, 10);
    signal(SIGPIPE, SIG_IGN);
    peer.held[0] = buf_make(LINE_MAX_BYTES);
    peer.held[1] = buf_make(LINE_MAX_BYTES);
    if (getenv("CEDAR_PEER"))
        peer_open(getenv("CEDAR_PEER"));
    for (unsigned long i = 0; i < number(argc, argv, 1, 1); i++)
        run_set(first + i, policies, entities, number(argc, argv, 2, 1));
    if (peer.to)
        peer_close();
    print_sums(policies);
    buf_free(&peer.held[0]);
    buf_free(&peer.held[1]);
    free(peer.line);
    return sums.differ ? 1 : 0;
}
