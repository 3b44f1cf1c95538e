/* SPDX-License-Identifier: ISC */
#include "cli/doctor_bits.h"

#include <stdio.h>

#include "test/unit/support.h"

static void targets_of_iptables(void **state)
{
	static const struct {
		const char *target, *options;
		uint32_t packet, connection;
	} cases[] = {
		{ "ACCEPT", "", 0, 0 },
		{ "MARK", "--set-xmark 0x7/0xffffffff", 0xffffffff, 0 },
		{ "MARK", "--set-xmark 0x500000/0xf00000", 0xf00000, 0 },
		{ "MARK", "--set-xmark 0x1/0x0", 1, 0 },
		{ "MARK", "--set-xmark what", 0xffffffff, 0 },
		{ "MARK", "", 0, 0 },
		{ "TPROXY", "--on-port 1 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x3", 3, 0 },
		{ "CONNMARK", "--set-xmark 0x0/0xff000000", 0, 0xff000000 },
		{ "CONNMARK", "--save-mark", 0, 0xffffffff },
		{ "CONNMARK", "--save-mark --nfmask 0xff --ctmask 0xf0", 0, 0xf0 },
		{ "CONNMARK", "--restore-mark", 0xffffffff, 0 },
		{ "CONNMARK", "--restore-mark --nfmask 0xff --ctmask 0xf0", 0xff, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct bits b =
			bits_of_target(span_str(cases[i].target), span_str(cases[i].options));

		assert_int_equal(b.packet, cases[i].packet);
		assert_int_equal(b.connection, cases[i].connection);
	}
}

/* ---- nft ---- */

#define META "{\"meta\":{\"key\":\"mark\"}}"
#define CT   "{\"ct\":{\"key\":\"mark\"}}"

struct found {
	size_t n;
	struct bits bits;
	char chain[NFT_NAME_MAX];
};

static void take(void *context, const struct nft_chain *chain, struct bits bits)
{
	struct found *f = context;

	f->n++;
	f->bits = bits;
	memcpy(f->chain, chain->name, sizeof(f->chain));
}

static struct found of_rule(const char *key, const char *value)
{
	struct found f = { 0 };
	char text[1024];

	snprintf(text, sizeof(text),
		"{\"nftables\":[{\"metainfo\":{}},{\"rule\":{\"family\":\"inet\",\"table\":\"t\","
		"\"chain\":\"c\",\"expr\":[{\"match\":{}},{\"mangle\":{\"key\":%s,\"value\":%s}}]}}"
		"]}",
		key, value);
	bits_of_nft(span_str(text), take, &f);
	return f;
}

static void rules_of_nft(void **state)
{
	static const struct {
		const char *key, *value;
		uint32_t packet, connection;
	} cases[] = {
		{ META, "7", 0xffffffff, 0 },
		{ META, CT, 0xffffffff, 0 },
		{ CT, META, 0, 0xffffffff },
		{ CT, "{\"|\":[" CT ",7]}", 0, 7 },
		{ CT, "{\"&\":[" CT ",16777215]}", 0, 0xff000000 },
		{ CT, "{\"|\":[{\"&\":[" CT ",4294967280]},5]}", 0, 0xf },
		{ CT, "{\"^\":[" META ",1]}", 0, 0xffffffff },
		{ CT, "{\"|\":[" CT "]}", 0, 0xffffffff },
		{ CT, "null", 0, 0xffffffff },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct found f = of_rule(cases[i].key, cases[i].value);

		assert_int_equal(f.n, 1);
		assert_string_equal(f.chain, "c");
		assert_int_equal(f.bits.packet, cases[i].packet);
		assert_int_equal(f.bits.connection, cases[i].connection);
	}
}

static void what_changes_no_mark_is_not_told(void **state)
{
	static const char *const texts[] = { "", "{}", "[", "{\"nftables\":[1,{\"rule\":[]}]}",
		"{\"nftables\":[{\"rule\":{\"family\":\"inet\",\"table\":\"a;b\",\"chain\":\"c\","
		"\"expr\":[{\"mangle\":{\"key\":" CT ",\"value\":1}}]}}]}" };
	struct found f = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		bits_of_nft(span_str(texts[i]), take, &f);
	assert_int_equal(f.n, 0);
	assert_int_equal(of_rule("{\"meta\":{\"key\":\"priority\"}}", "1").n, 0);
	assert_int_equal(of_rule(CT, CT).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_of_iptables),
		cmocka_unit_test(rules_of_nft),
		cmocka_unit_test(what_changes_no_mark_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
