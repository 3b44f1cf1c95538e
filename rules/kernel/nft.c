/* SPDX-License-Identifier: ISC */
#include "rules/kernel/nft.h"

/* Before the hook's usual priority where the first one wins; a drop is final wherever it stands. */
static const struct nft_place {
	const char *chain, *hook;
} places[KERNEL_CHAINS] = {
	[KERNEL_INPUT] = { "input", "filter hook input priority filter - 1" },
	[KERNEL_FORWARD] = { "forward", "filter hook forward priority filter - 1" },
	[KERNEL_RAW_IN] = { "raw-prerouting", "filter hook prerouting priority raw" },
	[KERNEL_RAW_OUT] = { "raw-output", "filter hook output priority raw" },
	[KERNEL_MANGLE] = { "mangle-prerouting", "filter hook prerouting priority mangle - 1" },
	[KERNEL_MANGLE_THROUGH] = { "mangle-forward", "filter hook forward priority mangle - 1" },
	[KERNEL_NAT] = { "nat-prerouting", "nat hook prerouting priority dstnat - 1" },
	[KERNEL_NAT_OUT] = { "nat-postrouting", "nat hook postrouting priority srcnat - 1" },
};

struct spelling {
	struct out *o;
	const struct kernel_plan *plan;
	const struct hostconf *host;
	enum ip_family family;
	enum kernel_chain chain;
	bool begun; /* the chain */
};

static void print_hex(struct out *o, uint32_t v)
{
	out_str(o, "0x");
	out_hex(o, v, 8);
}

static void begin_chain(struct spelling *s)
{
	if (!s->begun) {
		out_str(s->o, "\tchain ");
		out_str(s->o, places[s->chain].chain);
		out_str(s->o, " {\n\t\ttype ");
		out_str(s->o, places[s->chain].hook);
		out_str(s->o, "; policy accept;\n");
	}
	s->begun = true;
}

static void print_original(const struct spelling *s, const struct kernel_line *l)
{
	out_str(s->o, s->family == IP_V4
			      ? " meta nfproto ipv4 meta l4proto tcp ct original ip daddr "
			      : " meta nfproto ipv6 meta l4proto tcp ct original ip6 daddr ");
	ip_print(s->o, l->to);
	out_str(s->o, " ct original proto-dst ");
	out_u64(s->o, l->port);
}

static void print_port(const struct spelling *s, const struct kernel_line *l)
{
	out_str(s->o, l->port != 0 ? " tcp dport " : " tcp sport ");
	out_u64(s->o, l->port != 0 ? l->port : l->source_port);
	if (l->port_last != 0) {
		out_octet(s->o, '-');
		out_u64(s->o, l->port_last);
	}
}

static void print_where(const struct spelling *s, const struct kernel_line *l)
{
	if (l->original) {
		print_original(s, l);
		return;
	}
	if (l->to != NULL) {
		out_str(s->o, s->family == IP_V4 ? " ip daddr " : " ip6 daddr ");
		ip_print(s->o, l->to);
	}
	if (l->loopback)
		out_str(s->o, " iifname \"lo\"");
	if (l->out != NULL) {
		out_str(s->o, " oifname \"");
		out_str(s->o, l->out);
		out_octet(s->o, '"');
	}
	if (l->port != 0 || l->source_port != 0)
		print_port(s, l);
	else if (l->tcp)
		out_str(s->o, " meta l4proto tcp");
	if (l->first)
		out_str(s->o, " tcp flags & (fin | syn | rst | ack) == syn");
	if (l->socket)
		out_str(s->o, " tcp flags & (fin | syn | rst | ack) != syn socket transparent 1");
}

static void print_masked(const struct spelling *s, const char *mark, uint32_t mask,
	const char *relation, uint32_t value)
{
	out_str(s->o, mark);
	print_hex(s->o, mask);
	out_str(s->o, relation);
	print_hex(s->o, value);
}

