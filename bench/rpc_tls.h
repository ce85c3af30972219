/* The load's TLS, as a client: what takes the place of read(2) and write(2) on a connection that has one.
 *
 * One suite (TLS_AES_128_GCM_SHA256) and one group (X25519) are offered, so that no server chooses cheaper ones than
 * another. Nobody's certificate is verified. A handshake is a full one unless `tls_setup` was told to resume: then a
 * connection offers the newest session that it has had itself.
 *
 * As of their models, a call that cannot go on says EAGAIN. What it then waits for is input, the peer's part of the
 * handshake included, unless `tls_wants_room`. */
#ifndef RPC_TLS_H
#define RPC_TLS_H
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

struct tls;

#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#define TLS_ERROR 128 /* of the first failure's text */

struct tls { SSL *ssl; SSL_SESSION *session; };
static SSL_CTX *tls_ctx;
static const char *tls_name;  /* asked for (SNI); NULL: no name */
static int tls_resume;
static char tls_error[TLS_ERROR];

static int tls_setup(const char *name, int resume, int old) { /* of all connections; `old`: TLS 1.2 */
  int version = old ? TLS1_2_VERSION : TLS1_3_VERSION;
  tls_name = name;
  tls_resume = resume;
  tls_ctx = SSL_CTX_new(TLS_client_method());
  if (!tls_ctx || !SSL_CTX_set_min_proto_version(tls_ctx, version) || !SSL_CTX_set_max_proto_version(tls_ctx, version)
      || !SSL_CTX_set_ciphersuites(tls_ctx, "TLS_AES_128_GCM_SHA256")
      || !SSL_CTX_set_cipher_list(tls_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
      || !SSL_CTX_set1_groups_list(tls_ctx, "X25519")) {
    fprintf(stderr, "rpcload: TLS: %s\n", ERR_reason_error_string(ERR_get_error()));
    return -1;
  }
  SSL_CTX_set_verify(tls_ctx, SSL_VERIFY_NONE, NULL);
  /* A retry may come from elsewhere: the output is moved to its buffer's start when a call is added. */
  SSL_CTX_set_mode(tls_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(tls_ctx, 1); /* one read for a record's head and its rest */
  SSL_CTX_set_quiet_shutdown(tls_ctx, 1);
  return 0;
}
static struct tls *tls_make(void) { return calloc(1, sizeof(struct tls)); }
static int tls_open(struct tls *t, int fd) { /* the first write begins the handshake */
  if (!(t->ssl = SSL_new(tls_ctx)) || !SSL_set_fd(t->ssl, fd)) return -1;
  if (tls_name && !SSL_set_tlsext_host_name(t->ssl, tls_name)) return -1;
  if (t->session && !SSL_set_session(t->ssl, t->session)) return -1;
  SSL_set_connect_state(t->ssl);
  return 0;
}
static void tls_close(struct tls *t) {
  if (tls_resume && SSL_is_init_finished(t->ssl)) { /* of TLS 1.3, tickets come after it: before the first answer */
    SSL_SESSION_free(t->session);
    t->session = SSL_get1_session(t->ssl);
  }
  SSL_shutdown(t->ssl); /* says nothing, being quiet; without it the session would count as broken */
  SSL_free(t->ssl);
  t->ssl = NULL;
}
static ssize_t tls_result(struct tls *t, int r) { /* as read and write would return it */
  int why = SSL_get_error(t->ssl, r), kept = errno;
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) { errno = EAGAIN; return -1; }
  if (why == SSL_ERROR_ZERO_RETURN) return 0;
  unsigned long code = ERR_peek_error();
  const char *text = code ? ERR_reason_error_string(code) : NULL;
  if (!*tls_error) snprintf(tls_error, sizeof tls_error, "%s", text ? text : why == SSL_ERROR_SYSCALL && kept ? strerror(kept) : "closed");
  errno = EPROTO;
  return -1;
}
static ssize_t tls_read(struct tls *t, void *p, size_t n) {
  ERR_clear_error();
  errno = 0;
  int r = SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
  return r > 0 ? r : tls_result(t, r);
}
static ssize_t tls_write(struct tls *t, const void *p, size_t n) {
  ERR_clear_error();
  errno = 0;
  int r = SSL_write(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
  return r > 0 ? r : tls_result(t, r);
}
static int tls_wants_room(struct tls *t) { return SSL_want_write(t->ssl); }
/* Whether input was read ahead that no event will announce; part of a record, after which more was wanted, is none. */
static int tls_has_more(struct tls *t) { return SSL_has_pending(t->ssl) && !SSL_want_read(t->ssl); }
static void tls_report(void) { /* members for the load's line */
  long all = SSL_CTX_sess_connect_good(tls_ctx), resumed = SSL_CTX_sess_hits(tls_ctx);
  printf(", \"handshakes\": %ld, \"resumed\": %ld", all, resumed);
  if (*tls_error) printf(", \"error\": \"TLS: %s\"", tls_error);
}
#else
static int tls_setup(const char *name, int resume, int old) {
  (void)name; (void)resume; (void)old;
  fprintf(stderr, "rpcload: built without TLS: there were no OpenSSL headers (Debian: libssl-dev)\n");
  return -1;
}
static struct tls *tls_make(void) { return NULL; }
static int tls_open(struct tls *t, int fd) { (void)t; (void)fd; return -1; }
static void tls_close(struct tls *t) { (void)t; }
static ssize_t tls_read(struct tls *t, void *p, size_t n) { (void)t; (void)p; (void)n; return 0; }
static ssize_t tls_write(struct tls *t, const void *p, size_t n) { (void)t; (void)p; (void)n; return -1; }
static int tls_wants_room(struct tls *t) { (void)t; return 0; }
static int tls_has_more(struct tls *t) { (void)t; return 0; }
static void tls_report(void) {}
#endif
#endif
