/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The administrator's tool: what its verbs share
 *
 * One file for each group of verbs; each reads its arguments, calls a library and prints. Facts go
 * to stdout, everything else to stderr.
 *
 * Callers: cli/main.c calls the verbs of the table in cli/verbs.c.
 */
#include <stdio.h>

#include "base/out.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAULTS = 1,       /* faults found by a test; or the output could not be written */
	CLI_DIFFERENT = 2,    /* differences found */
	CLI_USAGE = 64,       /* as in sysexits.h, this and the next three */
	CLI_UNAVAILABLE = 69, /* daemon not reachable; or a verb that this version does not have */
	CLI_PERMISSION = 77,
	CLI_CONFIG = 78,
};

struct cli {
	const char *dir;    /* -c DIR, default /etc/postern */
	bool json;          /* --json */
	bool colour_stdout; /* a terminal, and neither NO_COLOR nor TERM=dumb is set */
	bool colour_stderr;
};

struct cli_verb {
	const char *name;
	/* @argv[0] is the verb; -c DIR and --json are taken out already. Return: enum cli_exit. */
	int (*run)(struct cli *c, int argc, char **argv);
	bool json;             /* understands --json */
	const char *arguments; /* as the usage line shows them */
	const char *summary;   /* what it does, in half a line */
};

/* The table ends with a row without a name. */
extern const struct cli_verb cli_verbs[];

int cli_apply(struct cli *c, int argc, char **argv);
int cli_auth(struct cli *c, int argc, char **argv);
int cli_check(struct cli *c, int argc, char **argv);
int cli_confirm(struct cli *c, int argc, char **argv);
int cli_diff(struct cli *c, int argc, char **argv);
int cli_doctor(struct cli *c, int argc, char **argv);
int cli_explain(struct cli *c, int argc, char **argv);
int cli_firewall(struct cli *c, int argc, char **argv);
int cli_fmt(struct cli *c, int argc, char **argv);
int cli_help(struct cli *c, int argc, char **argv);
int cli_log(struct cli *c, int argc, char **argv);
int cli_replay(struct cli *c, int argc, char **argv);
int cli_rollback(struct cli *c, int argc, char **argv);
int cli_selftest(struct cli *c, int argc, char **argv);
int cli_session(struct cli *c, int argc, char **argv);
int cli_set(struct cli *c, int argc, char **argv);
int cli_show(struct cli *c, int argc, char **argv);

/* "postern: WORDS" on stderr. Return: @exit, so that a verb can return with it. */
int cli_fail(enum cli_exit exit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * cli_print() - text of any size on stdout
 * @print: writes into the block it is given; called again with a larger one until all fits
 *
 * Return: CLI_OK, or CLI_FAULTS after a message.
 */
int cli_print(void (*print)(struct out *o, void *context), void *context);

/* Lines of somebody else's text, fit for a terminal: what is not printable ASCII is escaped, and
 * the last line ends. Nothing for no text. */
void cli_plain(struct out *o, struct span text);

/* As cli_print, to a file of stdio's. */
int cli_print_to(FILE *file, void (*print)(struct out *o, void *context), void *context);
