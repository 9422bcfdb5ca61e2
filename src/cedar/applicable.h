/* Which request types (action, type of principal, type of resource) the scope of a policy admits. */
#ifndef CEDAR_APPLICABLE_H
#define CEDAR_APPLICABLE_H

#include "cedar/ast.h"
#include "cedar/schema.h"

/* applicable_type(scope, e): can an entity of type ${e} satisfy this part of a scope? */
bool applicable_type(const struct scope *scope, const struct schema_entity *e);
/* applicable_action(s, scope, a): can the action ${a}? */
bool applicable_action(const struct cedar_schema *s, const struct scope *scope, const struct schema_action *a);
/* applicable_anywhere(s, p): is there an action with types for principal and resource that satisfies the scope of ${p}? */
bool applicable_anywhere(const struct cedar_schema *s, const struct policy *p);
/* applicable_with_in(s, p, v): principal or resource is == an entity of a type that no action takes, but some action takes a type below it. */
bool applicable_with_in(const struct cedar_schema *s, const struct policy *p, enum variable v);

#endif
