/* SPDX-License-Identifier: ISC */
#include "filter/smtp/reply.h"

#include <stdio.h>

#include "test/unit/support.h"

struct reading {
	struct reply_reader reader;
	bool fault;
};

static void begin(void *ctx)
{
	struct reading *r = ctx;

	reply_init(&r->reader);
	r->fault = false;
}

static size_t take(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen)
{
	static uint8_t block[2 * SMTP_REPLY_MAX];
	struct reading *r = ctx;
	struct smtp_reply reply;
	enum smtp_fault fault;
	struct out o;

	(void)last;
	switch (reply_next(&r->reader, n > 0 ? win : NULL, n, &reply, &fault)) {
	case REPLY_MORE: return 0;
	case REPLY_FAULT: seen_fact(seen, "%s", smtp_fault_name(fault)); return CUT_STOP;
	case REPLY_WHOLE: break;
	}
	assert_ptr_equal(reply.octets.p, win);
	seen_fact(seen, "%u/%u", reply.code, reply.lines);
	out_init(&o, block, sizeof block);
	reply_print(&o, &reply);
	assert_false(o.full);
	if (reply.octets.n < 200)
		seen_text(seen, out_span(&o));
	return reply.octets.n;
}

static const struct cut_test test = { begin, take };

static void run(const char *name, struct span input, const char *want)
{
	struct reading r;

	cut_every(&test, &r, input, name, want);
}

static void whole_replies_are_read_and_printed_anew(void **state)
{
	(void)state;
	run("nothing", SPAN(""), "");
	run("one line", SPAN("250 OK\r\n"), "250/1 '250 OK\\r\\n'");
	run("two replies", SPAN("250 OK\r\n354 go\r\n"),
		"250/1 '250 OK\\r\\n' 354/1 '354 go\\r\\n'");
	run("many lines", SPAN("250-a\r\n250-b\r\n250 c\r\n"),
		"250/3 '250-a\\r\\n250-b\\r\\n250 c\\r\\n'");
	run("code alone", SPAN("250\r\n"), "250/1 '250\\r\\n'");
	run("no text", SPAN("250 \r\n"), "250/1 '250\\r\\n'");
	run("empty lines", SPAN("553-\r\n553-\r\n553\r\n"),
		"553/3 '553-\\r\\n553-\\r\\n553\\r\\n'"); /* SRV-16 */
	run("cut off", SPAN("553-x\r\n"), "left 7");      /* SRV-16 */
	run("tab and blanks", SPAN("250  a\tb \r\n"), "250/1 '250  a\\tb \\r\\n'");
	run("what is no text becomes ?", SPAN("550 \x1b[1m\xc3\xa9\x7f\x01\r\n"),
		"550/1 '550 ?[1m????\\r\\n'");
	run("the CR waits", SPAN("250 OK\r"), "left 7");
	run("last code", SPAN("599 x\r\n"), "599/1 '599 x\\r\\n'");
}

