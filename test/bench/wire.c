/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t wire_shakes, wire_resumed;

static SSL_CTX *ctx;
static SSL_SESSION *tickets[1024]; /* each is good for one connection (RFC 8446 C.4) */
static unsigned n_tickets;

static ssize_t tls_said(struct wire *w, int r)
{
	if (r > 0)
		return r;
	switch (SSL_get_error(w->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
	case SSL_ERROR_ZERO_RETURN: return 0;
	}
	ERR_clear_error();
	errno = EPROTO;
	return -1;
}

ssize_t wire_send(struct wire *w, const void *p, size_t n)
{
	if (!w->ssl)
		return send(w->fd, p, n, MSG_NOSIGNAL);
	return tls_said(w, SSL_write(w->ssl, p, (int)n));
}

ssize_t wire_recv(struct wire *w, void *p, size_t n)
{
	if (!w->ssl)
		return recv(w->fd, p, n, 0);
	return tls_said(w, SSL_read(w->ssl, p, (int)n));
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (n_tickets == sizeof tickets / sizeof tickets[0])
		return 0;
	tickets[n_tickets++] = session;
	return 1;
}

void wire_tls_init(int resume)
{
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		exit(2);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (!resume)
		return;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
}

int wire_begin_tls(struct wire *w)
{
	w->ssl = SSL_new(ctx);
	if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1)
		return -1;
	SSL_set_connect_state(w->ssl);
	if (n_tickets > 0) {
		SSL_set_session(w->ssl, tickets[--n_tickets]);
		SSL_SESSION_free(tickets[n_tickets]);
	}
	return 0;
}

int wire_shake(struct wire *w, int *want_write)
{
	const int r = SSL_do_handshake(w->ssl);

	if (r == 1) {
		wire_shakes++;
		wire_resumed += SSL_session_reused(w->ssl) == 1;
		return 1;
	}
	if (tls_said(w, r) >= 0 || errno != EAGAIN)
		return -1;
	*want_write = SSL_want_write(w->ssl);
	return 0;
}

int wire_pending(const struct wire *w)
{
	return w->ssl && SSL_pending(w->ssl) > 0;
}

void wire_close(struct wire *w)
{
	if (w->ssl) { /* or its session would count as broken off */
		SSL_set_quiet_shutdown(w->ssl, 1);
		SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
		w->ssl = NULL;
	}
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
