/* SPDX-License-Identifier: ISC */
/*
 * A relay's session whole, in memory: inspected, and its server the inner one. What clients and
 * hops hear, however the client's octets are cut.
 */
#include <stdio.h>

#include "filter/policy/inspect.h"
#include "filter/relay/inner.h"
#include "support.h"
#include "test/unit/rule_of.h"

static const char rules[] = "version 1\n"
			    "set d { members example.org }\n"
			    "certificate c { chain \"c.pem\"; key \"k.pem\" }\n"
			    "auth a { via file \"p\"; mechanisms PLAIN }\n"
			    "auth n { via next-hop; mechanisms PLAIN }\n"
			    "route one { domains example.org; next-hop 10.0.0.21:25 }\n"
			    "relay r { listen 198.51.100.3:587 starttls certificate c\n%s\n"
			    "deliver one; limit message 64KiB }\n";

#define OPEN    "recipients in d"
#define HELLO   "EHLO c.example.net\r\n"
#define MAIL    "MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n"
#define GREETED "220 gw.test ESMTP\r\n250 ENHANCEDSTATUSCODES\r\n"
#define TAKEN   GREETED "250 2.1.0 OK\r\n250 b\r\n"
#define GO      "354 End data with <CR><LF>.<CR><LF>\r\n"
#define TRACE(with, tls)                                                                           \
	"Received: from c.example.net ([192.0.2.9])\r\n\tby gw.test with " with " id S1" tls       \
	";\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"

struct talk {
	const char *name, *rule, *client;
	const char *replies[12];  /* to each line of ours; "LOST" */
	const char *heard, *told; /* by the client, by hops; without lines "250-" */
	bool ends;                /* the session is over then */
};

struct play {
	const struct talk *talk;
	struct inspect inspect;
	struct inner inner;
	uint32_t incidents;
	struct out heard, told, wire, back; /* wire: to the inner server, back: from it */
	char blocks[4][1 << 16];
	char rule[2048]; /* its text, which what was built points into */
	size_t answered, next;
	bool in_text;
	struct span due; /* octets of the hop on their way */
};

static void on_note(void *context, const struct inspect_note *note)
{
	(void)context;
	(void)note;
}

static uint32_t on_incident(void *context)
{
	return ++((struct play *)context)->incidents;
}

static struct limit_answer on_room(void *context, enum tally_what what, uint64_t n, bool take)
{
	(void)context;
	(void)what;
	(void)n;
	(void)take;
	return (struct limit_answer){ .code = CODE_COUNT };
}

static void on_count(void *context, enum tally_what what, uint64_t n)
{
	(void)context;
	(void)what;
	(void)n;
}

static void drop(struct out *o, size_t n)
{
	memmove(o->p, o->p + n, o->n - n);
	o->n -= n;
}

/* ---- the hop ---- */

static void hop_answers(struct play *p)
{
	const struct span s = span_from(out_span(&p->told), p->answered);
	const char *reply = p->talk->replies[p->next];
	const struct span end = p->in_text ? SPAN("\r\n.\r\n") : SPAN("\r\n");
	const uint8_t *at = s.n > 0 ? memmem(s.p, s.n, end.p, end.n) : NULL;

	if (at == NULL || p->due.n > 0 || reply == NULL || !p->inner.has_hop)
		return;
	p->answered = (size_t)(at - p->told.p) + end.n;
	p->next++;
	p->in_text = strncmp(reply, "354", 3) == 0;
	if (strcmp(reply, "LOST") == 0)
		inner_hop_lost(&p->inner, &p->back);
	else
		p->due = span_str(reply);
}

static void hop_gone(struct play *p, const char *how)
{
	out_str(&p->told, how);
	p->answered = p->told.n;
	p->due.n = 0;
	p->in_text = false;
	inner_hop_gone(&p->inner);
}

/* ---- the adapter ---- */

