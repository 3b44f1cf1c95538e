/* SPDX-License-Identifier: ISC */
/*
 * postern-log: writes the log file, so that no program that meets the network has to
 *
 * log/role.h tells how it is run.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "log/batch.h"
#include "log/file.h"
#include "log/role.h"
#include "log/sender.h"

/* Batches that wait together are written together. */
static uint8_t gathered[4 * LOG_BATCH_MAX];

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int complain(const char *path, int r)
{
	fprintf(stderr, "postern-log: %s: %s (\"log\" or \"state\" of postern.conf names it)\n",
		path,
		r == LOG_FILE_E_TYPE ? "not a regular file; the log is never written through a "
				       "link or into a device"
				     : strerror(-r));
	return r == -EACCES || r == -EPERM ? EX_NOPERM : EX_CONFIG;
}

/* SIGUSR1 comes by a descriptor; the signals a service manager or a terminal sends to all are not
 * for us. */
static int signals_init(void)
{
	sigset_t reopen;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write beyond RLIMIT_FSIZE fails then, and is counted */
	sigemptyset(&reopen);
	sigaddset(&reopen, SIGUSR1);
	sigprocmask(SIG_BLOCK, &reopen, NULL);
	return signalfd(-1, &reopen, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void reopen(struct log_file *f, int signals)
{
	struct signalfd_siginfo info;
	int r;

	while (read(signals, &info, sizeof info) > 0)
		;
	r = log_file_reopen(f);
	if (r != 0) {
		complain(f->path, r);
		fputs("postern-log: the file opened before stays in use\n", stderr);
	}
}

/* Size of the next packet; 0: nothing waits that is worth taking. An empty packet, which no sender
 * of ours makes, reads like an end; which it is, poll() tells. */
static size_t take_packet(int fd, uint8_t *p)
{
	ssize_t r;

	do
		r = recv(fd, p, LOG_BATCH_MAX, MSG_DONTWAIT | MSG_TRUNC);
	while (r < 0 && (errno == EINTR ||
				errno == ECONNRESET)); /* told once, before what was sent earlier */
	return r > 0 ? (size_t)r : 0;
}

/* Takes the batches that wait and writes them. False: none wait. */
static bool take_batches(struct log_file *f, int fd)
{
	size_t n = 0, size = 0;

	while (sizeof gathered - n > LOG_BATCH_MAX && (size = take_packet(fd, gathered + n)) > 0) {
		if (size > LOG_BATCH_MAX || !log_batch_ok(span_of(gathered + n, size)))
			log_file_lost(f, 1); /* somebody is not a sender of ours */
		else
			n += size;
	}
	log_file_write(f, span_of(gathered, n), wall_ns());
	return size > 0;
}

/* @p: the signals, then the senders. Each in turn, so that none keeps the others waiting. What one
 * sent before its end is still there: the end is told by poll() before it is read. */
static int serve(struct log_file *f, struct pollfd *p, nfds_t n)
{
	nfds_t senders = n - 1;

	while (senders > 0) {
		if (poll(p, n, -1) < 0 && errno != EINTR)
			return EX_OSERR;
		if (p[0].revents != 0)
			reopen(f, p[0].fd);
		for (nfds_t i = 1; i < n; i++) {
			if (p[i].fd < 0 || p[i].revents == 0 || take_batches(f, p[i].fd) ||
				!(p[i].revents & (POLLHUP | POLLRDHUP)))
				continue;
			close(p[i].fd);
			p[i].fd = -1;
			senders--;
		}
	}
	return EX_OK;
}

/* FD PATH MAX FD...: the descriptors into @p. */
static bool read_descriptors(struct pollfd *p, int argc, char **argv)
{
	nfds_t n = 0;

	for (int i = 1; i < argc; i++) {
		uint64_t fd;
		if (i == 2 || i == 3)
			continue;
		if (!span_u64(span_str(argv[i]), 1 << 20, &fd))
			return false;
		p[n++] = (struct pollfd){ .fd = (int)fd, .events = POLLIN | POLLRDHUP };
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct pollfd p[1 + LOG_SENDERS_MAX];
	uint64_t max;
	struct log_file f;
	int r;

	if (argc < 4 || argc > 3 + LOG_SENDERS_MAX || !read_descriptors(p + 1, argc, argv) ||
		!span_u64(span_str(argv[3]), INT64_MAX, &max) || max < LOG_FILE_MIN) {
		fputs("postern-log is started by posternd: postern-log FD PATH MAX FD...\n",
			stderr);
		return EX_USAGE;
	}
	p[0] = (struct pollfd){ .fd = signals_init(), .events = POLLIN };
	if (p[0].fd < 0)
		return EX_OSERR;
	r = log_file_open(&f, argv[2], max);
	if (r != 0)
		return complain(argv[2], r);
	/* senders that are gone already may have left records */
	if (send(p[1].fd, LOG_READY, sizeof LOG_READY - 1, MSG_NOSIGNAL) < 0 &&
		(errno == EBADF || errno == ENOTSOCK)) {
		perror("postern-log: descriptor of the senders");
		return EX_USAGE;
	}
	return serve(&f, p, (nfds_t)argc - 2);
}
