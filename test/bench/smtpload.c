/* SPDX-License-Identifier: ISC */
/*
 * smtpload - SMTP load generator (closed loop): N sessions at once, M messages per session.
 *
 * One process, one epoll loop; TLS by OpenSSL.  Follows RFC 5321 step by step, checks every
 * reply code, and groups commands (RFC 2920) only when the server offered PIPELINING:
 *   -p 0  one command at a time
 *   -p 1  MAIL, RCPT.., DATA in one write                                  (default)
 *   -p 2  as 1, and the end of a message travels with the next MAIL group or with QUIT
 * -m 0 makes sessions of connect, EHLO, QUIT.  -i opens the sessions, says EHLO, and holds.
 * -T tls speaks TLS from the first octet, -T starttls after STARTTLS; certificates are not looked
 * at.  -R resumes the TLS session of the connection before, by one of its tickets.
 *
 * Result: one line of key=value on stdout.  A message is timed from its MAIL command's write to
 * the reply to its end-of-data; a connection from connect() to the server's end of file.
 * Exit status: 0 all good, 1 any SMTP/socket error, 2 usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "hist.h"
#include "wire.h"

#define CHUNK (256 * 1024)
#define LBUF  1024

enum want { W_GREET, W_EHLO, W_STARTTLS, W_MAIL, W_RCPT, W_DATA, W_DOT, W_QUIT, W_EOF, W_HOLD };

struct sess {
	struct wire wire;
	uint8_t want;   /* reply now expected */
	uint8_t lineok; /* current reply line too long: rest ignored */
	uint8_t piped, pollout, quit_sent, txn_sent, next_sent;
	uint8_t shaking; /* the handshake is not over */
	unsigned rcpts_left, msgs_done;
	size_t off, end; /* body octets sent / to send; sending while off < end */
	uint64_t t_conn, t_msg, t_next;
	uint16_t linelen;
	char line[8];
};

static struct hist h_msg, h_conn;
static volatile sig_atomic_t stop_flag;
static struct sockaddr_in target;
static unsigned o_conc = 50, o_msgs = 1, o_rcpts = 1, o_pipe = 1, o_idle;
static size_t o_size = 4096;
static double o_secs = 3;
static uint64_t o_total;
static char *body;
static size_t bodylen;
static char grp_full[64 * 1024], grp_mail[256], grp_rcpt[256];
static size_t grp_full_len, grp_mail_len, grp_rcpt_len;
static uint64_t started, finished, msgs, bytes, errs, live, held;
static uint64_t t0, deadline;
static int epfd, over;
static enum { CLEAR, TLS, STARTTLS } o_tls;
static int o_resume;
static char rb[64 * 1024];

static void on_sig(int s)
{
	(void)s;
	stop_flag = 1;
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void make_body(void)
{
	static const char b64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char hdr[] =
		"Received: from client.example (client.example [198.51.100.2])\r\n"
		"\tby gateway.example with ESMTP; Thu, 01 Jan 2026 00:00:00 +0000\r\n"
		"From: Sender Example <sender@client.example>\r\n"
		"To: Recipient Example <rcpt0@server.example>\r\n"
		"Subject: benchmark message\r\n"
		"Message-ID: <bench.1@client.example>\r\n"
		"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: application/octet-stream\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n";
	uint64_t x = 88172645463325252ull;
	size_t n = 0;

	body = malloc(o_size + 512 + sizeof hdr + grp_full_len);
	if (!body)
		exit(2);
	if (o_size > sizeof hdr + 80) {
		memcpy(body, hdr, sizeof hdr - 1);
		n = sizeof hdr - 1;
	}
	/* base64 lines of 76, exactly o_size octets in all */
	while (n + 2 < o_size) {
		size_t k = o_size - n - 2;
		if (k > 76)
			k = 76;
		if (o_size - n - 2 - k == 1 || o_size - n - 2 - k == 2)
			k -= 3;
		for (size_t i = 0; i < k; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			body[n++] = b64[x & 63];
		}
		body[n++] = '\r';
		body[n++] = '\n';
	}
	memcpy(body + n, ".\r\n", 3);
	bodylen = n + 3;
	/* room behind it for what -p 2 sends in the same write */
	memcpy(body + bodylen, grp_full, grp_full_len);
}

static void make_groups(void)
{
	grp_mail_len = (size_t)snprintf(grp_mail, sizeof grp_mail,
		"MAIL FROM:<sender@client.example> SIZE=%zu\r\n", o_size);
	grp_rcpt_len =
		(size_t)snprintf(grp_rcpt, sizeof grp_rcpt, "RCPT TO:<rcpt0@server.example>\r\n");
	memcpy(grp_full, grp_mail, grp_mail_len);
	grp_full_len = grp_mail_len;
	for (unsigned i = 0; i < o_rcpts; i++)
		grp_full_len += (size_t)snprintf(
			grp_full + grp_full_len, 128, "RCPT TO:<rcpt%u@server.example>\r\n", i);
	grp_full_len += (size_t)snprintf(grp_full + grp_full_len, 16, "DATA\r\n");
}

static void sess_start(struct sess *s);

static void poll_for(struct sess *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };
	epoll_ctl(epfd, EPOLL_CTL_MOD, s->wire.fd, &ev);
}

