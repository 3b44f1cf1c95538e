/* SPDX-License-Identifier: ISC */
/*
 * relay_floor - the least a user-space middle box can do (a lower bound, not a product).
 *
 * Accepts, connects to one backend, and moves octets both ways with one recv() and one send()
 * per block, no logging, no policy:
 *   -m copy    recv + send
 *   -m scan    recv, look for CRLF "." CRLF in everything the client sends, send
 *   -m splice  splice socket -> pipe -> socket (octets never reach user space)
 *   -m peek    as scan, but once a session moves bulk data: recv(MSG_PEEK), scan, splice
 *   -w N       N processes sharing the port (SO_REUSEPORT)
 *   -B BYTES   read block (65536)
 *   -R BYTES   fix SO_RCVBUF and SO_SNDBUF of every socket (0: kernel default, autotuned)
 *   -o         take the backend from SO_ORIGINAL_DST (iptables REDIRECT) instead of -b
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BUFMAX (1024 * 1024)
#define BULK   (32 * 1024)

enum mode { M_COPY, M_SCAN, M_SPLICE, M_PEEK };

struct pair;
struct side {
	struct pair *p;
	struct side *peer;
	int fd;
	uint8_t want_out; /* EPOLLOUT armed: data for this side waits */
	uint8_t paused;   /* EPOLLIN off: the peer must drain first */
	uint8_t eof;      /* this side sent its end of file */
	uint8_t st;       /* scan state */
	uint8_t bulk;     /* peek: large blocks are arriving */
	int pipe[2];      /* splice: octets read from this side */
	size_t inpipe;
	char *pend; /* octets to be written to this side */
	size_t pendn;
};
struct pair {
	struct side c, s;
	struct pair *next_dead;
	uint8_t connecting, dead;
};

static enum mode mode = M_COPY;
static int epfd, lfd, o_orig;
static struct sockaddr_in backend;
static char buf[BUFMAX];
static size_t bufsz = 65536;
static int o_sbuf;
static struct pair *deadlist;
static uint64_t n_end;

static void arm(struct side *x)
{
	struct epoll_event ev = { .data.ptr = x };
	ev.events = (x->paused || x->eof ? 0u : EPOLLIN) | (x->want_out ? EPOLLOUT : 0u);
	epoll_ctl(epfd, EPOLL_CTL_MOD, x->fd, &ev);
}

static void kill_pair(struct pair *p)
{
	if (p->dead)
		return;
	p->dead = 1;
	close(p->c.fd);
	close(p->s.fd);
	for (int i = 0; i < 2; i++) {
		if (p->c.pipe[i])
			close(p->c.pipe[i]);
		if (p->s.pipe[i])
			close(p->s.pipe[i]);
	}
	free(p->c.pend);
	free(p->s.pend);
	p->next_dead = deadlist;
	deadlist = p;
}

/* first LF directly followed by a dot; NULL when there is none */
static const char *lfdot(const char *p, size_t n)
{
	size_t i = 0;
#ifdef __SSE2__
	const __m128i lf = _mm_set1_epi8('\n'), dot = _mm_set1_epi8('.');
	for (; i + 65 <= n; i += 64) {
		__m128i m[4];
		for (int k = 0; k < 4; k++)
			m[k] = _mm_and_si128(
				_mm_cmpeq_epi8(
					_mm_loadu_si128((const __m128i *)(p + i + 16 * k)), lf),
				_mm_cmpeq_epi8(
					_mm_loadu_si128((const __m128i *)(p + i + 16 * k + 1)),
					dot));
		if (_mm_movemask_epi8(
			    _mm_or_si128(_mm_or_si128(m[0], m[1]), _mm_or_si128(m[2], m[3]))))
			for (int k = 0; k < 4; k++) {
				int b = _mm_movemask_epi8(m[k]);
				if (b)
					return p + i + 16 * k + __builtin_ctz((unsigned)b);
			}
	}
#endif
	while (i + 1 < n) {
		const char *q = memchr(p + i + 1, '.', n - i - 1);
		if (!q)
			return NULL;
		if (q[-1] == '\n')
			return q - 1;
		i = (size_t)(q - p);
	}
	return NULL;
}

/* count CRLF.CRLF across block borders; state = matched prefix length of "\r\n.\r\n" */
static void scan(struct side *x, const char *p, size_t n)
{
	static const char pat[] = "\r\n.\r\n";
	size_t i = 0;
	unsigned st = x->st;

	while (i < n) {
		if (st == 0) {
			const char *q = lfdot(p + i, n - i);
			if (!q) {
				/* keep a tail that may begin the pattern */
				if (p[n - 1] == '\r')
					st = 1;
				else if (p[n - 1] == '\n' && n >= 2 && p[n - 2] == '\r')
					st = 2;
				break;
			}
			i = (size_t)(q - p) + 2;
			st = (q > p && q[-1] == '\r') ? 3 : 0;
			continue;
		}
		char ch = p[i++];
		if (ch == pat[st]) {
			if (++st == 5) {
				n_end++;
				st = 2;
			}
		} else {
			st = ch == '\r';
		}
	}
	x->st = (uint8_t)st;
}

