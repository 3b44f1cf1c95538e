/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Barrier: the bans as the kernel has them, in `mode managed`
 *
 * A ban is carried to postern-kernel as it begins or is lifted, once for each address and port that
 * its rule publishes in the client's family; `any:PORT` has no address and stays with the proxies.
 * Where two rules publish one address and port, who is banned by one does not get to the other.
 *
 * Whatever else may have parted the kernel's sets from the list (new rules, a postern-kernel that
 * was started anew, somebody's ipset flush, very many bans at once) is mended by asking for what is
 * there and telling the differences, BARRIER_STEP at a time: the answer to the next question shows
 * that they were taken. What is in the kernel and not in the list is taken out.
 *
 * Limits:  the kernel counts 24 days (KERNEL_BAN_MAX): the rest of a longer ban is the proxies' and
 *          the gate's, unless the sets are looked at meanwhile.
 *
 *
 * Callers: proxy/house/house.c, managed.c, requests.c.
 */
#include "proxy/house/bans.h"
#include "rules/kernel/run/roles.h"

/* Together far fewer messages than postern-kernel's socket has room for. */
#define BARRIER_TICK  24 /* as they begin and are lifted, from one tick to the next */
#define BARRIER_STEP  64 /* differences at a time */
#define BARRIER_APART 5  /* seconds an end may differ */

struct managed;

struct barrier {
	bool differs;  /* what is there is to be asked for */
	bool asked;    /* and is under way */
	unsigned told; /* messages since the last tick */
	size_t left;   /* differences when it was asked last; 0: it was not */
};

/* Each entry of the kernel that @ban makes. */
void barrier_each(const struct ban *ban, const struct ruleset *rs, uint64_t now_ms,
	void (*each)(void *context, const struct kernel_ban *entry), void *context);

/**
 * barrier_compare() - what is to be told to the kernel
 * @want, @have: are sorted; of two that are the same in @want the longer counts
 * @each:        an entry is to be taken in, or out
 *
 * Return: how many differ; @each was called for at most @max of them.
 */
size_t barrier_compare(struct kernel_ban *want, size_t n_want, struct kernel_ban *have,
	size_t n_have, size_t max,
	void (*each)(void *context, const struct kernel_ban *entry, bool in), void *context);

/* One began, or was lifted. */
void barrier_put(struct managed *m, const struct ban *ban);
void barrier_lift(struct managed *m, const struct ban *ban);

/* The kernel's may differ from now on. */
void barrier_doubt(struct managed *m);
/* Once in a while, when nothing else is asked of postern-kernel. */
void barrier_look(struct managed *m);
/* KERNEL_BANS from postern-kernel. False: nobody asked. */
bool barrier_answer(struct managed *m, const struct msg *message);
/* It could not tell, or is gone. */
void barrier_unanswered(struct managed *m);
