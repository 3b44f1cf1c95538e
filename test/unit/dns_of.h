/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * DNS responses made of parts, for tests
 *
 * Callers: test/unit, in any program of its own: everything here is static.
 */
#include "filter/relay/dns.h"
#include "test/unit/support.h"

struct dns_of {
	struct out o;
	uint8_t block[65535];
};

static inline void dns_of_16(struct dns_of *d, unsigned v)
{
	out_octet(&d->o, (uint8_t)(v >> 8));
	out_octet(&d->o, (uint8_t)v);
}

/* As it stands, labels parted by dots; "" is the root. */
static inline void dns_of_name(struct dns_of *d, const char *name)
{
	while (*name) {
		const size_t n = strcspn(name, ".");

		out_octet(&d->o, (uint8_t)n);
		out_put(&d->o, name, n);
		name += n + (name[n] == '.');
	}
	out_octet(&d->o, 0);
}

/* Head and question; the question's name stands at octet 12. */
static inline void dns_of_init(struct dns_of *d, const char *name, unsigned type, unsigned answers)
{
	out_init(&d->o, d->block, sizeof(d->block));
	dns_of_16(d, 0x1234);
	dns_of_16(d, 0x8180);
	dns_of_16(d, 1);
	dns_of_16(d, answers);
	dns_of_16(d, 0);
	dns_of_16(d, 0);
	dns_of_name(d, name);
	dns_of_16(d, type);
	dns_of_16(d, 1);
}

/* Everything of a record but its data. @owner NULL: the question's name, by a pointer. */
static inline void dns_of_record(
	struct dns_of *d, const char *owner, unsigned type, unsigned class, unsigned size)
{
	if (owner)
		dns_of_name(d, owner);
	else
		dns_of_16(d, 0xc00c);
	dns_of_16(d, type);
	dns_of_16(d, class);
	dns_of_16(d, 0);
	dns_of_16(d, 300);
	dns_of_16(d, size);
}

static inline void dns_of_mx(
	struct dns_of *d, const char *owner, unsigned preference, const char *exchanger)
{
	dns_of_record(d, owner, DNS_MX, 1, (unsigned)(strlen(exchanger) + 4 - (*exchanger == 0)));
	dns_of_16(d, preference);
	dns_of_name(d, exchanger);
}

static inline void dns_of_alias(struct dns_of *d, const char *owner, const char *name)
{
	dns_of_record(d, owner, DNS_CNAME, 1, (unsigned)strlen(name) + 2);
	dns_of_name(d, name);
}
