/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "proxy/relay/hop_inside.h"

static bool wants_tls(const struct hop *h)
{
	return h->route->tls == ROUTE_TLS_REQUIRED || h->route->tls == ROUTE_TLS_VERIFY;
}

/* ---- saying ---- */

/* A line is a few octets into an empty socket: that one does not take them is a failure. */
static bool say(struct hop *h, enum hop_state next, const char *word, const char *name)
{
	char line[300];
	struct out o;
	struct iovec piece;

	out_init(&o, line, sizeof(line));
	out_str(&o, word);
	out_str(&o, name);
	out_str(&o, "\r\n");
	piece = (struct iovec){ line, o.n };
	h->in_n = 0;
	reply_init(&h->reader);
	if (hop_write(h, &piece, 1) != (ssize_t)o.n)
		return false;
	h->state = next;
	hop_wait(h, EV_READ, next == HOP_ASKED ? HOP_ASK_MS : h->timeouts->command);
	return true;
}

static void say_or_fail(struct hop *h, enum hop_state next, const char *word, const char *name)
{
	if (!say(h, next, word, name))
		hop_target_failed(h, CODE_HOP_DOWN, errno, (struct span){ 0 });
}

void hop_ask(struct hop *h)
{
	say_or_fail(h, HOP_ASKED, "RSET", "");
}

void hop_greet_begin(struct hop *h)
{
	h->state = HOP_BANNER;
	h->in_n = 0;
	reply_init(&h->reader);
	hop_wait(h, EV_READ, h->timeouts->greeting);
}

/* ---- TLS ---- */

static void tls_failed(struct hop *h)
{
	const struct span why = span_str(h->tls ? tls_why(h->tls) : "");

	if (wants_tls(h)) {
		hop_target_failed(h, CODE_HOP_TLS, 0, why);
		return;
	}
	h->clear = true; /* opportunistic: as if it had not been offered */
	hop_target_again(h);
}

static void shake(struct hop *h)
{
	switch (tls_shake(h->tls)) {
	case TLS_DONE:
		h->facts.tls = tls_version(h->tls);
		say_or_fail(h, HOP_EHLO, "EHLO ", h->hops->hostname);
		return;
	case TLS_WANT_READ: hop_wait(h, EV_READ, h->timeouts->connect); return;
	case TLS_WANT_WRITE: hop_wait(h, EV_WRITE, h->timeouts->connect); return;
	case TLS_FAILED: tls_failed(h); return;
	}
}

static void begin_tls(struct hop *h)
{
	char address[64];
	struct out o;

	out_init(&o, address, sizeof(address));
	ip_print(&o, &h->facts.peer.ip);
	out_cstr(&o);
	h->tls = tls_connect(h->hops->tls, h->route->tls, h->name[0] ? h->name : address, h->io.fd);
	h->state = HOP_SHAKING;
	if (h->tls)
		shake(h);
	else
		tls_failed(h);
}

/* ---- hearing ---- */

static struct span first_line(const struct smtp_reply *reply)
{
	struct span text = { 0 };
	size_t at = 0;

	reply_line(reply, &at, &text);
	return text;
}

static void refused(struct hop *h, enum code code, const struct smtp_reply *reply)
{
	hop_target_failed(h, code, 0, first_line(reply));
}

static void offered(struct hop *h, const struct smtp_reply *reply)
{
	const struct ehlo_rules everything = { .allow = UINT32_MAX };

	ehlo_read(reply, &everything, &h->facts.offer);
	if (h->tls || h->route->tls == ROUTE_TLS_NONE || h->clear)
		hop_ready(h);
	else if (h->facts.offer.starttls)
		say_or_fail(h, HOP_STARTTLS, "STARTTLS", "");
	else if (wants_tls(h))
		hop_target_failed(h, CODE_HOP_TLS, 0, SPAN("STARTTLS is not offered"));
	else
		hop_ready(h);
}

/* What stands behind the 220 was written before there was TLS, whoever wrote it (CVE-2021-38371).
 */
static void starttls_answered(struct hop *h, const struct smtp_reply *reply)
{
	if (reply->code == 220 && reply->octets.n < h->in_n)
		hop_target_failed(h, CODE_HOP_TLS, 0, SPAN("octets behind the answer to STARTTLS"));
	else if (reply->code == 220)
		begin_tls(h);
	else if (wants_tls(h))
		refused(h, CODE_HOP_TLS, reply);
	else
		hop_ready(h);
}

static void take(struct hop *h, const struct smtp_reply *reply)
{
	const bool good = reply->code / 100 == 2;

	switch ((unsigned)h->state) {
	case HOP_BANNER:
		if (reply->code == 220)
			say_or_fail(h, HOP_EHLO, "EHLO ", h->hops->hostname);
		else
			refused(h, CODE_HOP_DOWN, reply);
		return;
	case HOP_EHLO:
		if (reply->code == 250)
			offered(h, reply);
		else if (reply->code / 100 == 5 && !h->tls && !wants_tls(h))
			say_or_fail(h, HOP_HELO, "HELO ", h->hops->hostname);
		else
			refused(h, CODE_HOP_DOWN, reply);
		return;
	case HOP_HELO:
		if (good)
			hop_ready(h);
		else
			refused(h, CODE_HOP_DOWN, reply);
		return;
	case HOP_STARTTLS: starttls_answered(h, reply); return;
	case HOP_ASKED:
		if (reply->code == 250 && reply->octets.n == h->in_n)
			hop_ready(h);
		else
			hop_target_again(h);
		return;
	}
}

static void hear(struct hop *h)
{
	enum smtp_fault fault;
	struct smtp_reply reply;

	switch (reply_next(&h->reader, h->in, h->in_n, &reply, &fault)) {
	case REPLY_MORE:
		if (h->in_n < sizeof(h->in))
			return;
		break;
	case REPLY_WHOLE:
		/* nobody speaks before he is asked, but for what take() looks at */
		if (reply.octets.n < h->in_n && h->state != HOP_STARTTLS && h->state != HOP_ASKED)
			break;
		take(h, &reply);
		return;
	case REPLY_FAULT: break;
	}
	hop_target_failed(h, CODE_HOP_DOWN, 0, SPAN("malformed reply"));
}

void hop_greet(struct hop *h)
{
	ssize_t n;

	if (h->state == HOP_SHAKING) {
		shake(h);
		return;
	}
	n = hop_read(h, h->in + h->in_n, sizeof(h->in) - h->in_n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && h->state == HOP_ASKED) { /* it was gone already */
		hop_target_again(h);
		return;
	}
	if (n <= 0) {
		hop_target_failed(h, CODE_HOP_DOWN, n < 0 ? errno : 0,
			n == 0 ? SPAN("connection closed") : (struct span){ 0 });
		return;
	}
	h->in_n += (size_t)n;
	hear(h);
}
