/* destination seal, secrets, forget. A value is never an argument: those are seen by everyone on this host. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX 65536u

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* Until the end of the input, or of the line. */
static struct err
read_value(struct buf *b, bool line)
{
    for (;;) {
        ssize_t n = b->n < b->max ? read(STDIN_FILENO, b->at + b->n, line ? 1 : b->max - b->n) : 0;
        if (b->n == b->max)
            return err_make(E_LIMIT, "a secret has at most %u bytes", SECRET_MAX);
        if (n < 0 && (errno != EINTR || interrupted))
            return interrupted ? err_make(E_STATE, "nothing was sealed") : err_system("reading the secret from standard input");
        if (n == 0 || (n > 0 && line && b->at[b->n] == '\n'))
            return err_ok();
        if (n > 0)
            b->n += (size_t)n;
    }
}

/* Typed without being shown; the terminal is put right again also when the person gives up with Ctrl-C. */
static struct err
read_hidden(struct buf *b, const char *prompt)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction before[4], mine = {.sa_handler = on_signal};
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return err_system("the terminal");
    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], &mine, &before[i]);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    struct err e = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0 ? err_system("the terminal") : read_value(b, true);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    for (size_t i = 0; i < 4; i++)
        sigaction(signals[i], &before[i], NULL);
    return e;
}

static struct err
take_value(struct buf *b, const char *prompt)
{
    bool terminal = isatty(STDIN_FILENO);
    size_t before = b->n;
    TRY(terminal ? read_hidden(b, prompt) : read_value(b, false));
    if (!terminal && b->n && b->at[b->n - 1] == '\n') {
        b->n--; /* as echo and editors leave it */
        b->n -= b->n && b->at[b->n - 1] == '\r';
    }
    if (b->n == before)
        return err_make(E_USAGE, "the secret is empty; give it on standard input");
    if (!bytes_utf8(buf_bytes(b)) || memchr(b->at, 0, b->n))
        return err_make(E_USAGE, "the secret must be text in UTF-8; encode other bytes, in base64 for example");
    return err_ok();
}

/* At its full size from the start, so that no copy of the secret stays behind; an escape takes six bytes at most. */
static struct err
post(struct cli *c, const char *owner, struct bytes value, struct json **answer)
{
    size_t room = 6 * value.n + 1024;
    struct buf body = buf_make(room);
    if (buf_room(&body, room) == NULL)
        return err_make(E_MEMORY, "out of memory");
    json_open(&body, '{');
    json_member_str(&body, "name", c->words[1]);
    json_member_str(&body, owner, c->words[0]);
    json_member_text(&body, "value", value);
    json_close(&body, '}');
    struct api_request q = {
        .face = strcmp(owner, "webhook") == 0 ? FACE_ADMIN : FACE_EITHER, .method = "POST", .target = "/v1/secrets", .body = buf_bytes(&body)};
    struct err e = body.failed ? err_make(E_LIMIT, "the secret is too long") : api_call(c, &q, answer);
    bytes_wipe(body.at, body.cap);
    buf_free(&body);
    return e;
}

static struct err
say(struct cli *c, const struct json *answer, const char *what, const char *name)
{
    struct buf b = buf_make(65536);
    if (c->json)
        answer_put(&b, answer);
    else
        buf_printf(&b, "%s %s\n", what, name);
    return output_send(c, &b);
}

/* A private key is sealed behind lines that each name an issuer it may be used at (keys.h). */
static struct err
put_audiences(struct cli *c, struct buf *value)
{
    const char **list = given_list(c, "audience");
    bool key = bytes_ends(bytes_str(c->words[1]), BYTES(".key"));
    if (list == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (key != (list[0] != NULL))
        return err_make(E_USAGE,
                        key ? "a private key is sealed for an issuer; give --audience https://…" : "--audience is for keys, whose names end in .key");
    for (; *list; list++)
        buf_printf(value, "%s\n", *list);
    return value->failed ? err_make(E_LIMIT, "too much for one secret") : err_ok();
}

static struct err
seal(struct cli *c, const char *owner, bool audiences)
{
    struct buf value = buf_make(SECRET_MAX + 1);
    struct json *answer = NULL;
    TRY(api_id(owner, c->words[0]));
    TRY(api_id("name of a secret", c->words[1]));
    const char *prompt = arena_printf(&c->arena, "value of %s (not shown): ", c->words[1]);
    if (prompt == NULL || buf_room(&value, SECRET_MAX + 1) == NULL)
        return err_make(E_MEMORY, "out of memory");
    struct err e = audiences ? put_audiences(c, &value) : err_ok();
    if (!err_failed(e))
        e = take_value(&value, prompt);
    if (!err_failed(e))
        e = post(c, owner, buf_bytes(&value), &answer);
    bytes_wipe(value.at, value.cap);
    buf_free(&value);
    TRY(e);
    return say(c, answer, "sealed", c->words[1]);
}

struct err
cmd_seal(struct cli *c)
{
    return seal(c, "destination", true);
}

struct err
cmd_alert_seal(struct cli *c)
{
    return seal(c, "webhook", false);
}

struct err
cmd_secrets(struct cli *c)
{
    static const char *const head[] = {"SECRET", "DESTINATION", "SEALED (UTC)", "RELEASES"};
    struct grid g = grid_make(&c->arena, 4);
    struct json *answer;
    struct buf b = buf_make(OUTPUT_MAX);
    char releases[24];
    TRY(api_get(c, FACE_EITHER, "/v1/secrets", &answer));
    const struct json *list = json_get(answer, "secrets");
    if (c->json) {
        answer_put(&b, answer);
        return output_send(c, &b);
    }
    grid_head(&g, head);
    for (const struct json *s = list ? list->child : NULL; s; s = s->next) {
        snprintf(releases, sizeof releases, "%lld", (long long)json_whole(s, "releases"));
        grid_add(&g, json_text(s, "name"));
        grid_add(&g, json_text(s, "destination"));
        grid_add(&g, bytes_sub(json_text(s, "sealed_at"), 0, 19));
        grid_add(&g, bytes_str(releases));
    }
    if (list && list->count)
        grid_put(&g, &b, output_colour(STDOUT_FILENO));
    else
        buf_puts(&b, "no secret is sealed\n");
    return output_send(c, &b);
}

struct err
cmd_forget(struct cli *c)
{
    struct json *answer;
    TRY(api_id("name of a secret", c->words[0]));
    struct api_request q = {.method = "DELETE", .target = arena_printf(&c->arena, "/v1/secrets/%s", c->words[0])};
    if (q.target == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(api_call(c, &q, &answer));
    return say(c, answer, "forgotten:", c->words[0]);
}
