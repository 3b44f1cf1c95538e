/* SPDX-License-Identifier: ISC */
#include "rules/kernel/lanes.h"

#include "rules/view.h"

#define LANES_MAX 4096 /* numbers that are kept apart, however wide the mask */

/* ---- numbers in marks ---- */

static uint32_t lowest_bit(const struct hostconf *host)
{
	return host->lane_mask & (~host->lane_mask + 1);
}

/* Ports come after the number, so there are no more of them than ports. */
static unsigned last_number(const struct hostconf *host)
{
	const unsigned last = host->lane_mask / lowest_bit(host);
	const unsigned ports = 65535 - host->intercept_port;

	return last < LANES_MAX && last < ports ? last : ports < LANES_MAX ? ports : LANES_MAX - 1;
}

unsigned lane_reset(const struct hostconf *host)
{
	return last_number(host);
}

unsigned lane_refuse(const struct hostconf *host)
{
	return last_number(host) - 1;
}

unsigned lanes_max(const struct hostconf *host)
{
	return last_number(host) - 2;
}

uint32_t lane_mark(const struct hostconf *host, unsigned number)
{
	return number * lowest_bit(host);
}

unsigned lane_of_mark(const struct hostconf *host, uint32_t mark)
{
	return (mark & host->lane_mask) / lowest_bit(host);
}

uint16_t lane_port(const struct hostconf *host, unsigned number)
{
	return (uint16_t)(host->intercept_port + number);
}

/* ---- the lanes of a rule set, still without numbers ---- */

/* A passed session whose server is to be told the client goes through a proxy that says so. */
static enum lane_kind kind_of(const struct publish *p)
{
	if (!p->pass || p->client_address == CLIENT_PROXY_V2)
		return LANE_PROXY;
	return p->internal_original ? LANE_ASIS : LANE_PASS;
}

static size_t lanes_of(const struct publish *p)
{
	return kind_of(p) == LANE_PASS ? p->n_internal : 1;
}

size_t lanes_need(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL)
			n += lanes_of(rs->rules[i].publish);
	return n;
}

size_t lanes_room(const struct ruleset *rs)
{
	return (lanes_need(rs) + 1) * sizeof(struct lane) + LANES_MAX * sizeof(bool) + 64;
}

static int unnumbered(
	struct arena *arena, const struct ruleset *rs, struct lane **listp, size_t *np)
{
	const size_t n = lanes_need(rs);
	struct lane *list = ARENA_ARRAY(arena, struct lane, n + 1);
	size_t at = 0;

	if (list == NULL)
		return LANES_E_ARENA;
	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;

		for (size_t j = 0; p != NULL && j < lanes_of(p); j++)
			list[at++] = (struct lane){ 0, kind_of(p), p, j };
	}
	*listp = list;
	*np = n;
	return LANES_OK;
}

/* ---- as text ---- */

/* A port that follows the client's is no part of it. */
static void print_internal(struct out *o, const struct lane *l)
{
	const struct rule_endpoint *e =
		l->kind == LANE_PASS ? &l->rule->internal[l->internal] : NULL;

	if (e == NULL)
		out_octet(o, '-');
	else if (l->rule->internal_port_given[l->internal])
		ip_port_print(o, &e->addr);
	else
		ip_print(o, &e->addr.ip);
}

static void print_key(struct out *o, const struct lane *l)
{
	out_str(o, l->rule->name);
	out_octet(o, ' ');
	print_internal(o, l);
}

void lanes_print(struct out *o, const struct lanes *lanes)
{
	out_str(o, "lanes 1 ");
	out_u64(o, lanes->given);
	out_octet(o, '\n');
	for (size_t i = 0; i < lanes->n; i++) {
		out_u64(o, lanes->list[i].number);
		out_octet(o, ' ');
		print_key(o, &lanes->list[i]);
		out_octet(o, '\n');
	}
}

struct reading {
	struct span rest, key;
	unsigned number;
};

static struct span take_line(struct span *rest)
{
	const struct span line = span_sub(*rest, 0, span_chr(*rest, '\n'));

	*rest = line.n < rest->n ? span_from(*rest, line.n + 1) : (struct span){ NULL, 0 };
	return line;
}

