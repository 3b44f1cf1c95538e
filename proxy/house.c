/* SPDX-License-Identifier: ISC */
#include "proxy/house.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/msg.h"
#include "log/facts.h"
#include "log/place.h"
#include "log/role.h"
#include "proxy/addresses.h"
#include "proxy/clock.h"
#include "proxy/roles.h"
#include "proxy/sockets.h"
#include "proxy/start.h"
#include "proxy/transparent.h"

#define READY_MS      30000 /* a role that says nothing for so long has failed */
#define PROXY_STOP_MS 10000 /* the proxy itself drains 2 s, and waits 2 s for clients */
#define LOG_STOP_MS   5000
#define LOG_MAX       ((uint64_t)1 << 30)

enum told { TOLD_READY, TOLD_STOP, TOLD_CHILD, TOLD_LATE };

static int fail(const char *what, int error)
{
	fprintf(stderr, "posternd: %s: %s\n", what, strerror(error));
	return EXIT_UNAVAILABLE;
}

static void close_end(int *fdp)
{
	sockets_close(*fdp);
	*fdp = -1;
}

/* ---- waiting ---- */

static void reap_one(struct house *h, pid_t pid, int status)
{
	if (pid == h->log_role) {
		h->log_role = 0;
		h->log_failed = true;
		h->log_status = status;
		return;
	}
	if (pid == h->factory.pid) {
		h->factory.pid = 0;
		h->factory_failed = true;
		h->factory_status = status;
		return;
	}
	for (unsigned i = 0; i < h->n_workers; i++) {
		struct worker *w = &h->workers[i];
		if (pid == w->pid) {
			w->ended = true;
			w->status = status;
		}
	}
}

static void reap(struct house *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap_one(h, pid, status);
}

/* Who rotates the log knows us; which process writes it is our affair. */
static void reopen_log(const struct house *h)
{
	if (h->log_role)
		kill(h->log_role, SIGUSR1);
}

/* The next thing that happens: @fd readable (-1: none), SIGTERM or SIGINT, a child's end, or @ms
 * passed (-1: no end). */
static enum told next_told(struct house *h, int fd, int ms)
{
	for (;;) {
		struct pollfd p[2] = { { h->signals, POLLIN, 0 }, { fd, POLLIN, 0 } };
		struct signalfd_siginfo info;
		int n = poll(p, fd < 0 ? 1 : 2, ms);

		if (n == 0)
			return TOLD_LATE;
		if (n > 0 && (p[0].revents & POLLIN) &&
			read(h->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			if (info.ssi_signo == SIGUSR1) {
				reopen_log(h);
				continue;
			}
			if (info.ssi_signo != SIGCHLD)
				return TOLD_STOP;
			reap(h);
			return TOLD_CHILD;
		}
		if (n > 0 && p[1].revents)
			return TOLD_READY;
	}
}

static bool log_runs(const struct house *h)
{
	return h->log_role != 0;
}

static bool workers_run(const struct house *h)
{
	for (unsigned i = 0; i < h->n_workers; i++)
		if (h->workers[i].pid && !h->workers[i].ended)
			return true;
	return false;
}

/* Until nothing of it @runs any more, or @ms passed. */
static void await_end(struct house *h, bool (*runs)(const struct house *), uint64_t ms)
{
	uint64_t end = clock_steady_ms() + ms, now;

	while (runs(h) && (now = clock_steady_ms()) < end)
		next_told(h, -1, (int)(end - now) + 1);
}

static bool block_signals(struct house *h)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* reloading comes with a later version; a closed terminal must not
				    end us in silence */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return false;
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return h->signals >= 0;
}

/* ---- the log ---- */

static uint64_t log_max(const struct hostconf *host)
{
	return host->n_logs && host->logs[0].max_octets ? host->logs[0].max_octets : LOG_MAX;
}

/* The descriptors of all who log: posternd, then the workers. */
static int exec_log(struct house *h, char *path, char *max)
{
	char text[WORKERS_MAX + 1][12], *argv[WORKERS_MAX + 5];
	int fds[WORKERS_MAX + 1];
	struct start start = { "postern-log", "../log", argv, fds, 1 + h->n_workers };
	size_t n = 0;
	pid_t pid;

	argv[n++] = (char[]){ "postern-log" };
	for (unsigned i = 0; i <= h->n_workers; i++) {
		fds[i] = i ? h->workers[i - 1].log[0] : h->log[0];
		snprintf(text[i], sizeof(text[i]), "%u", START_FD + i);
		argv[n++] = text[i];
		if (i == 0) {
			argv[n++] = path;
			argv[n++] = max;
		}
	}
	argv[n] = NULL;
	pid = start_role(&start);
	if (pid < 0)
		return fail("postern-log cannot be started", (int)-pid);
	h->log_role = pid;
	close_end(&h->log[0]);
	for (unsigned i = 0; i < h->n_workers; i++)
		close_end(&h->workers[i].log[0]);
	return 0;
}

