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

#endif
