/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The order of names in a set: private to rules/set*.c
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/set.h"

/* A domain (local empty) or mail address, taken apart. */
struct member_key {
	struct span local, domain;
	bool below;
};

struct member_key member_key(const struct set_member *m);

/* By domain, the domain itself before its addresses, then by local part; case and quoting do not
 * count. */
int member_key_cmp(const struct member_key *a, const struct member_key *b);
