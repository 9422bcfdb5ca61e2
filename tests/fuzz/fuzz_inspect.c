/*
 * Any JSON, looked at by the built-in rules and a few classes: what is redacted is JSON again, and looked at once more it holds nothing that was to
 * be redacted. The first byte chooses the direction and whether earlier texts are kept.
 */
#include <stdlib.h>

#include "inspect/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct inspect *in;
static struct inspect_room *room;
static struct sealed *sealed;

static void
note(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    (void)file, (void)line, (void)text, (void)ctx;
    if (level == FINDING_ERROR)
        abort();
}

static void
start(void)
{
    static const char *words[] = {"blue bird", NULL};
    static struct data_class classes[] = {{.id = "iban", .kind = CLASS_IBAN, .act = {FOUND_REDACT, FOUND_REDACT, SENS_INTERNAL}},
                                          {.id = "card", .kind = CLASS_CARD, .act = {FOUND_NOTE, FOUND_REDACT, SENS_INTERNAL}},
                                          {.id = "email", .kind = CLASS_EMAIL, .act = {FOUND_NOTE, FOUND_NOTE, SENS_INTERNAL}},
                                          {.id = "words", .kind = CLASS_WORDS, .words = words, .act = {FOUND_REFUSE, FOUND_REDACT, SENS_INTERNAL}}};
    struct inspection_settings s = {.builtin_rules = true,
                                    .secrets = {FOUND_REFUSE, FOUND_REDACT, SENS_RESTRICTED},
                                    .beyond = FOUND_REFUSE,
                                    .max_bytes = 1 << 20,
                                    .classes = classes,
                                    .n_classes = 4,
                                    .place = {"f", 1}};
    room = inspect_room_make();
    sealed = sealed_make();
    if (room == NULL || sealed == NULL || !sealed_add(sealed, "key", BYTES("s3aled/\"v+\" x")) || err_failed(inspect_make(&s, NULL, note, NULL, &in)))
        abort();
}

static void
check(const struct inspection *o)
{
    if (o->n > SIGHTINGS_MAX || o->n > o->total || (o->changed && (o->action != FOUND_REDACT || o->text.n == 0)) || (o->incomplete && o->why[0] == 0))
        abort();
    for (size_t i = 0; i < o->n; i++)
        if (strlen(o->list[i].place) >= PLACE_MAX || !bytes_utf8(bytes_str(o->list[i].place)) || o->list[i].action > o->action)
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct json *v, *again;
    struct inspection o, second;
    if (in == NULL)
        start();
    if (size < 2)
        return 0;
    struct inspect_ask ask = {.way = data[0] & 1 ? INSPECT_ARGUMENTS : INSPECT_RESULTS, .sealed = sealed, .redact = data[0] & 2};
    struct inspect_carry *carry = data[0] & 4 ? inspect_carry_make() : NULL;
    ask.carry = carry;
    if (!err_failed(json_parse(&a, bytes_make(data + 1, size - 1), NULL, &v))) {
        inspect_json(in, room, &ask, v, &a, &o);
        check(&o);
        if (o.changed) {
            if (err_failed(json_parse(&a, o.text, NULL, &again)) ||
                !json_is(again, v->type == JSON_INT || v->type == JSON_NUMBER ? JSON_STRING : v->type))
                abort();
            ask.carry = NULL;
            inspect_json(in, room, &ask, again, &a, &second);
            check(&second);
        }
        if (carry) {
            ask.carry = carry;
            inspect_json(in, room, &ask, v, &a, &second);
            check(&second);
        }
    }
    inspect_carry_free(carry);
    arena_free(&a);
    return 0;
}