static void print_lane(const struct spelling *s, const struct kernel_line *l)
{
	const uint32_t mask = s->host->lane_mask;

	switch (l->lane_is) {
	case KERNEL_LANE_ANY: return;
	case KERNEL_LANE_ANSWERED: print_masked(s, " meta mark & ", mask, " != ", 0); return;
	case KERNEL_LANE_NONE: print_masked(s, " ct mark & ", mask, " == ", 0); return;
	case KERNEL_LANE_IS:
		print_masked(s, " ct mark & ", mask, " == ", lane_mark(s->host, l->lane));
		return;
	}
}

static void print_state(const struct spelling *s, const struct kernel_line *l)
{
	if (l->server != NULL) {
		out_str(s->o, s->family == IP_V4 ? " ct reply ip saddr " : " ct reply ip6 saddr ");
		ip_print(s->o, l->server);
	}
	if (l->not_diverted)
		out_str(s->o, " ct status & dnat != dnat");
	if (l->mark != KERNEL_MARK_ANY)
		print_masked(s, " meta mark & ", s->host->mark_mask,
			l->mark == KERNEL_MARK_OURS ? " == " : " != ", s->host->mark);
	print_lane(s, l);
}

/* Sets of the table: print_sets(). */
static void print_measures(const struct spelling *s, const struct kernel_line *l)
{
	const bool v4 = s->family == IP_V4;

	if (l->banned)
		out_str(s->o, v4 ? " ip daddr . tcp dport . ip saddr @bans4"
				 : " ip6 daddr . tcp dport . ip6 saddr @bans6");
	if (l->early) {
		out_str(s->o, " ct packets <= ");
		out_u64(s->o, KERNEL_COPIES);
	}
	if (!l->too_often)
		return;
	out_str(s->o, v4 ? " update @asking4 { ip saddr limit rate over "
			 : " update @asking6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over ");
	out_u64(s->o, s->host->first_packets);
	out_str(s->o, "/second burst ");
	out_u64(s->o, 2 * s->host->first_packets);
	out_str(s->o, " packets }");
}

static void print_set_mark(const struct spelling *s)
{
	out_str(s->o, " meta mark set meta mark & ");
	print_hex(s->o, ~s->host->mark_mask);
	out_str(s->o, " | ");
	print_hex(s->o, s->host->mark);
}

static void print_destination(const struct spelling *s, const struct kernel_line *l)
{
	const struct ip_port to = { *l->to_addr, l->to_port };

	out_str(s->o, s->family == IP_V4 ? " dnat ip to " : " dnat ip6 to ");
	if (l->to_port != 0)
		ip_port_print(s->o, &to);
	else
		ip_print(s->o, l->to_addr);
}

static void print_action(const struct spelling *s, const struct kernel_line *l)
{
	out_str(s->o, " counter");
	switch (l->action) {
	case KERNEL_DROP: out_str(s->o, " drop"); break;
	case KERNEL_RETURN: out_str(s->o, " return"); break;
	case KERNEL_REDIRECT:
		out_str(s->o, " redirect to :");
		out_u64(s->o, l->to_port);
		break;
	case KERNEL_TPROXY:
		out_str(s->o, s->family == IP_V4 ? " tproxy ip to :" : " tproxy ip6 to :");
		out_u64(s->o, l->to_port);
		print_set_mark(s);
		out_str(s->o, " accept");
		break;
	case KERNEL_DNAT: print_destination(s, l); break;
	case KERNEL_MASQUERADE: out_str(s->o, " masquerade"); break;
	case KERNEL_MARK: print_set_mark(s); break;
	case KERNEL_UNTRACK: out_str(s->o, " notrack"); break;
	case KERNEL_ASK:
		out_str(s->o, " queue num ");
		out_u64(s->o, KERNEL_QUEUE);
		if (l->bypass)
			out_str(s->o, " bypass");
		break;
	case KERNEL_SAVE: break; /* print_saves() */
	case KERNEL_CLEAR:
		print_masked(s, " meta mark set meta mark & ", ~s->host->lane_mask, " | ", 0);
		break;
	case KERNEL_RESET: out_str(s->o, " reject with tcp reset"); break;
	case KERNEL_TELL:
		out_str(s->o, " log group ");
		out_u64(s->o, KERNEL_GROUP);
		out_str(s->o, " snaplen ");
		out_u64(s->o, KERNEL_COPY);
		break;
	}
}

