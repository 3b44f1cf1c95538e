/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the gate says to the writer of its verdicts
 *
 * One packet of a SOCK_SEQPACKET pair holds one to VERDICTS_MAX records of fixed size, nothing
 * else. The writer takes them as they are: a gate that was taken can refuse or admit a packet that
 * waits, and nothing more.
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
	VERDICT_LOOK,   /* no packet: ask for the one connection of @way, the same otherwise */
	VERDICT_WHATS,
};

struct gate_way {                      /* as the client sent it; network order */
	uint8_t client[16], asked[16]; /* of IPv4 the first four */
	uint16_t client_port, asked_port;
	uint16_t family; /* 4 or 6 */
	uint16_t none;
};

struct gate_verdict {
	uint32_t packet; /* its id in the queue */
	uint32_t mark;
	uint16_t queue;
	uint16_t what;       /* enum verdict_what */
	struct gate_way way; /* of VERDICT_LOOK */
};
