/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Answers: what was said to first packets a short while ago
 *
 * A client that gets no answer sends its SYN again, and one may be queued twice before the first
 * verdict: the same packet gets the same answer, and is neither judged, counted nor logged anew. A
 * table of fixed size: a bucket has ANSWERS_WAYS places, and the oldest makes room. Which bucket a
 * packet has depends on a secret seed. Whoever floods it makes older answers forgotten, which costs
 * a second judgement and no more.
 *
 * Owns:    nothing; embedded, about 4 MiB of which only what is used is touched.
 * Callers: filter/gate/decide.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/gate/packet.h"

#define ANSWERS_BUCKETS 16384 /* a power of two */
#define ANSWERS_WAYS    4
#define ANSWERS_MS      130000 /* Linux gives up after 127 s (tcp_syn_retries 6) */

struct answer {
	uint64_t until_ms; /* 0: free */
	struct ip_port client, asked;
	uint32_t seq;
	uint32_t era;
	unsigned lane; /* 0: dropped */
};

struct answers { /* all 0 but for the seed: none */
	uint64_t seed[2];
	uint32_t era; /* answers of others are forgotten */
	struct answer table[ANSWERS_BUCKETS][ANSWERS_WAYS];
};

/* True: *@lanep was said. */
bool answers_find(
	const struct answers *a, const struct packet *p, uint64_t now_ms, unsigned *lanep);
void answers_put(struct answers *a, const struct packet *p, uint64_t now_ms, unsigned lane);

/* What was said was said under other rules or facts. */
void answers_forget(struct answers *a);
