/* SPDX-License-Identifier: ISC */
/*
 * microbench - the physical limits an inspecting SMTP box meets on one machine.
 *
 *   microbench scan   [threads]   find CRLF "." CRLF in base64-like text: five methods, GB/s
 *   microbench copy   [threads]   memcpy, in cache and out of cache, GB/s
 *   microbench sys                nanoseconds per system call (null, epoll, socket pair, TCP)
 *   microbench tcp    ADDR:PORT   send to a "microbench drain" there: GB/s by block size
 *   microbench drain  ADDR:PORT   receive and drop (ends by itself after 60 s)
 *   microbench relaybw            recv+send, recv+scan+send and splice through two loopback TCPs
 *
 * Every figure is the median of 7 passes.  libc/Linux only; the AVX2 method is used where the
 * CPU has it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PASSES 7

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int cmpd(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, cmpd);
	return v[n / 2];
}

/* ---- scanners: return how many terminators are in the block ---- */

static size_t scan_bytes(const char *p, size_t n)
{
	static const uint8_t next[6][4] = {
		/* state: matched so far; columns: other, CR, LF, dot */
		{ 0, 1, 0, 0 },
		{ 0, 1, 2, 0 },
		{ 0, 1, 0, 3 },
		{ 0, 4, 0, 0 },
		{ 0, 1, 5, 0 },
		{ 0, 1, 0, 3 },
	};
	uint8_t cls[256] = { 0 };
	size_t k = 0;
	unsigned s = 2;
	cls['\r'] = 1;
	cls['\n'] = 2;
	cls['.'] = 3;
	for (size_t i = 0; i < n; i++) {
		s = next[s][cls[(unsigned char)p[i]]];
		k += s == 5;
	}
	return k;
}

/* one memchr per line, as a line-based proxy does */
static size_t scan_memchr_lf(const char *p, size_t n)
{
	const char *e = p + n, *q;
	size_t k = 0;
	while (p < e && (q = memchr(p, '\n', (size_t)(e - p)))) {
		if (q + 3 < e && q[1] == '.' && q[2] == '\r' && q[3] == '\n')
			k++;
		p = q + 1;
	}
	return k;
}

/* dots are rare in mail bodies */
static size_t scan_memchr_dot(const char *p, size_t n)
{
	const char *b = p, *e = p + n, *q;
	size_t k = 0;
	while (p < e && (q = memchr(p, '.', (size_t)(e - p)))) {
		if (q >= b + 2 && q + 2 < e && q[-1] == '\n' && q[-2] == '\r' && q[1] == '\r' &&
			q[2] == '\n')
			k++;
		p = q + 1;
	}
	return k;
}

static size_t scan_memmem(const char *p, size_t n)
{
	const char *e = p + n, *q;
	size_t k = 0;
	while (p < e && (q = memmem(p, (size_t)(e - p), "\r\n.\r\n", 5))) {
		k++;
		p = q + 3;
	}
	return k;
}

#if defined(__x86_64__)
/* LF at i and dot at i+1, 32 octets at a time */
__attribute__((target("avx2"))) static size_t scan_avx2(const char *p, size_t n)
{
	const __m256i lf = _mm256_set1_epi8('\n'), dot = _mm256_set1_epi8('.');
	size_t i = 0, k = 0;
	for (; i + 65 <= n; i += 64) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(p + i));
		__m256i b = _mm256_loadu_si256((const __m256i *)(p + i + 1));
		__m256i c = _mm256_loadu_si256((const __m256i *)(p + i + 32));
		__m256i d = _mm256_loadu_si256((const __m256i *)(p + i + 33));
		__m256i x = _mm256_and_si256(_mm256_cmpeq_epi8(a, lf), _mm256_cmpeq_epi8(b, dot));
		__m256i y = _mm256_and_si256(_mm256_cmpeq_epi8(c, lf), _mm256_cmpeq_epi8(d, dot));
		if (__builtin_expect(
			    !_mm256_testz_si256(_mm256_or_si256(x, y), _mm256_set1_epi8(-1)), 0)) {
			uint64_t m = (uint32_t)_mm256_movemask_epi8(x) |
				     (uint64_t)(uint32_t)_mm256_movemask_epi8(y) << 32;
			while (m) {
				size_t j = i + (size_t)__builtin_ctzll(m);
				if (j && p[j - 1] == '\r' && j + 3 < n && p[j + 2] == '\r' &&
					p[j + 3] == '\n')
					k++;
				m &= m - 1;
			}
		}
	}
	for (; i + 4 <= n; i++)
		if (p[i] == '\n' && p[i + 1] == '.' && p[i + 2] == '\r' && p[i + 3] == '\n' && i &&
			p[i - 1] == '\r')
			k++;
	return k;
}
#endif

