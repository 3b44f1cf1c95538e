/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Asking posternd
 *
 * One request, its answers, the end; see proxy/control.h. What comes is input: types, sizes and
 * seals are checked here, the lines by cli/fact.h.
 *
 * Callers: cli.
 */
#include "cli/cli.h"
#include "proxy/control.h"

/* What is done with the answers in front of the last. NULL: such answers are not asked for.
 * Return: CLI_OK, or an exit code after a message. */
struct control_take {
	int (*text)(void *context, struct span lines);
	int (*file)(void *context, struct span content); /* mapped until it returns */
	int (*fd)(void *context, int fd); /* instead of @file; closed when it returns */
	void *context;
};

/* The daemon's last words. */
struct control_end {
	size_t n;
	uint8_t text[CONTROL_TEXT_MAX];
};

/**
 * control_ask() - find posternd, ask, take its answers
 * @body: at most CONTROL_BODY_MAX octets
 * @take: NULL: no answer but the end is expected
 * @end:  set on CLI_OK
 *
 * Return: CLI_OK; or an exit code after a message: 69 there is no daemon, or it does not answer or
 * not in our way; 77 this user may not ask; what @take said; what the daemon said.
 */
int control_ask(const struct cli *c, enum control_request request, struct span body,
	const struct control_take *take, struct control_end *end);

/* Does posternd answer? Says nothing when it does not. */
bool control_there(const struct cli *c);

/* Prints the daemon's last words on stdout; as {"result": TEXT} with --json. */
int control_tell(const struct cli *c, const struct control_end *end);

/* control_ask() for a deed without answers, and control_tell(). */
int control_do(const struct cli *c, enum control_request request, struct span body);
