#include "confine/inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

/* Names that hold a credential, or lead to a process or file that gives one out. Compared without case. */
static const char *const denied_prefixes[] = {"WRIT_", "AWS_", "AZURE_", "VAULT_", "KUBERNETES_", "GPG_", "GIT_ASKPASS", "SSH_"};
static const char *const denied_parts[] = {"TOKEN",      "SECRET",  "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL",  "API_KEY", "APIKEY",
                                           "ACCESS_KEY", "PRIVATE", "_AUTH",    "BEARER", "SESSION_ID", "SESSION_KEY", "COOKIE",  "SIGNING_KEY"};
static const char *const denied_names[] = {
    "DATABASE_URL",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "KUBECONFIG",
    "NETRC",
    "PGPASSFILE",
    "PGSERVICEFILE",
    "REDIS_URL",
    "MONGODB_URI",
    "SENTRY_DSN",
    "XAUTHORITY",
    "NOTIFY_SOCKET",
    "CONTAINER_HOST",
    "BOTO_CONFIG",
    "CLOUDSDK_CONFIG",
    "NPM_CONFIG__AUTH",
    "LISTEN_FDS",
    "LISTEN_PID",
};
static const char *const denied_suffixes[] = {"_PAT", "_KEY", "_PWD", "_PASS", "_DSN", "AUTHTOKEN"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* "scheme://user:password@host": a password between the second ':' and an '@' before the path. */
static bool
has_url_password(const char *value)
{
    for (const char *at = strstr(value, "://"); at; at = strstr(at + 3, "://")) {
        size_t n = strcspn(at + 3, "/?# ");
        const char *end = memchr(at + 3, '@', n);
        if (end && memchr(at + 3, ':', (size_t)(end - at - 3)))
            return true;
    }
    return false;
}

static bool
ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n >= k && strcmp(name + n - k, suffix) == 0;
}

static bool
is_denied(const char *name)
{
    for (size_t i = 0; i < COUNT(denied_prefixes); i++)
        if (strncmp(name, denied_prefixes[i], strlen(denied_prefixes[i])) == 0)
            return true;
    for (size_t i = 0; i < COUNT(denied_parts); i++)
        if (strstr(name, denied_parts[i]))
            return true;
    for (size_t i = 0; i < COUNT(denied_names); i++)
        if (strcmp(name, denied_names[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT(denied_suffixes); i++)
        if (ends(name, denied_suffixes[i]))
            return true;
    return false;
}

bool
confine_env_keeps(const char *entry)
{
    char name[128];
    size_t n = strcspn(entry, "=");
    if (n == 0 || n >= sizeof name || entry[n] != '=')
        return false;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)toupper((unsigned char)entry[i]);
    name[n] = 0;
    return !is_denied(name) && !has_url_password(entry + n + 1);
}

/* Set ${entry} in the ${n} entries of ${list}; there is room for one more. */
static size_t
put(char **list, size_t n, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    char *at = (char *)(uintptr_t)entry; /* execve(2) takes char *const *, and changes nothing */
    for (size_t i = 0; i < n; i++)
        if (strncmp(list[i], entry, name) == 0) {
            list[i] = at;
            return n;
        }
    list[n] = at;
    return n + 1;
}

static size_t
count(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

char **
environ_build(const struct confine_plan *plan, const char *more, size_t n)
{
    size_t room = count((const char *const *)environ) + count(plan->env) + 1, used = 0;
    for (size_t i = 0; i < n; i++)
        room += more[i] == 0;
    char **list = calloc(room, sizeof *list);
    if (list == NULL)
        return NULL;
    for (char **e = environ; e && *e; e++)
        if (confine_env_keeps(*e))
            used = put(list, used, *e);
    for (const char *const *e = plan->env; e && *e; e++)
        used = put(list, used, *e);
    for (size_t i = 0; i < n; i += strlen(more + i) + 1)
        used = put(list, used, more + i);
    return list;
}