static size_t fake_copy(const char *p, size_t n)
{
	static __thread char *dst;
	static __thread size_t cap;
	if (cap < n) {
		free(dst);
		dst = malloc(n);
		cap = n;
		if (!dst)
			exit(1);
		memset(dst, 1, n);
	}
	memcpy(dst, p, n);
	__asm__ volatile("" ::"r"(dst) : "memory");
	return 0;
}

typedef size_t (*scanfn)(const char *, size_t);

static char *text(size_t n)
{
	static const char b64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *p = aligned_alloc(64, (n + 63) & ~(size_t)63);
	uint64_t x = 88172645463325252ull;
	if (!p)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		size_t col = i % 78;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = col == 76 ? '\r' : col == 77 ? '\n' : b64[x & 63];
	}
	memcpy(p + n - 5, "\r\n.\r\n", 5);
	return p;
}

struct job {
	scanfn f;
	size_t n;
	double gbs;
	pthread_barrier_t *bar;
	size_t found;
};

static void *worker(void *v)
{
	struct job *j = v;
	char *p = text(j->n);
	double r[PASSES];
	size_t reps = (256u << 20) / j->n;
	volatile size_t sink = 0;

	if (reps < 1)
		reps = 1;
	j->found = j->f(p, j->n);
	for (int i = 0; i < PASSES; i++) {
		pthread_barrier_wait(j->bar);
		double t = now();
		for (size_t k = 0; k < reps; k++)
			sink += j->f(p, j->n);
		r[i] = (double)reps * (double)j->n / (now() - t) / 1e9;
	}
	(void)sink;
	j->gbs = median(r, PASSES);
	free(p);
	return NULL;
}

static void speed(const char *name, scanfn f, size_t n, int threads)
{
	pthread_t th[64];
	struct job j[64];
	pthread_barrier_t bar;
	double sum = 0;

	pthread_barrier_init(&bar, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++) {
		j[i] = (struct job){ .f = f, .n = n, .bar = &bar };
		pthread_create(&th[i], NULL, worker, &j[i]);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(th[i], NULL);
		sum += j[i].gbs;
	}
	printf("%-28s block %9zu  threads %d  %7.2f GB/s in all  (found %zu)\n", name, n, threads,
		sum, j[0].found);
}

static void do_scan(int threads)
{
	static const size_t sizes[] = { 4096, 65536, 64u << 20 };
	for (size_t i = 0; i < 3; i++) {
		speed("table state machine", scan_bytes, sizes[i], threads);
		speed("memchr LF per line", scan_memchr_lf, sizes[i], threads);
		speed("memchr dot", scan_memchr_dot, sizes[i], threads);
		speed("memmem CRLF.CRLF", scan_memmem, sizes[i], threads);
#if defined(__x86_64__)
		if (__builtin_cpu_supports("avx2"))
			speed("AVX2 pair LF,dot", scan_avx2, sizes[i], threads);
#endif
	}
}

/* ---- system calls ---- */

