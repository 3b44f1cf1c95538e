/* SPDX-License-Identifier: ISC */
#include "cli/json.h"

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		out_octet(j->o, ',');
	j->comma = true;
	if (key == NULL)
		return;
	out_json(j->o, span_str(key), SIZE_MAX);
	out_octet(j->o, ':');
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	out_octet(j->o, (uint8_t)bracket);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	out_octet(j->o, (uint8_t)bracket);
	j->comma = true;
}

void json_span(struct json *j, const char *key, struct span value)
{
	begin(j, key);
	out_json(j->o, value, SIZE_MAX);
}

void json_str(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value != NULL)
		out_json(j->o, span_str(value), SIZE_MAX);
	else
		out_str(j->o, "null");
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	out_u64(j->o, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	out_str(j->o, value ? "true" : "false");
}
