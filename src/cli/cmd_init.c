#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

#include "estate/estate.h"

static void
put_line(struct buf *b, const char *before, const char *path, const char *after)
{
    buf_puts(b, before);
    output_clean(b, bytes_str(path), false);
    buf_puts(b, after);
}

static void
say_written(struct buf *b, const char *dir, const char *state, bool colour)
{
    output_tone(b, colour, TONE_GOOD, "written: ");
    put_line(b, "", dir, "\n  writ.yaml, people.yaml, and one file each below agents/, destinations/, pins/, policies/ and tasks/\n");
    buf_puts(b, "Each file says what its lines mean; change what is not yours. The server encrypts its state with a key that you make once:\n\n");
    put_line(b, "  (umask 077; mkdir -p ", state, "; ");
    put_line(b, "head -c 32 /dev/urandom > ", state, "/master.key)\n\nThen\n\n");
    put_line(b, "  writ check ", dir, "\n");
    put_line(b, "  writ serve ", dir, "\n");
}

struct err
cmd_init(struct cli *c)
{
    struct init_options o = {
        .state_dir = given(c, "state-dir"),
        .run_dir = given(c, "run-dir"),
        .owner_name = given(c, "owner"),
        .owner_uid = (int)getuid(),
        .files_root = given(c, "files-root"),
        .node = given(c, "node"),
        .server_js = given(c, "server-js"),
        .reader_user = given(c, "reader-user"),
        .bot_user = given(c, "bot-user"),
    };
    TRY(estate_init(c->words[0], &o));
    char *whole = realpath(c->words[0], NULL);
    const char *dir = whole ? arena_str(&c->arena, bytes_str(whole)) : c->words[0];
    free(whole);
    struct buf b = buf_make(65536);
    const char *state;
    TRY(where_setting(c, dir, "state_dir", &state));
    if (c->json) {
        json_open(&b, '{');
        json_member_str(&b, "written", dir);
        json_member_str(&b, "state_dir", state);
        json_close(&b, '}');
        buf_putc(&b, '\n');
    } else {
        say_written(&b, dir, state, output_colour(STDOUT_FILENO));
    }
    return output_send(c, &b);
}
