/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ends: descriptors that posternd keeps for a role, so that a successor goes on with them
 *
 * Each is one end of a pair; the other is some proxy's. The role has a copy of all (ROLE_ADD).
 *
 * Callers: proxy/house/logger.c, servant.c, supplier.c.
 */
#include "proxy/house/child.h"

struct ends {
	struct child *role; /* borrowed: who is handed the copies */
	struct end {
		int fd;        /* -1: free */
		uint32_t word; /* the body of its ROLE_ADD; 0: none */
		bool orphan;   /* its other end is gone: to be closed once it is read to its end */
	} * list;
	size_t n;
};

/* @kept: 0 or 1, which end of the pair stays here. Return: number; @otherp the other end; <0 errno.
 */
int ends_add(struct ends *e, uint32_t word, int kept, int *otherp);
/* The other end is gone. @read_on: what it sent must still reach the role, or a successor. */
void ends_remove(struct ends *e, int number, bool read_on);
/* Once in a while: closes those that were read to their ends. */
void ends_look(struct ends *e);
/* The role has ended. In its place to all who are at the other ends: @type, and, as uint64_t, the
 * octets of theirs that it had not read. */
void ends_say_unread(struct ends *e, uint16_t type);
/* The role is ready: it gets all. */
void ends_give(struct ends *e);
void ends_deinit(struct ends *e);
