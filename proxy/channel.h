/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Channel: the sending end of what keeps one proxy in sockets of one family
 *
 * The kernel counts what waits in it, and poll(2) finds it writable while that is a quarter of its
 * buffer or less (unix_writable()). So a batch is sent each time it is writable: eight wait then,
 * 128 sockets or so, and each one the proxy takes is made good at once.
 *
 * Owns:    the descriptor, and a batch that found no room.
 * Callers: proxy/socket_main.c.
 */
#include "proxy/spare.h"

/* SO_SNDBUF, which the kernel doubles; it counts a small message as 768 octets. */
#define CHANNEL_BUFFER 12000

struct channel {
	int fd;
	enum ip_family family;
	int batch[SPARE_BATCH];
	size_t n;
};

enum {
	CHANNEL_OK = 0,
	CHANNEL_E_GONE, /* the proxy is */
};

/* @fd is the channel's from now on. Return: 0; <0 errno: it is closed. */
int channel_init(struct channel *c, int fd, enum ip_family family);
void channel_deinit(struct channel *c);

/* Sends a batch of sockets with @mark; when it is writable. Return: as above; <0 errno: rest before
 * the next try. */
int channel_send(struct channel *c, uint32_t mark);
