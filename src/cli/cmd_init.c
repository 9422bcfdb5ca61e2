#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

#include "estate/estate.h"

static void
say_written(struct buf *b, const char *dir, bool colour)
{
    output_tone(b, colour, TONE_GOOD, "written: ");
    output_clean(b, bytes_str(dir), false);
    buf_puts(b, "\n  writ.yaml, people.yaml, and one file each below agents/, destinations/, pins/, policies/ and tasks/\n"
                "Each file says what its lines mean. Change what is not yours, then\n\n  writ check ");
    output_clean(b, bytes_str(dir), false);
    buf_puts(b, "\n  writ serve ");
    output_clean(b, bytes_str(dir), false);
    buf_putc(b, '\n');
}

struct err
cmd_init(struct cli *c)
{
    struct init_options o = {
        .state_dir = given(c, "state-dir"), .run_dir = given(c, "run-dir"), .owner_name = given(c, "owner"), .owner_uid = (int)getuid(),
        .files_root = given(c, "files-root"), .node = given(c, "node"), .server_js = given(c, "server-js"),
        .reader_user = given(c, "reader-user"), .bot_user = given(c, "bot-user"),
    };
    TRY(estate_init(c->words[0], &o));
    char *whole = realpath(c->words[0], NULL);
    const char *dir = whole ? arena_str(&c->arena, bytes_str(whole)) : c->words[0];
    free(whole);
    struct buf b = buf_make(65536);
    if (c->json) {
        json_open(&b, '{');
        json_member_str(&b, "written", dir);
        json_close(&b, '}');
        buf_putc(&b, '\n');
    } else {
        say_written(&b, dir, output_colour(STDOUT_FILENO));
    }
    return output_send(c, &b);
}
