/* SPDX-License-Identifier: ISC */
#include "filter/relay/signing.h"

#include "support.h"

#define CONTEXT  "TLS 1.3, server CertificateVerify"
#define TEXT_MAX 512

/* 64 octets of @fill, then @rest, then @n octets of a hash or a point. */
static struct span form(uint8_t block[TEXT_MAX], uint8_t fill, struct span rest, size_t n)
{
	memset(block, fill, 64);
	memcpy(block + 64, rest.p, rest.n);
	memset(block + 64 + rest.n, 0x5a, n);
	return span_of(block, 64 + rest.n + n);
}

static struct span verify(uint8_t block[TEXT_MAX], size_t hash)
{
	return form(block, ' ', span_of(CONTEXT, sizeof(CONTEXT)), hash);
}

static void a_servers_handshake_is_signed(void **state)
{
	static const struct {
		uint8_t head[4];
		size_t point;
	} groups[] = { { { 3, 0, 23, 65 }, 65 }, { { 3, 0, 24, 97 }, 97 },
		{ { 3, 0, 25, 133 }, 133 }, { { 3, 0, 29, 32 }, 32 }, { { 3, 0, 30, 56 }, 56 } };
	const struct signing_scheme *pss = signing_scheme(0x0804);
	uint8_t block[TEXT_MAX];

	(void)state;
	assert_true(signing_is_servers(pss, verify(block, 32)));
	assert_true(signing_is_servers(pss, verify(block, 48)));
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_true(signing_is_servers(
			pss, form(block, 7, span_of(groups[i].head, 4), groups[i].point)));
}

static void nothing_else_is(void **state)
{
	static const char client[] = "TLS 1.3, client CertificateVerify";
	static const struct {
		uint8_t head[4];
		size_t point;
	} groups[] = { { { 3, 0, 23, 65 }, 64 }, { { 3, 0, 23, 65 }, 66 }, { { 3, 0, 23, 64 }, 64 },
		{ { 3, 0, 22, 65 }, 65 }, { { 3, 1, 0, 65 }, 65 }, { { 1, 0, 23, 65 }, 65 },
		{ { 2, 0, 23, 65 }, 65 } };
	const struct signing_scheme *pss = signing_scheme(0x0804);
	uint8_t block[TEXT_MAX];

	(void)state;
	assert_false(signing_is_servers(pss, (struct span){ 0 }));
	assert_false(signing_is_servers(pss, SPAN("a mail, or a certificate")));
	for (size_t n = 0; n < 70; n++)
		if (n != 32 && n != 48)
			assert_false(signing_is_servers(pss, verify(block, n)));
	assert_false(
		signing_is_servers(pss, form(block, ' ', span_of(client, sizeof(client)), 32)));
	assert_false(
		signing_is_servers(pss, form(block, '\t', span_of(CONTEXT, sizeof(CONTEXT)), 32)));
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_false(signing_is_servers(
			pss, form(block, 7, span_of(groups[i].head, 4), groups[i].point)));
}

/* Cut anywhere it is nothing, and nothing behind its end is read. */
static void a_part_is_nothing(void **state)
{
	uint8_t block[TEXT_MAX];
	const struct span whole = verify(block, 48);
	struct fence f;

	(void)state;
	fence_init(&f, TEXT_MAX);
	for (size_t n = 0; n < whole.n; n++) {
		const uint8_t *p = fence_at_end(&f, span_sub(whole, 0, n));
		const bool shorter = n == whole.n - 16; /* that of SHA-256 */

		assert_int_equal(
			signing_is_servers(signing_scheme(0x0403), span_of(p, n)), shorter);
	}
	fence_deinit(&f);
}

/* RFC 8446 4.2.3: PKCS#1 1.5 signs no handshake of TLS 1.3. */
static void old_padding_is_for_1_2(void **state)
{
	static const uint8_t x25519[] = { 3, 0, 29, 32 };
	uint8_t block[TEXT_MAX];

	(void)state;
	assert_false(signing_is_servers(signing_scheme(0x0401), verify(block, 32)));
	assert_true(
		signing_is_servers(signing_scheme(0x0401), form(block, 7, span_of(x25519, 4), 32)));
}

static void schemes_are_found(void **state)
{
	(void)state;
	assert_int_equal(signing_find(SIGNING_RSA, SPAN("SHA2-256"), true)->number, 0x0804);
	assert_int_equal(signing_find(SIGNING_RSA, SPAN("SHA2-512"), false)->number, 0x0601);
	assert_int_equal(signing_find(SIGNING_EC, SPAN("sha384"), false)->number, 0x0503);
	assert_int_equal(signing_find(SIGNING_ED25519, (struct span){ 0 }, false)->number, 0x0807);
	assert_null(signing_find(SIGNING_RSA, SPAN("SHA1"), false));
	assert_null(signing_find(SIGNING_EC, (struct span){ 0 }, false));
	assert_null(signing_find(SIGNING_ED25519, SPAN("SHA256"), false));
	assert_null(signing_scheme(0x0201)); /* rsa_pkcs1_sha1 */
	assert_null(signing_scheme(0x0203)); /* ecdsa_sha1 */
	assert_null(signing_scheme(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_servers_handshake_is_signed),
		cmocka_unit_test(nothing_else_is),
		cmocka_unit_test(a_part_is_nothing),
		cmocka_unit_test(old_padding_is_for_1_2),
		cmocka_unit_test(schemes_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
