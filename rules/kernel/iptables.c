/* SPDX-License-Identifier: ISC */
#include "rules/kernel/iptables.h"

const struct iptables_place iptables_places[KERNEL_CHAINS] = {
	[KERNEL_INPUT] = { "filter", "INPUT", "POSTERN-INPUT" },
	[KERNEL_FORWARD] = { "filter", "FORWARD", "POSTERN-FORWARD" },
	[KERNEL_RAW_IN] = { "raw", "PREROUTING", "POSTERN-PREROUTING" },
	[KERNEL_RAW_OUT] = { "raw", "OUTPUT", "POSTERN-OUTPUT" },
	[KERNEL_MANGLE] = { "mangle", "PREROUTING", "POSTERN-PREROUTING" },
	[KERNEL_MANGLE_THROUGH] = { "mangle", "FORWARD", "POSTERN-FORWARD" },
	[KERNEL_NAT] = { "nat", "PREROUTING", "POSTERN-PREROUTING" },
	[KERNEL_NAT_OUT] = { "nat", "POSTROUTING", "POSTERN-POSTROUTING" },
};

static bool is_first_of_table(enum kernel_chain c)
{
	return c == 0 || strcmp(iptables_places[c].table, iptables_places[c - 1].table) != 0;
}

/* ---- a line, spelled as iptables-save does ---- */

struct spelling {
	struct out *o;
	const struct hostconf *host;
	enum ip_family family;
	enum kernel_chain chain;
	bool begun; /* the chain */
};

/* Lower case without zeros in front. */
static void print_hex(struct out *o, uint32_t v)
{
	unsigned digits = 1;

	while (digits < 8 && v >> (digits * 4) != 0)
		digits++;
	out_str(o, "0x");
	out_hex(o, v, digits);
}

static void print_masked(struct out *o, uint32_t mark, uint32_t mask)
{
	print_hex(o, mark);
	out_octet(o, '/');
	print_hex(o, mask);
}

static void print_mark(struct out *o, const struct hostconf *host)
{
	print_masked(o, host->mark, host->mark_mask);
}

/* A mask of all bits is left out. */
static void print_wanted_mark(struct out *o, uint32_t mark, uint32_t mask)
{
	if (mask == UINT32_MAX)
		print_hex(o, mark);
	else
		print_masked(o, mark, mask);
}

static void print_mark_match(const struct spelling *s, enum kernel_mark mark)
{
	if (mark == KERNEL_MARK_ANY)
		return;
	out_str(s->o, mark == KERNEL_MARK_OURS ? " -m mark --mark " : " -m mark ! --mark ");
	print_wanted_mark(s->o, s->host->mark, s->host->mark_mask);
}

static void print_lane(const struct spelling *s, const struct kernel_line *l)
{
	const unsigned lane = l->lane_is == KERNEL_LANE_IS ? l->lane : 0;

	if (l->lane_is == KERNEL_LANE_ANY)
		return;
	out_str(s->o,
		l->lane_is == KERNEL_LANE_ANSWERED ? " -m mark ! --mark " : " -m connmark --mark ");
	print_wanted_mark(s->o, lane_mark(s->host, lane), s->host->lane_mask);
}

static void print_where(const struct spelling *s, const struct kernel_line *l)
{
	if (l->to != NULL && !l->original) {
		out_str(s->o, " -d ");
		ip_print(s->o, l->to);
		out_str(s->o, l->to->family == IP_V4 ? "/32" : "/128");
	}
	if (l->loopback)
		out_str(s->o, " -i lo");
	if (l->out != NULL) {
		out_str(s->o, " -o ");
		out_str(s->o, l->out);
	}
}

static void print_port(const struct spelling *s, const struct kernel_line *l)
{
	out_str(s->o, l->port != 0 ? " --dport " : " --sport ");
	out_u64(s->o, l->port != 0 ? l->port : l->source_port);
	if (l->port_last != 0) {
		out_octet(s->o, ':');
		out_u64(s->o, l->port_last);
	}
}

static void print_tcp(const struct spelling *s, const struct kernel_line *l)
{
	const bool by_port = !l->original && (l->port != 0 || l->source_port != 0);

	if (l->port == 0 && l->source_port == 0 && !l->socket && !l->first && !l->tcp)
		return;
	out_str(s->o, " -p tcp");
	if (by_port || l->socket || l->first)
		out_str(s->o, " -m tcp");
	if (by_port)
		print_port(s, l);
	if (l->first)
		out_str(s->o, " --tcp-flags FIN,SYN,RST,ACK SYN");
	if (l->socket)
		out_str(s->o, " ! --tcp-flags FIN,SYN,RST,ACK SYN -m socket --transparent");
}