/* 1 done, 0 go on, -1 error */
static int shake(struct sess *s)
{
	int want_write = 0;
	const int r = wire_shake(&s->wire, &want_write);

	if (r < 0)
		return r;
	s->shaking = r == 0;
	poll_for(s, want_write ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return r;
}

static int begin_tls(struct sess *s)
{
	s->shaking = 1;
	return wire_begin_tls(&s->wire);
}

static void sess_end(struct sess *s, int ok)
{
	wire_close(&s->wire);
	live--;
	finished++;
	if (ok)
		hist_add(&h_conn, now() - s->t_conn);
	else
		errs++;
	if (errs > 1000)
		over = 1;
	if (!o_idle)
		sess_start(s);
}

static void fail(struct sess *s, const char *why, const char *line)
{
	if (errs < 5)
		fprintf(stderr, "smtpload: %s (state %d, errno %s) %.8s\n", why, s->want,
			strerror(errno), line ? line : "");
	sess_end(s, 0);
}

static void sess_start(struct sess *s)
{
	int one = 1;

	if (over || stop_flag || (o_total && started >= o_total) ||
		(!o_idle && now() >= deadline)) {
		over = over || !o_total || started >= o_total;
		return;
	}
	memset(s, 0, sizeof *s);
	s->t_conn = now();
	s->wire.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	started++;
	live++;
	if (s->wire.fd < 0) {
		fprintf(stderr, "smtpload: socket: %s\n", strerror(errno));
		over = 1;
		live--;
		errs++;
		return;
	}
	setsockopt(s->wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(s->wire.fd, (struct sockaddr *)&target, sizeof target) < 0 &&
		errno != EINPROGRESS) {
		fprintf(stderr, "smtpload: connect: %s\n", strerror(errno));
		wire_close(&s->wire);
		live--;
		errs++;
		over = 1;
		return;
	}
	s->want = W_GREET;
	struct epoll_event ev = { .events = o_tls == TLS ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = s };
	epoll_ctl(epfd, EPOLL_CTL_ADD, s->wire.fd, &ev);
	if (o_tls == TLS && begin_tls(s) < 0)
		over = 1; /* memory */
}

/* short command: always fits an empty socket buffer; anything else is an error */
static int put(struct sess *s, const char *p, size_t n)
{
	return wire_send(&s->wire, p, n) == (ssize_t)n ? 0 : -1;
}

static int last_msg(struct sess *s)
{
	return s->msgs_done + 1 >= o_msgs || over || stop_flag || now() >= deadline;
}

static int begin_txn(struct sess *s)
{
	s->t_msg = now();
	s->rcpts_left = o_rcpts;
	s->want = W_MAIL;
	if (s->piped)
		return put(s, grp_full, grp_full_len);
	return put(s, grp_mail, grp_mail_len);
}

static int begin_quit(struct sess *s)
{
	s->want = W_QUIT;
	s->quit_sent = 1;
	return put(s, "QUIT\r\n", 6);
}

static int push_body(struct sess *s)
{
	while (s->off < s->end) {
		size_t k = s->end - s->off;
		ssize_t r;
		if (k > CHUNK)
			k = CHUNK;
		r = wire_send(&s->wire, body + s->off, k);
		if (r < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -1;
			if (!s->pollout) {
				struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT,
					.data.ptr = s };
				s->pollout = 1;
				epoll_ctl(epfd, EPOLL_CTL_MOD, s->wire.fd, &ev);
			}
			return 0;
		}
		s->off += (size_t)r;
		if (s->end > 4 * CHUNK && (size_t)r == k && s->off < s->end) {
			/* large message: let the other sessions run, come back on writability */
			if (!s->pollout) {
				struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT,
					.data.ptr = s };
				s->pollout = 1;
				epoll_ctl(epfd, EPOLL_CTL_MOD, s->wire.fd, &ev);
			}
			return 0;
		}
	}
	if (s->pollout) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
		s->pollout = 0;
		epoll_ctl(epfd, EPOLL_CTL_MOD, s->wire.fd, &ev);
	}
	return 0;
}

