#ifndef CEDAR_ENGINE_H
#define CEDAR_ENGINE_H

#include "cedar/index.h"
#include "cedar/policies.h"

struct cedar_engine {
    int refs;
    struct cedar_policies *policies;
    struct cedar_store *store;
    struct arena a;
    struct interner table; /* on that of the store */
    struct program program;
    struct rule *rules;
    uint32_t *actions; /* lists of the rules' scopes */
    struct index index;
};

#endif
