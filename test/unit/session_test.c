/* SPDX-License-Identifier: ISC */
#include "filter/smtp/session.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/support.h"

/*
 * Conversations, at every cut. Each part begins with "C:" or "S:" and is what that side sends at
 * once. The transcript has one fact an event: the verb of a command let through, "-word" for a
 * defect (refused here), "=code" for a reply, octets that go inward as text, "end", "dropped",
 * "!word" for a fault, "lost" where the server connection was given up;
 * "(n)" at the end: octets of the client left in the window.
 */
#define EHLO_REPLY                                                                                 \
	"S:250-in.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-AUTH PLAIN "       \
	"LOGIN\r\n250 BINARYMIME\r\n"
#define GREETED  "S:220 in.test\r\n", "C:EHLO c.test\r\n", EHLO_REPLY
#define GREETED_ "=220 EHLO =250"
#define OPEN                                                                                       \
	GREETED, "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n", "S:250 ok\r\n250 ok\r\n"
#define OPEN_ GREETED_ " MAIL RCPT =250 =250"
#define TEXT  OPEN, "C:DATA\r\n", "S:354 go\r\n"
#define TEXT_ OPEN_ " DATA =354"

struct conversation {
	const char *name;
	const char *parts[12];
	const char *want;
};

static const struct conversation conversations[] = {
	/* greeting */
	{ "the greeting is awaited", { "C:EHLO c.test\r\n" }, "(13)" },
	{ "what came before the greeting is read after it", { "C:NOOP\r\n", "S:220 in.test\r\n" },
		"=220 NOOP (0)" },
	{ "a greeting that refuses ends it", { "S:554 no\r\n" }, "=554 (0)" },
	{ "a greeting of another class is a fault", { "S:354 go\r\n" }, "!s-reply-class (0)" },

	/* order and synchronisation */
	{ "MAIL before EHLO", { "S:220 x\r\n", "C:MAIL FROM:<a@out.test>\r\n" },
		"=220 -sequence (0)" },
	{ "commands pass together where PIPELINING is offered",
		{ GREETED, "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n",
			"S:250 a\r\n250 b\r\n354 c\r\n" },
		GREETED_ " MAIL RCPT DATA =250 =250 =354 (0)" },
	{ "one at a time where it is not",
		{ "S:220 x\r\n", "C:HELO c.test\r\n", "S:250 x\r\n", "C:NOOP\r\nNOOP\r\n",
			"S:250 ok\r\n" },
		"=220 HELO =250 NOOP =250 NOOP (0)" },
	{ "EHLO holds what stands behind it", { "S:220 x\r\n", "C:EHLO c.test\r\nNOOP\r\n" },
		"=220 EHLO (6)" },
	{ "QUIT holds what stands behind it", { GREETED, "C:QUIT\r\nNOOP\r\n" },
		GREETED_ " QUIT (6)" },
	{ "behind QUIT's answer nothing is read",
		{ GREETED, "C:QUIT\r\nNOOP\r\n", "S:221 bye\r\n" }, GREETED_ " QUIT =221 (6)" },
	{ "RCPT before MAIL", { GREETED, "C:RCPT TO:<b@in.test>\r\n" }, GREETED_ " -sequence (0)" },
	{ "DATA before RCPT", { GREETED, "C:MAIL FROM:<a@out.test>\r\nDATA\r\n" },
		GREETED_ " MAIL -sequence (0)" },
	{ "DATA when every RCPT was refused",
		{ GREETED, "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n",
			"S:250 a\r\n550 b\r\n", "C:DATA\r\n" },
		GREETED_ " MAIL RCPT =250 =550 -sequence (0)" },
	{ "a second MAIL", { GREETED, "C:MAIL FROM:<a@out.test>\r\nMAIL FROM:<c@out.test>\r\n" },
		GREETED_ " MAIL -sequence (0)" },
	{ "after a refused MAIL there is no transaction",
		{ GREETED, "C:MAIL FROM:<a@out.test>\r\n", "S:550 no\r\n",
			"C:RCPT TO:<b@in.test>\r\n" },
		GREETED_ " MAIL =550 -sequence (0)" },
	{ "RSET ends the transaction", { OPEN, "C:RSET\r\nDATA\r\n" },
		OPEN_ " RSET -sequence (0)" },
	{ "EHLO that is refused leaves the transaction",
		{ OPEN, "C:EHLO d.test\r\n", "S:500 no\r\n", "C:DATA\r\n" },
		OPEN_ " EHLO =500 DATA (0)" },
	{ "EHLO that is accepted ends it", { OPEN, "C:EHLO d.test\r\n", EHLO_REPLY, "C:DATA\r\n" },
		OPEN_ " EHLO =250 -sequence (0)" },
	{ "a late answer of an older transaction opens nothing",
		{ GREETED, "C:MAIL FROM:<a@out.test>\r\nRSET\r\n", "S:250 a\r\n250 b\r\n",
			"C:RCPT TO:<b@in.test>\r\n" },
		GREETED_ " MAIL RSET =250 =250 -sequence (0)" },

	/* text */
	{ "text goes inward up to its end", { TEXT, "C:x\r\n.\r\nNOOP\r\n" },
		TEXT_ " 'x\\r\\n' end NOOP (0)" },
	{ "text that came before 354 is text", { OPEN, "C:DATA\r\nx\r\n.\r\n", "S:354 go\r\n" },
		OPEN_ " DATA =354 'x\\r\\n' end (0)" },
	{ "input behind DATA that the server refuses",
		{ OPEN, "C:DATA\r\nVRFY x\r\n", "S:554 no\r\n" }, OPEN_ " DATA !c-early-text (8)" },
	{ "DATA refused with nothing behind it",
		{ OPEN, "C:DATA\r\n", "S:554 no\r\n", "C:RSET\r\n" }, OPEN_ " DATA =554 RSET (0)" },
	{ "a bare LF gives the server up; the real end is awaited",
		{ TEXT, "C:x\n.\nMAIL FROM:<e@out.test>\r\n.\r\nNOOP\r\n" },
		TEXT_ " 'x' -text-bare-lf lost dropped NOOP* (0)" },
	{ "an answer before the end of data", { TEXT, "C:x\r\n", "S:250 ok\r\n" },
		TEXT_ " 'x\\r\\n' !s-reply-early (0)" },
	{ "421 in mid-text", { TEXT, "C:x\r\n", "S:421 bye\r\n" }, TEXT_ " 'x\\r\\n' =421 (0)" },

	/* chunks */
	{ "chunks count octets", { OPEN, "C:BDAT 3\r\na\r\nBDAT 5 LAST\r\n.\r\n\r\nNOOP\r\n" },
		OPEN_ " BDAT 'a\\r\\n' BDAT '.\\r\\n\\r\\n' end NOOP (0)" },
	{ "the first chunk waits for the answers of RCPT",
		{ GREETED, "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nBDAT 1 LAST\r\nx",
			"S:250 a\r\n" },
		GREETED_ " MAIL RCPT =250 (14)" },
	{ "... and is swallowed when none was accepted",
		{ GREETED,
			"C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nBDAT 6 "
			"LAST\r\nNOOP\r\nRSET\r\n",
			"S:250 a\r\n550 b\r\n" },
		GREETED_ " MAIL RCPT =250 =550 -sequence dropped RSET (0)" },
	{ "a refused chunk loses the message",
		{ OPEN, "C:BDAT 2\r\n\r\n", "S:552 no\r\n", "C:BDAT 2 LAST\r\nx\nDATA\r\n" },
		OPEN_ " BDAT '\\r\\n' =552 -sequence dropped -sequence (0)" },
	{ "DATA does not mix with chunks",
		{ OPEN, "C:BDAT 2\r\n\r\n", "S:250 ok\r\n", "C:DATA\r\n" },
		OPEN_ " BDAT '\\r\\n' =250 -sequence (0)" },
	{ "a size that is none is final", { OPEN, "C:BDAT -1 LAST\r\n" },
		OPEN_ " !c-bdat-size (14)" },
	{ "a chunk's answer before its octets", { OPEN, "C:BDAT 9 LAST\r\nx", "S:250 ok\r\n" },
		OPEN_ " BDAT 'x' !s-reply-early (0)" },
	{ "an empty last chunk", { OPEN, "C:BDAT 0 LAST\r\nNOOP\r\n" },
		OPEN_ " BDAT end NOOP (0)" },
	{ "a NUL in a chunk", { OPEN, "C:BDAT 9 LAST\r\nab\1cdefghNOOP\r\n" },
		OPEN_ " BDAT 'ab' -text-nul lost dropped NOOP* (0)" },

	/* authentication */
	{ "a response is no command",
		{ GREETED, "C:AUTH LOGIN\r\n", "S:334 VXNlcg==\r\n", "C:QUIT\r\n" },
		GREETED_ " AUTH =334 authentication response (0)" },
	{ "a response that is no base64 cancels",
		{ GREETED, "C:AUTH LOGIN\r\n", "S:334 VXNlcg==\r\n", "C:a b\r\n" },
		GREETED_ " AUTH =334 -sasl-syntax (0)" },
	{ "AUTH twice",
		{ GREETED, "C:AUTH PLAIN AGEAYg==\r\n", "S:235 ok\r\n",
			"C:AUTH PLAIN AGEAYg==\r\n" },
		GREETED_ " AUTH =235 -sequence (0)" },
	{ "AUTH in a transaction", { OPEN, "C:AUTH PLAIN AGEAYg==\r\n" }, OPEN_ " -sequence (0)" },

	/* replies */
	{ "an answer to nothing", { GREETED, "S:250 ok\r\n" }, GREETED_ " !s-reply-unasked (0)" },
	{ "a code that does not fit", { GREETED, "C:NOOP\r\n", "S:354 go\r\n" },
		GREETED_ " NOOP !s-reply-class (0)" },
	{ "RSET must be obeyed", { GREETED, "C:RSET\r\n", "S:500 no\r\n" },
		GREETED_ " RSET !s-reply-class (0)" },
	{ "no reply at all", { GREETED, "S:hello\r\n" }, GREETED_ " !s-reply-syntax (0)" },
	{ "421 unasked", { GREETED, "S:421 bye\r\n", "C:NOOP\r\n" }, GREETED_ " =421 (6)" },

	/* lines */
	{ "a TLS handshake", { GREETED, "C:\x16\x03\x01" }, GREETED_ " !c-tls (3)" },
	{ "XEXCH50 announces octets of no known end", { GREETED, "C:XEXCH50 2 2\r\n" },
		GREETED_ " !c-payload (13)" },
	{ "a flawed line is one defect", { GREETED, "C:NOOP x\nRSET\r\nNOOP\r\n" },
		GREETED_ " -line-bare-lf NOOP (0)" },
	{ "BDAT in a flawed line", { GREETED, "C: \tBDAT 5\n\r\n" },
		GREETED_ " !c-bdat-size (11)" },
};

