/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * House: the roles of one posternd, from their start to their end
 *
 * The log first, so that nothing happens unrecorded; then the proxy. SIGTERM and SIGINT end them in
 * the other order. Should a role end by itself, the others are ended too: restarting comes with a
 * later version.
 *
 * Callers: proxy/posternd.c.
 */
#include <sys/types.h>

#include "log/sender.h"
#include "proxy/bind.h"
#include "rules/load/load.h"

struct house {
	const struct load *load; /* borrowed, as is @dir */
	const char *dir;
	struct binds binds;     /* closed here when the proxy has them */
	int signals;            /* signalfd */
	int control[2], log[2]; /* pairs: [0] is the role's end for control, the log role's for log;
				   -1: closed */
	pid_t proxy, log_role;  /* 0: not running */
	bool proxy_failed, log_failed; /* ended by itself */
	int proxy_status, log_status;
	struct log_sender sender;
};

/* Return: the exit code of posternd. */
int house_run(struct house *h);
