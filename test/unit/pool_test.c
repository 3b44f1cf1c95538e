/* SPDX-License-Identifier: ISC */
/* proxy/pool: octets that wait stay in order, and all lent memory together has a bound. */
#include "test/unit/support.h"

#include "proxy/pool.h"

static void smallest_class_that_holds(void **state)
{
	static const struct {
		size_t need, size;
	} cases[] = { { 0, POOL_SMALL }, { 1, POOL_SMALL }, { POOL_SMALL, POOL_SMALL },
		{ POOL_SMALL + 1, POOL_MIDDLE }, { POOL_MIDDLE, POOL_MIDDLE },
		{ POOL_MIDDLE + 1, POOL_LARGE }, { POOL_LARGE, POOL_LARGE },
		{ POOL_LARGE + 1, 0 } };
	struct pool p;

	(void)state;
	pool_init(&p, POOL_MAX);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t size = 0;
		void *block = pool_lend(&p, cases[i].need, &size);
		assert_int_equal(size, cases[i].size);
		assert_int_equal(p.lent, size);
		pool_return(&p, block, size);
		assert_int_equal(p.lent, 0);
	}
	pool_deinit(&p);
}

static void no_more_than_the_bound_is_lent(void **state)
{
	struct pool p;
	void *a, *b;
	size_t size;

	(void)state;
	pool_init(&p, POOL_LARGE + POOL_SMALL);
	a = pool_lend(&p, POOL_LARGE, &size);
	assert_non_null(a);
	assert_null(pool_lend(&p, POOL_MIDDLE, &size));
	b = pool_lend(&p, 1, &size);
	assert_non_null(b);
	assert_null(pool_lend(&p, 1, &size));
	pool_return(&p, b, POOL_SMALL);
	pool_return(&p, a, POOL_LARGE);
	pool_deinit(&p);
}

/* Octets 0, 1, 2 ... go in by pieces of one size and out by pieces of another. */
static void held_octets_keep_their_order(void **state)
{
	static const size_t sizes[][2] = { { 1, 1 }, { 700, 300 }, { 1024, 1023 }, { 5000, 20000 },
		{ 16384, 16384 } };
	static uint8_t octets[40000];
	struct pool p;

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 7 + i / 251);
	pool_init(&p, POOL_MAX);
	for (size_t c = 0; c < COUNT_OF(sizes); c++) {
		struct held h = { 0 };
		size_t in = 0, out = 0;
		while (out < sizeof(octets)) {
			struct span piece =
				span_sub(span_of(octets, sizeof(octets)), in, sizes[c][0]);
			assert_true(held_add(&p, &h, piece));
			in += piece.n;
			for (int twice = 0; twice < 2 && h.n; twice++) {
				struct span s = span_sub(held_span(&h), 0, sizes[c][1]);
				assert_memory_equal(s.p, octets + out, s.n);
				out += s.n;
				held_take(&p, &h, s.n);
			}
		}
		assert_null(h.block);
		assert_int_equal(p.lent, 0);
	}
	pool_deinit(&p);
}

static void a_full_buffer_takes_no_more_and_loses_nothing(void **state)
{
	static uint8_t octets[POOL_LARGE];
	struct held h = { 0 };
	struct pool p;

	(void)state;
	pool_init(&p, POOL_MAX);
	assert_true(held_add(&p, &h, span_of("x", 1)));
	assert_false(held_add(&p, &h, span_of(octets, POOL_LARGE)));
	assert_int_equal(h.n, 1);
	assert_true(held_add(&p, &h, span_of(octets, POOL_LARGE - 1)));
	assert_false(held_add(&p, &h, span_of("y", 1)));
	assert_int_equal(held_span(&h).p[0], 'x');
	held_drop(&p, &h);
	assert_int_equal(p.lent, 0);
	pool_deinit(&p);
}

static void a_block_may_be_taken_over_with_its_octets(void **state)
{
	struct held h = { 0 };
	struct pool p;
	size_t size;
	uint8_t *block;

	(void)state;
	pool_init(&p, POOL_MAX);
	block = pool_lend(&p, POOL_LARGE, &size);
	memcpy(block + 100, "message text", 12);
	held_adopt(&h, block, size, 100, 12);
	held_take(&p, &h, 8);
	assert_memory_equal(held_span(&h).p, "text", 4);
	held_take(&p, &h, 4);
	assert_null(h.block);
	assert_int_equal(p.lent, 0);
	pool_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_class_that_holds),
		cmocka_unit_test(no_more_than_the_bound_is_lent),
		cmocka_unit_test(held_octets_keep_their_order),
		cmocka_unit_test(a_full_buffer_takes_no_more_and_loses_nothing),
		cmocka_unit_test(a_block_may_be_taken_over_with_its_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
