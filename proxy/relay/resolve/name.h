/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Name: as it is looked up
 *
 * U-labels become A-labels by libidn2 (IDNA2008, UTS 46 non-transitional): of them RFC 6531 3.2
 * lets domains be made, the DNS has none.
 *
 * Owns:    nothing.
 * Callers: proxy/relay/resolve/question.c.
 */
#include "base/span.h"
#include "filter/relay/dns.h"

/* @name: as in a path, or with a root dot. @host: LDH labels, lower case, no root dot. False: it is
 * no name, or over the bounds of RFC 1035 2.3.4. */
bool name_host(struct span name, char host[static DNS_HOST_SIZE]);
