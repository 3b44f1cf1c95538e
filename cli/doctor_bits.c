/* SPDX-License-Identifier: ISC */
#include "cli/doctor_bits.h"

#include <jansson.h>

#include "cli/doctor_match.h"

#define ALL_BITS UINT32_MAX

/* ---- iptables ---- */

static bool has_word(struct span options, const char *name)
{
	for (;;) {
		const struct span word = match_word(&options);

		if (word.n == 0 || match_is(word, name))
			return word.n > 0;
	}
}

static uint32_t mask_option(struct span options, const char *name)
{
	uint32_t mask, all;
	const struct span said = tables_option(options, name);

	return said.n > 0 && tables_mark(said, &mask, &all) ? mask : ALL_BITS;
}

/* "value/mask": bits of the mask are cleared, those of the value turned. */
static uint32_t set_bits(struct span options, const char *name)
{
	uint32_t value, mask;
	const struct span said = tables_option(options, name);

	if (said.n == 0)
		return 0;
	return tables_mark(said, &value, &mask) ? value | mask : ALL_BITS;
}

static struct bits connmark_bits(struct span options)
{
	struct bits b = { .connection = set_bits(options, "--set-xmark") };

	if (has_word(options, "--save-mark"))
		b.connection |= mask_option(options, "--ctmask");
	if (has_word(options, "--restore-mark"))
		b.packet |= mask_option(options, "--nfmask");
	return b;
}

struct bits bits_of_target(struct span target, struct span options)
{
	if (match_is(target, "MARK"))
		return (struct bits){ .packet = set_bits(options, "--set-xmark") };
	if (match_is(target, "TPROXY"))
		return (struct bits){ .packet = set_bits(options, "--tproxy-mark") };
	if (match_is(target, "CONNMARK"))
		return connmark_bits(options);
	return (struct bits){ 0 };
}

/* ---- nft ---- */

static bool is_mark(const json_t *e, const char *kind)
{
	const char *key = json_string_value(json_object_get(json_object_get(e, kind), "key"));

	return key != NULL && strcmp(key, "mark") == 0;
}

/* Bits in which @value may differ from the mark that it is given to. */
static uint32_t changed(const json_t *value, const char *kind)
{
	static const char *const operators[] = { "&", "|", "^" };

	if (is_mark(value, kind))
		return 0;
	for (size_t i = 0; i < 3; i++) {
		const json_t *sides = json_object_get(value, operators[i]);
		const json_t *constant = json_array_get(sides, 1);
		const uint32_t v = (uint32_t)json_integer_value(constant);

		if (json_is_integer(constant))
			return changed(json_array_get(sides, 0), kind) | (i == 0 ? ~v : v);
	}
	return ALL_BITS;
}

static struct bits rule_bits(const json_t *rule)
{
	struct bits b = { 0 };
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(rule, "expr"), i, item)
	{
		const json_t *m = json_object_get(item, "mangle");
		const json_t *key = json_object_get(m, "key"), *value = json_object_get(m, "value");

		if (is_mark(key, "meta"))
			b.packet |= changed(value, "meta");
		if (is_mark(key, "ct"))
			b.connection |= changed(value, "ct");
	}
	return b;
}

void bits_of_nft(struct span text,
	void (*each)(void *context, const struct nft_chain *chain, struct bits bits), void *context)
{
	json_t *whole = text.n > 0 ? json_loadb((const char *)text.p, text.n, 0, NULL) : NULL;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(whole, "nftables"), i, item)
	{
		const json_t *rule = json_object_get(item, "rule");
		const struct bits b = rule_bits(rule);
		struct nft_chain c;

		if ((b.packet | b.connection) != 0 && nft_chain_of(rule, &c))
			each(context, &c, b);
	}
	json_decref(whole);
}
