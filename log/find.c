/* SPDX-License-Identifier: ISC */
#include "log/find.h"

#include "base/civil.h"
#include "log/read.h"
#include "log/text.h"

/* Seconds in a unit of "10m", or 0. */
static uint64_t unit_s(uint8_t unit)
{
	switch (unit) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	}
	return 0;
}

/* "2026-11-22", "2026-11-22T09:14", "2026-11-22T09:14:05", each with or without a Z, in seconds
 * since 1970. */
static bool date_time(struct span s, int64_t *sp)
{
	size_t t = span_chr(s, 'T');
	uint32_t second = 0;
	int32_t days;

	if (s.n > 0 && s.p[s.n - 1] == 'Z')
		s.n--;
	if (!civil_parse(span_sub(s, 0, t), &days) ||
		(t < s.n && !civil_time_parse(span_from(s, t + 1), &second)))
		return false;
	*sp = (int64_t)days * 86400 + second;
	return true;
}

bool log_find_since(struct log_find *f, const char *text, int64_t now_ns)
{
	struct span s = span_str(text);
	uint64_t unit = s.n > 1 ? unit_s(s.p[s.n - 1]) : 0, ago;
	int64_t at;
	struct out o;

	if (unit > 0 && span_u64(span_sub(s, 0, s.n - 1), 1000000, &ago))
		at = now_ns / 1000000000 - (int64_t)(ago * unit);
	else if (!date_time(s, &at))
		return false;
	out_init(&o, f->since, sizeof f->since);
	civil_print_utc(&o, at > 0 ? at * 1000000000 : 0);
	out_cstr(&o);
	return true;
}

/* Does "KEY":"VALUE" stand in the line? Our records are printed without blanks, and these values
 * without escapes. */
static bool has_field(struct span line, const char *key, const char *value)
{
	uint8_t block[256];
	struct out o;

	out_init(&o, block, sizeof block);
	out_str(&o, "\"");
	out_str(&o, key);
	out_str(&o, "\":\"");
	out_str(&o, value);
	out_str(&o, "\"");
	return o.full || memmem(line.p, line.n, o.p, o.n) != NULL;
}

bool log_find_line(const struct log_find *f, struct span line)
{
	char number_text[7];

	if (f->has_code && !has_field(line, "code", code_text(f->code, number_text)))
		return false;
	if (f->incident != NULL && !has_field(line, "incident", f->incident))
		return false;
	return f->session == NULL || has_field(line, "session", f->session);
}

static bool client_in(const struct log_find *f, const json_t *record)
{
	const char *client = log_record_text(record, "client");
	struct ip ip;

	return client != NULL && ip_parse(span_str(client), &ip) && ip_in(&ip, &f->client);
}

static bool address_is(const struct log_find *f, const char *address)
{
	struct span want = span_str(f->mail), a = span_str(address);

	if (want.n > 0 && want.p[0] == '@' && a.n > want.n)
		a = span_from(a, a.n - want.n);
	return address != NULL && span_ieq(a, want);
}

static bool contains(struct span text, struct span word)
{
	for (size_t i = 0; i + word.n <= text.n; i++)
		if (span_ieq(span_sub(text, i, word.n), word))
			return true;
	return false;
}

/* As sender, as recipient, or in a command that was refused. */
static bool speaks_of(const struct log_find *f, const json_t *record)
{
	const char *line = log_record_text(record, "line");
	json_t *recipients = json_object_get(record, "recipients"), *recipient;
	size_t i;

	if (address_is(f, log_record_text(record, "from")))
		return true;
	json_array_foreach(recipients, i,
		recipient) if (address_is(f, log_record_text(recipient, "to"))) return true;
	return line != NULL && contains(span_str(line), span_str(f->mail));
}

static bool text_is(const json_t *record, const char *key, const char *want)
{
	const char *text = log_record_text(record, key);

	return text != NULL && strcmp(text, want) == 0;
}

static bool shows(const struct log_find *f, const json_t *record)
{
	static uint8_t block[LOG_TEXT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	log_text_print(&o, record);
	return contains(out_span(&o), span_str(f->text));
}

bool log_find_record(const struct log_find *f, const json_t *record)
{
	char number_text[7];

	if (strcmp(log_record_text(record, "time"), f->since) < 0)
		return false;
	if (f->has_code && !text_is(record, "code", code_text(f->code, number_text)))
		return false;
	if (f->session != NULL && !text_is(record, "session", f->session))
		return false;
	if (f->incident != NULL && !text_is(record, "incident", f->incident))
		return false;
	if (f->rule != NULL && !text_is(record, "rule", f->rule))
		return false;
	if (f->has_client && !client_in(f, record))
		return false;
	if (f->mail != NULL && !speaks_of(f, record))
		return false;
	return f->text == NULL || shows(f, record);
}
