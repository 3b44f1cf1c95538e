/* SPDX-License-Identifier: ISC */
#include "filter/smtp/ehlo.h"

#include <stdio.h>

#include "test/unit/support.h"

#define ALL ((1u << SMTP_EXT_COUNT) - 1)

/* What the rule table `internet` lets through (RULES.md). */
#define INTERNET                                                                                   \
	(SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(8BITMIME) |                  \
		SMTP_EXT_BIT(CHUNKING) | SMTP_EXT_BIT(SMTPUTF8) | SMTP_EXT_BIT(DSN) |              \
		SMTP_EXT_BIT(ENHANCEDSTATUSCODES))

static struct smtp_reply whole(struct span octets)
{
	struct reply_reader r;
	struct smtp_reply reply;
	enum smtp_fault fault;

	reply_init(&r);
	assert_int_equal(reply_next(&r, octets.p, octets.n, &reply, &fault), REPLY_WHOLE);
	assert_int_equal(reply.octets.n, octets.n);
	return reply;
}

struct row {
	const char *name;
	uint32_t allow;
	const char *lines; /* behind "250-s.test\r\n", the last one's mark as it stands */
	const char *want;
};

static void run(const struct row *row, uint64_t max_size, struct ehlo_offer *offerp)
{
	static uint8_t in[4096], block[8192];
	struct ehlo_rules rules = { .allow = row->allow, .max_size = max_size };
	struct ehlo_offer again;
	struct smtp_reply reply;
	struct out o, out;

	out_init(&o, in, sizeof in);
	out_str(&o, row->lines[0] ? "250-s.test hi\r\n" : "250 s.test hi\r\n");
	out_str(&o, row->lines);
	reply = whole(out_span(&o));
	out_init(&out, block, sizeof block);
	ehlo_print(&out, &reply, &rules);
	expect_octets(out_span(&out), span_str(row->want), row->name, "printed");
	ehlo_read(&reply, &rules, offerp);

	/* What was printed offers what was read, and hides nothing more. */
	reply = whole(out_span(&out));
	ehlo_read(&reply, &rules, &again);
	assert_int_equal(again.extensions, offerp->extensions);
	assert_int_equal(again.size, offerp->size);
	assert_int_equal(again.hidden, 0);
	assert_false(again.starttls || again.xclient);
}

static void what_is_not_allowed_is_left_out(void **state)
{
	static const struct row rows[] = {
		{ "nothing offered", ALL, "", "250 s.test hi\r\n" },
		{ "nothing allowed", 0, "250-SIZE 10\r\n250 DSN\r\n", "250 s.test hi\r\n" },
		{ "all pass", INTERNET, "250-PIPELINING\r\n250-SIZE 10\r\n250 DSN\r\n",
			"250-s.test hi\r\n250-PIPELINING\r\n250-SIZE 10\r\n250 DSN\r\n" },
		{ "the last is left out", INTERNET, "250-PIPELINING\r\n250-DSN\r\n250 ETRN\r\n",
			"250-s.test hi\r\n250-PIPELINING\r\n250 DSN\r\n" },
		{ "the first is left out", INTERNET, "250-ETRN\r\n250 DSN\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "BDT-02", INTERNET & ~SMTP_EXT_BIT(CHUNKING),
			"250-DSN\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "BDT-03 case", INTERNET & ~SMTP_EXT_BIT(CHUNKING), "250-chunking\r\n250 dsn\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "BDT-03 argument", ALL, "250-CHUNKING 1\r\n250 DSN\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "TLS-01", ALL, "250-STARTTLS\r\n250 DSN\r\n", "250-s.test hi\r\n250 DSN\r\n" },
		{ "TLS-01 alone", ALL, "250 STARTTLS\r\n", "250 s.test hi\r\n" },
		{ "ATK-05", ALL & ~SMTP_EXT_BIT(ETRN),
			"250-XEXCH50\r\n250-X-LINK2STATE\r\n250-X-EXPS=LOGIN\r\n250-X-EXPS GSSAPI "
			"NTLM\r\n"
			"250-XCLIENT NAME ADDR\r\n250-XFORWARD NAME\r\n250-BURL "
			"imap\r\n250-DSN\r\n250 ETRN\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "AUT-12 denied", INTERNET, "250-AUTH LOGIN\r\n250-AUTH=LOGIN\r\n250 DSN\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "AUT-12 old spelling", ALL, "250-AUTH=LOGIN\r\n250 AUTH plain Login\r\n",
			"250-s.test hi\r\n250 AUTH PLAIN LOGIN\r\n" },
		{ "twice", ALL, "250-DSN\r\n250-DSN\r\n250 HELP\r\n",
			"250-s.test hi\r\n250-DSN\r\n250 HELP\r\n" },
		{ "twice at the end", ALL, "250-HELP\r\n250-DSN\r\n250 DSN\r\n",
			"250-s.test hi\r\n250-HELP\r\n250 DSN\r\n" },
		{ "BINARYMIME before CHUNKING", ALL, "250-BINARYMIME\r\n250 CHUNKING\r\n",
			"250-s.test hi\r\n250-BINARYMIME\r\n250 CHUNKING\r\n" },
		{ "BINARYMIME alone", ALL, "250-DSN\r\n250 BINARYMIME\r\n",
			"250-s.test hi\r\n250 DSN\r\n" },
		{ "blanks", ALL, "250-  SIZE   10 \r\n250 DSN \r\n",
			"250-s.test hi\r\n250-SIZE 10\r\n250 DSN\r\n" },
		{ "empty lines", ALL, "250-\r\n250- \r\n250\r\n", "250 s.test hi\r\n" },
	};
	struct ehlo_offer offer;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i], 0, &offer);
}

