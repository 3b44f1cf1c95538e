/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd, the gate and the writer of its verdicts agree on
 *
 *     postern-gate    SANDBOX SEAT CONTROL LOG COUNTS LEDGER QUEUE TRACK VERDICTS COPIES
 *     postern-verdict SANDBOX CONTROL QUEUE TRACK VERDICTS
 *
 * SANDBOX, CONTROL, LOG, COUNTS and LEDGER are as for a proxy (proxy/roles.h); SEAT is a number
 * that no proxy has, nor another gate. QUEUE is a netlink socket of the netfilter family that has
 * bound the packet queue (copy mode packet, GATE_COPY octets of each); TRACK one that has joined
 * the groups of new, updated and destroyed connections. Both are shared by the two roles, since a
 * verdict must come from the socket that bound the queue, and the answers of a dump go to the one
 * that asked for it; posternd keeps both, and both ends of the pair VERDICTS (SOCK_SEQPACKET,
 * filter/gate/wire.h), so that either role can be started anew alone.
 *
 * COPIES is a netlink socket that has bound the packet log (copy mode packet, KERNEL_COPY octets of
 * each, each at once); one that has bound none brings nothing, and no session has a TLS name then.
 *
 * The gate begins held, and without rules. Of net.netfilter, nf_conntrack_acct is needed for
 * octets and packets in the records of passed sessions, nf_conntrack_timestamp for the age of
 * sessions that a new gate finds.
 *
 * The gate also takes ROLE_PING, ROLE_STOP, ROLE_MEMBERS (may come before the first rules),
 * ROLE_ASK_SESSIONS, ROLE_FENCE and ROLE_KILL. It kills nothing: the kernel carries its sessions,
 * and to cut one takes rights it does not have; the answer is always 0. Octets in the list are
 * those of the last sweep; the question itself makes the gate look again, at most every
 * GATE_LOOK_MS.
 *
 * The writer takes ROLE_PING, which it answers when all records that came before are carried out,
 * and ROLE_STOP. So after GATE_HELD, and a ROLE_PONG of the writer to a ROLE_PING that followed it,
 * no packet is answered any more.
 *
 * SIGTERM ends both, as ROLE_STOP does; sessions and waiting packets stay. Exit codes are those of
 * sysexits.h.
 */
#include "base/talk.h"

#define GATE_QUEUE   525
#define GATE_COPY    128 /* octets of a packet: both IP headers with what may stand between, TCP */
#define GATE_LOOK_MS 10000

enum gate_message {
	/* to the gate */
	GATE_HOLD = TALK_GATE, /* answer no packet until GATE_RULES or GATE_GO. Answer GATE_HELD */
	GATE_RULES, /* body: lanes as text (rules/kernel/lanes.h); a sealed bundle. Judge by these
		       from now on. Answer GATE_RULED, or GATE_FAULT */
	GATE_GO,    /* go on by the rules there are; without any it stays held. No answer */
	GATE_DEAD,  /* struct ip_port[]: the internals that are dead now, all of them. No answer */
	/* from the gate */
	GATE_HELD,
	GATE_RULED,
	GATE_FAULT, /* body: why, in words. The rules before stay, and it is held if it was */
};

/* the order of the descriptors, behind SEAT of the gate, behind SANDBOX of the writer */
enum {
	GATE_FD_CONTROL,
	GATE_FD_LOG,
	GATE_FD_COUNTS,
	GATE_FD_LEDGER,
	GATE_FD_QUEUE,
	GATE_FD_TRACK,
	GATE_FD_VERDICTS,
	GATE_FD_COPIES,
	GATE_FDS
};
enum { VERDICT_FD_CONTROL, VERDICT_FD_QUEUE, VERDICT_FD_TRACK, VERDICT_FD_VERDICTS, VERDICT_FDS };
