/* SPDX-License-Identifier: ISC */
#include "filter/limits/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memfd.h"

struct ledger_page {
	_Atomic uint32_t end; /* tells who reads how far entries were used */
	uint8_t rest_of_line[sizeof(struct ledger_entry) - sizeof(uint32_t)];
	struct ledger_entry entries[LEDGER_MAX];
};

static_assert(sizeof(struct ledger_entry) == 32, "two in a line of the cache");

int ledger_make(void)
{
	return memfd_room("postern-ledger", sizeof(struct ledger_page));
}

static int map(struct ledger *l, int fd, bool write)
{
	void *page;
	const int r = memfd_map_room(fd, sizeof(*l->page), write, &page);

	*l = (struct ledger){ .page = r ? NULL : page };
	return r > 0 ? LEDGER_E_SIZE : r;
}

int ledger_map(struct ledger *l, int fd)
{
	const int r = map(l, fd, true);

	if (r)
		return r;
	l->spare = calloc(LEDGER_MAX, sizeof(*l->spare)); /* the kernel's, until it is touched */
	if (l->spare)
		return 0;
	ledger_unmap(l);
	return -ENOMEM;
}

int ledger_view(struct ledger *l, int fd)
{
	return map(l, fd, false);
}

void ledger_unmap(struct ledger *l)
{
	if (l->page)
		munmap(l->page, sizeof(*l->page));
	free(l->spare);
	*l = (struct ledger){ 0 };
}

bool ledger_full(const struct ledger *l)
{
	return l->n_spare == 0 && l->end == LEDGER_MAX;
}

uint32_t ledger_add(struct ledger *l, const struct ledger_entry *e)
{
	uint32_t place;

	assert(!ledger_full(l));
	if (l->n_spare) {
		place = l->spare[--l->n_spare];
	} else {
		place = l->end++;
		l->page->end = l->end;
	}
	l->page->entries[place] = *e;
	return place;
}

void ledger_remove(struct ledger *l, uint32_t place)
{
	assert(place < l->end && l->n_spare < l->end);
	l->page->entries[place].rule = 0;
	l->spare[l->n_spare++] = place;
}

uint32_t ledger_end(const struct ledger *l)
{
	const uint32_t end = l->page->end;

	return end < LEDGER_MAX ? end : LEDGER_MAX;
}

struct ledger_entry ledger_at(const struct ledger *l, uint32_t place)
{
	struct ledger_entry e;

	assert(place < LEDGER_MAX);
	e = l->page->entries[place];
	atomic_signal_fence(memory_order_seq_cst); /* it is not read a second time: another process
						      may write there */
	return e;
}

unsigned ledger_keys(const struct ledger_entry *e, struct tally_key keys[static 2])
{
	unsigned n = 0;

	if (e->rule && e->counted & LEDGER_RULE)
		keys[n++] = (struct tally_key){ .rule = e->rule };
	if (e->rule && e->counted & LEDGER_CLIENT)
		keys[n++] = (struct tally_key){ .rule = e->rule, .client = e->client };
	return n;
}
