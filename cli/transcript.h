/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Transcripts: conversations as files, for `postern replay`
 *
 * One step a line: "C: text" and "S: text" are sent, "A: text" is said of a login, "< text" and
 * "> text" are expected by client and server, "= CODE" in the log, "wait 3s" lets time pass;
 * "include NAME" splices parts/NAME.part in. Rules may stand first, up to a line "---". postern(1)
 * has the whole format.
 *
 * Owns:    everything it read; transcript_free() returns it.
 * Callers: cli/replay.c, cli/player.c
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/out.h"

#define STEP_ANY 256 /* in a pattern: any octets up to the line's end */

enum step_kind {
	STEP_SEND,    /* by the client or the server */
	STEP_ACT,     /* ... closes, resets, is down, is inside TLS */
	STEP_LOGIN,   /* said by who checks logins */
	STEP_EXPECT,  /* octets */
	STEP_HAPPENS, /* ... closed, reset, dialled, received, text... */
	STEP_CODE,    /* a log record */
	STEP_WAIT,
};

enum step_word {
	WORD_NONE,
	WORD_CLOSE,
	WORD_RESET,
	WORD_DOWN,
	WORD_CLOSED,
	WORD_DIALLED,
	WORD_TEXT,
	WORD_TLS,
	WORD_RECEIVED,
};

struct step {
	enum step_kind kind;
	char side; /* 'C' 'S' 'A' '<' '>' '=' 'w' */
	enum step_word word;
	uint16_t *pattern; /* octets, or STEP_ANY */
	size_t n;
	uint64_t ms;
	const char *file;
	unsigned line;
	char *source; /* the line as it stands */
};

struct transcript {
	char *rules; /* NULL: none of its own */
	struct step *steps;
	size_t n;
	bool expects; /* it says what must happen, so that it can fail */
	char *only;   /* "replay" or "proxy", or NULL */
	char **texts; /* files read, kept for the steps */
	size_t n_texts;
};

/* Return: 0, or 1 after a message on stderr that names file and line. */
int transcript_read(struct transcript *t, const char *path);
void transcript_free(struct transcript *t);

/* As it stands in the file, its own escapes untouched, @max octets of it at most; what is no ASCII
 * is shown as an escape. */
void step_print(struct out *o, const struct step *s, size_t max);

/* A file named beside a transcript: in its folder, or in the one above. NULL: in neither. The
 * caller frees it. */
char *transcript_beside(const char *path, const char *name);

/* The whole file, NUL-terminated; NULL with errno (EFBIG: over 16 MiB, EILSEQ: a NUL in it). The
 * caller frees it. */
char *transcript_slurp(const char *path);
