/* SPDX-License-Identifier: ISC */
#include "proxy/wheel.h"

#include <assert.h>
#include <string.h>

static void link_at(struct wheel_entry **head, struct wheel_entry *e)
{
	e->next = *head;
	e->pprev = head;
	if (e->next)
		e->next->pprev = &e->next;
	*head = e;
}

static void unlink_entry(struct wheel_entry *e)
{
	*e->pprev = e->next;
	if (e->next)
		e->next->pprev = e->pprev;
	e->next = NULL;
	e->pprev = NULL;
}

void wheel_init(struct wheel *w, uint64_t now_ms)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_ms / WHEEL_TICK_MS;
}

void wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t due_ms)
{
	uint64_t tick = due_ms / WHEEL_TICK_MS + 1; /* rounded up: never early */

	if (e->pprev)
		wheel_cancel(w, e);
	e->due_ms = due_ms;
	if (tick <= w->tick)
		tick = w->tick + 1;
	if (tick > w->tick + WHEEL_SLOTS -
			   1) /* farther than the wheel reaches: looked at again on the way */
		tick = w->tick + WHEEL_SLOTS - 1;
	link_at(&w->slots[tick % WHEEL_SLOTS], e);
	w->n++;
}

void wheel_set_earlier(struct wheel *w, struct wheel_entry *e, uint64_t due_ms)
{
	if (!e->pprev || due_ms < e->due_ms)
		wheel_set(w, e, due_ms);
}

void wheel_cancel(struct wheel *w, struct wheel_entry *e)
{
	if (!e->pprev)
		return;
	unlink_entry(e);
	assert(w->n > 0);
	w->n--;
}

/* The slot's entries hang from a head of their own meanwhile, so that any of them may be cancelled
 * by another one's end. */
static void fire_slot(struct wheel *w, struct wheel_entry **slot, uint64_t now_ms)
{
	struct wheel_entry *head = *slot, *e;

	*slot = NULL;
	if (head)
		head->pprev = &head;
	while ((e = head)) {
		uint64_t due_ms = e->due_ms;
		wheel_cancel(w, e);
		if (due_ms > now_ms)
			wheel_set(w, e, due_ms);
		else
			e->fire(e);
	}
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t to = now_ms / WHEEL_TICK_MS;

	if (to > w->tick + WHEEL_SLOTS) /* slept long: each slot once is enough */
		w->tick = to - WHEEL_SLOTS;
	while (w->tick < to) {
		w->tick++;
		fire_slot(w, &w->slots[w->tick % WHEEL_SLOTS], now_ms);
	}
}
