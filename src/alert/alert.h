/*
 * Alerts: what is worth telling people at once goes to webhooks (alerts/NAME.yaml), as the log has it. Every record passes by; a few become
 * an alert, and each is sent at least once: where the log was told of is kept in the store, so that a crash repeats rather than loses one.
 * Floods are counted, not sent; one kind never crowds out another. An alert holds what every reader of the log may know, and no more.
 *
 * Everything but alerts_record belongs to the loop's thread.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include "audit/audit.h"
#include "estate/estate.h"
#include "keys/keys.h"
#include "net/http.h"
#include "store/store.h"

struct alerts;
struct alerts_config {
    struct env *env;
    struct loop *loop;
    struct keys *keys;
    struct store *store;
    const char *log_dir;
};
struct err alerts_make(const struct alerts_config *config, struct alerts **out) MUST_USE;
/* alerts_record(ctx, index, leaf): a record as it is written; ${ctx} is the struct alerts. For audit_config.watch; any thread, cheap. */
void alerts_record(void *ctx, uint64_t index, struct bytes leaf);
/* alerts_start(a, audit, estate): catch up with the log, then tell. alerts_use(a, estate): from now on; takes a reference. */
void alerts_start(struct alerts *a, struct audit *audit, struct estate *estate);
void alerts_use(struct alerts *a, struct estate *estate);
/* alerts_sealed(a, id): a secret of this webhook was sealed anew; what is held of it is forgotten. */
void alerts_sealed(struct alerts *a, const char *id);
/* alerts_stop(a): end what is under way, before log and store are closed. alerts_free(a): when no record can come any more. */
void alerts_stop(struct alerts *a);
void alerts_free(struct alerts *a);

/* alerts_json(a, b): array of webhooks: what was sent, what waits, what was only counted, what went wrong last. */
void alerts_json(struct alerts *a, struct buf *b);
/*
 * alerts_test(a, id, by, done, ctx): a test message to the webhook ${id}, or to all (NULL), past every limit. ${done} comes later, unless an error
 * is returned: ${results} is a JSON array of {webhook, ok, status, ms, error}, ${ok}: all took it.
 */
typedef void alerts_tested(bool ok, struct bytes results, void *ctx);
struct err alerts_test(struct alerts *a, const char *id, const char *by, alerts_tested *done, void *ctx) MUST_USE;

/* alert_binding(id, out): what secrets of a webhook are sealed for: no destination can have this name. */
#define ALERT_BINDING_MAX 65
void alert_binding(const char *id, char out[ALERT_BINDING_MAX]);

#endif
