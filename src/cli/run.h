/* Inside of `writ run`: the plan of the walls, and the connection that keeps the writ alive. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"
#include "confine/confine.h"
#include "keys/own_token.h"


/* run_plan.c */
struct run_plan {
    struct confine_plan plan;
    bool full, walls; /* --confine full; anything but none */
    char folder[64];  /* of the client configuration; "" before it is made */
    int lock;         /* on that folder */
};
/* run_plan_make(c, p): from the command line and the estate. Makes the folder for the client configuration. */
struct err run_plan_make(struct cli *c, struct run_plan *p) MUST_USE;
/* run_confined(level): is the endpoint its only way out (law 11)? */
bool run_confined(const struct confine_level *level);

/* run_folder.c */
struct err run_folder_make(struct env *env, struct run_plan *p) MUST_USE;
/* run_config_write(p, port, secret, destinations): MCP client configurations, readable by the agent's user only: mcp.json, all.json. */
struct err run_config_write(const struct run_plan *p, uint16_t port, const char *secret, const struct json *destinations) MUST_USE;
/* run_folder_remove(p): the folder and what is in it. */
void run_folder_remove(struct run_plan *p);

/* run_link.c: run.sock (docs/protocol/local.md) */
struct run_link {
    int fd; /* -1: not connected */
    const char *path;
    const struct confine_level *level;
    struct confine_child *child;
    char secret[OWN_TOKEN_BYTES + 1];
    char writ[64], agent[80], task[80], proof[64];
    const struct json *destinations;
};
/* run_link_open(c, link): open the writ. ${wake}: a descriptor that ends the wait (E_STATE). */
struct err run_link_open(struct cli *c, struct run_link *link, int wake) MUST_USE;
/* run_link_resume(c, link): after the server was away. E_CONNECT, E_CLOSED, E_TIMEOUT: not there yet; others are final. */
struct err run_link_resume(struct cli *c, struct run_link *link, int wake) MUST_USE;
/* run_link_hear(link, state, why): what the server said about the writ; false when it only went away. Sizes 32 and 256. */
bool run_link_hear(struct run_link *link, char state[32], char why[256]);
/* run_link_done(c, link, status): the agent has ended; returns when the server has closed the writ, or after 3 s. */
void run_link_done(struct cli *c, struct run_link *link, int status);

#endif
