/* SPDX-License-Identifier: ISC */
#include "filter/relay/trace.h"

#include "base/civil.h"
#include "filter/smtp/path.h"

/* ---- the line ---- */

/* RFC 3848; RFC 6531 4.3 for SMTPUTF8. */
static void print_with(struct out *o, const struct trace *t)
{
	if (!t->extended) {
		out_str(o, "SMTP");
		return;
	}
	out_str(o, t->utf8 ? "UTF8SMTP" : "ESMTP");
	if (t->tls[0] != '\0')
		out_octet(o, 'S');
	if (t->logged_in)
		out_octet(o, 'A');
}

/* RFC 5322 3.3: "Thu, 26 Nov 2026 09:14:05 +0000" */
static void print_date(struct out *o, int64_t now_ns)
{
	static const char days[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	const uint64_t s = (uint64_t)(now_ns < 0 ? 0 : now_ns) / 1000000000;
	const int32_t day = (int32_t)(s / 86400);
	const struct civil date = civil_date(day);

	out_str(o, days[civil_weekday(day)]);
	out_str(o, ", ");
	out_u64w(o, date.day, 2);
	out_octet(o, ' ');
	out_str(o, months[date.month - 1]);
	out_octet(o, ' ');
	out_u64(o, (uint64_t)date.year);
	out_octet(o, ' ');
	out_u64w(o, s / 3600 % 24, 2);
	out_octet(o, ':');
	out_u64w(o, s / 60 % 60, 2);
	out_octet(o, ':');
	out_u64w(o, s % 60, 2);
	out_str(o, " +0000");
}

void trace_print(struct out *o, const struct trace *t)
{
	out_str(o, "Received: from ");
	out_bytes(o, t->hello);
	out_str(o, " (");
	literal_print(o, &t->client);
	out_str(o, ")\r\n\tby ");
	out_str(o, t->hostname);
	out_str(o, " with ");
	print_with(o, t);
	out_str(o, " id ");
	out_str(o, t->id);
	if (t->tls[0] != '\0') {
		out_str(o, "\r\n\t(");
		out_str(o, t->tls);
		out_octet(o, ')');
	}
	out_str(o, ";\r\n\t");
	print_date(o, t->now_ns);
	out_str(o, "\r\n");
}

/* ---- counting ---- */

#define OTHER UINT8_MAX /* the line is another field, or goes on */

static const char field[] = "received:";

void trace_count_init(struct trace_count *c)
{
	*c = (struct trace_count){ .in_header = true, .at_start = true };
}

static void begin_line(struct trace_count *c, uint8_t octet)
{
	c->at_start = false;
	if (octet == '\r') /* an empty line: CR is followed by LF */
		c->in_header = false;
	c->at = 0;
}

static void look(struct trace_count *c, uint8_t octet)
{
	if (c->at == OTHER)
		return;
	if (ascii_lower(octet) != (uint8_t)field[c->at]) {
		/* RFC 5322 4.5.8: blanks may stand in front of the colon */
		const bool blank = (octet == ' ' || octet == '\t') && field[c->at] == ':';
		c->at = blank ? c->at : OTHER;
		return;
	}
	if (field[++c->at] != '\0')
		return;
	c->at = OTHER;
	if (c->n < UINT16_MAX)
		c->n++;
}

void trace_count(struct trace_count *c, struct span octets)
{
	for (size_t i = 0; i < octets.n && c->in_header; i++) {
		const uint8_t octet = octets.p[i];

		if (c->at_start)
			begin_line(c, octet);
		look(c, octet);
		c->at_start = c->after_cr && octet == '\n';
		c->after_cr = octet == '\r';
	}
}
