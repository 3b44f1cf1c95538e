/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Wait: what a session waits for, and how long it may
 *
 * Each wait has a time in the rule, a set of things that begin it anew, and a code for its end.
 * Octets that dribble begin nothing anew: a command line is bounded from its first octet on, a
 * reply from when it was owed.
 *
 * Callers: proxy/flow.c, proxy/passed.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/codes.h"
#include "rules/ruleset.h"

/* X(NAME, member of struct rule_timeouts, activity that begins it anew, code of its end) */
#define WAITS(X)                                                                                   \
	X(DELAY, greet_delay, 0, CODE_COUNT) /* before the greeting; ends well */                  \
	X(CONNECT, connect, 0, CODE_SERVER_DOWN)                                                   \
	X(TLS, connect, 0, CODE_C_TLS_FAILED) /* the client's handshake */                         \
	X(GREETING, greeting, 0, CODE_SERVER_GREETING)                                             \
	X(IDLE, idle, ACT_C_STEP | ACT_S_STEP, CODE_TIMEOUT_IDLE)                                  \
	X(LINE, command, ACT_C_LINE, CODE_TIMEOUT_COMMAND)                                         \
	X(REPLY, command, ACT_S_STEP, CODE_SERVER_SILENT)                                          \
	X(TEXT, data_block, ACT_C_OCTETS, CODE_TIMEOUT_DATA)                                       \
	X(DONE, data_done, 0, CODE_SERVER_SILENT)                                                  \
	X(CLIENT_READS, command, ACT_C_WROTE, CODE_TIMEOUT_CLIENT_READ)                            \
	X(SERVER_READS, data_block, ACT_S_WROTE, CODE_SERVER_SILENT)                               \
	X(PASSED, idle, ACT_C_OCTETS | ACT_S_OCTETS, CODE_TIMEOUT_IDLE)

#define WAIT_ENUM(name, ...) WAIT_##name,
enum wait { WAITS(WAIT_ENUM) WAIT_COUNT };
#undef WAIT_ENUM

enum activity {           /* bits */
	ACT_C_OCTETS = 1, /* read from the client */
	ACT_C_STEP = 2,   /* an element of the client's was taken */
	ACT_C_LINE = 4,   /* ... up to the end of a line */
	ACT_S_OCTETS = 8,
	ACT_S_STEP = 16,
	ACT_C_WROTE = 32, /* the client took octets that waited */
	ACT_S_WROTE = 64,
};

/* Milliseconds; 0: no end. */
uint32_t wait_ms(const struct rule_timeouts *t, enum wait wait);
unsigned wait_renewed_by(enum wait wait);
/* CODE_COUNT for WAIT_DELAY. */
enum code wait_code(enum wait wait);
