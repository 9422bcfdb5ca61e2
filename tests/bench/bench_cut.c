/*
 * Streams that stay open until someone cuts them: bench_cut REQUEST PORT:SECRET:COUNT… sends the bytes of the file REQUEST, with SECRET in
 * place of its first "SECRET", on COUNT connections to each loopback port, and waits. It prints "ready" once every stream has begun,
 * "last NANOSECONDS" (CLOCK_MONOTONIC) when the last one has ended, and at the end of its input "open COUNT" and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS 4096

static struct stream {
    bool begun, ended;
} streams[STREAMS];
static int fds[STREAMS], n_streams, n_begun, n_ended, poll_fd;

static void
give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void
open_stream(uint16_t port, const char *request, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (n_streams == STREAMS || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) || write(fd, request, n) != (ssize_t)n)
        give_up("a stream cannot be opened");
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)n_streams};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e))
        give_up("epoll_ctl");
    fds[n_streams++] = fd;
}

static void
open_streams(const char *request, char *where)
{
    char text[8192];
    const char *port = strtok(where, ":"), *secret = strtok(NULL, ":"), *count = strtok(NULL, ":");
    const char *gap = strstr(request, "SECRET");
    if (port == NULL || secret == NULL || count == NULL || gap == NULL)
        give_up("PORT:SECRET:COUNT, and a request that holds SECRET");
    int n = snprintf(text, sizeof text, "%.*s%s%s", (int)(gap - request), request, secret, gap + 6);
    for (long i = strtol(count, NULL, 10); i > 0; i--)
        open_stream((uint16_t)strtol(port, NULL, 10), text, (size_t)n);
}

static void
readable(unsigned i)
{
    char buffer[65536];
    struct timespec t;
    ssize_t n = read(fds[i], buffer, sizeof buffer);
    if (n > 0 && !(streams[i].begun && n >= 5 && memcmp(buffer + n - 5, "0\r\n\r\n", 5) == 0)) { /* the last chunk ends it, too */
        if (!streams[i].begun && memmem(buffer, (size_t)n, "data: ", 6)) {
            streams[i].begun = true;
            if (++n_begun == n_streams)
                printf("ready\n");
        } else if (!streams[i].begun && memmem(buffer, (size_t)n, "\"error\"", 7)) {
            fprintf(stderr, "%.*s\n", (int)n, buffer);
            exit(1);
        }
        return;
    }
    streams[i].ended = true;
    close(fds[i]);
    if (++n_ended == n_streams) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        printf("last %lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    }
}

int
main(int argc, char **argv)
{
    static char request[4096];
    FILE *f = argc > 2 ? fopen(argv[1], "r") : NULL;
    if (f == NULL || fread(request, 1, sizeof request - 1, f) == 0)
        give_up("usage: bench_cut REQUEST PORT:SECRET:COUNT…");
    fclose(f);
    setvbuf(stdout, NULL, _IOLBF, 0);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event input = {.events = EPOLLIN, .data.u32 = STREAMS}, got[256];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    for (int i = 2; i < argc; i++)
        open_streams(request, argv[i]);
    for (;;) {
        int n = epoll_wait(poll_fd, got, 256, -1);
        for (int i = 0; i < n; i++) {
            if (got[i].data.u32 == STREAMS) {
                printf("open %d\n", n_streams - n_ended);
                return 0;
            }
            readable(got[i].data.u32);
        }
        if (n < 0 && errno != EINTR)
            give_up("epoll_wait");
    }
}
