/* SPDX-License-Identifier: ISC */
/*
 * smtpsink - a fast SMTP server that throws every message away (benchmark backend).
 *
 * One process, one epoll loop, no threads, no dependencies beyond libc/Linux.
 * Speaks RFC 5321 with PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME and, when asked,
 * CHUNKING (RFC 3030) and an advertised STARTTLS that always answers 454.
 * Commands are checked for order; the end of DATA is CRLF "." CRLF only.
 * All replies to one received block leave in one send().
 *
 * On SIGTERM/SIGINT (or when -T seconds are over) it prints one line of counters and exits 0.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

#define LINE_MAX_LEN 2048
#define RDBUF        (256 * 1024)
#define OUT_MAX      (64 * 1024)

enum state { ST_CMD, ST_DATA, ST_BDAT, ST_CLOSING };
/* position inside the DATA terminator */
enum dot { D_TEXT, D_CR, D_BOL, D_DOT, D_DOTCR };

struct conn {
	int fd;
	uint8_t state, dot, helo, mail, skipline, want_out, bdat_last, bdat_seen;
	uint16_t linelen;
	unsigned rcpts;
	uint64_t size;      /* octets of the current message */
	uint64_t bdat_left; /* octets missing of the current chunk */
	char *line;         /* start of a command cut by a segment boundary */
	char *out;          /* replies the socket did not take */
	size_t outlen;
};

static volatile sig_atomic_t stop_flag;
static uint64_t n_conn, n_msg, n_bytes, n_badcmd, n_cut;
static uint64_t n_open, n_peak;
static int opt_pipelining = 1, opt_chunking, opt_starttls;
static uint64_t opt_size = 104857600;
static int epfd, lfd;
static char rdbuf[RDBUF];

static void on_sig(int s)
{
	(void)s;
	stop_flag = 1;
}

static void conn_free(struct conn *c)
{
	if (c->state != ST_CLOSING)
		n_cut++;
	close(c->fd);
	free(c->line);
	free(c->out);
	free(c);
	n_open--;
}

/* reply buffer of the block now being worked on */
static char ob[OUT_MAX + 1024];
static size_t obn;

static void say(const char *s)
{
	size_t n = strlen(s);
	if (obn + n <= sizeof ob) {
		memcpy(ob + obn, s, n);
		obn += n;
	}
}

/* 0: all sent or stored, -1: connection is gone */
static int flush_out(struct conn *c)
{
	if (c->outlen == 0 && obn) {
		ssize_t r = send(c->fd, ob, obn, MSG_NOSIGNAL);
		if (r < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (r < 0)
			r = 0;
		if ((size_t)r == obn) {
			obn = 0;
			return 0;
		}
		memmove(ob, ob + r, obn - (size_t)r);
		obn -= (size_t)r;
	}
	if (obn) {
		char *p = realloc(c->out, c->outlen + obn);
		if (!p)
			return -1;
		c->out = p;
		memcpy(c->out + c->outlen, ob, obn);
		c->outlen += obn;
		obn = 0;
	}
	if (c->outlen && !c->want_out) {
		struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };
		c->want_out = 1;
		epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &ev);
	}
	return 0;
}

static int drain_out(struct conn *c)
{
	ssize_t r = send(c->fd, c->out, c->outlen, MSG_NOSIGNAL);
	if (r < 0)
		return (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->outlen -= (size_t)r;
	memmove(c->out, c->out + r, c->outlen);
	if (c->outlen == 0) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
		free(c->out);
		c->out = NULL;
		c->want_out = 0;
		if (c->state == ST_CLOSING)
			return -1;
		epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &ev);
	}
	return 0;
}

static void reset_txn(struct conn *c)
{
	c->mail = 0;
	c->rcpts = 0;
	c->bdat_seen = 0;
	c->size = 0;
}

static int verb(const char *l, size_t n, const char *v)
{
	size_t k = strlen(v);
	return n >= k && strncasecmp(l, v, k) == 0 && (n == k || l[k] == ' ' || l[k] == '\t');
}

static int pathverb(const char *l, size_t n, const char *v)
{
	size_t k = strlen(v);
	return n > k && strncasecmp(l, v, k) == 0;
}

static void end_of_message(struct conn *c)
{
	n_bytes += c->size;
	if (c->size > opt_size) {
		say("552 5.3.4 message too big\r\n");
	} else {
		n_msg++;
		say("250 2.0.0 Ok\r\n");
	}
	reset_txn(c);
	c->state = ST_CMD;
}