static void tcp_pair(int *a, int *b)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t l = sizeof sa;
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	if (bind(s, (struct sockaddr *)&sa, sizeof sa) || listen(s, 1) ||
		getsockname(s, (struct sockaddr *)&sa, &l))
		exit(1);
	*a = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(*a, (struct sockaddr *)&sa, sizeof sa))
		exit(1);
	*b = accept(s, NULL, NULL);
	setsockopt(*a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(*b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	close(s);
}

#define LOOP(name, N, ...)                                                                         \
	do {                                                                                       \
		double r_[PASSES];                                                                 \
		for (int p_ = 0; p_ < PASSES; p_++) {                                              \
			double t_ = now();                                                         \
			for (int i_ = 0; i_ < (N); i_++) {                                         \
				__VA_ARGS__;                                                       \
			}                                                                          \
			r_[p_] = (now() - t_) / (N)*1e9;                                           \
		}                                                                                  \
		printf("%-44s %8.0f ns\n", name, median(r_, PASSES));                              \
	} while (0)

static void do_sys(void)
{
	char b[65536];
	int a, c, sv[2], ep = epoll_create1(0), pp[2];
	struct epoll_event ev = { .events = EPOLLIN }, out[8];
	ssize_t r = 0;

	memset(b, 'x', sizeof b);
	tcp_pair(&a, &c);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) || pipe(pp))
		exit(1);
	LOOP("getppid", 1000000, syscall(SYS_getppid));
	epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
	LOOP("epoll_wait, nothing ready, no wait", 300000, epoll_wait(ep, out, 8, 0));
	r += send(a, b, 1, 0);
	usleep(1000);
	LOOP("epoll_wait, one ready", 300000, epoll_wait(ep, out, 8, 0));
	r += recv(c, b, 1, 0);
	LOOP("epoll_ctl MOD", 300000, epoll_ctl(ep, EPOLL_CTL_MOD, c, &ev));
	LOOP("recv on TCP, EAGAIN", 300000, r += recv(c, b, 64, MSG_DONTWAIT));
	LOOP("unix pair: send 64 + recv 64", 100000, r += send(sv[0], b, 64, 0);
		r += recv(sv[1], b, 64, 0));
	LOOP("pipe: write 64 + read 64", 100000, r += write(pp[1], b, 64); r += read(pp[0], b, 64));
	LOOP("loopback TCP: send 64 + recv 64", 100000, r += send(a, b, 64, 0);
		r += recv(c, b, 64, 0));
	LOOP("loopback TCP: send 4 KiB + recv 4 KiB", 50000, r += send(a, b, 4096, 0);
		r += recv(c, b, 4096, MSG_WAITALL));
	LOOP("loopback TCP: send 64 KiB + recv 64 KiB", 10000, r += send(a, b, 65536, 0);
		r += recv(c, b, 65536, MSG_WAITALL));
	LOOP("connect + accept + 2 close (loopback TCP)", 3000, int x, y; tcp_pair(&x, &y);
		close(x); close(y));
	LOOP("socket + close", 100000, close(socket(AF_INET, SOCK_STREAM, 0)));
	if (r == -1)
		puts("");
}

/* ---- stream bandwidth ---- */

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

static int drain(const char *addr)
{
	static char b[1 << 20];
	struct sockaddr_in sa;
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	alarm(60);
	if (parse_addr(addr, &sa))
		return 2;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, (struct sockaddr *)&sa, sizeof sa) || listen(s, 8)) {
		perror("listen");
		return 1;
	}
	for (;;) {
		int c = accept(s, NULL, NULL);
		if (c < 0)
			return 1;
		while (recv(c, b, sizeof b, 0) > 0)
			;
		close(c);
	}
}

static int tcp_to(const char *addr)
{
	static char b[1 << 20];
	static const size_t blk[] = { 512, 4096, 16384, 65536, 262144, 1 << 20 };
	struct sockaddr_in sa;
	if (parse_addr(addr, &sa))
		return 2;
	memset(b, 'x', sizeof b);
	for (size_t k = 0; k < sizeof blk / sizeof *blk; k++) {
		double r[PASSES];
		for (int p = 0; p < PASSES; p++) {
			int c = socket(AF_INET, SOCK_STREAM, 0);
			if (connect(c, (struct sockaddr *)&sa, sizeof sa)) {
				perror("connect");
				return 1;
			}
			double t = now(), e = t + 0.4;
			uint64_t n = 0;
			while (now() < e)
				for (int i = 0; i < 16; i++) {
					ssize_t w = send(c, b, blk[k], MSG_NOSIGNAL);
					if (w > 0)
						n += (uint64_t)w;
				}
			r[p] = (double)n / (now() - t) / 1e9;
			close(c);
		}
		printf("TCP one stream, send block %8zu  %6.2f GB/s\n", blk[k], median(r, PASSES));
	}
	return 0;
}

