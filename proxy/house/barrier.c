/* SPDX-License-Identifier: ISC */
#include "proxy/house/barrier.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memfd.h"
#include "proxy/house/house.h"

#define ENTRIES_MAX (2 * (size_t)KERNEL_BANS_MAX)

static const struct span nothing = { NULL, 0 };

/* ---- entries ---- */

static uint32_t seconds_left(const struct ban *ban, uint64_t now_ms)
{
	const uint64_t left = ban->end_ms > now_ms ? (ban->end_ms - now_ms + 999) / 1000 : 1;

	return left < KERNEL_BAN_MAX ? (uint32_t)left : KERNEL_BAN_MAX;
}

void barrier_each(const struct ban *ban, const struct ruleset *rs, uint64_t now_ms,
	void (*each)(void *context, const struct kernel_ban *entry), void *context)
{
	const struct publish *rule = bans_rule(rs, ban->rule);
	struct kernel_ban entry = { .client = ban->client, .seconds = seconds_left(ban, now_ms) };

	for (size_t i = 0; rule && i < rule->n_external; i++) {
		const struct rule_endpoint *e = &rule->external[i];
		if (e->any || e->addr.ip.family != ban->client.ip.family)
			continue;
		entry.published = e->addr;
		each(context, &entry);
	}
}

/* By what the kernel knows an entry. */
static int entry_cmp(const struct kernel_ban *a, const struct kernel_ban *b)
{
	int d = ip_cmp(&a->client.ip, &b->client.ip);

	if (d == 0)
		d = (a->client.bits > b->client.bits) - (a->client.bits < b->client.bits);
	if (d == 0)
		d = ip_cmp(&a->published.ip, &b->published.ip);
	return d != 0 ? d : a->published.port - b->published.port;
}

static int sort_cmp(const void *a, const void *b)
{
	return entry_cmp(a, b);
}

static void sort(struct kernel_ban *list, size_t n)
{
	if (n > 0)
		qsort(list, n, sizeof(*list), sort_cmp);
}

/* Of those that are the same the one with the longest time is left. Return: how many. */
static size_t unite(struct kernel_ban *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || entry_cmp(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
		else if (list[kept - 1].seconds < list[i].seconds)
			list[kept - 1] = list[i];
	return kept;
}

static bool apart(uint32_t a, uint32_t b)
{
	return (a > b ? a - b : b - a) > BARRIER_APART;
}

size_t barrier_compare(struct kernel_ban *want, size_t n_want, struct kernel_ban *have,
	size_t n_have, size_t max,
	void (*each)(void *context, const struct kernel_ban *entry, bool in), void *context)
{
	size_t w = 0, h = 0, n = 0;

	sort(want, n_want);
	sort(have, n_have);
	n_want = unite(want, n_want);
	while (w < n_want || h < n_have) {
		const int d = w == n_want ? 1 : h == n_have ? -1 : entry_cmp(&want[w], &have[h]);
		const bool differs = d != 0 || apart(want[w].seconds, have[h].seconds);

		if (differs && n++ < max) {
			if (d >= 0) /* one of another time goes first: then it need not be looked
				       for among all */
				each(context, &have[h], false);
			if (d <= 0)
				each(context, &want[w], true);
		}
		w += d <= 0;
		h += d >= 0;
	}
	return n;
}

/* ---- one at a time ---- */

/* The sets are there: the rules in force came with them. */
static bool stands(const struct managed *m)
{
	return m->on && m->house->running && m->kernel.state == CHILD_READY;
}

/* Not more at once than its socket has room for: the rest comes by the differences. */
static void tell(struct managed *m, uint16_t type, const struct kernel_ban *entry)
{
	if (m->barrier.told++ < BARRIER_TICK)
		child_send(&m->kernel, type, span_of(entry, sizeof(*entry)), -1);
	else
		m->barrier.differs = true;
}

static void put_one(void *managed, const struct kernel_ban *entry)
{
	tell(managed, KERNEL_BAN, entry);
}

static void lift_one(void *managed, const struct kernel_ban *entry)
{
	tell(managed, KERNEL_UNBAN, entry);
}

static void each_of(struct managed *m, const struct ban *ban,
	void (*each)(void *managed, const struct kernel_ban *entry))
{
	if (stands(m))
		barrier_each(ban, house_rules(m->house), clock_steady_ms(), each, m);
	else
		m->barrier.differs = true;
}

void barrier_put(struct managed *m, const struct ban *ban)
{
	each_of(m, ban, put_one);
}

void barrier_lift(struct managed *m, const struct ban *ban)
{
	each_of(m, ban, lift_one);
}

/* ---- all of them ---- */

void barrier_doubt(struct managed *m)
{
	m->barrier.differs = true;
	m->barrier.left = 0;
}

static void ask(struct managed *m)
{
	m->barrier.differs = false;
	m->barrier.asked = true;
	child_send(&m->kernel, KERNEL_BANS, nothing, -1);
}

void barrier_look(struct managed *m)
{
	m->barrier.told = 0;
	if (m->barrier.differs && !m->barrier.asked && stands(m) && m->step == MANAGED_IDLE &&
		!m->applying)
		ask(m);
}

void barrier_unanswered(struct managed *m)
{
	m->barrier.asked = false;
}

struct wanted {
	struct kernel_ban *list;
	size_t n;
};

static void want_one(void *wanted, const struct kernel_ban *entry)
{
	struct wanted *w = wanted;

	if (w->n < ENTRIES_MAX)
		w->list[w->n++] = *entry;
}

static bool want_all(const struct managed *m, struct wanted *w)
{
	const struct bans *b = &m->house->bans;
	const uint64_t now_ms = clock_steady_ms();

	*w = (struct wanted){ calloc(ENTRIES_MAX, sizeof(*w->list)), 0 };
	for (size_t i = 0; w->list && i < b->n; i++)
		barrier_each(&b->list[i], house_rules(m->house), now_ms, want_one, w);
	return w->list != NULL;
}

static void tell_difference(void *managed, const struct kernel_ban *entry, bool in)
{
	struct managed *m = managed;

	child_send(&m->kernel, in ? KERNEL_BAN : KERNEL_UNBAN, span_of(entry, sizeof(*entry)), -1);
}

/* Goes on as long as that helps: what the kernel refuses was told, and is not told for ever. */
static void mend(struct managed *m, struct kernel_ban *have, size_t n_have)
{
	struct barrier *b = &m->barrier;
	const size_t before = b->left;
	struct wanted w;

	if (!want_all(m, &w))
		return;
	b->left = barrier_compare(w.list, w.n, have, n_have, BARRIER_STEP, tell_difference, m);
	free(w.list);
	if (b->left > BARRIER_STEP && (before == 0 || b->left < before))
		ask(m);
	else
		b->left = 0;
}

static struct kernel_ban *copy_of(struct span text, size_t *np)
{
	struct kernel_ban *list = malloc(text.n);

	*np = text.n / sizeof(*list);
	if (list)
		memcpy(list, text.p, *np * sizeof(*list));
	return list;
}

bool barrier_answer(struct managed *m, const struct msg *message)
{
	struct kernel_ban *have = NULL;
	struct span text;
	size_t n = 0;

	if (!m->barrier.asked || message->body.n != 0)
		return false;
	m->barrier.asked = false;
	if (message->fd >= 0) {
		if (memfd_map(message->fd, ENTRIES_MAX * sizeof(*have), &text) != 0)
			return false;
		have = copy_of(text, &n);
		memfd_unmap(text);
	}
	if (message->fd < 0 || have)
		mend(m, have, n);
	free(have);
	return true;
}
