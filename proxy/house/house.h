/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * House: all that posternd keeps together
 *
 *   house.c       the order of starting and ending, signals, the clock
 *   place.c       folders, users, the lock: what must be there before
 *   child.c       one role: start, readiness, life, starting again
 *   logger.c      postern-log;  supplier.c  postern-socket;  worker.c  one postern-proxy
 *   managed.c     `mode managed`: keeper.c  postern-kernel;  gate.c  postern-gate, postern-verdict
 *   generation.c  a rule set and its workers;  servant.c  who serves relays
 *   reload.c      apply, confirm, roll back
 *   history.c     generations on disk
 *   dynamic.c     members of dynamic sets
 *   bans.c        who is banned;  lockout.c  what becomes of it;  barrier.c  the same in the kernel
 *   keep.c        both on disk
 *   addresses.c   the host's own addresses
 *   server.c      the control socket;  requests.c  what may be asked;  survey.c  what proxies are
 * asked status.c      what posternd tells of itself notify.c      the service manager
 *
 * The log first, so that nothing happens unrecorded; then the supplier of sockets; then the
 * generation that waits. SIGTERM ends them in the other order.
 *
 * Threads: one, on libev's default loop.
 */
#include "filter/limits/shared.h"
#include "log/sender.h"
#include "proxy/house/addresses.h"
#include "proxy/house/bans.h"
#include "proxy/house/dynamic.h"
#include "proxy/house/generation.h"
#include "proxy/house/history.h"
#include "proxy/house/keep.h"
#include "proxy/house/lockout.h"
#include "proxy/house/logger.h"
#include "proxy/house/managed.h"
#include "proxy/house/notify.h"
#include "proxy/house/reload.h"
#include "proxy/house/server.h"
#include "proxy/house/start.h"
#include "proxy/house/supplier.h"
#include "proxy/relay/roles.h"

#define HOUSE_STOP_MS     30000 /* after SIGTERM: messages under way may end */
#define HOUSE_GENERATIONS 8     /* that drain at once; the oldest beyond is stopped */

struct house {
	const char *dir; /* borrowed */
	struct ev_loop *loop;
	bool as_root;  /* roles get users and root folders of their own */
	bool required; /* of sandboxes */
	struct role_owner {
		uid_t uid;
		gid_t gid;
	} owner[ROLE_IDS];
	int empty_folder, log_folder, state_folder, lock; /* descriptors */
	struct logger logger;
	struct supplier supplier; /* as root only */
	struct managed managed;
	struct generation *list;    /* newest first */
	struct generation *running; /* of the list; NULL: not yet */
	struct generation *coming;  /* waits or starts; NULL: none */
	unsigned number;            /* of the newest that came into force */
	bool seats[SEATS_MAX];
	int counts, lockouts;
	struct shared shared;
	struct log_sender log;
	int log_end; /* of the logger's ends; -1: none */
	struct dynamic dynamic;
	struct bans bans;
	struct lockout lockout;
	struct keep keep;
	struct addresses addresses;
	struct history history;
	struct reload reload;
	struct server server;
	struct notify notify;
	ev_timer tick;
	ev_signal sigterm, sigint, sighup, sigusr1;
	int64_t since_ns;
	uint64_t next_ping_ms, next_watchdog_ms, stop_ms;
	bool ready; /* a generation has run */
	bool stopping;
	int exit;
};

/**
 * house_open() - rules, folders, sockets: all that may be refused before anything is started
 * @dir: of rules.conf; outlives the house
 *
 * Return: 0, or the exit code of posternd after lines on standard error.
 */
int house_open(struct house *h, const char *dir);
/* Until the end. Return: exit code. */
int house_run(struct house *h);
/* Also after a house_open() that failed. */
void house_close(struct house *h);

/* The rules in force, or those that are coming when there are none yet. */
const struct ruleset *house_rules(const struct house *h);

/* Adds the sandbox of a role to what it is started with: its argument in @text, the descriptor of
 * its root folder to the @np of @fds. */
#define ROLE_PLACE_TEXT 64
void house_place(struct house *h, enum role_id role, int folder, int *fds, size_t *np,
	char text[static ROLE_PLACE_TEXT]);

/* ---- what its parts tell ---- */

void house_child_ready(struct house *h, struct child *c);
/* Tells of the failure. True: start it again. */
bool house_child_ended(struct house *h, struct child *c, int status, uint32_t rest_ms);
/* All its workers are: the rest of the house follows, then house_generation_ready(). */
void house_workers_ready(struct house *h, struct generation *g);
void house_generation_ready(struct house *h, struct generation *g);
/* @c: the worker that ended, with @status; NULL: it could not even be started. */
void house_generation_failed(
	struct house *h, struct generation *g, const struct child *c, int status);
/* SEATS_MAX: none is left. */
unsigned house_take_seat(struct house *h);
/* Counts anew: who had this seat is gone. */
void house_recount(struct house *h, unsigned seat);

/* A generation that waits to be started: once it is, and runs, it is in force. */
void house_come(struct house *h, struct generation *g);
/* All proxies get the members of the dynamic sets as they are now. False, with a line on standard
 * error: not yet, it is tried again. */
bool house_tell_members(struct house *h);
/* Makes what is due next begin. */
void house_step(struct house *h);
/* Something ended: what waits for that is looked at in this round. */
void house_look(struct house *h);
/* Cannot go on: ends everything with @exit. */
void house_end(struct house *h, int exit);
