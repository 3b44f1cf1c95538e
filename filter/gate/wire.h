/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the gate says to the writer of its verdicts
 *
 * One packet of a SOCK_SEQPACKET pair holds one to VERDICTS_MAX records of fixed size, nothing
 * else. The writer takes them as they are: a gate that was taken can refuse or admit a packet that
 * waits, ask about connections, and nothing more.
 *
 * Callers: filter/gate: out.c writes, verdict.c reads.
 */
#include <stdint.h>

#define VERDICTS_MAX 64

enum verdict_what {
	VERDICT_DROP,
	VERDICT_REPEAT, /* through the hook once more, with the mark */
	VERDICT_OLDER,  /* drop the packet and all that came before it: those which a gate or a
			   writer that is gone left without an answer */
	VERDICT_DUMP,   /* no packet: ask connection tracking for what there is, on its socket, with
			   the packet's id as number of the question */
	VERDICT_ASK,    /* no packet: ask connection tracking for this one, also by that number */
	VERDICT_WHATS,
};

struct gate_verdict {
	uint32_t packet; /* its id in the queue */
	uint32_t mark;
	uint16_t queue;
	uint16_t what; /* enum verdict_what */
	/* of VERDICT_ASK: the connection, as its client began it; else all 0 */
	uint16_t client_port, asked_port;
	uint32_t family; /* enum ip_family */
	uint8_t client[16], asked[16];
};
