/* SPDX-License-Identifier: ISC */
#include "cli/doctor_routes.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *read_array(struct span text)
{
	json_t *array = text.n > 0 ? json_loadb((const char *)text.p, text.n, 0, NULL) : NULL;

	if (json_is_array(array))
		return array;
	json_decref(array);
	return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is(const json_t *object, const char *key, const char *value)
{
	const char *text = text_of(object, key);

	return text != NULL && strcmp(text, value) == 0;
}

static bool take_name(const json_t *object, const char *key, char name[static ROUTES_NAME_MAX])
{
	const char *text = text_of(object, key);

	if (text == NULL || text[0] == '\0' || strlen(text) >= ROUTES_NAME_MAX)
		return false;
	for (size_t i = 0; text[i] != '\0'; i++) /* it goes into lines that are typed */
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"'`$\\;&|<>()", text[i]) != NULL)
			return false;
	memcpy(name, text, strlen(text) + 1);
	return true;
}

/* ---- rules ---- */

static bool number(const char *text, uint32_t *vp)
{
	unsigned long v;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	v = strtoul(text, &end, 0);
	*vp = (uint32_t)v;
	return *end == '\0' && v <= UINT32_MAX;
}

/* Of those without a mark there are always some: they are not what is looked for. */
static bool rule_takes(const json_t *rule, uint32_t mark, const char *in)
{
	uint32_t value, mask = UINT32_MAX;

	if (!number(text_of(rule, "fwmark"), &value) || json_object_get(rule, "not") != NULL)
		return false;
	if (json_object_get(rule, "fwmask") != NULL && !number(text_of(rule, "fwmask"), &mask))
		return false;
	return (mark & mask) == value &&
	       (json_object_get(rule, "iif") == NULL || is(rule, "iif", in)) &&
	       is(rule, "src", "all");
}

bool routes_rule(struct span text, uint32_t mark, const char *in,
	char table[static ROUTES_NAME_MAX], bool *bound)
{
	json_t *rules = read_array(text), *rule;
	bool found = false;
	size_t i;

	json_array_foreach(rules, i, rule)
	{
		found = rule_takes(rule, mark, in) && take_name(rule, "table", table);
		*bound = json_object_get(rule, "iif") != NULL;
		if (found)
			break;
	}
	json_decref(rules);
	return found;
}

/* ---- routes ---- */

bool routes_local_default(struct span text)
{
	json_t *routes = read_array(text), *route;
	bool found = false;
	size_t i;

	json_array_foreach(routes, i, route) found |=
		is(route, "type", "local") && is(route, "dst", "default");
	json_decref(routes);
	return found;
}

bool routes_first(struct span text, char name[static ROUTES_NAME_MAX], bool *localp)
{
	json_t *routes = read_array(text), *route = json_array_get(routes, 0);
	const bool found = take_name(route, "dev", name);

	*localp = is(route, "type", "local");
	json_decref(routes);
	return found;
}