/* In the order of iptables-save. */
static void print_tracking(const struct spelling *s, const struct kernel_line *l)
{
	if (l->original || l->server != NULL || l->not_diverted)
		out_str(s->o, " -m conntrack");
	if (l->not_diverted)
		out_str(s->o, " ! --ctstate DNAT");
	if (l->original) {
		out_str(s->o, " --ctorigdst ");
		ip_print(s->o, l->to);
	}
	if (l->server != NULL) {
		out_str(s->o, " --ctreplsrc ");
		ip_print(s->o, l->server);
	}
	if (l->original) {
		out_str(s->o, " --ctorigdstport ");
		out_u64(s->o, l->port);
	}
}

/* The kernel counts the time between two packets in millionths of a second: what it can tell apart,
 * as iptables-save shows it. */
static uint32_t countable(uint32_t per_second)
{
	return 1000000 / (1000000 / per_second);
}

/* An IPv6 client is one by its first 64 bits, as everywhere; a mask of all bits is left out. */
static void print_hashlimit(const struct spelling *s)
{
	out_str(s->o, " -m hashlimit --hashlimit-above ");
	out_u64(s->o, countable(s->host->first_packets));
	out_str(s->o, "/sec --hashlimit-burst ");
	out_u64(s->o, 2 * s->host->first_packets);
	out_str(s->o, s->family == IP_V4 ? " --hashlimit-mode srcip --hashlimit-name postern4"
					 : " --hashlimit-mode srcip --hashlimit-name postern6"
					   " --hashlimit-srcmask 64");
}

static void print_measures(const struct spelling *s, const struct kernel_line *l)
{
	const bool v4 = s->family == IP_V4;

	if (l->banned) {
		out_str(s->o, " -m set --match-set ");
		out_str(s->o, v4 ? KERNEL_BANS_V4 : KERNEL_BANS_V6);
		out_str(s->o, " dst,dst,src");
	}
	if (l->too_often)
		print_hashlimit(s);
	if (l->early) {
		out_str(s->o, " -m connbytes --connbytes 0:");
		out_u64(s->o, KERNEL_COPIES);
		out_str(s->o, " --connbytes-mode packets --connbytes-dir both");
	}
}

static void print_destination(const struct spelling *s, const struct kernel_line *l)
{
	const struct ip_port to = { *l->to_addr, l->to_port };

	out_str(s->o, " -j DNAT --to-destination ");
	if (l->to_port != 0)
		ip_port_print(s->o, &to);
	else
		ip_print(s->o, l->to_addr);
}

static void print_target(const struct spelling *s, const struct kernel_line *l)
{
	switch (l->action) {
	case KERNEL_DROP: out_str(s->o, " -j DROP"); break;
	case KERNEL_RETURN: out_str(s->o, " -j RETURN"); break;
	case KERNEL_REDIRECT:
		out_str(s->o, " -j REDIRECT --to-ports ");
		out_u64(s->o, l->to_port);
		break;
	case KERNEL_TPROXY:
		out_str(s->o, " -j TPROXY --on-port ");
		out_u64(s->o, l->to_port);
		out_str(s->o, s->family == IP_V4 ? " --on-ip 0.0.0.0 --tproxy-mark "
						 : " --on-ip :: --tproxy-mark ");
		print_mark(s->o, s->host);
		break;
	case KERNEL_DNAT: print_destination(s, l); break;
	case KERNEL_MASQUERADE: out_str(s->o, " -j MASQUERADE"); break;
	case KERNEL_MARK:
		out_str(s->o, " -j MARK --set-xmark ");
		print_mark(s->o, s->host);
		break;
	case KERNEL_UNTRACK: out_str(s->o, " -j CT --notrack"); break;
	case KERNEL_ASK:
		out_str(s->o, " -j NFQUEUE --queue-num ");
		out_u64(s->o, KERNEL_QUEUE);
		if (l->bypass)
			out_str(s->o, " --queue-bypass");
		break;
	case KERNEL_SAVE:
		out_str(s->o, " -j CONNMARK --save-mark --nfmask ");
		print_hex(s->o, s->host->lane_mask);
		out_str(s->o, " --ctmask ");
		print_hex(s->o, s->host->lane_mask);
		break;
	case KERNEL_CLEAR:
		out_str(s->o, " -j MARK --set-xmark ");
		print_masked(s->o, 0, s->host->lane_mask);
		break;
	case KERNEL_RESET: out_str(s->o, " -j REJECT --reject-with tcp-reset"); break;
	case KERNEL_TELL:
		out_str(s->o, " -j NFLOG --nflog-group ");
		out_u64(s->o, KERNEL_GROUP);
		out_str(s->o, " --nflog-size ");
		out_u64(s->o, KERNEL_COPY);
		break;
	}
}

