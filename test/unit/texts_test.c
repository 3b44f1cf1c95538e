/* SPDX-License-Identifier: ISC */
#include "base/texts.h"

#include "support.h"

#define LITERAL(text)                                                                              \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
static const struct text texts[] = {
	{ 1, LITERAL("mail"), LITERAL("-----BEGIN") },
	{ 2, LITERAL("mail"), LITERAL("") },
	{ 1, LITERAL(""), LITERAL("no name") },
};
#define TEXTS_N (sizeof(texts) / sizeof(texts[0]))

static struct span written(uint8_t *block, size_t size)
{
	struct out o;

	out_init(&o, block, size);
	texts_begin(&o);
	for (size_t i = 0; i < TEXTS_N; i++)
		texts_put(&o, &texts[i]);
	assert_false(o.full);
	return out_span(&o);
}

static void what_was_put_is_found(void **state)
{
	uint8_t block[256];
	struct span all = written(block, sizeof(block)), found;
	struct text t;
	size_t at = 0, n = 0;

	(void)state;
	assert_true(texts_valid(all));
	for (; texts_next(all, &at, &t); n++) {
		assert_int_equal(t.kind, texts[n].kind);
		assert_true(span_eq(t.name, texts[n].name));
		assert_true(span_eq(t.text, texts[n].text));
	}
	assert_int_equal(n, TEXTS_N);
	assert_true(texts_find(all, 1, SPAN("mail"), &found));
	assert_true(span_eq(found, texts[0].text));
	assert_true(texts_find(all, 2, SPAN("mail"), &found));
	assert_int_equal(found.n, 0);
	assert_false(texts_find(all, 3, SPAN("mail"), &found));
	assert_false(texts_find(all, 2, SPAN("mai"), &found));
}

/* Only at the end of one are the octets a block again. */
static void at_every_cut(void **state)
{
	uint8_t block[256];
	const struct span all = written(block, sizeof(block));
	size_t good = 0;

	(void)state;
	for (size_t n = 0; n <= all.n; n++) {
		struct fence f;

		fence_init(&f, all.n);
		good += texts_valid(span_of(fence_at_end(&f, span_sub(all, 0, n)), n));
		fence_deinit(&f);
	}
	assert_int_equal(good, TEXTS_N + 1);
}

static void sizes_that_lie(void **state)
{
	uint8_t block[256], other[256];
	const struct span all = written(block, sizeof(block));

	(void)state;
	for (size_t i = 0; i < all.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct text t;

			memcpy(other, block, all.n);
			other[i] ^= (uint8_t)(1u << bit);
			if (texts_valid(span_of(other, all.n)))
				for (size_t at = 0; texts_next(span_of(other, all.n), &at, &t);)
					assert_true(t.text.p + t.text.n <= other + all.n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(at_every_cut),
		cmocka_unit_test(sizes_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
