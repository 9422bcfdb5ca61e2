/* The signer's process: made small, then answering one request after the other until its parent's end of the socket closes. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/harden.h"
#include "keys/signer.h"

#define SOCKET 3
#define SECURE_HEAP 65536 /* OpenSSL keeps private numbers here: guarded, locked, not dumped */

/* Ctrl-C and a service manager's SIGTERM reach the whole group; the parent still has its last tree head to be signed. */
static void
ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
}

static struct err
keep_only_socket(int fd)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0)
        return err_system("/dev/null cannot be opened");
    if (fd != SOCKET && dup2(fd, SOCKET) < 0)
        return err_system("the signer's socket cannot be moved");
    return harden_close_from(SOCKET + 1);
}

static struct err
make_small(int fd)
{
    TRY(harden_no_dumps());
    TRY(harden_die_with(getppid()));
    TRY(harden_no_new_privileges());
    TRY(keep_only_socket(fd));
    ignore_signals();
    umask(077);
    prctl(PR_SET_NAME, "writ-keys", 0, 0, 0);
    return err_ok();
}

/* Everything that would read a file later is called once now. */
static struct err
warm_up(void)
{
    char text[ENV_TIME_MAX];
    uint8_t digest[32];
    env_time_text(0, text); /* glibc reads /etc/localtime at the first gmtime_r */
    CRYPTO_secure_malloc_init(SECURE_HEAP, 32); /* best effort: without it keys live on the common heap */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return err_make(E_CRYPTO, "OpenSSL cannot be started");
    crypto_sha256(BYTES(""), digest);
    return err_ok();
}

static struct err
confine(int folder_fd)
{
    harden_lock_memory();
    harden_only_folder(folder_fd);
    return harden_only_syscalls();
}

static bool
send_answer(struct bytes answer)
{
    ssize_t n;
    while ((n = send(SOCKET, answer.at, answer.n, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)answer.n;
}

/* ${in} has KEYS_MESSAGE_MAX + 1 bytes, so that a message that is too long shows as such and is refused, not cut. */
static void
answer_all(struct signer *s, uint8_t *in, struct buf *out)
{
    bool going = true;
    while (going) {
        ssize_t n = recv(SOCKET, in, KEYS_MESSAGE_MAX + 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        request_answer(s, bytes_make(in, (size_t)n), out);
        bytes_wipe(in, (size_t)n);
        going = send_answer(buf_bytes(out));
        bytes_wipe(out->at, out->n);
    }
}

static int
serve(void)
{
    static struct signer s; /* not on the stack: it is large */
    s = (struct signer){.env = env_real(), .confine = confine, .folder = {.fd = -1, .lock_fd = -1}};
    uint8_t *in = mmap(NULL, 2 * (KEYS_MESSAGE_MAX + 2), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (in == MAP_FAILED)
        return 3;
    /* As large as it may become: it never moves, so no copy of a secret stays behind. */
    struct buf out = {.at = in + KEYS_MESSAGE_MAX + 2, .cap = KEYS_MESSAGE_MAX + 2, .max = KEYS_MESSAGE_MAX};
    answer_all(&s, in, &out);
    signer_close(&s);
    return 0;
}

int
keys_main(int argc, char **argv)
{
    uint64_t fd = 0;
    struct stat st;
    if (argc != 3 || !bytes_u64(bytes_str(argv[2]), &fd) || fd < SOCKET || fd > 1 << 20 || fstat((int)fd, &st) != 0 || !S_ISSOCK(st.st_mode))
        return 2; /* a person typed this: the signer is nothing without its parent's socket */
    struct err e = make_small((int)fd);
    if (!err_failed(e))
        e = warm_up();
    return err_failed(e) ? 3 : serve();
}
