/*
 * Our engine behind the calls of the official package: a call is one JSON object, so is the answer.
 *
 *     op            members                                                      answers as
 *     authorize     principal action resource context entities policies          isAuthorized
 *                   [schema [validateRequest]]
 *     hold          policies          keep a policy set for `ask`                preparsePolicySet
 *     holdSchema    schema            keep a schema for `ask`                    preparseSchema
 *     ask           principal action resource context entities [held]            statefulIsAuthorized; held: with the kept schema
 *     holdEntities  entities          of each `ask` without any (only the official engines, for cedar_sets)
 *     partial       as authorize; principal action resource may be left out      isAuthorizedPartial
 *     validate      schema policies                                              validate
 *     checkPolicies policies   checkSchema schema                                checkParsePolicySet, checkParseSchema
 *     checkEntities entities [schema]   checkContext context [schema action]     checkParseEntities, checkParseContext
 *     parts         policies (a text)                                            policySetTextToParts
 *     toJson toText policy   templateToJson templateToText template              policyToJson …
 *     format        text [lineWidth indentWidth]                                 formatPolicies
 *     schemaToJson schemaToText schemaToJsonResolved schema                      schemaToJson …
 *
 * Failures are {"type":"failure","errors":[{"message",…}]}, with "limit":true when it is one of our documented bounds. Decisions are made
 * by the reference evaluator and, where it is there, by the compiled engine: when they are not alike the answer is {"type":"engines"}.
 */
#ifndef CEDAR_CALLS_H
#define CEDAR_CALLS_H

#include "base/json.h"

struct calls;
struct calls *calls_new(void);
void calls_free(struct calls *c);
/* calls_answer(c, line, out): append the answer, without a line's end. */
void calls_answer(struct calls *c, struct bytes line, struct buf *out);

#endif
