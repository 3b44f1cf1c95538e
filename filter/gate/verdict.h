/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Verdict: records of the gate to netlink messages
 *
 * Checks what can be checked of a record, its size and its kind, and turns it into one message of
 * fixed form. Several messages go to the kernel in one packet, and are carried out in their order.
 *
 * Callers: filter/gate/verdict_main.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"
#include "filter/gate/wire.h"

#define VERDICT_MESSAGE  64  /* octets that one verdict may become */
#define VERDICT_QUESTION 128 /* that a question may */
#define VERDICTS_MESSAGE (VERDICTS_MAX * VERDICT_MESSAGE)

/* The records of a packet; false: it is none, nothing of it is carried out. @verdicts has
 * VERDICTS_MAX places. */
bool verdicts_read(struct span packet, struct gate_verdict *verdicts, size_t *np);

/* Goes to connection tracking, not to the queue. */
bool verdict_asks(const struct gate_verdict *v);

/* The message for one record in @room, which is aligned as nlmsghdr is and holds VERDICT_MESSAGE
 * or, of one that asks, VERDICT_QUESTION octets. Return: its octets, a multiple of 4. */
size_t verdict_put(const struct gate_verdict *v, void *room);