/* sender process -> [relay: this process] -> drain process, over two loopback TCPs */
static void relaybw(int mode, size_t blk)
{
	static char b[1 << 20];
	double r[PASSES], cpu[PASSES];
	for (int p = 0; p < PASSES; p++) {
		int a1, a2, b1, b2, pp[2];
		tcp_pair(&a1, &a2);
		tcp_pair(&b1, &b2);
		if (pipe(pp))
			exit(1);
		fcntl(pp[0], F_SETPIPE_SZ, 1 << 20);
		pid_t tx = fork();
		if (!tx) {
			close(a2);
			close(b1);
			close(b2);
			memset(b, 'x', sizeof b);
			double e = now() + 0.5;
			while (now() < e)
				if (send(a1, b, sizeof b, MSG_NOSIGNAL) <= 0)
					break;
			_exit(0);
		}
		pid_t rx = fork();
		if (!rx) {
			close(a1);
			close(a2);
			close(b1);
			while (recv(b2, b, sizeof b, 0) > 0)
				;
			_exit(0);
		}
		close(a1);
		close(b2);
		uint64_t n = 0;
		struct timespec c0, c1;
		double t = now();
		volatile size_t f = 0;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c0);
		for (;;) {
			ssize_t k;
			if (mode == 2) {
				k = splice(a2, NULL, pp[1], NULL, blk, SPLICE_F_MOVE);
				if (k <= 0)
					break;
				for (ssize_t l = k; l > 0;) {
					ssize_t w = splice(pp[0], NULL, b1, NULL, (size_t)l,
						SPLICE_F_MOVE | SPLICE_F_MORE);
					if (w <= 0)
						break;
					l -= w;
				}
			} else {
				k = recv(a2, b, blk, 0);
				if (k <= 0)
					break;
				if (mode == 1)
					f += scan_memmem(b, (size_t)k);
				for (ssize_t o = 0; o < k;) {
					ssize_t w = send(b1, b + o, (size_t)(k - o), MSG_NOSIGNAL);
					if (w <= 0)
						break;
					o += w;
				}
			}
			n += (uint64_t)k;
		}
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c1);
		r[p] = (double)n / (now() - t) / 1e9;
		cpu[p] = ((double)(c1.tv_sec - c0.tv_sec) +
				 (double)(c1.tv_nsec - c0.tv_nsec) / 1e9) /
			 ((double)n / 1e9);
		close(b1);
		close(a2);
		waitpid(tx, NULL, 0);
		waitpid(rx, NULL, 0);
		close(pp[0]);
		close(pp[1]);
	}
	static const char *nm[] = { "recv+send", "recv+scan+send", "splice+splice" };
	printf("loopback relay %-16s block %8zu  %6.2f GB/s  relay CPU %5.3f s/GB\n", nm[mode], blk,
		median(r, PASSES), median(cpu, PASSES));
}

int main(int argc, char **argv)
{
	const char *w = argc > 1 ? argv[1] : "";
	int threads = argc > 2 ? atoi(argv[2]) : 1;

	signal(SIGPIPE, SIG_IGN);
	if (threads < 1 || threads > 64)
		threads = 1;
	if (!strcmp(w, "scan")) {
		do_scan(threads);
	} else if (!strcmp(w, "copy")) {
		speed("memcpy", fake_copy, 4096, threads);
		speed("memcpy", fake_copy, 65536, threads);
		speed("memcpy", fake_copy, 64u << 20, threads);
	} else if (!strcmp(w, "sys")) {
		do_sys();
	} else if (!strcmp(w, "tcp") && argc > 2) {
		return tcp_to(argv[2]);
	} else if (!strcmp(w, "drain") && argc > 2) {
		return drain(argv[2]);
	} else if (!strcmp(w, "relaybw")) {
		for (int m = 0; m < 3; m++)
			for (size_t b = 16384; b <= 1 << 20; b *= 4)
				relaybw(m, b);
	} else {
		fputs("usage: microbench scan|copy [THREADS] | sys | tcp ADDR:PORT | drain "
		      "ADDR:PORT | relaybw\n",
			stderr);
		return 2;
	}
	return 0;
}
