/* Collecting findings: each once, in order, texts in memory of their own. */
#ifndef CEDAR_FINDINGS_H
#define CEDAR_FINDINGS_H

#include "base/arena.h"
#include "cedar/ast.h"

/* A message or help is cut at this length; types can be that long. */
#define FINDING_TEXT_MAX ((size_t)64 << 10)

struct finding_list {
    struct owned_findings *out;
    size_t cap;
    bool memory, full;        /* stopped: out of memory; more than CEDAR_MAX_FINDINGS */
    uint32_t *seen;           /* open addressing: index + 1 of a finding of this policy */
    size_t n_seen, first;     /* first: index of the policy's first finding */
    struct buf message, help; /* of the next finding */
};

bool findings_begin(struct finding_list *l);
/* findings_policy(l): the next findings are of another policy. */
void findings_policy(struct finding_list *l);
/* findings_next(l): empty l->message and l->help for the next finding; write them, then findings_add. */
void findings_next(struct finding_list *l);

enum finding_repeat { FINDING_ONCE, FINDING_EACH }; /* drop it when the policy has the same one already, or not */

/* findings_add(l, …): ${distinct} tells apart findings that read the same. */
void
findings_add(struct finding_list *l, enum cedar_finding_kind kind, size_t policy, struct span span, uint64_t distinct, enum finding_repeat repeat);
/* findings_end(l, policies, out, error): give *${out}, or fail when the list stopped. Frees what is not given. */
bool findings_end(struct finding_list *l, const struct cedar_policies *policies, struct cedar_findings **out, struct cedar_error *error);
/* findings_drop(l): free everything. */
void findings_drop(struct finding_list *l);

/* Text with escapes as the official engine prints strings, without quotes around it; uid: Type::"id". */
void finding_escaped(struct buf *b, struct cedar_str s);
void finding_str(struct buf *b, struct cedar_str s);
void finding_uid(struct buf *b, const struct cedar_uid *uid);
/* finding_pattern(b, wildcard, piece): a piece of a `like` pattern, behind its wildcard; each character escaped as if it were the first. */
void finding_pattern(struct buf *b, bool wildcard, struct cedar_str piece);
/* finding_is_name(s): can it stand as an attribute without quotes? */
bool finding_is_name(struct cedar_str s);

#endif
