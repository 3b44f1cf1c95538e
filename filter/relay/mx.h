/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * MX: which hosts take a domain's mail, in which order
 *
 * From MX records and addresses as they come in, RFC 5321 5.1: by preference, equal ones by chance;
 * exchangers that are this host go, and with them all that are not better, or mail would go in a
 * circle.
 *
 * Whoever owns a domain says where its mail goes: an address that can only be this host or no host
 * at all (loopback, unspecified, link-local, multicast) is never taken from him; "a public MX at
 * 127.0.0.1" is a way to services of this host that listen there for nobody else.
 *
 * Limits: the MX_HOSTS best exchangers are looked at, MX_ADDRESSES addresses of each family of one.
 *
 * Owns:    nothing outside itself.
 * Callers: proxy/relay/resolve.
 * Threads: one at a time. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "filter/relay/dns.h"

#define MX_HOSTS     16
#define MX_ADDRESSES 8
#define MX_TARGETS   32

enum mx_result {
	MX_OK,
	MX_NONE,     /* nobody there: no such name, or no addresses */
	MX_NULL,     /* RFC 7505: it takes no mail */
	MX_LOOP,     /* the best is this host */
	MX_UNUSABLE, /* only addresses that are never taken */
	MX_TEMPFAIL, /* what is missing could not be had now */
	MX_BOGUS,    /* what is missing was forged */
};

struct mx_host {
	uint16_t preference;
	uint32_t chance; /* among equal ones: the lower first */
	char name[DNS_HOST_SIZE];
	bool own;      /* one of its addresses is this host's */
	bool unusable; /* ... can be nobody's */
	bool failed, bogus;
	uint8_t n4, n6;
	struct ip v4[MX_ADDRESSES], v6[MX_ADDRESSES];
};

struct mx_list {
	const char *own_name; /* of this host; lower case */
	uint64_t seed;        /* of chances */
	bool null;            /* one record says "nobody" */
	bool bad;             /* one has no name of a host */
	bool own;             /* one names this host; the best that does: */
	uint16_t own_preference;
	size_t n;
	struct mx_host host[MX_HOSTS]; /* in order */
};

struct mx_target {
	struct ip ip;
	size_t host; /* place in the list */
};

/* @own_name is borrowed. @seed: random. */
void mx_init(struct mx_list *l, const char *own_name, uint64_t seed);

/* One exchanger, not empty. */
void mx_add(struct mx_list *l, uint16_t preference, const char *name);

/* All of @message, a response to a question for the MX of @domain. MX_OK: there is an exchanger to
 * look at, or several; MX_NONE: the domain has no MX, so it is its own; or MX_NULL, MX_LOOP,
 * MX_UNUSABLE (none of its exchangers has a name), MX_TEMPFAIL (malformed). */
enum mx_result mx_read(struct mx_list *l, struct span message, const char *domain);

/* Can a mail server of somebody else have it? */
bool mx_usable(const struct ip *ip);
/* ... or a next hop that the operator named, which may be on this host? */
bool mx_reachable(const struct ip *ip);

/* One address of @h; @own: it is this host's. */
void mx_add_address(struct mx_host *h, const struct ip *ip, bool own);
/* The same of a next hop that the operator named: mx_reachable() is enough. */
void mx_add_named(struct mx_host *h, const struct ip *ip);

/**
 * mx_decide() - where to go, when all that can be had has come
 * @targets: room for MX_TARGETS; set with MX_OK
 *
 * Addresses of one exchanger stand together, of both families by turns, so that a host without one
 * of them does not try all of it first (RFC 8305 4).
 */
enum mx_result mx_decide(const struct mx_list *l, struct mx_target *targets, size_t *np);