static bool read_head(struct reading *r, struct span text, unsigned *givenp)
{
	const struct span head = SPAN("lanes 1 ");
	struct span line;
	uint64_t v;

	r->rest = text;
	line = take_line(&r->rest);
	if (line.n < head.n || !span_eq(span_sub(line, 0, head.n), head) ||
		!span_u64(span_from(line, head.n), LANES_MAX, &v))
		return false;
	*givenp = (unsigned)v;
	return true;
}

static bool read_line(struct reading *r, const struct hostconf *host)
{
	const struct span line = take_line(&r->rest);
	const size_t blank = span_chr(line, ' ');
	uint64_t v;

	if (blank == line.n || !span_u64(span_sub(line, 0, blank), lanes_max(host), &v) || v == 0)
		return false;
	r->number = (unsigned)v;
	r->key = span_from(line, blank + 1);
	return true;
}

#define KEY_MAX 256

static bool has_key(const struct lane *l, struct span key)
{
	char text[KEY_MAX];
	struct out o;

	out_init(&o, text, sizeof(text));
	print_key(&o, l);
	return !o.full && span_eq(out_span(&o), key);
}

static struct lane *find_key(struct lane *list, size_t n, struct span key)
{
	for (size_t i = 0; i < n; i++)
		if (has_key(&list[i], key))
			return &list[i];
	return NULL;
}

int lanes_read(struct arena *arena, const struct ruleset *rs, struct span text, struct lanes *lanes)
{
	struct reading r;
	struct lane *list;
	size_t n, numbered = 0;
	int e = unnumbered(arena, rs, &list, &n);

	if (e != LANES_OK)
		return e;
	*lanes = (struct lanes){ .list = list, .n = n };
	if (!read_head(&r, text, &lanes->given))
		return LANES_E_TEXT;
	for (; r.rest.n > 0; numbered++) {
		/* two of one number, or one of two, are no lanes */
		if (numbered == n || !read_line(&r, &rs->host) ||
			lanes_find(lanes, r.number) != NULL || !has_key(&list[numbered], r.key))
			return LANES_E_TEXT;
		list[numbered].number = r.number;
	}
	return numbered == n ? LANES_OK : LANES_E_TEXT;
}

/* ---- giving numbers ---- */

/* What has a number keeps it; @held: those that are taken, now or before. */
static int keep(const struct hostconf *host, struct lane *list, size_t n, struct span before,
	bool *held, unsigned *givenp)
{
	struct reading r;

	if (before.n == 0)
		return LANES_OK;
	if (!read_head(&r, before, givenp))
		return LANES_E_TEXT;
	while (r.rest.n > 0) {
		struct lane *l;

		if (!read_line(&r, host))
			continue; /* beyond a mask that has become narrower: as good as none */
		l = find_key(list, n, r.key);
		if (l != NULL && l->number == 0 && !held[r.number]) {
			l->number = r.number;
			held[r.number] = true;
		}
	}
	return LANES_OK;
}

int lanes_assign(
	struct arena *arena, const struct ruleset *rs, struct span before, struct lanes *lanes)
{
	const unsigned max = lanes_max(&rs->host);
	bool *held = ARENA_ARRAY(arena, bool, LANES_MAX);
	unsigned given = 0;
	struct lane *list;
	size_t n;
	int e = unnumbered(arena, rs, &list, &n);

	if (e != LANES_OK || held == NULL)
		return LANES_E_ARENA;
	if (n > max)
		return LANES_E_FULL;
	e = keep(&rs->host, list, n, before, held, &given);
	for (size_t i = 0; i < n; i++) {
		while (list[i].number == 0) {
			given = given % max + 1;
			if (!held[given])
				list[i].number = given;
		}
		held[list[i].number] = true;
	}
	*lanes = (struct lanes){ list, n, given };
	return e;
}

/* ---- finding ---- */

const struct lane *lanes_find(const struct lanes *lanes, unsigned number)
{
	for (size_t i = 0; i < lanes->n && number != 0; i++)
		if (lanes->list[i].number == number)
			return &lanes->list[i];
	return NULL;
}

const struct lane *lanes_of_rule(const struct lanes *lanes, const struct publish *rule)
{
	for (size_t i = 0; i < lanes->n; i++)
		if (lanes->list[i].rule == rule)
			return &lanes->list[i];
	return NULL;
}
