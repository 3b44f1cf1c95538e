/* SPDX-License-Identifier: ISC */
/* What is said to a next hop until it may serve, whatever it answers and however that is cut. */
#include "filter/relay/hop_hello.h"

#include "support.h"

#define TURNS_MAX 8

/* A dialogue: what the hop says; what is said back, or what comes of it. "+" and "-" are handshakes
 * that end well and badly. */
struct dialogue {
	enum route_tls tls;
	const char *turns[TURNS_MAX];
	const char *want;
};

static const char *const ends[] = {
	[HOP_HELLO_HEAR] = "hear",
	[HOP_HELLO_SAY] = "",
	[HOP_HELLO_SHAKE] = "shake",
	[HOP_HELLO_READY] = "ready",
	[HOP_HELLO_AGAIN] = "again",
	[HOP_HELLO_FAILED] = "failed",
};

static void told(
	const struct hop_hello *h, enum hop_hello_next next, struct span line, struct out *seen)
{
	char code[7];

	out_bytes(seen, line.n > 0 ? span_sub(line, 0, line.n - 2) : line);
	out_str(seen, ends[next]);
	if (next == HOP_HELLO_FAILED) {
		code_text(h->why, code);
		out_octet(seen, ' ');
		out_str(seen, code);
		out_octet(seen, ' ');
		out_bytes(seen, h->said);
	}
	out_octet(seen, ';');
}

/* All of @said is there after @cut octets were. */
static enum hop_hello_next hear(
	struct hop_hello *h, struct fence *f, struct span said, size_t cut, struct out *line)
{
	if (cut > 0 && cut < said.n) {
		const struct span part = span_sub(said, 0, cut);
		const enum hop_hello_next next =
			hop_hello_hear(h, span_of(fence_at_end(f, part), part.n), line);

		if (next != HOP_HELLO_HEAR)
			return next;
	}
	return hop_hello_hear(h, span_of(fence_at_end(f, said), said.n), line);
}

static void play(struct hop_hello *h, const char *const *turns, size_t cut, struct out *seen)
{
	struct fence f;

	fence_init(&f, SMTP_REPLY_MAX);
	for (size_t i = 0; i < TURNS_MAX && turns[i] != NULL; i++) {
		uint8_t block[HOP_HELLO_LINE_MAX];
		enum hop_hello_next next;
		struct out line;

		out_init(&line, block, sizeof(block));
		if (strcmp(turns[i], "+") == 0)
			next = hop_hello_secured(h, &line);
		else if (strcmp(turns[i], "-") == 0)
			next = hop_hello_unsecured(h, SPAN("no handshake"));
		else
			next = hear(h, &f, span_str(turns[i]), cut, &line);
		assert_false(line.full);
		told(h, next, out_span(&line), seen);
	}
	fence_deinit(&f);
}

static const char *played(const struct dialogue *d, size_t cut)
{
	static char text[512];
	struct hop_hello h;
	struct out seen;

	out_init(&seen, text, sizeof(text));
	hop_hello_init(&h, d->tls, "gw.in.test");
	hop_hello_begin(&h);
	play(&h, d->turns, cut, &seen);
	return out_cstr(&seen);
}

#define BANNER "220 next\r\n"
#define OFFERS "250-next\r\n250-STARTTLS\r\n250 SIZE 100\r\n"
#define PLAIN  "250-next\r\n250 SIZE 100\r\n"

static const struct dialogue dialogues[] = {
	{ ROUTE_TLS_NONE, { BANNER, OFFERS }, "EHLO gw.in.test;ready;" },
	{ ROUTE_TLS_NONE, { BANNER, "502 what\r\n", "250 next\r\n" },
		"EHLO gw.in.test;HELO gw.in.test;ready;" },
	{ ROUTE_TLS_NONE, { BANNER, "502 what\r\n", "550 no\r\n" },
		"EHLO gw.in.test;HELO gw.in.test;failed PN6101 no;" },
	{ ROUTE_TLS_NONE, { BANNER, "421 busy\r\n" }, "EHLO gw.in.test;failed PN6101 busy;" },
	{ ROUTE_TLS_NONE, { "554-go\r\n554 away\r\n" }, "failed PN6101 go;" },
	{ ROUTE_TLS_NONE, { "hello\r\n" }, "failed PN6101 malformed reply;" },
	{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, PLAIN }, "EHLO gw.in.test;ready;" },
	{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, OFFERS, "220 go\r\n", "+", PLAIN },
		"EHLO gw.in.test;STARTTLS;shake;EHLO gw.in.test;ready;" },
	{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, OFFERS, "454 later\r\n" },
		"EHLO gw.in.test;STARTTLS;ready;" },
	{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, OFFERS, "220 go\r\n", "-" },
		"EHLO gw.in.test;STARTTLS;shake;again;" },
	{ ROUTE_TLS_REQUIRED, { BANNER, OFFERS, "220 go\r\n", "-" },
		"EHLO gw.in.test;STARTTLS;shake;failed PN6102 no handshake;" },
	{ ROUTE_TLS_REQUIRED, { BANNER, OFFERS, "454 later\r\n" },
		"EHLO gw.in.test;STARTTLS;failed PN6102 later;" },
	{ ROUTE_TLS_REQUIRED, { BANNER, PLAIN },
		"EHLO gw.in.test;failed PN6102 STARTTLS is not offered;" },
	{ ROUTE_TLS_VERIFY, { BANNER, "502 what\r\n" }, "EHLO gw.in.test;failed PN6102 what;" },
	/* inside TLS no server has to be spared EHLO */
	{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, OFFERS, "220 go\r\n", "+", "502 what\r\n" },
		"EHLO gw.in.test;STARTTLS;shake;EHLO gw.in.test;failed PN6101 what;" },
};

