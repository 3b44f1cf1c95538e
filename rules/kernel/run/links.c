/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/links.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "rules/kernel/run/program.h"

#define QUESTION_MAX 64 /* octets: "route get " and an address */

/* A name that no packet filter takes for more than a name: "+" at its end is a wildcard. */
static bool is_plain(struct span name)
{
	if (name.n == 0 || name.n >= KERNEL_LINK_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_alpha(name.p[i]) && !ascii_digit(name.p[i]) &&
			memchr("._-@:", name.p[i], 5) == NULL)
			return false;
	return true;
}

static bool links_have(const struct links *links, struct span name)
{
	for (size_t i = 0; i < links->n; i++)
		if (span_eq(span_str(links->name[i]), name))
			return true;
	return false;
}

static void links_add(struct links *links, struct span name)
{
	if (!is_plain(name) || links_have(links, name) || links->n == LINKS_MAX)
		return;
	memcpy(links->name[links->n], name.p, name.n);
	links->name[links->n++][name.n] = '\0';
}

/* Each "dev NAME" of what "ip route" printed. */
static void read_devices(struct links *links, struct span text)
{
	const struct span word = SPAN(" dev ");

	while (text.p != NULL && text.n > 0) {
		const uint8_t *hit = memmem(text.p, text.n, word.p, word.n);
		struct span name;

		if (hit == NULL)
			return;
		text = span_from(text, (size_t)(hit - text.p) + word.n);
		name = span_sub(text, 0, span_chr(text, ' '));
		links_add(links, span_sub(name, 0, span_chr(name, '\n')));
	}
}

/* What has no way is told by the status, and there is nothing to read of it. */
static int ask(struct links *links, const char *const argv[], struct span input)
{
	struct program p;
	const int r = program_run(&p, argv, input);
	const bool missing = r == 0 && p.status == PROGRAM_MISSING;

	if (r < 0)
		return err_trace(r);
	if (!missing)
		read_devices(links, p.out);
	program_free(&p);
	return missing ? -ENOENT : 0;
}

static int ask_defaults(struct links *links)
{
	static const char *const four[] = { "ip", "-4", "route", "show", "default", NULL };
	static const char *const six[] = { "ip", "-6", "route", "show", "default", NULL };
	const int r = ask(links, four, (struct span){ NULL, 0 });

	links_add(links, SPAN("lo"));
	return r ? r : ask(links, six, (struct span){ NULL, 0 });
}

/* One line for each internal of the family. */
static void print_questions(struct out *o, const struct ruleset *rs, enum ip_family family)
{
	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		for (size_t j = 0; p != NULL && j < p->n_internal; j++) {
			if (p->internal[j].addr.ip.family != family)
				continue;
			out_str(o, "route get ");
			ip_print(o, &p->internal[j].addr.ip);
			out_octet(o, '\n');
		}
	}
}

static size_t count_internals(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL)
			n += rs->rules[i].publish->n_internal;
	return n;
}

/* All at once: thousands of servers are no thousands of programs. */
static int ask_ways(struct links *links, const struct ruleset *rs, enum ip_family family)
{
	const char *const argv[] = { "ip", family == IP_V4 ? "-4" : "-6", "-force", "-batch", "-",
		NULL };
	const size_t room = count_internals(rs) * QUESTION_MAX + 1;
	void *block = malloc(room);
	struct out o;
	int r;

	if (block == NULL)
		return err_trace(-ENOMEM);
	out_init(&o, block, room);
	print_questions(&o, rs, family);
	r = o.n > 0 ? ask(links, argv, out_span(&o)) : 0;
	free(block);
	return r;
}

int links_find(struct links *links, const struct ruleset *rs)
{
	struct links all = { 0 }, other = { 0 };
	int r = ask_defaults(&other);

	if (r == 0)
		r = ask_ways(&all, rs, IP_V4);
	if (r == 0)
		r = ask_ways(&all, rs, IP_V6);
	links->n = 0;
	for (size_t i = 0; i < all.n; i++)
		if (!links_have(&other, span_str(all.name[i])))
			links_add(links, span_str(all.name[i]));
	return r;
}
