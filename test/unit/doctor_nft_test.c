/* SPDX-License-Identifier: ISC */
#include "cli/doctor_nft.h"

#include <stdio.h>

#include "test/unit/support.h"

#define CHAIN(family, table, name, hook, policy)                                                   \
	"{\"chain\":{\"family\":\"" family "\",\"table\":\"" table "\",\"name\":\"" name           \
	"\",\"type\":\"filter\",\"hook\":\"" hook "\",\"prio\":0,\"policy\":\"" policy "\"}}"
#define GUARD CHAIN("inet", "guard", "input", "input", "drop")
#define RULE(expr)                                                                                 \
	",{\"rule\":{\"family\":\"inet\",\"table\":\"guard\",\"chain\":\"x\",\"expr\":[" expr "]}" \
	"}"
#define MATCH(right) "{\"match\":{\"op\":\"==\",\"left\":{},\"right\":" right "}}"
#define ACCEPT       ",{\"accept\":null}"

static bool drops(const char *items)
{
	static char text[4096];
	struct nft_chain c;

	snprintf(text, sizeof(text), "{\"nftables\":[{\"metainfo\":{}},%s]}", items);
	return nft_drops(span_str(text), "input", IP_V4, 10525, &c);
}

static void a_chain_that_drops_is_named(void **state)
{
	struct nft_chain c;

	(void)state;
	assert_true(nft_drops(SPAN("{\"nftables\":[" GUARD "]}"), "input", IP_V6, 10525, &c));
	assert_string_equal(c.family, "inet");
	assert_string_equal(c.table, "guard");
	assert_string_equal(c.name, "input");
}

static void other_chains_do_not_drop(void **state)
{
	static const char *const items[] = {
		CHAIN("inet", "guard", "input", "input", "accept"),
		CHAIN("inet", "guard", "forward", "forward", "drop"),
		CHAIN("ip6", "guard", "input", "input", "drop"),
		CHAIN("ip", "filter", "INPUT", "input", "drop"),
		CHAIN("inet", "a;b", "input", "input", "drop"),
		"{\"chain\":{\"family\":\"inet\",\"table\":\"guard\",\"name\":\"x\"}}",
		"{\"chain\":[]}",
		"1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(items); i++)
		assert_false(drops(items[i]));
	assert_true(drops(CHAIN("ip", "guard", "input", "input", "drop")));
}

static void a_rule_for_all_that_is_left_drops(void **state)
{
#define OPEN   CHAIN("inet", "guard", "x", "input", "accept")
#define REJECT "{\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}"
	(void)state;
	assert_false(drops(OPEN));
	assert_true(drops(OPEN RULE("{\"counter\":null},{\"drop\":null}")));
	assert_true(drops(OPEN RULE(REJECT)));
	assert_false(drops(OPEN RULE(MATCH("7") "," REJECT)));
	assert_false(drops(OPEN RULE("{\"limit\":{\"rate\":1}}," REJECT)));
	assert_false(drops(OPEN RULE(MATCH("\"dnat\"") ACCEPT) RULE(REJECT)));
	assert_false(drops(CHAIN("inet", "guard", "y", "input", "accept") RULE(REJECT)));
}

static void a_rule_that_may_let_it_in_is_believed(void **state)
{
	static const char *const in[] = {
		GUARD RULE(MATCH("10525") ACCEPT),
		GUARD RULE("{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[{\"ct\":{\"key\":\"mark\"}},"
			   "4278190080]},\"right\":0}}" ACCEPT),
		GUARD RULE(MATCH("{\"set\":[25,10525]}") ACCEPT),
		GUARD RULE(MATCH("{\"range\":[10000,11000]}") ACCEPT),
		GUARD RULE(MATCH("\"@ports\"") ACCEPT),
		GUARD RULE(MATCH("\"dnat\"") ACCEPT),
		GUARD RULE("{\"counter\":{}}" ACCEPT),
	};
	static const char *const out[] = {
		GUARD RULE(MATCH("10525") ",{\"drop\":null}"),
		GUARD RULE(MATCH("25") ACCEPT),
		GUARD RULE(MATCH("{\"range\":[1,2]}") ACCEPT),
		GUARD RULE(MATCH("{\"range\":[1]}") ACCEPT),
		GUARD RULE(MATCH("\"established\"") ACCEPT),
		GUARD RULE(MATCH("\"lo\"") ACCEPT),
		GUARD ",{\"rule\":{\"family\":\"inet\",\"table\":\"other\",\"expr\":[{\"accept\":"
		      "null}]}}",
		GUARD ",{\"rule\":7}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(in); i++)
		assert_false(drops(in[i]));
	for (size_t i = 0; i < COUNT_OF(out); i++)
		assert_true(drops(out[i]));
}

static void what_is_no_such_json_holds_nothing(void **state)
{
	static const char whole[] = "{\"nftables\":[" GUARD RULE(MATCH("25") ACCEPT) "]}";
	static const char *const texts[] = { "", "{", "[]", "null", "{\"nftables\":7}",
		"{\"nftables\":{}}", "{\"nftables\":[null,[],{}]}", "Error: syntax", "\xff" };
	struct nft_chain c;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_false(nft_drops(span_str(texts[i]), "input", IP_V4, 25, &c));
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_false(nft_drops(span_of(whole, n), "input", IP_V4, 10525, &c));
	assert_true(nft_drops(span_str(whole), "input", IP_V4, 10525, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_that_drops_is_named),
		cmocka_unit_test(other_chains_do_not_drop),
		cmocka_unit_test(a_rule_for_all_that_is_left_drops),
		cmocka_unit_test(a_rule_that_may_let_it_in_is_believed),
		cmocka_unit_test(what_is_no_such_json_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
