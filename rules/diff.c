/* SPDX-License-Identifier: ISC */
#include "rules/diff.h"

#include "rules/diff_text.h"
#include "rules/set.h"

struct work {
	struct arena *arena;
	struct out text; /* what is being printed, again and again */
	struct diff *diff;
	struct diff_change *last;
};

static struct diff_change *tell(
	struct work *w, enum diff_sign sign, const struct diff_thing *thing, const char *statement)
{
	struct diff_change *c = ARENA_NEW(w->arena, struct diff_change);

	if (c == NULL)
		return NULL;
	c->sign = sign;
	c->kind = diff_kind_word(thing->kind);
	c->name = thing->name;
	c->statement = statement;
	if (w->last != NULL)
		w->last->next = c;
	else
		w->diff->first = c;
	w->last = c;
	w->diff->n++;
	return c;
}

static const char *keep(struct work *w, struct span text)
{
	return text.p != NULL ? arena_str(w->arena, text) : NULL;
}

/* ---- statements ---- */

struct statement {
	struct span line, name, value;
	bool paired;
};

struct statements {
	struct statement *list;
	size_t n;
};

static bool is_first_of_two(struct span word)
{
	static const char *const firsts[] = { "attachment", "data", "extension", "limit", "metrics",
		"shared", "timeout", "verb" };

	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		if (span_eq(word, span_str(firsts[i])))
			return true;
	return false;
}

static struct statement split(struct span line)
{
	size_t n = span_chr(line, ' ');

	if (is_first_of_two(span_sub(line, 0, n)) && n < line.n)
		n += 1 + span_chr(span_from(line, n + 1), ' ');
	return (struct statement){
		.line = line, .name = span_sub(line, 0, n), .value = span_from(line, n + 1)
	};
}

/* The next line of @textp that is a statement; its indent is taken off. */
static bool next_line(struct span *textp, bool indented, struct span *linep)
{
	while (textp->n > 0) {
		const size_t n = span_chr(*textp, '\n');
		struct span line = span_sub(*textp, 0, n);
		const bool inside = span_istarts(line, SPAN("    "));

		*textp = span_from(*textp, n + 1);
		if (line.n == 0 || inside != indented)
			continue;
		*linep = span_from(line, inside ? 4 : 0);
		return true;
	}
	return false;
}

static struct statements statements_of(struct work *w, const struct diff_thing *thing)
{
	const bool block = thing->name != NULL;
	struct statements s = { 0 };
	struct span text, rest, line;
	size_t n = 0;

	w->text.n = 0;
	diff_text(&w->text, w->arena, thing);
	if (w->text.full)
		w->arena->full = true;
	text = span_of(arena_str(w->arena, out_span(&w->text)), w->text.n);
	if (w->arena->full)
		return s;
	for (rest = text; next_line(&rest, block, &line);)
		n++;
	s.list = ARENA_ARRAY(w->arena, struct statement, n);
	for (rest = text; s.list != NULL && next_line(&rest, block, &line);)
		s.list[s.n++] = split(line);
	return s;
}

typedef bool same(const struct statement *a, const struct statement *b);

static bool same_line(const struct statement *a, const struct statement *b)
{
	return span_eq(a->line, b->line);
}

static bool same_name(const struct statement *a, const struct statement *b)
{
	return span_eq(a->name, b->name);
}

/* The first of @s that has no partner yet and is the same, looked for from @from on and around. */
static struct statement *partner(
	const struct statements *s, size_t from, const struct statement *of, same *is_same)
{
	for (size_t i = 0; i < s->n; i++) {
		struct statement *c = &s->list[(from + i) % s->n];
		if (!c->paired && is_same(c, of))
			return c;
	}
	return NULL;
}

/* Return: do those that are the same stand in the same order? */
static bool pair_equals(const struct statements *was, const struct statements *is)
{
	size_t next = 0;
	bool in_order = true;

	for (size_t i = 0; i < is->n; i++) {
		struct statement *old = partner(was, next, &is->list[i], same_line);
		if (old == NULL)
			continue;
		old->paired = is->list[i].paired = true;
		in_order = in_order && (size_t)(old - was->list) >= next;
		next = (size_t)(old - was->list) + 1;
	}
	return in_order;
}

