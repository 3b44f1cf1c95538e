/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Spare: sockets to dial with, made before they are needed
 *
 * postern-socket keeps a channel for each family full of them (proxy/channel.h), so that taking one
 * needs no round trip: from the batch in hand, else from one message that waits in the channel.
 * Only a burst that outruns postern-socket waits for it, SPARE_WAIT_MS at most; when it waited in
 * vain, nobody waits again for SPARE_GIVE_UP_MS or until a batch came, so that a dead
 * postern-socket does not stall the loop.
 *
 * Without channels the sockets are made here, plain ones.
 *
 * Owns:    the batches in hand. The channels are borrowed.
 * Callers: proxy/dial.c; proxy/main.c.
 */
#include "base/ip.h"
#include "base/msg.h"

/* One message of a channel: up to so many sockets, and no body. */
#define SPARE_MESSAGE    1
#define SPARE_BATCH      16
#define SPARE_WAIT_MS    100 /* on a busy host postern-socket has to get its turn first */
#define SPARE_GIVE_UP_MS 1000

struct spare_pool {
	int channel; /* -1: none */
	int fds[SPARE_BATCH];
	size_t n;
};

struct spare {
	struct spare_pool v4, v6;
	uint64_t wait_again_ms;
};

/* The receiving ends of the channels; -1: make them here. */
void spare_init(struct spare *s, int channel4, int channel6);
void spare_deinit(struct spare *s);

/* At the start: until there is a batch, @ms at most, so that the first clients are served on a busy
 * host, too. The IPv6 ones come right behind the IPv4 ones, or, on a host without IPv6, never. */
void spare_await(struct spare *s, int ms);

/* Return: a socket, the caller's, non-blocking, not bound; <0 errno: EAGAIN where postern-socket
 * gives none. */
int spare_take(struct spare *s, enum ip_family family, uint64_t now_ms);
