/* The tree-walking evaluator for parts of the library that want the value of one expression. */
#ifndef CEDAR_EVALUATE_H
#define CEDAR_EVALUATE_H

#include "cedar/ast.h"
#include "cedar/entities.h"

/* evaluate_expr(entities, variables, e, a, fault): its value, or NULL and ${fault}, which the caller has reset. ${variables}: a value each. */
const struct cedar_value *evaluate_expr(const struct cedar_entities *entities, const struct cedar_value *const variables[VARIABLE_COUNT],
                                        const struct expr *e, struct arena *a, struct fault *fault);

#endif
