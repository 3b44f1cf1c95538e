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
	[KERNEL_NAT] = { "nat-prerouting", "nat hook prerouting priority dstnat - 1" },
};

struct spelling {
	struct out *o;
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
	if (l->port != 0 || l->source_port != 0) {
		out_str(s->o, l->port != 0 ? " tcp dport " : " tcp sport ");
		out_u64(s->o, l->port != 0 ? l->port : l->source_port);
	}
	if (l->socket)
		out_str(s->o, " tcp flags & (fin | syn | rst | ack) != syn socket transparent 1");
}

static void print_state(const struct spelling *s, const struct kernel_line *l)
{
	if (l->not_diverted)
		out_str(s->o, " ct status & dnat != dnat");
	if (l->mark == KERNEL_MARK_ANY)
		return;
	out_str(s->o, " meta mark & ");
	print_hex(s->o, s->host->mark_mask);
	out_str(s->o, l->mark == KERNEL_MARK_OURS ? " == " : " != ");
	print_hex(s->o, s->host->mark);
}

static void print_set_mark(const struct spelling *s)
{
	out_str(s->o, " meta mark set meta mark & ");
	print_hex(s->o, ~s->host->mark_mask);
	out_str(s->o, " | ");
	print_hex(s->o, s->host->mark);
}

static void print_action(const struct spelling *s, enum kernel_action action)
{
	out_str(s->o, " counter");
	switch (action) {
	case KERNEL_DROP: out_str(s->o, " drop"); break;
	case KERNEL_RETURN: out_str(s->o, " return"); break;
	case KERNEL_REDIRECT:
		out_str(s->o, " redirect to :");
		out_u64(s->o, s->host->intercept_port);
		break;
	case KERNEL_TPROXY:
		out_str(s->o, s->family == IP_V4 ? " tproxy ip to :" : " tproxy ip6 to :");
		out_u64(s->o, s->host->intercept_port);
		print_set_mark(s);
		out_str(s->o, " accept");
		break;
	case KERNEL_MARK: print_set_mark(s); break;
	case KERNEL_UNTRACK: out_str(s->o, " notrack"); break;
	}
}

static void print_line(void *context, const struct kernel_line *l)
{
	struct spelling *s = context;
	const bool tproxy = l->action == KERNEL_TPROXY;

	/* one of no family was printed with those of IPv4, and stands for both */
	if (l->to == NULL && s->family == IP_V6 && !tproxy)
		return;
	begin_chain(s);
	out_octet(s->o, '\t');
	out_octet(s->o, '\t');
	if (tproxy && l->to == NULL)
		out_str(s->o, s->family == IP_V4 ? " meta nfproto ipv4" : " meta nfproto ipv6");
	print_where(s, l);
	print_state(s, l);
	print_action(s, l->action);
	out_str(s->o, " comment \"");
	kernel_comment(s->o, l);
	out_str(s->o, "\"\n");
}

void nft_render(struct out *o, const struct kernel_plan *plan)
{
	out_str(o, "table inet postern\ndelete table inet postern\ntable inet postern {\n");
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		struct spelling s = { o, plan->host, IP_V4, c, false };

		kernel_lines(plan, IP_V4, c, print_line, &s);
		s.family = IP_V6;
		kernel_lines(plan, IP_V6, c, print_line, &s);
		if (s.begun)
			out_str(o, "\t}\n");
	}
	out_str(o, "}\n");
}
