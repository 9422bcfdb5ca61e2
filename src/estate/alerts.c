/*
 * alerts/NAME.yaml: where people are told of what they should know at once.
 */
#include "estate/fields.h"

#define PER_MINUTE_MAX 600
#define REPEAT_MAX ((uint64_t)24 * 3600 * 1000)
#define KINDS_DEFAULT                                                                                                                                \
    (1u << ALERT_REFUSAL | 1u << ALERT_SIGHTING | 1u << ALERT_QUARANTINE | 1u << ALERT_REVOCATION | 1u << ALERT_OBSERVE_ENDS | 1u << ALERT_SERVER)

static unsigned
read_kinds(struct loader *l, const struct yaml *y, const char **names)
{
    char hint[HINT_MAX];
    unsigned kinds = 0;
    for (const char **name = names; *name; name++) {
        unsigned kind = 0;
        struct nearest n = nearest_for(bytes_str(*name));
        while (alert_kind_names[kind] && strcmp(alert_kind_names[kind], *name) != 0)
            nearest_offer(&n, bytes_str(alert_kind_names[kind++]));
        if (alert_kind_names[kind])
            kinds |= 1u << kind;
        else
            refuse(l, y, "on", "there is no alert '%.60s'%s", *name, nearest_hint(&n, hint));
    }
    if (kinds == 0)
        refuse(l, y, "on", "names nothing; remove the file when nobody is to be told");
    return kinds;
}

/* An address in the clear is on record and in everybody's git; one that only who knows it may use is sealed. */
static void
check_address(struct loader *l, const struct yaml *top, const struct webhook *w)
{
    if (!w->url == !w->url_secret)
        refuse(l, top, NULL, "give exactly one of url and url_secret");
    const char *fault = w->url ? url_fault(bytes_str(w->url)) : NULL;
    if (fault)
        refuse(l, yaml_get(top, "url"), "url", "%s", fault);
    else if (w->url && (bytes_search(bytes_str(w->url), BYTES("hooks.slack.com/")) < strlen(w->url) || strchr(w->url, '?')))
        warn(l, yaml_get(top, "url"), "url", "who knows this address can write there; seal it (writ alert seal) and name it in url_secret");
}

static void
read_webhook(struct loader *l, const struct file *file)
{
    struct webhook_file f = {.webhook = {.kinds = KINDS_DEFAULT}};
    struct webhook *w = &f.webhook;
    const struct yaml *top = file_yaml(l, file);
    if (top == NULL)
        return;
    fields_read(l, &table_webhook, top, NULL, &f);
    w->id = file->name;
    w->place = (struct place){file->path, top->line};
    w->form = (enum alert_form)f.form;
    if (f.on)
        w->kinds = read_kinds(l, yaml_get(top, "on"), f.on);
    w->networks = read_networks(l, yaml_get(top, "networks"), "networks", f.networks, &w->n_networks);
    check_address(l, top, w);
    if (strlen(w->id) > WEBHOOK_NAME_MAX)
        refuse(l, top, NULL, "the name of this file has more than %u characters", WEBHOOK_NAME_MAX);
    if (w->sign && w->form != ALERT_JSON)
        refuse(l, yaml_get(top, "sign"), "sign", "only messages of form json are signed");
    if (w->per_minute < 1 || w->per_minute > PER_MINUTE_MAX)
        refuse(l, yaml_get(top, "per_minute"), "per_minute", "1 to %d", PER_MINUTE_MAX);
    if (w->repeat_ms > REPEAT_MAX)
        refuse(l, yaml_get(top, "repeat"), "repeat", "at most 1d");
    l->estate->webhooks[l->estate->n_webhooks++] = *w;
}

void
load_alerts(struct loader *l)
{
    size_t n;
    struct file *files = files_list(l, "alerts", ".yaml", &n);
    l->estate->webhooks = estate_list(l, n, sizeof *l->estate->webhooks);
    for (size_t i = 0; l->estate->webhooks && i < n; i++)
        read_webhook(l, &files[i]);
}

const struct webhook *
estate_webhook(const struct estate *e, const char *id)
{
    for (size_t i = 0; i < e->n_webhooks; i++)
        if (strcmp(e->webhooks[i].id, id) == 0)
            return &e->webhooks[i];
    return NULL;
}
