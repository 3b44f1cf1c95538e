/* SPDX-License-Identifier: ISC */
/* postern-kernel: the only program that changes the kernel's rules in "mode managed". See
 * rules/kernel/run/roles.h for what it is told and tells, worker.h for its other half. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/role.h"
#include "rules/kernel/run/pace.h"
#include "rules/kernel/run/queue.h"
#include "rules/kernel/run/sets.h"
#include "rules/kernel/run/watch.h"
#include "rules/kernel/run/worker.h"

static const struct span nothing = { NULL, 0 };

#define JOB_MAX_MS 120000 /* longer than programs that wait for each other ever take */

struct kernel {
	struct role_place place;
	int control, worker, worker_pid;
	struct watch watch;
	struct pace pace;
	bool managed;        /* something is in force that is to stay so */
	uint16_t job;        /* the worker's; 0: none */
	uint64_t job_end_ms; /* it is stuck then */
	struct msg waiting;  /* of posternd, until a look is over; type 0: none */
	uint8_t waiting_body[MSG_BODY_MAX];
};

/* The exact one: what is reckoned from it is less than a tick of the coarse one apart. */
static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static _Noreturn void end(const char *why)
{
	fprintf(stderr, "postern-kernel: %s\n", why);
	exit(EX_UNAVAILABLE); /* posternd starts another one */
}

/* posternd has closed its end. */
static _Noreturn void leave(const struct kernel *k)
{
	worker_end(k->worker_pid);
	exit(0);
}

/* ---- to posternd ---- */

static void tell(const struct kernel *k, uint16_t type, struct span body, int fd)
{
	const int r = msg_send(k->control, type, body, fd);

	if (r == MSG_E_CLOSED)
		leave(k);
	if (r != MSG_OK)
		end("posternd does not take what it is told");
}

static void trouble(const struct kernel *k, uint32_t of, const char *what, const char *why)
{
	struct {
		uint32_t of;
		char text[512];
	} body = { .of = of };
	const int n = snprintf(body.text, sizeof(body.text), "%s: %s\n", what, why);

	tell(k, KERNEL_TROUBLE, span_of(&body, sizeof(body.of) + (size_t)n), -1);
}

/* ---- jobs ---- */

static void give(struct kernel *k, uint16_t type, struct span body, int fd)
{
	if (msg_send(k->worker, type, body, fd) != MSG_OK)
		end("its worker is gone");
	k->job = type;
	k->job_end_ms = now_ms() + JOB_MAX_MS;
}

static void give_waiting(struct kernel *k)
{
	const struct msg m = k->waiting;

	k->waiting.type = 0;
	if (m.type == 0)
		return;
	give(k, m.type, m.body, m.fd);
	if (m.fd >= 0)
		close(m.fd);
}

/* A job of posternd's waits for a look, and for nothing else. */
static void take_job(struct kernel *k, const struct msg *m)
{
	if ((m->type == KERNEL_APPLY) != (m->fd >= 0) || k->waiting.type != 0 ||
		(k->job != 0 && k->job != WORKER_LOOK))
		end("posternd sends a change that is none, or before the last one was done");
	memcpy(k->waiting_body, m->body.p, m->body.n);
	k->waiting = (struct msg){ m->type, span_of(k->waiting_body, m->body.n), m->fd };
	if (k->job == 0)
		give_waiting(k);
}

static void take_done(struct kernel *k, const struct worker_answer *a, struct span body)
{
	if (k->job == KERNEL_PUT_BACK)
		k->managed = false;
	else if (a->result == KERNEL_IS_DONE)
		k->managed = true;
	tell(k, KERNEL_DONE, body, -1);
}

static void take_answer(struct kernel *k)
{
	static uint8_t block[MSG_HEAD + sizeof(struct worker_answer)];
	struct worker_answer a;
	struct msg m;
	const int r = msg_recv(k->worker, block, sizeof(block), &m);
	const size_t head = offsetof(struct worker_answer, text);

	if (r == MSG_E_AGAIN)
		return;
	if (r != MSG_OK || m.fd >= 0 || m.body.n < head || k->job == 0)
		end("its worker is gone");
	memcpy(&a, m.body.p, head);
	if (k->job == WORKER_LOOK) {
		pace_looked(&k->pace, now_ms(), a.result != KERNEL_LEFT && m.body.n > head,
			a.result == KERNEL_UNREPAIRED);
		if (m.body.n > head)
			tell(k, KERNEL_CHANGED, m.body, -1);
	} else {
		take_done(k, &a, m.body);
	}
	k->job = 0;
	give_waiting(k);
}

/* ---- the gate's sockets ---- */

