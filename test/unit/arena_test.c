/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <stdalign.h>

#include "test/unit/support.h"

static void rooms_are_aligned_zeroed_and_apart(void **state)
{
	uint8_t block[512];

	(void)state;
	for (size_t from = 0; from < alignof(max_align_t); from++) {
		struct arena a;
		uint8_t *end = block + from;

		memset(block, 0xff, sizeof block);
		arena_init(&a, block + from, 256);
		for (size_t n = 1; n < 8; n++) {
			uint8_t *p = arena_alloc(&a, n, 3);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
			assert_true(p >= end);
			for (size_t i = 0; i < n * 3; i++)
				assert_int_equal(p[i], 0);
			end = p + n * 3;
			assert_true(end <= block + from + 256);
		}
	}
}

static void a_request_that_does_not_fit_is_remembered(void **state)
{
	alignas(max_align_t) uint8_t block[64];
	struct arena a;

	(void)state;
	arena_init(&a, block, sizeof block);
	assert_non_null(arena_alloc(&a, 64, 1));
	assert_false(a.full);
	assert_null(arena_alloc(&a, 1, 1));
	assert_true(a.full);
}

static void sizes_that_wrap_do_not_fit(void **state)
{
	static const size_t sizes[][2] = {
		{ SIZE_MAX, 1 },
		{ 1, SIZE_MAX },
		{ SIZE_MAX, SIZE_MAX },
		{ SIZE_MAX / 2 + 1, 2 },
		{ 2, SIZE_MAX / 2 + 1 },
		{ SIZE_MAX - 15, 1 },
		{ 65, 1 },
		{ 1, 65 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		alignas(max_align_t) uint8_t block[64];
		struct arena a;

		arena_init(&a, block, sizeof block);
		assert_non_null(arena_alloc(&a, 1, 1));
		if (arena_alloc(&a, sizes[i][0], sizes[i][1]) != NULL || !a.full)
			fail_msg("%zu of %zu octets", sizes[i][0], sizes[i][1]);
	}
}

static void no_block_gives_no_room(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_null(arena_alloc(&a, 1, 1));
	assert_true(a.full);
}

static void copies_of_spans_end_with_a_nul(void **state)
{
	uint8_t block[64];
	struct arena a;
	char *s;

	(void)state;
	arena_init(&a, block, sizeof block);
	s = arena_str(&a, SPAN("a\0b"));
	assert_memory_equal(s, "a\0b", 4);
	s = arena_str(&a, (struct span){ NULL, 0 });
	assert_string_equal(s, "");
	assert_null(arena_str(&a, (struct span){ block, SIZE_MAX }));
	assert_true(a.full);
}

static void typed_rooms_hold_their_type(void **state)
{
	uint8_t block[256];
	struct arena a;
	struct pair {
		uint64_t x;
		char c;
	} * one, *many;

	(void)state;
	arena_init(&a, block, sizeof block);
	one = ARENA_NEW(&a, struct pair);
	many = ARENA_ARRAY(&a, struct pair, 4);
	one->x = 1;
	many[3].x = 2;
	assert_int_equal(one->x, 1);
	assert_int_equal(many[0].x, 0);
	assert_true((uint8_t *)&many[4] <= block + sizeof block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rooms_are_aligned_zeroed_and_apart),
		cmocka_unit_test(a_request_that_does_not_fit_is_remembered),
		cmocka_unit_test(sizes_that_wrap_do_not_fit),
		cmocka_unit_test(no_block_gives_no_room),
		cmocka_unit_test(copies_of_spans_end_with_a_nul),
		cmocka_unit_test(typed_rooms_hold_their_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
