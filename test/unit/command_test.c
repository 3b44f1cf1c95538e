/* SPDX-License-Identifier: ISC */
#include "filter/smtp/command.h"

#include <stdio.h>

#include "test/unit/support.h"

#define ALL ((1u << SMTP_EXT_COUNT) - 1)

enum { PLAIN, NOTHING = 1, UTF8 = 2, TOLERANT = 4 }; /* NOTHING: no extension was offered */

/* The limits of the built-in table `internet` (RULES.md), and of `submission` for AUTH. */
static const uint16_t line_max[SMTP_VERB_NAMED] = {
	[SMTP_VERB_HELO] = 512,
	[SMTP_VERB_EHLO] = 512,
	[SMTP_VERB_MAIL] = 512,
	[SMTP_VERB_RCPT] = 512,
	[SMTP_VERB_DATA] = 6,
	[SMTP_VERB_BDAT] = 32,
	[SMTP_VERB_RSET] = 6,
	[SMTP_VERB_VRFY] = 512,
	[SMTP_VERB_EXPN] = 512,
	[SMTP_VERB_HELP] = 512,
	[SMTP_VERB_NOOP] = 512,
	[SMTP_VERB_QUIT] = 6,
	[SMTP_VERB_AUTH] = 12288,
	[SMTP_VERB_ETRN] = 512,
	[SMTP_VERB_STARTTLS] = 512,
};

static struct command_rules rules_of(unsigned flags)
{
	return (struct command_rules){
		.offered = flags & NOTHING ? 0 : ALL,
		.line_max = line_max,
		.utf8 = flags & UTF8,
		.local_tolerant = flags & TOLERANT,
	};
}

/* The line ends at an unreadable page. */
static enum smtp_defect parse(
	struct span line, unsigned flags, struct smtp_command *cmdp, size_t *atp, struct fence *f)
{
	struct command_rules rules = rules_of(flags);

	return command_parse(span_of(fence_at_end(f, line), line.n), &rules, cmdp, atp);
}

static const struct good {
	const char *line, *printed; /* NULL: as it came */
	unsigned flags;
} good[] = {
	{ "HELO c.test", NULL, PLAIN },
	{ "EHLO c.test", NULL, PLAIN },
	{ "eHlO c.test", "EHLO c.test", PLAIN },
	{ "EHLO  c.test  ", "EHLO c.test", PLAIN },
	{ "EHLO C.Test.", "EHLO C.Test", PLAIN },
	{ "EHLO my_host", NULL, PLAIN },
	{ "EHLO [127.0.0.1]", NULL, PLAIN }, /* CMD-35 */
	{ "EHLO [IPv6:::1]", NULL, PLAIN },
	{ "EHLO [ipv6:2001:DB8::0:1]", "EHLO [IPv6:2001:db8::1]", PLAIN },
	{ "MAIL FROM:<a@out.test>", NULL, PLAIN },
	{ "MAIL FROM: <a@out.test>", "MAIL FROM:<a@out.test>", PLAIN }, /* CMD-14 */
	{ "mAiL fRoM:<a@out.test>", "MAIL FROM:<a@out.test>", PLAIN },  /* CMD-17 */
	{ "MAIL   FROM:   <>  ", "MAIL FROM:<>", PLAIN },
	{ "MAIL FROM:<a@OUT.test.> size=010  BODY=8bitmime",
		"MAIL FROM:<a@out.test> SIZE=10 BODY=8BITMIME", PLAIN },
	{ "MAIL FROM:<\303\251@out.test> SMTPUTF8", NULL, PLAIN },
	{ "RCPT TO:<b@in.test>", NULL, PLAIN },
	{ "rcpt to: <b@in.test> NOTIFY=never", "RCPT TO:<b@in.test> NOTIFY=NEVER", PLAIN },
	{ "RCPT TO:<postmaster>", NULL, PLAIN },
	{ "RCPT TO:<b\303\251@in.test>", NULL, UTF8 }, /* CMD-22 */
	{ "RCPT TO:<t%x@in.test>", NULL, TOLERANT },
	{ "RCPT TO:<b@in.test> ORCPT=utf-8;\303\251@in.test", NULL, UTF8 },
	{ "DATA", NULL, PLAIN },
	{ "data     ", "DATA", PLAIN }, /* trailing blanks are dropped, how many there may be */
	{ "BDAT 0", NULL, PLAIN },
	{ "BDAT 0 LAST", NULL, PLAIN }, /* BDT-07 */
	{ "bdat 00005  last ", "BDAT 5 LAST", PLAIN },
	{ "BDAT 1073741823 LAST", NULL, PLAIN },
	{ "RSET", NULL, PLAIN },
	{ "VRFY root", NULL, PLAIN }, /* ATK-07: for the rule to say */
	{ "VRFY \303\251", NULL, UTF8 },
	{ "EXPN  all  of you", "EXPN all of you", PLAIN },
	{ "HELP", NULL, PLAIN },
	{ "HELP me", NULL, PLAIN },
	{ "NOOP", NULL, PLAIN },
	{ "NOOP   x    y", "NOOP x y", PLAIN }, /* CMD-37 */
	{ "NOOP %s%n%s%n", NULL, PLAIN },       /* ATK-25 */
	{ "QUIT", NULL, PLAIN },
	{ "AUTH plain AGEAYg==", "AUTH PLAIN AGEAYg==", PLAIN },
	{ "AUTH LOGIN", NULL, PLAIN },
	{ "AUTH X =", NULL, PLAIN },
	{ "ETRN in.test", NULL, PLAIN },
	{ "ETRN @in.test.", "ETRN @in.test", PLAIN },
	{ "ETRN #queue_1", NULL, PLAIN },
};

