/* SPDX-License-Identifier: ISC */
/*
 * Conversations of a relay's inner server: what the engine says, and what a hop answers to each of
 * its lines, give what both hear, however the octets of either side are cut.
 */
#include "test/unit/inner_play.h"

#include <stdio.h>

#include "test/unit/support.h"

#define HELLO     "EHLO c.example.net\r\n"
#define LOGGED    HELLO "AUTH PLAIN Z29vZA==\r\n"
#define LOST      "451 4.4.2 Connection to next hop lost\r\n"
#define DOOM      "421 4.4.2 Connection to next hop lost\r\n"
#define MALFORMED "554 5.6.0 Message text malformed\r\n"
#define WRONG     "451 4.3.0 Next hop answers wrongly\r\n"
#define BEFORE    "EHLO c.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n"
#define GREETED                                                                                    \
	"220 gw.test ESMTP\r\n250-gw.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n"               \
	"250-8BITMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n"
#define SECURED                                                                                    \
	"220 gw.test ESMTP\r\n250-gw.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n"               \
	"250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n"      \
	"250 ENHANCEDSTATUSCODES\r\n"
#define GREETED_AGAIN                                                                              \
	"250-gw.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-8BITMIME\r\n250-CHUNKING\r\n"    \
	"250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n"
#define TAKEN GREETED "250 2.1.0 OK\r\n"
#define SENT  "MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\n"
#define TRACE                                                                                      \
	"Received: from c.example.net ([192.0.2.9])\r\n\tby gw.test with ESMTP id S1;\r\n"         \
	"\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
#define GO "354 End data with <CR><LF>.<CR><LF>\r\n"

#define ALL                                                                                        \
	(SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(8BITMIME) |                  \
		SMTP_EXT_BIT(DSN) | SMTP_EXT_BIT(SMTPUTF8))

