/* SPDX-License-Identifier: ISC */
#include "filter/relay/hop_hello.h"

void hop_hello_init(struct hop_hello *h, enum route_tls tls, const char *hostname)
{
	*h = (struct hop_hello){ .hostname = hostname, .tls = tls };
	reply_init(&h->reader);
}

static bool wants_tls(const struct hop_hello *h)
{
	return h->tls == ROUTE_TLS_REQUIRED || h->tls == ROUTE_TLS_VERIFY;
}

/* ---- saying ---- */

static enum hop_hello_next say(struct hop_hello *h, enum hop_hello_state next, const char *word,
	const char *name, struct out *line)
{
	out_str(line, word);
	out_str(line, name);
	out_str(line, "\r\n");
	h->state = next;
	reply_init(&h->reader);
	return HOP_HELLO_SAY;
}

static enum hop_hello_next say_ehlo(struct hop_hello *h, struct out *line)
{
	return say(h, HOP_HELLO_EHLO, "EHLO ", h->hostname, line);
}

void hop_hello_begin(struct hop_hello *h)
{
	h->state = HOP_HELLO_BANNER;
	h->inside = false;
	h->offer = (struct ehlo_offer){ 0 };
	reply_init(&h->reader);
}

void hop_hello_ask(struct hop_hello *h, struct out *line)
{
	h->clear = false; /* of the next connection, should this one be gone */
	say(h, HOP_HELLO_ASKED, "RSET", "", line);
}

/* ---- failing ---- */

static enum hop_hello_next fail(struct hop_hello *h, enum code why, struct span said)
{
	h->why = why;
	h->said = said;
	return HOP_HELLO_FAILED;
}

enum hop_hello_next hop_hello_lost(struct hop_hello *h, struct span said)
{
	if (h->state == HOP_HELLO_ASKED) /* it was gone already */
		return HOP_HELLO_AGAIN;
	return fail(h, CODE_HOP_DOWN, said);
}

/* ---- TLS ---- */

enum hop_hello_next hop_hello_secured(struct hop_hello *h, struct out *line)
{
	h->inside = true;
	return say_ehlo(h, line);
}

enum hop_hello_next hop_hello_unsecured(struct hop_hello *h, struct span why)
{
	if (wants_tls(h))
		return fail(h, CODE_HOP_TLS, why);
	h->clear = true; /* opportunistic: as if it had not been offered */
	return HOP_HELLO_AGAIN;
}

/* ---- hearing ---- */

static enum hop_hello_next offered(
	struct hop_hello *h, const struct smtp_reply *reply, struct out *line)
{
	const struct ehlo_rules everything = { .allow = UINT32_MAX };

	ehlo_read(reply, &everything, &h->offer);
	if (h->inside || h->tls == ROUTE_TLS_NONE || h->clear)
		return HOP_HELLO_READY;
	if (h->offer.starttls)
		return say(h, HOP_HELLO_STARTTLS, "STARTTLS", "", line);
	if (wants_tls(h))
		return fail(h, CODE_HOP_TLS, SPAN("STARTTLS is not offered"));
	return HOP_HELLO_READY;
}

static enum hop_hello_next ehlo_answered(
	struct hop_hello *h, const struct smtp_reply *reply, struct out *line)
{
	if (reply->code == 250)
		return offered(h, reply, line);
	if (reply->code / 100 != 5 || h->inside)
		return fail(h, CODE_HOP_DOWN, reply_first_line(reply));
	if (wants_tls(h)) /* it knows no EHLO, and so no STARTTLS */
		return fail(h, CODE_HOP_TLS, reply_first_line(reply));
	return say(h, HOP_HELLO_HELO, "HELO ", h->hostname, line);
}

/* What stands behind the 220 was written before there was TLS, whoever wrote it (CVE-2021-38371).
 */
static enum hop_hello_next starttls_answered(
	struct hop_hello *h, const struct smtp_reply *reply, bool more)
{
	if (reply->code == 220)
		return more ? fail(h, CODE_HOP_TLS, SPAN("octets behind the answer to STARTTLS"))
			    : HOP_HELLO_SHAKE;
	return wants_tls(h) ? fail(h, CODE_HOP_TLS, reply_first_line(reply)) : HOP_HELLO_READY;
}

static enum hop_hello_next malformed(struct hop_hello *h)
{
	return hop_hello_lost(h, SPAN("malformed reply"));
}

/* @more: octets stand behind the reply. */
static enum hop_hello_next take(
	struct hop_hello *h, const struct smtp_reply *reply, bool more, struct out *line)
{
	switch (h->state) {
	case HOP_HELLO_ASKED:
		return reply->code == 250 && !more ? HOP_HELLO_READY : HOP_HELLO_AGAIN;
	case HOP_HELLO_STARTTLS: return starttls_answered(h, reply, more);
	case HOP_HELLO_BANNER:
	case HOP_HELLO_EHLO:
	case HOP_HELLO_HELO: break;
	}
	if (more)
		return malformed(h);
	if (h->state == HOP_HELLO_EHLO)
		return ehlo_answered(h, reply, line);
	if (h->state == HOP_HELLO_BANNER && reply->code == 220)
		return say_ehlo(h, line);
	if (h->state == HOP_HELLO_HELO && reply->code / 100 == 2)
		return HOP_HELLO_READY;
	return fail(h, CODE_HOP_DOWN, reply_first_line(reply));
}

enum hop_hello_next hop_hello_hear(struct hop_hello *h, struct span window, struct out *line)
{
	enum smtp_fault fault;
	struct smtp_reply reply;

	switch (reply_next(&h->reader, window.p, window.n, &reply, &fault)) {
	case REPLY_MORE: return window.n < SMTP_REPLY_MAX ? HOP_HELLO_HEAR : malformed(h);
	case REPLY_WHOLE: return take(h, &reply, reply.octets.n < window.n, line);
	case REPLY_FAULT: break;
	}
	return malformed(h);
}
