/* SPDX-License-Identifier: ISC */
/* TLS towards next hops. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/relay/tls_inside.h"

#define KEPT 64 /* sessions of next hops, about 2 KiB each */

/* The newest session with a hop, to be resumed: the next handshake needs no signature then. */
struct kept {
	char name[256];
	bool verified;
	unsigned turn; /* whose it was counts no more when it is another's */
	SSL_SESSION *session;
};

struct tls_client {
	SSL_CTX *any, *verify; /* any certificate will do; one of its name, by an authority */
	struct kept kept[KEPT];
	size_t next; /* the one that is given to another hop next */
};

/* ---- sessions ---- */

static void drop(struct kept *k)
{
	SSL_SESSION_free(k->session);
	k->session = NULL;
}

/* One verified a name, the other did not: neither is resumed as the other. */
static struct kept *kept_of(struct tls_client *c, bool verified, const char *name)
{
	struct kept *k;

	for (size_t i = 0; i < KEPT; i++)
		if (c->kept[i].verified == verified && strcmp(c->kept[i].name, name) == 0)
			return &c->kept[i];
	k = &c->kept[c->next++ % KEPT];
	drop(k);
	k->turn++;
	k->verified = verified;
	strcpy(k->name, name);
	return k;
}

/* SSL_CTX_sess_set_new_cb(3): 1: it is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls *t = SSL_get_app_data(ssl);

	if (!t->kept || t->kept->turn != t->kept_turn)
		return 0;
	drop(t->kept);
	t->kept->session = session;
	return 1;
}

/* RFC 8446 C.4: none of TLS 1.3 twice. */
static void resume(struct tls *t, struct kept *k)
{
	SSL_set_app_data(t->ssl, t);
	t->kept = k;
	t->kept_turn = k->turn;
	if (!k->session)
		return;
	SSL_set_session(t->ssl, k->session);
	if (SSL_SESSION_get_protocol_version(k->session) >= TLS1_3_VERSION)
		drop(k);
}

/* ---- the whole ---- */

/* A hop that closes without a word is lost as one that says so is; to libssl it would be a fault
 * for which a session is never resumed (RFC 5246 7.2.1 does not ask for that). */
static void keep_sessions(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
}

static bool add_roots(SSL_CTX *ctx, struct span roots)
{
	BIO *in = BIO_new_mem_buf(roots.p, (int)roots.n);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *root;
	bool good = in != NULL;

	while (good && (root = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		good = X509_STORE_add_cert(store, root) == 1;
		X509_free(root);
	}
	BIO_free(in);
	ERR_clear_error(); /* the end of the text is reported as an error, too */
	return good;
}

struct tls_client *tls_client_new(struct span roots, struct out *why)
{
	struct tls_client *c = calloc(1, sizeof(*c));

	tzset(); /* libcrypto asks mktime(3) for dates of certificates, which would open a file */
	if (c) {
		c->any = tls_ctx(NULL, TLS_client_method());
		c->verify = tls_ctx(NULL, TLS_client_method());
	}
	if (c && c->any && c->verify && (roots.n == 0 || add_roots(c->verify, roots))) {
		SSL_CTX_set_verify(c->any, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_verify(c->verify, SSL_VERIFY_PEER, NULL);
		keep_sessions(c->any);
		keep_sessions(c->verify);
		return c;
	}
	out_str(why, "TLS towards next hops: ");
	out_str(why, c && c->verify ? "the host's authorities cannot be read" : "no memory");
	tls_client_free(c);
	return NULL;
}

void tls_client_free(struct tls_client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < KEPT; i++)
		drop(&c->kept[i]);
	SSL_CTX_free(c->any);
	SSL_CTX_free(c->verify);
	free(c);
}

static bool name_peer(SSL *ssl, enum route_tls how, const char *name)
{
	struct ip ip;

	if (ip_parse(span_str(name), &ip))
		return how != ROUTE_TLS_VERIFY ||
		       X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       (how != ROUTE_TLS_VERIFY || SSL_set1_host(ssl, name) == 1);
}

struct tls *tls_connect(struct tls_client *c, enum route_tls how, const char *name, int fd)
{
	struct tls *t = c ? tls_new(how == ROUTE_TLS_VERIFY ? c->verify : c->any, fd) : NULL;

	if (!t)
		return NULL;
	SSL_set_connect_state(t->ssl);
	if (name_peer(t->ssl, how, name)) {
		if (strlen(name) < sizeof(((struct kept *)0)->name))
			resume(t, kept_of(c, how == ROUTE_TLS_VERIFY, name));
		return t;
	}
	ERR_clear_error();
	tls_free(t);
	return NULL;
}