static const struct talk talks[] = {
	{ "a message", OPEN, ALL, BEFORE "DATA\r\nSubject: x\r\n\r\n..\r\nhi\r\n.\r\nQUIT\r\n",
		{ "250 ok\r\n", "250 2.1.5 there\r\n", "354 go\r\n",
			"250-2.0.0\r\n250 queued\r\n" },
		TAKEN "250 2.1.5 there\r\n" GO "250-2.0.0\r\n250 queued\r\n221 2.0.0 Bye\r\n",
		SENT "DATA\r\n" TRACE "Subject: x\r\n\r\n..\r\nhi\r\n.\r\n[release]", false, NULL },
	{ "one at a time without PIPELINING", OPEN, 0, BEFORE "RCPT TO:<e@example.org>\r\n",
		{ "250 ok\r\n", "250 b\r\n", "550 5.1.1 e\r\n" }, TAKEN "250 b\r\n550 5.1.1 e\r\n",
		SENT "RCPT TO:<e@example.org>\r\n", false, NULL },
	{ "no hop", OPEN, NONE, BEFORE "RCPT TO:<e@example.org>\r\nNOOP\r\n", { NULL },
		TAKEN "451 4.4.1 None\r\n451 4.4.1 None\r\n250 2.0.0 OK\r\n", "", false, NULL },
	{ "outside the rule's recipients", OPEN, ALL,
		"EHLO c.example.net\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.edu>\r\n", { NULL },
		TAKEN "550 5.7.1 Relaying denied\r\n", "", false, NULL },
	{ "another hop", OPEN, ALL, BEFORE "RCPT TO:<b@example.com>\r\n",
		{ "250 ok\r\n", "250 b\r\n" },
		TAKEN "250 b\r\n452 4.5.3 Recipient of another next hop: send it alone\r\n", SENT,
		false, NULL },
	{ "MAIL refused by the hop", OPEN, ALL, BEFORE "RCPT TO:<e@example.org>\r\nRSET\r\n",
		{ "550 5.7.1 not you\r\n", "503 what\r\n", "503 what\r\n" },
		TAKEN "550 5.7.1 not you\r\n550 5.7.1 not you\r\n250 2.0.0 OK\r\n", NULL, false,
		NULL },
	{ "a hop that takes RCPT without MAIL", OPEN, ALL, BEFORE,
		{ "550 5.7.1 not you\r\n", "250 what\r\n" },
		TAKEN "451 4.3.0 Next hop answers wrongly\r\n", SENT "[abort]", false, NULL },
	{ "8-bit text for a hop without", OPEN, SMTP_EXT_BIT(PIPELINING),
		"EHLO c.example.net\r\nMAIL FROM:<a@example.net> BODY=8BITMIME\r\n"
		"RCPT TO:<b@example.org>\r\n",
		{ NULL }, TAKEN "554 5.6.3 Next hop does not take 8-bit text\r\n", "", false,
		NULL },
	{ "too large for the hop", OPEN, ALL,
		"EHLO c.example.net\r\nMAIL FROM:<a@example.net> SIZE=1001\r\n"
		"RCPT TO:<b@example.org>\r\n",
		{ NULL }, TAKEN "552 5.3.4 Message too large for the next hop\r\n", "", false,
		NULL },
	{ "a notification nobody sends", OPEN, SMTP_EXT_BIT(PIPELINING),
		"EHLO c.example.net\r\nMAIL FROM:<a@example.net> RET=HDRS\r\n"
		"RCPT TO:<b@example.org> NOTIFY=NEVER\r\nRCPT TO:<b@example.org>\r\n",
		{ "250 ok\r\n", "250 b\r\n" },
		TAKEN "554 5.3.3 Next hop sends no notifications as asked for\r\n250 b\r\n", SENT,
		false, NULL },
	{ "postmaster", OPEN, ALL,
		"EHLO c.example.net\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<postmaster>\r\n",
		{ "250 ok\r\n", "250 p\r\n" }, TAKEN "250 p\r\n",
		"MAIL FROM:<a@example.net>\r\nRCPT TO:<postmaster>\r\n", false, NULL },
	{ "chunks", OPEN, ALL, BEFORE "BDAT 6\r\n.a\r\n.\nBDAT 3\r\nb\r\nBDAT 0 LAST\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n" },
		TAKEN "250 b\r\n" MALFORMED MALFORMED MALFORMED, NULL, false,
		NULL }, /* how much of it went depends on the cuts */
	{ "dots in chunks", OPEN, ALL, BEFORE "BDAT 8\r\n.a\r\n.\r\nxBDAT 3 LAST\r\n..z",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 2.0.0 queued\r\n" },
		TAKEN "250 b\r\n250 2.0.0 Chunk taken\r\n250 2.0.0 queued\r\n",
		SENT "DATA\r\n" TRACE "..a\r\n..\r\nx..z\r\n.\r\n[release]", false, NULL },
	{ "chunks a hop does not want", OPEN, ALL,
		BEFORE "BDAT 2\r\n\r\nBDAT 3 LAST\r\nx\r\nRSET\r\n",
		{ "250 ok\r\n", "250 b\r\n", "451 4.3.1 full\r\n" },
		TAKEN "250 b\r\n451 4.3.0 Next hop takes no text now\r\n"
		      "451 4.3.0 Next hop takes no text now\r\n250 2.0.0 OK\r\n",
		SENT "DATA\r\n[release]", false, NULL },
	{ "lost at RCPT", OPEN, ALL, BEFORE "DATA\r\nRSET\r\n", { "250 ok\r\n", "LOST" },
		TAKEN "451 4.4.2 Connection to next hop lost\r\n"
		      "451 4.4.2 Connection to next hop lost\r\n250 2.0.0 OK\r\n",
		SENT "[abort]", false, NULL },
	{ "lost at DATA", OPEN, ALL, BEFORE "DATA\r\nNOOP\r\n",
		{ "250 ok\r\n", "250 b\r\n", "LOST" },
		TAKEN "250 b\r\n451 4.4.2 Connection to next hop lost\r\n250 2.0.0 OK\r\n",
		SENT "DATA\r\n[abort]", false, NULL },
	{ "lost behind the end", OPEN, ALL, BEFORE "DATA\r\nx\r\n.\r\n" BEFORE,
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "LOST", "250 ok\r\n", "250 b\r\n" },
		TAKEN "250 b\r\n" GO LOST GREETED_AGAIN "250 2.1.0 OK\r\n250 b\r\n",
		SENT "DATA\r\n" TRACE "x\r\n.\r\n[abort]" SENT, false, NULL },
	{ "it closes", OPEN, ALL, BEFORE, { "250 ok\r\n", "421 4.3.2 secret words\r\n" },
		TAKEN "451 4.4.2 Connection to next hop lost\r\n", SENT "[abort]", false, NULL },
	{ "it answers what was not asked", OPEN, ALL, BEFORE,
		{ "250 ok\r\n", "250 b\r\n250 surplus\r\n" }, TAKEN "250 b\r\n", SENT "[abort]",
		false, NULL },
	{ "a class that does not fit", OPEN, ALL, BEFORE, { "250 ok\r\n", "354 b\r\n" },
		TAKEN "451 4.3.0 Next hop answers wrongly\r\n", SENT "[abort]", false, NULL },
	{ "no reply at all", OPEN, ALL, BEFORE, { "250 ok\r\n", "hello\r\n" },
		TAKEN "451 4.3.0 Next hop answers wrongly\r\n", SENT "[abort]", false, NULL },
	{ "mail before a login", LOGIN, ALL, "EHLO c.example.net\r\nMAIL FROM:<a@example.net>\r\n",
		{ NULL }, GREETED "530 5.7.0 Authentication required\r\n", "", false, NULL },
	{ "AUTH in clear", LOGIN, ALL, "EHLO c.example.net\r\nAUTH PLAIN Z29vZA==\r\n", { NULL },
		GREETED "530 5.7.0 Must issue a STARTTLS command first\r\n", "", false, NULL },
	{ "a login", LOGIN, ALL,
		"EHLO c.example.net\r\nAUTH PLAIN YmFk\r\nAUTH PLAIN Z29vZA==\r\n"
		"AUTH PLAIN Z29vZA==\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.edu>\r\n",
		{ "250 ok\r\n", "250 b\r\n" },
		"220 gw.test ESMTP\r\n250-gw.test\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n"
		"250-AUTH PLAIN "
		"LOGIN\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n"
		"250 ENHANCEDSTATUSCODES\r\n535 5.7.8 No\r\n235 2.7.0 OK\r\n"
		"503 5.5.1 Bad sequence of commands\r\n250 2.1.0 OK\r\n250 b\r\n",
		"[login PLAIN YmFk][login PLAIN Z29vZA==]MAIL FROM:<a@example.net>\r\n"
		"RCPT TO:<b@example.edu>\r\n",
		true, NULL },
	{ "a login in two steps", LOGIN, ALL,
		"EHLO c.example.net\r\nAUTH LOGIN\r\n*\r\nAUTH LOGIN\r\nZ29vZA==\r\n", { NULL },
		NULL, "[login LOGIN ][cancel][login LOGIN ][login  Z29vZA==]", true, NULL },
	{ "a second MAIL takes no sender's place", OPEN, ALL,
		HELLO "MAIL FROM:<a@example.net>\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n",
		{ "250 ok\r\n", "250 b\r\n" },
		TAKEN "503 5.5.1 Bad sequence of commands\r\n250 b\r\n", SENT, false, NULL },
	{ "RSET between chunks", OPEN, ALL, BEFORE "BDAT 3\r\nx\r\nRSET\r\n" HELLO,
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n" }, NULL,
		SENT "DATA\r\n" TRACE "x\r\n[abort]", false, NULL },
	{ "EHLO between chunks", OPEN, ALL, BEFORE "BDAT 3\r\nx\r\n" BEFORE,
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", "250 b\r\n" }, NULL, NULL,
		false, NULL },
	{ "QUIT between chunks", OPEN, ALL, BEFORE "BDAT 3\r\nx\r\nQUIT\r\n",
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n" },
		TAKEN "250 b\r\n250 2.0.0 Chunk taken\r\n221 2.0.0 Bye\r\n",
		SENT "DATA\r\n" TRACE "x\r\n[abort]", false, NULL },
	{ "postmaster of postern.conf, by his own way", OPEN, ALL,
		HELLO "MAIL FROM:<a@example.net>\r\nRCPT TO:<Postmaster> NOTIFY=NEVER\r\n"
		      "RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.com>\r\n",
		{ "250 ok\r\n", "250 p\r\n", "250 c\r\n" },
		TAKEN
		"250 p\r\n452 4.5.3 Recipient of another next hop: send it alone\r\n250 c\r\n",
		"MAIL FROM:<a@example.net>\r\nRCPT TO:<pm@example.com> NOTIFY=NEVER\r\n"
		"RCPT TO:<c@example.com>\r\n",
		false, "pm@example.com" },
	{ "a login at the next hop", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		HELLO
		"AUTH PLAIN\r\nZ29vZA==\r\nMAIL FROM:<a@example.net>\r\n"
		"RCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\nMAIL FROM:<>\r\n"
		"RCPT TO:<b@example.org>\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n",
		{ "334 \r\n", "235 2.7.0 in\r\n", "250 ok\r\n", "250 b\r\n", "354 go\r\n",
			"250 queued\r\n", "250 ok\r\n", "250 b\r\n", "250 reset\r\n", "250 ok\r\n",
			"250 b\r\n" },
		SECURED "334 \r\n235 2.7.0 in\r\n250 2.1.0 OK\r\n250 b\r\n" GO
			"250 queued\r\n250 2.1.0 OK\r\n250 b\r\n250 2.0.0 OK\r\n250 2.1.0 OK\r\n"
			"250 b\r\n",
		NULL, true, NULL },
	{ "no login at a hop that offers none", PASSED, ALL, LOGGED, { NULL },
		SECURED "454 4.7.0 Temporary authentication failure\r\n", "[login PLAIN ][cancel]",
		true, NULL },
	{ "who may not try", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		HELLO "AUTH LOGIN\r\nNOOP\r\nAUTH LOGIN\r\n", { NULL },
		SECURED "535 5.7.8 Locked\r\n250 2.0.0 OK\r\n535 5.7.8 Locked\r\n",
		"[login LOGIN ][login LOGIN ]", true, NULL },
	{ "what came of a login is told", PASSED, ALL | SMTP_EXT_BIT(AUTH), LOGGED LOGGED LOGGED,
		{ "535 5.7.8 no\r\n", "454 4.7.0 later\r\n", "235 2.7.0 in\r\n" }, NULL,
		"[login PLAIN ]AUTH PLAIN Z29vZA==\r\n[login  535]"
		"[login PLAIN ]AUTH PLAIN Z29vZA==\r\n[cancel]"
		"[login PLAIN ]AUTH PLAIN Z29vZA==\r\n[login  235]",
		true, NULL },
	{ "lost between a challenge and its response", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		HELLO "AUTH PLAIN\r\nZ29vZA==\r\nAUTH PLAIN\r\n", { "334 \r\n", "LOST" }, NULL,
		NULL, true, NULL },
	{ "lost in a login", PASSED, ALL | SMTP_EXT_BIT(AUTH), LOGGED "NOOP\r\n", { "LOST" },
		SECURED "454 4.7.0 Temporary authentication failure\r\n250 2.0.0 OK\r\n",
		"[login PLAIN ]AUTH PLAIN Z29vZA==\r\n[abort][cancel]", true, NULL },
	{ "lost behind a login", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		LOGGED "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nMAIL FROM:<>\r\n",
		{ "235 in\r\n", "LOST" }, SECURED "235 in\r\n250 2.1.0 OK\r\n" DOOM DOOM, NULL,
		true, NULL },
	{ "RSET between chunks behind a login", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		LOGGED
		"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 1\r\nxRSET\r\nMAIL FROM:<>\r\n",
		{ "235 in\r\n", "250 ok\r\n", "250 b\r\n", "354 go\r\n" },
		SECURED "235 in\r\n250 2.1.0 OK\r\n250 b\r\n250 2.0.0 Chunk taken\r\n"
			"250 2.0.0 OK\r\n" DOOM,
		NULL, true, NULL },
	{ "a refused chunk behind a login", PASSED, ALL | SMTP_EXT_BIT(AUTH),
		LOGGED
		"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 1\r\nxRSET\r\nMAIL FROM:<>\r\n"
		"RCPT TO:<b@example.org>\r\n",
		{ "235 in\r\n", "250 ok\r\n", "250 b\r\n", "452 full\r\n", "250 reset\r\n",
			"250 ok\r\n", "250 b\r\n" },
		NULL,
		"[login PLAIN ]AUTH PLAIN Z29vZA==\r\n[login  235]"
		"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nRSET\r\n"
		"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n",
		true, NULL },
};

