#include "cli/cli.h"

#include <limits.h>
#include <unistd.h>

#include "serve/serve.h"

struct err
cmd_serve(struct cli *c)
{
    char self[PATH_MAX];
    const char *dir;
    TRY(where_estate(c, c->words[0], &dir));
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return err_system("the path of this program (/proc must be mounted)");
    self[n] = 0;
    struct serve_options o = {.estate_dir = dir, .quiet = given(c, "quiet") != NULL, .self = self};
    c->status = serve_main(&o);
    return err_ok();
}
