/* SPDX-License-Identifier: ISC */
#include "rules/set_member.h"

#include "filter/smtp/path.h"

/* ---- reading ---- */

static bool is_host_bits_error(struct span text)
{
	size_t slash = span_chr(text, '/');
	struct ip ip;
	uint64_t bits;

	return slash < text.n && ip_parse(span_sub(text, 0, slash), &ip) &&
	       span_u64(span_from(text, slash + 1), ip.family == IP_V4 ? 32 : 128, &bits);
}

static enum set_error parse_address(struct span text, struct set_member *m)
{
	if (ip_prefix_parse(text, &m->prefix))
		return SET_OK;
	m->prefix = (struct ip_prefix){ 0 };
	return is_host_bits_error(text) ? SET_E_HOST_BITS : SET_E_ADDRESS;
}

static enum set_error parse_domain(struct span text, struct set_member *m)
{
	struct span name = text;

	if (text.n > 0 && text.p[0] == '[')
		return SET_E_LITERAL;
	if (text.n > 2 && text.p[0] == '*' && text.p[1] == '.') {
		m->below = true;
		name = span_from(text, 2);
	}
	if (span_chr(name, '*') < name.n)
		return SET_E_WILDCARD;
	if (domain_parse(name, true, &m->text) != PATH_OK)
		return SET_E_DOMAIN;
	return SET_OK;
}

static enum set_error parse_mail(struct span text, struct set_member *m)
{
	static const struct path_rules rules = { .utf8 = true, .tolerant = true };
	uint8_t block[SMTP_PATH_MAX];
	struct out path;
	struct smtp_path parsed;
	size_t used;

	out_init(&path, block, sizeof(block));
	out_octet(&path, '<');
	out_bytes(&path, text);
	out_octet(&path, '>');
	if (path.full || path_parse(out_span(&path), &rules, &parsed, &used) != PATH_OK ||
		used != path.n || parsed.local.n == 0)
		return SET_E_MAIL;
	if (parsed.kind == DOMAIN_LITERAL)
		return SET_E_LITERAL;
	/* The parser dropped a root dot, if any: the member ends where the domain does. */
	m->text = span_sub(text, 0, (size_t)(parsed.domain.p + parsed.domain.n - (block + 1)));
	return SET_OK;
}

enum set_error set_member_parse(struct span text, enum set_kind kind, struct set_member *memberp)
{
	const bool mail = span_chr(text, '@') < text.n;
	enum set_error error = SET_E_DOMAIN;

	*memberp = (struct set_member){ .text = text };
	switch (kind) {
	case SET_ADDRESSES: return parse_address(text, memberp);
	case SET_DOMAINS: return parse_domain(text, memberp);
	case SET_MAIL:
		if (mail)
			return parse_mail(text, memberp);
		error = parse_domain(text, memberp);
		return error == SET_E_DOMAIN ? SET_E_MAIL : error;
	case SET_UNUSED:
		if (parse_address(text, memberp) == SET_OK)
			return SET_OK;
		return mail ? parse_mail(text, memberp) : parse_domain(text, memberp);
	}
	return error;
}

const char *set_error_text(enum set_error error)
{
	switch (error) {
	case SET_OK: return "is right";
	case SET_E_ADDRESS:
		return "is no address or prefix (as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32)";
	case SET_E_HOST_BITS:
		return "has bits set behind its prefix length (as 192.0.2.1/24 has; write "
		       "192.0.2.0/24)";
	case SET_E_DOMAIN:
		return "is no domain (as in example.org, or *.example.org for everything below)";
	case SET_E_WILDCARD:
		return "has a \"*\" that does not stand in front (as in *.example.org)";
	case SET_E_MAIL:
		return "is no mail address or domain (as in someone@example.org, example.org or "
		       "*.example.org)";
	case SET_E_LITERAL: return "is an address literal; a domain name belongs here";
	}
	return "is wrong";
}

void set_member_print(struct out *o, const struct set_member *member)
{
	if (member->prefix.ip.family != IP_NONE) {
		ip_prefix_print(o, &member->prefix);
		return;
	}
	if (member->below)
		out_str(o, "*.");
	out_bytes(o, member->text);
}

/* ---- comparing ---- */

struct member_key member_key(const struct set_member *m)
{
	const size_t at = span_rchr(m->text, '@');
	const bool mailbox = at < m->text.n;

	return (struct member_key){
		.local = span_sub(m->text, 0, mailbox ? at : 0),
		.domain = mailbox ? span_from(m->text, at + 1) : m->text,
		.below = m->below,
	};
}

static int fold_cmp(struct span a, struct span b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		int d = ascii_lower(a.p[i]) - ascii_lower(b.p[i]);
		if (d != 0)
			return d;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static bool is_quoted(struct span local)
{
	return local.n >= 2 && local.p[0] == '"' && local.p[local.n - 1] == '"';
}

/* The next octet that the local part means, quoting removed; -1 at its end. */
static int local_next(struct span local, size_t *at)
{
	const bool quoted = is_quoted(local);
	const size_t end = quoted ? local.n - 1 : local.n;

	if (quoted && *at == 0)
		(*at)++;
	if (quoted && *at + 1 < end && local.p[*at] == '\\')
		(*at)++;
	return *at < end ? ascii_lower(local.p[(*at)++]) : -1;
}

static int local_cmp(struct span a, struct span b)
{
	for (size_t i = 0, j = 0;;) {
		int x = local_next(a, &i), y = local_next(b, &j);
		if (x != y || x < 0)
			return x - y;
	}
}

int member_key_cmp(const struct member_key *a, const struct member_key *b)
{
	int d = fold_cmp(a->domain, b->domain);

	if (d == 0)
		d = (a->local.n > 0) - (b->local.n > 0);
	if (d == 0)
		d = local_cmp(a->local, b->local);
	return d != 0 ? d : a->below - b->below;
}

/* ---- asking one member ---- */

bool set_member_has_ip(const struct set_member *member, const struct ip *ip)
{
	return member->prefix.ip.family != IP_NONE && ip_in(ip, &member->prefix);
}

/* Is @name below @domain, and not the same? */
static bool is_below(struct span name, struct span domain)
{
	return name.n > domain.n + 1 && name.p[name.n - domain.n - 1] == '.' &&
	       span_ieq(span_from(name, name.n - domain.n), domain);
}

bool set_member_has_domain(const struct set_member *member, struct span domain)
{
	if (member->prefix.ip.family != IP_NONE || domain.n == 0)
		return false;
	return member->below ? is_below(domain, member->text) : span_ieq(domain, member->text);
}

bool set_member_has_mailbox(const struct set_member *member, struct span local, struct span domain)
{
	struct member_key key;

	if (member->prefix.ip.family != IP_NONE)
		return false;
	key = member_key(member);
	if (key.local.n == 0)
		return set_member_has_domain(member, domain);
	return local_cmp(key.local, local) == 0 && span_ieq(key.domain, domain);
}

bool set_member_covers(const struct set_member *a, const struct set_member *b)
{
	struct member_key key;

	if (a->prefix.ip.family != IP_NONE)
		return b->prefix.ip.family != IP_NONE && a->prefix.bits <= b->prefix.bits &&
		       ip_in(&b->prefix.ip, &a->prefix);
	if (b->prefix.ip.family != IP_NONE)
		return false;
	key = member_key(b);
	if (!b->below)
		return set_member_has_mailbox(a, key.local, key.domain);
	return a->below && (span_ieq(a->text, b->text) || is_below(b->text, a->text));
}
