/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inbox: netlink messages, several packets at a call
 *
 * One call brings what waits, up to a bound, so that under load a packet costs little and others
 * get their turn.
 *
 * Owns:    nothing; the room is the caller's.
 * Callers: filter/gate/queue.c, filter/gate/events.c, filter/gate/copies.c.
 */
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/span.h"

#define INBOX_PACKETS 64

enum {
	INBOX_E_OVERRUN = 1, /* messages were lost before those that come next */
};

struct inbox {
	struct mmsghdr packets[INBOX_PACKETS];
	struct iovec parts[INBOX_PACKETS];
	struct sockaddr_nl from[INBOX_PACKETS];
	unsigned n; /* packets of a call, at most INBOX_PACKETS */
};

/* @room: @n times @each octets, aligned as nlmsghdr is; @each a multiple of 8. */
void inbox_init(struct inbox *b, void *room, size_t each, unsigned n);

/* Waits for nothing. Return: 0, *np packets have come, maybe none; INBOX_E_OVERRUN; <0 errno. */
int inbox_fill(struct inbox *b, int fd, unsigned *np);

/* Calls @each for every message of packet @i. False: it was cut short, or not from the kernel; or
 * octets are left that are no message. */
bool inbox_each(const struct inbox *b, unsigned i,
	void (*each)(void *context, const struct nlmsghdr *m), void *context);

/* Octets a room needs at most: what the kernel puts into one packet of a dump. */
#define INBOX_EACH_MAX 32768
