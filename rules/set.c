/* SPDX-License-Identifier: ISC */
#include "rules/set.h"

#include "rules/set_member.h"

/* ---- order ---- */

static int prefix_cmp(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int d = ip_cmp(&a->ip, &b->ip);

	return d != 0 ? d : (a->bits > b->bits) - (a->bits < b->bits);
}

int set_member_cmp(const struct set_member *a, const struct set_member *b)
{
	struct member_key x, y;

	if (a->prefix.ip.family != IP_NONE || b->prefix.ip.family != IP_NONE)
		return prefix_cmp(&a->prefix, &b->prefix);
	x = member_key(a);
	y = member_key(b);
	return member_key_cmp(&x, &y);
}

/* As set_member_cmp(), and of two doubles the one from the rules file first: it is the one that
 * stays. */
static int sort_cmp(const struct set_member *a, const struct set_member *b)
{
	int d = set_member_cmp(a, b);

	return d != 0 ? d : a->from_file - b->from_file;
}

static void sift_down(struct set_member *m, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		struct set_member swap;

		if (child + 1 < n && sort_cmp(&m[child], &m[child + 1]) < 0)
			child++;
		if (sort_cmp(&m[root], &m[child]) >= 0)
			return;
		swap = m[root];
		m[root] = m[child];
		m[child] = swap;
	}
}

static bool is_sorted(const struct set_member *m, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (sort_cmp(&m[i - 1], &m[i]) > 0)
			return false;
	return true;
}

/* Heap sort: in place, no recursion, and no list of members that makes it slow. */
static void sort(struct set_member *m, size_t n)
{
	if (is_sorted(m, n))
		return;
	for (size_t i = n / 2; i-- > 0;)
		sift_down(m, i, n);
	for (size_t end = n; end-- > 1;) {
		struct set_member last = m[end];

		m[end] = m[0];
		m[0] = last;
		sift_down(m, 0, end);
	}
}

static size_t drop_doubles(struct set_member *m, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || set_member_cmp(&m[kept - 1], &m[i]) != 0)
			m[kept++] = m[i];
	return kept;
}

static void note_length(struct rule_set *set, const struct ip_prefix *prefix)
{
	if (prefix->ip.family == IP_V4)
		set->lengths_v4 |= 1ull << prefix->bits;
	else
		set->lengths_v6[prefix->bits / 64] |= 1ull << prefix->bits % 64;
}

unsigned set_idn(struct span text)
{
	const size_t at = span_rchr(text, '@');
	const struct span domain = at < text.n ? span_from(text, at + 1) : text;
	unsigned forms = 0;
	bool begins = true; /* a label */

	for (size_t i = 0; i < domain.n; i++) {
		if (domain.p[i] > 127)
			forms |= SET_IDN_U;
		if (begins && span_istarts(span_from(domain, i), SPAN("xn--")))
			forms |= SET_IDN_A;
		begins = domain.p[i] == '.';
	}
	return forms;
}

void set_finish(struct rule_set *set, struct set_member *members, size_t n)
{
	set->members = members;
	set->n_members = n;
	set->lengths_v4 = 0;
	set->idn = 0;
	memset(set->lengths_v6, 0, sizeof(set->lengths_v6));
	if (set->kind == SET_UNUSED)
		return;
	sort(members, n);
	set->n_members = drop_doubles(members, n);
	for (size_t i = 0; set->kind == SET_ADDRESSES && i < set->n_members; i++)
		note_length(set, &members[i].prefix);
	for (size_t i = 0; set->kind != SET_ADDRESSES && i < set->n_members; i++)
		set->idn |= set_idn(members[i].text);
}

/* ---- finding ---- */

static const struct set_member *find_prefix(
	const struct rule_set *set, const struct ip_prefix *prefix)
{
	size_t lo = 0, hi = set->n_members;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = prefix_cmp(prefix, &set->members[mid].prefix);

		if (d == 0)
			return &set->members[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static bool length_occurs(const struct rule_set *set, enum ip_family family, unsigned bits)
{
	return family == IP_V4 ? set->lengths_v4 >> bits & 1
			       : set->lengths_v6[bits / 64] >> bits % 64 & 1;
}

const struct set_member *set_has_ip(const struct rule_set *set, const struct ip *ip)
{
	if (set->kind != SET_ADDRESSES || ip->family == IP_NONE)
		return NULL;
	for (unsigned bits = ip->family == IP_V4 ? 33 : 129; bits-- > 0;) {
		struct ip_prefix prefix;
		const struct set_member *hit;

		if (!length_occurs(set, ip->family, bits))
			continue;
		prefix = (struct ip_prefix){ ip_mask(ip, bits), bits };
		hit = find_prefix(set, &prefix);
		if (hit != NULL)
			return hit;
	}
	return NULL;
}

static const struct set_member *find_key(const struct rule_set *set, const struct member_key *key)
{
	size_t lo = 0, hi = set->n_members;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct member_key at = member_key(&set->members[mid]);
		int d = member_key_cmp(key, &at);

		if (d == 0)
			return &set->members[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct set_member *set_has_domain(const struct rule_set *set, struct span domain)
{
	struct member_key key = { .domain = domain };
	const struct set_member *hit;

	if ((set->kind != SET_DOMAINS && set->kind != SET_MAIL) || domain.n == 0)
		return NULL;
	hit = find_key(set, &key);
	key.below = true;
	while (hit == NULL) { /* from label to label: everything below the next name */
		size_t dot = span_chr(key.domain, '.');

		if (dot == key.domain.n)
			return NULL;
		key.domain = span_from(key.domain, dot + 1);
		hit = find_key(set, &key);
	}
	return hit;
}

const struct set_member *set_has_mailbox(
	const struct rule_set *set, struct span local, struct span domain)
{
	struct member_key key = { .local = local, .domain = domain };

	if (set->kind == SET_MAIL && local.n > 0 && domain.n > 0) {
		const struct set_member *hit = find_key(set, &key);
		if (hit != NULL)
			return hit;
	}
	return set_has_domain(set, domain);
}
