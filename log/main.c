/* SPDX-License-Identifier: ISC */
/*
 * postern-log: writes the log file, so that no program that meets the network has to
 *
 * log/role.h tells how it is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/role.h"
#include "base/talk.h"
#include "log/batch.h"
#include "log/file.h"
#include "log/role.h"
#include "log/sender.h"

/* Batches that wait together are written together. */
static uint8_t gathered[4 * LOG_BATCH_MAX];

/* What poll(2) looks at: the signals, posternd, then the senders. */
enum { AT_SIGNALS, AT_CONTROL, AT_SENDERS };
static struct pollfd polled[AT_SENDERS + LOG_SENDERS_MAX];
static nfds_t n_polled = AT_SENDERS;

static const char *log_path; /* as messages name it */

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int complain(int r)
{
	fprintf(stderr, "postern-log: %s: %s (\"log\" or \"state\" of postern.conf names it)\n",
		log_path,
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

static void reopen(struct log_file *f)
{
	struct signalfd_siginfo info;
	int r;

	while (read(polled[AT_SIGNALS].fd, &info, sizeof info) > 0)
		;
	r = log_file_reopen(f);
	if (r != 0) {
		complain(r);
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

/* ---- posternd ---- */

static bool add_sender(int fd)
{
	if (fd < 0 || n_polled == AT_SENDERS + LOG_SENDERS_MAX)
		return false;
	polled[n_polled++] = (struct pollfd){ .fd = fd, .events = POLLIN | POLLRDHUP };
	return true;
}

static bool carry_out(const struct msg *m)
{
	static const struct role_pong pong;

	if (m->type == ROLE_ADD)
		return add_sender(m->fd);
	if (m->fd >= 0)
		close(m->fd);
	return m->type == ROLE_PING && msg_send(polled[AT_CONTROL].fd, ROLE_PONG,
					       span_of(&pong, sizeof pong), -1) != MSG_E_CLOSED;
}

/* At the end of the pair, or after nonsense, no sender is added any more: those there are read to
 * their ends. */
static void listen_to_posternd(void)
{
	static uint8_t block[MSG_HEAD + 64];
	struct msg m;
	int r = msg_recv(polled[AT_CONTROL].fd, block, sizeof block, &m);

	if (r == MSG_E_AGAIN || (r == MSG_OK && carry_out(&m)))
		return;
	close(polled[AT_CONTROL].fd);
	polled[AT_CONTROL].fd = -1;
}

/* ---- serving ---- */

/* The last sender takes the place of one that is gone. */
static void remove_sender(nfds_t i)
{
	close(polled[i].fd);
	polled[i] = polled[--n_polled];
}

/* Each in turn, so that none keeps the others waiting. What one sent before its end is still there:
 * the end is told by poll() before it is read. */
static void serve_senders(struct log_file *f)
{
	for (nfds_t i = n_polled; i-- > AT_SENDERS;)
		if (polled[i].revents != 0 && !take_batches(f, polled[i].fd) &&
			(polled[i].revents & (POLLHUP | POLLRDHUP)) != 0)
			remove_sender(i);
}

static int serve(struct log_file *f)
{
	while (n_polled > AT_SENDERS || polled[AT_CONTROL].fd >= 0) {
		if (poll(polled, n_polled, -1) < 0) {
			if (errno != EINTR)
				return EX_OSERR;
			continue;
		}
		if (polled[AT_SIGNALS].revents != 0)
			reopen(f);
		serve_senders(f);
		if (polled[AT_CONTROL].fd >= 0 && polled[AT_CONTROL].revents != 0)
			listen_to_posternd();
	}
	return EX_OK;
}

/* ---- beginning ---- */

/* Return: 0 or the exit code. */
static int begin(struct log_file *f, const struct role_place *place, uint64_t max)
{
	const char *slash = strrchr(log_path, '/');
	struct role_ready ready = { 0 };
	int folder = fcntl(place->folder, F_DUPFD_CLOEXEC, 0), r;

	polled[AT_SIGNALS] = (struct pollfd){ .fd = signals_init(), .events = POLLIN };
	if (folder < 0 || polled[AT_SIGNALS].fd < 0)
		return EX_OSERR;
	umask(0027); /* the group of its folder reads the log */
	if (role_enter(ROLE_LOG, place, &ready.layers) < 0)
		return EX_UNAVAILABLE;
	r = log_file_open(f, folder, slash != NULL ? slash + 1 : log_path, max);
	if (r != 0)
		return complain(r);
	/* should posternd be gone already, what it handed over is written all the same */
	r = msg_send(polled[AT_CONTROL].fd, ROLE_READY, span_of(&ready, sizeof ready), -1);
	return r < 0 ? EX_UNAVAILABLE : 0;
}

int main(int argc, char **argv)
{
	struct role_place place;
	struct log_file f;
	uint64_t max, fd;
	int r;

	role_close_strays();
	if (argc != 5 || !role_place_parse(span_str(argv[1]), &place) || place.folder < 0 ||
		!span_u64(span_str(argv[2]), 1 << 20, &fd) ||
		!span_u64(span_str(argv[4]), INT64_MAX, &max) || max < LOG_FILE_MIN) {
		fputs("postern-log is started by posternd: postern-log SANDBOX CONTROL PATH MAX\n",
			stderr);
		return EX_USAGE;
	}
	polled[AT_CONTROL] = (struct pollfd){ .fd = (int)fd, .events = POLLIN | POLLRDHUP };
	log_path = argv[3];
	r = begin(&f, &place, max);
	return r != 0 ? r : serve(&f);
}
