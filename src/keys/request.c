#include "keys/request.h"

#include "keys/signer.h"
#include "keys/wire.h"

const struct request request_table[KEYS_TABLE_SIZE] = {
#define R(name, number, flags, minute, handler, ...) [number] = {number, flags, minute, #name, handler, {__VA_ARGS__}},
    KEYS_REQUESTS(R)
#undef R
};

static struct err
read_fields(struct wire *w, const struct request *row, struct bytes field[KEYS_FIELDS_MAX])
{
    for (int i = 0; i < KEYS_FIELDS_MAX; i++) {
        field[i] = (struct bytes){NULL, 0};
        if (row->field[i].most == 0)
            continue;
        field[i] = wire_take(w);
        if (w->bad || field[i].n < row->field[i].least || field[i].n > row->field[i].most)
            return err_make(E_KEYS, "the signer refused %s: field %d must have %u to %u bytes", row->name, i + 1, row->field[i].least,
                            row->field[i].most);
    }
    return wire_end(w) ? err_ok() : err_make(E_KEYS, "the signer refused %s: something stands behind its fields", row->name);
}

struct err
request_read(struct bytes message, const struct request **row, struct bytes field[KEYS_FIELDS_MAX])
{
    if (message.n > KEYS_MESSAGE_MAX)
        return err_make(E_KEYS, "the signer refused a request of more than %d bytes", KEYS_MESSAGE_MAX);
    if (message.n < KEYS_HEAD)
        return err_make(E_KEYS, "the signer refused a request that is cut short");
    uint8_t number = message.at[KEYS_HEAD - 1];
    if (number >= KEYS_TABLE_SIZE || request_table[number].number == 0)
        return err_make(E_KEYS, "the signer knows no request %d", number);
    *row = &request_table[number];
    struct wire w = {bytes_sub(message, KEYS_HEAD, message.n), false};
    return read_fields(&w, *row, field);
}

static struct err
permit(struct signer *s, const struct request *row)
{
    bool first = row->flags & KEYS_FIRST;
    if (first && s->asked_to_open)
        return err_make(E_KEYS, "the signer refused %s: it is permitted once", row->name);
    if (!first && !s->is_open)
        return err_make(E_KEYS, "the signer refused %s: the key folder is not open", row->name);
    if (row->per_minute && !rate_take(&s->rate[row->number], row->per_minute, s->env->mono_ns(s->env)))
        return err_make(E_BUSY, "more than %u of %s a minute; try again later", row->per_minute, row->name);
    return err_ok();
}

static struct err
run(struct signer *s, struct bytes message, struct buf *answer)
{
    const struct request *row = NULL;
    struct bytes field[KEYS_FIELDS_MAX];
    TRY(request_read(message, &row, field));
    TRY(permit(s, row));
    TRY(row->handle(s, field, answer));
    return answer->failed ? err_make(E_LIMIT, "the answer to %s is too large", row->name) : err_ok();
}

void
request_answer(struct signer *s, struct bytes message, struct buf *answer)
{
    uint8_t head[KEYS_HEAD] = {0};
    if (message.n)
        memcpy(head, message.at, message.n < 4 ? message.n : 4);
    answer->n = 0;
    answer->failed = false;
    buf_put(answer, bytes_make(head, sizeof head));
    struct err e = run(s, message, answer);
    if (!err_failed(e))
        return;
    bytes_wipe(answer->at, answer->n);
    answer->n = 0;
    answer->failed = false;
    head[KEYS_HEAD - 1] = (uint8_t)e.code;
    buf_put(answer, bytes_make(head, sizeof head));
    wire_put(answer, bytes_str(e.text));
}
