/* SPDX-License-Identifier: ISC */
#include "rules/kernel/routing.h"

#define ROUTE "local default dev lo"

/* In the order in which they are added: a jump needs its end. */
static const struct routing_row {
	const char *priority, *end; /* how our line ends; iproute2 may add blanks */
} rows[] = {
	{ "5252:", " nop" },
	{ "5250:", " iif lo goto 5252" },
	{ "5251:", " lookup " ROUTING_TABLE },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void print_hex(struct out *o, uint32_t v)
{
	unsigned digits = 1;

	while (digits < 8 && v >> (digits * 4) != 0)
		digits++;
	out_str(o, "0x");
	out_hex(o, v, digits);
}

void routing_render(struct out *o, const struct kernel_plan *plan)
{
	if (!plan->sockets)
		return;
	for (size_t i = 0; i < N_ROWS; i++) {
		out_str(o, rows[i].priority);
		out_str(o, " from all");
		if (i > 0) {
			out_str(o, " fwmark ");
			print_hex(o, plan->host->mark);
			if (plan->host->mark_mask != UINT32_MAX) {
				out_octet(o, '/');
				print_hex(o, plan->host->mark_mask);
			}
		}
		out_str(o, rows[i].end);
		out_octet(o, '\n');
	}
	out_str(o, ROUTE "\n");
}

static struct span next_line(struct span *textp)
{
	const struct span line = span_sub(*textp, 0, span_chr(*textp, '\n'));

	*textp = span_from(*textp, line.n + 1);
	return line;
}

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool starts(struct span s, const char *head)
{
	return s.n >= strlen(head) && memcmp(s.p, head, strlen(head)) == 0;
}

static bool ends(struct span s, const char *tail)
{
	const size_t n = strlen(tail);

	return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

void routing_cut(struct out *o, struct span rules, struct span routes)
{
	for (size_t i = 0; i < N_ROWS; i++)
		for (struct span text = rules; text.n > 0;) {
			const struct span line = trim(next_line(&text));
			const size_t n = strlen(rows[i].priority);

			if (!starts(line, rows[i].priority) || !ends(line, rows[i].end))
				continue;
			out_str(o, rows[i].priority);
			out_octet(o, ' '); /* there it is a tab */
			out_bytes(o, span_from(line, n + 1));
			out_octet(o, '\n');
		}
	while (routes.n > 0)
		if (starts(next_line(&routes), ROUTE))
			out_str(o, ROUTE "\n");
}

static void edit(struct out *o, const char *verb, struct span line)
{
	const size_t colon = span_chr(line, ':');

	if (starts(line, ROUTE)) {
		out_str(o, "route ");
		out_str(o, verb);
		out_str(o, " " ROUTE " table " ROUTING_TABLE "\n");
		return;
	}
	out_str(o, "rule ");
	out_str(o, verb);
	out_str(o, " priority ");
	out_bytes(o, span_sub(line, 0, colon));
	out_bytes(o, span_from(line, colon + 1));
	out_octet(o, '\n');
}

/* In the order opposite to that of the lines. */
static void take_out(struct out *o, struct span have)
{
	while (have.n > 0) {
		size_t at = have.n - 1;

		while (at > 0 && have.p[at - 1] != '\n')
			at--;
		edit(o, "del", span_sub(have, at, have.n - 1 - at));
		have.n = at;
	}
}

void routing_script(struct out *o, struct span have, struct span want)
{
	take_out(o, have);
	while (want.n > 0)
		edit(o, "add", next_line(&want));
}
