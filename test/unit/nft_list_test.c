/* SPDX-License-Identifier: ISC */
#include "rules/kernel/nft_list.h"

#include "test/unit/support.h"

#define TABLE(lines)                                                                               \
	"table inet postern {\n"                                                                   \
	"\tchain input {\n"                                                                        \
	"\t\ttype filter hook input priority filter - 1; policy accept;\n" lines "\t}\n\n"         \
	"\tchain forward {\n"                                                                      \
	"\t\ttype filter hook forward priority filter - 1; policy accept;\n"                       \
	"\t}\n"                                                                                    \
	"}\n"
#define DROP(packets)                                                                              \
	"\t\ttcp dport 25 counter packets " packets " bytes 60 drop comment \"publish a r:1\"\n"

static void chains(void **state)
{
	struct span rest = span_str(TABLE(DROP("1")));
	struct nft_chain c;

	(void)state;
	assert_true(nft_next_chain(&rest, &c));
	assert_true(span_eq(c.name, SPAN("input")));
	assert_true(c.lines.n > 0 && c.lines.p[c.lines.n - 1] == '\n');
	assert_true(nft_next_chain(&rest, &c));
	assert_true(span_eq(c.name, SPAN("forward")));
	assert_false(nft_next_chain(&rest, &c));
}

static void states(void **state)
{
	const struct span want = span_str(TABLE(DROP("0"))), none = { NULL, 0 };

	(void)state;
	assert_int_equal(nft_compare(want, want, SPAN("input")), IPTABLES_IN_SYNC);
	assert_int_equal(nft_compare(want, none, SPAN("input")), IPTABLES_MISSING);
	assert_int_equal(nft_compare(none, want, SPAN("input")), IPTABLES_SURPLUS);
	assert_int_equal(nft_compare(none, none, SPAN("input")), IPTABLES_UNNEEDED);
	assert_int_equal(
		nft_compare(want, span_str(TABLE(DROP("98765"))), SPAN("input")), IPTABLES_IN_SYNC);
	assert_int_equal(nft_compare(want, span_str(TABLE("")), SPAN("input")), IPTABLES_CHANGED);
	assert_int_equal(nft_compare(want, span_str(TABLE(DROP("0") DROP("0"))), SPAN("input")),
		IPTABLES_CHANGED);
	assert_int_equal(nft_compare(want, span_str(TABLE("")), SPAN("forward")), IPTABLES_IN_SYNC);
}

static void add_up(void *context, const struct nft_count *c)
{
	assert_true(span_eq(c->comment, SPAN("publish a r:1")));
	*(uint64_t *)context += c->packets + (c->drops ? 1000 : 0);
}

static void counters(void **state)
{
	uint64_t sum = 0;

	(void)state;
	nft_counts(span_str(TABLE(DROP(
			   "7") "\t\ttcp dport 25 counter packets 5 bytes 300 redirect to "
				":10525 comment \"publish a r:1\"\n"
				"\t\tcounter packets 3 bytes 1 return comment \"publish a r:1\"\n"
				"\t\tcounter packets 3 bytes 1 drop\n")),
		add_up, &sum);
	assert_int_equal(sum, 1012);
}

static void ignore(void *context, const struct nft_count *c)
{
	(void)context;
	(void)c;
}

/* Each cut, before an unreadable page. */
static void text_that_ends_early(void **state)
{
	const struct span text = span_str(TABLE(DROP("18446744073709551615")));
	struct fence f;

	(void)state;
	fence_init(&f, text.n);
	for (size_t n = 0; n <= text.n; n++) {
		const struct span cut = span_of(fence_at_end(&f, span_sub(text, 0, n)), n);
		struct span rest = cut;
		struct nft_chain c;

		while (nft_next_chain(&rest, &c))
			nft_compare(text, cut, c.name);
		nft_counts(cut, ignore, NULL);
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains),
		cmocka_unit_test(states),
		cmocka_unit_test(counters),
		cmocka_unit_test(text_that_ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