/* ---- playing ---- */

struct play {
	struct smtp_session s;
	struct smtp_conf conf;
	struct seen *seen;
	uint8_t in[2][4096];
	size_t n[2];
};

static const char *word_of(const struct smtp_event *ev)
{
	return ev->type == SMTP_EV_FAULT ? smtp_fault_name((enum smtp_fault)ev->code)
					 : smtp_defect_name((enum smtp_defect)ev->code);
}

static void refuse(
	struct play *p, const struct smtp_event *ev, struct out *client, struct out *server)
{
	static const struct smtp_local no = { .code = 500, .text = "5.5.0 no" };

	seen_fact(p->seen, "-%s", word_of(ev));
	smtp_refuse(&p->s, ev, no, client, server);
	if (!p->s.linked)
		seen_fact(p->seen, "lost");
}

static void command(
	struct play *p, const struct smtp_event *ev, struct out *client, struct out *server)
{
	static const struct smtp_local ok = { .code = 250, .text = "2.0.0 OK" };

	seen_fact(p->seen, "%s%s", smtp_verb_name(ev->verb), p->s.linked ? "" : "*");
	if (p->s.linked)
		smtp_accept(&p->s, ev, client, server);
	else
		smtp_answer(&p->s, ev, ok, client);
}

static bool take(struct play *p, enum smtp_dir dir)
{
	static uint8_t blocks[2][SMTP_OUT_MAX];
	struct out client, server;
	struct smtp_event ev;

	out_init(&client, blocks[0], sizeof blocks[0]);
	out_init(&server, blocks[1], sizeof blocks[1]);
	smtp_next(&p->s, dir, p->in[dir], p->n[dir], &ev);
	switch (ev.type) {
	case SMTP_EV_NONE: return false;
	case SMTP_EV_FAULT:
		seen_fact(p->seen, "!%s", word_of(&ev));
		p->n[SMTP_S2C] = dir == SMTP_S2C ? 0 : p->n[SMTP_S2C];
		return false;
	case SMTP_EV_SKIP: break;
	case SMTP_EV_BODY: seen_text(p->seen, ev.text); break;
	case SMTP_EV_COMMAND: command(p, &ev, &client, &server); break;
	case SMTP_EV_REPLY:
		seen_fact(p->seen, "=%d", ev.code);
		smtp_accept(&p->s, &ev, &client, &server);
		break;
	case SMTP_EV_BODY_END:
		seen_fact(p->seen, ev.dropped ? "dropped" : "end");
		smtp_accept(&p->s, &ev, &client, &server);
		break;
	case SMTP_EV_DEFECT: refuse(p, &ev, &client, &server); break;
	}
	assert_false(client.full || server.full);
	assert_true(ev.size <= p->n[dir]);
	p->n[dir] -= ev.size;
	memmove(p->in[dir], p->in[dir] + ev.size, p->n[dir]);
	return true;
}