static int open_copies(const struct kernel *k)
{
	int problem = 0;
	const int fd = copies_open(&problem);

	if (fd < 0)
		trouble(k, KERNEL_OPEN, "NFLOG 525", strerror(-fd));
	else if (problem == -EBUSY)
		trouble(k, KERNEL_COPY_SOCKET, "NFLOG 525",
			"another program has it, so \"log tls\" tells nothing: \"cat "
			"/proc/net/netfilter/nfnetlink_log\" shows it; end it, and start posternd "
			"anew");
	else if (problem < 0)
		trouble(k, KERNEL_COPY_SOCKET, "NFLOG 525, so \"log tls\" tells nothing",
			strerror(-problem));
	return fd;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void open_sockets(const struct kernel *k)
{
	const int queue = queue_open();
	int track, copies;

	if (queue == -EBUSY) {
		trouble(k, KERNEL_OPEN, "NFQUEUE 525",
			"another program has it: \"cat /proc/net/netfilter/nfnetlink_queue\" shows "
			"its process in the second column; end it, and say \"postern apply\"");
		return;
	}
	if (queue < 0) {
		trouble(k, KERNEL_OPEN, "NFQUEUE 525", strerror(-queue));
		return;
	}
	track = conntrack_open();
	copies = open_copies(k);
	if (track < 0) {
		trouble(k, KERNEL_OPEN, "events of conntrack", strerror(-track));
	} else if (copies >= 0) {
		tell(k, KERNEL_QUEUE_SOCKET, nothing, queue);
		tell(k, KERNEL_TRACK_SOCKET, nothing, track);
		tell(k, KERNEL_COPY_SOCKET, nothing, copies);
	}
	close_one(queue);
	close_one(track);
	close_one(copies);
}

/* ---- bans ---- */

static int with_kernel(
	int (*act)(struct netlink *nl, const struct kernel_ban *ban), const struct kernel_ban *ban)
{
	struct netlink nl;
	int r = netlink_open(&nl, NETLINK_NETFILTER);

	if (r < 0)
		return r;
	r = act(&nl, ban);
	netlink_close(&nl);
	return r;
}

static void ban(const struct kernel *k, const struct msg *m)
{
	const bool enter = m->type == KERNEL_BAN;
	struct kernel_ban b;
	int r;

	if (m->fd >= 0 || m->body.n != sizeof(b))
		end("posternd sends a ban that is none");
	memcpy(&b, m->body.p, sizeof(b));
	if (!sets_ban_ok(&b, enter))
		end("posternd sends a ban that is none");
	r = with_kernel(enter ? sets_ban : sets_unban, &b);
	if (r != 0 && (enter || r != SETS_E_MISSING))
		trouble(k, m->type, enter ? "a ban is not in the kernel" : "a ban is not lifted",
			sets_problem(r));
}

struct listing {
	struct kernel_ban *list;
	size_t n;
};

static void list_one(void *context, const struct kernel_ban *b)
{
	struct listing *l = context;

	if (l->n < 2 * KERNEL_BANS_MAX)
		l->list[l->n++] = *b;
}

static int list_all(struct netlink *nl, struct listing *l)
{
	int r;

	l->list = calloc(2 * (size_t)KERNEL_BANS_MAX, sizeof(*l->list));
	if (l->list == NULL)
		return -ENOMEM;
	r = sets_each(nl, IP_V4, list_one, l);
	return r ? r : sets_each(nl, IP_V6, list_one, l);
}

static void list(const struct kernel *k)
{
	struct listing l = { 0 };
	struct netlink nl;
	int fd = -1, r = netlink_open(&nl, NETLINK_NETFILTER);

	if (r == 0)
		r = list_all(&nl, &l);
	if (r == 0 && l.n > 0) {
		fd = memfd_sealed("postern-bans", span_of(l.list, l.n * sizeof(*l.list)));
		r = fd < 0 ? fd : 0;
	}
	if (r != 0)
		trouble(k, KERNEL_BANS, "the bans in the kernel", sets_problem(r));
	else
		tell(k, KERNEL_BANS, nothing, fd);
	free(l.list);
	netlink_close(&nl);
	if (fd >= 0)
		close(fd);
}

/* ---- posternd ---- */

static void pong(const struct kernel *k)
{
	const struct role_pong p = { 0 };

	tell(k, ROLE_PONG, span_of(&p, sizeof(p)), -1);
}

/* Of "mode sets-only": what names them is somebody else's. */
static void make_sets(const struct kernel *k)
{
	char text[KERNEL_TEXT_MAX];
	struct netlink nl;
	unsigned made;
	struct out o;
	int r = netlink_open(&nl, NETLINK_NETFILTER);
	const uint32_t result =
		r == 0 && (r = sets_make(&nl, &made)) == 0 ? KERNEL_IS_DONE : KERNEL_FAILED;

	out_init(&o, text, sizeof(text));
	out_bytes(&o, span_of(&result, sizeof(result)));
	if (r != 0) {
		out_str(&o, "sets POSTERN-BANS4 and POSTERN-BANS6: ");
		out_str(&o, sets_problem(r));
		out_octet(&o, '\n');
	}
	netlink_close(&nl);
	tell(k, KERNEL_DONE, out_span(&o), -1);
}

static void obey(struct kernel *k, const struct msg *m)
{
	switch (m->type) {
	case ROLE_PING: pong(k); break;
	case ROLE_FENCE: tell(k, ROLE_FENCED, nothing, -1); break;
	case KERNEL_APPLY:
	case KERNEL_PUT_BACK: take_job(k, m); return; /* its descriptor, too */
	case KERNEL_SETS: make_sets(k); break;
	case KERNEL_OPEN: open_sockets(k); break;
	case KERNEL_BAN:
	case KERNEL_UNBAN: ban(k, m); break;
	case KERNEL_BANS: list(k); break;
	default: end("posternd sends what it does not know");
	}
	if (m->fd >= 0)
		close(m->fd);
}

static void listen_to_posternd(struct kernel *k)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;
	const int r = msg_recv(k->control, block, sizeof(block), &m);

	if (r == MSG_E_CLOSED)
		leave(k);
	if (r == MSG_OK)
		obey(k, &m);
	else if (r != MSG_E_AGAIN)
		end("posternd sends no messages");
}

