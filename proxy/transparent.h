/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Transparent: sockets that may take addresses this host does not have
 *
 * Making one needs CAP_NET_RAW. Binding it to a client's address and connecting it needs nothing,
 * so that whoever is handed one can do that without a capability.
 *
 * Owns:    nothing. Sockets are the caller's, non-blocking, close-on-exec.
 * Callers: proxy/channel.c; proxy/house/reload.c asks whether it is allowed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/* A stream socket, not bound: TCP_NODELAY is set, and that its port is chosen when it connects.
 * @mark: of its packets; 0: none. Return: the socket; <0 errno. */
int transparent_socket(enum ip_family family, uint32_t mark);

/* May this process make them? */
bool transparent_allowed(void);
