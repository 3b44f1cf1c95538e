/* SPDX-License-Identifier: ISC */
#include "proxy/house/logger.h"

#include <signal.h>
#include <stdio.h>

#include "proxy/house/house.h"

#define LOG_MAX ((uint64_t)1 << 30)

static struct logger *logger_of(struct child *c)
{
	return (struct logger *)(void *)((char *)c - offsetof(struct logger, child));
}

static void on_ready(struct child *c)
{
	struct logger *l = logger_of(c);

	ends_give(&l->ends);
	if (l->reopen)
		child_kill(c, SIGUSR1);
	l->reopen = false;
	house_child_ready(l->house, c);
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	return house_child_ended(logger_of(c)->house, c, status, rest_ms);
}

static uint64_t log_max(const struct hostconf *host)
{
	return host->n_logs && host->logs[0].max_octets ? host->logs[0].max_octets : LOG_MAX;
}

/* postern-log SANDBOX CONTROL PATH MAX */
static pid_t start(struct child *c, int control)
{
	struct logger *l = logger_of(c);
	char sandbox[ROLE_PLACE_TEXT], text[12], max[24];
	char *argv[] = { (char[]){ "postern-log" }, sandbox, text, l->path, max, NULL };
	int fds[2];
	struct start s = { .program = "postern-log", .folder = "../log", .argv = argv, .fds = fds };
	struct out o;

	fds[s.n_fds++] = control;
	snprintf(text, sizeof(text), "%u", START_FD);
	house_place(l->house, ROLE_LOG, l->house->log_folder, fds, &s.n_fds, sandbox);
	out_init(&o, max, sizeof(max));
	out_u64(&o, l->max);
	out_cstr(&o);
	return start_role(&s);
}

static const struct child_kind kind = { ROLE_LOG, start, on_ready, NULL, on_ended };

void logger_init(struct logger *l, struct house *house)
{
	const struct hostconf *host = &house_rules(house)->host;
	struct out o;

	*l = (struct logger){ .house = house, .max = log_max(host) };
	out_init(&o, l->path, sizeof(l->path));
	log_place_file(&o, host, house->dir);
	out_cstr(&o);
	child_init(&l->child, &kind, house->loop);
	l->ends.role = &l->child;
}

int logger_start(struct logger *l)
{
	return child_start(&l->child);
}

/* One that starts does not hear signals yet, and may have opened the file already. */
void logger_reopen(struct logger *l)
{
	if (l->child.state == CHILD_READY)
		child_kill(&l->child, SIGUSR1);
	else
		l->reopen = true;
}

int logger_add(struct logger *l, int *fdp)
{
	return ends_add(&l->ends, 0, 0, fdp);
}

void logger_remove(struct logger *l, int number)
{
	ends_remove(&l->ends, number, true);
}

void logger_look(struct logger *l)
{
	ends_look(&l->ends);
}

void logger_deinit(struct logger *l)
{
	ends_deinit(&l->ends);
	child_deinit(&l->child);
}