/* NULL: not looked at. */
static void expect(const struct out *o, const char *want, const char *name, const char *how)
{
	if (want != NULL)
		expect_octets(out_span(o), span_str(want), name, how);
}

static void conversations(void **state)
{
	static struct play p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(talks); i++)
		for (size_t cut = 1; cut < 600; cut += cut < 8 ? 1 : 37) {
			char how[32];

			snprintf(how, sizeof(how), "%zu octets at a time", cut);
			play_talk(&p, &talks[i], cut);
			assert_false(p.heard.full || p.told.full);
			expect(&p.heard, talks[i].to_engine, talks[i].name, how);
			expect(&p.told, talks[i].to_hop, talks[i].name, how);
		}
}

/* Whatever was said when the hop is lost, nothing is promised that it did not promise. */
static void the_hop_is_lost_at_every_step(void **state)
{
	static const char *const chunked =
		BEFORE "BDAT 3\r\na\r\nBDAT 2 LAST\r\n\r\n" BEFORE "QUIT\r\n";
	static const char *const whole = BEFORE "DATA\r\na\r\n.\r\n" BEFORE "QUIT\r\n";
	static struct play p;

	(void)state;
	for (unsigned form = 0; form < 2; form++)
		for (size_t lost = 0; lost < 4; lost++) {
			struct talk talk = { "lost", OPEN, ALL, form ? chunked : whole,
				{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n",
					"250 ok\r\n", "250 b\r\n" },
				NULL, NULL, false, NULL };

			talk.replies[lost] = "LOST";
			play_talk(&p, &talk, 3);
			p.heard_block[p.heard.n] = '\0';
			assert_null(strstr(p.heard_block, "queued"));
			assert_non_null(strstr(p.heard_block, "451 4.4.2"));
			assert_non_null(strstr(p.heard_block, "221 2.0.0 Bye\r\n"));
		}
}

