/* SPDX-License-Identifier: ISC */
#include "filter/relay/passwords.h"

#include "support.h"

static void a_user_is_found(void **state)
{
	const struct span file = SPAN("# staff\n\nalice:$y$j9T$abc\nbob@example.org:$6$x$y");
	struct span hash;

	(void)state;
	assert_true(password_find(file, SPAN("alice"), &hash));
	assert_true(span_eq(hash, SPAN("$y$j9T$abc")));
	assert_true(password_find(file, SPAN("bob@example.org"), &hash));
	assert_true(span_eq(hash, SPAN("$6$x$y")));
	assert_false(password_find(file, SPAN("bob"), &hash));
	assert_false(password_find(file, SPAN("# staff"), &hash));
	assert_false(password_find(file, SPAN(""), &hash));
	assert_false(password_find(SPAN(""), SPAN("alice"), &hash));
}

static void what_is_wrong_has_its_line(void **state)
{
	static const struct {
		const char *file;
		unsigned line;
		const char *begins; /* NULL: nothing is */
	} cases[] = {
		{ "", 0, NULL },
		{ "a:$y$x\n#a:x\nb:$5$x$y\n", 3, NULL },
		{ "a:$y$x\nb\n", 2, "has no colon" },
		{ ":$y$x\n", 1, "begins with no name" },
		{ "a\tb:$y$x\n", 1, "begins with no name" },
		{ "a:\n", 1, "has a hash that can be guessed" },
		{ "a:secret\n", 1, "has a hash that can be guessed" },
		{ "a:$1$salt$hash\n", 1, "has a hash that can be guessed" },
		{ "a:Zg/..hash\n", 1, "has a hash that can be guessed" },
		{ "a:$y$x y\n", 1, "has no hash" },
		{ "a:$y$x:y\n", 1, "has no hash" },
		{ "a:$y$x\r\n", 1, "has no hash" },
		{ "a:$y$x\nb:$y$x\na:$y$y\n", 3, "has a name that stands above" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned line;
		const char *why = password_flaw(span_str(cases[i].file), &line);

		assert_int_equal(why != NULL, cases[i].begins != NULL);
		assert_int_equal(line, cases[i].line);
		if (why)
			assert_memory_equal(why, cases[i].begins, strlen(cases[i].begins));
	}
}

static void nothing_behind_the_file_is_read(void **state)
{
	const struct span file = SPAN("alice:$y$j9T$abc\nbob:$6$x$y\n");
	struct fence f;

	(void)state;
	fence_init(&f, 256);
	for (size_t n = 0; n <= file.n; n++) {
		const struct span part = span_of(fence_at_end(&f, span_sub(file, 0, n)), n);
		struct span hash;
		unsigned line;

		password_flaw(part, &line);
		assert_int_equal(password_find(part, SPAN("bob"), &hash),
			n >= sizeof("alice:$y$j9T$abc\nbob:$6$") - 1);
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_found),
		cmocka_unit_test(what_is_wrong_has_its_line),
		cmocka_unit_test(nothing_behind_the_file_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
