/* SPDX-License-Identifier: ISC */
#include "proxy/relay/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "proxy/relay/tls_inside.h"

/* ---- errors ---- */

/* The first error is the cause. A certificate that was not accepted has words of its own. */
static void keep_why(struct tls *t)
{
	const long verdict = SSL_get_verify_result(t->ssl);
	const unsigned long e = ERR_peek_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;
	struct out o;

	if (verdict != X509_V_OK)
		text = X509_verify_cert_error_string(verdict);
	out_init(&o, t->why, sizeof(t->why) - 1);
	out_bytes(&o, span_sub(span_str(text ? text : "connection ended in the handshake"), 0,
			      sizeof(t->why) - 1));
	t->why[o.n] = '\0';
	ERR_clear_error();
}

/* errno as of recv(2) and the like. */
static ssize_t failed(struct tls *t, int r)
{
	const int error = errno;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; break;
	case SSL_ERROR_ZERO_RETURN: ERR_clear_error(); return 0;
	case SSL_ERROR_SYSCALL: errno = error ? error : EPROTO; break;
	default: errno = EPROTO;
	}
	ERR_clear_error();
	return -1;
}

/* ---- connections ---- */

struct tls *tls_new(SSL_CTX *ctx, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t)
		t->ssl = SSL_new(ctx);
	if (t && t->ssl && SSL_set_fd(t->ssl, fd) == 1)
		return t;
	ERR_clear_error();
	tls_free(t);
	return NULL;
}

enum tls_step tls_shake(struct tls *t)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r == 1) {
		t->more = SSL_has_pending(t->ssl) == 1; /* read ahead, with its last message */
		return TLS_DONE;
	}
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ: return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANT_WRITE;
	default: keep_why(t); return TLS_FAILED;
	}
}

ssize_t tls_read(struct tls *t, void *to, size_t n)
{
	size_t got;

	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(t->ssl, to, n, &got) == 1) {
		t->more = SSL_has_pending(t->ssl) == 1;
		return (ssize_t)got;
	}
	t->more = false;
	return failed(t, 0);
}

/* Small pieces in one record: a greeting or a command is one packet. */
static ssize_t write_joined(struct tls *t, const struct iovec *pieces, int n)
{
	uint8_t block[4096];
	size_t size = 0, put;

	for (int i = 0; i < n; i++) {
		memcpy(block + size, pieces[i].iov_base, pieces[i].iov_len);
		size += pieces[i].iov_len;
	}
	if (SSL_write_ex(t->ssl, block, size, &put) == 1)
		return (ssize_t)put;
	return failed(t, 0);
}

static size_t size_of(const struct iovec *pieces, int n)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += pieces[i].iov_len;
	return size;
}

ssize_t tls_write(struct tls *t, const struct iovec *pieces, int n)
{
	ssize_t done = 0;

	ERR_clear_error();
	errno = 0;
	if (n > 1 && size_of(pieces, n) <= 4096)
		return write_joined(t, pieces, n);
	for (int i = 0; i < n; i++) {
		size_t put = 0;

		if (pieces[i].iov_len == 0)
			continue;
		if (SSL_write_ex(t->ssl, pieces[i].iov_base, pieces[i].iov_len, &put) != 1)
			return done > 0 ? (ERR_clear_error(), done) : failed(t, 0);
		done += (ssize_t)put;
		if (put < pieces[i].iov_len)
			break;
	}
	return done;
}

/* Records are read ahead: whole ones may wait, or the beginning of one, which a read then finds
 * out.
 */
bool tls_pending(const struct tls *t)
{
	return t->more;
}

void tls_bye(struct tls *t)
{
	ERR_clear_error();
	if (SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	if (t->kept) /* how the hop closed says nothing of the session's keys: without this it is
			lost */
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	free(t);
}

const char *tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

const char *tls_name(const struct tls *t)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return name ? name : "";
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}

/* What both sides have: nothing below TLS 1.2, no renegotiation, no compression. */
SSL_CTX *tls_ctx(OSSL_LIB_CTX *library, const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(library, NULL, method);

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	return ctx;
}
