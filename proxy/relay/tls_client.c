/* SPDX-License-Identifier: ISC */
/* TLS towards next hops. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/relay/tls_inside.h"

struct tls_client {
	SSL_CTX *any, *verify; /* any certificate will do; one of its name, by an authority */
};

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
	if (name_peer(t->ssl, how, name))
		return t;
	ERR_clear_error();
	tls_free(t);
	return NULL;
}
