/* SPDX-License-Identifier: ISC */
/*
 * How fast message text is looked at: body_next() on clean mail text, beside memcpy and memchr for
 * each LF
 *
 * Windows of 4, 64 and 256 KiB, one thread, median of 9 passes of 256 MiB; GB/s (10^9 octets). A
 * figure, no gate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "filter/smtp/body.h"
#include "filter/smtp/clean.h"

#define PASSES     9
#define PASS_TOTAL ((size_t)256 << 20)
#define LINE       78 /* 76 letters of base64 and CRLF, RFC 2045 6.8 */
#define WINDOW_MAX ((size_t)256 << 10)

static uint8_t text[WINDOW_MAX], copy[WINDOW_MAX];
static volatile size_t sink; /* so that nothing is left out */

/* The window ends behind a line, so that it may come again and again. */
static size_t fill(size_t n)
{
	n -= n % LINE;
	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t)(i % LINE == LINE - 2   ? '\r'
				    : i % LINE == LINE - 1 ? '\n'
							   : 'A' + i % 26);
	return n;
}

static size_t by_body(const struct body_limits *limits, size_t n, size_t rounds)
{
	struct body_scan b;
	size_t run = 0, sum = 0;

	body_init(&b);
	(void)body_next(&b, limits, (const uint8_t *)"S: x\r\n\r\n", 8, false, &run);
	for (size_t i = 0; i < rounds; i++) {
		if (body_next(&b, limits, text, n, false, &run) != BODY_RUN || run != n)
			abort();
		sum += run;
	}
	return sum;
}

static size_t body_plain(size_t n, size_t rounds)
{
	static const struct body_limits limits = { .dots = true, .max_header = 102400 };

	return by_body(&limits, n, rounds);
}

static size_t body_lines(size_t n, size_t rounds)
{
	static const struct body_limits limits = { .dots = true, .max_line = 998 };

	return by_body(&limits, n, rounds);
}

static size_t portable(size_t n, size_t rounds)
{
	size_t sum = 0;

	for (size_t i = 0; i < rounds; i++)
		sum += clean_text_portable(text, n, true);
	return sum;
}

/* Through a pointer that may change: a copy of the same octets over and over would be made once. */
static void *(*volatile copy_octets)(void *to, const void *from, size_t n) = memcpy;

static size_t by_memcpy(size_t n, size_t rounds)
{
	for (size_t i = 0; i < rounds; i++)
		copy_octets(copy, text, n);
	return copy[n - 1];
}

static size_t by_memchr(size_t n, size_t rounds)
{
	size_t lines = 0;

	for (size_t i = 0; i < rounds; i++)
		for (const uint8_t *p = text, *end = text + n;
			(p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
			lines++;
	return lines;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(size_t (*scan)(size_t n, size_t rounds), size_t n)
{
	size_t rounds = PASS_TOTAL / n;
	double speed[PASSES];

	for (size_t i = 0; i < PASSES; i++) {
		double from = now();

		sink = scan(n, rounds);
		speed[i] = (double)(n * rounds) / (now() - from) / 1e9;
	}
	qsort(speed, PASSES, sizeof speed[0], by_value);
	return speed[PASSES / 2];
}

int main(void)
{
	static const struct {
		const char *name;
		size_t (*scan)(size_t n, size_t rounds);
	} ways[] = {
		{ "body_next", body_plain },
		{ "body_next, max-line on", body_lines },
		{ "clean_text, plain C", portable },
		{ "memcpy", by_memcpy },
		{ "memchr for each LF", by_memchr },
	};
	static const size_t windows[] = { 4096, 65536, WINDOW_MAX };

	printf("%-24s %8s %8s %8s  GB/s\n", "", "4 KiB", "64 KiB", "256 KiB");
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		printf("%-24s", ways[i].name);
		for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
			printf(" %8.1f", median(ways[i].scan, fill(windows[w])));
		printf("\n");
	}
	return 0;
}
