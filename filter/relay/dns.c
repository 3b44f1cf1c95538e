/* SPDX-License-Identifier: ISC */
#include "filter/relay/dns.h"

#define HEAD_SIZE 12
#define LABEL_MAX 63
#define CLASS_IN  1

static unsigned load16(struct span s, size_t at)
{
	return (unsigned)s.p[at] << 8 | s.p[at + 1];
}

/* ---- names ---- */

static bool is_host_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || ascii_digit(c) || c == '-' || c == '_';
}

/* A label with its length in front, in lower case. False: no room. */
static bool add_label(struct dns_name *name, struct span label)
{
	if (label.n > LABEL_MAX || name->n + 1 + label.n > DNS_NAME_MAX)
		return false;
	name->octets[name->n++] = (uint8_t)label.n;
	for (size_t i = 0; i < label.n; i++)
		name->octets[name->n++] = ascii_lower(label.p[i]);
	return true;
}

bool dns_name_of(const char *host, struct dns_name *name)
{
	struct span rest = span_str(host);

	name->n = 0;
	while (rest.n > 0) {
		const size_t dot = span_chr(rest, '.');

		if (dot == 0 || !add_label(name, span_sub(rest, 0, dot)))
			return false;
		if (dot + 1 == rest.n) /* it ends in a dot */
			return false;
		rest = span_from(rest, dot + 1);
	}
	return add_label(name, rest); /* the root */
}

bool dns_host(const struct dns_name *name, char host[static DNS_HOST_SIZE])
{
	size_t n = 0;

	for (size_t at = 0; name->octets[at] > 0; at += 1u + name->octets[at]) {
		if (at > 0)
			host[n++] = '.';
		for (size_t i = 1; i <= name->octets[at]; i++) {
			if (!is_host_octet(name->octets[at + i]))
				return false;
			host[n++] = (char)name->octets[at + i];
		}
	}
	host[n] = '\0';
	return true;
}

/* RFC 1035 4.1.4. Each pointer points before the one it came by, so there is no circle. */
bool dns_name_read(struct span message, size_t *at, struct dns_name *name)
{
	size_t from = *at, bound = *at;
	bool jumped = false;

	name->n = 0;
	for (;;) {
		unsigned size;

		if (from >= message.n)
			return false;
		size = message.p[from];
		if (size >= 0xc0) {
			if (from + 2 > message.n)
				return false;
			if (!jumped)
				*at = from + 2;
			jumped = true;
			from = load16(message, from) & 0x3fff;
			if (from >= bound)
				return false;
			bound = from;
			continue;
		}
		if (size > LABEL_MAX || size > message.n - from - 1 ||
			!add_label(name, span_sub(message, from + 1, size)))
			return false;
		from += 1u + size;
		if (size == 0)
			break;
	}
	if (!jumped)
		*at = from;
	return true;
}

static bool same(const struct dns_name *a, const struct dns_name *b)
{
	return span_eq(span_of(a->octets, a->n), span_of(b->octets, b->n));
}

/* ---- records ---- */

struct record {
	struct dns_name owner;
	unsigned type, class;
	size_t at, n; /* of its data */
};

static bool read_record(struct span message, size_t *at, struct record *r)
{
	if (!dns_name_read(message, at, &r->owner) || message.n - *at < 10)
		return false;
	r->type = load16(message, *at);
	r->class = load16(message, *at + 2);
	r->n = load16(message, *at + 8); /* behind the time to live */
	r->at = *at + 10;
	if (r->n > message.n - r->at)
		return false;
	*at = r->at + r->n;
	return true;
}

/* To the first record. */
static bool rewind_to_answers(struct dns_answer *a)
{
	struct dns_name question;

	a->at = HEAD_SIZE;
	a->left = load16(a->message, 6);
	for (unsigned q = load16(a->message, 4); q > 0; q--) {
		if (!dns_name_read(a->message, &a->at, &question) || a->message.n - a->at < 4)
			return false;
		a->at += 4;
	}
	return true;
}

/* The next record of @type that @a->name has. */
static bool next_of(struct dns_answer *a, unsigned type, size_t *at, size_t *n)
{
	struct record r;

	while (a->left > 0) {
		a->left--;
		if (!read_record(a->message, &a->at, &r)) {
			a->left = 0;
			return false;
		}
		if (r.type != type || r.class != CLASS_IN || !same(&r.owner, &a->name))
			continue;
		*at = r.at;
		*n = r.n;
		return true;
	}
	return false;
}

/* One alias on. False: it has none. */
static bool follow(struct dns_answer *a)
{
	size_t at, n;

	return rewind_to_answers(a) && next_of(a, DNS_CNAME, &at, &n) &&
	       dns_name_read(a->message, &at, &a->name);
}

bool dns_answer_open(
	struct dns_answer *a, struct span message, const char *host, enum dns_type type)
{
	*a = (struct dns_answer){ .message = message, .type = type };
	if (message.n < HEAD_SIZE || !dns_name_of(host, &a->name) || !rewind_to_answers(a))
		return false;
	for (unsigned i = 0; i < DNS_ALIASES_MAX && follow(a); i++)
		;
	return rewind_to_answers(a);
}

bool dns_answer_next(struct dns_answer *a, size_t *at, size_t *n)
{
	return next_of(a, a->type, at, n);
}