static void obey_inner(struct play *p, const struct inner_step *step)
{
	const struct ehlo_offer offer = { .extensions =
						  SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(AUTH) };
	struct inner *i = &p->inner;

	if (i->want & INNER_RELEASE)
		hop_gone(p, "[release]");
	if (i->want & INNER_ABORT)
		hop_gone(p, "[abort]");
	if (i->want & INNER_HOP)
		inner_hop_ready(i, &offer);
	if (i->want & INNER_LOGIN) {
		const bool good = span_eq(step->text, SPAN("Z29vZA=="));
		inner_login_told(i);
		if (!step->has_text) /* by a next hop: it may try */
			inner_login_challenge(i, SPAN(""), &p->back);
		inner_login_done(i,
			good ? (struct smtp_local){ .code = 235, .text = "2.7.0 OK" }
			     : (struct smtp_local){ .code = 535, .text = "5.7.8 No" },
			&p->back);
	}
	if (i->want & (INNER_LOGIN_MORE | INNER_LOGIN_CANCEL))
		inner_login_told(i);
	assert_int_equal(i->want, 0);
}

static void obey_inspect(struct play *p)
{
	if (p->inspect.want & INSPECT_RESET_SERVER) {
		p->wire.n = p->back.n = 0;
		inner_reset(&p->inner);
		obey_inner(p, &(struct inner_step){ 0 });
		inspect_reset_kept(&p->inspect);
	}
	if (p->inspect.want & INSPECT_TLS) {
		inspect_secured(&p->inspect);
		inner_secured(&p->inner, "TLSv1.3", "AES");
	}
}

static bool inspect_turn(struct play *p, enum smtp_dir dir, struct span *window)
{
	struct inspect_step step;
	const bool more =
		inspect_step(&p->inspect, dir, window->p, window->n, &p->heard, &p->wire, &step);

	out_bytes(&p->wire, step.forward);
	*window = span_sub(*window, 0, step.size); /* what was taken */
	return more;
}

static bool turn(struct play *p, struct span *client, size_t *seen)
{
	struct span taken = span_sub(*client, 0, *seen), back = out_span(&p->back);
	struct inner_step step;
	bool more = inspect_turn(p, SMTP_C2S, &taken);

	*client = span_from(*client, taken.n);
	*seen -= taken.n;
	more = inspect_turn(p, SMTP_S2C, &back) || more;
	drop(&p->back, back.n);
	obey_inspect(p);
	more = inner_step(&p->inner, out_span(&p->wire), p->due, &p->back, &p->told, &step) || more;
	out_bytes(&p->told, step.forward);
	p->due = span_from(p->due, step.hop);
	obey_inner(p, &step);
	drop(&p->wire, step.engine);
	hop_answers(p);
	return more || p->due.n > 0;
}

static void begin(struct play *p, const struct talk *talk)
{
	static const struct inspect_ops ops = {
		.note = on_note, .incident = on_incident, .room = on_room, .count = on_count
	};
	struct out *const outs[] = { &p->heard, &p->told, &p->wire, &p->back };
	const struct publish *rule = rule_of(
		span_of(p->rule, (size_t)snprintf(p->rule, sizeof(p->rule), rules, talk->rule)));
	const struct relay *relay = (const struct relay *)(const void *)rule;
	const struct inner_conf conf = { .hostname = "gw.test",
		.id = "S1",
		.client = { IP_V4, { 192, 0, 2, 9 } },
		.relay = relay };
	const struct ip_port client = { .ip = conf.client, .port = 40000 };

	p->talk = talk;
	for (size_t i = 0; i < COUNT_OF(outs); i++)
		out_init(outs[i], p->blocks[i], sizeof(p->blocks[i]));
	inspect_init(&p->inspect, rule, &ops, p, &client);
	inspect_init_relay(&p->inspect, POLICY_TLS_OFFERED, relay->auth_required);
	inspect_dialled(&p->inspect);
	inner_init(&p->inner, &conf);
}

/* How many octets of the client's are there: it waits for the answer to STARTTLS. */
static size_t shown(struct span client, size_t n)
{
	const struct span word = SPAN("STARTTLS\r\n");
	const uint8_t *at = memmem(client.p, client.n, word.p, word.n);
	const size_t all = at != NULL ? (size_t)(at - client.p) + word.n : client.n;

	return n < all ? n : all;
}

