/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Options, taken out of the arguments wherever they stand
 *
 * Each function looks for one option behind argv[0], removes it and what belongs to it, and leaves
 * the rest in order. Nothing behind "--" is an option. A value may follow in the next argument or
 * behind "=" ("--at TIME", "--at=TIME"; "-c DIR", "-cDIR").
 *
 * Callers: cli.
 */
#include "cli/cli.h"

/* Is "--name" there? Any number of times. */
bool args_flag(int *argcp, char **argv, const char *name);

/**
 * args_value() - an option with a value
 * @name:   "--at" or "-c"
 * @valuep: the value; left alone when the option is not given
 *
 * Return: CLI_OK, or CLI_USAGE after a message: no value, or given twice.
 */
int args_value(int *argcp, char **argv, const char *name, const char **valuep);

/**
 * args_done() - what is left must be words, from @min to @max of them behind argv[0]
 *
 * Takes the first "--" out. Return: CLI_OK, or CLI_USAGE after a message that names an unknown
 * option or shows the verb's usage line.
 */
int args_done(int *argcp, char **argv, int min, int max);

/* The words that may follow a verb ("session list"), each with a function of its own. */
struct args_word {
	const char *name;
	int (*run)(struct cli *c, int argc, char **argv); /* argv[1] is the word */
};

/* Runs the one that argv[1] names. Return: what it returns, or CLI_USAGE after a message; what is
 * to be built later is refused by its name. */
int args_word(struct cli *c, int argc, char **argv, const struct args_word *words, size_t n_words);

/* The nearest of @n words to what somebody typed, or NULL: for "did you mean". */
const char *args_suggest(const char *word, const char *const *words, size_t n);