static int start_log(struct house *h)
{
	char path[LOG_PLACE_MAX], max[24];
	struct out o;

	out_init(&o, path, sizeof(path));
	log_place_file(&o, &h->load->ruleset->host, h->dir);
	out_cstr(&o);
	out_init(&o, max, sizeof(max));
	out_u64(&o, log_max(&h->load->ruleset->host));
	out_cstr(&o);
	return exec_log(h, path, max);
}

/* Return: 0, or the exit code: the log role's own when it told one. */
static int await_log(struct house *h)
{
	char text[sizeof(LOG_READY)];

	switch (next_told(h, h->log[1], READY_MS)) {
	case TOLD_READY:
		if (read(h->log[1], text, sizeof(text)) == (ssize_t)strlen(LOG_READY))
			return 0;
		await_end(
			h, log_runs, LOG_STOP_MS); /* its end is the other reason to be readable */
		break;
	case TOLD_CHILD: break;
	case TOLD_STOP: return -1;
	case TOLD_LATE: return fail("postern-log does not answer", ETIMEDOUT);
	}
	return h->log_failed && WIFEXITED(h->log_status) && WEXITSTATUS(h->log_status)
		       ? WEXITSTATUS(h->log_status)
		       : EXIT_UNAVAILABLE;
}

/* ---- the maker of sockets ---- */

static bool factory_runs(const struct house *h)
{
	return h->factory.pid != 0;
}

/* Return: 0; the exit code; -1: told to stop meanwhile. */
static int start_factory(struct house *h)
{
	uint8_t block[MSG_HEAD + sizeof(struct role_ready)];
	struct msg m;
	int r;

	if (!transparent_allowed())
		return 0;
	r = factory_start(&h->factory, h->load->ruleset->host.mark);
	if (r < 0)
		return fail("postern-socket cannot be started", -r);
	switch (next_told(h, h->factory.control, READY_MS)) {
	case TOLD_READY:
		if (msg_recv(h->factory.control, block, sizeof(block), &m) == MSG_OK &&
			m.type == ROLE_READY)
			return 0;
		break;
	case TOLD_CHILD: break;
	case TOLD_STOP: return -1;
	case TOLD_LATE: return fail("postern-socket does not answer", ETIMEDOUT);
	}
	return EXIT_UNAVAILABLE;
}

static void stop_factory(struct house *h)
{
	close_end(&h->factory.control);
	await_end(h, factory_runs, LOG_STOP_MS);
	if (h->factory.pid) {
		kill(h->factory.pid, SIGKILL);
		await_end(h, factory_runs, LOG_STOP_MS);
	}
}

/* ---- the workers ---- */

static int start_workers(struct house *h)
{
	struct worker_common common;
	int r = worker_common_init(&common, h->load, &h->binds);

	for (unsigned i = 0; r == 0 && i < h->n_workers; i++)
		r = factory_channels(&h->factory, h->workers[i].spares);
	for (unsigned i = 0; r == 0 && i < h->n_workers; i++)
		r = worker_start(&h->workers[i], i, &common);
	worker_common_deinit(&common);
	bind_free(&h->binds); /* the workers' now: when they are gone, nobody listens */
	return r < 0 ? fail("postern-proxy cannot be started", -r) : 0;
}

static void tell_addresses(struct house *h)
{
	static struct ip list[ADDRESSES_MAX];
	int n = addresses_read(list);

	for (unsigned i = 0; n >= 0 && i < h->n_workers; i++)
		msg_send(h->workers[i].control[1], ROLE_ADDRESSES,
			span_of((const uint8_t *)list, (size_t)n * sizeof(list[0])), -1);
}

static int await_worker(struct house *h, const struct worker *w)
{
	uint8_t block[MSG_HEAD];
	struct msg m;

	switch (next_told(h, w->control[1], READY_MS)) {
	case TOLD_READY:
		if (msg_recv(w->control[1], block, sizeof(block), &m) == MSG_OK &&
			m.type == ROLE_READY)
			return 0;
		break;
	case TOLD_CHILD: break;
	case TOLD_STOP: return -1;
	case TOLD_LATE: return fail("postern-proxy does not answer", ETIMEDOUT);
	}
	return EXIT_UNAVAILABLE;
}