static void a_hop_is_greeted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(dialogues); i++)
		for (size_t cut = 0; cut < sizeof(OFFERS); cut++)
			assert_string_equal(played(&dialogues[i], cut), dialogues[i].want);
}

/* They are judged where they come in the same window; the adapter reads no further than it is
 * asked. */
static void octets_nobody_asked_for_are_a_fault(void **state)
{
	static const struct dialogue ahead[] = {
		{ ROUTE_TLS_NONE, { BANNER "250 x\r\n" }, "failed PN6101 malformed reply;" },
		{ ROUTE_TLS_NONE, { BANNER, PLAIN "250 x\r\n" },
			"EHLO gw.in.test;failed PN6101 malformed reply;" },
		{ ROUTE_TLS_OPPORTUNISTIC, { BANNER, OFFERS, "220 go\r\n250 x\r\n" },
			"EHLO gw.in.test;STARTTLS;failed PN6102 octets behind the answer to "
			"STARTTLS;" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ahead); i++)
		assert_string_equal(played(&ahead[i], 0), ahead[i].want);
}

static void a_failed_handshake_is_not_tried_again(void **state)
{
	static const char *const first[TURNS_MAX] = { BANNER, OFFERS, "220 go\r\n", "-" };
	static const char *const second[TURNS_MAX] = { BANNER, OFFERS };
	struct hop_hello h;
	char text[256];
	struct out seen;

	(void)state;
	out_init(&seen, text, sizeof(text));
	hop_hello_init(&h, ROUTE_TLS_OPPORTUNISTIC, "gw.in.test");
	hop_hello_begin(&h);
	play(&h, first, 0, &seen);
	seen.n = 0;
	hop_hello_begin(&h);
	play(&h, second, 0, &seen);
	assert_string_equal(out_cstr(&seen), "EHLO gw.in.test;ready;");
	assert_int_equal(h.offer.size, 100);
}

/* An idle one has said something, is in the middle of something or is gone: another is dialled. */
static void an_unused_one_is_asked_whether_it_lives(void **state)
{
	static const struct {
		const char *said, *want;
	} cases[] = {
		{ "250 ok\r\n", "ready;" },
		{ "250 ok\r\n250 x\r\n", "again;" },
		{ "421 bye\r\n", "again;" },
		{ "hello\r\n", "again;" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *const turns[TURNS_MAX] = { cases[i].said };
		struct hop_hello h;
		uint8_t block[HOP_HELLO_LINE_MAX];
		char text[64];
		struct out line, seen;

		out_init(&line, block, sizeof(block));
		out_init(&seen, text, sizeof(text));
		hop_hello_init(&h, ROUTE_TLS_NONE, "gw.in.test");
		hop_hello_ask(&h, &line);
		assert_true(span_eq(out_span(&line), SPAN("RSET\r\n")));
		play(&h, turns, 0, &seen);
		assert_string_equal(out_cstr(&seen), cases[i].want);
	}
}

static void one_that_is_lost_failed_unless_it_was_unused(void **state)
{
	uint8_t block[HOP_HELLO_LINE_MAX];
	struct hop_hello h;
	struct out line;

	(void)state;
	out_init(&line, block, sizeof(block));
	hop_hello_init(&h, ROUTE_TLS_NONE, "gw.in.test");
	hop_hello_begin(&h);
	assert_int_equal(hop_hello_lost(&h, SPAN("closed")), HOP_HELLO_FAILED);
	assert_int_equal(h.why, CODE_HOP_DOWN);
	assert_true(span_eq(h.said, SPAN("closed")));
	hop_hello_ask(&h, &line);
	assert_int_equal(hop_hello_lost(&h, SPAN("closed")), HOP_HELLO_AGAIN);
}

static void a_reply_without_end_is_none(void **state)
{
	static char reply[SMTP_REPLY_MAX];
	struct hop_hello h;
	struct out line;
	uint8_t block[HOP_HELLO_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(reply); i++)
		reply[i] = "220-a\r\n"[i % 7];
	out_init(&line, block, sizeof(block));
	hop_hello_init(&h, ROUTE_TLS_NONE, "gw.in.test");
	hop_hello_begin(&h);
	assert_int_equal(
		hop_hello_hear(&h, span_of(reply, sizeof(reply)), &line), HOP_HELLO_FAILED);
	assert_true(span_eq(h.said, SPAN("malformed reply")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hop_is_greeted),
		cmocka_unit_test(octets_nobody_asked_for_are_a_fault),
		cmocka_unit_test(a_failed_handshake_is_not_tried_again),
		cmocka_unit_test(an_unused_one_is_asked_whether_it_lives),
		cmocka_unit_test(one_that_is_lost_failed_unless_it_was_unused),
		cmocka_unit_test(a_reply_without_end_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
