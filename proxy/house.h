/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * House: the roles of one posternd, from their start to their end
 *
 * The log first, so that nothing happens unrecorded; then the workers. SIGTERM and SIGINT end them
 * in the other order. Should a role end by itself, the others are ended too: restarting comes with
 * a later version.
 *
 * Callers: proxy/posternd.c.
 */
#include <sys/types.h>

#include "log/sender.h"
#include "proxy/bind.h"
#include "proxy/factory.h"
#include "proxy/roles.h"
#include "proxy/worker.h"
#include "rules/load/load.h"

struct house {
	const struct load *load; /* borrowed, as is @dir */
	const char *dir;
	struct binds binds; /* closed here when the workers have them */
	int signals;        /* signalfd */
	int log[2];         /* posternd's own pair, as in struct worker */
	pid_t log_role;     /* 0: not running */
	bool log_failed;    /* ended by itself */
	int log_status;
	struct factory_role factory; /* of sockets, where posternd may make them */
	bool factory_failed;         /* ended by itself */
	int factory_status;
	struct worker workers[WORKERS_MAX];
	unsigned n_workers;
	struct log_sender sender;
};

/* Return: the exit code of posternd. */
int house_run(struct house *h);
