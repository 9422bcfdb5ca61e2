/* Inside of src/decide: from a call to a Cedar request. */
#ifndef DECIDE_REQUEST_H
#define DECIDE_REQUEST_H

#include <stdio.h>

#include "decide/decide.h"

static inline struct cedar_str
cedar_text(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static inline struct cedar_str
cedar_bytes(struct bytes b)
{
    return (struct cedar_str){b.n ? (const char *)b.at : "", b.n};
}

static inline struct cedar_uid
cedar_id(const char *type, const char *id)
{
    return (struct cedar_uid){cedar_text(type), cedar_text(id)};
}

/*
 * request_context(call, item, tier, with_input, scratch, out): the record `context`. E_ARGUMENTS when a number in the arguments cannot be
 * represented exactly. Without ${with_input}, `input` and `origin` are left out: they are not known. ${item}: of a prompt or resource, as what it
 * is asked for; NULL: as one of all, or a tool.
 */
struct err request_context(const struct call *call, const struct pinned_extra *item, enum tier tier, bool with_input, struct cedar_scratch *scratch,
                           const struct cedar_value **out) MUST_USE;
/* request_make(call, item, tier, with_input, scratch, action, out): one of the requests that a call becomes. */
struct err request_make(const struct call *call, const struct pinned_extra *item, enum tier tier, bool with_input, struct cedar_scratch *scratch,
                        char action[DECISION_ACTION_MAX], struct cedar_request *out) MUST_USE;

/* tool_effect(tool): what counts: unconfirmed is write; a read whose sink leaves the house is a write. */
enum effect tool_effect(const struct tool *tool);
bool tool_leaves(const struct tool *tool);

/* grants.c: why the writ's task does not let this call pass, or E_OK. ${where} gets the place to edit. */
struct err grant_check(const struct task *task, const struct call *call, struct arena *a, struct place *where) MUST_USE;
bool grant_covers(const struct grant *g, const struct call *call);
/* grant_admits(g, call, a): do the conditions on those arguments hold that are given? The others may be anything yet. */
bool grant_admits(const struct grant *g, const struct call *call, struct arena *a);

/* decide_observed(s, call, d): is a refusal with the policies of ${d} only recorded, because the agent, the destination or they are observed? */
bool decide_observed(const struct snapshot *s, const struct call *call, const struct decision *d);

/* grant_nested(g): are its conditions on the arguments of a prompt, which stand in "arguments"? */
bool grant_nested(const struct grant *g);

/* listing.c: for each tool, prompt and template the policies that can speak of it, so that a list looks at few. */
bool listing_make(struct snapshot *s, struct cedar_error *why) MUST_USE;
void listing_free(struct snapshot *s);

#endif
