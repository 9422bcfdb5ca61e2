/* limits: of a destination, a tool, an agent, a task. What they mean is in docs/limits.md; src/limits counts. */
#include "estate/fields.h"

static void
within(struct loader *l, const struct yaml *y, const char *path, const char *key, uint64_t value, uint64_t least, uint64_t most)
{
    if (yaml_get(y, key) && (value < least || value > most))
        refuse(l, yaml_get(y, key), join(l, path, bytes_str(key)), "must be %llu to %llu", (unsigned long long)least, (unsigned long long)most);
}

static void
check_use(struct loader *l, const struct yaml *y, const char *path, struct use_limits *u)
{
    u->place = (struct place){l->file, y->line ? y->line : 1};
    within(l, y, path, "burst", u->burst, 1, 1000000);
    within(l, y, path, "concurrency", u->concurrency, 1, 1024);
    within(l, y, path, "queue", u->queue, 0, 1024);
    if (yaml_get(y, "burst") && u->rate.count == 0)
        refuse(l, yaml_get(y, "burst"), join(l, path, BYTES("burst")), "needs rate: a burst of what?");
    if (yaml_get(y, "queue") && u->concurrency == 0)
        refuse(l, yaml_get(y, "queue"), join(l, path, BYTES("queue")), "needs concurrency: what would they wait for?");
    if (u->concurrency == 0)
        u->queue = 0;
}

void
limits_of_destination(struct loader *l, const struct yaml *top, const struct yaml *y, struct destination *d)
{
    struct yaml empty = {.type = YAML_MAP, .line = top->line, .column = top->column};
    struct limits_file f = {0};
    y = y ? y : &empty;
    fields_read(l, &table_limits, y, "limits", &f);
    check_use(l, y, "limits", &f.use);
    within(l, y, "limits", "repeats", f.repeats, 0, 10000);
    within(l, y, "limits", "repeated_writes", f.repeated_writes, 0, 10000);
    within(l, y, "limits", "repeat_window", f.repeat_ms, 1000, 3600000);
    if (f.repeat_ms < 1000 || f.repeat_ms > 3600000)
        f.repeat_ms = 60000;
    d->call_timeout_ms = f.call_timeout_ms;
    d->result_bytes = f.result_bytes;
    d->limits = f.use;
    d->repeats = f.repeats;
    d->repeated_writes = f.repeated_writes;
    d->repeat_ms = f.repeat_ms;
}

void
limits_of_tool(struct loader *l, const struct yaml *y, const char *path, struct tool *t)
{
    const struct destination *d = t->destination;
    struct limits_file f = {0};
    fields_read(l, &table_tool_limits, y, path, &f);
    check_use(l, y, path, &f.use);
    within(l, y, path, "repeats", f.repeats, 0, 10000);
    if (f.result_bytes > d->result_bytes)
        refuse(l, yaml_get(y, "result_bytes"), join(l, path, BYTES("result_bytes")), "is more than the destination's (%llu); raise that, too",
               (unsigned long long)d->result_bytes);
    t->limits = f.use;
    t->has_repeats = yaml_get(y, "repeats") != NULL;
    t->repeats = f.repeats;
    t->call_timeout_ms = f.call_timeout_ms;
    t->result_bytes = f.result_bytes;
}

void
limits_of_use(struct loader *l, const struct yaml *y, struct use_limits *to)
{
    if (y == NULL)
        return;
    fields_read(l, &table_use_limits, y, "limits", to);
    check_use(l, y, "limits", to);
}
