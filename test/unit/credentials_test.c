/* SPDX-License-Identifier: ISC */
#include "filter/relay/credentials.h"

#include "support.h"

static bool decodes(const char *base64, struct span want)
{
	uint8_t block[64];
	struct fence f;
	struct out o;
	bool good;

	fence_init(&f, 64);
	out_init(&o, block, sizeof(block));
	good = credential_decode(&o, span_of(fence_at_end(&f, span_str(base64)), strlen(base64)));
	fence_deinit(&f);
	return good && span_eq(out_span(&o), want);
}

static void base64_is_decoded(void **state)
{
	(void)state;
	assert_true(decodes("=", SPAN("")));
	assert_true(decodes("Zg==", SPAN("f")));
	assert_true(decodes("Zm8=", SPAN("fo")));
	assert_true(decodes("Zm9v", SPAN("foo")));
	assert_true(decodes("Zm9vYmFy", SPAN("foobar")));
	assert_true(decodes("AP+/+w==", SPAN("\0\xff\xbf\xfb")));
}

static void what_is_none_is_not(void **state)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n",
		"Zm 9", "====", "Zm-v" };
	uint8_t block[2];
	struct out o;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(decodes(bad[i], SPAN("")));
	out_init(&o, block, sizeof(block));
	assert_false(credential_decode(&o, SPAN("Zm9v"))); /* no room */
}

static void plain_has_three_parts(void **state)
{
	static const struct {
		struct span message;
		const char *user, *password; /* NULL: refused */
	} cases[] = {
		{ OCTETS("\0tim\0tanstaaftanstaaf"), "tim", "tanstaaftanstaaf" },
		{ OCTETS("tim\0tim\0x"), "tim", "x" },
		{ OCTETS("\0j\xc3\xbcrgen\0x"), "j\xc3\xbcrgen", "x" },
		{ OCTETS("tom\0tim\0x"), NULL, NULL }, /* to act for another */
		{ OCTETS("\0tim\0"), NULL, NULL }, { OCTETS("\0\0x"), NULL, NULL },
		{ OCTETS("\0tim"), NULL, NULL }, { OCTETS("tim"), NULL, NULL },
		{ OCTETS(""), NULL, NULL }, { OCTETS("\0tim\0x\0y"), NULL, NULL },
		{ OCTETS("\0ti\nm\0x"), NULL, NULL }, { OCTETS("\0ti\xff\0x"), NULL, NULL },
		{ OCTETS("\0ti\xed\xa0\x80\0x"), NULL, NULL }, /* a surrogate */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span user, password;
		struct fence f;
		bool good;

		fence_init(&f, 256);
		good = credential_plain(
			span_of(fence_at_end(&f, cases[i].message), cases[i].message.n), &user,
			&password);
		assert_int_equal(good, cases[i].user != NULL);
		if (good) {
			assert_true(span_eq(user, span_str(cases[i].user)));
			assert_true(span_eq(password, span_str(cases[i].password)));
		}
		fence_deinit(&f);
	}
}

static void lengths_are_bounded(void **state)
{
	static uint8_t block[1024];

	(void)state;
	memset(block, 'a', sizeof(block));
	assert_true(credential_is_user(span_of(block, CREDENTIAL_USER_MAX)));
	assert_false(credential_is_user(span_of(block, CREDENTIAL_USER_MAX + 1)));
	assert_true(credential_is_password(span_of(block, CREDENTIAL_PASSWORD_MAX)));
	assert_false(credential_is_password(span_of(block, CREDENTIAL_PASSWORD_MAX + 1)));
	assert_false(credential_is_user(SPAN("")));
	assert_false(credential_is_password(SPAN("")));
	assert_false(credential_is_user(SPAN("a\xc2\x85")));         /* a control of Latin-1 */
	assert_false(credential_is_user(SPAN("a\xc0\x80")));         /* a NUL, overlong */
	assert_false(credential_is_user(SPAN("a\xf4\x90\x80\x80"))); /* beyond Unicode */
	assert_false(credential_is_user(SPAN("a\xc3")));             /* cut off */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_decoded),
		cmocka_unit_test(what_is_none_is_not),
		cmocka_unit_test(plain_has_three_parts),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