static void feed(struct play *p, enum smtp_dir dir, const char *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) /* the table is of strings: \1 stands for NUL */
		p->in[dir][p->n[dir]++] =
			(uint8_t)(octets[i] == '\1' && dir == SMTP_C2S && octets[0] != '\x16'
					  ? 0
					  : octets[i]);
	while (take(p, SMTP_C2S) || take(p, SMTP_S2C))
		;
}

static void play(const struct conversation *c, size_t cut, struct seen *seen)
{
	static struct play p;

	memset(&p, 0, sizeof p);
	p.conf.extensions = UINT32_MAX;
	for (unsigned v = 0; v < SMTP_VERB_NAMED; v++)
		p.conf.line_max[v] = 512;
	p.seen = seen;
	smtp_session_init(&p.s, &p.conf);
	for (size_t i = 0; i < COUNT_OF(c->parts) && c->parts[i] != NULL; i++) {
		const enum smtp_dir dir = c->parts[i][0] == 'C' ? SMTP_C2S : SMTP_S2C;
		const char *octets = c->parts[i] + 2;
		const size_t n = strlen(octets), first = cut < n ? cut : n;

		feed(&p, dir, octets, first);
		if (first < n)
			feed(&p, dir, octets + first, n - first);
	}
	seen_fact(seen, "(%zu)", p.n[SMTP_C2S]);
}