static int keep(struct side *to, const char *p, size_t n)
{
	char *q = realloc(to->pend, to->pendn + n);
	if (!q)
		return -1;
	to->pend = q;
	memcpy(q + to->pendn, p, n);
	to->pendn += n;
	to->want_out = 1;
	to->peer->paused = 1;
	arm(to);
	arm(to->peer);
	return 0;
}

/* pipe -> peer; stops reading this side while the peer cannot take it */
static int flush_pipe(struct side *x)
{
	struct side *to = x->peer;
	while (x->inpipe) {
		ssize_t r = splice(x->pipe[0], NULL, to->fd, NULL, x->inpipe,
			SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (r <= 0) {
			if (r < 0 && errno != EAGAIN)
				return -1;
			break;
		}
		x->inpipe -= (size_t)r;
	}
	if (x->inpipe && !x->paused) {
		to->want_out = x->paused = 1;
		arm(to);
		arm(x);
	}
	return 0;
}

static int pump_splice(struct side *x)
{
	struct side *to = x->peer;
	if (!x->paused && !x->eof) {
		ssize_t r = splice(
			x->fd, NULL, x->pipe[1], NULL, 1 << 20, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (r == 0) {
			x->eof = 1;
			arm(x);
		} else if (r < 0 && errno != EAGAIN) {
			return -1;
		} else if (r > 0) {
			x->inpipe += (size_t)r;
		}
	}
	while (x->inpipe && !x->p->connecting) {
		ssize_t r = splice(x->pipe[0], NULL, to->fd, NULL, x->inpipe,
			SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (r <= 0) {
			if (r < 0 && errno != EAGAIN)
				return -1;
			break;
		}
		x->inpipe -= (size_t)r;
	}
	if (x->inpipe) {
		if (!to->want_out || !x->paused) {
			to->want_out = x->paused = 1;
			arm(to);
			arm(x);
		}
	} else if (x->paused && !x->p->connecting) {
		x->paused = 0;
		to->want_out = 0;
		arm(to);
		arm(x);
	}
	if (x->eof && !x->inpipe)
		shutdown(to->fd, SHUT_WR);
	return x->eof && to->eof && !x->inpipe && !to->inpipe ? -1 : 0;
}

static int pump(struct side *x)
{
	struct side *to = x->peer;
	if (x->bulk) {
		/* look first, then move the pages themselves */
		ssize_t n = recv(x->fd, buf, bufsz, MSG_PEEK);
		if (n > 0) {
			if (n < BULK)
				x->bulk = 0;
			ssize_t k = splice(x->fd, NULL, x->pipe[1], NULL, (size_t)n,
				SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (k < 0)
				return errno == EAGAIN ? 0 : -1;
			scan(x, buf, (size_t)k);
			x->inpipe += (size_t)k;
			return flush_pipe(x);
		}
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	ssize_t r = recv(x->fd, buf, bufsz, 0);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (r == 0) {
		x->eof = 1;
		if (to->eof)
			return -1;
		arm(x);
		if (!to->pendn)
			shutdown(to->fd, SHUT_WR);
		return 0;
	}
	if (mode >= M_SCAN && x == &x->p->c)
		scan(x, buf, (size_t)r);
	if (mode == M_PEEK && x == &x->p->c && r >= BULK && !to->pendn && !x->p->connecting) {
		if (x->pipe[1] == 0) {
			if (pipe2(x->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
				x->pipe[0] = x->pipe[1] = 0;
			else
				fcntl(x->pipe[1], F_SETPIPE_SZ, 1 << 20);
		}
		x->bulk = x->pipe[1] != 0;
	}
	if (x->p->connecting || to->pendn)
		return keep(to, buf, (size_t)r);
	ssize_t w = send(to->fd, buf, (size_t)r, MSG_NOSIGNAL);
	if (w < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		w = 0;
	}
	return w < r ? keep(to, buf + w, (size_t)(r - w)) : 0;
}

static int on_out(struct side *x)
{
	if (x->p->connecting && x == &x->p->s) {
		int e = 0;
		socklen_t l = sizeof e;
		getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &e, &l);
		if (e)
			return -1;
		x->p->connecting = 0;
	}
	if (mode == M_SPLICE) {
		if (x->peer->inpipe)
			return pump_splice(x->peer);
	} else if (x->peer->inpipe) {
		if (flush_pipe(x->peer) < 0)
			return -1;
		if (x->peer->inpipe)
			return 0;
	} else if (x->pendn) {
		ssize_t w = send(x->fd, x->pend, x->pendn, MSG_NOSIGNAL);
		if (w < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		x->pendn -= (size_t)w;
		memmove(x->pend, x->pend + w, x->pendn);
		if (x->pendn)
			return 0;
		free(x->pend);
		x->pend = NULL;
		if (x->peer->eof)
			shutdown(x->fd, SHUT_WR);
	}
	x->want_out = 0;
	arm(x);
	if (x->peer->paused) {
		x->peer->paused = 0;
		arm(x->peer);
	}
	return 0;
}

static void on_accept(void)
{
	for (int i = 0; i < 32; i++) {
		int one = 1, fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct sockaddr_in to = backend;
		if (fd < 0)
			return;
		if (o_orig) {
			socklen_t l = sizeof to;
			if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &to, &l) < 0) {
				close(fd);
				continue;
			}
		}
		struct pair *p = calloc(1, sizeof *p);
		int b = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (!p || b < 0) {
			close(fd);
			free(p);
			return;
		}
		p->c = (struct side){ .p = p, .peer = &p->s, .fd = fd };
		p->s = (struct side){ .p = p, .peer = &p->c, .fd = b, .want_out = 1 };
		if (mode == M_SPLICE && (pipe2(p->c.pipe, O_NONBLOCK | O_CLOEXEC) < 0 ||
						pipe2(p->s.pipe, O_NONBLOCK | O_CLOEXEC) < 0)) {
			close(fd);
			close(b);
			free(p);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (o_sbuf) {
			setsockopt(b, SOL_SOCKET, SO_SNDBUF, &o_sbuf, sizeof o_sbuf);
			setsockopt(b, SOL_SOCKET, SO_RCVBUF, &o_sbuf, sizeof o_sbuf);
		}
		p->connecting = 1;
		if (connect(b, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
			kill_pair(p);
			continue;
		}
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &p->c };
		epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev);
		ev = (struct epoll_event){ .events = EPOLLIN | EPOLLOUT, .data.ptr = &p->s };
		epoll_ctl(epfd, EPOLL_CTL_ADD, b, &ev);
	}
}

static int parse_addr(const char *s, struct sockaddr_in *sa)
{
	char h[64];
	const char *c = strrchr(s, ':');
	if (!c || (size_t)(c - s) >= sizeof h)
		return -1;
	memcpy(h, s, (size_t)(c - s));
	h[c - s] = 0;
	memset(sa, 0, sizeof *sa);
	sa->sin_family = AF_INET;
	sa->sin_port = htons((uint16_t)atoi(c + 1));
	return inet_pton(AF_INET, h, &sa->sin_addr) == 1 ? 0 : -1;
}

static void usage(void)
{
	fputs("usage: relay_floor -l ADDR:PORT (-b ADDR:PORT | -o) [-m copy|scan|splice|peek] [-w "
	      "N] [-B BYTES] [-R BYTES] [-T MAXSECONDS]\n",
		stderr);
	exit(2);
}

static int serve(const struct sockaddr_in *la)
{
	struct epoll_event evs[256];
	int one = 1;

	lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(lfd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	if (o_sbuf) { /* inherited by the accepted sockets */
		setsockopt(lfd, SOL_SOCKET, SO_SNDBUF, &o_sbuf, sizeof o_sbuf);
		setsockopt(lfd, SOL_SOCKET, SO_RCVBUF, &o_sbuf, sizeof o_sbuf);
	}
	if (bind(lfd, (const struct sockaddr *)la, sizeof *la) < 0 || listen(lfd, 4096) < 0) {
		perror("relay_floor: listen");
		return 1;
	}
	epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	epoll_ctl(epfd, EPOLL_CTL_ADD, lfd, &ev);
	for (;;) {
		int n = epoll_wait(epfd, evs, 256, -1);
		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			struct side *x = evs[i].data.ptr;
			int r = 0;
			if (!x) {
				on_accept();
				continue;
			}
			if (x->p->dead)
				continue;
			if (evs[i].events & EPOLLOUT)
				r = on_out(x);
			if (!r && (evs[i].events & EPOLLIN) && !x->paused && !x->eof)
				r = mode == M_SPLICE ? pump_splice(x) : pump(x);
			else if (!r && (evs[i].events & (EPOLLHUP | EPOLLERR)))
				r = -1;
			if (r < 0)
				kill_pair(x->p);
		}
		while (deadlist) {
			struct pair *p = deadlist;
			deadlist = p->next_dead;
			free(p);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in la = { 0 };
	int o, workers = 1, maxs = 600;
	struct rlimit rl;

	while ((o = getopt(argc, argv, "l:b:m:w:T:B:R:oh")) != -1)
		switch (o) {
		case 'l':
			if (parse_addr(optarg, &la) < 0)
				usage();
			break;
		case 'b':
			if (parse_addr(optarg, &backend) < 0)
				usage();
			break;
		case 'm':
			mode = !strcmp(optarg, "scan")     ? M_SCAN
			       : !strcmp(optarg, "splice") ? M_SPLICE
			       : !strcmp(optarg, "peek")   ? M_PEEK
							   : M_COPY;
			break;
		case 'w': workers = atoi(optarg); break;
		case 'T': maxs = atoi(optarg); break;
		case 'o': o_orig = 1; break;
		case 'R': o_sbuf = atoi(optarg); break;
		case 'B': bufsz = strtoul(optarg, NULL, 10); break;
		default: usage();
		}
	if (!la.sin_family || (!backend.sin_family && !o_orig) || workers < 1 || workers > 64 ||
		bufsz < 1024 || bufsz > BUFMAX)
		usage();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < workers; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			break;
		}
	alarm((unsigned)maxs);
	return serve(&la);
}