static void parameters_are_those_of_the_rfc(void **state)
{
	static const char *const good[] = { "SIZE", "SIZE 1", "AUTH A", "AUTH PLAIN SCRAM-SHA-256",
		"DELIVERBY", "DELIVERBY 240", "LIMITS RCPTMAX=100",
		"LIMITS MAILMAX=1 RCPTDOMAINMAX=999999", "MT-PRIORITY", "MT-PRIORITY STANAG4406",
		"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "HELP", "ETRN",
		"CHUNKING" };
	static const char *const bad[] = { "SIZE x", "SIZE 1 2", "SIZE -1",
		"SIZE 111111111111111111111", "SIZE 99999999999999999999", "SIZE=1", "SIZE\t1",
		"AUTH", "AUTH PLAIN,LOGIN", "AUTH ===", "AUTH AAAAAAAAAAAAAAAAAAAAA",
		"AUTH P\303\204", "DELIVERBY x", "DELIVERBY 1111111111", "DELIVERBY 1 2", "LIMITS",
		"LIMITS RCPTMAX", "LIMITS RCPTMAX=0", "LIMITS RCPTMAX=", "LIMITS RCPTMAX=1000000",
		"LIMITS RCPTMAX=-1", "LIMITS FOO=1", "LIMITS RCPTMAX=1 FOO=1", "MT-PRIORITY a.b",
		"MT-PRIORITY A B", "MT-PRIORITY AAAAAAAAAAAAAAAAAAAAA", "PIPELINING x",
		"8BITMIME x", "BINARYMIME x", "SMTPUTF8 x", "DSN x", "ENHANCEDSTATUSCODES x",
		"HELP x", "ETRN x", "PIPELININGx", "XPIPELINING", "PIPELINING\x01", "STARTTLS",
		"DSN\t", "=", "250" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good) + COUNT_OF(bad); i++) {
		bool pass = i < COUNT_OF(good);
		const char *text = pass ? good[i] : bad[i - COUNT_OF(good)];
		char lines[80], want[80];
		struct row row = { text, ALL, lines, want };
		struct ehlo_offer offer;

		snprintf(lines, sizeof lines, "250 %s\r\n", text);
		snprintf(want, sizeof want,
			pass ? "250-s.test hi\r\n250 %s\r\n" : "250 s.test hi\r\n", text);
		run(&row, 0, &offer);
		assert_int_equal(offer.hidden, !pass);
	}
}

