/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * PROXY protocol, version 2: the header that tells a server who the client is
 *
 * Written as the first octets of a connection, before anything else (proxy-protocol.txt 2.2).
 *
 * Callers: proxy/dial.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"

#define PROXYV2_MAX 52 /* 16 and two IPv6 addresses and ports */

/* Return: octets written to @header. */
size_t proxyv2_print(
	uint8_t header[static PROXYV2_MAX], const struct ip_port *client, const struct ip_port *to);
