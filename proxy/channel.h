/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Channel: the sending end of what keeps one proxy in sockets of one family
 *
 * The kernel counts what waits in it: full is CHANNEL_BUFFER of small messages, CHANNEL_FULL
 * sockets or so; writable again, and filled again, when three quarters of it are taken
 * (unix_writable() of the kernel). A batch that found no room is kept for then.
 *
 * Owns:    the descriptor and the batch.
 * Callers: proxy/socket_main.c.
 */
#include "proxy/spare.h"

#define CHANNEL_BUFFER 4096 /* SO_SNDBUF, which the kernel doubles */

struct channel {
	int fd;
	enum ip_family family;
	int batch[SPARE_BATCH];
	size_t n;
};

enum {
	CHANNEL_OK = 0, /* full: go on when it is writable */
	CHANNEL_E_GONE, /* the proxy is */
	CHANNEL_E_BUSY, /* many were sent and there is room still: others are due first */
};

/* @fd is the channel's from now on. Return: 0; <0 errno: it is closed. */
int channel_init(struct channel *c, int fd, enum ip_family family);
void channel_deinit(struct channel *c);

/* Sockets with @mark until it is full; when it is writable. Return: as above; <0 errno: rest before
 * the next try. EAGAIN: there was no room at all, or no memory. */
int channel_fill(struct channel *c, uint32_t mark);
