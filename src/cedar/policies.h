#ifndef CEDAR_POLICIES_H
#define CEDAR_POLICIES_H

#include "cedar/ast.h"

/* A set holds the files its policies came from; a joined set shares them. Immutable once made. */
struct cedar_policies {
    int refs;
    const struct policy **at;
    size_t n;
    struct policy_file **files;
    size_t n_files;
};

/* policies_new(n, n_files): an empty set with room, or NULL. */
struct cedar_policies *policies_new(size_t n, size_t n_files);
/* policies_check_ids(p, error): false and ${error} when two policies have one id. */
bool policies_check_ids(const struct cedar_policies *p, struct cedar_error *error);

/* policy_file_new(text, name, error): with copies of both; NULL when out of memory. The references are counted across threads. */
struct policy_file *policy_file_new(struct cedar_str text, const char *name, struct cedar_error *error);
struct policy_file *policy_file_ref(struct policy_file *f);
void policy_file_unref(struct policy_file *f); /* NULL is fine */

/* links_make(template, link, a, error): the policy that ${link} is, in memory of ${a}; its file is the template's. NULL and ${error}. */
struct policy *links_make(const struct policy *template, const struct cedar_link *link, struct arena *a, struct cedar_error *error);
/* name_is_identifier: may this stand as an attribute without quotes? name_is_path: identifiers with "::" between them? */
bool name_is_identifier(struct cedar_str s);
bool name_is_path(struct cedar_str s);
/* policy_print(b, p): as text, the way the official engine prints its JSON form. policy_write(b, p): the JSON form. */
void policy_print(struct buf *b, const struct policy *p);
/* policy_print_string(b, s): "s" with escapes, as a policy or a schema has it. */
void policy_print_string(struct buf *b, struct cedar_str s);
/* False, with nothing written, when it would nest too deep to be read again. */
bool policy_write(struct buf *b, const struct policy *p);
/* expr_print, scope_print: a condition, and the part of a scope called ${variable}, in the same way. */
void expr_print(struct buf *b, const struct expr *e);
void scope_print(struct buf *b, const struct scope *s, const char *variable);
/* policy_annotations(p, list): its annotations in the order of their keys; room for POLICY_ANNOTATIONS_MAX. Returns how many. */
#define POLICY_ANNOTATIONS_MAX 256u
size_t policy_annotations(const struct policy *p, const struct annotation **list);

#endif
