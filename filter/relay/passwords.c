/* SPDX-License-Identifier: ISC */
#include "filter/relay/passwords.h"

#include "filter/relay/credentials.h"

static bool is_slow(struct span hash)
{
	static const char *const methods[] = { "$y$", "$gy$", "$7$", "$2b$", "$2y$", "$2a$", "$6$",
		"$5$" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_eq(span_sub(hash, 0, strlen(methods[i])), span_str(methods[i])))
			return true;
	return false;
}

static bool is_printable(struct span hash)
{
	for (size_t i = 0; i < hash.n; i++)
		if (hash.p[i] <= ' ' || hash.p[i] >= 0x7f || hash.p[i] == ':')
			return false;
	return true;
}

const char *password_line(struct span line, struct password *p)
{
	const size_t colon = span_chr(line, ':');

	*p = (struct password){ 0 };
	if (line.n == 0 || line.p[0] == '#')
		return NULL;
	if (colon == line.n)
		return "has no colon between a name and a hash";
	if (!credential_is_user(span_sub(line, 0, colon)))
		return "begins with no name of a user";
	p->user = span_sub(line, 0, colon);
	p->hash = span_from(line, colon + 1);
	if (p->hash.n > PASSWORD_HASH_MAX || !is_printable(p->hash))
		return "has no hash of crypt(5) behind its colon";
	if (!is_slow(p->hash))
		return "has a hash that can be guessed, or none: \"postern auth passwd\" makes a "
		       "good one";
	return NULL;
}

bool password_next(
	struct span file, size_t *at, unsigned *line, struct password *p, const char **why)
{
	const struct span rest = span_from(file, *at);
	const size_t n = span_chr(rest, '\n');

	if (rest.n == 0)
		return false;
	++*line;
	*why = password_line(span_sub(rest, 0, n), p);
	*at += n < rest.n ? n + 1 : n;
	return true;
}

bool password_find(struct span file, struct span user, struct span *hashp)
{
	struct password p;
	const char *why;
	unsigned line = 0;
	size_t at = 0;

	while (password_next(file, &at, &line, &p, &why))
		if (!why && p.user.n && span_eq(p.user, user)) {
			*hashp = p.hash;
			return true;
		}
	return false;
}

const char *password_flaw(struct span file, unsigned *linep)
{
	struct password p;
	struct span hash;
	const char *why;
	size_t at = 0, before = 0;

	*linep = 0;
	while (password_next(file, &at, linep, &p, &why)) {
		if (why)
			return why;
		if (p.user.n && password_find(span_sub(file, 0, before), p.user, &hash))
			return "has a name that stands above it already";
		before = at;
	}
	return NULL;
}
