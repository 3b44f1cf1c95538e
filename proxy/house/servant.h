/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Servant: postern-key, -auth, -pam or -resolve of a generation, as posternd sees it
 *
 * posternd keeps the servant's end of every pair with those who ask it, so that a successor goes on
 * with them. Each process that asks has pairs of its own, which go with it.
 *
 * Callers: proxy/house/generation.c, worker.c.
 */
#include "proxy/house/ends.h"

struct generation;

enum servant_id { SERVANT_KEY, SERVANT_AUTH, SERVANT_PAM, SERVANT_RESOLVE, SERVANTS };

struct house_servant {
	struct child child;
	struct generation *generation;
	enum servant_id id;
	bool needed; /* by the rules; else it is never started */
	int texts;   /* proxy/relay/roles.h; -1: it needs none */
	struct ends ends;
	int pam; /* of postern-auth: its place in the ends of postern-pam; -1: none */
};

void servant_init(struct house_servant *v, struct generation *g, enum servant_id id);
/* Return: 0, or the exit code of posternd after lines in @why. */
int servant_texts(struct house_servant *v, struct out *why);
/* A pair for one who asks. Return: its number, @fdp the asker's end; -1, with @fdp -1: nobody is
 * needed; <-1 errno. */
int servant_add(struct house_servant *v, int *fdp);
/* A pair for one who asks once: it does not outlive the process. Return: the asker's end; -1: the
 * process is not there, or there is no memory. */
int servant_lend(struct house_servant *v);
/* Who asked is gone. */
void servant_remove(struct house_servant *v, int number);
/* The process must be gone. */
void servant_deinit(struct house_servant *v);