/* one command line, CRLF already removed */
static void command(struct conn *c, char *l, size_t n)
{
	char b[512];

	if (verb(l, n, "EHLO")) {
		reset_txn(c);
		c->helo = 1;
		snprintf(b, sizeof b, "250-sink.example\r\n%s%s%s250-SIZE %llu\r\n250 8BITMIME\r\n",
			opt_pipelining ? "250-PIPELINING\r\n" : "",
			opt_chunking ? "250-CHUNKING\r\n" : "",
			opt_starttls ? "250-STARTTLS\r\n" : "", (unsigned long long)opt_size);
		say(b);
	} else if (verb(l, n, "HELO")) {
		reset_txn(c);
		c->helo = 1;
		say("250 sink.example\r\n");
	} else if (pathverb(l, n, "MAIL FROM:")) {
		char *z;
		l[n] = 0;
		z = strcasestr(l, " SIZE=");
		if (!c->helo)
			say("503 5.5.1 send EHLO first\r\n");
		else if (c->mail)
			say("503 5.5.1 nested MAIL\r\n");
		else if (!strchr(l, '<') || !strchr(l, '>'))
			say("501 5.1.7 bad sender syntax\r\n");
		else if (z && strtoull(z + 6, NULL, 10) > opt_size)
			say("552 5.3.4 message too big\r\n");
		else {
			c->mail = 1;
			say("250 2.1.0 Ok\r\n");
		}
	} else if (pathverb(l, n, "RCPT TO:")) {
		l[n] = 0;
		if (!c->mail)
			say("503 5.5.1 need MAIL\r\n");
		else if (!strchr(l, '<') || !strchr(l, '>'))
			say("501 5.1.3 bad recipient syntax\r\n");
		else if (c->rcpts >= 1000)
			say("452 4.5.3 too many recipients\r\n");
		else {
			c->rcpts++;
			say("250 2.1.5 Ok\r\n");
		}
	} else if (verb(l, n, "DATA")) {
		if (!c->rcpts || c->bdat_seen)
			say(c->mail && !c->bdat_seen ? "554 5.5.1 no valid recipients\r\n"
						     : "503 5.5.1 bad sequence\r\n");
		else {
			c->state = ST_DATA;
			c->dot = D_BOL;
			c->size = 0;
			say("354 go ahead\r\n");
		}
	} else if (opt_chunking && verb(l, n, "BDAT")) {
		char *e;
		l[n] = 0;
		c->bdat_left = strtoull(l + 4, &e, 10);
		c->bdat_last = strcasestr(e, "LAST") != NULL;
		c->state = ST_BDAT; /* octets are on their way, whatever the answer is */
		if (c->rcpts)
			c->bdat_seen = 1;
	} else if (verb(l, n, "RSET")) {
		reset_txn(c);
		say("250 2.0.0 Ok\r\n");
	} else if (verb(l, n, "NOOP")) {
		say("250 2.0.0 Ok\r\n");
	} else if (verb(l, n, "VRFY")) {
		say("252 2.0.0 cannot say\r\n");
	} else if (opt_starttls && verb(l, n, "STARTTLS")) {
		say("454 4.7.0 TLS not available\r\n");
	} else if (verb(l, n, "QUIT")) {
		say("221 2.0.0 Bye\r\n");
		c->state = ST_CLOSING;
	} else {
		n_badcmd++;
		say("500 5.5.2 unknown command\r\n");
	}
}

static void bdat_done(struct conn *c)
{
	if (!c->bdat_seen) {
		say("503 5.5.1 bad sequence\r\n");
		c->state = ST_CMD;
	} else if (c->bdat_last) {
		end_of_message(c);
	} else {
		say("250 2.0.0 Ok\r\n");
		c->state = ST_CMD;
	}
}

/* consume message text; returns number of octets used */
static size_t data(struct conn *c, const char *p, size_t n)
{
	size_t i = 0;
	int d = c->dot;

	while (i < n) {
		if (d == D_TEXT) {
			/* only "." can matter, and only after CRLF */
			const char *q = memchr(p + i, '.', n - i);
			size_t k = q ? (size_t)(q - p) : n;
			/* keep the CR / CRLF just before the stop position */
			if (k > i) {
				if (p[k - 1] == '\r')
					d = D_CR;
				else if (p[k - 1] == '\n' && k - i >= 2 && p[k - 2] == '\r')
					d = D_BOL;
				i = k;
			}
			if (i == n)
				break;
			if (d == D_TEXT) {
				i++;
				continue;
			}
		}
		char ch = p[i++];
		switch (d) {
		case D_CR: d = ch == '\n' ? D_BOL : ch == '\r' ? D_CR : D_TEXT; break;
		case D_BOL: d = ch == '.' ? D_DOT : ch == '\r' ? D_CR : D_TEXT; break;
		case D_DOT: d = ch == '\r' ? D_DOTCR : D_TEXT; break;
		case D_DOTCR:
			if (ch == '\n') {
				c->size += i;
				c->size = c->size >= 3 ? c->size - 3 : 0;
				c->dot = D_TEXT;
				end_of_message(c);
				return i;
			}
			d = ch == '\r' ? D_CR : D_TEXT;
			break;
		}
	}
	c->dot = (uint8_t)d;
	c->size += i;
	return i;
}