static void run(struct play *p, const struct talk *talk, size_t cut)
{
	struct span client = span_str(talk->client);
	size_t seen = 0;

	memset(p, 0, sizeof(*p));
	begin(p, talk);
	for (unsigned idle = 0; idle < 3;) {
		const bool more = turn(p, &client, &seen);

		idle = more ? 0 : idle + 1;
		if (idle > 0 && seen < client.n) {
			seen = shown(client, seen + cut);
			idle = 0;
			if (p->inspect.want & INSPECT_END)
				return;
		}
	}
}

static const struct talk talks[] = {
	{ "a message, all at once", OPEN, HELLO MAIL "DATA\r\nx\r\n.\r\n" MAIL "QUIT\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n", "250 ok\r\n",
			"250 b\r\n" },
		TAKEN GO "250 queued\r\n250 2.1.0 OK\r\n250 b\r\n221 2.0.0 Bye\r\n",
		MAIL "DATA\r\n" TRACE("ESMTP", "") "x\r\n.\r\n[release]" MAIL "[release]", true },
	{ "a login inside TLS", "auth required a; recipients any",
		HELLO MAIL "STARTTLS\r\n" HELLO "AUTH PLAIN YmFk\r\nAUTH PLAIN Z29vZA==\r\n" MAIL
			   "DATA\r\nx\r\n.\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n" },
		GREETED
		"530 5.7.0 Authentication required [000001]\r\n503 5.5.1 Out of sequence "
		"[000002]\r\n"
		"220 2.0.0 Ready to start TLS\r\n250 ENHANCEDSTATUSCODES\r\n535 5.7.8 No\r\n"
		"235 2.7.0 OK\r\n250 2.1.0 OK\r\n250 b\r\n" GO "250 queued\r\n",
		MAIL "DATA\r\n" TRACE("ESMTPSA", "\r\n\t(TLSv1.3 AES)") "x\r\n.\r\n[release]",
		false },
	{ "a bare LF in a message", OPEN,
		HELLO MAIL "DATA\r\nx\ny\r\n.\r\n" MAIL "DATA\r\nz\r\n.\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", "250 b\r\n", "354 go\r\n",
			"250 queued\r\n" },
		TAKEN GO "554 5.6.0 Bare LF in message [000001]\r\n250 2.1.0 OK\r\n250 b\r\n" GO
			 "250 queued\r\n",
		NULL, false },
	{ "the hop is lost in a message", OPEN, HELLO MAIL "DATA\r\nx\r\n.\r\n" MAIL "QUIT\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "LOST", "250 ok\r\n", "250 b\r\n" },
		TAKEN GO "451 4.4.2 Connection to next hop lost\r\n250 2.1.0 OK\r\n250 b\r\n"
			 "221 2.0.0 Bye\r\n",
		NULL, true },
	{ "the hop is lost at RCPT", OPEN, HELLO MAIL "RSET\r\n" MAIL,
		{ "250 ok\r\n", "LOST", "250 ok\r\n", "250 b\r\n" },
		GREETED "250 2.1.0 OK\r\n451 4.4.2 Connection to next hop lost\r\n"
			"250 2.0.0 OK\r\n250 2.1.0 OK\r\n250 b\r\n",
		MAIL "[abort]" MAIL, false },
	{ "chunks", OPEN, HELLO MAIL "BDAT 3\r\n.\r\nBDAT 1 LAST\r\n.",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n" },
		TAKEN "250 2.0.0 Chunk taken\r\n250 queued\r\n",
		MAIL "DATA\r\n" TRACE("ESMTP", "") "..\r\n..\r\n.\r\n[release]", false },
	{ "RSET between chunks", OPEN, HELLO MAIL "BDAT 3\r\nx\r\nRSET\r\n" MAIL,
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", "250 b\r\n" },
		TAKEN "250 2.0.0 Chunk taken\r\n250 2.0.0 OK\r\n250 2.1.0 OK\r\n250 b\r\n",
		MAIL "DATA\r\n" TRACE("ESMTP", "") "x\r\n[abort]" MAIL, false },
	{ "a hop that takes no chunk", OPEN,
		HELLO MAIL "BDAT 1\r\nx"
			   "RSET\r\n" MAIL,
		{ "250 ok\r\n", "250 b\r\n", "452 full\r\n", "250 ok\r\n", "250 b\r\n" },
		TAKEN "452 4.3.0 Next hop takes no text now\r\n"
		      "250 2.0.0 OK\r\n250 2.1.0 OK\r\n250 b\r\n",
		MAIL "DATA\r\n[release]" MAIL, false },
	{ "the hop of a login is lost", "auth required n; recipients any",
		"EHLO x\r\nSTARTTLS\r\n" HELLO "AUTH PLAIN Z29vZA==\r\n" MAIL "NOOP\r\n",
		{ "235 in\r\n", "250 ok\r\n", "LOST" },
		GREETED "220 2.0.0 Ready to start TLS\r\n250 ENHANCEDSTATUSCODES\r\n235 in\r\n"
			"250 2.1.0 OK\r\n421 4.4.2 Connection to next hop lost\r\n",
		"AUTH PLAIN Z29vZA==\r\n" MAIL "[abort]", true },
	{ "RSET between chunks of one who logged in there", "auth required n; recipients any",
		"EHLO x\r\nSTARTTLS\r\n" HELLO "AUTH PLAIN Z29vZA==\r\n" MAIL
		"BDAT 1\r\nxRSET\r\nNOOP\r\n",
		{ "235 in\r\n", "250 ok\r\n", "250 b\r\n", "354 go\r\n" },
		GREETED "220 2.0.0 Ready to start TLS\r\n250 ENHANCEDSTATUSCODES\r\n235 in\r\n"
			"250 2.1.0 OK\r\n250 b\r\n250 2.0.0 Chunk taken\r\n250 2.0.0 OK\r\n"
			"421 4.4.2 Connection to next hop lost\r\n",
		NULL, true },
	{ "no recipient but ours, and postmaster", OPEN,
		HELLO "MAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<postmaster>\r\n",
		{ "250 ok\r\n", "250 p\r\n" },
		GREETED
		"250 2.1.0 OK\r\n550 5.7.1 Recipient not accepted here [000001]\r\n250 p\r\n",
		"MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n", false },
};