static void commands_are_printed_in_one_form(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 2000);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const char *want = good[i].printed ? good[i].printed : good[i].line;
		struct smtp_command cmd, again;
		uint8_t block[600], block2[600];
		struct out o, o2;
		size_t at;

		if (parse(span_str(good[i].line), good[i].flags, &cmd, &at, &f) != SMTP_DEFECT_NONE)
			fail_msg("\"%s\"", good[i].line);
		out_init(&o, block, sizeof block);
		command_print(&o, &cmd);
		assert_true(o.n >= 2 && memcmp(block + o.n - 2, "\r\n", 2) == 0);
		expect_octets(span_of(block, o.n - 2), span_str(want), good[i].line, "printed");

		/* What was printed is a command of the same meaning, and its own canonical form. */
		assert_int_equal(parse(span_of(block, o.n - 2), good[i].flags, &again, &at, &f),
			SMTP_DEFECT_NONE);
		assert_int_equal(again.verb, cmd.verb);
		out_init(&o2, block2, sizeof block2);
		command_print(&o2, &again);
		expect_octets(out_span(&o2), out_span(&o), good[i].line, "printed twice");
	}
	fence_deinit(&f);
}

static const struct bad {
	struct span line;
	enum smtp_defect want;
	size_t at;
	unsigned flags;
} bad[] = {
	{ OCTETS(""), SMTP_DEFECT_EMPTY, 0, PLAIN }, /* CMD-19 */
	{ OCTETS("   "), SMTP_DEFECT_EMPTY, 0, PLAIN },
	{ OCTETS(" EHLO c.test"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },         /* CMD-09 */
	{ OCTETS("\0EHLO c.test"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },        /* CMD-08 */
	{ OCTETS("RCPT\tTO:<b@in.test>"), SMTP_DEFECT_VERB_UNKNOWN, 4, PLAIN }, /* CMD-11 */
	{ OCTETS("RCPT \tTO:<b@in.test>"), SMTP_DEFECT_LINE_8BIT, 5, PLAIN },
	{ OCTETS("RCPT TO:<b@in.test>\t"), SMTP_DEFECT_LINE_8BIT, 19, PLAIN },
	{ OCTETS("EHLOx c.test"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN }, /* CMD-30 */
	{ OCTETS("MAILFROM:<a@out.test>"), SMTP_DEFECT_VERB_UNKNOWN, 8, PLAIN },
	{ OCTETS("RCPTTO:<b@in.test>"), SMTP_DEFECT_VERB_UNKNOWN, 6, PLAIN },
	{ OCTETS("WIZ"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN }, /* ATK-01 */
	{ OCTETS("DEBUG"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },
	{ OCTETS("SHOWQ"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },
	{ OCTETS("KILL"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },
	{ OCTETS("VERB"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },
	{ OCTETS("ONEX"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN },
	{ OCTETS("\x16\x03\x01\x02"), SMTP_DEFECT_VERB_UNKNOWN, 0, PLAIN }, /* CMD-32 */
	{ OCTETS("EHLO"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },         /* CMD-34 */
	{ OCTETS("HELO "), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("EHLO c\xff.test"), SMTP_DEFECT_LINE_8BIT, 6, PLAIN }, /* CMD-20 */
	{ OCTETS("EHLO c.test x"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("EHLO <c.test>"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("EHLO ;id;"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("EHLO [300.0.0.1]"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("EHLO 127.0.0.1"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("EHLO c\x7f"), SMTP_DEFECT_LINE_8BIT, 6, PLAIN },
	{ OCTETS("MAIL"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("MAIL FROM:"), SMTP_DEFECT_PATH_SYNTAX, 10, PLAIN },
	{ OCTETS("MAIL FROM : <a@out.test>"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN }, /* CMD-13 */
	{ OCTETS("MAIL TO:<a@out.test>"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("MAIL <a@out.test>"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("MAIL FROM:a@out.test"), SMTP_DEFECT_PATH_SYNTAX, 10, PLAIN },
	{ OCTETS("MAIL FROM:<postmaster>"), SMTP_DEFECT_PATH_DOMAIN, 10, PLAIN },
	{ OCTETS("MAIL FROM:<a@out.test>SIZE=10"), SMTP_DEFECT_PATH_SYNTAX, 22,
		PLAIN },                                                           /* CMD-16 */
	{ OCTETS("MAIL FROM:<a\0b@out.test>"), SMTP_DEFECT_LINE_8BIT, 12, PLAIN }, /* CMD-06 */
	{ OCTETS("MAIL FROM:<;sleep 5;>"), SMTP_DEFECT_PATH_SYNTAX, 10, PLAIN },   /* ATK-15 */
	{ OCTETS("MAIL FROM:<a@out.test> SIZE=-1"), SMTP_DEFECT_PARAM_SYNTAX, 23,
		PLAIN }, /* ATK-21 */
	{ OCTETS("MAIL FROM:<a@out.test> SIZE=1 SIZE=2"), SMTP_DEFECT_PARAM_DUPLICATE, 30,
		PLAIN }, /* ATK-22 */
	{ OCTETS("MAIL FROM:<a@out.test> FOO=1"), SMTP_DEFECT_PARAM_UNKNOWN, 23, PLAIN },
	{ OCTETS("MAIL FROM:<a@out.test> SIZE=1"), SMTP_DEFECT_PARAM_UNKNOWN, 23, NOTHING },
	{ OCTETS("MAIL FROM:<\303\251@out.test>"), SMTP_DEFECT_PATH_UTF8, 10, PLAIN }, /* ATK-27 */
	{ OCTETS("MAIL FROM:<\303\251@out.test> SMTPUTF8"), SMTP_DEFECT_PATH_UTF8, 10, NOTHING },
	{ OCTETS("MAIL FROM:<a@out.test> ENVID=\303\251"), SMTP_DEFECT_PARAM_SYNTAX, 23, PLAIN },
	{ OCTETS("RCPT"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("RCPT TO:<>"), SMTP_DEFECT_PATH_SYNTAX, 8, PLAIN },
	{ OCTETS("RCPT FROM:<b@in.test>"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("RCPT TO:<b\303\251@in.test>"), SMTP_DEFECT_PATH_UTF8, 8, PLAIN }, /* CMD-21 */
	{ OCTETS("RCPT TO:<b\303(@in.test>"), SMTP_DEFECT_PATH_UTF8, 8, UTF8 },     /* CMD-22 */
	{ OCTETS("RCPT TO:<b@in.test> ORCPT=utf-8;\303\251@in.test"), SMTP_DEFECT_LINE_8BIT, 32,
		PLAIN },
	{ OCTETS("RCPT TO:<@in.test:t@victim.test>"), SMTP_DEFECT_PATH_ROUTE, 8,
		PLAIN }, /* RLY-18 */
	{ OCTETS("RCPT TO:<t@victim.test@in.test>"), SMTP_DEFECT_PATH_DOMAIN, 8,
		PLAIN }, /* RLY-20 */
	{ OCTETS("RCPT TO:(x@in.test)<t@victim.test>"), SMTP_DEFECT_PATH_SYNTAX, 8,
		PLAIN }, /* RLY-21 */
	{ OCTETS("RCPT TO:<x@in.test>,<t@victim.test>"), SMTP_DEFECT_PATH_SYNTAX, 19,
		PLAIN }, /* RLY-25 */
	{ OCTETS("RCPT TO:<x@in.test> <t@victim.test>"), SMTP_DEFECT_PARAM_SYNTAX, 20,
		PLAIN },                                                              /* RLY-27 */
	{ OCTETS("RCPT TO:<${run{x}}@in.test>"), SMTP_DEFECT_PATH_UNSAFE, 8, PLAIN }, /* ATK-16 */
	{ OCTETS("RCPT TO:<t%victim.test@in.test>"), SMTP_DEFECT_PATH_UNSAFE, 8,
		PLAIN },                                              /* RLY-17 */
	{ OCTETS("DATA x"), SMTP_DEFECT_ARGUMENT_SURPLUS, 5, PLAIN }, /* SEQ-04 */
	{ OCTETS("DATA \xff"), SMTP_DEFECT_ARGUMENT_SURPLUS, 5, PLAIN },
	{ OCTETS("RSET x"), SMTP_DEFECT_ARGUMENT_SURPLUS, 5, PLAIN }, /* CMD-37 */
	{ OCTETS("QUIT x"), SMTP_DEFECT_ARGUMENT_SURPLUS, 5, PLAIN },
	{ OCTETS("STARTTLS x"), SMTP_DEFECT_ARGUMENT_SURPLUS, 9, PLAIN }, /* RFC 3207 4 */
	{ OCTETS("BDAT"), SMTP_DEFECT_ARGUMENT_SYNTAX, 4, PLAIN },
	{ OCTETS("BDAT -1 LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 7, PLAIN }, /* BDT-09 */
	{ OCTETS("BDAT +5 LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 7, PLAIN }, /* BDT-10 */
	{ OCTETS("BDAT 0x5 LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 8, PLAIN },
	{ OCTETS("BDAT 5LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 10, PLAIN },
	{ OCTETS("BDAT 5 LAST X"), SMTP_DEFECT_ARGUMENT_SYNTAX, 7, PLAIN },
	{ OCTETS("BDAT 4294967301 LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 15, PLAIN }, /* BDT-11 */
	{ OCTETS("BDAT 1073741824"), SMTP_DEFECT_ARGUMENT_SYNTAX, 15, PLAIN },
	{ OCTETS("BDAT 00000000005"), SMTP_DEFECT_ARGUMENT_SYNTAX, 16, PLAIN },
	{ OCTETS("BDAT 5 X"), SMTP_DEFECT_ARGUMENT_SYNTAX, 7, PLAIN }, /* BDT-13 */
	{ OCTETS("BDAT 5 \xff"), SMTP_DEFECT_ARGUMENT_SYNTAX, 7, PLAIN },
	{ OCTETS("BDAT 5                          LAST"), SMTP_DEFECT_ARGUMENT_SYNTAX, 30,
		PLAIN }, /* too long */
	{ OCTETS("VRFY"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("VRFY \303\251"), SMTP_DEFECT_LINE_8BIT, 5, PLAIN }, /* ATK-27 */
	{ OCTETS("VRFY a\303("), SMTP_DEFECT_LINE_8BIT, 6, UTF8 },
	{ OCTETS("NOOP a\x1b[1m"), SMTP_DEFECT_LINE_8BIT, 6, PLAIN },
	{ OCTETS("AUTH"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("AUTH PL/IN"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("AUTH AAAAAAAAAAAAAAAAAAAAA"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("AUTH PLAIN a b"), SMTP_DEFECT_SASL_SYNTAX, 11, PLAIN },
	{ OCTETS("AUTH PLAIN *"), SMTP_DEFECT_SASL_SYNTAX, 11, PLAIN },
	{ OCTETS("ETRN"), SMTP_DEFECT_ARGUMENT_MISSING, 4, PLAIN },
	{ OCTETS("ETRN #"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("ETRN @"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("ETRN a;b"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
	{ OCTETS("ETRN #a b"), SMTP_DEFECT_ARGUMENT_SYNTAX, 5, PLAIN },
};

static void what_servers_read_differently_is_a_defect(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 2000);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct smtp_command cmd;
		size_t at = SIZE_MAX;
		enum smtp_defect got = parse(bad[i].line, bad[i].flags, &cmd, &at, &f);

		if (got != bad[i].want || at != bad[i].at)
			fail_msg("\"%s\": %s at %zu, not %s at %zu", (const char *)bad[i].line.p,
				smtp_defect_name(got), at, smtp_defect_name(bad[i].want),
				bad[i].at);
	}
	fence_deinit(&f);
}

/* No beginning of a line makes the reader look behind its end. */
static void lines_may_end_anywhere(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 2000);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		for (size_t n = 0; n < strlen(good[i].line); n++) {
			struct smtp_command cmd;
			size_t at = 0;

			if (parse(span_of(good[i].line, n), good[i].flags, &cmd, &at, &f) !=
				SMTP_DEFECT_NONE)
				assert_in_range(at, 0, n);
		}
	}
	fence_deinit(&f);
}

/* @head and as many @fill as make a line of @n octets with its CRLF; the offset of the defect in
 * *atp. */
static enum smtp_defect filled(
	const char *head, char fill, const char *tail, size_t n, unsigned flags, size_t *atp)
{
	static char line[20000];
	size_t head_n = strlen(head), tail_n = strlen(tail);
	struct command_rules rules = rules_of(flags);
	struct smtp_command cmd;

	assert_in_range(n, head_n + tail_n + 2, sizeof line);
	memcpy(line, head, head_n);
	memset(line + head_n, fill, n - 2 - head_n - tail_n);
	memcpy(line + n - 2 - tail_n, tail, tail_n);
	*atp = 0;
	return command_parse(span_of(line, n - 2), &rules, &cmd, atp);
}

static void each_verb_has_its_longest_line(void **state)
{
	static const struct {
		const char *name, *head;
		char fill;
		const char *tail;
		size_t max;
		unsigned flags;
	} rows[] = {
		{ "CMD-23", "NOOP ", 'x', "", 512, PLAIN },
		{ "VRFY", "VRFY ", 'x', "", 512, PLAIN },
		{ "EHLO", "EHLO ", ' ', "c.test", 512, PLAIN },
		{ "MAIL, plain", "MAIL FROM:<a@out.test>", ' ', "", 512, NOTHING },
		{ "MAIL, all extensions", "MAIL FROM:<a@out.test>", ' ', "",
			512 + 26 + 17 + 500 + 10 + 107 + 17 + 15, PLAIN },
		{ "RCPT, plain", "RCPT TO:<b@in.test>", ' ', "", 512, NOTHING },
		{ "RCPT, DSN", "RCPT TO:<b@in.test>", ' ', "", 512 + 500, PLAIN },
		{ "AUT-01", "AUTH PLAIN ", 'A', " ", 12288,
			PLAIN }, /* 12,276 letters of base64 and a blank */
	};
	size_t at;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum smtp_defect fits = filled(
			rows[i].head, rows[i].fill, rows[i].tail, rows[i].max, rows[i].flags, &at);
		enum smtp_defect over = filled(rows[i].head, rows[i].fill, rows[i].tail,
			rows[i].max + 1, rows[i].flags, &at);

		if (fits != SMTP_DEFECT_NONE && fits != SMTP_DEFECT_SASL_SYNTAX)
			fail_msg("%s: %s", rows[i].name, smtp_defect_name(fits));
		if (over != SMTP_DEFECT_LINE_LONG || at != rows[i].max - 2)
			fail_msg("%s: %s at %zu", rows[i].name, smtp_defect_name(over), at);
	}
}

static void overflows_are_refused_by_their_length(void **state)
{
	size_t at;

	(void)state;
	assert_int_equal(
		filled("HELO ", '1', "", 1107, PLAIN, &at), SMTP_DEFECT_LINE_LONG); /* ATK-09 */
	assert_int_equal(
		filled("EHLO ", 'a', "", 12007, PLAIN, &at), SMTP_DEFECT_LINE_LONG); /* ATK-10 */
	assert_int_equal(filled("MAIL FROM:<", 'a', "@out.test>", 5023, PLAIN, &at),
		SMTP_DEFECT_LINE_LONG); /* ATK-11 */
	assert_int_equal(
		filled("MAIL FROM:<", 'a', "@out.test>", 500, PLAIN, &at), SMTP_DEFECT_PATH_LONG);
	assert_int_equal(filled("EHLO ", 'a', "", 300, PLAIN, &at), SMTP_DEFECT_ARGUMENT_SYNTAX);
	/* trailing blanks of verbs without argument are dropped, however many */
	assert_int_equal(filled("QUIT", ' ', "", 6000, PLAIN, &at), SMTP_DEFECT_NONE);
}

/* The verb is told, for the table's own words; what follows it is nobody's matter. */
static void verbs_that_never_pass_are_told_by_name(void **state)
{
	static const struct {
		const char *line;
		enum smtp_verb verb;
	} rows[] = {
		{ "STARTTLS", SMTP_VERB_STARTTLS }, /* TLS-03 */
		{ "starttls ", SMTP_VERB_STARTTLS },
		{ "XEXCH50 2 2", SMTP_VERB_XEXCH50 }, /* ATK-02 */
		{ "XEXCH50 -1 2", SMTP_VERB_XEXCH50 },
		{ "XEXCH50 \377", SMTP_VERB_XEXCH50 },
		{ "X-LINK2STATE CHUNK={0000006F} AAAA", SMTP_VERB_X_LINK2STATE }, /* ATK-03 */
		{ "BURL imap://x", SMTP_VERB_BURL },
	};
	struct command_rules rules = rules_of(PLAIN);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct smtp_command cmd;
		uint8_t block[64];
		struct out o;
		size_t at;

		assert_int_equal(
			command_parse(span_str(rows[i].line), &rules, &cmd, &at), SMTP_DEFECT_NONE);
		assert_int_equal(cmd.verb, rows[i].verb);
		out_init(&o, block, sizeof block);
		command_print(&o, &cmd); /* has no canonical form */
		assert_int_equal(o.n, 0);
		assert_true(o.full);
	}
}

static void verb_and_word_are_told_of_a_defective_line(void **state)
{
	struct command_rules rules = rules_of(PLAIN);
	struct smtp_command cmd;
	size_t at;

	(void)state;
	assert_int_not_equal(command_parse(SPAN("rcpt TO:x"), &rules, &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(cmd.verb, SMTP_VERB_RCPT);
	expect_octets(cmd.word, SPAN("rcpt"), "word", "as it stood");
	assert_int_not_equal(command_parse(SPAN("WIZ x"), &rules, &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(cmd.verb, SMTP_VERB_OTHER);
	expect_octets(cmd.word, SPAN("WIZ"), "word", "as it stood");
}

static void limits_of_a_rule_are_kept(void **state)
{
	uint16_t max[SMTP_VERB_NAMED];
	struct command_rules rules = rules_of(NOTHING);
	struct smtp_command cmd;
	size_t at;

	(void)state;
	memcpy(max, line_max, sizeof max);
	max[SMTP_VERB_EHLO] = 13; /* "EHLO c.test" CRLF */
	rules.line_max = max;
	assert_int_equal(command_parse(SPAN("EHLO c.test"), &rules, &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(
		command_parse(SPAN("EHLO cc.test"), &rules, &cmd, &at), SMTP_DEFECT_LINE_LONG);
	assert_int_equal(at, 11);
	max[SMTP_VERB_EHLO] = 0;
	assert_int_equal(
		command_parse(SPAN("EHLO c.test"), &rules, &cmd, &at), SMTP_DEFECT_LINE_LONG);
	assert_int_equal(at, 0);
	assert_int_equal(command_line_max(SMTP_VERB_MAIL, 12200, ALL), SMTP_COMMAND_MAX);
	assert_int_equal(command_line_max(SMTP_VERB_MAIL, 512, SMTP_EXT_BIT(BINARYMIME)), 529);
	assert_int_equal(command_line_max(SMTP_VERB_NOOP, 512, ALL), 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_printed_in_one_form),
		cmocka_unit_test(what_servers_read_differently_is_a_defect),
		cmocka_unit_test(lines_may_end_anywhere),
		cmocka_unit_test(each_verb_has_its_longest_line),
		cmocka_unit_test(overflows_are_refused_by_their_length),
		cmocka_unit_test(verbs_that_never_pass_are_told_by_name),
		cmocka_unit_test(verb_and_word_are_told_of_a_defective_line),
		cmocka_unit_test(limits_of_a_rule_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
