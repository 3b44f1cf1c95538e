/* SPDX-License-Identifier: ISC */
/*
 * A hostile next hop, until it may serve
 *
 * Input: what TLS the route wants, how the octets are cut, then what it says. 0xFE is followed by a
 * letter: + or - (a handshake ends well or badly), l (it is lost).
 *
 * What must hold: it serves a route that requires TLS inside TLS only; we say whole lines, and
 * nothing before we were greeted; a handshake begins only where the route lets it, STARTTLS was
 * offered and none failed before; what is awaited has a bound.
 */
#include <string.h>

#include "filter/relay/hop_hello.h"
#include "test/fuzz/fuzz.h"

struct talk {
	struct hop_hello hello;
	uint8_t in[SMTP_REPLY_MAX];
	size_t n; /* octets since the last line */
	bool greeted, shakes, ended;
};

static void check_line(const struct talk *t, const struct out *line)
{
	HOLDS(!line->full && line->n > 2);
	HOLDS(memcmp(line->p + line->n - 2, "\r\n", 2) == 0);
	HOLDS(memchr(line->p, '\n', line->n - 1) == NULL);
	HOLDS(t->greeted);
}

static void check_words(const struct talk *t)
{
	const struct hop_hello *h = &t->hello;

	HOLDS(h->why == CODE_HOP_DOWN || h->why == CODE_HOP_TLS);
	for (size_t i = 0; i < h->said.n; i++)
		HOLDS(h->said.p[i] != '\n');
}

static void act(struct talk *t, enum hop_hello_next next, const struct out *line)
{
	const struct hop_hello *h = &t->hello;
	const bool must = h->tls == ROUTE_TLS_REQUIRED || h->tls == ROUTE_TLS_VERIFY;

	t->n = next == HOP_HELLO_HEAR ? t->n : 0;
	switch (next) {
	case HOP_HELLO_HEAR: HOLDS(t->n < SMTP_REPLY_MAX); return;
	case HOP_HELLO_SAY: check_line(t, line); return;
	case HOP_HELLO_SHAKE:
		HOLDS(h->tls != ROUTE_TLS_NONE && !h->inside && !h->clear && h->offer.starttls);
		t->shakes = true;
		return;
	case HOP_HELLO_READY:
		HOLDS(h->inside || !must);
		t->ended = true;
		return;
	case HOP_HELLO_AGAIN:
		HOLDS(h->clear && !must);
		hop_hello_begin(&t->hello);
		t->greeted = false;
		return;
	case HOP_HELLO_FAILED:
		check_words(t);
		t->ended = true;
		return;
	}
}

static void say(struct talk *t, uint8_t octet, struct out *line)
{
	uint8_t *window;

	t->in[t->n++] = octet;
	window = fuzz_window(span_of(t->in, t->n));
	t->greeted = t->greeted || (t->n >= 5 && octet == '\n'); /* no shorter reply is one */
	act(t, hop_hello_hear(&t->hello, span_of(window, t->n), line), line);
	free(window);
}

static void happens(struct talk *t, uint8_t what, struct out *line)
{
	if (what == 'l') {
		act(t, hop_hello_lost(&t->hello, SPAN("closed")), line);
	} else if (t->shakes && what == '+') {
		t->shakes = false;
		act(t, hop_hello_secured(&t->hello, line), line);
	} else if (t->shakes && what == '-') {
		t->shakes = false;
		act(t, hop_hello_unsecured(&t->hello, SPAN("no")), line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input inp;
	struct talk t = { .ended = false };

	if (!fuzz_open(data, size, &inp))
		return 0;
	hop_hello_init(&t.hello, (enum route_tls)(inp.choice % 4), "gw.in.test");
	hop_hello_begin(&t.hello);
	for (size_t i = 0; i < inp.text.n && !t.ended; i++) {
		uint8_t block[HOP_HELLO_LINE_MAX];
		struct out line;

		out_init(&line, block, sizeof(block));
		if (inp.text.p[i] == 0xfe && i + 1 < inp.text.n)
			happens(&t, inp.text.p[++i], &line);
		else if (!t.shakes)
			say(&t, inp.text.p[i], &line);
	}
	return 0;
}
