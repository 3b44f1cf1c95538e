/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "proxy/relay/hop_inside.h"

static void act(struct hop *h, enum hop_hello_next next, struct out *line);

/* ---- saying ---- */

/* A line is a few octets into an empty socket: that one does not take them is a failure. */
static void say(struct hop *h, struct span line)
{
	const struct iovec piece = { (void *)(uintptr_t)line.p, line.n };

	h->in_n = 0;
	if (hop_write(h, &piece, 1) == (ssize_t)line.n)
		hop_wait(h, EV_READ,
			h->hello.state == HOP_HELLO_ASKED ? HOP_HELLO_ASK_MS
							  : h->timeouts->command);
	else
		hop_target_failed(h, CODE_HOP_DOWN, errno, (struct span){ 0 });
}

void hop_ask(struct hop *h)
{
	uint8_t block[HOP_HELLO_LINE_MAX];
	struct out line;

	out_init(&line, block, sizeof(block));
	h->state = HOP_GREETING;
	hop_hello_ask(&h->hello, &line);
	say(h, out_span(&line));
}

void hop_greet_begin(struct hop *h)
{
	h->state = HOP_GREETING;
	h->in_n = 0;
	hop_hello_begin(&h->hello);
	hop_wait(h, EV_READ, h->timeouts->greeting);
}

/* ---- TLS ---- */

static void shake(struct hop *h, struct out *line)
{
	switch (h->tls ? tls_shake(h->tls) : TLS_FAILED) {
	case TLS_DONE:
		h->state = HOP_GREETING;
		h->facts.tls = tls_version(h->tls);
		act(h, hop_hello_secured(&h->hello, line), line);
		return;
	case TLS_WANT_READ: hop_wait(h, EV_READ, h->timeouts->connect); return;
	case TLS_WANT_WRITE: hop_wait(h, EV_WRITE, h->timeouts->connect); return;
	case TLS_FAILED:
		act(h, hop_hello_unsecured(&h->hello, span_str(h->tls ? tls_why(h->tls) : "")),
			line);
		return;
	}
}

static void begin_tls(struct hop *h, struct out *line)
{
	char address[64];
	struct out o;

	out_init(&o, address, sizeof(address));
	ip_print(&o, &h->facts.peer.ip);
	out_cstr(&o);
	h->tls = tls_connect(h->hops->tls, h->route->tls, h->name[0] ? h->name : address, h->io.fd);
	h->state = HOP_SHAKING;
	shake(h, line);
}

/* ---- hearing ---- */

/* The hop may be gone afterwards. */
static void act(struct hop *h, enum hop_hello_next next, struct out *line)
{
	switch (next) {
	case HOP_HELLO_HEAR: return;
	case HOP_HELLO_SAY: say(h, out_span(line)); return;
	case HOP_HELLO_SHAKE: begin_tls(h, line); return;
	case HOP_HELLO_READY:
		h->facts.offer = h->hello.offer;
		hop_ready(h);
		return;
	case HOP_HELLO_AGAIN: hop_target_again(h); return;
	case HOP_HELLO_FAILED: hop_target_failed(h, h->hello.why, 0, h->hello.said); return;
	}
}

void hop_greet_lost(struct hop *h, int error, struct span said)
{
	if (hop_hello_lost(&h->hello, said) == HOP_HELLO_AGAIN)
		hop_target_again(h);
	else
		hop_target_failed(h, h->hello.why, error, said);
}

static void hear(struct hop *h, struct out *line)
{
	const ssize_t n = hop_read(h, h->in + h->in_n, sizeof(h->in) - h->in_n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		hop_greet_lost(h, errno, (struct span){ 0 });
		return;
	}
	if (n == 0) {
		hop_greet_lost(h, 0, SPAN("connection closed"));
		return;
	}
	h->in_n += (size_t)n;
	act(h, hop_hello_hear(&h->hello, span_of(h->in, h->in_n), line), line);
}

void hop_greet(struct hop *h)
{
	uint8_t block[HOP_HELLO_LINE_MAX];
	struct out line;

	out_init(&line, block, sizeof(block));
	if (h->state == HOP_SHAKING)
		shake(h, &line);
	else
		hear(h, &line);
}