static void tell_statement(struct work *w, const struct diff_thing *thing,
	const struct statement *was, const struct statement *is)
{
	struct diff_change *c =
		tell(w, DIFF_CHANGED, thing, keep(w, is != NULL ? is->name : was->name));

	if (c == NULL)
		return;
	c->was = was != NULL ? keep(w, was->value) : NULL;
	c->is = is != NULL ? keep(w, is->value) : NULL;
}

static void compare_statements(
	struct work *w, const struct diff_thing *old, const struct diff_thing *new)
{
	const struct statements was = statements_of(w, old), is = statements_of(w, new);
	const bool in_order = pair_equals(&was, &is);

	for (size_t i = 0; i < is.n; i++) {
		struct statement *before;
		if (is.list[i].paired)
			continue;
		before = partner(&was, 0, &is.list[i], same_name);
		tell_statement(w, new, before, &is.list[i]);
		if (before != NULL)
			before->paired = true;
	}
	for (size_t i = 0; i < was.n; i++)
		if (!was.list[i].paired)
			tell_statement(w, new, &was.list[i], NULL);
	if (!in_order && new->kind == DIFF_SCREEN) /* its rows are tried in written order */
		tell(w, DIFF_CHANGED, new, "order");
}

/* ---- members of sets ---- */

struct members {
	const struct set_member *list;
	size_t n;
};

/* An unused set is left unsorted. */
static struct members members_of(struct work *w, const struct rule_set *set)
{
	struct rule_set sorted = { .kind = SET_MAIL };
	struct set_member *copy;

	if (set->kind != SET_UNUSED)
		return (struct members){ set->members, set->n_members };
	copy = ARENA_ARRAY(w->arena, struct set_member, set->n_members);
	if (copy == NULL)
		return (struct members){ 0 };
	if (set->n_members > 0)
		memcpy(copy, set->members, set->n_members * sizeof(*copy));
	set_finish(&sorted, copy, set->n_members);
	return (struct members){ sorted.members, sorted.n_members };
}

/* How many of @a are not in @b; the first few are written. */
static size_t only_in(struct out *o, struct members a, struct members b)
{
	size_t n = 0;

	for (size_t i = 0, j = 0; i < a.n; i++) {
		while (j < b.n && set_member_cmp(&b.list[j], &a.list[i]) < 0)
			j++;
		if (j < b.n && set_member_cmp(&b.list[j], &a.list[i]) == 0)
			continue;
		if (n < DIFF_MEMBERS) {
			out_str(o, n > 0 ? ", " : "");
			set_member_print(o, &a.list[i]);
		} else if (n == DIFF_MEMBERS) {
			out_str(o, ", ...");
		}
		n++;
	}
	return n;
}

static size_t told_members(struct work *w, struct members a, struct members b, const char **textp)
{
	size_t n;

	w->text.n = 0;
	n = only_in(&w->text, a, b);
	if (w->text.full)
		w->arena->full = true;
	*textp = n > 0 ? keep(w, out_span(&w->text)) : NULL;
	return n;
}

static void compare_members(
	struct work *w, const struct diff_thing *old, const struct diff_thing *new)
{
	const struct members was = members_of(w, old->object), is = members_of(w, new->object);
	const char *gone, *come;
	const size_t removed = told_members(w, was, is, &gone);
	const size_t added = told_members(w, is, was, &come);
	struct diff_change *c;

	if (added + removed == 0)
		return;
	c = tell(w, DIFF_CHANGED, new, "members");
	if (c == NULL)
		return;
	c->n_added = added;
	c->n_removed = removed;
	c->was = gone;
	c->is = come;
}

/* ---- the order of rules ---- */

struct place {
	const struct diff_thing *thing; /* as it is now */
	unsigned was;                   /* its number before */
	size_t before; /* of the longest rising row that ends here: the place in front, from 1 */
	bool stays;
};

/* The longest row of rules that kept their order: all others have moved. @ends[k]: where the row of
 * k + 1 with the lowest last number ends. */
