/* SPDX-License-Identifier: ISC */
/*
 * Octets of an inspected session
 *
 * All sessions share one reading block. What was read is stepped through the filter in place;
 * printed octets and runs of message text are written in order by one system call, straight from
 * there. Only what could not be written or decided is kept: copied when it is little, else with the
 * whole block, and the proxy takes another one.
 */
#include <assert.h>
#include <errno.h>

#include "proxy/inspected.h"

#define RUN_PIECES 64

/* One walk through the filter: what is unread of either side, what is to be written to the server.
 */
struct run {
	struct inspected *s;
	struct proxy *p;
	struct span win[2];              /* unread, by enum smtp_dir */
	const uint8_t *scratch;          /* the block a window lies in, NULL: none does */
	enum smtp_dir from_scratch;      /* which */
	bool given;                      /* the block was given to a buffer */
	struct iovec pieces[RUN_PIECES]; /* for the server, in order */
	int n_pieces;
	size_t printed; /* of to_server, already among the pieces */
};

static struct held *buffer_of(struct inspected *s, enum smtp_dir dir)
{
	return dir == SMTP_C2S ? &s->c_in : &s->s_in;
}

/* ---- what must wait ---- */

static bool in_scratch(const struct run *r, struct span octets)
{
	return r->scratch && !r->given && octets.p >= r->scratch &&
	       octets.p < r->scratch + POOL_LARGE;
}

/* Gives the reading block away with the octets in it. False: there is no other one, so they are to
 * be copied. */
static bool give_scratch(struct run *r, struct held *h, struct span octets)
{
	size_t size;
	void *fresh = pool_lend(&r->p->pool, POOL_LARGE, &size);

	if (!fresh)
		return false;
	held_adopt(h, r->p->scratch, POOL_LARGE, (size_t)(octets.p - r->scratch), octets.n);
	r->p->scratch = fresh;
	r->given = true;
	return true;
}

static void keep(struct run *r, struct held *h, struct span octets)
{
	if (octets.n == 0 || r->s->aborted)
		return;
	if (octets.n > POOL_MIDDLE && h->n == 0 && in_scratch(r, octets) &&
		give_scratch(r, h, octets))
		return;
	if (!held_add(&r->p->pool, h, octets))
		r->s->aborted = true;
}

/* ---- writing ---- */