/* ---- the whole ---- */

static uint64_t next_ms(const struct kernel *k)
{
	if (k->job != 0)
		return k->job_end_ms;
	return k->managed ? pace_next(&k->pace) : UINT64_MAX;
}

static int patience(const struct kernel *k)
{
	const uint64_t now = now_ms(), next = next_ms(k);

	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void look_in_time(struct kernel *k)
{
	const uint64_t now = now_ms();

	if (now < next_ms(k))
		return;
	if (k->job != 0)
		end("iptables or ip does not come to an end");
	pace_look(&k->pace, now);
	give(k, WORKER_LOOK, nothing, -1);
}

static void run(struct kernel *k)
{
	struct pollfd p[] = { { .fd = k->control, .events = POLLIN },
		{ .fd = k->worker, .events = POLLIN },
		{ .fd = k->watch.nftables, .events = POLLIN },
		{ .fd = k->watch.routing, .events = POLLIN } };

	for (;;) {
		if (poll(p, sizeof(p) / sizeof(p[0]), patience(k)) < 0 && errno != EINTR)
			end(strerror(errno));
		if ((p[2].revents || p[3].revents) && watch_heard(&k->watch))
			pace_heard(&k->pace, now_ms());
		if (p[1].revents)
			take_answer(k);
		if (p[0].revents)
			listen_to_posternd(k);
		look_in_time(k);
	}
}

static bool read_start(struct kernel *k, int argc, char **argv)
{
	uint64_t control;

	if (argc != 3 || !role_place_parse(span_str(argv[1]), &k->place) ||
		!span_u64(span_str(argv[2]), INT_MAX, &control))
		return false;
	k->control = (int)control;
	return fcntl(k->control, F_SETFD, FD_CLOEXEC) == 0;
}

static int begin(struct kernel *k)
{
	struct role_ready ready = { 0 };
	int r;

	if (role_enter(ROLE_KERNEL, &k->place, &ready.layers) < 0)
		return EX_UNAVAILABLE;
	r = watch_open(&k->watch);
	if (r == 0)
		r = k->worker_pid = worker_start(&k->worker);
	if (r == -EPERM)
		end("it needs CAP_NET_ADMIN, so posternd must be started as root");
	if (r < 0)
		end(strerror(-r));
	pace_init(&k->pace, now_ms());
	tell(k, ROLE_READY, span_of(&ready, sizeof(ready)), -1);
	return 0;
}

int main(int argc, char **argv)
{
	static struct kernel k;
	int exit_code;

	role_close_strays();
	if (!read_start(&k, argc, argv)) {
		fputs("postern-kernel is started by posternd(8)\n", stderr);
		return EX_USAGE;
	}
	signal(SIGTERM, SIG_IGN); /* it is needed to the end: posternd says when */
	signal(SIGPIPE, SIG_IGN);
	exit_code = begin(&k);
	if (exit_code == 0)
		run(&k);
	return exit_code;
}
