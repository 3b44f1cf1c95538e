/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Who listens: /proc/net/tcp and tcp6, and the process behind a socket
 *
 * Limits: a socket of [::] that takes IPv4 too is taken to do so always.
 *
 * Owns:    the list, until sockets_free().
 * Callers: cli/doctor*.c, test/unit/doctor_sockets_test.c.
 */
#include "base/ip.h"

#define SOCKETS_MAX      65536 /* listeners kept */
#define SOCKETS_NAME_MAX 32

struct sockets_listener {
	struct ip_port at;
	uint64_t inode;
};

struct sockets {
	struct sockets_listener *list;
	size_t n, room;
};

/* Adds those of one file's text, octets of any kind. Return: 0; -ENOMEM. */
int sockets_read(struct sockets *s, struct span text);
void sockets_free(struct sockets *s);

/* The one of this very address; else one of all addresses with this port. NULL: there is none. */
const struct sockets_listener *sockets_find(const struct sockets *s, const struct ip_port *at);

/* The process that has a socket open, and its name in printable ASCII. False: there is none, or it
 * is not shown to this user. */
bool sockets_process(uint64_t inode, long *pidp, char name[static SOCKETS_NAME_MAX]);