static size_t longest(const struct conversation *c)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(c->parts) && c->parts[i] != NULL; i++)
		n = strlen(c->parts[i]) > n ? strlen(c->parts[i]) : n;
	return n;
}

static void conversations_go_the_same_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(conversations); i++)
		for (size_t cut = 1; cut <= longest(&conversations[i]); cut++) {
			static struct seen seen;
			char how[32];

			seen_init(&seen);
			play(&conversations[i], cut, &seen);
			snprintf(how, sizeof how, "cut at %zu", cut);
			expect_str(
				seen_str(&seen), conversations[i].want, conversations[i].name, how);
		}
}

/* ---- what the transcripts do not show ---- */

static void own_replies_wait_their_turn(void **state)
{
	static const char *const parts[] = { GREETED, "C:NOOP\r\nWHAT\r\nNOOP\r\nWHAT\r\n" };
	static struct play p;
	static struct seen seen;
	static uint8_t blocks[2][SMTP_OUT_MAX];
	struct out client, server;
	struct smtp_event ev;

	(void)state;
	memset(&p, 0, sizeof p);
	p.conf.extensions = UINT32_MAX;
	for (unsigned v = 0; v < SMTP_VERB_NAMED; v++)
		p.conf.line_max[v] = 512;
	p.seen = &seen;
	seen_init(&seen);
	smtp_session_init(&p.s, &p.conf);
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		feed(&p, parts[i][0] == 'C' ? SMTP_C2S : SMTP_S2C, parts[i] + 2,
			strlen(parts[i]) - 2);
	assert_int_equal(p.s.queue.n, 4);
	for (unsigned i = 0; i < 2; i++) {
		out_init(&client, blocks[0], sizeof blocks[0]);
		out_init(&server, blocks[1], sizeof blocks[1]);
		smtp_next(&p.s, SMTP_S2C, (const uint8_t *)"250 ok\r\n", 8, &ev);
		assert_int_equal(ev.type, SMTP_EV_REPLY);
		smtp_accept(&p.s, &ev, &client, &server);
		expect_octets(out_span(&client), SPAN("250 ok\r\n500 5.5.0 no\r\n"),
			"replies in order", "");
	}
	assert_int_equal(p.s.queue.n, 0);
}