static size_t count(const struct out *o, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i + strlen(what) <= o->n; i++)
		n += memcmp(o->p + i, what, strlen(what)) == 0;
	return n;
}

/* Each octet of a hop may be its last. What was not said whole was not said; the session goes on.
 */
static void the_hop_is_lost_at_every_octet(void **state)
{
	static const char *const texts[] = { "DATA\r\na\r\n.\r\n",
		"BDAT 3\r\na\r\nBDAT 2 LAST\r\n\r\n" };
	static const char *const replies[] = { "250 ok\r\n", "250-b\r\n250 bb\r\n", "354 go\r\n",
		"250-2.0.0 qu\r\n250 queued\r\n" };
	static struct play p;
	char engine[512];

	(void)state;
	for (unsigned form = 0; form < 2; form++)
		for (size_t life = 0; life < 60; life++) {
			size_t whole = 0, left = life;
			struct talk talk = { "lost", OPEN, ALL, engine,
				{ replies[0], replies[1], replies[2], replies[3] }, NULL, NULL,
				false, NULL };

			snprintf(engine, sizeof(engine), BEFORE "%sQUIT\r\n", texts[form]);
			while (whole < COUNT_OF(replies) && left >= strlen(replies[whole]))
				left -= strlen(replies[whole++]);
			play_until(&p, &talk, 2, life);
			assert_int_equal(count(&p.heard, "250 bb\r\n"), whole >= 2);
			assert_int_equal(count(&p.heard, "queued\r\n"), whole >= 4);
			assert_int_equal(count(&p.heard, "451 4.4.2") > 0, whole < 4);
			assert_int_equal(count(&p.heard, "221 2.0.0 Bye\r\n"), 1);
			assert_int_equal(count(&p.told, "\r\n.\r\n"), whole >= 3);
			assert_int_equal(count(&p.told, "[abort]"), whole < 4);
		}
}

