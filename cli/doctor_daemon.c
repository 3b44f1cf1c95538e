/* SPDX-License-Identifier: ISC */
/* Doctor: posternd itself, as it tells. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/doctor_managed.h"
#include "cli/running.h"
#include "cli/table.h"
#include "log/place.h"

/* ---- is it there? ---- */

/* Whether anybody listens there: 0 or errno. What answers is asked by cli/control.h. */
static int try_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	error = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void tell_absent(struct doctor *d, const char *path, int error)
{
	struct doctor_finding *f;

	if (error == EACCES || error == EPERM) {
		f = doctor_tell(d, DOCTOR_SKIPPED, NULL, d->said->control_at,
			"this user may not ask posternd (%s)", path);
		doctor_type(f, "sudo postern doctor -c %s", d->c->dir);
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, d->said->control_at,
		error == ECONNREFUSED ? "posternd does not run, and left %s behind"
				      : "posternd does not run (%s)",
		path);
	if (strcmp(d->c->dir, "/etc/postern") == 0)
		doctor_advise(f, "start it: systemctl start postern");
	else
		doctor_advise(f, "start it: posternd -c %s -f", d->c->dir);
}

/* ---- what it tells ---- */

static void take_listener(struct doctor *d, const json_t *fact)
{
	const char *address = fact_text(fact, "address");
	struct ip_port at;
	uint64_t port;

	if (d->n_listeners == DOCTOR_LISTENERS_MAX || address == NULL ||
		!ip_parse(span_str(address), &at.ip) || !fact_u64(fact, "port", &port) ||
		port > 65535)
		return;
	at.port = (uint16_t)port;
	d->listeners[d->n_listeners++] = at;
}

static void name_role(char name[static 96], const json_t *fact)
{
	const char *program = fact_text(fact, "program");
	struct out o;

	out_init(&o, name, 95);
	out_escaped(&o, span_str(program != NULL ? program : "a program"), 20);
	name[o.n] = '\0';
}

static void take_role(struct doctor *d, const json_t *fact)
{
	const char *state = fact_text(fact, "state");
	uint64_t restarts = 0, dropped = 0;
	struct doctor_finding *f;
	char name[96];

	name_role(name, fact);
	fact_u64(fact, "restarts", &restarts);
	fact_u64(fact, "log_dropped", &dropped);
	if (state == NULL || strcmp(state, "ready") != 0) {
		const bool starts = state != NULL && strcmp(state, "starting") == 0;

		f = doctor_tell(d, starts ? DOCTOR_WARNING : DOCTOR_FAULT, NULL, DOCTOR_NOWHERE,
			"%s is not ready", name);
		doctor_advise(f, "\"postern log find --code PN8003\" tells why it ended");
	} else if (restarts > 0) {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"%s was started again (%llu times)", name, (unsigned long long)restarts);
		doctor_advise(f, "\"postern log find --code PN8003\" tells why it ended");
	}
	if (dropped > 0) {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"%s dropped log records (%llu)", name, (unsigned long long)dropped);
		doctor_advise(f, "\"postern log code PN8001\" tells what to do");
	}
}

static void take_fact(struct table *t, const json_t *fact, void *context)
{
	const char *what = fact_text(fact, "what");

	(void)t;
	if (what != NULL && strcmp(what, "listener") == 0)
		take_listener(context, fact);
	else if (what != NULL && strcmp(what, "role") == 0)
		take_role(context, fact);
}

static int take_lines(void *context, struct span lines)
{
	static struct table t;

	table_init(&t, NULL, 0);
	table_lines(&t, lines, take_fact, context);
	table_free(&t);
	return CLI_OK;
}

/* ---- are these the rules? ---- */

static void compare(struct doctor *d)
{
	static struct running running;
	struct doctor_finding *f;

	if (running_compare(d->c, d->files, &running) != CLI_OK) {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"the rules that posternd runs cannot be read");
		doctor_advise(f, "restart it after an upgrade");
	} else if (running.diff.n == 0) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"posternd runs, with the rules of the files");
	} else {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"the files say something else than the rules that posternd runs (%zu "
			"differences)",
			running.diff.n);
		doctor_type(f, "postern -c %s apply", d->c->dir);
	}
	running_free(&running);
}

/* Does it run, and answer? */
static bool ask(struct doctor *d)
{
	static struct control_end end;
	const struct control_take take = { .text = take_lines, .context = d };
	char path[LOG_PLACE_MAX];
	struct out o;
	int error;

	out_init(&o, path, sizeof(path));
	log_place_control(&o, d->host, d->c->dir);
	out_cstr(&o);
	error = try_socket(path);
	if (error != 0 && error != EAGAIN) {
		tell_absent(d, path, error);
		return false;
	}
	if (control_ask(d->c, CONTROL_STATUS, SPAN(""), &take, &end) != CLI_OK) {
		doctor_advise(doctor_tell(d, DOCTOR_FAULT, NULL, d->said->control_at,
				      "posternd does not answer (%s)", path),
			"restart it");
		return false;
	}
	return true;
}

void doctor_daemon(struct doctor *d)
{
	d->runs = ask(d);
	if (d->runs)
		compare(d);
	doctor_take_lanes(d);
}
