/* SPDX-License-Identifier: ISC */
#include "log/text.h"

#include "filter/policy/codes.h"
#include "log/read.h"

static bool plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"';
}

/* Records escape what came from peers already; whatever else is not printable did not come from us.
 */
static void put_clean(struct out *o, const char *text)
{
	for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; p++) {
		if (plain(*p))
			out_octet(o, *p);
		else if (*p == '"')
			out_str(o, "\\\"");
		else {
			out_str(o, "\\x");
			out_hex(o, *p, 2);
		}
	}
}

static void put_column(struct out *o, const json_t *record, const char *key)
{
	const char *text = log_record_text(record, key);

	if (text == NULL)
		return;
	out_octet(o, ' ');
	put_clean(o, text);
}

/* Milliseconds are enough for reading. */
static void put_time(struct out *o, const char *time)
{
	struct span s = span_str(time);

	if (s.n != 27) {
		put_clean(o, time);
		return;
	}
	for (size_t i = 0; i < 23; i++)
		out_octet(o, plain(s.p[i]) ? s.p[i] : '?');
	out_octet(o, 'Z');
}

static void put_rule(struct out *o, const json_t *record)
{
	const char *at = log_record_text(record, "rule_at");

	put_column(o, record, "rule");
	if (at == NULL)
		return;
	out_octet(o, '(');
	put_clean(o, at);
	out_octet(o, ')');
}

static void put_title(struct out *o, const json_t *record)
{
	enum code code = code_find(span_str(log_record_text(record, "code")));

	if (code == CODE_COUNT) {
		put_column(o, record, "event");
		return;
	}
	out_octet(o, ' ');
	out_str(o, code_info(code)->title);
}

static bool needs_quotes(const char *text)
{
	return *text == '\0' || strpbrk(text, " \"=,") != NULL;
}

static void put_value(struct out *o, const json_t *value);

/* "b@in.test reply=550 text=..." of a recipient, separated by commas */
static void put_object(struct out *o, const json_t *object)
{
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach((json_t *)object, key, value)
	{
		if (!first) {
			out_octet(o, ' ');
			put_clean(o, key);
			out_octet(o, '=');
		}
		put_value(o, value);
		first = false;
	}
}

static void put_value(struct out *o, const json_t *value)
{
	const char *text = json_string_value(value);
	const json_t *entry;
	size_t i;

	if (text != NULL) {
		bool quotes = needs_quotes(text);
		out_str(o, quotes ? "\"" : "");
		put_clean(o, text);
		out_str(o, quotes ? "\"" : "");
	} else if (json_is_integer(value) && json_integer_value(value) >= 0)
		out_u64(o, (uint64_t)json_integer_value(value));
	else if (json_is_boolean(value))
		out_str(o, json_is_true(value) ? "yes" : "no");
	else if (json_is_object(value))
		put_object(o, value);
	else
		json_array_foreach(value, i, entry)
		{
			out_str(o, i > 0 ? ", " : "[");
			put_object(o, entry);
		}
	if (json_is_array(value))
		out_str(o, json_array_size(value) > 0 ? "]" : "[]");
}

/* Shown in front, or of little use to a reader. */
static bool is_column(const char *key)
{
	static const char *const columns[] = { "time", "code", "severity", "event", "session",
		"client", "client_port", "rule", "rule_at" };

	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (strcmp(key, columns[i]) == 0)
			return true;
	return false;
}

void log_text_print(struct out *o, const json_t *record)
{
	const char *key;
	json_t *value;
	bool first = true;

	put_time(o, log_record_text(record, "time"));
	put_column(o, record, "code");
	put_column(o, record, "severity");
	put_column(o, record, "session");
	put_column(o, record, "client");
	put_rule(o, record);
	put_title(o, record);
	json_object_foreach((json_t *)record, key, value)
	{
		if (is_column(key))
			continue;
		out_str(o, first ? ": " : " ");
		put_clean(o, key);
		out_octet(o, '=');
		put_value(o, value);
		first = false;
	}
}
