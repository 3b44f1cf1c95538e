/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Child: one role as posternd sees it: started, heard, asked whether it lives, started again
 *
 * A child that ends is started again: at once, then after a rest that doubles with each failure in
 * a row, up to half a minute; a minute of good life ends the row. One that does not say it is
 * ready, or leaves CHILD_UNHEARD questions without an answer, is killed and treated the same. A
 * message that is none kills its sender: what says nonsense may have been taken.
 *
 * Owns:    the process, posternd's end of the control pair, its watchers.
 * Callers: proxy/house: logger, sockets, worker embed one each.
 */
#include <ev.h>

#include "base/role.h"
#include "proxy/roles.h"

#define CHILD_READY_MS 20000 /* time to say so; less than the tool waits for posternd */
#define CHILD_UNHEARD  5     /* questions in a row without an answer: it is hung */
#define CHILD_GOOD_MS  60000 /* so long a life ends a row of failures */
#define CHILD_REST_MAX 30000

enum child_state {
	CHILD_NONE,     /* never started, or ended for good */
	CHILD_STARTING, /* runs, not ready */
	CHILD_READY,
	CHILD_RESTING, /* will be started again */
};

struct child;

struct child_kind {
	enum role_id role;
	/* Starts the program; @control: the role's end of the pair. Return: the process; <0 errno.
	 */
	pid_t (*start)(struct child *c, int control);
	void (*ready)(struct child *c);
	/* A message that is neither ROLE_READY nor ROLE_PONG. False: nonsense. */
	bool (*told)(struct child *c, const struct msg *m);
	/* It is gone and reaped, @status as of waitpid(2). True: it is to be started again, after
	 * @rest_ms. */
	bool (*ended)(struct child *c, int status, uint32_t rest_ms);
};

struct child {
	const struct child_kind *kind;
	struct ev_loop *loop;
	enum child_state state;
	pid_t pid;
	int control; /* -1: closed */
	ev_io io;
	ev_child reaper;
	ev_timer timer;    /* STARTING: it is late; RESTING: the rest is over */
	bool hung;         /* killed since it did not answer */
	bool refused;      /* it said itself why it cannot serve */
	bool unwanted;     /* dismissed before it was ready: however it ends is well */
	unsigned restarts; /* since the first start */
	unsigned failures; /* in a row */
	uint64_t ready_ms; /* steady */
	unsigned unheard;  /* questions since the last answer */
	unsigned owed;   /* answers to questions of the control socket, which come in their order */
	uint32_t layers; /* of its sandbox */
	struct role_pong pong;
};

void child_init(struct child *c, const struct child_kind *kind, struct ev_loop *loop);

/* Return: 0; <0 errno: could not be started, nothing runs. */
int child_start(struct child *c);

/* One message. A role that cannot take it is hung: it is killed. NONE and RESTING: nothing happens.
 */
void child_send(struct child *c, uint16_t type, struct span body, int fd);

/* Every second or so: asks, and kills one that is hung. Questions are counted and not time, since
 * posternd may have been stopped itself. */
void child_look(struct child *c);

static inline bool child_lives(const struct child *c)
{
	return c->state == CHILD_STARTING || c->state == CHILD_READY;
}

void child_kill(struct child *c, int number); /* when it lives */

/* Closes the control pair of one that lives, upon which it ends; keeps one that rests from being
 * started again. */
void child_dismiss(struct child *c);

/* The process must be gone. */
void child_deinit(struct child *c);