static void print_comment(const struct spelling *s, const struct kernel_line *l)
{
	out_str(s->o, " comment \"");
	kernel_comment(s->o, l);
	out_str(s->o, "\"\n");
}

/* nft 1.0 cannot bring bits of one mark into another: a line for each number there is. */
static void print_saves(const struct spelling *s, const struct kernel_line *l)
{
	const struct lanes *lanes = s->plan->lanes;
	const unsigned others[] = { lane_refuse(s->host), lane_reset(s->host) };

	for (size_t i = 0; i < lanes->n + 2; i++) {
		const uint32_t mark = lane_mark(
			s->host, i < lanes->n ? lanes->list[i].number : others[i - lanes->n]);

		out_str(s->o, "\t\t");
		print_masked(s, " meta mark & ", s->host->lane_mask, " == ", mark);
		print_masked(s, " ct mark set ct mark & ", ~s->host->lane_mask, " | ", mark);
		print_comment(s, l);
	}
}

/* One of no family is printed with those of IPv4, and stands for both. */
static bool of_both(const struct kernel_line *l)
{
	return l->to == NULL && l->action != KERNEL_TPROXY && !l->banned && !l->too_often &&
	       l->lane_is != KERNEL_LANE_IS;
}

static void print_line(void *context, const struct kernel_line *l)
{
	struct spelling *s = context;

	if (of_both(l) && s->family == IP_V6)
		return;
	begin_chain(s);
	if (l->action == KERNEL_SAVE) {
		print_saves(s, l);
		return;
	}
	out_str(s->o, "\t\t");
	if (l->to == NULL && !of_both(l))
		out_str(s->o, s->family == IP_V4 ? " meta nfproto ipv4" : " meta nfproto ipv6");
	print_where(s, l);
	print_state(s, l);
	print_measures(s, l);
	print_action(s, l);
	print_comment(s, l);
}

static void print_sets(struct out *o)
{
	static const struct {
		const char *bans, *asking, *address;
	} sets[] = { { "bans4", "asking4", "ipv4_addr" }, { "bans6", "asking6", "ipv6_addr" } };

	for (size_t i = 0; i < 2; i++) {
		out_str(o, "\tset ");
		out_str(o, sets[i].bans);
		out_str(o, " {\n\t\ttype ");
		out_str(o, sets[i].address);
		out_str(o, " . inet_service . ");
		out_str(o, sets[i].address);
		out_str(o, "\n\t\tflags interval, timeout\n\t}\n\tset ");
		out_str(o, sets[i].asking);
		out_str(o, " {\n\t\ttype ");
		out_str(o, sets[i].address);
		out_str(o, "\n\t\tsize 65535\n\t\tflags dynamic, timeout\n\t\ttimeout 1m\n\t}\n");
	}
}

void nft_render(struct out *o, const struct kernel_plan *plan)
{
	out_str(o, "table inet postern\ndelete table inet postern\ntable inet postern {\n");
	if (plan->lanes != NULL)
		print_sets(o);
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		struct spelling s = { o, plan, plan->host, IP_V4, c, false };

		kernel_lines(plan, IP_V4, c, print_line, &s);
		s.family = IP_V6;
		kernel_lines(plan, IP_V6, c, print_line, &s);
		if (s.begun)
			out_str(o, "\t}\n");
	}
	out_str(o, "}\n");
}
