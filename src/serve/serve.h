/* The daemon: wires the rooms together, serves the local sockets, reloads the estate. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/err.h"

struct serve_options {
    const char *estate_dir;
    bool quiet;       /* say nothing on stderr but errors */
    const char *self; /* path of this executable */
};

/* serve_main(o): run until SIGTERM or SIGINT. Returns the exit code; errors at start are said on stderr. */
int serve_main(const struct serve_options *o);

#endif
