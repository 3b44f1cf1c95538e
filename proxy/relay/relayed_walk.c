/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/clock.h"
#include "proxy/relay/relayed_inside.h"

#define PIECES_MAX  32
#define REPLIES_MAX POOL_MIDDLE /* beyond it the hop is not read */

struct walk {
	struct relayed *r;
	struct iovec pieces[PIECES_MAX]; /* for the hop, in order */
	int n;
	struct out to_engine, to_hop;
	size_t printed; /* of to_hop, already among the pieces */
	uint8_t engine_block[2 * INNER_OUT_MAX], hop_block[2 * INNER_OUT_MAX];
};

/* ---- for the hop ---- */

static void no_pieces(struct walk *w)
{
	w->n = 0;
	w->printed = w->to_hop.n = 0;
}

static void lose_hop(struct walk *w)
{
	struct relayed *r = w->r;

	relayed_hop_tell(r, CODE_HOP_LOST, errno, (struct span){ 0 });
	no_pieces(w);
	inner_hop_lost(&r->inner, &w->to_engine); /* which wants it aborted */
}

static void flush_hop(struct walk *w)
{
	struct relayed *r = w->r;
	ssize_t done = 0;

	if (w->n > 0 && r->hop_ready && !r->hop_out.n)
		done = hop_write(r->hop, w->pieces, w->n);
	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		lose_hop(w);
		return;
	}
	for (int i = 0; i < w->n; i++) {
		const struct span piece = span_of(w->pieces[i].iov_base, w->pieces[i].iov_len);
		const size_t gone = done > 0 ? (size_t)done < piece.n ? (size_t)done : piece.n : 0;

		done -= (ssize_t)gone;
		relayed_keep(r, &r->hop_out, span_from(piece, gone));
	}
	no_pieces(w);
}

static void add_piece(struct walk *w, struct span octets)
{
	if (octets.n > 0) /* iov_base is read only */
		w->pieces[w->n++] = (struct iovec){ (void *)(uintptr_t)octets.p, octets.n };
}

/* ---- step by step ---- */

#define LOGIN_WANTS (INNER_LOGIN | INNER_LOGIN_MORE | INNER_LOGIN_CANCEL)

static void obey(struct walk *w, const struct inner_step *step)
{
	struct relayed *r = w->r;

	if (r->inner.want & LOGIN_WANTS)
		relayed_login(r, step);
	if (r->inner.want & INNER_ABORT) {
		no_pieces(w);
		relayed_hop_drop(r, true);
		inner_hop_gone(&r->inner);
	}
	if (r->inner.want & INNER_RELEASE) {
		flush_hop(w);
		if (r->inner.want & INNER_RELEASE)
			relayed_hop_release(r);
	}
	if ((r->inner.want & INNER_HOP) && !r->hop)
		relayed_hop_take(r);
}

static bool room(const struct walk *w)
{
	return w->n + 2 <= PIECES_MAX && out_room(&w->to_engine) >= INNER_OUT_MAX &&
	       out_room(&w->to_hop) >= INNER_OUT_MAX;
}

static void begin(struct walk *w, struct relayed *r)
{
	w->r = r;
	out_init(&w->to_engine, w->engine_block, sizeof(w->engine_block));
	out_init(&w->to_hop, w->hop_block, sizeof(w->hop_block));
	no_pieces(w);
	r->inner.now_ns = clock_wall_ns();
}

/* Takes from @rest. Return: is there more to do? */
static bool step(struct walk *w, struct span *rest)
{
	struct relayed *r = w->r;
	struct inner_step s;
	const bool more =
		inner_step(&r->inner, *rest, held_span(&r->hop_in), &w->to_engine, &w->to_hop, &s);

	add_piece(w, span_from(out_span(&w->to_hop), w->printed));
	w->printed = w->to_hop.n;
	add_piece(w, s.forward);
	*rest = span_from(*rest, s.engine);
	if (s.why != CODE_COUNT)
		relayed_hop_tell(r, s.why, 0, s.said);
	if (s.hop)
		held_take(&proxy_of(r)->pool, &r->hop_in, s.hop);
	if (r->inner.want)
		obey(w, &s);
	if (!room(w))
		flush_hop(w);
	return more;
}

size_t relayed_walk(struct relayed *r, struct span engine)
{
	static struct walk w; /* large, and never two at a time */
	struct span rest = engine;
	bool more = true;

	begin(&w, r);
	while (more && !r->hop_out.n && out_room(&w.to_engine) >= INNER_OUT_MAX)
		more = step(&w, &rest);
	flush_hop(&w);
	if (r->inner.want)
		obey(&w, &(struct inner_step){ 0 });
	relayed_keep(r, &r->replies, out_span(&w.to_engine));
	if (r->hop_ready)
		hop_watch(r->hop,
			(r->replies.n < REPLIES_MAX ? EV_READ : 0) | (r->hop_out.n ? EV_WRITE : 0));
	return engine.n - rest.n;
}
