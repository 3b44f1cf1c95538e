/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the kernel is to do for a rule set, one line a fact
 *
 * The plan knows addresses, ports, marks and chains; how a packet filter spells them is the
 * business of iptables.c and nft.c. Without lanes (`mode external`, lines_external.c) all that is
 * published goes to the proxies, who judge:
 *
 *   raw     the proxies' own connections to original destinations are not tracked
 *   mangle  packets for the proxies' sockets are marked; TPROXY diverts
 *   nat     REDIRECT diverts
 *   filter  the standing drop: what was not diverted goes nowhere, whether posternd runs or not
 *
 * With lanes (`mode managed`, lines_managed.c) the gate judges first:
 *
 *   raw     who is banned is dropped; as above
 *   mangle  a first packet goes to the gate's queue and comes back with a lane, which becomes the
 *           connection's; as above
 *   nat     each lane goes its way: REDIRECT to its rule's listener, DNAT to its internal
 *   filter  the standing drop: what is published and has no lane, or not the way of its lane, goes
 *           nowhere; the lane of refusals is reset
 *   mangle, on the way through: with `log tls` the gate gets copies of a session's first packets.
 *           There both directions have the addresses of client and internal: translated already
 *           is the one's destination, not yet the other's source
 *
 * Limits:  one line for each published address and port, internal and port, port and interface;
 * with lanes one more for each of them, in nat and filter, two for each address in mangle, and one
 * for each internal with `log tls`.
 * Callers: rules/kernel, cli/firewall.c.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "rules/kernel/lanes.h"

#define KERNEL_QUEUE    525             /* number of the gate's NFQUEUE */
#define KERNEL_GROUP    525             /* number of the gate's NFLOG */
#define KERNEL_COPY     4224            /* octets of a packet that is copied: headers and a hello */
#define KERNEL_COPIES   20              /* packets of a session that are copied, of both sides */
#define KERNEL_BANS_V4  "POSTERN-BANS4" /* ipsets: published address, port, client */
#define KERNEL_BANS_V6  "POSTERN-BANS6"
#define KERNEL_LINK_MAX 16 /* octets of an interface's name, NUL included: IFNAMSIZ */

enum kernel_chain { /* in the order in which they are made; taken out the other way round */
	KERNEL_INPUT,
	KERNEL_FORWARD,
	KERNEL_RAW_IN,
	KERNEL_RAW_OUT,
	KERNEL_MANGLE,
	KERNEL_MANGLE_THROUGH,
	KERNEL_NAT,
	KERNEL_NAT_OUT,
	KERNEL_CHAINS,
};

struct kernel_target {
	struct ip_port addr;
	bool any; /* any:PORT */
	const struct publish *rule;
	struct rules_at at;
};

struct kernel_plan {
	const struct hostconf *host;
	const struct lanes *lanes;                        /* NULL: `mode external` */
	const struct kernel_target *published, *internal; /* each address and port once */
	size_t n_published, n_internal;
	const uint16_t *ports; /* that somebody publishes or serves, each once */
	size_t n_ports;
	const uint16_t *untracked; /* of rules with `internal original` and `client-address keep` */
	size_t n_untracked;
	const char (*links)[KERNEL_LINK_MAX]; /* interfaces that lead to internals and to nothing
						 else outside */
	size_t n_links;
	bool sockets; /* packets for transparent sockets must come to this host */
};

enum kernel_action {
	KERNEL_DROP,
	KERNEL_RETURN,
	KERNEL_REDIRECT,
	KERNEL_TPROXY,
	KERNEL_DNAT,
	KERNEL_MASQUERADE,
	KERNEL_MARK,
	KERNEL_UNTRACK,
	KERNEL_ASK,   /* the gate: into its queue */
	KERNEL_SAVE,  /* the lane of the packet becomes the connection's */
	KERNEL_CLEAR, /* the packet's lane goes */
	KERNEL_RESET,
	KERNEL_TELL, /* the gate: by a copy; the packet goes on */
};

enum kernel_mark {
	KERNEL_MARK_ANY,
	KERNEL_MARK_OURS,
	KERNEL_MARK_FOREIGN,
};

enum kernel_lane { /* what a line asks of lanes */
	KERNEL_LANE_ANY,
	KERNEL_LANE_ANSWERED, /* the packet has one: the gate has just said it */
	KERNEL_LANE_NONE,     /* the connection has none */
	KERNEL_LANE_IS,       /* the connection's is @lane */
};

struct kernel_line {
	const struct ip *to;        /* NULL: wherever it goes, in both families */
	bool tcp;                   /* any packet of TCP; implied by what asks for a port */
	bool first;                 /* the first packet of a connection */
	bool banned;                /* in the set of bans */
	bool too_often;             /* above what one address may ask the gate */
	bool early;                 /* one of the first KERNEL_COPIES packets of a connection */
	bool bypass;                /* of KERNEL_ASK: without a gate it goes on to the next table */
	const struct ip *server;    /* NULL, or who answers after translation, in both directions */
	bool original;              /* @to and @port are what the client asked for at first */
	bool loopback;              /* came by lo */
	const char *out;            /* leaves by this interface; NULL: any */
	uint16_t port, source_port; /* of TCP; 0: any */
	uint16_t port_last;         /* 0, or @port is the first of a range */
	bool not_diverted;          /* its destination was not changed */
	bool socket; /* for a transparent socket, and not the first packet of a connection */
	enum kernel_mark mark;
	enum kernel_lane lane_is;
	unsigned lane;
	enum kernel_action action;
	uint16_t to_port;           /* of REDIRECT, TPROXY; of DNAT, 0: it stays */
	const struct ip *to_addr;   /* of DNAT */
	const struct publish *rule; /* NULL: belongs to no rule, see @why */
	struct rules_at at;
	const char *why;
};

/* Octets of the arena that kernel_plan() needs. */
size_t kernel_plan_room(const struct ruleset *rs);

/* @links and @lanes are borrowed, as the rule set is; @lanes NULL: `mode external`. Return:
 * RULES_OK, RULES_E_ARENA. */
int kernel_plan(struct arena *arena, const struct ruleset *rs, const struct lanes *lanes,
	const char (*links)[KERNEL_LINK_MAX], size_t n_links, struct kernel_plan *plan);

/* Calls @each for every line of a chain, in order. */
void kernel_lines(const struct kernel_plan *plan, enum ip_family family, enum kernel_chain chain,
	void (*each)(void *context, const struct kernel_line *line), void *context);

/* "publish NAME rules.conf:12": letters, digits and a few signs only, whatever stands in the names;
 * at most 120 octets. It always holds a blank, so that iptables-save puts it in quotes. */
void kernel_comment(struct out *o, const struct kernel_line *line);
