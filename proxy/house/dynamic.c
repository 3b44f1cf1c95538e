/* SPDX-License-Identifier: ISC */
#include "proxy/house/dynamic.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memfd.h"

static int prefix_cmp(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int d = ip_cmp(&a->ip, &b->ip);

	return d != 0 ? d : (a->bits > b->bits) - (a->bits < b->bits);
}

static int member_cmp(
	const struct dynamic_member *m, const char *set, const struct ip_prefix *prefix)
{
	int d = strcmp(m->set, set);

	return d != 0 ? d : prefix_cmp(&m->prefix, prefix);
}

/* Where it stands, or would. */
static size_t place_of(
	const struct dynamic *d, const char *set, const struct ip_prefix *prefix, bool *thereP)
{
	size_t lo = 0, hi = d->n;

	*thereP = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = member_cmp(&d->list[mid], set, prefix);

		if (c == 0) {
			*thereP = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Room for one more: the block doubles whenever it is full, which it is at every power of two. */
static bool make_room(struct dynamic *d)
{
	struct dynamic_member *more;

	if ((d->n & (d->n - 1)) != 0)
		return true;
	more = realloc(d->list, (d->n ? 2 * d->n : 1) * sizeof(*more));
	if (more != NULL)
		d->list = more;
	return more != NULL;
}

static int insert(struct dynamic *d, size_t at, const struct dynamic_member *m)
{
	if (!make_room(d))
		return -ENOMEM;
	memmove(d->list + at + 1, d->list + at, (d->n - at) * sizeof(*d->list));
	d->list[at] = *m;
	d->n++;
	return 0;
}

static void take_out(struct dynamic *d, size_t at)
{
	free((char *)d->list[at].set);
	memmove(d->list + at, d->list + at + 1, (d->n - at - 1) * sizeof(*d->list));
	d->n--;
	d->changed = d->unkept = true;
}

int dynamic_add(struct dynamic *d, const char *set, const struct ip_prefix *prefix, uint64_t end_ms)
{
	struct dynamic_member m = { .prefix = *prefix, .end_ms = end_ms };
	bool there;
	size_t at = place_of(d, set, prefix, &there);
	int r;

	if (there) {
		d->list[at].end_ms = end_ms;
		d->unkept = true;
		return 0;
	}
	if (d->n == MEMBERS_MAX)
		return DYNAMIC_E_FULL;
	m.set = strdup(set);
	r = m.set != NULL ? insert(d, at, &m) : -ENOMEM;
	if (r < 0)
		free((char *)m.set);
	else
		d->changed = d->unkept = true;
	return r;
}

int dynamic_del(struct dynamic *d, const char *set, const struct ip_prefix *prefix)
{
	bool there;
	size_t at = place_of(d, set, prefix, &there);

	if (!there)
		return DYNAMIC_E_NONE;
	take_out(d, at);
	return 0;
}

size_t dynamic_flush(struct dynamic *d, const char *set)
{
	size_t before = d->n;

	for (size_t i = d->n; i-- > 0;)
		if (strcmp(d->list[i].set, set) == 0)
			take_out(d, i);
	return before - d->n;
}

bool dynamic_has(const struct ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_sets; i++)
		if (rs->sets[i]->dynamic && rs->sets[i]->kind == SET_ADDRESSES &&
			strcmp(rs->sets[i]->name, name) == 0)
			return true;
	return false;
}

void dynamic_look(struct dynamic *d, const struct ruleset *rs, uint64_t now_ms)
{
	for (size_t i = d->n; i-- > 0;)
		if ((d->list[i].end_ms != 0 && d->list[i].end_ms <= now_ms) ||
			!dynamic_has(rs, d->list[i].set))
			take_out(d, i);
}

int dynamic_memfd(const struct dynamic *d)
{
	uint8_t *block = malloc(MEMBERS_TEXT_MAX);
	struct out o;
	int fd;

	if (block == NULL)
		return -ENOMEM;
	out_init(&o, block, MEMBERS_TEXT_MAX);
	members_head(&o);
	for (size_t i = 0; i < d->n; i++)
		members_put(&o, d->list[i].set, &d->list[i].prefix);
	fd = o.full ? -E2BIG : memfd_sealed("postern-members", out_span(&o));
	free(block);
	return fd;
}

void dynamic_tell(const struct dynamic *d, struct child *c)
{
	int fd;

	if (d->n == 0)
		return;
	fd = dynamic_memfd(d);
	if (fd < 0) {
		child_kill(c, SIGKILL); /* it would let in whom it does not know to be blocked */
		return;
	}
	child_send(c, ROLE_MEMBERS, (struct span){ 0 }, fd);
	close(fd);
}

void dynamic_deinit(struct dynamic *d)
{
	while (d->n > 0)
		take_out(d, d->n - 1);
	free(d->list);
}