static void reading_stops_when_too_much_is_due(void **state)
{
	static struct conversation c = { "pipelined NOOPs", { GREETED, NULL }, "" };
	static char noops[8 + 6 * (SMTP_QUEUE_MAX + 3)] = "C:";
	static struct seen seen;

	(void)state;
	for (int i = 0; i < SMTP_QUEUE_MAX + 3; i++)
		strcat(noops, "NOOP\r\n");
	c.parts[3] = noops;
	seen_init(&seen);
	play(&c, SIZE_MAX, &seen);
	assert_non_null(strstr(seen_str(&seen), "(18)")); /* three commands stay unread */
}

static void a_message_over_the_limit_is_refused_at_that_octet(void **state)
{
	static const struct {
		uint64_t max;
		const char *want;
	} cases[] = {
		{ 6, "'ab\\r\\nc' -text-large lost dropped (0)" },
		{ 5, "'ab\\r\\nc' -text-large lost dropped (0)" },
		{ 7, "'ab\\r\\nc\\r\\n' end (0)" },
		{ 2, "'ab' -text-large lost dropped (0)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t cut = 1; cut < 11; cut++) {
			static const char *const parts[] = { TEXT };
			static struct play p;
			static struct seen seen;
			static const char text[] = "ab\r\nc\r\n.\r\n";
			const char *got;

			memset(&p, 0, sizeof p);
			p.conf.extensions = UINT32_MAX;
			p.conf.max_message = cases[i].max;
			for (unsigned v = 0; v < SMTP_VERB_NAMED; v++)
				p.conf.line_max[v] = 512;
			p.seen = &seen;
			seen_init(&seen);
			smtp_session_init(&p.s, &p.conf);
			for (size_t j = 0; j < COUNT_OF(parts); j++)
				feed(&p, parts[j][0] == 'C' ? SMTP_C2S : SMTP_S2C, parts[j] + 2,
					strlen(parts[j]) - 2);
			feed(&p, SMTP_C2S, text, cut < 10 ? cut : 10);
			feed(&p, SMTP_C2S, text + (cut < 10 ? cut : 10), cut < 10 ? 10 - cut : 0);
			seen_fact(&seen, "(%zu)", p.n[SMTP_C2S]);
			got = strstr(seen_str(&seen), "=354 ");
			assert_non_null(got);
			expect_str(got + 5, cases[i].want, "limit", "");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_go_the_same_at_every_cut),
		cmocka_unit_test(own_replies_wait_their_turn),
		cmocka_unit_test(reading_stops_when_too_much_is_due),
		cmocka_unit_test(a_message_over_the_limit_is_refused_at_that_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
