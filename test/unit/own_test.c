/* SPDX-License-Identifier: ISC */
/* proxy/own: which addresses are this host's. */
#include "test/unit/support.h"

#include "proxy/own.h"

static bool ours(const struct own *own, const char *text)
{
	struct ip ip;

	assert_true(ip_parse(span_str(text), &ip));
	return own_has(own, &ip);
}

static struct span list_of(struct ip *list, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(ip_parse(span_str(texts[i]), &list[i]));
	return span_of((const uint8_t *)list, n * sizeof(*list));
}

static void until_it_is_told_everything_may_be_ours(void **state)
{
	struct own own = { 0 };

	(void)state;
	assert_true(ours(&own, "192.0.2.1"));
	assert_true(own_set(&own, (struct span){ 0 }));
	assert_false(ours(&own, "192.0.2.1"));
	own_deinit(&own);
}

static void what_was_told_last_counts(void **state)
{
	static const char *const first[] = { "203.0.113.1", "2001:db8::1", "10.0.0.1",
		"fd00:10::1" };
	static const char *const then[] = { "10.0.0.2" };
	struct own own = { 0 };
	struct ip list[5] = { 0 };

	(void)state;
	assert_true(own_set(&own, list_of(list, first, COUNT_OF(first))));
	for (size_t i = 0; i < COUNT_OF(first); i++)
		assert_true(ours(&own, first[i]));
	assert_false(ours(&own, "10.0.0.2"));
	assert_false(ours(&own, "2001:db8::2"));
	assert_false(own_set(&own, span_of((const uint8_t *)list, sizeof(list[0]) + 1)));
	assert_true(ours(&own, "10.0.0.1"));
	assert_true(own_set(&own, list_of(list, then, COUNT_OF(then))));
	assert_true(ours(&own, "10.0.0.2"));
	assert_false(ours(&own, "10.0.0.1"));
	memset(list, 0xff, sizeof(list)); /* no address at all */
	assert_true(own_set(&own, span_of((const uint8_t *)list, sizeof(list))));
	assert_false(ours(&own, "10.0.0.2"));
	own_deinit(&own);
}

static void some_are_always_ours(void **state)
{
	struct own own = { 0 };

	(void)state;
	assert_true(own_set(&own, (struct span){ 0 }));
	assert_true(ours(&own, "127.0.0.1"));
	assert_true(ours(&own, "127.9.9.9"));
	assert_true(ours(&own, "0.0.0.0"));
	assert_true(ours(&own, "::1"));
	assert_true(ours(&own, "::"));
	assert_true(ours(&own, "::ffff:127.0.0.1"));
	assert_false(ours(&own, "::2"));
	own_deinit(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(until_it_is_told_everything_may_be_ours),
		cmocka_unit_test(what_was_told_last_counts),
		cmocka_unit_test(some_are_always_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
