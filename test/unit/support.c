/* SPDX-License-Identifier: ISC */
#include "test/unit/support.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

void fence_init(struct fence *f, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map;

	f->size = (size / page + 1) * page;
	map = mmap(NULL, f->size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(map != MAP_FAILED);
	f->room = map + page;
	assert_int_equal(mprotect(f->room, f->size, PROT_READ | PROT_WRITE), 0);
}

void fence_deinit(struct fence *f)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	assert_int_equal(munmap(f->room - page, f->size + 2 * page), 0);
	f->room = NULL;
}

const uint8_t *fence_at_end(struct fence *f, struct span s)
{
	assert_true(s.n <= f->size);
	if (s.n > 0)
		memcpy(f->room + f->size - s.n, s.p, s.n);
	return f->room + f->size - s.n;
}

const uint8_t *fence_at_start(struct fence *f, struct span s)
{
	assert_true(s.n <= f->size);
	if (s.n > 0)
		memcpy(f->room, s.p, s.n);
	return f->room;
}

void seen_init(struct seen *s)
{
	out_init(&s->out, s->block, sizeof s->block - 2); /* room for a closing quote and a NUL */
	s->in_text = false;
}

static void close_text(struct seen *s)
{
	if (s->in_text)
		out_str(&s->out, "'");
	s->in_text = false;
}

void seen_fact(struct seen *s, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_in_range(n, 0, sizeof text - 1);
	close_text(s);
	if (s->out.n > 0)
		out_str(&s->out, " ");
	out_str(&s->out, text);
}

void seen_text(struct seen *s, struct span octets)
{
	if (octets.n == 0)
		return;
	if (!s->in_text)
		out_str(&s->out, s->out.n > 0 ? " '" : "'");
	s->in_text = true;
	out_escaped(&s->out, octets, octets.n);
}

const char *seen_str(struct seen *s)
{
	if (s->out.full)
		fail_msg("the transcript is full: %.200s...", (const char *)s->block);
	s->out.size = sizeof s->block;
	close_text(s);
	return out_cstr(&s->out);
}

void expect_str(const char *got, const char *want, const char *name, const char *how)
{
	if (got == want || (got != NULL && want != NULL && strcmp(got, want) == 0))
		return;
	fail_msg("%s, %s:\n   seen: %s\n   want: %s", name, how, got ? got : "(NULL)",
		want ? want : "(NULL)");
}

void expect_octets(struct span got, struct span want, const char *name, const char *how)
{
	static struct seen a, b;

	if (span_eq(got, want))
		return;
	seen_init(&a);
	seen_init(&b);
	seen_text(&a, span_sub(got, 0, 2048));
	seen_text(&b, span_sub(want, 0, 2048));
	fail_msg("%s, %s:\n   seen: %4zu octets %s\n   want: %4zu octets %s", name, how, got.n,
		seen_str(&a), want.n, seen_str(&b));
}

enum placing { AT_END, AT_START };

struct run {
	const struct cut_test *test;
	void *ctx;
	struct span input;
	struct fence fence;
	enum placing placing;
	size_t used; /* octets of the input the module used up */
	struct seen seen;
};

/* Offers what has arrived and was not used up until the module wants more. False: it reached its
 * end. */
static bool offer(struct run *r, size_t arrived)
{
	for (;;) {
		struct span s = span_sub(r->input, r->used, arrived - r->used);
		const uint8_t *win = r->placing == AT_END ? fence_at_end(&r->fence, s)
							  : fence_at_start(&r->fence, s);
		size_t used = r->test->take(r->ctx, win, s.n, arrived == r->input.n, &r->seen);

		if (used == CUT_STOP)
			return false;
		if (used == 0)
			return true;
		if (used > s.n)
			fail_msg("%zu octets used up of a window of %zu", used, s.n);
		r->used += used;
	}
}

/* One run: a first piece of @first octets, then pieces of @step. */
static const char *run_once(struct run *r, size_t first, size_t step)
{
	bool more;

	seen_init(&r->seen);
	r->used = 0;
	r->test->begin(r->ctx);
	more = offer(r, first);
	for (size_t arrived = first; more && arrived < r->input.n;) {
		arrived += step < r->input.n - arrived ? step : r->input.n - arrived;
		more = offer(r, arrived);
	}
	if (more && r->used < r->input.n)
		seen_fact(&r->seen, "left %zu", r->input.n - r->used);
	return seen_str(&r->seen);
}

static void every_cut(struct run *r, const char *name, const char *want)
{
	char how[64];

	for (size_t cut = 0; cut < r->input.n; cut++) {
		snprintf(how, sizeof how, "cut at %zu of %zu", cut, r->input.n);
		expect_str(run_once(r, cut, r->input.n), want, name, how);
	}
	expect_str(run_once(r, 0, 1), want, name, "octet by octet");
}

void cut_every(const struct cut_test *test, void *ctx, struct span input, const char *name,
	const char *want)
{
	static struct run r;
	static char whole[sizeof r.seen.block];
	const char *got;

	r = (struct run){ .test = test, .ctx = ctx, .input = input };
	fence_init(&r.fence, input.n);
	got = run_once(&r, input.n, 1);
	if (want == NULL)
		want = memcpy(whole, got, strlen(got) + 1);
	expect_str(got, want, name, "in one piece");
	r.placing = AT_START;
	expect_str(run_once(&r, input.n, 1), want, name, "in one piece, begins behind a fence");
	every_cut(&r, name, want);
	r.placing = AT_END;
	every_cut(&r, name, want);
	fence_deinit(&r.fence);
}
