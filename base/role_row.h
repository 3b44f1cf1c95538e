/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role row: one line of the table of privileges
 *
 * Callers: base/role*.c only.
 */
#include "base/role.h"

/* what else a role may do, as far as Landlock can forbid it */
enum {
	ROLE_MAY_WRITE = 1 << 0,   /* make, read and write regular files in its folder */
	ROLE_MAY_CONNECT = 1 << 1, /* by TCP */
	ROLE_MAY_BIND = 1 << 2,    /* to an address, with a port the system picks */
	ROLE_MAY_EXECUTE = 1 << 3, /* the system's programs, with its capabilities; they read what
				      programs read */
	ROLE_MAY_SET = 1 << 5,     /* settings of the network */
	ROLE_MAY_LEND = 1 << 4,    /* one of the programs it starts is of the line above */
};

struct role_row {
	const char *program, *user;
	uint64_t keeps;    /* capabilities; those of them it was started with */
	uint64_t children; /* what a program it executes may have: the bounding set */
	unsigned layers;
	unsigned also; /* ROLE_MAY_* */
};

const struct role_row *role_row(enum role_id role);

/* Makes the folder, if there is one, the working directory. Return: 0; <0 errno, and one line on
 * standard error. */
int role_stand(enum role_id role, const struct role_place *place);

/* One line on standard error: this layer is missing. */
void role_complain(enum role_id role, enum role_layer layer, const char *why);
