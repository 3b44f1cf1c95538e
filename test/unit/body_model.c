/* SPDX-License-Identifier: ISC */
#include "test/unit/body_model.h"

struct model {
	const struct body_limits *limits;
	struct span text;
	size_t at, line, header_octets, header_lines;
	bool header, line_start, mended, after_cr;
};

/* The octet at @i; -1: there is none. */
static int octet(const struct model *m, size_t i)
{
	return i < m->text.n ? m->text.p[i] : -1;
}

static bool mendable(enum body_stop stop)
{
	return stop == BODY_BARE_LF || stop == BODY_BARE_CR || stop == BODY_NUL ||
	       stop == BODY_STUFF;
}

static void line_end(struct model *m, bool mended)
{
	if (m->header && m->line_start)
		m->header = false;
	else
		m->header_lines++;
	m->line_start = true;
	m->mended = mended;
	m->after_cr = false;
	m->line = 0;
}

static enum body_stop limit(const struct model *m, bool counts)
{
	const struct body_limits *l = m->limits;
	int c = octet(m, m->at);

	if (m->header && m->line_start && !m->after_cr && c != '\r' && l->header_lines > 0 &&
		m->header_lines >= l->header_lines)
		return BODY_HEADER_LINES;
	if (counts && l->max_line > 0 && m->line >= l->max_line)
		return BODY_LINE_LONG;
	if (m->header && l->max_header > 0 && m->header_octets >= l->max_header)
		return BODY_HEADER_LARGE;
	return BODY_RUN;
}

static void count(struct model *m)
{
	m->at++;
	if (m->header)
		m->header_octets++;
}

/* A dot that starts a line. *waitp: what follows must come first. */
static enum body_stop dot(struct model *m, bool *waitp)
{
	int a = octet(m, m->at + 1), b = octet(m, m->at + 2);
	enum body_stop stop;

	if (m->mended || a == '\n')
		return BODY_STUFF;
	if (a == '\r' && b == '\n')
		return BODY_DOT;
	*waitp = a < 0 || (a == '\r' && b < 0);
	if (*waitp)
		return BODY_RUN;
	stop = limit(m, false);
	if (stop != BODY_RUN)
		return stop;
	count(m);
	m->line_start = false;
	return BODY_RUN;
}

static enum body_stop cr(struct model *m, bool *waitp)
{
	int next = octet(m, m->at + 1);
	enum body_stop stop;

	if (m->limits->dots) {
		*waitp = next < 0;
		if (next != '\n')
			return *waitp ? BODY_RUN : BODY_BARE_CR;
	}
	stop = limit(m, false);
	if (stop != BODY_RUN)
		return stop;
	count(m);
	m->after_cr = true;
	return BODY_RUN;
}

static enum body_stop one(struct model *m, bool *waitp)
{
	int c = octet(m, m->at);
	enum body_stop stop;

	if (m->after_cr && c != '\n') {
		m->after_cr = false;
		return BODY_BARE_CR;
	}
	if (c == '\0')
		return BODY_NUL;
	if (c == '\n' && !m->after_cr)
		return BODY_BARE_LF;
	if (c == '\r')
		return cr(m, waitp);
	if (c == '.' && m->line_start && m->limits->dots)
		return dot(m, waitp);
	stop = limit(m, c != '\n');
	if (stop != BODY_RUN)
		return stop;
	count(m);
	if (c == '\n') {
		line_end(m, false);
	} else {
		m->line_start = false;
		m->line++;
	}
	return BODY_RUN;
}

static void mend(struct model *m, enum body_stop stop)
{
	if (stop == BODY_BARE_CR && !m->limits->dots)
		return;
	count(m);
	if (stop == BODY_BARE_LF) {
		line_end(m, true);
		return;
	}
	m->line_start = false;
	m->line++;
}

/* True: the text goes on behind the stop. */
static bool note(struct body_stops *stops, size_t at, enum body_stop stop)
{
	stops->stop[stops->n++] = (struct body_stop_at){ at, stop };
	return mendable(stop) && stops->n < stops->max;
}

void body_model(
	struct span text, const struct body_limits *limits, bool last, struct body_stops *stops)
{
	struct model m = { .limits = limits, .text = text, .header = true, .line_start = true };
	bool wait = false, more = true;

	stops->n = 0;
	if (limits->binary && !limits->dots)
		m.at = text.n;
	while (more && m.at < text.n && !wait) {
		enum body_stop stop = one(&m, &wait);

		if (stop == BODY_RUN)
			continue;
		more = note(stops, m.at, stop);
		if (more)
			mend(&m, stop);
	}
	if (more && last && m.after_cr)
		(void)note(stops, m.at, BODY_BARE_CR);
	stops->end = m.at;
}

/* One window, from where the last one was left. */
static bool window(struct body_scan *b, struct span win, const struct body_limits *limits,
	bool last, struct body_stops *stops)
{
	for (size_t at = 0, run;; at += run) {
		enum body_stop stop =
			body_next(b, limits, win.n > 0 ? win.p + at : NULL, win.n - at, last, &run);

		stops->end += run;
		if (stop == BODY_RUN)
			return true;
		if (!note(stops, stops->end, stop))
			return false;
		body_mend(b, limits, stop);
		if (stop == BODY_BARE_CR && !limits->dots)
			continue;
		stops->end++;
		run++;
	}
}

void body_windows(struct span text, const struct body_limits *limits, bool last, size_t first,
	size_t step, struct body_stops *stops)
{
	struct body_scan b;
	bool more = true;

	body_init(&b);
	stops->n = stops->end = 0;
	for (size_t come = first < text.n ? first : text.n; more;
		come += step < text.n - come ? step : text.n - come) {
		struct span win = span_sub(text, stops->end, come - stops->end);

		more = window(&b, win, limits, last && come == text.n, stops);
		if (come == text.n)
			return;
	}
}

const char *body_stop_name(enum body_stop stop)
{
	static const char *const names[] = {
		[BODY_RUN] = "run",
		[BODY_DOT] = "dot",
		[BODY_STUFF] = "stuff",
		[BODY_BARE_LF] = "bare-lf",
		[BODY_BARE_CR] = "bare-cr",
		[BODY_NUL] = "nul",
		[BODY_LINE_LONG] = "line-long",
		[BODY_HEADER_LARGE] = "header-large",
		[BODY_HEADER_LINES] = "header-lines",
	};
	return names[stop];
}
