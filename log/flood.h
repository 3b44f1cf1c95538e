/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Flood: a record for each refused connection, until they are too many
 *
 * Whoever is refused at once can come again at once, and fill the log. Of the codes of refused
 * connections each sender writes LOG_FLOOD_MAX records in LOG_FLOOD_MS; further ones are counted,
 * and the count is told by one PN8006 when that time is over. What happens within sessions is
 * always written.
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include <stdbool.h>
#include <stdint.h>

#include "filter/policy/codes.h"

#define LOG_FLOOD_MAX 1000
#define LOG_FLOOD_MS  10000

/* X(code) of connections that were refused before they became sessions */
#define LOG_FLOOD_CODES(X)                                                                         \
	X(SESSION_UNPUBLISHED)                                                                     \
	X(SESSION_DIRECT)                                                                          \
	X(LIMIT_CONNECTIONS_CLIENT)                                                                \
	X(LIMIT_CONNECTIONS_TOTAL)                                                                 \
	X(LIMIT_RATE)                                                                              \
	X(LIMIT_RATE_TOTAL)                                                                        \
	X(LIMIT_ERRORS_CLIENT)                                                                     \
	X(LIMIT_RECIPIENTS_CLIENT)                                                                 \
	X(LIMIT_OCTETS_CLIENT)                                                                     \
	X(LIMIT_DESCRIPTORS)                                                                       \
	X(SERVER_FAMILY)                                                                           \
	X(SERVER_NONE_LIVE)

#define LOG_FLOOD_ENUM(name) LOG_FLOOD_##name,
enum log_flood_kind { LOG_FLOOD_CODES(LOG_FLOOD_ENUM) LOG_FLOOD_KINDS };
#undef LOG_FLOOD_ENUM

struct log_flood { /* all 0: nothing yet */
	struct log_flood_row {
		int64_t since_ns; /* the time began */
		uint32_t written, held;
	} rows[LOG_FLOOD_KINDS];
};

/* Is a record of @code to be written? Always, when it is none of the list. */
bool log_flood_may(struct log_flood *f, enum code code, int64_t wall_ns);

/* A code whose time is over and of which records were held back: their number, which is told now.
 * CODE_COUNT: none. */
enum code log_flood_over(struct log_flood *f, int64_t wall_ns, uint32_t *heldp);

/* Are there records whose number is still to be told? */
bool log_flood_holds(const struct log_flood *f);