/* 0 ok, -1 close */
static int feed(struct conn *c, char *p, size_t n)
{
	size_t i = 0;

	while (i < n && c->state != ST_CLOSING) {
		if (obn > OUT_MAX - 1024)
			if (flush_out(c) < 0)
				return -1;
		if (c->state == ST_DATA) {
			i += data(c, p + i, n - i);
		} else if (c->state == ST_BDAT) {
			uint64_t k = n - i < c->bdat_left ? n - i : c->bdat_left;
			c->bdat_left -= k;
			c->size += k;
			i += k;
			if (!c->bdat_left)
				bdat_done(c);
		} else {
			char *e = memchr(p + i, '\n', n - i);
			if (!e) {
				size_t k = n - i;
				if (c->linelen + k > LINE_MAX_LEN) {
					c->skipline = 1;
					c->linelen = 0;
					return 0;
				}
				if (!c->line && !(c->line = malloc(LINE_MAX_LEN + 2)))
					return -1;
				memcpy(c->line + c->linelen, p + i, k);
				c->linelen = (uint16_t)(c->linelen + k);
				return 0;
			}
			size_t k = (size_t)(e - (p + i));
			char *l = p + i;
			i += k + 1;
			if (c->skipline || c->linelen + k > LINE_MAX_LEN) {
				c->skipline = 0;
				c->linelen = 0;
				n_badcmd++;
				say("500 5.5.2 line too long\r\n");
				continue;
			}
			if (c->linelen) {
				memcpy(c->line + c->linelen, l, k);
				l = c->line;
				k += c->linelen;
				c->linelen = 0;
			}
			if (k && l[k - 1] == '\r')
				k--;
			command(c, l, k);
			if (c->state == ST_BDAT && !c->bdat_left)
				bdat_done(c);
		}
	}
	return 0;
}

static void on_readable(struct conn *c)
{
	ssize_t r = recv(c->fd, rdbuf, sizeof rdbuf, 0);
	if (r < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		conn_free(c);
		return;
	}
	if (r == 0) {
		conn_free(c);
		return;
	}
	obn = 0;
	if (feed(c, rdbuf, (size_t)r) < 0 || flush_out(c) < 0) {
		conn_free(c);
		return;
	}
	if (c->state == ST_CLOSING && !c->outlen)
		conn_free(c);
}

static void on_accept(void)
{
	for (int i = 0; i < 64; i++) {
		int one = 1, fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		struct conn *c = calloc(1, sizeof *c);
		if (!c) {
			close(fd);
			return;
		}
		c->fd = fd;
		n_conn++;
		if (++n_open > n_peak)
			n_peak = n_open;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
		epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev);
		obn = 0;
		say("220 sink.example ESMTP smtpsink\r\n");
		if (flush_out(c) < 0)
			conn_free(c);
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
	return inet_pton(AF_INET, h[0] ? h : "0.0.0.0", &sa->sin_addr) == 1 ? 0 : -1;
}

static void usage(void)
{
	fputs("usage: smtpsink [-l ADDR:PORT] [-T MAXSECONDS] [-P] [-C] [-S] [-z SIZE]\n"
	      "  -l  listen here (0.0.0.0:25)     -T  end after this many seconds (600)\n"
	      "  -P  do not offer PIPELINING      -C  offer CHUNKING\n"
	      "  -S  offer STARTTLS (answers 454) -z  largest message (104857600)\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *addr = "0.0.0.0:25";
	int o, maxs = 600, one = 1;
	struct sockaddr_in sa;
	struct epoll_event evs[256];
	struct rlimit rl;

	while ((o = getopt(argc, argv, "l:T:PCSz:h")) != -1)
		switch (o) {
		case 'l': addr = optarg; break;
		case 'T': maxs = atoi(optarg); break;
		case 'P': opt_pipelining = 0; break;
		case 'C': opt_chunking = 1; break;
		case 'S': opt_starttls = 1; break;
		case 'z': opt_size = strtoull(optarg, NULL, 10); break;
		default: usage();
		}
	if (parse_addr(addr, &sa) < 0)
		usage();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	struct sigaction act = { .sa_handler = on_sig };
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	alarm((unsigned)(maxs > 0 ? maxs : 600));

	lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(lfd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(lfd, 4096) < 0) {
		perror("smtpsink: listen");
		return 1;
	}
	epfd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	epoll_ctl(epfd, EPOLL_CTL_ADD, lfd, &ev);

	while (!stop_flag) {
		int n = epoll_wait(epfd, evs, 256, -1);
		if (n < 0 && errno != EINTR)
			break;
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			if (!c) {
				on_accept();
				continue;
			}
			if (evs[i].events & EPOLLOUT) {
				if (drain_out(c) < 0)
					conn_free(c);
				continue;
			}
			on_readable(c);
		}
	}
	printf("sink conns=%llu msgs=%llu bytes=%llu badcmds=%llu cut=%llu open=%llu peak=%llu\n",
		(unsigned long long)n_conn, (unsigned long long)n_msg, (unsigned long long)n_bytes,
		(unsigned long long)n_badcmd, (unsigned long long)n_cut, (unsigned long long)n_open,
		(unsigned long long)n_peak);
	return 0;
}
