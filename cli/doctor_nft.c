/* SPDX-License-Identifier: ISC */
#include "cli/doctor_nft.h"

#include <jansson.h>

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is(const json_t *object, const char *key, const char *value)
{
	const char *text = text_of(object, key);

	return text != NULL && strcmp(text, value) == 0;
}

/* It goes into lines that are typed. */
static bool take_name(const json_t *object, const char *key, char *name, size_t size)
{
	const char *text = text_of(object, key);

	if (text == NULL || text[0] == '\0' || strlen(text) >= size)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (!ascii_alpha((uint8_t)*c) && !ascii_digit((uint8_t)*c) &&
			strchr("_-.", *c) == NULL)
			return false;
	memcpy(name, text, strlen(text) + 1);
	return true;
}

/* ---- rules ---- */

static bool in_range(const json_t *range, uint16_t port)
{
	const json_t *from = json_array_get(range, 0), *to = json_array_get(range, 1);

	return json_is_integer(from) && json_is_integer(to) && json_integer_value(from) <= port &&
	       json_integer_value(to) >= port;
}

/* Somewhere in an expression: the port, or what may stand for it: a set, changed destinations,
 * marks. */
static bool names_port(const json_t *e, uint16_t port)
{
	const char *key, *text = json_string_value(e);
	json_t *part;
	size_t i;

	if (json_is_integer(e))
		return json_integer_value(e) == port;
	if (text != NULL)
		return text[0] == '@' || strcmp(text, "dnat") == 0 || strcmp(text, "mark") == 0;
	json_array_foreach(e, i, part)
	{
		if (names_port(part, port))
			return true;
	}
	json_object_foreach((json_t *)(uintptr_t)e, key, part)
	{
		if (names_port(part, port) || (strcmp(key, "range") == 0 && in_range(part, port)))
			return true;
	}
	return false;
}

static bool has_key(const json_t *e, const char *name)
{
	const char *key;
	json_t *part;
	size_t i;

	json_array_foreach(e, i, part)
	{
		if (has_key(part, name))
			return true;
	}
	json_object_foreach((json_t *)(uintptr_t)e, key, part)
	{
		if (strcmp(key, name) == 0 || has_key(part, name))
			return true;
	}
	return false;
}

static bool accepts(const json_t *rule, uint16_t port)
{
	const json_t *expr = json_object_get(rule, "expr");

	return has_key(expr, "accept") && (!has_key(expr, "match") || names_port(expr, port));
}

/* A rule of any chain of the table: they may lead to each other. */
static bool table_accepts(const json_t *all, const json_t *chain, uint16_t port)
{
	const char *family = text_of(chain, "family"), *table = text_of(chain, "table");
	json_t *item;
	size_t i;

	json_array_foreach(all, i, item)
	{
		const json_t *rule = json_object_get(item, "rule");

		if (family != NULL && table != NULL && is(rule, "family", family) &&
			is(rule, "table", table) && accepts(rule, port))
			return true;
	}
	return false;
}

/* Whatever comes to it. */
static bool ends_all(const json_t *rule)
{
	const json_t *expr = json_object_get(rule, "expr");

	return (has_key(expr, "drop") || has_key(expr, "reject")) && !has_key(expr, "match") &&
	       !has_key(expr, "vmap") && !has_key(expr, "limit");
}

/* ---- chains ---- */

/* By its policy, or by a rule of its own for all that is left, as firewalld's. */
static bool chain_drops(const json_t *all, const json_t *chain)
{
	json_t *item;
	size_t i;

	if (is(chain, "policy", "drop"))
		return true;
	json_array_foreach(all, i, item)
	{
		const json_t *rule = json_object_get(item, "rule");
		const char *family = text_of(chain, "family"), *table = text_of(chain, "table"),
			   *name = text_of(chain, "name");

		if (family != NULL && table != NULL && name != NULL && is(rule, "family", family) &&
			is(rule, "table", table) && is(rule, "chain", name) && ends_all(rule))
			return true;
	}
	return false;
}

static bool is_of_family(const json_t *chain, enum ip_family family)
{
	return is(chain, "family", "inet") || is(chain, "family", family == IP_V6 ? "ip6" : "ip");
}

/* Its chains are judged by cli/doctor_tables.h. */
static bool is_of_iptables(const json_t *chain)
{
	return !is(chain, "family", "inet") && is(chain, "table", "filter") &&
	       (is(chain, "name", "INPUT") || is(chain, "name", "FORWARD"));
}

static bool take_chain(const json_t *chain, struct nft_chain *c)
{
	return take_name(chain, "family", c->family, sizeof(c->family)) &&
	       take_name(chain, "table", c->table, sizeof(c->table)) &&
	       take_name(chain, "name", c->name, sizeof(c->name));
}

bool nft_drops(struct span text, const char *hook, enum ip_family family, uint16_t port,
	struct nft_chain *chainp)
{
	json_t *whole = text.n > 0 ? json_loadb((const char *)text.p, text.n, 0, NULL) : NULL;
	const json_t *all = json_object_get(whole, "nftables");
	bool found = false;
	json_t *item;
	size_t i;

	json_array_foreach(all, i, item)
	{
		const json_t *chain = json_object_get(item, "chain");

		found = is(chain, "hook", hook) && is_of_family(chain, family) &&
			!is_of_iptables(chain) && chain_drops(all, chain) &&
			!table_accepts(all, chain, port) && take_chain(chain, chainp);
		if (found)
			break;
	}
	json_decref(whole);
	return found;
}

bool nft_chain_of(const struct json_t *rule, struct nft_chain *c)
{
	return take_name(rule, "family", c->family, sizeof(c->family)) &&
	       take_name(rule, "table", c->table, sizeof(c->table)) &&
	       take_name(rule, "chain", c->name, sizeof(c->name));
}
