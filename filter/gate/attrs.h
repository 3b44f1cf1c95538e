/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Attrs: the attributes of a netlink message, read strictly
 *
 * The kernel is trusted more than a peer, but addresses and lengths in its messages are a peer's.
 * An attribute that exceeds its message, one that stands twice, octets left over, and a value that
 * is not exactly as long as it must be make the message unreadable. Types nobody asked for are
 * passed over.
 *
 * Owns:    nothing. Tables point into the message.
 * Callers: filter/gate/queued.c, filter/gate/copied.c, filter/gate/ct.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include <libmnl/libmnl.h>

#include "base/ip.h"
#include "base/span.h"

/* @table: @n places, all NULL; types of @n and above are passed over. */
bool attrs_read(struct span payload, const struct nlattr **table, unsigned n);
/* Those within @a, which may be NULL: then there are none. */
bool attrs_nested(const struct nlattr *a, const struct nlattr **table, unsigned n);

/* What stands behind the netfilter head of a message; false: no such head. */
bool attrs_of_message(const struct nlmsghdr *m, struct span *payloadp);

/* The value, in network order; false: no attribute (NULL), or of another length. */
bool attr_u8(const struct nlattr *a, uint8_t *vp);
bool attr_be16(const struct nlattr *a, uint16_t *vp);
bool attr_be32(const struct nlattr *a, uint32_t *vp);
bool attr_be64(const struct nlattr *a, uint64_t *vp);
bool attr_octets(const struct nlattr *a, void *to, size_t n);
struct span attr_span(const struct nlattr *a); /* NULL: empty */
