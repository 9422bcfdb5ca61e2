#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct net_tls {
    SSL_CTX *context;
    bool server;
};

struct tls_session {
    SSL *ssl;
    BIO *in, *out; /* owned by ${ssl} */
    bool client;
    char host[256];
};

/* What OpenSSL has to say about the last failure; empties its queue. */
static const char *
openssl_text(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

/* RFC 7301: the peer must offer http/1.1 if it offers anything; otherwise the handshake ends with no_application_protocol. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned int in_n, void *arg)
{
    (void)ssl, (void)arg;
    for (unsigned int i = 0; i < in_n && in[i] < in_n - i; i += in[i] + 1u)
        if (in[i] == 8 && memcmp(in + i + 1, "http/1.1", 8) == 0) {
            *out = in + i + 1;
            *n = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static struct err
tls_make(bool server, struct net_tls **out)
{
    struct net_tls *t = calloc(1, sizeof *t);
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (t == NULL || context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION)) {
        SSL_CTX_free(context);
        free(t);
        return err_make(E_TLS, "making a TLS context: %s", openssl_text());
    }
    /* Early data could be replayed by anyone (RFC 8446 §8), so none is taken. */
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    t->context = context;
    t->server = server;
    *out = t;
    return err_ok();
}

static struct err
load_key(SSL_CTX *context, const char *chain_file, const char *key_file)
{
    if (SSL_CTX_use_certificate_chain_file(context, chain_file) != 1)
        return err_make(E_TLS, "reading the certificate chain %s: %s", chain_file, openssl_text());
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return err_make(E_TLS, "reading the private key %s: %s", key_file, openssl_text());
    if (SSL_CTX_check_private_key(context) != 1)
        return err_make(E_TLS, "the key %s does not belong to the first certificate of %s", key_file, chain_file);
    return err_ok();
}

struct err
net_tls_server(const char *chain_file, const char *key_file, struct net_tls **out)
{
    struct net_tls *t;
    TRY(tls_make(true, &t));
    struct err e = load_key(t->context, chain_file, key_file);
    if (err_failed(e)) {
        net_tls_free(t);
        return e;
    }
    SSL_CTX_set_alpn_select_cb(t->context, choose_protocol, NULL);
    static const unsigned char id[] = "writ";
    SSL_CTX_set_session_id_context(t->context, id, sizeof id - 1);
    *out = t;
    return err_ok();
}

struct err
net_tls_client(const char *ca_file, struct net_tls **out)
{
    struct net_tls *t;
    TRY(tls_make(false, &t));
    int ok = ca_file ? SSL_CTX_load_verify_locations(t->context, ca_file, NULL) : SSL_CTX_set_default_verify_paths(t->context);
    if (ok != 1) {
        struct err e = err_make(E_TLS, "reading the trusted certificates %s: %s", ca_file ? ca_file : "of the system", openssl_text());
        net_tls_free(t);
        return e;
    }
    SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_protos(t->context, (const unsigned char *)"\x08http/1.1", 9); /* 0 is success here */
    *out = t;
    return err_ok();
}

struct err
net_tls_trust_system(struct net_tls *t)
{
    if (SSL_CTX_set_default_verify_paths(t->context) != 1)
        return err_make(E_TLS, "reading the trusted certificates of the system: %s", openssl_text());
    return err_ok();
}

struct err
net_tls_client_certificate(struct net_tls *t, const char *chain_file, const char *key_file)
{
    return load_key(t->context, chain_file, key_file);
}

void
net_tls_free(struct net_tls *t)
{
    if (t == NULL)
        return; /* Behave consistently with free(NULL). */
    SSL_CTX_free(t->context);
    free(t);
}

static bool
is_address(const char *host)
{
    struct in6_addr a;
    return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

/* RFC 9110 §4.3.4: the certificate must name whom we meant to reach; SNI carries names only (RFC 6066 §3). */
static bool
expect_host(SSL *ssl, char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct err
tls_open(struct net_tls *t, const char *host, struct tls_session **out)
{
    if (t->server == (host != NULL))
        return err_make(E_TLS, "a TLS context was made for the other side of a connection");
    struct tls_session *s = calloc(1, sizeof *s);
    SSL *ssl = SSL_new(t->context);
    BIO *in = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
    if (s && host)
        memccpy(s->host, host, 0, sizeof s->host - 1);
    if (s == NULL || ssl == NULL || in == NULL || to == NULL || (host && !expect_host(ssl, s->host))) {
        BIO_free(in);
        BIO_free(to);
        SSL_free(ssl);
        free(s);
        return err_make(E_TLS, "making a TLS session%s%s: %s", host ? " for " : "", host ? host : "", openssl_text());
    }
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, to);
    if (host)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    s->ssl = ssl;
    s->in = in;
    s->out = to;
    s->client = host != NULL;
    *out = s;
    return err_ok();
}

void
tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return; /* Behave consistently with free(NULL). */
    SSL_free(s->ssl);
    free(s);
}

bool
tls_arrived(struct tls_session *s, struct bytes sealed)
{
    return BIO_write(s->in, sealed.at, (int)sealed.n) == (int)sealed.n;
}

static struct err
shake_error(struct tls_session *s)
{
    const char *reason = openssl_text();
    if (!s->client)
        return err_make(E_TLS, "the TLS handshake failed: %s", reason);
    long verify = SSL_get_verify_result(s->ssl);
    if (verify != X509_V_OK)
        return err_make(E_TLS, "the certificate of %s is not acceptable: %s", s->host, X509_verify_cert_error_string(verify));
    return err_make(E_TLS, "the TLS handshake with %s failed: %s", s->host, reason);
}

enum tls_step
tls_shake(struct tls_session *s, struct err *why)
{
    ERR_clear_error();
    int done = SSL_do_handshake(s->ssl);
    if (done == 1)
        return TLS_DONE;
    if (SSL_get_error(s->ssl, done) == SSL_ERROR_WANT_READ)
        return TLS_MORE;
    *why = shake_error(s);
    return TLS_FAILED;
}

enum tls_step
tls_read(struct tls_session *s, void *at, size_t *n, struct err *why)
{
    ERR_clear_error();
    size_t room = *n;
    *n = 0;
    int ok = SSL_read_ex(s->ssl, at, room, n);
    if (ok == 1)
        return TLS_DONE;
    switch (SSL_get_error(s->ssl, ok)) {
    case SSL_ERROR_WANT_READ:
        return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        *why = err_make(E_TLS, "the TLS connection broke: %s", openssl_text());
        return TLS_FAILED;
    }
}

bool
tls_pending(struct tls_session *s)
{
    return SSL_has_pending(s->ssl) || BIO_ctrl_pending(s->in) > 0;
}

bool
tls_seal(struct tls_session *s, struct bytes plain)
{
    ERR_clear_error();
    size_t n;
    return plain.n == 0 || (SSL_write_ex(s->ssl, plain.at, plain.n, &n) == 1 && n == plain.n);
}

void
tls_goodbye(struct tls_session *s)
{
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
}

struct bytes
tls_sealed(struct tls_session *s)
{
    char *at;
    long n = BIO_get_mem_data(s->out, &at);
    return bytes_make(at, n > 0 ? (size_t)n : 0);
}

void
tls_sent(struct tls_session *s)
{
    (void)BIO_reset(s->out);
}