static void size_is_the_smaller_of_both(void **state)
{
	static const struct {
		const char *line;
		uint64_t max, want;
		const char *printed;
	} rows[] = {
		{ "SIZE 1000", 0, 1000, "250 SIZE 1000" },
		{ "SIZE 1000", 500, 500, "250 SIZE 500" },
		{ "SIZE 1000", 2000, 1000, "250 SIZE 1000" },
		{ "SIZE 0", 500, 500, "250 SIZE 500" },
		{ "SIZE", 500, 500, "250 SIZE 500" },
		{ "SIZE 0", 0, 0, "250 SIZE" },
		{ "SIZE", 0, 0, "250 SIZE" },
		{ "SIZE 0001000", 0, 1000, "250 SIZE 1000" },
		{ "SIZE 18446744073709551615", 0, UINT64_MAX, "250 SIZE 18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char lines[80], want[80];
		struct row row = { rows[i].line, ALL, lines, want };
		struct ehlo_offer offer;

		snprintf(lines, sizeof lines, "250 %s\r\n", rows[i].line);
		snprintf(want, sizeof want, "250-s.test hi\r\n%s\r\n", rows[i].printed);
		run(&row, rows[i].max, &offer);
		assert_int_equal(offer.size, rows[i].want);
	}
}

static void the_offer_says_what_was_hidden(void **state)
{
	struct row row = { "hidden", INTERNET,
		"250-STARTTLS\r\n250-XCLIENT NAME\r\n250-FOO\r\n250-DSN x\r\n250-BINARYMIME\r\n250 "
		"DSN\r\n",
		"250-s.test hi\r\n250 DSN\r\n" };
	struct ehlo_offer offer;
	struct smtp_reply reply = whole(SPAN("250-STARTTLS\r\n250 DSN\r\n"));
	struct ehlo_rules rules = { .allow = ALL };

	(void)state;
	run(&row, 0, &offer);
	assert_int_equal(offer.extensions, SMTP_EXT_BIT(DSN));
	assert_int_equal(offer.hidden, 5);
	assert_true(offer.starttls);
	assert_true(offer.xclient);

	ehlo_read(
		&reply, &rules, &offer); /* the first line is the server's name, whatever it says */
	assert_false(offer.starttls);
	assert_int_equal(offer.hidden, 0);
}

static void the_servers_name_can_be_hidden(void **state) /* SRV-19 */
{
	struct smtp_reply reply = whole(SPAN("250-secret.in.test Exchange 5.5\r\n250 DSN\r\n"));
	struct ehlo_rules rules = { .allow = ALL, .name = "mx.example.org" };
	uint8_t block[256];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof block);
	ehlo_print(&o, &reply, &rules);
	expect_octets(out_span(&o), SPAN("250-mx.example.org\r\n250 DSN\r\n"), "name", "printed");
}

static void many_keywords_are_trimmed(void **state) /* SRV-18, within the bounds of a reply */
{
	static uint8_t in[8192], block[8192];
	struct ehlo_rules rules = { .allow = INTERNET };
	struct smtp_reply reply;
	struct ehlo_offer offer;
	struct out o;

	(void)state;
	out_init(&o, in, sizeof in);
	out_str(&o, "250-s.test\r\n");
	for (unsigned i = 0; i < 98; i++) {
		out_str(&o, "250-KEY");
		out_u64(&o, i);
		out_str(&o, i == 50 ? "\r\n250-DSN\r\n" : "\r\n");
		if (i == 96)
			break;
	}
	out_str(&o, "250 END\r\n");
	reply = whole(out_span(&o));
	ehlo_read(&reply, &rules, &offer);
	assert_int_equal(offer.hidden, 98);
	out_init(&o, block, sizeof block);
	ehlo_print(&o, &reply, &rules);
	expect_octets(out_span(&o), SPAN("250-s.test\r\n250 DSN\r\n"), "many", "printed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_allowed_is_left_out),
		cmocka_unit_test(parameters_are_those_of_the_rfc),
		cmocka_unit_test(size_is_the_smaller_of_both),
		cmocka_unit_test(the_offer_says_what_was_hidden),
		cmocka_unit_test(the_servers_name_can_be_hidden),
		cmocka_unit_test(many_keywords_are_trimmed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
