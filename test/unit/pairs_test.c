/* SPDX-License-Identifier: ISC */
#include "proxy/relay/key/pairs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "proxy/relay/roles.h"
#include "support.h"

#define CONTEXT "TLS 1.3, server CertificateVerify"

static EVP_PKEY *rsa, *ec, *ed, *small, *odd;

/* ---- texts ---- */

static void put_pem(struct out *o, enum relay_text kind, const char *name, BIO *bio)
{
	const uint8_t *p;
	const long n = BIO_get_mem_data(bio, (char **)(uintptr_t)&p);

	texts_put(o, &(struct text){ kind, span_str(name), span_of(p, (size_t)n) });
	BIO_free(bio);
}

static BIO *chain_of(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, rsa, EVP_sha256()) > 0);
	PEM_write_bio_X509(bio, x);
	X509_free(x);
	return bio;
}

static BIO *pem_of(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
		passphrase ? (int)strlen(passphrase) : 0, NULL, NULL);
	return bio;
}

struct given {
	const char *name;
	EVP_PKEY *chain, *key;
	const char *passphrase;
};

static struct pairs *pairs_of(const struct given *list, size_t n, char why[256])
{
	static uint8_t block[65536];
	struct pairs *p;
	struct out o, said;
	int fd;

	out_init(&o, block, sizeof(block));
	texts_begin(&o);
	for (size_t i = 0; i < n; i++) {
		put_pem(&o, TEXT_CHAIN, list[i].name, chain_of(list[i].chain));
		put_pem(&o, TEXT_KEY, list[i].name, pem_of(list[i].key, list[i].passphrase));
	}
	fd = memfd_sealed("texts", out_span(&o));
	assert_true(fd >= 0);
	out_init(&said, why, 255);
	p = pairs_new(fd, &said);
	why[said.n] = '\0';
	close(fd);
	return p;
}

/* ---- signing ---- */

static struct span handshake(void)
{
	static uint8_t text[64 + sizeof(CONTEXT) + 32];

	memset(text, ' ', 64);
	memcpy(text + 64, CONTEXT, sizeof(CONTEXT));
	return span_of(text, sizeof(text));
}

static bool is_good(EVP_PKEY *key, const char *hash, bool pss, struct span text, struct span sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;
	bool good = EVP_DigestVerifyInit_ex(ctx, &options, hash, NULL, NULL, key, NULL) == 1;

	if (pss)
		good = good && EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_DigestVerify(ctx, sig.p, sig.n, text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static void handshakes_are_signed(void **state)
{
	const struct given list[] = { { "a", rsa, rsa, NULL }, { "b", ec, ec, NULL },
		{ "c", ed, ed, NULL } };
	const struct {
		const char *name;
		uint32_t scheme;
		EVP_PKEY *key;
		const char *hash;
		bool pss;
	} cases[] = { { "a", 0x0804, rsa, "SHA256", true }, { "a", 0x0806, rsa, "SHA512", true },
		{ "b", 0x0403, ec, "SHA256", false }, { "c", 0x0807, ed, NULL, false } };
	uint8_t sig[KEY_SIGNED_MAX];
	char why[256];
	struct pairs *p = pairs_of(list, COUNT_OF(list), why);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const size_t n =
			pairs_sign(p, span_str(cases[i].name), cases[i].scheme, handshake(), sig);

		assert_true(is_good(
			cases[i].key, cases[i].hash, cases[i].pss, handshake(), span_of(sig, n)));
	}
	pairs_free(p);
}

static void all_else_is_not(void **state)
{
	const struct given list[] = { { "a", rsa, rsa, NULL }, { "b", ec, ec, NULL } };
	uint8_t sig[KEY_SIGNED_MAX];
	char why[256];
	struct pairs *p = pairs_of(list, COUNT_OF(list), why);

	(void)state;
	assert_non_null(p);
	assert_int_equal(pairs_sign(p, SPAN("a"), 0x0804, SPAN("a letter"), sig), 0);
	assert_int_equal(pairs_sign(p, SPAN("a"), 0x0401, handshake(), sig), 0); /* TLS 1.2's */
	assert_int_equal(pairs_sign(p, SPAN("a"), 0x0403, handshake(), sig), 0); /* not its kind */
	assert_int_equal(pairs_sign(p, SPAN("b"), 0x0804, handshake(), sig), 0);
	assert_int_equal(pairs_sign(p, SPAN("a"), 0x0201, handshake(), sig), 0); /* SHA-1 */
	assert_int_equal(pairs_sign(p, SPAN("x"), 0x0804, handshake(), sig), 0);
	assert_int_equal(pairs_sign(p, SPAN(""), 0x0804, handshake(), sig), 0);
	pairs_free(p);
}

static void bad_pairs_are_told(void **state)
{
	const struct {
		struct given pair;
		const char *why;
	} cases[] = {
		{ { "a", rsa, ec, NULL },
			"certificate \"a\": the key does not belong to the first certificate" },
		{ { "a", ec, ec, "secret" }, "certificate \"a\": its key has a passphrase" },
		{ { "a", small, small, NULL }, "certificate \"a\": its RSA key has fewer than" },
		{ { "a", odd, odd, NULL }, "certificate \"a\": the curve of its key is none of" },
	};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_null(pairs_of(&cases[i].pair, 1, why));
		why[strlen(cases[i].why)] = '\0';
		assert_string_equal(why, cases[i].why);
	}
}

static void texts_that_are_none_are_told(void **state)
{
	const int fd = memfd_sealed("texts", SPAN("PNTEXTS1\1"));
	char why[256];
	struct out o;

	(void)state;
	out_init(&o, why, sizeof(why));
	assert_null(pairs_new(fd, &o));
	assert_true(o.n > 0);
	close(fd);
}

static int make_keys(void **state)
{
	(void)state;
	rsa = EVP_RSA_gen(2048);
	small = EVP_RSA_gen(1024);
	ec = EVP_EC_gen("P-256");
	odd = EVP_EC_gen("secp256k1");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return rsa && small && ec && odd && ed ? 0 : -1;
}

static int drop_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(odd);
	EVP_PKEY_free(ed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_are_signed),
		cmocka_unit_test(all_else_is_not),
		cmocka_unit_test(bad_pairs_are_told),
		cmocka_unit_test(texts_that_are_none_are_told),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