static void mark_staying(struct place *places, size_t n, size_t *ends)
{
	size_t rows = 0;

	for (size_t i = 0; i < n; i++) {
		size_t lo = 0, hi = rows;
		while (lo < hi) {
			const size_t mid = lo + (hi - lo) / 2;
			if (places[ends[mid]].was < places[i].was)
				lo = mid + 1;
			else
				hi = mid;
		}
		places[i].before = lo > 0 ? ends[lo - 1] + 1 : 0;
		ends[lo] = i;
		if (lo == rows)
			rows++;
	}
	for (size_t at = rows > 0 ? ends[rows - 1] + 1 : 0; at > 0; at = places[at - 1].before)
		places[at - 1].stays = true;
}

static const char *number_text(struct work *w, unsigned number)
{
	w->text.n = 0;
	out_u64(&w->text, number);
	return keep(w, out_span(&w->text));
}

static void tell_moves(struct work *w, struct place *places, size_t n)
{
	size_t *ends = ARENA_ARRAY(w->arena, size_t, n);

	if (ends == NULL)
		return;
	mark_staying(places, n, ends);
	for (size_t i = 0; i < n; i++) {
		struct diff_change *c;
		if (places[i].stays)
			continue;
		c = tell(w, DIFF_CHANGED, places[i].thing, "order");
		if (c == NULL)
			return;
		c->was = number_text(w, places[i].was);
		c->is = number_text(w, places[i].thing->number);
	}
}

/* ---- things ---- */

struct things {
	struct diff_thing *list;
	size_t n;
};

static void add(struct things *t, enum diff_kind kind, const char *name, const void *object)
{
	t->list[t->n++] = (struct diff_thing){ .kind = kind, .name = name, .object = object };
}

static void add_rule(struct things *t, const struct rule *rule)
{
	if (rule->publish != NULL) {
		add(t, DIFF_PUBLISH, rule->publish->name, rule->publish);
		t->list[t->n - 1].number = rule->publish->number;
	} else {
		add(t, DIFF_RELAY, rule->relay->front.name, rule->relay);
		t->list[t->n - 1].number = rule->relay->front.number;
	}
}

static struct things things_of(struct arena *arena, const struct ruleset *rs)
{
	const size_t n = rs->n_sets + rs->n_schedules + rs->n_tables + rs->n_screens +
			 rs->n_certificates + rs->n_auths + rs->n_routes + rs->n_rules + 2;
	struct things t = { .list = ARENA_ARRAY(arena, struct diff_thing, n) };

	if (t.list == NULL)
		return t;
	for (size_t i = 0; i < rs->n_sets; i++)
		add(&t, DIFF_SET, rs->sets[i]->name, rs->sets[i]);
	for (size_t i = 0; i < rs->n_schedules; i++)
		add(&t, DIFF_SCHEDULE, rs->schedules[i]->name, rs->schedules[i]);
	for (size_t i = 0; i < rs->n_tables; i++)
		add(&t, DIFF_COMMANDS, rs->tables[i]->name, rs->tables[i]);
	for (size_t i = 0; i < rs->n_screens; i++)
		add(&t, DIFF_SCREEN, rs->screens[i]->name, rs->screens[i]);
	for (size_t i = 0; i < rs->n_certificates; i++)
		add(&t, DIFF_CERTIFICATE, rs->certificates[i]->name, rs->certificates[i]);
	for (size_t i = 0; i < rs->n_auths; i++)
		add(&t, DIFF_AUTH, rs->auths[i]->name, rs->auths[i]);
	for (size_t i = 0; i < rs->n_routes; i++)
		add(&t, DIFF_ROUTE, rs->routes[i]->name, rs->routes[i]);
	for (size_t i = 0; i < rs->n_rules; i++)
		add_rule(&t, &rs->rules[i]);
	add(&t, DIFF_DEFAULT, NULL, rs);
	add(&t, DIFF_HOST, NULL, rs);
	return t;
}

/* Looked for from @from on and around: most things stand where they stood. */
static const struct diff_thing *find(
	const struct things *t, size_t from, const struct diff_thing *like)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct diff_thing *c = &t->list[(from + i) % t->n];
		if (c->kind == like->kind &&
			(c->name == like->name || (c->name != NULL && like->name != NULL &&
							  strcmp(c->name, like->name) == 0)))
			return c;
	}
	return NULL;
}