static int begin_body(struct sess *s)
{
	s->want = W_DOT;
	s->off = 0;
	s->end = bodylen;
	s->next_sent = 0;
	if (o_pipe == 2 && s->piped && !s->wire.ssl) {
		if (last_msg(s)) {
			/* "." and QUIT in one write */
			struct iovec v[2] = { { body, bodylen }, { (char *)"QUIT\r\n", 6 } };
			if (bodylen <= 64 * 1024) {
				s->quit_sent = 1;
				s->off = s->end = bodylen;
				struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
				return sendmsg(s->wire.fd, &m, MSG_NOSIGNAL) ==
						       (ssize_t)(bodylen + 6)
					       ? 0
					       : -1;
			}
		} else {
			s->next_sent = 1;
			s->t_next = now();
			s->end = bodylen + grp_full_len;
		}
	}
	return push_body(s);
}

/* As shake(); what is said first then is said. */
static int go_inside(struct sess *s)
{
	int r = shake(s);

	if (r <= 0 || o_tls != STARTTLS)
		return r;
	s->want = W_EHLO;
	return put(s, "EHLO client.example\r\n", 21) < 0 ? -1 : 0;
}

/* 0 go on, 1 session over, -1 error */
static int reply(struct sess *s, int code)
{
	uint64_t t;

	switch (s->want) {
	case W_GREET:
		if (code != 220)
			return -1;
		s->want = W_EHLO;
		return put(s, "EHLO client.example\r\n", 21);
	case W_EHLO:
		if (code != 250)
			return -1;
		if (o_tls == STARTTLS && !s->wire.ssl) {
			s->want = W_STARTTLS;
			s->piped = 0;
			return put(s, "STARTTLS\r\n", 10);
		}
		if (o_pipe == 0)
			s->piped = 0;
		if (o_idle) {
			s->want = W_HOLD;
			held++;
			return 0;
		}
		return o_msgs ? begin_txn(s) : begin_quit(s);
	case W_STARTTLS:
		if (code != 220 || begin_tls(s) < 0)
			return -1;
		return go_inside(s);
	case W_MAIL:
		if (code != 250)
			return -1;
		s->want = W_RCPT;
		return s->piped ? 0 : put(s, grp_rcpt, grp_rcpt_len);
	case W_RCPT:
		if (code != 250 && code != 251)
			return -1;
		if (--s->rcpts_left) {
			return s->piped ? 0 : put(s, grp_rcpt, grp_rcpt_len);
		}
		s->want = W_DATA;
		return s->piped ? 0 : put(s, "DATA\r\n", 6);
	case W_DATA:
		if (code != 354)
			return -1;
		return begin_body(s);
	case W_DOT:
		if (code != 250 || s->off < bodylen)
			return -1;
		t = now();
		hist_add(&h_msg, t - s->t_msg);
		s->msgs_done++;
		msgs++;
		bytes += bodylen - 3;
		if (s->quit_sent) {
			s->want = W_QUIT;
			return 0;
		}
		if (s->next_sent) {
			s->t_msg = s->t_next;
			s->rcpts_left = o_rcpts;
			s->want = W_MAIL;
			return 0;
		}
		if (s->msgs_done >= o_msgs || over || stop_flag || t >= deadline)
			return begin_quit(s);
		return begin_txn(s);
	case W_QUIT:
		if (code != 221)
			return -1;
		s->want = W_EOF;
		return 0;
	default: return -1;
	}
}

static int is_pipelining(const char *p, size_t n)
{
	return n >= 14 && strncasecmp(p + 4, "PIPELINING", 10) == 0;
}

