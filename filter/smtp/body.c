/* SPDX-License-Identifier: ISC */
#include "filter/smtp/body.h"

#include "filter/smtp/clean.h"

/* One call of body_next(). Steps stop it, move @at, or leave @at where it is: the next octet must
 * come first. */
struct walk {
	struct body_scan *b;
	const struct body_limits *limits;
	struct span win;
	size_t at;
};

void body_init(struct body_scan *b)
{
	*b = (struct body_scan){ .in_header = true, .line_start = true };
}

/* @n octets are message text, whatever else they are. */
static void pass(struct walk *w, size_t n)
{
	w->at += n;
	w->b->octets += n;
	if (w->b->in_header)
		w->b->header_octets += (uint32_t)n;
}

/* Octets that a limit leaves; body_mend() may have gone past it. */
static size_t room(uint32_t max, uint32_t used)
{
	if (max == 0)
		return SIZE_MAX;
	return used < max ? max - used : 0;
}

static size_t header_room(const struct walk *w)
{
	return w->b->in_header ? room(w->limits->max_header, w->b->header_octets) : SIZE_MAX;
}

/* Does the header have no room for the line that begins here? A CR may be its end; LF and NUL are
 * worse. */
static bool lines_full(const struct walk *w)
{
	uint8_t c = w->win.p[w->at];

	return w->b->in_header && w->limits->header_lines > 0 &&
	       w->b->header_lines >= w->limits->header_lines && c != '\r' && c != '\n' && c != '\0';
}

static void end_line(struct body_scan *b, bool mended)
{
	if (b->in_header && b->line_start)
		b->in_header = false; /* the empty line */
	else if (b->in_header)
		b->header_lines++;
	b->after_cr = false;
	b->line_start = true;
	b->mended = mended;
	b->line = 0;
}

/* The last octet passed over was CR. */
static enum body_stop behind_cr(struct walk *w)
{
	if (w->win.p[w->at] != '\n') { /* only without dots: a chunk ended there, see below */
		w->b->after_cr = false;
		return BODY_BARE_CR;
	}
	if (header_room(w) == 0)
		return BODY_HEADER_LARGE;
	pass(w, 1);
	end_line(w->b, false);
	return BODY_RUN;
}

static enum body_stop at_cr(struct walk *w)
{
	bool end = w->at + 1 == w->win.n;

	if (w->limits->dots && end)
		return BODY_RUN;
	if (w->limits->dots && w->win.p[w->at + 1] != '\n')
		return BODY_BARE_CR;
	if (header_room(w) == 0)
		return BODY_HEADER_LARGE;
	/*
	 * Without dots the octets of a chunk go on before the next chunk comes, so a CR always
	 * passes first and is judged then: the same at any cut.
	 */
	pass(w, 1);
	w->b->after_cr = true;
	return BODY_RUN;
}

/* An octet that is CR, LF or NUL. */
static enum body_stop at_special(struct walk *w)
{
	switch (w->win.p[w->at]) {
	case '\0': return BODY_NUL;
	case '\n': return BODY_BARE_LF;
	}
	return at_cr(w);
}

/*
 * A dot at the start of a line (RFC 5321 4.5.2). Behind a mended LF it was no line start to the
 * client, so it stands there unstuffed; in front of a bare LF it would end the message once the LF
 * is mended.
 */
static enum body_stop at_dot(struct walk *w)
{
	struct span next = span_sub(w->win, w->at + 1, 2);

	if (w->b->mended)
		return BODY_STUFF;
	if (next.n == 0 || (next.n == 1 && next.p[0] == '\r'))
		return BODY_RUN;
	if (next.p[0] == '\n')
		return BODY_STUFF;
	if (next.p[0] == '\r' && next.p[1] == '\n')
		return BODY_DOT;
	if (lines_full(w))
		return BODY_HEADER_LINES;
	if (header_room(w) == 0)
		return BODY_HEADER_LARGE;
	pass(w, 1); /* transparency: no octet of the line */
	w->b->line_start = false;
	return BODY_RUN;
}

/* Text up to the next special octet, as far as the limits have room for it. */
static enum body_stop in_line(struct walk *w)
{
	size_t n = clean_line(w->win.p + w->at, w->win.n - w->at);
	size_t line = room(w->limits->max_line, w->b->line), header = header_room(w), take = n;

	if (n == 0)
		return at_special(w);
	take = take < line ? take : line;
	take = take < header ? take : header;
	if (take > 0)
		w->b->line_start = false;
	if (w->limits->max_line > 0)
		w->b->line += (uint32_t)take;
	pass(w, take);
	if (take == n)
		return BODY_RUN;
	return take == line ? BODY_LINE_LONG : BODY_HEADER_LARGE;
}

/* Whole lines at once: no limit looks at single ones. */
static enum body_stop in_text(struct walk *w)
{
	size_t n = clean_text(w->win.p + w->at, w->win.n - w->at, w->limits->dots);

	if (n == 0)
		return at_special(w);
	pass(w, n);
	w->b->line_start = w->win.p[w->at - 1] == '\n';
	w->b->mended = false;
	return BODY_RUN;
}

static enum body_stop step(struct walk *w)
{
	const struct body_scan *b = w->b;

	if (b->after_cr)
		return behind_cr(w);
	if (b->line_start && w->limits->dots && w->win.p[w->at] == '.')
		return at_dot(w);
	if (b->line_start && lines_full(w))
		return BODY_HEADER_LINES;
	return b->in_header || w->limits->max_line > 0 ? in_line(w) : in_text(w);
}

enum body_stop body_next(struct body_scan *b, const struct body_limits *limits, const uint8_t *win,
	size_t n, bool last, size_t *runp)
{
	struct walk w = { .b = b, .limits = limits, .win = { win, n } };
	enum body_stop stop = BODY_RUN;
	size_t from = SIZE_MAX;

	*runp = n;
	if (limits->binary && !limits->dots) {
		b->octets += n;
		return BODY_RUN;
	}
	while (stop == BODY_RUN && w.at < n && w.at != from) {
		from = w.at;
		stop = step(&w);
	}
	*runp = w.at;
	if (stop == BODY_RUN && last && b->after_cr) {
		b->after_cr = false;
		return BODY_BARE_CR;
	}
	return stop;
}

void body_mend(struct body_scan *b, const struct body_limits *limits, enum body_stop stop)
{
	if (stop == BODY_BARE_CR && !limits->dots)
		return; /* passed over already */
	b->octets++;
	if (b->in_header)
		b->header_octets++;
	if (stop == BODY_BARE_LF) {
		end_line(b, true);
		return;
	}
	b->line_start = false;
	if (limits->max_line > 0)
		b->line++;
}