/* Octets an end took; 0: none now; <0: it takes nothing any more. */
static ssize_t took(ssize_t w)
{
	if (w >= 0)
		return w;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* A server that takes nothing may still have said why: it is read on, and lost when it closes. */
static void server_deaf(struct inspected *s)
{
	s->server_deaf = true;
	held_drop(&s->flow.proxy->pool, &s->s_out);
}

static void flush_pieces(struct run *r)
{
	struct inspected *s = r->s;
	size_t done = 0;

	if (r->n_pieces && !s->s_out.n && !s->server_deaf && s->kind->has_server(s)) {
		ssize_t w = took(s->kind->server_write(s, r->pieces, r->n_pieces));
		if (w < 0)
			server_deaf(s);
		else
			done = (size_t)w;
	}
	for (int i = 0; i < r->n_pieces && !s->server_deaf; i++) {
		struct span piece = span_of(r->pieces[i].iov_base, r->pieces[i].iov_len);
		size_t written = done < piece.n ? done : piece.n;
		done -= written;
		keep(r, &s->s_out, span_from(piece, written));
	}
	r->n_pieces = 0;
	r->printed = r->p->to_server.n = 0;
}

static void flush_printed(struct run *r)
{
	struct inspected *s = r->s;
	struct span octets = out_span(&r->p->to_client);
	struct iovec piece = { r->p->to_client.p, octets.n };
	ssize_t w = 0;

	r->p->to_client.n = 0;
	if (octets.n == 0 || s->flow.client.fd < 0)
		return;
	if (!s->c_out.n)
		w = took(s->kind->client_write(s, &piece, 1));
	if (w < 0) {
		inspected_client_gone(s);
		return;
	}
	s->flow.s2c += (uint64_t)w;
	keep(r, &s->c_out, span_from(octets, (size_t)w));
}

/* True: there is room in all blocks and nothing waits, so that stepping may go on. */
static bool flush(struct run *r)
{
	flush_pieces(r);
	flush_printed(r);
	return !r->s->c_out.n && !r->s->s_out.n && !r->s->aborted;
}

/* ---- stepping ---- */

static void add_piece(struct run *r, struct span octets)
{
	struct iovec *last = r->n_pieces ? &r->pieces[r->n_pieces - 1] : NULL;

	if (octets.n == 0)
		return;
	if (last && (const uint8_t *)last->iov_base + last->iov_len == octets.p)
		last->iov_len += octets.n;
	else /* iov_base is read only, by sendmsg */
		r->pieces[r->n_pieces++] = (struct iovec){ (void *)(uintptr_t)octets.p, octets.n };
}

/* What was printed is what was read more often than not. Then it is taken from where it was read,
 * when the piece before it ends there (an end of data behind message text): one piece is one send.
 */
static struct span where_it_stands(const struct run *r, struct span printed, struct span win)
{
	const struct iovec *last = r->n_pieces ? &r->pieces[r->n_pieces - 1] : NULL;

	if (last && printed.n && (const uint8_t *)last->iov_base + last->iov_len == win.p &&
		printed.n <= win.n && memcmp(printed.p, win.p, printed.n) == 0)
		return span_of(win.p, printed.n);
	return printed;
}

static bool room(const struct run *r)
{
	return r->n_pieces + 2 <= RUN_PIECES && out_room(&r->p->to_client) >= SMTP_OUT_MAX &&
	       out_room(&r->p->to_server) >= SMTP_OUT_MAX;
}

static bool step(struct run *r, enum smtp_dir dir)
{
	struct inspected *s = r->s;
	struct span *win = &r->win[dir];
	struct inspect_step done = { 0 };
	struct span printed;

	if (!inspect_step(
		    &s->inspect, dir, win->p, win->n, &r->p->to_client, &r->p->to_server, &done))
		return false;
	printed = span_from(out_span(&r->p->to_server), r->printed);
	add_piece(r, where_it_stands(r, printed, *win));
	r->printed = r->p->to_server.n;
	add_piece(r, done.forward);
	s->activity |= dir == SMTP_C2S ? ACT_C_STEP : ACT_S_STEP;
	if (dir == SMTP_C2S &&
		done.size > 0) { /* the end of a chunk is no line's end, and no line's middle */
		assert(win->p != NULL);
		s->line_open = !done.forward.n && win->p[done.size - 1] != '\n';
		s->activity |= s->line_open ? 0 : ACT_C_LINE;
	}
	*win = span_from(*win, done.size);
	return true;
}

/* Before a reset: what was not written yet must not be, and what the server said is void. */
static void obey(struct run *r)
{
	if (r->s->inspect.want & INSPECT_RESET_SERVER) {
		r->n_pieces = 0;
		r->printed = r->p->to_server.n = 0;
		r->win[SMTP_S2C] = (struct span){ 0 };
	}
	inspected_obey(r->s);
}

static void step_all(struct run *r)
{
	struct inspected *s = r->s;
	bool more = true;

	while (more && !s->c_out.n && (room(r) || flush(r))) {
		more = step(r, SMTP_S2C);
		if (!s->s_out.n && !s->server_deaf && room(r) && step(r, SMTP_C2S))
			more = true;
		if (s->inspect.want & (INSPECT_RESET_SERVER | INSPECT_DIAL))
			obey(r);
	}
}

/* Keeps what is left of a window, where it is or elsewhere. */
static void settle(struct run *r, enum smtp_dir dir)
{
	struct held *h = buffer_of(r->s, dir);

	if (r->scratch && dir == r->from_scratch)
		keep(r, h, r->win[dir]);
	else if (h->n)
		held_take(&r->p->pool, h, h->n - r->win[dir].n);
}

static void run(struct run *r)
{
	struct inspected *s = r->s;

	step_all(r);
	flush(r);
	if (s->flow.client.fd <
		0) { /* perhaps only since the last write: the filter learns it by a step */
		step_all(r);
		flush(r);
	}
	settle(r, SMTP_S2C);
	settle(r, SMTP_C2S);
}

/* ---- reading ---- */

/* Behind what waits of that side already, so that the filter sees one window. */
static ssize_t read_behind(struct inspected *s,
	ssize_t (*end_read)(struct inspected *, void *, size_t), const struct held *h, size_t max)
{
	uint8_t *scratch = s->flow.proxy->scratch;

	if (max > POOL_LARGE - h->n)
		max = POOL_LARGE - h->n;
	return end_read(s, scratch + h->n, max);
}

static enum pump_read read_failed(ssize_t n)
{
	if (n == 0)
		return PUMP_EOF;
	return errno == EAGAIN || errno == EINTR ? PUMP_OK : PUMP_FAILED;
}

static void run_read(struct inspected *s, enum smtp_dir dir, size_t n)
{
	struct proxy *p = s->flow.proxy;
	struct held *h = buffer_of(s, dir);
	struct run r = { .s = s, .p = p, .scratch = p->scratch, .from_scratch = dir };

	if (h->n)
		memcpy(p->scratch, h->block + h->from, h->n);
	r.win[SMTP_C2S] = held_span(&s->c_in);
	r.win[SMTP_S2C] = held_span(&s->s_in);
	r.win[dir] = span_of(p->scratch, h->n + n);
	held_drop(&p->pool, h);
	run(&r);
}

enum pump_read pump_client(struct inspected *s)
{
	struct proxy *p = s->flow.proxy;
	bool little = !inspect_ready(&s->inspect, SMTP_C2S) || proxy_short_of_memory(p);
	ssize_t n = read_behind(
		s, s->kind->client_read, &s->c_in, little ? POOL_MIDDLE : PROXY_READ_MAX);

	if (n <= 0)
		return read_failed(n);
	s->flow.c2s += (uint64_t)n;
	s->slow_octets += (uint32_t)n;
	s->activity |= ACT_C_OCTETS;
	run_read(s, SMTP_C2S, (size_t)n);
	return PUMP_OK;
}

enum pump_read pump_server(struct inspected *s)
{
	ssize_t n = read_behind(s, s->kind->server_read, &s->s_in, POOL_MIDDLE);

	if (n <= 0)
		return read_failed(n);
	s->activity |= ACT_S_OCTETS;
	run_read(s, SMTP_S2C, (size_t)n);
	return PUMP_OK;
}

void pump(struct inspected *s)
{
	struct run r = { .s = s, .p = s->flow.proxy };

	r.win[SMTP_C2S] = held_span(&s->c_in);
	r.win[SMTP_S2C] = held_span(&s->s_in);
	run(&r);
}

/* ---- what waited ---- */

static ssize_t flush_held(struct inspected *s,
	ssize_t (*end_write)(struct inspected *, const struct iovec *, int), struct held *h)
{
	const struct iovec piece = { h->block + h->from, h->n };
	const ssize_t w = took(end_write(s, &piece, 1));

	if (w > 0)
		held_take(&s->flow.proxy->pool, h, (size_t)w);
	return w;
}

void pump_flush_client(struct inspected *s)
{
	ssize_t w = s->c_out.n ? flush_held(s, s->kind->client_write, &s->c_out) : 0;

	if (w < 0) {
		inspected_client_gone(s);
		return;
	}
	s->flow.s2c += (uint64_t)w;
	s->activity |= w ? ACT_C_WROTE : 0;
}

void pump_flush_server(struct inspected *s)
{
	ssize_t w = s->s_out.n ? flush_held(s, s->kind->server_write, &s->s_out) : 0;

	if (w < 0)
		server_deaf(s);
	else
		s->activity |= w ? ACT_S_WROTE : 0;
}

void pump_forget_server(struct inspected *s)
{
	held_drop(&s->flow.proxy->pool, &s->s_in);
	held_drop(&s->flow.proxy->pool, &s->s_out);
	s->server_deaf = false;
}
