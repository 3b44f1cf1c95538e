/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Queue: the sockets of the gate, opened by the one who may
 *
 * Configuring needs CAP_NET_ADMIN, receiving does not, and sending a verdict does again
 * (docs: DESIGN 7), so they are opened here and handed to two others.
 *
 * Owns:    nothing: the descriptors are the caller's.
 * Callers: rules/kernel/run/main.c; lock.c for the claim; cli/firewall.c asks who is there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "rules/kernel/run/netlink.h"

#define QUEUE_RANGE  128  /* octets of a packet: IPv6 and TCP with options */
#define QUEUE_LENGTH 4096 /* packets that wait */

/* Asks for a number of NFQUEUE. Return: 0; -EBUSY: another socket has it; <0 errno. */
int queue_claim(struct netlink *nl, uint16_t number);

/* Has anybody the number, as the kernel lists it? False also where the kernel does not tell. */
bool queue_is_read(uint16_t number);

/* A socket that gets the packets of KERNEL_QUEUE: their first QUEUE_RANGE octets, also of those
 * that the card is to cut into several. When it is full packets are dropped: the gate fails closed.
 * Return: the descriptor, which does not wait; <0 errno. */
int queue_open(void);

/* A socket that hears of each connection that begins, changes and ends. */
int conntrack_open(void);

/* A socket that gets the packets copied to KERNEL_GROUP, each at once. Another may have the number,
 * or the kernel no such log: nothing hangs on it, so the socket is handed out all the same, brings
 * nothing then, and *@problemp is <0 errno. Return: the descriptor; <0 errno: there is no socket.
 */
int copies_open(int *problemp);