static void tell_whole(struct work *w, enum diff_sign sign, const struct diff_thing *thing)
{
	struct diff_change *c = tell(w, sign, thing, NULL);
	const struct rule_set *set = thing->object;

	if (c == NULL || thing->kind != DIFF_SET)
		return;
	*(sign == DIFF_ADDED ? &c->n_added : &c->n_removed) = set->n_members;
}

static void compare(struct work *w, const struct things *was, const struct things *is)
{
	struct place *places = ARENA_ARRAY(w->arena, struct place, is->n);
	size_t next = 0, n_places = 0;

	for (size_t i = 0; !w->arena->full && i < is->n; i++) {
		const struct diff_thing *new = &is->list[i], *old = find(was, next, new);
		if (old == NULL) {
			tell_whole(w, DIFF_ADDED, new);
			continue;
		}
		next = (size_t)(old - was->list) + 1;
		compare_statements(w, old, new);
		if (new->kind == DIFF_SET)
			compare_members(w, old, new);
		if (new->number > 0)
			places[n_places++] = (struct place){ .thing = new, .was = old->number };
	}
	if (!w->arena->full)
		tell_moves(w, places, n_places);
	next = 0;
	for (size_t i = 0; !w->arena->full && i < was->n; i++) {
		const struct diff_thing *new = find(is, next, &was->list[i]);
		if (new == NULL)
			tell_whole(w, DIFF_REMOVED, &was->list[i]);
		else
			next = (size_t)(new - is->list) + 1;
	}
}

int rules_diff(struct arena *arena, const struct ruleset *was, const struct ruleset *is,
	struct diff *diffp)
{
	struct work w = { .arena = arena, .diff = diffp };
	const struct things old = things_of(arena, was), new = things_of(arena, is);
	const size_t room = (arena->size - arena->used) / 4;

	*diffp = (struct diff){ 0 };
	out_init(&w.text, arena_alloc(arena, room, 1), room);
	if (!arena->full)
		compare(&w, &old, &new);
	return arena->full ? RULES_E_ARENA : RULES_OK;
}

/* ---- one line ---- */

/* Quotes and backslashes stand as they are written in a rules file. */
static void put_text(struct out *o, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= ' ' && *text <= '~')
			out_octet(o, (uint8_t)*text);
		else
			out_escaped(o, span_of(text, 1), 1);
}

static void put_members(struct out *o, char sign, size_t n, const char *first)
{
	if (n == 0)
		return;
	out_octet(o, ' ');
	out_octet(o, (uint8_t)sign);
	out_u64(o, n);
	out_str(o, " (");
	put_text(o, first);
	out_octet(o, ')');
}

static void put_count(struct out *o, size_t n)
{
	if (n == 0)
		return;
	out_str(o, "  ");
	out_u64(o, n);
	out_str(o, n == 1 ? " member" : " members");
}

/* " 20"; nothing for a statement of one word. */
static void put_value(struct out *o, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	out_octet(o, ' ');
	put_text(o, value);
}

/* " 20 -> 10"; one side alone has its sign in front of the statement. */
static void put_statement(struct out *o, const struct diff_change *c)
{
	if (strcmp(c->statement, c->kind) != 0) { /* "default" says it once */
		out_str(o, "  ");
		if (c->was == NULL && c->is != NULL)
			out_octet(o, '+');
		else if (c->was != NULL && c->is == NULL)
			out_octet(o, '-');
		put_text(o, c->statement);
	} else {
		out_octet(o, ' ');
	}
	if (c->was == NULL && c->is == NULL)
		out_str(o, " changed");
	put_value(o, c->was);
	if (c->was != NULL && c->is != NULL)
		out_str(o, " ->");
	put_value(o, c->is);
}

void rules_diff_print(struct out *o, const struct diff_change *c)
{
	out_octet(o, (uint8_t)c->sign);
	out_octet(o, ' ');
	out_str(o, c->kind);
	if (c->name != NULL) {
		out_octet(o, ' ');
		put_text(o, c->name);
	}
	if (c->statement == NULL) {
		put_count(o, c->n_added + c->n_removed);
	} else if (c->n_added + c->n_removed > 0) {
		out_str(o, "  members");
		put_members(o, '+', c->n_added, c->is);
		put_members(o, '-', c->n_removed, c->was);
	} else {
		put_statement(o, c);
	}
}