/* EHLO's lines are other tests' matter. */
static void leave_out(struct out *o, struct span text)
{
	while (text.n > 0) {
		const struct span line = span_sub(text, 0, span_chr(text, '\n') + 1);

		if (!span_istarts(line, SPAN("250-")))
			out_bytes(o, line);
		text = span_from(text, line.n);
	}
}

static void sessions(void **state)
{
	static struct play p;
	static uint8_t block[1 << 16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(talks); i++)
		for (size_t cut = 1; cut < 400; cut += cut < 8 ? 1 : 53) {
			const struct talk *t = &talks[i];
			char how[32];
			struct out heard;

			snprintf(how, sizeof(how), "%zu octets at a time", cut);
			run(&p, t, cut);
			out_init(&heard, block, sizeof(block));
			leave_out(&heard, out_span(&p.heard));
			expect_octets(out_span(&heard), span_str(t->heard), t->name, how);
			if (t->told != NULL)
				expect_octets(out_span(&p.told), span_str(t->told), t->name, how);
			assert_int_equal((p.inspect.want & INSPECT_END) != 0, t->ends);
		}
}

/* TLS-08, CVE-2011-0411: what was written before TLS is never taken for something said inside. */
static void octets_behind_starttls_end_the_session(void **state)
{
	static const struct talk talk = { "injected", OPEN, HELLO "STARTTLS\r\nEHLO evil\r\n",
		{ NULL }, NULL, NULL, true };
	static struct play p;
	struct span client = span_str(talk.client);
	size_t seen = client.n;

	(void)state;
	memset(&p, 0, sizeof(p));
	begin(&p, &talk);
	for (unsigned i = 0; i < 20; i++)
		turn(&p, &client, &seen);
	assert_int_equal(p.inspect.want, INSPECT_END);
	assert_int_equal(client.n, sizeof("EHLO evil\r\n") - 1);
	p.blocks[0][p.heard.n] = '\0';
	assert_non_null(strstr(p.blocks[0], "554 5.5.1 Input behind STARTTLS"));
	assert_null(strstr(p.blocks[0], "\n220 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions),
		cmocka_unit_test(octets_behind_starttls_end_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
