/* SPDX-License-Identifier: ISC */
#include "proxy/relay/key/pairs.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "filter/relay/signing.h"
#include "proxy/relay/roles.h"

#define RSA_BITS_MIN 2048

struct pair {
	struct pair *next;
	EVP_PKEY *key;
	enum signing_key kind;
	size_t name_n;
	char name[];
};

struct pairs {
	struct pair *first;
};

/* ---- reading ---- */

/* A passphrase would have to be asked for. */
static int no_passphrase(char *buf, int size, int writing, void *context)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)context = true;
	return -1;
}

static bool refuse(struct out *why, struct span name, const char *what)
{
	out_str(why, "certificate \"");
	out_bytes(why, name);
	out_str(why, "\": ");
	out_str(why, what);
	out_octet(why, '\n');
	ERR_clear_error();
	return false;
}

static X509 *read_certificate(struct span text)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	return x;
}

static EVP_PKEY *read_key(struct span text, bool *lockedp)
{
	BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, lockedp) : NULL;

	BIO_free(in);
	return key;
}

static bool is_known_curve(const EVP_PKEY *key)
{
	static const char *const known[] = { "prime256v1", "secp384r1", "secp521r1" };
	char group[32] = "";

	EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(group, known[i]) == 0)
			return true;
	return false;
}

/* NULL: it can be signed with. */
static const char *judge(const EVP_PKEY *key, enum signing_key *kindp)
{
	if (EVP_PKEY_is_a(key, "RSA")) {
		*kindp = SIGNING_RSA;
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN
			       ? NULL
			       : "its RSA key has fewer than 2048 bits: make a new one";
	}
	if (EVP_PKEY_is_a(key, "EC")) {
		*kindp = SIGNING_EC;
		return is_known_curve(key) ? NULL
					   : "the curve of its key is none of P-256, P-384 and "
					     "P-521: make a new one";
	}
	*kindp = SIGNING_ED25519;
	return EVP_PKEY_is_a(key, "ED25519")
		       ? NULL
		       : "its key is neither RSA, EC nor Ed25519: make a new one";
}

static const char *match(struct span chain, const EVP_PKEY *key)
{
	X509 *x = read_certificate(chain);
	const char *problem = NULL;

	if (!x)
		problem = "no PEM certificate stands in its chain";
	else if (X509_check_private_key(x, key) != 1)
		problem = "the key does not belong to the first certificate of the chain: are both "
			  "of the same renewal?";
	X509_free(x);
	return problem;
}

static bool add(struct pairs *p, struct span name, EVP_PKEY *key, enum signing_key kind)
{
	struct pair *one = malloc(sizeof(*one) + name.n);

	if (!one)
		return false;
	*one = (struct pair){ .next = p->first, .key = key, .kind = kind, .name_n = name.n };
	memcpy(one->name, name.p, name.n);
	p->first = one;
	return true;
}

static bool read_pair(struct pairs *p, struct span block, const struct text *t, struct out *why)
{
	enum signing_key kind = SIGNING_RSA;
	bool locked = false;
	EVP_PKEY *key = read_key(t->text, &locked);
	struct span chain = { 0 };
	const char *problem;

	if (!key)
		return refuse(why, t->name,
			locked ? "its key has a passphrase, and nobody is there to type it: take "
				 "it off with openssl-pkey(1)"
			       : "no PEM private key stands in its key file");
	texts_find(block, TEXT_CHAIN, t->name, &chain);
	problem = judge(key, &kind);
	if (!problem)
		problem = match(chain, key);
	if (!problem && !add(p, t->name, key, kind))
		problem = "no memory";
	if (!problem)
		return true;
	EVP_PKEY_free(key);
	return refuse(why, t->name, problem);
}

static bool read_all(struct pairs *p, struct span block, struct out *why)
{
	struct text t;
	size_t at = 0;

	while (texts_next(block, &at, &t))
		if (t.kind == TEXT_KEY && !read_pair(p, block, &t, why))
			return false;
	return true;
}

struct pairs *pairs_new(int texts, struct out *why)
{
	struct pairs *p = calloc(1, sizeof(*p));
	struct span block = { 0 };
	bool good;

	good = p && (texts < 0 || (memfd_map(texts, TEXTS_MAX, &block) == 0 && texts_valid(block) &&
					  read_all(p, block, why)));
	if (block.n)
		memfd_unmap(block);
	if (good)
		return p;
	if (why->n == 0)
		out_str(why, "postern-key: its texts cannot be read\n");
	pairs_free(p);
	return NULL;
}

void pairs_free(struct pairs *p)
{
	while (p && p->first) {
		struct pair *one = p->first;

		p->first = one->next;
		EVP_PKEY_free(one->key);
		free(one);
	}
	free(p);
}

/* ---- signing ---- */

static const struct pair *find(const struct pairs *p, struct span name)
{
	const struct pair *one = p->first;

	while (one && !span_eq(span_of(one->name, one->name_n), name))
		one = one->next;
	return one;
}

/* RFC 8446 4.2.3: as much salt as the hash has octets. */
static bool pad(EVP_PKEY_CTX *ctx, const struct signing_scheme *s)
{
	if (s->key != SIGNING_RSA)
		return true;
	if (!s->pss)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static size_t sign(EVP_PKEY *key, const struct signing_scheme *s, struct span text, uint8_t *to)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options; /* of ctx */
	size_t n = KEY_SIGNED_MAX;
	bool good;

	good = ctx && EVP_DigestSignInit_ex(ctx, &options, s->hash, NULL, NULL, key, NULL) == 1 &&
	       pad(options, s) && EVP_DigestSign(ctx, to, &n, text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good ? n : 0;
}

size_t pairs_sign(const struct pairs *p, struct span name, uint32_t scheme, struct span text,
	uint8_t to[KEY_SIGNED_MAX])
{
	const struct signing_scheme *s = signing_scheme(scheme);
	const struct pair *one = find(p, name);

	if (!s || !one || one->kind != s->key || !signing_is_servers(s, text))
		return 0;
	return sign(one->key, s, text, to);
}
