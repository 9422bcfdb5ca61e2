/* The way of one invocation: the table's row, its options, its function, and what is said when that fails. */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "keys/keys.h"

/* Commands that the server starts itself; they take no options and need no help. */
static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} hidden[] = {
    {"keys", keys_main},
    {"server", cmd_server},
};

void
cli_say_error(const struct cli *c, const struct err *e)
{
    struct buf b = buf_make(65536);
    if (c->json) {
        json_open(&b, '{');
        json_key(&b, "error");
        json_open(&b, '{');
        json_member_str(&b, "code", err_name(e->code));
        json_member_str(&b, "detail", e->text);
        json_close(&b, '}');
        json_close(&b, '}');
    } else {
        output_tone(&b, output_colour(STDERR_FILENO), TONE_BAD, "writ: ");
        output_clean(&b, bytes_str(e->text), true);
    }
    buf_putc(&b, '\n');
    fputs(buf_text(&b), stderr);
    buf_free(&b);
}

static struct err
show_help(struct cli *c)
{
    struct buf b = buf_make(OUTPUT_MAX);
    if (c->command)
        help_command(&b, c->command, output_width(STDOUT_FILENO), output_colour(STDOUT_FILENO));
    else
        help_overview(&b, output_width(STDOUT_FILENO), output_colour(STDOUT_FILENO));
    return output_send(c, &b);
}

static struct err
invoke(struct cli *c, int argc, char **argv)
{
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
        return show_help(c);
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(c);
    if (argv[1][0] == '-')
        return err_make(E_USAGE, "a command comes first: writ COMMAND [OPTION]… (`writ help` lists all)");
    TRY(options_parse(c, argc, argv));
    return c->help ? show_help(c) : c->command->run(c);
}

/* A standard stream that is closed would be taken by the next file that is opened, and be written to. */
static bool
open_standard(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

int
cli_main(int argc, char **argv)
{
    struct cli c = {.env = env_real(), .arena = {.max = (size_t)1 << 30}};
    for (size_t i = 0; argc > 1 && i < sizeof hidden / sizeof *hidden; i++)
        if (strcmp(argv[1], hidden[i].name) == 0)
            return hidden[i].main(argc, argv);
    if (!open_standard())
        return 3;
    signal(SIGPIPE, SIG_IGN); /* a reader that left shows as an error of writing */
    if (argc < 2) {
        struct buf b = buf_make(OUTPUT_MAX);
        help_overview(&b, output_width(STDERR_FILENO), output_colour(STDERR_FILENO));
        fputs(buf_text(&b), stderr);
        buf_free(&b);
        return err_exit_code(E_USAGE);
    }
    struct err e = invoke(&c, argc, argv);
    if (err_failed(e))
        cli_say_error(&c, &e);
    int status = err_failed(e) ? err_exit_code(e.code) : c.status;
    arena_free(&c.arena);
    return status;
}
