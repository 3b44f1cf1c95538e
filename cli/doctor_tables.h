/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What a packet would meet in the rules that iptables-save prints
 *
 * A packet that is known in part walks through a chain. A rule that may match or not, since it asks
 * for what is not known of the packet or of the match, decides nothing, but is remembered as doubt.
 *
 * Limits: TCP packets that open a connection, or answers of a server; matches that are not known
 * here may match.
 *
 * Owns:    the list of lines, until tables_free(); the text is the caller's.
 * Callers: cli/doctor*.c, test/unit/doctor_tables_test.c.
 */
#include "base/ip.h"

#define TABLES_DEPTH 16     /* of chains within chains */
#define TABLES_STEPS 200000 /* rules looked at for one packet */
#define TABLES_RULES 400000 /* lines kept; more are not looked at */

struct tables_line {
	struct span table, chain;
	struct span rest; /* of a rule, all behind the chain's name; of a chain, its policy */
	bool rule;
};

struct tables {
	struct tables_line *lines;
	size_t n, room;
};

struct tables_packet {
	struct ip src, dst;  /* IP_NONE: not known */
	uint16_t dport;      /* 0: not known */
	struct span in, out; /* interfaces; empty: not known */
	bool diverted;       /* its destination was changed: "DNAT" of connection tracking */
	bool answer;         /* it belongs to a transparent socket of this host; else it is new */
	uint32_t mark, connmark;
	struct ip_port asked; /* before it was diverted; IP_NONE: not known */
	struct ip server;     /* who answers the connection; IP_NONE: not known */
	bool others;          /* only others are asked: chains of Postern's let it go on */
};

struct tables_end {
	struct span line;    /* the rule that decided, or a chain's policy; empty: there is none */
	struct span target;  /* "ACCEPT" unless something says otherwise */
	struct span options; /* behind the target */
	bool policy;         /* no rule decided, the chain's policy did */
	bool found;          /* it is what @want asked for */
	bool doubt;          /* a rule that may match would have decided otherwise */
};

/* Return: 0; -ENOMEM. tables_free() is due in either case. Octets of any kind may come. */
int tables_read(struct tables *t, struct span text);
void tables_free(struct tables *t);

/* Is it the rule that is looked for? Such a one counts also when it only may match. */
typedef bool tables_want(struct span target, struct span options, const void *context);

/**
 * tables_walk() - through one chain of the kernel and those it leads to
 * @table: "nat"; one that is not there accepts
 * @want:  NULL: nothing is looked for
 */
struct tables_end tables_walk(const struct tables *t, const char *table, const char *hook,
	const struct tables_packet *packet, tables_want *want, const void *context);

/* The word behind an option ("-i", "--to-ports") of a rule; empty: it is not there, or negated. */
struct span tables_option(struct span rule, const char *name);

/* Is there a chain whose name begins so, as ufw's do? */
bool tables_has_chain(const struct tables *t, const char *head);

/* "0x500000/0xf00000" or "0x500000"; also decimal. */
bool tables_mark(struct span text, uint32_t *valuep, uint32_t *maskp);
