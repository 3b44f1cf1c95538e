/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ledger: which connections one proxy has open
 *
 * The counts in shared memory (filter/limits/shared.h) are sums that several processes add to. When
 * one of them is killed, nobody could say which part of a sum was its own, or whether it was just
 * about to add. So each proxy also keeps a ledger, an entry for each open connection, in memory
 * that posternd made and can read: the counts are derived from the ledgers of those who live, and
 * are added up anew when one has died. A ledger is written and read under the lock of the counts.
 *
 * A proxy that was taken over can write anything into its own ledger. Of what posternd reads there
 * nothing is followed: the worst is a wrong count, until that proxy is gone.
 *
 * Owns:    the mapping, and the list of free entries.
 * Callers: limits.c writes entries, shared.c reads them; proxy/house/worker.c makes,
 *          proxy/main.c maps.
 * Limits:  LEDGER_MAX connections of one proxy, 32 octets each once they were used.
 */
#include "base/tally.h"

#define LEDGER_MAX 131072 /* more than a process has descriptors for */

enum {
	LEDGER_E_SIZE = 1, /* not a descriptor from ledger_make() */
};

/* What was counted for a connection: without a limit it goes on when there is no room to count it.
 */
enum ledger_counted {
	LEDGER_RULE = 1, /* among all of its rule */
	LEDGER_CLIENT = 2,
};

struct ledger_entry {
	uint64_t rule;    /* tally_rule(); 0: free */
	struct ip client; /* masked */
	uint32_t counted; /* bits of enum ledger_counted */
};

struct ledger {
	struct ledger_page *page; /* the mapping */
	uint32_t *spare;          /* entries that were given back; NULL in a view */
	uint32_t n_spare;
	uint32_t end; /* entries from here on were never used */
};

/* Return: a descriptor, closed on exec; <0 errno. */
int ledger_make(void);

/* For its proxy. The descriptor may be closed afterwards. Return: 0; LEDGER_E_SIZE; <0 errno. */
int ledger_map(struct ledger *l, int fd);
/* For posternd: can only be read. Return: as ledger_map(). */
int ledger_view(struct ledger *l, int fd);
/* Of either; also of one that is all 0. */
void ledger_unmap(struct ledger *l);

bool ledger_full(const struct ledger *l);
/* It is not full. Return: the place of the entry, until ledger_remove(). */
uint32_t ledger_add(struct ledger *l, const struct ledger_entry *e);
void ledger_remove(struct ledger *l, uint32_t place);

/* How many places there may be entries at. Never more than LEDGER_MAX. */
uint32_t ledger_end(const struct ledger *l);
/* A copy, whatever stands there. @place: below ledger_end(). */
struct ledger_entry ledger_at(const struct ledger *l, uint32_t place);

/* The keys under which @e was counted. Return: how many, 0 for a free entry. */
unsigned ledger_keys(const struct ledger_entry *e, struct tally_key keys[static 2]);
