/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Player: a transcript, carried out on an inspected session without sockets
 *
 * The same engine and policy as in the proxy, with both peers played from the file. What each side
 * sends may be cut anywhere: a session must not care.
 *
 * Owns:    its queues of octets; player_deinit() returns them.
 * Callers: cli/replay.c
 */
#include "base/ip.h"
#include "cli/behind.h"
#include "cli/queues.h"
#include "cli/transcript.h"
#include "filter/policy/inspect.h"

#define PLAY_WHOLE 0 /* cut: everything sent together comes together */
#define PLAY_OCTETS                                                                                \
	SIZE_MAX /* ... octet by octet; other values: in two parts, the first so long              \
		  */

/* What is told while it plays. All functions may be NULL pointers in a quiet run. */
struct player_story {
	void (*step)(void *context, const struct step *step);
	void (*octets)(void *context, char side,
		struct span octets); /* '<' to the client, '>' to the server */
	void (*happens)(void *context, char side, const char *what);
	void (*note)(void *context, const struct inspect_note *note);
	void *context;
};

struct player {
	const struct transcript *transcript;
	const struct publish *rule;        /* NULL: nothing is published there */
	const struct relay *relay;         /* which has @rule for its front; NULL: none has */
	const struct relay_listen *listen; /* ... where it was met */
	const char *postmaster;            /* mailbox, or NULL */
	const struct smtp_local
		*unpublished; /* nothing is published: the reply, or NULL for a reset */
	struct ip_port client;
	const struct player_story *story;
	size_t cut;

	struct inspect inspect;
	struct behind behind;  /* of a relay */
	struct octets from[2]; /* SMTP_C2S, SMTP_S2C */
	struct items to_client, to_server;
	bool codes[CODE_COUNT]; /* records written */
	uint32_t incidents;
	struct tally_slot of_client, whole; /* what limits of a time count */
	uint64_t clock_ms;                  /* time since the beginning */
	uint64_t answered_ms; /* when the server's side last answered, or the phase began */
	enum inspect_phase phase;
	uint64_t quiet_ms;  /* time since something ended that a timeout measures */
	unsigned dials;     /* connections to the server */
	bool first_claimed; /* the script spoke of the first one */
	bool down, server_open, client_open, client_done, loose;
	const struct step
		*failed; /* where an expectation did not hold, or a step could not be taken */
	bool left_over;  /* ... or behind which something came that nobody expected */
	char why[512];
};

/**
 * player_run() - play it once
 *
 * Return: true when every expectation held; else @failed and @why tell.
 */
bool player_run(struct player *p);

/* The largest number of octets sent together: cuts beyond it change nothing. */
size_t player_longest(const struct transcript *t);

void player_deinit(struct player *p);
