/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/links.h"

#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "rules/kernel/run/program.h"

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

/* An unreachable address has no way, and "ip" says so by its status. */
static int ask(struct links *links, const char *const argv[])
{
	struct program p;
	const int r = program_run(&p, argv, (struct span){ NULL, 0 });

	if (r < 0)
		return err_trace(r);
	if (p.status == PROGRAM_MISSING) {
		program_free(&p);
		return -ENOENT;
	}
	if (p.status == 0)
		read_devices(links, p.out);
	program_free(&p);
	return 0;
}

static int ask_address(struct links *links, const struct ip *ip)
{
	char text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_print(&o, ip);
	return ask(links, (const char *const[]){ "ip", "-o", "route", "get", out_cstr(&o), NULL });
}

static int ask_defaults(struct links *links)
{
	int r = ask(links, (const char *const[]){ "ip", "-4", "route", "show", "default", NULL });

	links_add(links, SPAN("lo"));
	return r ? r
		 : ask(links,
			   (const char *const[]){ "ip", "-6", "route", "show", "default", NULL });
}

int links_find(struct links *links, const struct ruleset *rs)
{
	struct links all = { 0 }, other = { 0 };
	int r = ask_defaults(&other);

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		for (size_t j = 0; r == 0 && p != NULL && j < p->n_internal; j++)
			r = ask_address(&all, &p->internal[j].addr.ip);
	}
	links->n = 0;
	for (size_t i = 0; i < all.n; i++)
		if (!links_have(&other, span_str(all.name[i])))
			links_add(links, span_str(all.name[i]));
	return r;
}
