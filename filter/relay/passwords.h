/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Passwords: the file of `via file`
 *
 *   file = { line LF }    line = USER ":" HASH | "#" anything | nothing
 *
 * HASH is crypt(5)'s, of a method that is slow enough today: yescrypt, gost-yescrypt, scrypt,
 * bcrypt, SHA-512 or SHA-256 in many rounds. `postern auth passwd` writes it.
 *
 * Callers: proxy/relay/auth, cli/auth.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

#define PASSWORD_HASH_MAX 383 /* crypt(3): CRYPT_OUTPUT_SIZE, its NUL left out */

struct password {
	struct span user, hash; /* into the file */
};

/* What is wrong with a line, in words that end a sentence; NULL: it is well. *userp: none on it:
 * .user is empty. */
const char *password_line(struct span line, struct password *p);

/* The next line's user. @at begins as 0, @line counts from 1. False: that was the last.
 * @why: NULL, or what is wrong with this line. */
bool password_next(
	struct span file, size_t *at, unsigned *line, struct password *p, const char **why);

/* False: nobody has this name. */
bool password_find(struct span file, struct span user, struct span *hashp);

/* The first thing that is wrong with a file; NULL: nothing. *linep: where. */
const char *password_flaw(struct span file, unsigned *linep);