static void read_once(struct sess *s)
{
	ssize_t r = wire_recv(&s->wire, rb, sizeof rb);
	static char lb[LBUF];

	if (r < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		fail(s, "recv", NULL);
		return;
	}
	if (r == 0) {
		if (s->want == W_EOF)
			sess_end(s, 1);
		else
			fail(s, "early end of file", NULL);
		return;
	}
	const char *p = rb, *e = rb + r;
	while (p < e) {
		const char *q = memchr(p, '\n', (size_t)(e - p));
		size_t n = (size_t)((q ? q : e) - p);
		const char *l = p;
		size_t ln = n;
		if (s->linelen) { /* line began in an earlier segment: only its head is kept */
			size_t k = s->linelen;
			memcpy(lb, s->line, k);
			ln = n < sizeof lb - k ? n : sizeof lb - k;
			memcpy(lb + k, p, ln);
			ln += k;
			l = lb;
		}
		if (!q) {
			size_t k = ln < sizeof s->line ? ln : sizeof s->line;
			memcpy(s->line, l, k);
			s->linelen = (uint16_t)k;
			return;
		}
		s->linelen = 0;
		p = q + 1;
		if (ln < 3 || l[0] < '2' || l[0] > '5') {
			fail(s, "malformed reply", ln ? l : NULL);
			return;
		}
		if (s->want == W_EHLO && is_pipelining(l, ln))
			s->piped = 1;
		if (ln > 3 && l[3] == '-')
			continue;
		int code = (l[0] - '0') * 100 + (l[1] - '0') * 10 + (l[2] - '0');
		errno = 0;
		if (reply(s, code) < 0) {
			char w[9] = "";
			memcpy(w, l, ln < 8 ? ln : 8);
			fail(s, "unexpected reply or failed write", w);
			return;
		}
	}
}

/* What TLS has read ahead is told by no descriptor. */
static void on_readable(struct sess *s)
{
	if (s->shaking) {
		int r = go_inside(s);
		if (r < 0)
			fail(s, "TLS handshake", NULL);
		if (r <= 0)
			return;
	}
	uint64_t began = started;
	do
		read_once(s);
	while (started == began && wire_pending(&s->wire));
}

