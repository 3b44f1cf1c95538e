/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Track: the passed sessions that are open, as connection tracking tells of them
 *
 * The kernel carries a passed session; what is known of it comes by events. A session opens, and is
 * counted, when its handshake is complete; it ends, and is counted no more, when both sides have
 * sent FIN, or one RST. Events of that tell no counters: the caller asks for them, and the record
 * of the end is written when they come. Else with the DESTROY, up to two minutes later (TIME_WAIT);
 * should that not come within TRACK_WAIT_MS either, or the room be needed, without counters.
 *
 * A limit that was not seen to be reached when the SYN was judged may be exceeded by those whose
 * handshakes were under way together: they are counted all the same, so that nobody comes after
 * them.
 *
 * When events were lost, and at the beginning, a sweep mends the table: the caller passes on the
 * answers of a dump between track_sweep_begin() and track_sweep_end(). Sessions found then are
 * counted, but in no rate: their rate was counted when they began.
 *
 * Of rules with `log tls` the caller passes on copies of a session's first packets, too, after the
 * event that told of its beginning; what their hellos say goes into the record of the end. A copy
 * whose session is not there is nothing.
 *
 * Owns:    the table: TRACK_MAX sessions, some 270 octets each once they were used; what is beyond
 *          goes on uncounted. Refers to pages of the book, and counts how often.
 * Callers: filter/gate/events.c, filter/gate/copies.c, filter/gate/list.c.
 * Threads: one. No clock: time comes in.
 */
#include "filter/gate/book.h"
#include "filter/gate/ct.h"
#include "filter/gate/gather.h"
#include "filter/gate/packet.h"
#include "filter/limits/limits.h"
#include "log/facts.h"

#define TRACK_MAX     LEDGER_MAX
#define TRACK_WAIT_MS 180000 /* the kernel's longest wait after an end is 120 s, and it is lazy */

enum track_state { TRACK_FREE, TRACK_OPEN, TRACK_ENDED };

struct track_session {
	struct log_session log;
	struct book_page *page; /* whose rule it is */
	uint32_t ct_id;
	uint32_t next; /* links hold a place + 1; 0: none. In its bucket, or among the free */
	uint32_t next_inside;   /* in its bucket by the internal's address; of `log tls` only */
	uint32_t before, after; /* among the ended, in the order of their ends */
	uint32_t place;         /* in the ledger, while it is counted */
	uint32_t sweep;         /* that saw it last */
	enum track_state state;
	enum log_end_how how; /* of ended ones */
	bool counted;         /* in the limits */
	bool metered;         /* counters were told */
	struct ct_way c2s, s2c;
	struct gathered tls;
	int64_t opened_ms, ended_ms; /* before our clock began: negative */
};

struct track_time {
	uint64_t now_ms;
	int64_t wall_ns;
};

struct track {
	struct track_session *sessions;
	uint32_t *buckets, *inside;
	struct gather gather;
	uint32_t free, end; /* places from @end on were never used */
	uint32_t first_ended, last_ended;
	uint32_t sweep;
	uint64_t seed[2];
	size_t n_open;
	uint64_t opened;      /* since the beginning */
	uint64_t found, gone; /* by the sweep */
	uint64_t full;        /* sessions without room, not yet told */
	int control;          /* to posternd, who is told of bans that begin */
	/* borrowed */
	struct book *book;
	struct shared *shared;
	struct limits *limits;
	struct log_sender *log;
	struct ident *ident;
};

/* The borrowed ones are set. Return: 0; <0 errno. */
int track_init(struct track *t);
void track_deinit(struct track *t); /* tells nothing of those that are open: they go on */

enum track_from {
	TRACK_EVENT,
	TRACK_DUMP,
	TRACK_ANSWER, /* to a question for this connection */
};

/* Return: counters of this connection are to be asked for, since it has come to its end. */
bool track_take(struct track *t, const struct ct *ct, enum track_from from, struct track_time now);

/* A packet of a session on the way between client and internal, either way. */
void track_copy(struct track *t, const struct packet *p);

void track_sweep_begin(struct track *t);
/* What the sweep did not see is gone. */
void track_sweep_end(struct track *t, struct track_time now);

/* Once in a while: ends whose counters did not come. */
void track_expire(struct track *t, struct track_time now);
