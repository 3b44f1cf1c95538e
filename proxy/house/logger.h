/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Logger: postern-log as posternd sees it, and who sends to it
 *
 * posternd keeps the receiving end of every sender: what was sent while postern-log was down is
 * read by its successor. A sender's end goes when its process is gone and all it sent is read: a
 * postern-log that is killed takes nothing with it but what it had already read.
 *
 * Callers: proxy/house.
 */
#include "log/place.h"
#include "proxy/house/ends.h"

struct house;

struct logger {
	struct child child;
	struct house *house;
	struct ends ends;
	char path[LOG_PLACE_MAX]; /* the next two are those of the first rules: the folder is, too
				   */
	uint64_t max;
	bool reopen; /* wanted while it was starting */
};

/* The house has rules. */
void logger_init(struct logger *l, struct house *house);
int logger_start(struct logger *l);
/* As SIGUSR1: the file was renamed. */
void logger_reopen(struct logger *l);

/* A new sender. Return: its number, @fdp the sending end; <0 errno. */
int logger_add(struct logger *l, int *fdp);
/* The sender's process is gone. */
void logger_remove(struct logger *l, int number);

/* Once in a while. */
void logger_look(struct logger *l);

void logger_deinit(struct logger *l);