static void what_is_no_reply_is_a_fault(void **state)
{
	static const struct span inputs[] = {
		OCTETS("250-a\n250 b\r\n"), /* SRV-05 */
		OCTETS("250 a\n"),
		OCTETS("250 a\rb\r\n"),
		OCTETS("250 a\r\r\n"),
		OCTETS("250 a\0b\r\n"),
		OCTETS("\r\n"),
		OCTETS("\n"),
		OCTETS("25\r\n"),
		OCTETS("2500 a\r\n"),
		OCTETS("250a\r\n"),
		OCTETS("250\ta\r\n"),
		OCTETS("250+a\r\n"),
		OCTETS(" 250 a\r\n"),
		OCTETS("+50 a\r\n"),
		OCTETS("OK\r\n"),
		OCTETS("199 a\r\n"),
		OCTETS("600 a\r\n"),
		OCTETS("000 a\r\n"),
		OCTETS("999 a\r\n"),
		OCTETS("250-a\r\n251 b\r\n"),
		OCTETS("250-a\r\n550 b\r\n"),
		OCTETS("250-a\r\n\r\n"),
		OCTETS("\x16\x03\x01 a\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(inputs); i++) {
		char name[24];

		snprintf(name, sizeof name, "input %zu", i);
		run(name, inputs[i], "s-reply-syntax");
	}
}

/* @n lines of @len octets, CRLF included. */
static struct span lines(uint8_t *room, size_t n, size_t len, bool end)
{
	memset(room, 'x', n * len);
	for (size_t i = 0; i < n; i++) {
		memcpy(room + i * len, end && i + 1 == n ? "250 " : "250-", 4);
		memcpy(room + (i + 1) * len - 2, "\r\n", 2);
	}
	return span_of(room, n * len);
}

static void replies_have_bounds(void **state)
{
	static uint8_t room[40000];

	(void)state;
	run("longest line", lines(room, 1, 1024, true), "250/1");
	run("line too long", lines(room, 1, 1025, true), "s-reply-long");
	run("SRV-01: no line end", span_sub(lines(room, 1, 2000, true), 0, 1024), "s-reply-long");
	run("one octet is left", span_sub(lines(room, 1, 2000, true), 0, 1023), "left 1023");
	run("most lines", lines(room, 100, 8, true), "250/100");
	run("SRV-02: too many lines", lines(room, 101, 8, true), "s-reply-long");
	run("SRV-03: no last line", lines(room, 100, 6, false), "s-reply-long");
	run("too long and no reply", span_of(memset(room, 'x', 1500), 1500), "s-reply-long");
}

/* At its full size only a few cuts: the bound itself. */
static void a_reply_fills_its_bound_and_no_more(void **state)
{
	static uint8_t room[SMTP_REPLY_MAX + 64];
	struct reply_reader r;
	struct smtp_reply reply;
	enum smtp_fault fault;

	(void)state;
	(void)lines(room, 16, 1024, true);
	for (size_t cut = 0; cut < SMTP_REPLY_MAX; cut += 1021) {
		reply_init(&r);
		assert_int_equal(reply_next(&r, room, cut, &reply, &fault), REPLY_MORE);
		assert_int_equal(reply_next(&r, room, sizeof room, &reply, &fault), REPLY_WHOLE);
		assert_int_equal(reply.octets.n, SMTP_REPLY_MAX);
	}
	(void)lines(room, 16, 1024, false);
	for (size_t cut = 0; cut < SMTP_REPLY_MAX; cut += 1021) {
		reply_init(&r);
		assert_int_equal(reply_next(&r, room, cut, &reply, &fault), REPLY_MORE);
		assert_int_equal(reply_next(&r, room, SMTP_REPLY_MAX, &reply, &fault), REPLY_FAULT);
		assert_int_equal(fault, SMTP_FAULT_S_REPLY_LONG);
	}
	/* no line end in the last octets: known to be too long when the bound is reached, not after
	 */
	(void)lines(room, 16, 1024, true);
	room[SMTP_REPLY_MAX - 1] = room[SMTP_REPLY_MAX - 2] = 'x';
	reply_init(&r);
	assert_int_equal(reply_next(&r, room, SMTP_REPLY_MAX - 1, &reply, &fault), REPLY_MORE);
	assert_int_equal(reply_next(&r, room, SMTP_REPLY_MAX, &reply, &fault), REPLY_FAULT);
}

static void lines_are_walked(void **state)
{
	static const char *const want[] = { "a", "", " b", "" };
	struct smtp_reply reply = { 250, 4, SPAN("250-a\r\n250-\r\n250- b\r\n250\r\n") };
	struct span text;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		assert_true(reply_line(&reply, &at, &text));
		expect_octets(text, span_str(want[i]), "text", "walk");
	}
	assert_false(reply_line(&reply, &at, &text));
}

static void codes_fit_their_command(void **state)
{
	static const struct {
		enum smtp_verb verb;
		unsigned codes[6];
	} yes[] = {
		{ SMTP_VERB_BANNER, { 220 } },
		{ SMTP_VERB_HELO, { 250 } },
		{ SMTP_VERB_EHLO, { 250 } },
		{ SMTP_VERB_MAIL, { 250 } },
		{ SMTP_VERB_RCPT, { 250, 251 } },
		{ SMTP_VERB_DATA, { 354 } },
		{ SMTP_VERB_DOT, { 250 } },
		{ SMTP_VERB_BDAT, { 250 } },
		{ SMTP_VERB_RSET, { 250 } },
		{ SMTP_VERB_VRFY, { 250, 251, 252 } },
		{ SMTP_VERB_EXPN, { 250, 252 } },
		{ SMTP_VERB_HELP, { 211, 214, 250 } },
		{ SMTP_VERB_NOOP, { 250 } },
		{ SMTP_VERB_QUIT, { 221 } },
		{ SMTP_VERB_AUTH, { 235, 334 } },
		{ SMTP_VERB_SASL, { 235, 334 } },
		{ SMTP_VERB_ETRN, { 250, 251, 252, 253 } },
		{ SMTP_VERB_XCLIENT, { 220 } },
		{ SMTP_VERB_STARTTLS, { 0 } },
		{ SMTP_VERB_OTHER, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(yes); i++) {
		for (unsigned code = 0; code < 1000;
			code++) { /* SRV-09: 354 to RCPT; TLS-05: 220 to NOOP */
			bool fits = code >= 400 && code < 600;
			for (size_t k = 0; k < COUNT_OF(yes[i].codes); k++)
				fits |= code > 0 && yes[i].codes[k] == code;
			if (reply_fits(yes[i].verb, code) != fits)
				fail_msg("%u to %s", code, smtp_verb_name(yes[i].verb));
		}
	}
	for (unsigned v = 0; v < SMTP_VERB_COUNT; v++)
		assert_true(reply_fits((enum smtp_verb)v, 421)); /* SRV-11 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_replies_are_read_and_printed_anew),
		cmocka_unit_test(what_is_no_reply_is_a_fault),
		cmocka_unit_test(replies_have_bounds),
		cmocka_unit_test(a_reply_fills_its_bound_and_no_more),
		cmocka_unit_test(lines_are_walked),
		cmocka_unit_test(codes_fit_their_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
