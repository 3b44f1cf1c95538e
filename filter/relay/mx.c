/* SPDX-License-Identifier: ISC */
#include "filter/relay/mx.h"

/* ---- exchangers ---- */

void mx_init(struct mx_list *l, const char *own_name, uint64_t seed)
{
	*l = (struct mx_list){ .own_name = own_name, .seed = seed };
}

/* SplitMix64: the seed is random, this only makes many of one. */
static uint32_t draw(struct mx_list *l)
{
	uint64_t z = l->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> 32);
}

static bool is_before(const struct mx_host *a, uint16_t preference, uint32_t chance)
{
	return a->preference != preference ? a->preference < preference : a->chance <= chance;
}

static void take_out(struct mx_list *l, size_t i)
{
	l->n--;
	memmove(&l->host[i], &l->host[i + 1], (l->n - i) * sizeof(l->host[0]));
}

/* True: it stands there already, and better. */
static bool is_known(struct mx_list *l, uint16_t preference, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->host[i].name, name) != 0)
			continue;
		if (l->host[i].preference <= preference)
			return true;
		take_out(l, i);
		return false;
	}
	return false;
}

static void note_own(struct mx_list *l, uint16_t preference)
{
	if (!l->own || preference < l->own_preference)
		l->own_preference = preference;
	l->own = true;
}

static void insert(struct mx_list *l, uint16_t preference, const char *name)
{
	const uint32_t chance = draw(l);
	struct mx_host *h;
	size_t i = l->n;

	while (i > 0 && !is_before(&l->host[i - 1], preference, chance))
		i--;
	if (i == MX_HOSTS)
		return;
	if (l->n == MX_HOSTS)
		l->n--;
	h = &l->host[i];
	memmove(h + 1, h, (l->n - i) * sizeof(*h));
	l->n++;
	*h = (struct mx_host){ .preference = preference, .chance = chance };
	memcpy(h->name, name, strlen(name) + 1);
}

void mx_add(struct mx_list *l, uint16_t preference, const char *name)
{
	if (strcmp(name, l->own_name) == 0)
		note_own(l, preference);
	else if (!is_known(l, preference, name))
		insert(l, preference, name);
}

/* Those that are not better than this host. */
static size_t count_better(const struct mx_list *l)
{
	size_t n = 0;

	while (n < l->n && (!l->own || l->host[n].preference < l->own_preference))
		n++;
	return n;
}

static void add_record(struct mx_list *l, struct span data, struct span message, size_t at)
{
	struct dns_name name;
	char host[DNS_HOST_SIZE];

	if (data.n < 3)
		return;
	at += 2;
	if (!dns_name_read(message, &at, &name) || !dns_host(&name, host))
		l->bad = true;
	else if (host[0] == '\0') /* RFC 7505 3: the only one; beside others it says nothing */
		l->null = true;
	else
		mx_add(l, (uint16_t)(data.p[0] << 8 | data.p[1]), host);
}

enum mx_result mx_read(struct mx_list *l, struct span message, const char *domain)
{
	struct dns_answer a;
	size_t at, n;

	if (!dns_answer_open(&a, message, domain, DNS_MX))
		return MX_TEMPFAIL;
	while (dns_answer_next(&a, &at, &n))
		add_record(l, span_sub(message, at, n), message, at);
	l->n = count_better(l);
	if (l->n > 0)
		return MX_OK;
	if (l->own)
		return MX_LOOP;
	if (l->null)
		return MX_NULL;
	return l->bad ? MX_UNUSABLE : MX_NONE;
}

/* ---- addresses ---- */

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* 0/8 stands for this host, and what lies above 224/4 is multicast, reserved or the broadcast
 * address (RFC 6890 2.2.2). */
bool mx_reachable(const struct ip *ip)
{
	if (ip->family == IP_V4)
		return ip->octets[0] != 0 && ip->octets[0] < 224;
	return ip->family == IP_V6 && ip->octets[0] != 0xff && !all_zero(ip->octets, 16);
}

/* Of IPv6 also ::/96, which is loopback or holds an IPv4 address (RFC 4291 2.5.5.1). */
bool mx_usable(const struct ip *ip)
{
	if (!mx_reachable(ip))
		return false;
	if (ip->family == IP_V4)
		return ip->octets[0] != 127 && !(ip->octets[0] == 169 && ip->octets[1] == 254);
	return !all_zero(ip->octets, 12) &&
	       !(ip->octets[0] == 0xfe && (ip->octets[1] & 0xc0) == 0x80);
}

static void put_address(struct mx_host *h, const struct ip *ip)
{
	if (ip->family == IP_V4 && h->n4 < MX_ADDRESSES)
		h->v4[h->n4++] = *ip;
	else if (ip->family == IP_V6 && h->n6 < MX_ADDRESSES)
		h->v6[h->n6++] = *ip;
}

void mx_add_address(struct mx_host *h, const struct ip *ip, bool own)
{
	if (!mx_usable(ip))
		h->unusable = true;
	else if (own)
		h->own = true;
	else
		put_address(h, ip);
}

void mx_add_named(struct mx_host *h, const struct ip *ip)
{
	if (mx_reachable(ip))
		put_address(h, ip);
	else
		h->unusable = true;
}

/* ---- the decision ---- */

static size_t put_targets(
	const struct mx_host *h, size_t place, struct mx_target *targets, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < MX_ADDRESSES; i++) {
		if (i < h->n6 && n < room)
			targets[n++] = (struct mx_target){ h->v6[i], place };
		if (i < h->n4 && n < room)
			targets[n++] = (struct mx_target){ h->v4[i], place };
	}
	return n;
}

/* How many of them are better than the first that is this host by an address. */
static size_t before_own(const struct mx_list *l)
{
	size_t n = 0, own = 0;

	while (own < l->n && !l->host[own].own)
		own++;
	if (own == l->n)
		return l->n;
	while (l->host[n].preference < l->host[own].preference)
		n++;
	return n;
}

/* Of those that remain none has an address that could be taken. */
static enum mx_result why_none(const struct mx_list *l, size_t n)
{
	bool failed = false, bogus = false, unusable = false;

	for (size_t i = 0; i < n; i++) {
		failed |= l->host[i].failed;
		bogus |= l->host[i].bogus;
		unusable |= l->host[i].unusable;
	}
	if (bogus)
		return MX_BOGUS;
	if (failed) /* better ones than this host may come back */
		return MX_TEMPFAIL;
	if (l->own || n < l->n)
		return MX_LOOP;
	return unusable ? MX_UNUSABLE : MX_NONE;
}

enum mx_result mx_decide(const struct mx_list *l, struct mx_target *targets, size_t *np)
{
	const size_t n = before_own(l);
	size_t put = 0;

	for (size_t i = 0; i < n; i++)
		put += put_targets(&l->host[i], i, targets + put, MX_TARGETS - put);
	*np = put;
	return put > 0 ? MX_OK : why_none(l, n);
}
