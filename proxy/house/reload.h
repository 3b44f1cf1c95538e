/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Reload: from files, or from history, to a generation in force
 *
 * Files with errors change nothing. With a time to confirm, the generation before comes back when
 * nobody confirmed in that time: whoever locked himself out waits it out. Should it not be possible
 * then, it is tried until it is.
 *
 * One at a time; a SIGHUP during one is carried out after it. Who asked by the control socket is
 * answered when the generation is in force or will not be; who asked by SIGHUP finds the same words
 * on standard error.
 *
 * Callers: proxy/house.
 */
#include "base/out.h"
#include "rules/load/load.h"

struct house;
struct generation;

#define RELOAD_TEXT_MAX 58000 /* fits into one CONTROL_DONE */

struct reload {
	bool under_way;
	bool asked; /* by the control socket */
	bool again; /* a SIGHUP came meanwhile: the files may have changed since they were read */
	bool back;  /* from history */
	unsigned from;       /* ... this generation */
	uint32_t confirm_s;  /* of the one under way; 0: none wanted */
	uint64_t confirm_ms; /* steady: then @before comes back; 0: nothing to confirm */
	unsigned before;
	int before_bundle; /* -1: none. Not from history, which a full disk may not have kept */
	struct out text;
	uint8_t block[RELOAD_TEXT_MAX];
};

/* The files of the house's folder as a sealed bundle, whatever they say that matters in @text.
 * Return: descriptor; -1: nothing is to be started, *exitp says with which exit code. */
int reload_read(const struct house *h, struct out *text, int *exitp);

/* SIGHUP: now, or as soon as it can be begun. */
void reload_signal(struct house *h);
/* @asked: the control socket waits for an answer. */
void reload_apply(struct house *h, uint32_t confirm_s, bool asked);
void reload_back(struct house *h, unsigned number, bool asked);
void reload_confirm(struct house *h);

/* The generation that was coming is in force; or will not be, for the reason in the text. */
void reload_done(struct house *h, const struct generation *g);
void reload_failed(struct house *h, int exit);
/* What a role of it says, in lines for the administrator, why it cannot serve. */
bool reload_told(struct house *h, struct span lines);

/* Seconds until the generation before comes back; 0: nothing to confirm. */
uint32_t reload_left_s(const struct house *h);
void reload_look(struct house *h);
void reload_deinit(struct reload *r);