static void print_line(void *context, const struct kernel_line *l)
{
	struct spelling *s = context;

	s->begun = true;
	out_str(s->o, "-A ");
	out_str(s->o, iptables_places[s->chain].name);
	print_where(s, l);
	print_tcp(s, l);
	print_tracking(s, l);
	print_mark_match(s, l->mark);
	print_lane(s, l);
	print_measures(s, l);
	out_str(s->o, " -m comment --comment \"");
	kernel_comment(s->o, l);
	out_octet(s->o, '"');
	print_target(s, l);
	out_octet(s->o, '\n');
}

static void print_table(struct out *o, enum kernel_chain c)
{
	out_octet(o, '*');
	out_str(o, iptables_places[c].table);
	out_octet(o, '\n');
}

static void print_chain(struct out *o, enum kernel_chain c)
{
	out_octet(o, ':');
	out_str(o, iptables_places[c].name);
	out_str(o, " - [0:0]\n");
}

static void note_line(void *context, const struct kernel_line *l)
{
	(void)l;
	*(bool *)context = true;
}

/* Each chain with its table before it and its lines behind it: simple to take apart again. A chain
 * without lines is not there. */
void iptables_render(struct out *set, const struct kernel_plan *plan, enum ip_family family)
{
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		struct spelling s = { .o = set, .host = plan->host, .family = family, .chain = c };
		bool any = false;

		kernel_lines(plan, family, c, note_line, &any);
		if (!any)
			continue;
		print_table(set, c);
		print_chain(set, c);
		kernel_lines(plan, family, c, print_line, &s);
	}
}

/* ---- what iptables-save prints ---- */

struct reading {
	struct span rest, table;
	struct span line; /* without counters */
	uint64_t packets, octets;
	bool counted;
};

static bool starts(struct span s, struct span head)
{
	return s.n >= head.n && span_eq(span_sub(s, 0, head.n), head);
}

static struct span until(struct span s, uint8_t c)
{
	return span_sub(s, 0, span_chr(s, c));
}

/* "[12:720] -A ..." */
static void read_counters(struct reading *r)
{
	const size_t colon = span_chr(r->line, ':'), end = span_chr(r->line, ']');

	r->counted =
		starts(r->line, SPAN("[")) && colon < end && end + 2 <= r->line.n &&
		span_u64(span_sub(r->line, 1, colon - 1), UINT64_MAX, &r->packets) &&
		span_u64(span_sub(r->line, colon + 1, end - colon - 1), UINT64_MAX, &r->octets);
	if (r->counted)
		r->line = span_from(r->line, end + 2);
}

static bool next_line(struct reading *r)
{
	while (r->rest.n > 0) {
		r->line = until(r->rest, '\n');
		r->rest = span_from(r->rest, r->line.n + 1);
		read_counters(r);
		if (!starts(r->line, SPAN("*")))
			return true;
		r->table = span_from(r->line, 1);
	}
	return false;
}

/* "-A NAME": what follows it, or false. */
static bool appends_to(struct span line, const char *name, struct span *restp)
{
	const struct span whole = span_from(line, 3), word = until(whole, ' ');

	if (!starts(line, SPAN("-A ")) || !span_eq(word, span_str(name)))
		return false;
	*restp = span_from(whole, word.n + 1);
	return true;
}

static bool declares(struct span line, const char *name)
{
	return starts(line, SPAN(":")) && span_eq(until(span_from(line, 1), ' '), span_str(name));
}

static bool is_jump(struct span rest, const char *name)
{
	return starts(rest, SPAN("-j ")) && span_eq(span_from(rest, 3), span_str(name));
}

static void see_chain(struct span saved, enum kernel_chain c, struct iptables_seen *seen)
{
	const struct iptables_place *place = &iptables_places[c];
	struct reading r = { .rest = saved };
	unsigned position = 0;
	struct span rest;

	while (next_line(&r)) {
		if (!span_eq(r.table, span_str(place->table)))
			continue;
		if (declares(r.line, place->name))
			seen->chain[c].there = true;
		if (!appends_to(r.line, place->hook, &rest))
			continue;
		position++;
		if (is_jump(rest, place->name) && seen->chain[c].jumps++ == 0)
			seen->chain[c].position = position;
	}
}

void iptables_see(struct span saved, struct iptables_seen *seen)
{
	*seen = (struct iptables_seen){ 0 };
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++)
		see_chain(saved, c, seen);
}

