/* SPDX-License-Identifier: ISC */
/* TLS with clients. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/texts.h"
#include "proxy/relay/key.h"
#include "proxy/relay/roles.h"
#include "proxy/relay/ticket.h"
#include "proxy/relay/tls_inside.h"

/* What is older has no forward secrecy, or no authenticated encryption. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
	const struct ruleset *rules; /* borrowed */
	struct keys *keys;
	struct tickets tickets;
	SSL_CTX **ctx; /* one for each certificate, in the order of the rules */
};

static SSL_CTX *ctx_of(const struct tls_server *s, const struct certificate *c)
{
	for (size_t i = 0; i < s->rules->n_certificates; i++)
		if (s->rules->certificates[i] == c)
			return s->ctx[i];
	return NULL;
}

/* ---- the name the client asks for ---- */

/* RFC 6066 3. The context of the first certificate goes on where no name is asked for, or none of
 * theirs: a client that does not mind the name gets its mail through. */
static int on_name(SSL *ssl, int *alert, void *context)
{
	const struct tls *t = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)context;
	for (size_t i = 0; name && i < t->listen->n_certificates; i++) {
		SSL_CTX *ctx = ctx_of(t->server, t->listen->certificates[i]);

		if (X509_check_host(SSL_CTX_get0_certificate(ctx), name, 0, 0, NULL) != 1)
			continue;
		SSL_set_SSL_CTX(ssl, ctx);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* ---- the protocol the client means to speak ---- */

/* RFC 7301 3.2. Mail programs name none. Who names others only was sent here by somebody who wants
 * the two taken for one another (ALPACA): what a browser says is not to reach a mail server. */
static int on_protocols(SSL *ssl, const unsigned char **chosenp, unsigned char *np,
	const unsigned char *list, unsigned n, void *context)
{
	static const unsigned char smtp[] = "\4smtp";

	(void)ssl;
	(void)context;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)chosenp, np, smtp,
		       sizeof(smtp) - 1, list, n) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- certificates ---- */

static bool add_chain(SSL_CTX *ctx, BIO *in)
{
	X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);
	bool good = x && SSL_CTX_use_certificate(ctx, x) == 1;

	X509_free(x);
	while (good && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		good = SSL_CTX_add1_chain_cert(ctx, x) == 1;
		X509_free(x);
	}
	ERR_clear_error(); /* the end of the text is reported as an error, too */
	return good;
}

static bool use_chain(SSL_CTX *ctx, struct span chain)
{
	BIO *in = BIO_new_mem_buf(chain.p, (int)chain.n);
	const bool good = in && add_chain(ctx, in);

	BIO_free(in);
	return good;
}

static bool use_key(struct tls_server *s, SSL_CTX *ctx, const char *name)
{
	EVP_PKEY *public_key = X509_get0_pubkey(SSL_CTX_get0_certificate(ctx));
	EVP_PKEY *key = public_key ? keys_private(s->keys, name, public_key) : NULL;
	const bool good = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	return good;
}

static bool settle(struct tls_server *s, SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
	return SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) == 1 && tickets_use(ctx, &s->tickets);
}

static SSL_CTX *make_ctx(struct tls_server *s, const struct certificate *c, struct span texts)
{
	SSL_CTX *ctx = tls_ctx(keys_ctx(s->keys), TLS_server_method());
	struct span chain = { 0 };

	texts_find(texts, TEXT_CHAIN, span_str(c->name), &chain);
	if (ctx && use_chain(ctx, chain) && use_key(s, ctx, c->name) && settle(s, ctx))
		return ctx;
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* ---- the whole ---- */

static bool fill(struct tls_server *s, struct span texts, struct out *why)
{
	struct span secret = { 0 };

	texts_find(texts, TEXT_TICKETS, (struct span){ 0 }, &secret);
	if (!tickets_init(&s->tickets, secret, clock_wall_ns() / 1000000000)) {
		out_str(why, "TLS with clients: no secret for session tickets");
		return false;
	}
	for (size_t i = 0; i < s->rules->n_certificates; i++) {
		s->ctx[i] = make_ctx(s, s->rules->certificates[i], texts);
		if (s->ctx[i])
			continue;
		out_str(why, "certificate \"");
		out_str(why, s->rules->certificates[i]->name);
		out_str(why, "\" cannot be used");
		return false;
	}
	return true;
}

struct tls_server *tls_server_new(
	const struct ruleset *rs, struct span texts, int key, struct out *why)
{
	struct tls_server *s = calloc(1, sizeof(*s));

	if (s) {
		s->rules = rs;
		s->keys = keys_new(key);
		s->ctx = calloc(rs->n_certificates + 1, sizeof(SSL_CTX *));
	}
	if (s && s->keys && s->ctx && fill(s, texts, why))
		return s;
	if (why->n == 0)
		out_str(why, "TLS with clients: no memory");
	tls_server_free(s);
	return NULL;
}

void tls_server_free(struct tls_server *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->ctx && i < s->rules->n_certificates; i++)
		SSL_CTX_free(s->ctx[i]);
	free(s->ctx);
	keys_free(s->keys);
	OPENSSL_cleanse(&s->tickets, sizeof(s->tickets));
	free(s);
}

struct tls *tls_accept(struct tls_server *s, const struct relay_listen *listen, int fd)
{
	SSL_CTX *ctx = ctx_of(s, listen->certificates[0]);
	struct tls *t = tls_new(ctx, fd);

	if (!t)
		return NULL;
	t->server = s;
	t->listen = listen;
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	if (listen->tls_min == TLS_MIN_1_3)
		SSL_set_min_proto_version(t->ssl, TLS1_3_VERSION);
	return t;
}
