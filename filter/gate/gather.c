/* SPDX-License-Identifier: ISC */
#include "filter/gate/gather.h"

#include <stdlib.h>

struct gatherer {
	struct gatherer *older, *younger;
	struct gathered *of;
	enum hello_result client_is, server_is; /* HELLO_MORE: under way */
	struct hello_client client;
	unsigned chosen;
	struct hello_reader c2s, s2c;
};

/* ---- in the order in which they began ---- */

static void link_youngest(struct gather *g, struct gatherer *r)
{
	r->older = g->youngest;
	if (g->youngest)
		g->youngest->younger = r;
	else
		g->oldest = r;
	g->youngest = r;
	g->n++;
}

static void unlink_one(struct gather *g, struct gatherer *r)
{
	if (r->older)
		r->older->younger = r->younger;
	else
		g->oldest = r->younger;
	if (r->younger)
		r->younger->older = r->older;
	else
		g->youngest = r->older;
	g->n--;
}

/* ---- beginning and end ---- */

/* NULL: there is nothing, or no memory. */
static struct gather_told *told_by(const struct gatherer *r)
{
	static const struct hello_client none;
	const struct hello_client *c = r->client_is == HELLO_DONE ? &r->client : &none;
	const unsigned chosen = r->server_is == HELLO_DONE ? r->chosen : 0;
	struct gather_told *t = NULL;

	if (c != &none || chosen != 0)
		t = malloc(sizeof(*t) + c->n_name);
	if (!t)
		return NULL;
	*t = (struct gather_told){ c->offered, chosen, c->long_name, c->n_name };
	if (c->n_name > 0)
		memcpy(t->name, c->name, c->n_name);
	return t;
}

static void stop(struct gather *g, struct gatherer *r)
{
	r->of->told = told_by(r);
	r->of->under_way = NULL;
	r->of->over = true;
	unlink_one(g, r);
	free(r);
}

/* NULL: no memory, then the record says less. */
static struct gatherer *begin(struct gather *g, struct gathered *of)
{
	struct gatherer *r;

	if (g->n == GATHER_MAX)
		stop(g, g->oldest);
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->of = of;
	of->under_way = r;
	link_youngest(g, r);
	return r;
}

void gather_take(struct gather *g, struct gathered *of, enum gather_side from, uint32_t seq,
	struct span payload)
{
	struct gatherer *r = of->under_way;

	if (of->over || payload.n == 0)
		return;
	if (!r)
		r = begin(g, of);
	if (!r)
		return;
	if (from == GATHER_CLIENT && r->client_is == HELLO_MORE)
		r->client_is = hello_from_client(&r->c2s, seq, payload, &r->client);
	if (from == GATHER_SERVER && r->server_is == HELLO_MORE)
		r->server_is = hello_from_server(&r->s2c, seq, payload, &r->chosen);
	if (r->client_is != HELLO_MORE && r->server_is != HELLO_MORE)
		stop(g, r);
}

const struct gather_told *gather_end(struct gather *g, struct gathered *of)
{
	if (of->under_way)
		stop(g, of->under_way);
	of->over = true;
	return of->told;
}

void gather_forget(struct gather *g, struct gathered *of)
{
	gather_end(g, of);
	free(of->told);
	of->told = NULL;
}
