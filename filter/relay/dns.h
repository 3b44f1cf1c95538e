/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * DNS answers
 *
 * Reads the records of a response (RFC 1035 4) that answer a question, through aliases. The library
 * that fetched it has read it before; it is a stranger's octets all the same.
 *
 * Limits: aliases are followed DNS_ALIASES_MAX deep; a pointer in a name must point backwards.
 *
 * Owns:    nothing. Looks at the caller's octets.
 * Callers: filter/relay/mx.c, proxy/relay/resolve.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

#define DNS_NAME_MAX    255 /* octets of a name on the wire, RFC 1035 2.3.4 */
#define DNS_HOST_SIZE   256 /* as text without a root dot, its NUL included */
#define DNS_ALIASES_MAX 12

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_MX = 15, DNS_AAAA = 28 };

struct dns_name { /* as on the wire, uncompressed, lower case */
	size_t n;
	uint8_t octets[DNS_NAME_MAX];
};

struct dns_answer {
	struct span message;
	struct dns_name name; /* whose records they are: the end of the aliases */
	enum dns_type type;
	size_t at;
	unsigned left;
};

/* @host: as text, no root dot. False: no name (RFC 1035 2.3.4). */
bool dns_name_of(const char *host, struct dns_name *name);

/* As text, lower case, no root dot; the root is empty. False: it holds an octet that no host's name
 * has (letters, digits, hyphen; the underscore, which some have all the same). */
bool dns_host(const struct dns_name *name, char host[static DNS_HOST_SIZE]);

/* A name at @at of @message, compressed or not; @at goes behind it. False: malformed. */
bool dns_name_read(struct span message, size_t *at, struct dns_name *name);

/* Begins to read what of @message answers a question for @host and @type, class IN. False:
 * malformed. */
bool dns_answer_open(
	struct dns_answer *a, struct span message, const char *host, enum dns_type type);

/* The next record: octets @at to @at + @n of the message. False: that was the last, or what follows
 * is malformed. */
bool dns_answer_next(struct dns_answer *a, size_t *at, size_t *n);
