/* SPDX-License-Identifier: ISC */
/* filter/gate/gather: whose hellos are kept, for how long, and how many. */
#include "filter/gate/gather.h"

#include "test/unit/support.h"

/* name "a", TLS 1.3 and 1.2 */
static const uint8_t client_hello[] = { 22, 3, 1, 0, 66, 1, 0, 0, 62, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8,
	9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 0, 0, 2, 19, 1, 1, 0, 0, 19, 0, 0, 0, 6, 0, 4, 0, 0, 1, 97, 0, 43, 0, 5, 4, 3, 4, 3,
	3 };
static const uint8_t server_hello[] = { 22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8,
	9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 0, 0, 47, 0 };

static struct gather g;

static void client_says(struct gathered *of, size_t from, size_t n)
{
	gather_take(&g, of, GATHER_CLIENT, 100 + (uint32_t)from, span_of(client_hello + from, n));
}

static void server_says(struct gathered *of)
{
	gather_take(&g, of, GATHER_SERVER, 900, span_of(server_hello, sizeof(server_hello)));
}

static void both_and_it_is_over(void **state)
{
	struct gathered of = { 0 };
	const struct gather_told *t;

	(void)state;
	gather_take(&g, &of, GATHER_CLIENT, 99, (struct span){ 0 }); /* a bare ACK */
	assert_int_equal(g.n, 0);
	client_says(&of, 0, 30);
	assert_int_equal(g.n, 1);
	client_says(&of, 30, sizeof(client_hello) - 30);
	server_says(&of);
	assert_int_equal(g.n, 0); /* octets are not kept any longer */
	assert_true(of.over);
	client_says(&of, 0, sizeof(client_hello));
	assert_int_equal(g.n, 0);
	t = gather_end(&g, &of);
	assert_non_null(t);
	assert_int_equal(t->n_name, 1);
	assert_int_equal(t->name[0], 'a');
	assert_int_equal(t->chosen, HELLO_TLS12);
	gather_forget(&g, &of);
	assert_null(of.told);
}

static void what_there_is_when_it_ends(void **state)
{
	struct gathered client = { 0 }, server = { 0 }, neither = { 0 };
	const struct gather_told *t;

	(void)state;
	client_says(&client, 0, sizeof(client_hello));
	server_says(&server);
	client_says(&neither, 0, 30);
	t = gather_end(&g, &client);
	assert_non_null(t);
	assert_int_equal(t->n_name, 1);
	assert_int_equal(t->chosen, 0);
	t = gather_end(&g, &server);
	assert_non_null(t);
	assert_int_equal(t->n_name, 0);
	assert_int_equal(t->offered, 0);
	assert_int_equal(t->chosen, HELLO_TLS12);
	assert_null(gather_end(&g, &neither));
	assert_int_equal(g.n, 0);
	gather_forget(&g, &client);
	gather_forget(&g, &server);
	gather_forget(&g, &neither);
}

/* A hello that turns out to be none tells nothing of what was read before. */
static void a_malformed_one(void **state)
{
	uint8_t bad[sizeof(client_hello)];
	struct gathered of = { 0 };

	(void)state;
	memcpy(bad, client_hello, sizeof(bad));
	bad[sizeof(bad) - 5] = 9; /* longer than there are octets */
	gather_take(&g, &of, GATHER_CLIENT, 1, span_of(bad, sizeof(bad)));
	server_says(&of);
	assert_int_equal(g.n, 0);
	assert_int_equal(of.told->n_name, 0);
	assert_int_equal(of.told->offered, 0);
	gather_forget(&g, &of);
}

static void the_oldest_goes_without(void **state)
{
	static struct gathered of[GATHER_MAX + 2];

	(void)state;
	client_says(&of[1], 0, sizeof(client_hello));
	for (size_t i = 0; i < COUNT_OF(of); i++)
		client_says(&of[i], 0, 30);
	assert_int_equal(g.n, GATHER_MAX);
	assert_true(of[0].over && of[1].over); /* which has said something already */
	assert_null(of[0].told);
	assert_non_null(of[1].told);
	assert_false(of[2].over);
	gather_forget(&g, &of[7]); /* from the middle */
	assert_int_equal(g.n, GATHER_MAX - 1);
	for (size_t i = 0; i < COUNT_OF(of); i++)
		gather_forget(&g, &of[i]);
	assert_int_equal(g.n, 0);
	assert_null(g.oldest);
	assert_null(g.youngest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_and_it_is_over),
		cmocka_unit_test(what_there_is_when_it_ends),
		cmocka_unit_test(a_malformed_one),
		cmocka_unit_test(the_oldest_goes_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
