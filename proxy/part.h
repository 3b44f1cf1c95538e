/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Part: the orderly end of a client's connection
 *
 * A bare close with unread input sends RST, and the client loses the reply that told it why. So:
 * write what waits, shut down sending, read and discard until the client closes, for PART_MS and
 * PART_OCTETS at most, close.
 *
 * Callers: proxy/inspected.c, proxy/listen.c.
 */
#include "proxy/proxy.h"

#define PART_MS     2000
#define PART_OCTETS 65536

/* Takes the descriptor over, and the octets that wait in @out (NULL: none). Should there be too
 * many partings already, or no memory, it closes at once. */
void part_with(struct proxy *p, int client, struct held *out);