static void usage(void)
{
	fputs("usage: smtpload -t ADDR:PORT [-c SESSIONS] [-m MESSAGES] [-s SIZE] [-r RCPTS] [-p "
	      "0|1|2]\n"
	      "                [-d SECONDS] [-n TOTAL_SESSIONS] [-i] [-T tls|starttls [-R]]\n"
	      "  -c  sessions at once (50)          -m  messages per session (1); 0: EHLO and QUIT "
	      "only\n"
	      "  -s  octets per message (4096)      -r  recipients per message (1)\n"
	      "  -p  pipelining level (1)           -d  run for this long (3)\n"
	      "  -n  end after this many sessions   -i  open the sessions, EHLO, hold until -d or "
	      "SIGTERM\n"
	      "  -T  inside TLS                     -R  resume the TLS session before\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *t = NULL;
	char h[64];
	int o;
	struct rlimit rl;
	struct epoll_event evs[256];

	while ((o = getopt(argc, argv, "t:c:m:s:r:p:d:n:iT:Rh")) != -1)
		switch (o) {
		case 't': t = optarg; break;
		case 'c': o_conc = (unsigned)atoi(optarg); break;
		case 'm': o_msgs = (unsigned)atoi(optarg); break;
		case 's': o_size = strtoull(optarg, NULL, 10); break;
		case 'r': o_rcpts = (unsigned)atoi(optarg); break;
		case 'p': o_pipe = (unsigned)atoi(optarg); break;
		case 'd': o_secs = atof(optarg); break;
		case 'n': o_total = strtoull(optarg, NULL, 10); break;
		case 'i': o_idle = 1; break;
		case 'T': o_tls = strcmp(optarg, "tls") == 0 ? TLS : STARTTLS; break;
		case 'R': o_resume = 1; break;
		default: usage();
		}
	const char *c = t ? strrchr(t, ':') : NULL;
	if (!c || (size_t)(c - t) >= sizeof h || !o_conc || !o_rcpts || o_rcpts > 500 ||
		o_pipe > 2 || o_secs <= 0 || o_secs > 600)
		usage();
	memcpy(h, t, (size_t)(c - t));
	h[c - t] = 0;
	target.sin_family = AF_INET;
	target.sin_port = htons((uint16_t)atoi(c + 1));
	if (inet_pton(AF_INET, h, &target.sin_addr) != 1)
		usage();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	struct sigaction act = { .sa_handler = on_sig };
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	make_groups();
	make_body();
	if (o_tls != CLEAR)
		wire_tls_init(o_resume);

	epfd = epoll_create1(EPOLL_CLOEXEC);
	struct sess *ss = calloc(o_conc, sizeof *ss);
	if (!ss)
		return 2;
	t0 = now();
	deadline = t0 + (uint64_t)(o_secs * 1e9);

	if (o_idle) {
		/* open in waves so that no listen queue overflows */
		unsigned opened = 0;
		int told = 0;
		uint64_t last = t0;
		uint64_t before = 0;
		o_total = 0;
		while (!stop_flag && now() < deadline) {
			while (opened < o_conc && live - held < 128 && !over) {
				sess_start(&ss[opened]);
				opened++;
			}
			if (held + errs >= o_conc && !told) {
				printf("idle ready=%llu errs=%llu secs=%.3f\n",
					(unsigned long long)held, (unsigned long long)errs,
					(double)(now() - t0) / 1e9);
				fflush(stdout);
				told = 1;
			}
			int n = epoll_wait(epfd, evs, 256, 200);
			for (int i = 0; i < n; i++)
				on_readable(evs[i].data.ptr);
			if (held + errs != before) {
				before = held + errs;
				last = now();
			}
			if (!told && now() - last > 10000000000ull) {
				fprintf(stderr, "smtpload: stuck at %llu idle sessions\n",
					(unsigned long long)held);
				printf("idle ready=%llu errs=%llu secs=%.3f\n",
					(unsigned long long)held,
					(unsigned long long)(o_conc - held),
					(double)(now() - t0) / 1e9);
				fflush(stdout);
				told = 1;
				errs++;
			}
		}
		/* say QUIT on every session that still lives, bounded wait for the answers */
		uint64_t alive = 0;
		for (unsigned i = 0; i < opened; i++)
			if (ss[i].wire.fd >= 0 && ss[i].want == W_HOLD && begin_quit(&ss[i]) == 0)
				alive++;
		uint64_t end = now() + 10000000000ull;
		while (live && now() < end) {
			int n = epoll_wait(epfd, evs, 256, 200);
			for (int i = 0; i < n; i++)
				on_readable(evs[i].data.ptr);
		}
		printf("idle alive=%llu closed=%llu errs=%llu\n", (unsigned long long)alive,
			(unsigned long long)h_conn.n, (unsigned long long)errs);
		return errs || h_conn.n != o_conc;
	}

	for (unsigned i = 0; i < o_conc; i++)
		sess_start(&ss[i]);
	uint64_t prog = 0, tprog = now();
	while (live) {
		int n = epoll_wait(epfd, evs, 256, 1000);
		for (int i = 0; i < n; i++) {
			struct sess *s = evs[i].data.ptr;
			if (s->wire.fd < 0)
				continue;
			if ((evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || s->shaking) {
				int fd = s->wire.fd;
				uint64_t st = started;
				on_readable(s);
				if (s->wire.fd != fd || st != started)
					continue;
			}
			if ((evs[i].events & EPOLLOUT) && s->wire.fd >= 0 && s->off < s->end)
				if (push_body(s) < 0)
					fail(s, "send", NULL);
		}
		if (msgs + finished + n != prog) {
			prog = msgs + finished;
			if (n > 0)
				tprog = now();
		}
		if (now() - tprog > 8000000000ull) {
			fprintf(stderr, "smtpload: no progress for 8 s, %llu sessions open\n",
				(unsigned long long)live);
			errs += live;
			break;
		}
	}
	double el = (double)(now() - t0) / 1e9;
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	double cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		     (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	printf("msgs=%llu msgs_s=%.1f mb_s=%.2f conns=%llu conns_s=%.1f secs=%.3f "
	       "msg_p50_us=%.0f msg_p99_us=%.0f msg_max_us=%.0f conn_p50_us=%.0f conn_p99_us=%.0f "
	       "cpu_s=%.3f shakes=%llu resumed=%llu errs=%llu\n",
		(unsigned long long)msgs, (double)msgs / el, (double)bytes / el / 1e6,
		(unsigned long long)h_conn.n, (double)h_conn.n / el, el, hist_quantile(&h_msg, 0.5),
		hist_quantile(&h_msg, 0.99), (double)h_msg.max / 1000.0,
		hist_quantile(&h_conn, 0.5), hist_quantile(&h_conn, 0.99), cpu,
		(unsigned long long)wire_shakes, (unsigned long long)wire_resumed,
		(unsigned long long)errs);
	return errs != 0;
}