/* The lines of a chain. Return: is it there? */
static bool print_lines(struct out *o, struct span text, enum kernel_chain c)
{
	const struct iptables_place *place = &iptables_places[c];
	struct reading r = { .rest = text };
	bool there = false;
	struct span rest;

	while (next_line(&r)) {
		if (!span_eq(r.table, span_str(place->table)))
			continue;
		there = there || declares(r.line, place->name);
		if (o == NULL || !appends_to(r.line, place->name, &rest))
			continue;
		out_bytes(o, r.line);
		out_octet(o, '\n');
	}
	return there;
}

void iptables_cut(struct out *set, struct span saved)
{
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		if (!print_lines(NULL, saved, c))
			continue;
		print_table(set, c);
		print_chain(set, c);
		print_lines(set, saved, c);
	}
}

/* ---- scripts ---- */

static void print_edit(struct out *o, const char *edit, enum kernel_chain c)
{
	out_str(o, edit);
	out_str(o, iptables_places[c].hook);
	out_str(o, edit[1] == 'I' ? " 1 -j " : " -j ");
	out_str(o, iptables_places[c].name);
	out_octet(o, '\n');
}

static void script_chain(struct out *o, struct span set, const struct iptables_seen *seen,
	enum kernel_chain c, bool wanted)
{
	if (wanted || seen->chain[c].there)
		print_chain(o, c);
	for (unsigned i = 0; i < seen->chain[c].jumps; i++)
		print_edit(o, "-D ", c);
	if (wanted) {
		print_lines(o, set, c);
		print_edit(o, "-I ", c);
	} else if (seen->chain[c].there) {
		out_str(o, "-X ");
		out_str(o, iptables_places[c].name);
		out_octet(o, '\n');
	}
}

void iptables_script(struct out *script, struct span set, const struct iptables_seen *seen,
	enum iptables_part part)
{
	bool open = false;

	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		const bool wanted = print_lines(NULL, set, c);
		const unsigned of = c <= KERNEL_FORWARD ? IPTABLES_DROP : IPTABLES_WAYS;

		if (open && is_first_of_table(c)) {
			out_str(script, "COMMIT\n");
			open = false;
		}
		if (!(part & of) || (!wanted && !seen->chain[c].there))
			continue;
		if (!open)
			print_table(script, c);
		open = true;
		script_chain(script, set, seen, c, wanted);
	}
	if (open)
		out_str(script, "COMMIT\n");
}

/* ---- the same? ---- */

/* The next line of a chain of ours. */
static bool next_of(struct reading *r, enum kernel_chain c, struct span *linep)
{
	struct span rest;

	while (next_line(r)) {
		if (!span_eq(r->table, span_str(iptables_places[c].table)) ||
			!appends_to(r->line, iptables_places[c].name, &rest))
			continue;
		*linep = r->line;
		return true;
	}
	return false;
}

static bool same_lines(struct span a, struct span b, enum kernel_chain c)
{
	struct reading ra = { .rest = a }, rb = { .rest = b };
	struct span la, lb;

	for (;;) {
		const bool in_a = next_of(&ra, c, &la), in_b = next_of(&rb, c, &lb);

		if (!in_a || !in_b)
			return in_a == in_b;
		if (!span_eq(la, lb))
			return false;
	}
}

enum iptables_state iptables_compare(struct span set, struct span saved, enum kernel_chain c)
{
	const bool wanted = print_lines(NULL, set, c);
	struct iptables_seen seen = { 0 };

	see_chain(saved, c, &seen);
	if (!wanted)
		return seen.chain[c].there ? IPTABLES_SURPLUS : IPTABLES_UNNEEDED;
	if (!seen.chain[c].there || seen.chain[c].jumps == 0)
		return IPTABLES_MISSING;
	if (!same_lines(set, saved, c))
		return IPTABLES_CHANGED;
	return seen.chain[c].jumps == 1 && seen.chain[c].position == 1 ? IPTABLES_IN_SYNC
								       : IPTABLES_MOVED;
}

/* ---- counters ---- */

static struct span behind(struct span line, struct span word)
{
	const uint8_t *hit = line.n > 0 ? memmem(line.p, line.n, word.p, word.n) : NULL;

	return hit != NULL ? span_from(line, (size_t)(hit - line.p) + word.n)
			   : (struct span){ NULL, 0 };
}

void iptables_counts(struct span saved,
	void (*each)(void *context, const struct iptables_count *count), void *context)
{
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		struct reading r = { .rest = saved };
		struct span line;

		while (next_of(&r, c, &line)) {
			const struct iptables_count count = { c, r.packets, r.octets,
				until(behind(line, SPAN(" --comment \"")), '"'),
				until(behind(line, SPAN(" -j ")), ' ') };

			if (r.counted && count.comment.n > 0)
				each(context, &count);
		}
	}
}
