/* SPDX-License-Identifier: ISC */
#include "rules/members.h"

static const char head[] = "members 1\n";

void members_head(struct out *o)
{
	out_str(o, head);
}

void members_put(struct out *o, const char *set, const struct ip_prefix *prefix)
{
	out_str(o, set);
	out_octet(o, ' ');
	ip_prefix_print(o, prefix);
	out_octet(o, '\n');
}

size_t members_lines(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* The next line without its end, cut off @textp. False: there is none that ends. */
static bool next_line(struct span *textp, struct span *linep)
{
	size_t n = span_chr(*textp, '\n');

	if (n >= textp->n)
		return false;
	*linep = span_sub(*textp, 0, n);
	*textp = span_from(*textp, n + 1);
	return true;
}

static struct rule_set *set_of(const struct ruleset *rs, struct rule_set *sets, struct span name)
{
	for (size_t i = 0; i < rs->n_sets; i++)
		if (rs->sets[i]->dynamic && rs->sets[i]->kind == SET_ADDRESSES &&
			span_eq(span_str(rs->sets[i]->name), name))
			return &sets[i];
	return NULL;
}

bool members_read(
	struct span text, const struct ruleset *rs, struct rule_set *sets, struct set_member *room)
{
	struct span line, name = { 0 };
	struct rule_set *set = NULL;
	struct set_member *first = room;

	for (size_t i = 0; i < rs->n_sets; i++)
		sets[i] = (struct rule_set){ .name = rs->sets[i]->name, .kind = rs->sets[i]->kind };
	if (!next_line(&text, &line) || line.n + 1 != sizeof(head) - 1 ||
		memcmp(line.p, head, line.n) != 0)
		return false;
	while (next_line(&text, &line)) {
		size_t blank = span_chr(line, ' ');
		struct set_member m = { 0 };

		if (blank == 0 || blank >= line.n ||
			!ip_prefix_parse(span_from(line, blank + 1), &m.prefix))
			return false;
		if (!span_eq(name, span_sub(line, 0, blank))) {
			if (set != NULL)
				set_finish(set, first, (size_t)(room - first));
			first = room;
			name = span_sub(line, 0, blank);
			set = set_of(rs, sets, name);
			if (set != NULL && set->n_members > 0)
				return false; /* its lines do not stand together */
		}
		if (set != NULL)
			*room++ = m;
	}
	if (set != NULL)
		set_finish(set, first, (size_t)(room - first));
	return text.n == 0;
}
