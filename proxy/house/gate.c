/* SPDX-License-Identifier: ISC */
/* postern-gate and postern-verdict as posternd sees them. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/house/house.h"

static struct managed *of_gate(struct child *c)
{
	return (struct managed *)(void *)((char *)c - offsetof(struct managed, gate));
}

static struct managed *of_verdict(struct child *c)
{
	return (struct managed *)(void *)((char *)c - offsetof(struct managed, verdict));
}

/* ---- what they are started with ---- */

#define ARGUMENTS_MAX 10

struct arguments {
	char text[ARGUMENTS_MAX][12], sandbox[ROLE_PLACE_TEXT];
	char *argv[ARGUMENTS_MAX + 3];
	int fds[ARGUMENTS_MAX + 1];
	size_t n, n_fds; /* arguments behind SANDBOX; descriptors */
};

static void put(struct arguments *a, unsigned number)
{
	snprintf(a->text[a->n], sizeof(a->text[0]), "%u", number);
	a->argv[a->n + 2] = a->text[a->n];
	a->n++;
}

static void put_fds(struct arguments *a, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put(a, START_FD + (unsigned)a->n_fds);
		a->fds[a->n_fds++] = fds[i];
	}
}

static pid_t execute(struct house *h, enum role_id role, const char *folder, struct arguments *a)
{
	struct start s = {
		.program = role_program(role), .folder = folder, .argv = a->argv, .fds = a->fds
	};
	char name[32];

	snprintf(name, sizeof(name), "%s", s.program);
	house_place(h, role, h->empty_folder, a->fds, &a->n_fds, a->sandbox);
	a->argv[0] = name;
	a->argv[1] = a->sandbox;
	a->argv[a->n + 2] = NULL;
	s.n_fds = a->n_fds;
	return start_role(&s);
}

#define GATE_FOLDER "../filter/gate" /* in a build folder */

/* ---- the gate ---- */

static int make_ledger(struct managed *m)
{
	const int fd = ledger_make();
	const int r = fd < 0 ? fd : ledger_view(&m->ledger, fd);

	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : -EINVAL;
}

static void forget(struct managed *m)
{
	logger_remove(&m->house->logger, m->log);
	ledger_unmap(&m->ledger);
	m->ledger = (struct ledger){ 0 };
	m->log = -1;
}

/* postern-gate SANDBOX SEAT CONTROL LOG COUNTS LEDGER QUEUE TRACK VERDICTS COPIES */
static pid_t start_gate(struct child *c, int control)
{
	struct managed *m = of_gate(c);
	struct arguments a = { .n = 0 };
	int log = -1, ledger = make_ledger(m);
	pid_t pid = ledger;

	if (ledger >= 0) {
		m->log = logger_add(&m->house->logger, &log);
		pid = m->log;
	}
	if (pid >= 0) {
		const int fds[] = { control, log, m->house->counts, ledger, m->queue, m->track,
			m->verdicts[0], m->copies };
		put(&a, m->seat);
		put_fds(&a, fds, sizeof(fds) / sizeof(fds[0]));
		pid = execute(m->house, ROLE_GATE, GATE_FOLDER, &a);
	}
	if (log >= 0)
		close(log);
	if (ledger >= 0)
		close(ledger);
	if (pid < 0)
		forget(m);
	return pid;
}

static void gate_ready(struct child *c)
{
	managed_gate_ready(of_gate(c));
}

static bool gate_told(struct child *c, const struct msg *m)
{
	if (m->type == ROLE_BAN)
		return lockout_told(of_gate(c)->house, &of_gate(c)->pace, m);
	return survey_answered(&of_gate(c)->house->server, c, m) ||
	       managed_gate_told(of_gate(c), m);
}

static bool gate_ended(struct child *c, int status, uint32_t rest_ms)
{
	struct managed *m = of_gate(c);

	m->held = true; /* its successor begins so */
	house_recount(m->house, m->seat);
	forget(m);
	survey_gone(&m->house->server, c);
	return house_child_ended(m->house, c, status, rest_ms);
}

static const struct child_kind gate_kind = { ROLE_GATE, start_gate, gate_ready, gate_told,
	gate_ended };

/* ---- the writer of its verdicts ---- */

/* postern-verdict SANDBOX CONTROL QUEUE TRACK VERDICTS */
static pid_t start_verdict(struct child *c, int control)
{
	struct managed *m = of_verdict(c);
	const int fds[] = { control, m->queue, m->track, m->verdicts[1] };
	struct arguments a = { .n = 0 };

	put_fds(&a, fds, sizeof(fds) / sizeof(fds[0]));
	return execute(m->house, ROLE_VERDICT, GATE_FOLDER, &a);
}

static void verdict_ready(struct child *c)
{
	house_child_ready(of_verdict(c)->house, c);
}

static bool verdict_ended(struct child *c, int status, uint32_t rest_ms)
{
	return house_child_ended(of_verdict(c)->house, c, status, rest_ms);
}

static const struct child_kind verdict_kind = { ROLE_VERDICT, start_verdict, verdict_ready, NULL,
	verdict_ended };

void gate_init(struct managed *m)
{
	child_init(&m->gate, &gate_kind, m->house->loop);
	child_init(&m->verdict, &verdict_kind, m->house->loop);
}