/* ---- the whole ---- */

static int make_pairs(struct house *h)
{
	int r = msg_pair(h->log);

	for (unsigned i = 0; r == 0 && i < h->n_workers; i++)
		r = worker_init(&h->workers[i]);
	return r;
}

/* Return: 0; the exit code; -1: told to stop meanwhile. */
static int start_all(struct house *h)
{
	int r;

	if (!block_signals(h))
		return fail("signals", errno);
	r = make_pairs(h);
	if (r < 0)
		return fail("socket pair", -r);
	r = start_log(h);
	if (r == 0)
		r = await_log(h);
	if (r)
		return r;
	log_sender_init(&h->sender, h->log[1]);
	r = start_factory(h);
	if (r == 0)
		r = start_workers(h);
	for (unsigned i = 0; r == 0 && i < h->n_workers; i++)
		r = await_worker(h, &h->workers[i]);
	if (r == 0)
		tell_addresses(h);
	return r;
}

/* Told on both outputs, for whoever reads the messages and whoever reads the result; once where
 * they are the same file. */
static void say_ready(void)
{
	struct stat out, err;

	if (fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
		(out.st_dev != err.st_dev || out.st_ino != err.st_ino))
		fputs("posternd: ready\n", stderr);
	puts("posternd: ready");
	fflush(stdout);
}

static void tell_failed(struct house *h, const char *role, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "posternd: %s ended unexpectedly: signal %d (%s); stopping\n", role,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "posternd: %s ended unexpectedly: exit %d; stopping\n", role,
			WEXITSTATUS(status));
	log_role_failed(&h->sender, clock_wall_ns(), role, pid, status);
}

/* Until a signal or the end of a role. Return: the exit code. */
static int watch_over(struct house *h)
{
	const pid_t log_role = h->log_role, factory = h->factory.pid;
	bool failed = false;

	log_config(&h->sender, clock_wall_ns(), CODE_CONFIG_STARTED, h->dir, h->load->ruleset);
	log_sender_flush(&h->sender, clock_wall_ns());
	say_ready();
	for (;;) {
		for (unsigned i = 0; i < h->n_workers; i++)
			if (h->workers[i].ended) {
				tell_failed(h, "postern-proxy", h->workers[i].pid,
					h->workers[i].status);
				failed = true;
			}
		if (h->log_failed)
			tell_failed(h, "postern-log", log_role, h->log_status);
		if (h->factory_failed)
			tell_failed(h, "postern-socket", factory, h->factory_status);
		if (failed || h->log_failed || h->factory_failed)
			return EXIT_UNAVAILABLE;
		if (next_told(h, -1, -1) == TOLD_STOP)
			return 0;
	}
}

static void signal_workers(struct house *h, int number)
{
	for (unsigned i = 0; i < h->n_workers; i++)
		if (h->workers[i].pid && !h->workers[i].ended)
			kill(h->workers[i].pid, number);
}

static void stop_workers(struct house *h)
{
	signal_workers(h, SIGTERM);
	await_end(h, workers_run, PROXY_STOP_MS);
	if (workers_run(h)) {
		fputs("posternd: postern-proxy does not end: killed\n", stderr);
		signal_workers(h, SIGKILL);
		await_end(h, workers_run, LOG_STOP_MS);
	}
	for (unsigned i = 0; i < h->n_workers; i++)
		worker_deinit(&h->workers[i]);
}

/* It ends when nobody can send any more. */
static void stop_log(struct house *h)
{
	close_end(&h->log[0]);
	close_end(&h->log[1]);
	await_end(h, log_runs, LOG_STOP_MS);
	if (h->log_role) {
		kill(h->log_role, SIGKILL);
		await_end(h, log_runs, LOG_STOP_MS);
	}
}

int house_run(struct house *h)
{
	int r;

	h->signals = h->log[0] = h->log[1] = h->factory.control = -1;
	for (unsigned i = 0; i < h->n_workers; i++)
		h->workers[i] = WORKER_NONE;
	r = start_all(h);
	if (r == 0)
		r = watch_over(h);
	stop_workers(h);
	stop_factory(h);
	if (h->sender.fd > 0) { /* only once the log was ready */
		log_config(
			&h->sender, clock_wall_ns(), CODE_CONFIG_STOPPED, h->dir, h->load->ruleset);
		log_sender_close(&h->sender, clock_wall_ns(), LOG_STOP_MS);
	}
	stop_log(h);
	close_end(&h->signals);
	return r < 0 ? 0 : r;
}
