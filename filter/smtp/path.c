/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"

#define LABEL_MAX 63 /* octets, RFC 1035 2.3.4 */
/* Each character of a U-label costs an octet or more in its A-label, which begins with "xn--". */
#define U_LABEL_MAX (LABEL_MAX - 4)

/* A place in a text, and what was met on the way. */
struct scan {
	struct span text;
	size_t at;
	bool utf8_ok;
	bool utf8; /* some octet over 127 was passed over */
};

static bool alnum(uint8_t c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

/* RFC 5321 4.1.2 and RFC 5322 3.2.3 */
static bool atext(uint8_t c)
{
	return alnum(c) || (c != 0 && memchr("!#$%&'*+-/=?^_`{|}~", c, 19) != NULL);
}

/* Passes over one character beyond ASCII (RFC 6531 3.3). */
static enum path_error beyond_ascii(struct scan *s)
{
	uint32_t point;
	size_t n;

	if (!s->utf8_ok)
		return PATH_E_8BIT;
	n = utf8_next(s->text, s->at, &point);
	if (n == 0 || !utf8_is_text(point))
		return PATH_E_UTF8;
	s->utf8 = true;
	s->at += n;
	return PATH_OK;
}

static enum path_error dot_atom(struct scan *s)
{
	bool after_dot = true; /* as good as after one at the start: an atom must follow */

	while (s->at < s->text.n) {
		uint8_t c = s->text.p[s->at];

		if (c > 127) {
			enum path_error r = beyond_ascii(s);
			if (r != PATH_OK)
				return r;
			after_dot = false;
			continue;
		}
		if (c != '.' && !atext(c))
			break;
		if (c == '.' && after_dot)
			return PATH_E_LOCAL;
		after_dot = c == '.';
		s->at++;
	}
	return after_dot ? PATH_E_LOCAL : PATH_OK;
}

static enum path_error quoted_string(struct scan *s)
{
	for (s->at++; s->at < s->text.n; s->at++) {
		uint8_t c = s->text.p[s->at];

		if (c == '"') {
			s->at++;
			return PATH_OK;
		}
		if (c > 127) {
			enum path_error r = beyond_ascii(s);
			if (r != PATH_OK)
				return r;
			s->at--; /* the loop's own step */
			continue;
		}
		if (c == '\\' && ++s->at < s->text.n)
			c = s->text.p[s->at];
		if (c < ' ' || c > '~')
			return PATH_E_LOCAL;
	}
	return PATH_E_LOCAL;
}

/*
 * What `local-part strict` keeps out although the grammar has it. Of atext:
 *   % !    route mail on, behind the domain that was judged (RLY-05, RLY-14)
 *   | & `  run a program where an alias, a .forward file or a filter hands the address to a shell;
 *          $ followed by { does so in Exim (CVE-2019-10149)
 * The rest stays legal. Plus, hyphen, equals sign, hash mark and slash tag users, lists and
 * rewritten senders. The apostrophe stands in people's names: where it closes a shell's quotes,
 * nothing that could begin a command is left to follow. A dollar sign alone, braces, star, question
 * mark, caret, tilde and underscore begin none.
 */
static bool atext_unsafe(uint8_t c)
{
	return c == '%' || c == '!' || c == '|' || c == '&' || c == '`';
}

/*
 * In quotes strict takes atext and dots: what quotes buy is dots in odd places ("a..b", in the
 * field at telephone companies). Blanks, brackets, commas, at-signs, semicolons, backslashes are
 * where servers part ways (RLY-07, RLY-10), and a slash beside dots walks through folders.
 */
static bool quoted_unsafe(uint8_t c)
{
	return c < 128 && c != '.' && (!atext(c) || c == '/');
}

static bool local_unsafe(struct span local, bool quoted)
{
	struct span s = quoted ? span_sub(local, 1, local.n - 2) : local;

	if (s.n == 0) /* "": the null path to some */
		return true;
	/* A file to deliver to; an option of the program that delivers; Exchange's encapsulated
	 * address (RLY-34). */
	if (s.p[0] == '/' || s.p[0] == '-' || span_istarts(s, SPAN("IMCEA")))
		return true;
	for (size_t i = 0; i < s.n; i++) {
		if (atext_unsafe(s.p[i]) || (quoted && quoted_unsafe(s.p[i])))
			return true;
		if (s.p[i] == '$' && i + 1 < s.n && s.p[i + 1] == '{')
			return true;
	}
	return false;
}

static enum path_error local_parse(struct scan *s, bool tolerant, struct smtp_path *pathp)
{
	size_t from = s->at;
	enum path_error r;

	pathp->quoted = s->at < s->text.n && s->text.p[s->at] == '"';
	r = pathp->quoted ? quoted_string(s) : dot_atom(s);
	if (r != PATH_OK)
		return r;
	pathp->local = span_sub(s->text, from, s->at - from);
	if (pathp->local.n > SMTP_LOCAL_MAX)
		return PATH_E_LONG;
	if (!tolerant && local_unsafe(pathp->local, pathp->quoted))
		return PATH_E_UNSAFE;
	return PATH_OK;
}

/* RFC 5321 4.1.2 sub-domain; RFC 6531 3.3 adds U-labels. */
static enum path_error label_check(struct span label, bool utf8_ok)
{
	struct scan s = { .text = label, .utf8_ok = utf8_ok };
	size_t points = 0;
	uint32_t point;

	for (; s.at < label.n; points++) {
		uint8_t c = label.p[s.at];

		if (c > 127) {
			enum path_error r = beyond_ascii(&s);
			if (r != PATH_OK)
				return r;
		} else if (alnum(c) || (c == '-' && s.at > 0 && s.at + 1 < label.n)) {
			s.at++;
		} else {
			return PATH_E_DOMAIN;
		}
	}
	if (points == 0 || points > (s.utf8 ? U_LABEL_MAX : LABEL_MAX))
		return PATH_E_DOMAIN;
	for (size_t at = 0; s.utf8 && at < label.n; at += utf8_next(label, at, &point))
		if (utf8_next(label, at, &point) > 1 && !utf8_in_domain(point))
			return PATH_E_UTF8;
	return PATH_OK;
}

/* Resolvers take 2130706433, 127.1 and 0x7f.1 for addresses (RLY-36): a name's last label is no
 * number. */
static bool numeric(struct span label)
{
	bool hex = span_istarts(label, SPAN("0x"));

	for (size_t i = hex ? 2 : 0; i < label.n; i++) {
		uint8_t c = ascii_lower(label.p[i]);
		if (!ascii_digit(c) && !(hex && c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

enum path_error domain_parse(struct span text, bool utf8, struct span *domainp)
{
	struct span label = { 0 };

	if (text.n > 1 && text.p[text.n - 1] == '.') /* the root */
		text.n--;
	if (text.n == 0)
		return PATH_E_DOMAIN;
	if (text.n > SMTP_DOMAIN_MAX)
		return PATH_E_LONG;
	for (size_t at = 0; at <= text.n; at += label.n + 1) {
		enum path_error r;

		label = span_from(text, at);
		label.n = span_chr(label, '.');
		r = label_check(label, utf8);
		if (r != PATH_OK)
			return r;
	}
	if (numeric(label))
		return PATH_E_DOMAIN;
	*domainp = text;
	return PATH_OK;
}

enum path_error literal_parse(struct span text, struct ip *ipp)
{
	struct span tag = SPAN("IPv6:"), inner;
	bool v6;

	if (text.n < 2 || text.p[0] != '[' || text.p[text.n - 1] != ']')
		return PATH_E_LITERAL;
	inner = span_sub(text, 1, text.n - 2);
	v6 = span_istarts(inner, tag);
	if (v6)
		inner = span_from(inner, tag.n);
	/* A colon decides: an address of one family behind the other's mark is no literal. */
	if ((span_chr(inner, ':') < inner.n) != v6 || !ip_parse(inner, ipp))
		return PATH_E_LITERAL;
	return PATH_OK;
}

static enum path_error domain_of_path(struct span text, bool utf8, struct smtp_path *pathp)
{
	if (text.n > 0 && text.p[0] == '[') {
		pathp->kind = DOMAIN_LITERAL;
		pathp->domain = text;
		return literal_parse(text, &pathp->ip);
	}
	pathp->kind = DOMAIN_NAME;
	return domain_parse(text, utf8, &pathp->domain);
}

/* What follows the local part: "@domain>", or ">" alone behind postmaster. */
static enum path_error rest_parse(struct scan *s, bool postmaster, struct smtp_path *pathp)
{
	struct span rest = span_from(s->text, s->at);
	size_t n = span_chr(rest, '>');
	enum path_error r;

	if (n == rest.n)
		return PATH_E_SYNTAX;
	s->at += n + 1;
	if (n == 0)
		return postmaster && span_ieq(pathp->local, SPAN("postmaster")) ? PATH_OK
										: PATH_E_DOMAIN;
	if (rest.p[0] != '@')
		return PATH_E_LOCAL;
	r = domain_of_path(span_sub(rest, 1, n - 1), s->utf8_ok, pathp);
	if (r != PATH_OK)
		return r;
	for (size_t i = 0; i < pathp->domain.n; i++)
		s->utf8 |= pathp->domain.p[i] > 127;
	return s->at > SMTP_PATH_MAX ? PATH_E_LONG : PATH_OK;
}

enum path_error path_parse(
	struct span text, const struct path_rules *rules, struct smtp_path *pathp, size_t *usedp)
{
	struct scan s = { .text = text, .at = 1, .utf8_ok = rules->utf8 };
	enum path_error r;

	*pathp = (struct smtp_path){ .kind = DOMAIN_NONE };
	if (text.n < 2 || text.p[0] != '<')
		return PATH_E_SYNTAX;
	if (text.p[1] == '>') {
		*usedp = 2;
		return rules->null_ok ? PATH_OK : PATH_E_SYNTAX;
	}
	if (text.p[1] == '@')
		return PATH_E_ROUTE;
	r = local_parse(&s, rules->tolerant, pathp);
	if (r == PATH_OK)
		r = rest_parse(&s, rules->postmaster, pathp);
	if (r != PATH_OK)
		return r;
	pathp->utf8 = s.utf8;
	*usedp = s.at;
	return PATH_OK;
}

void literal_print(struct out *o, const struct ip *ip)
{
	out_str(o, ip->family == IP_V6 ? "[IPv6:" : "[");
	ip_print(o, ip);
	out_octet(o, ']');
}

void path_print(struct out *o, const struct smtp_path *path)
{
	out_octet(o, '<');
	out_bytes(o, path->local);
	if (path->kind != DOMAIN_NONE)
		out_octet(o, '@');
	if (path->kind == DOMAIN_NAME)
		out_lower(o, path->domain);
	else if (path->kind == DOMAIN_LITERAL)
		literal_print(o, &path->ip);
	out_octet(o, '>');
}
