/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Log record: one fact, as one line of JSON
 *
 * Built field by field into the caller's block; octets from peers are escaped by the string
 * function itself, so no field can break the line. A record that does not fit is closed in order
 * and marked "cut":true, never half a line. The order is fixed: time, code, severity, event, then
 * what the caller adds, session first.
 *
 * Callers: proxy, log, posternd. Knows no mail.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "base/out.h"

#define RECORD_MAX   32768 /* octets of one record, newline included */
#define RECORD_DEPTH 8     /* arrays and objects open at once */

struct record {
	struct out o; /* the room for all endings is kept back */
	bool cut;     /* sticky: a field did not fit; none is taken any more */
	bool comma;
	unsigned depth;  /* open arrays and objects */
	unsigned arrays; /* bit n: level n is an array */
};

/* @block holds RECORD_MAX octets or less, at least 256. */
void record_begin(struct record *r, void *block, size_t size, int64_t wall_ns, const char *code,
	const char *severity, const char *event);
/* An object without the fields that every fact has: for what is told, not logged. */
void record_open(struct record *r, void *block, size_t size);
void record_str(
	struct record *r, const char *key, const char *value); /* our own words; NULL: left out */
void record_octets(
	struct record *r, const char *key, struct span value, size_t max); /* a peer's octets */
void record_u64(struct record *r, const char *key, uint64_t value);
void record_bool(struct record *r, const char *key, bool value);
void record_ip(struct record *r, const char *key, const struct ip *ip); /* IP_NONE: left out */
void record_array(struct record *r, const char *key); /* of objects; record_object() begins each */
void record_object(struct record *r);
void record_close(struct record *r); /* the innermost object or array */
/* Closes all, adds the newline; the whole line. */
struct span record_end(struct record *r);

/* Octets a field may still take; for who would rather begin another record than have this one cut.
 */
static inline size_t record_room(const struct record *r)
{
	return r->cut ? 0 : out_room(&r->o);
}
