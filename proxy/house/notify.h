/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Notify: what a service manager wants to hear
 *
 * The protocol of sd_notify(3): lines to the datagram socket that $NOTIFY_SOCKET names, and
 * $WATCHDOG_USEC for how often. Without those variables nothing is said. Written out here, since it
 * is one datagram: the library that has it would bring all of its own into the one process that
 * keeps privileges.
 *
 * Callers: proxy/house/house.c.
 */
#include <stdint.h>

struct notify {
	int socket;           /* -1: nobody listens */
	uint32_t watchdog_ms; /* 0: not wanted; else a WATCHDOG=1 is due so often */
};

/* Reads the variables and takes them out of the environment: no role is to see them. */
void notify_init(struct notify *n);
void notify_deinit(struct notify *n);

/* @format makes the whole text, as "READY=1\nSTATUS=..."; it never waits. */
void notify_say(const struct notify *n, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
