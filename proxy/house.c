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

#include "base/memfd.h"
#include "base/msg.h"
#include "log/facts.h"
#include "log/place.h"
#include "log/role.h"
#include "proxy/clock.h"
#include "proxy/roles.h"
#include "proxy/sockets.h"
#include "proxy/start.h"
#include "rules/bundle.h"

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
	if (pid == h->proxy) {
		h->proxy = 0;
		h->proxy_failed = true;
		h->proxy_status = status;
	} else if (pid == h->log_role) {
		h->log_role = 0;
		h->log_failed = true;
		h->log_status = status;
	}
}

static void reap(struct house *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap_one(h, pid, status);
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
			if (info.ssi_signo != SIGCHLD)
				return TOLD_STOP;
			reap(h);
			return TOLD_CHILD;
		}
		if (n > 0 && p[1].revents)
			return TOLD_READY;
	}
}

/* Until *@pidp is gone or @ms passed. */
static void await_end(struct house *h, const pid_t *pidp, uint64_t ms)
{
	uint64_t end = clock_steady_ms() + ms, now;

	while (*pidp && (now = clock_steady_ms()) < end)
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

static int start_log(struct house *h)
{
	char path[LOG_PLACE_MAX], max[24], fd[] = "3";
	char *argv[] = { (char[]){ "postern-log" }, fd, path, max, NULL };
	struct start start = { "postern-log", "../log", argv, &h->log[0], 1 };
	struct out o;
	pid_t pid;

	out_init(&o, path, sizeof(path));
	log_place_file(&o, &h->load->ruleset->host, h->dir);
	out_cstr(&o);
	out_init(&o, max, sizeof(max));
	out_u64(&o, log_max(&h->load->ruleset->host));
	out_cstr(&o);
	pid = start_role(&start);
	if (pid < 0)
		return fail("postern-log cannot be started", (int)-pid);
	h->log_role = pid;
	close_end(&h->log[0]);
	return 0;
}

/* Return: 0, or the exit code: the log role's own when it told one. */
static int await_log(struct house *h)
{
	char text[sizeof(LOG_READY)];

	switch (next_told(h, h->log[1], READY_MS)) {
	case TOLD_READY:
		if (read(h->log[1], text, sizeof(text)) == (ssize_t)strlen(LOG_READY))
			return 0;
		await_end(h, &h->log_role,
			LOG_STOP_MS); /* its end is the other reason to be readable */
		break;
	case TOLD_CHILD: break;
	case TOLD_STOP: return -1;
	case TOLD_LATE: return fail("postern-log does not answer", ETIMEDOUT);
	}
	return h->log_failed && WIFEXITED(h->log_status) && WEXITSTATUS(h->log_status)
		       ? WEXITSTATUS(h->log_status)
		       : EXIT_UNAVAILABLE;
}

/* ---- the proxy ---- */

/* Return: descriptor of the sealed bundle; <0 errno. */
static int make_bundle(const struct load *l)
{
	for (size_t size = (size_t)1 << 20; size <= BUNDLE_MAX; size *= 4) {
		struct out o;
		uint8_t *block = malloc(size);
		int fd;

		if (!block)
			return -ENOMEM;
		out_init(&o, block, size);
		bundle_write(&o, l->ruleset, l->sources, l->n_sources);
		fd = o.full ? -E2BIG : memfd_sealed("postern-rules", out_span(&o));
		free(block);
		if (fd != -E2BIG)
			return fd;
	}
	return -E2BIG;
}

static int exec_proxy(struct house *h, int bundle)
{
	size_t n = 3 + h->binds.n;
	int *fds = calloc(n, sizeof(*fds));
	char **argv = calloc(n + 2, sizeof(*argv)), (*text)[24] = calloc(n, sizeof(*text));
	struct start start = { "postern-proxy", ".", argv, fds, n };
	pid_t pid = -ENOMEM;

	if (fds && argv && text) {
		fds[0] = h->control[0];
		fds[1] = h->log[1];
		fds[2] = bundle;
		argv[0] = (char[]){ "postern-proxy" };
		for (size_t i = 0; i < n; i++) {
			if (i >= 3)
				fds[i] = h->binds.sockets[i - 3].fd;
			snprintf(text[i], sizeof(text[i]), "%zu", START_FD + i);
			argv[i + 1] = text[i];
		}
		pid = start_role(&start);
	}
	free(fds);
	free(argv);
	free(text);
	if (pid < 0)
		return fail("postern-proxy cannot be started", (int)-pid);
	h->proxy = pid;
	return 0;
}

static int start_proxy(struct house *h)
{
	int bundle = make_bundle(h->load), r;

	if (bundle < 0)
		return fail("the rules cannot be handed on", -bundle);
	r = exec_proxy(h, bundle);
	close(bundle);
	close_end(&h->control[0]);
	bind_free(&h->binds); /* the proxy's now: when it is gone, nobody listens */
	return r;
}

static int await_proxy(struct house *h)
{
	uint8_t block[MSG_HEAD];
	struct msg m;

	switch (next_told(h, h->control[1], READY_MS)) {
	case TOLD_READY:
		if (msg_recv(h->control[1], block, sizeof(block), &m) == MSG_OK &&
			m.type == ROLE_READY)
			return 0;
		await_end(h, &h->proxy, LOG_STOP_MS);
		break;
	case TOLD_CHILD: break;
	case TOLD_STOP: return -1;
	case TOLD_LATE: return fail("postern-proxy does not answer", ETIMEDOUT);
	}
	return EXIT_UNAVAILABLE;
}

/* ---- the whole ---- */

/* Return: 0; the exit code; -1: told to stop meanwhile. */
static int start_all(struct house *h)
{
	int r;

	if (!block_signals(h))
		return fail("signals", errno);
	r = msg_pair(h->log);
	if (r == 0)
		r = msg_pair(h->control);
	if (r < 0)
		return fail("socket pair", -r);
	r = start_log(h);
	if (r == 0)
		r = await_log(h);
	if (r)
		return r;
	log_sender_init(&h->sender, h->log[1]);
	r = start_proxy(h);
	return r ? r : await_proxy(h);
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
	pid_t proxy = h->proxy, log_role = h->log_role;

	log_config(&h->sender, clock_wall_ns(), CODE_CONFIG_STARTED, h->dir, h->load->ruleset);
	log_sender_flush(&h->sender, clock_wall_ns());
	say_ready();
	for (;;) {
		if (h->proxy_failed)
			tell_failed(h, "postern-proxy", proxy, h->proxy_status);
		if (h->log_failed)
			tell_failed(h, "postern-log", log_role, h->log_status);
		if (h->proxy_failed || h->log_failed)
			return EXIT_UNAVAILABLE;
		if (next_told(h, -1, -1) == TOLD_STOP)
			return 0;
	}
}

static void stop_proxy(struct house *h)
{
	if (h->proxy) {
		kill(h->proxy, SIGTERM);
		await_end(h, &h->proxy, PROXY_STOP_MS);
	}
	if (h->proxy) {
		fputs("posternd: postern-proxy does not end: killed\n", stderr);
		kill(h->proxy, SIGKILL);
		await_end(h, &h->proxy, LOG_STOP_MS);
	}
}

/* It ends when nobody can send any more. */
static void stop_log(struct house *h)
{
	close_end(&h->log[0]);
	close_end(&h->log[1]);
	await_end(h, &h->log_role, LOG_STOP_MS);
	if (h->log_role) {
		kill(h->log_role, SIGKILL);
		await_end(h, &h->log_role, LOG_STOP_MS);
	}
}

int house_run(struct house *h)
{
	int r;

	h->signals = h->control[0] = h->control[1] = h->log[0] = h->log[1] = -1;
	r = start_all(h);
	if (r == 0)
		r = watch_over(h);
	stop_proxy(h);
	if (h->sender.fd > 0) { /* only once the log was ready */
		log_config(
			&h->sender, clock_wall_ns(), CODE_CONFIG_STOPPED, h->dir, h->load->ruleset);
		log_sender_close(&h->sender, clock_wall_ns(), LOG_STOP_MS);
	}
	stop_log(h);
	close_end(&h->control[0]);
	close_end(&h->control[1]);
	close_end(&h->signals);
	return r < 0 ? 0 : r;
}