/* ---- replies that are none, or nearly ---- */

static const char *lines_of(char *to, unsigned n)
{
	*to = '\0';
	for (unsigned i = 1; i <= n; i++)
		strcat(to, i < n ? "250-x\r\n" : "250 x\r\n");
	return to;
}

/* As the answer to RCPT and to the end of a message. */
static void hostile_replies(void **state)
{
	static char longest[1100], too_long[1100], hundred[1024], more[1024];
	static struct play p;
	const struct {
		const char *reply, *given; /* NULL: as it stood */
	} rows[] = {
		{ longest, NULL },
		{ too_long, WRONG },
		{ lines_of(hundred, 100), NULL },
		{ lines_of(more, 101), WRONG },
		{ "250-a\r\n251 b\r\n", WRONG },
		{ "250 a\n", WRONG },
		{ "250 a\rb\r\n", WRONG },
		{ "250a\r\n", WRONG },
		{ "150 a\r\n", WRONG },
		{ "650 a\r\n", WRONG },
		{ "\r\n", WRONG },
		{ "221 bye\r\n", WRONG },
		{ "354 go\r\n", WRONG },
		{ "334 \r\n", WRONG },
		{ "421 4.7.0 words\r\n", LOST },
		{ "550 5.7.1 \x1b[2J\xff\r\n", "550 5.7.1 ?[2J?\r\n" },
		{ "250\r\n", NULL },
	};

	(void)state;
	snprintf(longest, sizeof(longest), "250 %0*d\r\n", SMTP_REPLY_LINE_MAX - 6, 0);
	snprintf(too_long, sizeof(too_long), "250 %0*d\r\n", SMTP_REPLY_LINE_MAX - 5, 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t cut = 1; cut < 1300; cut += cut < 8 ? 1 : 211) {
			const char *given = rows[i].given != NULL ? rows[i].given : rows[i].reply;
			const struct talk rcpt = { "RCPT", OPEN, ALL, BEFORE,
				{ "250 ok\r\n", rows[i].reply }, NULL, NULL, false, NULL };
			const struct talk end = { "end", OPEN, ALL, BEFORE "DATA\r\nx\r\n.\r\n",
				{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", rows[i].reply }, NULL,
				NULL, false, NULL };
			char want[8192];

			snprintf(want, sizeof(want), TAKEN "%s", given);
			play_talk(&p, &rcpt, cut);
			expect_octets(out_span(&p.heard), span_str(want), "RCPT", rows[i].reply);
			snprintf(want, sizeof(want), TAKEN "250 b\r\n" GO "%s", given);
			play_talk(&p, &end, cut);
			expect_octets(out_span(&p.heard), span_str(want), "end", rows[i].reply);
		}
}

/* Recipients of one transaction do not each wait for what cannot be had; the next one asks again.
 */
static void a_hop_that_is_not_there_is_asked_for_once(void **state)
{
	static const struct talk talk = { "no hop", OPEN, NONE,
		BEFORE
		"RCPT TO:<e@example.org>\r\nRCPT TO:<f@example.org>\r\nRCPT TO:<g@example.com>\r\n"
		"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<g@example.com>\r\n",
		{ NULL }, NULL, NULL, false, NULL };
	static struct play p;

	(void)state;
	play_talk(&p, &talk, 9);
	assert_int_equal(p.asked, 3);
	assert_int_equal(count(&p.heard, "451 4.4.1 None\r\n"), 5);
}

/* ---- the engine gives a message up ---- */

/* At every octet of a conversation: no end of the message reaches the hop, and none is kept. */
static void the_engine_gives_up_at_every_octet(void **state)
{
	static const char text[] = BEFORE "DATA\r\nx\r\n.";
	static struct play p;
	char engine[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		const struct talk talk = { "given up", OPEN, ALL, engine,
			{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n" }, NULL, NULL,
			false, NULL };
		struct inner_step none = { 0 };
		bool had;

		snprintf(engine, sizeof(engine), "%.*s", (int)n, text);
		play_talk(&p, &talk, 1);
		had = p.inner.has_hop;
		inner_reset(&p.inner);
		assert_int_equal((p.inner.want & INNER_ABORT) != 0, had);
		play_obey(&p, &none);
		assert_false(p.inner.has_hop);
		assert_int_equal(p.inner.mail, INNER_MAIL_NONE);
		assert_int_equal(p.inner.state, INNER_COMMAND);
		assert_int_equal(count(&p.told, "\r\n.\r\n"), 0);
	}
}

/* ---- what stands in the header ---- */

static uint16_t received(const char *text, size_t cut)
{
	struct span rest = span_str(text);
	struct trace_count c;

	trace_count_init(&c);
	while (rest.n > 0) {
		const struct span piece = span_sub(rest, 0, cut);
		trace_count(&c, piece);
		rest = span_from(rest, piece.n);
	}
	return c.n;
}

static void received_lines_are_counted(void **state)
{
	static const struct {
		const char *text;
		uint16_t n;
	} rows[] = {
		{ "", 0 },
		{ "Received: a\r\nreceived:b\r\nRECEIVED : c\r\n\r\nReceived: d\r\n", 3 },
		{ "X-Received: a\r\n Received: b\r\nReceivedX: c\r\nReceive\r\n: d\r\n", 0 },
		{ "\r\nReceived: a\r\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t cut = 1; cut < 80; cut++)
			assert_int_equal(received(rows[i].text, cut), rows[i].n);
}

static void a_loop_is_broken(void **state)
{
	static struct play p;
	static char text[TEXT_MAX];
	struct talk talk = { "loop", OPEN, ALL, text,
		{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n" }, NULL, NULL, false,
		NULL };

	(void)state;
	for (unsigned n = TRACE_RECEIVED_MAX; n <= TRACE_RECEIVED_MAX + 1; n++) {
		struct out o;

		out_init(&o, text, sizeof(text) - 1);
		out_str(&o, BEFORE "DATA\r\n");
		for (unsigned i = 0; i < n; i++)
			out_str(&o, "Received: x\r\n");
		out_str(&o, "\r\nhi\r\n.\r\nNOOP\r\n");
		text[o.n] = '\0';
		play_talk(&p, &talk, 100);
		p.heard_block[p.heard.n] = p.told_block[p.told.n] = '\0';
		assert_int_equal(strstr(p.heard_block, "250 queued\r\n250 2.0.0 OK") != NULL,
			n == TRACE_RECEIVED_MAX);
		assert_int_equal(strstr(p.heard_block,
					 "554 5.4.6 Too many hops: a loop\r\n250 2.0.0 OK") != NULL,
			n > TRACE_RECEIVED_MAX);
		assert_int_equal(strstr(p.told_block, "[abort]") != NULL, n > TRACE_RECEIVED_MAX);
	}
}

/* ---- chunks against an independent model ---- */

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16 & 0x7fff;
}

static size_t some_text(char *text, unsigned *seed)
{
	static const char *const bits[] = { ".", "..", "a", "\r\n", "\r\n.", "\r\n.\r\n", "bcd" };
	size_t n = 0;

	text[0] = '\0';
	for (unsigned k = next_random(seed) % 12; k > 0; k--)
		n += (size_t)sprintf(text + n, "%s", bits[next_random(seed) % COUNT_OF(bits)]);
	return n;
}

/* Line by line: a dot in front of each that begins with one. */
static void stuffed(char *to, const char *text)
{
	const char *at = text;

	*to = '\0';
	while (*at != '\0') {
		const char *end = strstr(at, "\r\n");
		const size_t n = end != NULL ? (size_t)(end - at) : strlen(at);

		sprintf(to + strlen(to), "%s%.*s\r\n", *at == '.' ? "." : "", (int)n, at);
		at += n + (end != NULL ? 2 : 0);
	}
	strcat(to, ".\r\n[release]");
}

static void chunks_are_carried_as_data(void **state)
{
	static struct play p;
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		char text[256], engine[1024], want[1024];
		const size_t n = some_text(text, &seed), half = n > 0 ? next_random(&seed) % n : 0;
		struct talk talk = { "chunks", OPEN, ALL, engine,
			{ "250 ok\r\n", "250 b\r\n", "354 go\r\n", "250 queued\r\n" }, NULL, NULL,
			false, NULL };

		sprintf(engine, BEFORE "BDAT %zu\r\n%.*sBDAT %zu LAST\r\n%s", half, (int)half, text,
			n - half, text + half);
		strcpy(want, SENT "DATA\r\n" TRACE);
		stuffed(want + strlen(want), text);
		play_talk(&p, &talk, 1 + round % 9);
		expect_octets(out_span(&p.told), span_str(want), "chunks", engine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations),
		cmocka_unit_test(the_hop_is_lost_at_every_step),
		cmocka_unit_test(the_hop_is_lost_at_every_octet),
		cmocka_unit_test(hostile_replies),
		cmocka_unit_test(a_hop_that_is_not_there_is_asked_for_once),
		cmocka_unit_test(the_engine_gives_up_at_every_octet),
		cmocka_unit_test(received_lines_are_counted),
		cmocka_unit_test(a_loop_is_broken),
		cmocka_unit_test(chunks_are_carried_as_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
