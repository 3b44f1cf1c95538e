/* SPDX-License-Identifier: ISC */
#include "filter/policy/inspect.h"

#include <string.h>

#include "test/unit/rule_of.h"
#include "test/unit/support.h"

/* What the scenarios do not show: notes, phases, wishes. */

static const char text[] =
	"version 1\n"
	"set home { members in.test }\n"
	"publish p {\n"
	"    external 198.51.100.2:25; internal 10.0.0.21:25; client-address gateway\n"
	"    inspect commands submission\n"
	"    recipients in home\n"
	"}\n";

struct talk {
	struct inspect i;
	struct seen *seen;
	uint8_t in[2][2 * SMTP_COMMAND_MAX];
	size_t n[2];
	uint32_t incidents;
	unsigned resets;
	uint64_t recipients, octets, declared, errors; /* what was asked and counted */
	unsigned texts;                                /* how often octets were counted */
	enum code over; /* what on_room() says; CODE_COUNT: there is room */
};

static void on_note(void *context, const struct inspect_note *note)
{
	static const char *const names[] = { "command", "denial", "mail", "rcpt", "rcpt-reply",
		"message", "forget", "fault", "server", "hello", "auth", "offer" };
	struct talk *t = context;

	seen_fact(t->seen, "%s", names[note->type]);
	if (note->type == INSPECT_NOTE_DENIAL || note->type == INSPECT_NOTE_FAULT ||
		note->type == INSPECT_NOTE_SERVER || note->type == INSPECT_NOTE_MESSAGE)
		seen_fact(t->seen, "%s", code_info(note->code)->name);
	if (note->type == INSPECT_NOTE_MESSAGE)
		seen_fact(t->seen, "%llu octets", (unsigned long long)note->octets);
	if (note->reply != 0)
		seen_fact(t->seen, "%u", note->reply);
	if (note->type == INSPECT_NOTE_MAIL || note->type == INSPECT_NOTE_RCPT)
		seen_text(t->seen, note->path->local);
	else
		seen_text(t->seen, note->text);
}

static uint32_t on_incident(void *context)
{
	return ++((struct talk *)context)->incidents;
}

static struct limit_answer on_room(void *context, enum tally_what what, uint64_t n, bool take)
{
	struct talk *t = context;

	if (what == TALLY_OCTETS)
		t->declared = n;
	else if (take && t->over == CODE_COUNT)
		t->recipients += n;
	return (struct limit_answer){ .code = t->over, .at = { .line = 8 } };
}

static void on_count(void *context, enum tally_what what, uint64_t n)
{
	struct talk *t = context;

	*(what == TALLY_OCTETS ? &t->octets : &t->errors) += n;
	t->texts += what == TALLY_OCTETS;
}

static const struct publish *rule(void)
{
	static const struct publish *built;

	if (built == NULL)
		built = rule_of(SPAN(text));
	return built;
}

static void begin_under(struct talk *t, struct seen *seen, const struct publish *which)
{
	static const struct inspect_ops ops = {
		.note = on_note, .incident = on_incident, .room = on_room, .count = on_count
	};
	const struct ip_port client = { .ip = { .family = IP_V4, .octets = { 203, 0, 113, 9 } },
		.port = 40000 };

	memset(t, 0, sizeof *t);
	seen_init(seen);
	t->seen = seen;
	t->over = CODE_COUNT;
	inspect_init(&t->i, which, &ops, t, &client);
}

static void begin(struct talk *t, struct seen *seen)
{
	begin_under(t, seen, rule());
}

static bool step(struct talk *t, enum smtp_dir dir)
{
	static uint8_t blocks[2][SMTP_OUT_MAX];
	struct inspect_step taken;
	struct out client, server;
	bool more;

	out_init(&client, blocks[0], sizeof blocks[0]);
	out_init(&server, blocks[1], sizeof blocks[1]);
	more = inspect_step(&t->i, dir, t->in[dir], t->n[dir], &client, &server, &taken);
	t->n[dir] -= taken.size;
	memmove(t->in[dir], t->in[dir] + taken.size, t->n[dir]);
	if (t->i.want & INSPECT_RESET_SERVER) {
		t->resets++;
		inspect_reset_done(&t->i);
	}
	if (t->i.want & INSPECT_DIAL)
		inspect_dialled(&t->i);
	return more;
}

/* "C:..." or "S:...". */
static void say(struct talk *t, const char *what)
{
	const enum smtp_dir dir = what[0] == 'C' ? SMTP_C2S : SMTP_S2C;
	const size_t n = strlen(what + 2);

	if (t->i.want & INSPECT_DIAL)
		inspect_dialled(&t->i);
	memcpy(t->in[dir] + t->n[dir], what + 2, n);
	t->n[dir] += n;
	while (step(t, SMTP_C2S) || step(t, SMTP_S2C))
		;
}

#define GREETED                                                                                    \
	"S:220 x\r\n", "C:EHLO c.test\r\n", "S:250-x\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"
#define SENT                                                                                       \
	"C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n",                             \
		"S:250 a\r\n250 b\r\n354 c\r\n"

static void say_all(struct talk *t, const char *const *parts)
{
	for (; *parts != NULL; parts++)
		say(t, *parts);
}

/* The transcript behind the first EHLO's notes. */
static const char *notes(const struct talk *t)
{
	const char *all = seen_str(t->seen), *from = strstr(all, "offer ");

	return from != NULL ? from + 6 : all;
}

static void a_delivered_message_is_told_with_its_recipients_and_octets(void **state)
{
	static const char *const parts[] = { GREETED, SENT, "C:x\r\n.\r\n", "S:250 stored\r\n",
		NULL };
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	expect_str(notes(&t),
		"command 'MAIL FROM:<a@out.test>' mail 'a' command 'RCPT TO:<b@in.test>' rcpt 'b' "
		"command 'DATA' "
		"rcpt-reply 250 'b' message MESSAGE_DELIVERED 3 octets 250 'stored'",
		"delivered", "");
}

static void a_refused_text_is_told_at_once_and_at_its_end(void **state)
{
	static const char *const parts[] = { GREETED, SENT, "C:x\ny", "C:\r\n.\r\n", NULL };
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	assert_non_null(
		strstr(notes(&t), "denial TEXT_BARE_LF 554 message MESSAGE_REFUSED 1 octets 554"));
}

static void no_secret_is_ever_noted(void **state)
{
	static const char *const parts[] = { GREETED, "C:AUTH PLAIN c2VjcmV0\r\n", "S:535 no\r\n",
		"C:AUTH LOGIN\r\n", "S:334 VXNlcm5hbWU6\r\n", "C:c2VjcmV0\r\n", "S:535 no\r\n",
		"C:c2VjcmV0\r\n", "C:AUTH PLAIN c2VjcmV0 x\r\n", "C:auth c2VjcmV0\t\r\n",
		"C:AUTH LOGIN\r\n", "S:334 VXNlcm5hbWU6\r\n", "C:c2VjcmV0 \n\r\n", "S:501 no\r\n",
		"C:AUTH\tPLAIN c2VjcmV0\r\n", "C: auth plain c2VjcmV0\r\n", NULL };
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	if (strstr(seen_str(&seen), "c2VjcmV0") != NULL)
		fail_msg("%s", seen_str(&seen));
	assert_non_null(strstr(notes(&t), "denial VERB_UNKNOWN 500 '(not shown behind AUTH)'"));
}

/* Each alone in its session: no AUTH before it makes the filter careful. */
static void no_secret_is_noted_of_a_line_that_hides_it(void **state)
{
	static const char *const lines[] = {
		"C:EHLO c.test\nAUTH PLAIN c2VjcmV0\nMAIL FROM:<a@out.test>\r\n",
		"C:NOOP\rAUTH PLAIN c2VjcmV0\r\n",
		"C:\n \tauth plain c2VjcmV0\n\r\n",
		"C:X-EXPS LOGIN c2VjcmV0\r\n",
		"C: x-exps login c2VjcmV0\r\n",
	};
	static struct talk t;
	static struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		const char *const parts[] = { GREETED, lines[i], "C:c2VjcmV0\r\n", NULL };

		begin(&t, &seen);
		say_all(&t, parts);
		if (strstr(seen_str(&seen), "c2VjcmV0") != NULL)
			fail_msg("%s", seen_str(&seen));
	}
}

static void no_secret_is_noted_of_a_line_too_long(void **state)
{
	static struct talk t;
	static struct seen seen;

	(void)state;
	for (size_t cut = 0; cut < 2; cut++) {
		const char *const parts[] = { GREETED, "C:AUTH PLAIN ", NULL };

		begin(&t, &seen);
		say_all(&t, parts);
		for (size_t n = 0; n < SMTP_COMMAND_MAX; n += 8) {
			memcpy(t.in[SMTP_C2S] + t.n[SMTP_C2S], "c2VjcmV0", 8);
			t.n[SMTP_C2S] += 8;
			if (cut)
				say(&t, "C:");
		}
		say(&t, "C:c2VjcmV0\r\n");
		if (strstr(seen_str(&seen), "c2VjcmV0") != NULL)
			fail_msg("%s", seen_str(&seen));
		assert_non_null(strstr(notes(&t), "denial LINE_LONG 500"));
	}
}

static void phases_follow_what_is_awaited(void **state)
{
	static const struct {
		const char *say;
		enum inspect_phase phase;
	} steps[] = {
		{ "S:22", INSPECT_PHASE_DIAL },
		{ "S:0 x\r\n", INSPECT_PHASE_COMMAND },
		{ "C:EHLO c.test\r\n", INSPECT_PHASE_REPLY },
		{ "S:250 PIPELINING\r\n", INSPECT_PHASE_COMMAND },
		{ "C:MAIL FROM:<a@out.test>\r\n", INSPECT_PHASE_REPLY },
		{ "S:250 ok\r\n", INSPECT_PHASE_COMMAND },
		{ "C:RCPT TO:<b@in.test>\r\n", INSPECT_PHASE_REPLY },
		{ "S:250 ok\r\n", INSPECT_PHASE_COMMAND },
		{ "C:DATA\r\n", INSPECT_PHASE_REPLY },
		{ "S:354 go\r\n", INSPECT_PHASE_TEXT },
		{ "C:x\r\n", INSPECT_PHASE_TEXT },
		{ "C:.\r\n", INSPECT_PHASE_DONE },
		{ "S:250 ok\r\n", INSPECT_PHASE_COMMAND },
		{ "C:QUIT\r\n", INSPECT_PHASE_REPLY },
		{ "S:221 bye\r\n", INSPECT_PHASE_END },
	};
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	assert_int_equal(inspect_phase(&t.i), INSPECT_PHASE_DIAL);
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		say(&t, steps[i].say);
		if (inspect_phase(&t.i) != steps[i].phase)
			fail_msg("after %s: phase %d", steps[i].say, inspect_phase(&t.i));
	}
	assert_true(t.i.want & INSPECT_END);
}

static void a_client_that_leaves_in_mid_message_has_the_server_reset(void **state)
{
	static const char *const parts[] = { GREETED, SENT, "C:x\r\n", NULL };
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	inspect_client_lost(&t.i);
	say(&t, "C:");
	assert_true(t.i.want & INSPECT_END);
	assert_int_equal(t.resets, 1);
	assert_non_null(strstr(notes(&t), "message MESSAGE_ABORTED 3 octets"));
}

static void a_client_that_leaves_behind_its_message_lets_it_end(void **state)
{
	static const char *const parts[] = { GREETED, SENT, "C:x\r\n.\r\n", NULL };
	static struct talk t;
	static struct seen seen;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	inspect_client_lost(&t.i);
	say(&t, "C:");
	assert_false(t.i.want & INSPECT_END);
	say(&t, "S:250 stored\r\n");
	assert_true(t.i.want & INSPECT_END);
	assert_non_null(strstr(notes(&t), "message MESSAGE_DELIVERED"));
}

static void a_server_lost_behind_the_end_of_data_leaves_the_outcome_unknown(void **state)
{
	static const char *const parts[] = { GREETED, SENT, "C:x\r\n.\r\n", NULL };
	static uint8_t block[SMTP_OUT_MAX];
	static struct talk t;
	static struct seen seen;
	struct out client;

	(void)state;
	begin(&t, &seen);
	say_all(&t, parts);
	out_init(&client, block, sizeof block);
	inspect_server_lost(&t.i, CODE_SERVER_LOST, &client);
	expect_octets(
		out_span(&client), SPAN("451 4.4.2 Outcome unknown [000001]\r\n"), "RFC 1047", "");
	assert_non_null(strstr(notes(&t), "message MESSAGE_UNKNOWN"));
}

static void one_session_stays_within_its_memory(void **state)
{
	(void)state;
	assert_true(sizeof(struct inspect) <= 1024);
}

/* ---- limits of a time: what is asked, what is counted, what comes of it ---- */

static const struct publish *limited(void)
{
	static const struct publish *built;

	if (built == NULL)
		built = rule_of(SPAN("version 1\nset home { members in.test }\npublish p {\n"
				     "external 198.51.100.2:25; internal 10.0.0.21:25\n"
				     "client-address gateway; recipients in home\n"
				     "limit errors 9, 50 per 1h per client\n"
				     "limit recipients 500 per 1h per client\n"
				     "limit octets 1MiB per 1h per client }\n"));
	return built;
}

#define MET                                                                                        \
	"S:220 x\r\n", "C:EHLO c.test\r\n",                                                        \
		"S:250-x\r\n250-PIPELINING\r\n250-SIZE\r\n250 CHUNKING\r\n"

static struct talk *under_limits(const char *const *parts, enum code over)
{
	static const char *const met[] = { MET, NULL };
	static struct talk t;
	static struct seen seen;

	begin_under(&t, &seen, limited());
	say_all(&t, met);
	t.over = over;
	say_all(&t, parts);
	return &t;
}

static void text_counts_when_its_message_ends(void **state)
{
	static const struct {
		const char *name, *parts[8];
		unsigned octets;
	} cases[] = {
		{ "DATA, its end with it", { SENT, "C:abc\r\n.\r\n" }, 8 },
		{ "not yet", { SENT, "C:abc\r\n" }, 0 },
		{ "refused and dropped", { SENT, "C:a\nb", "C:cd\r\n.\r\n" }, 10 },
		{ "two chunks",
			{ "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n",
				"S:250 a\r\n250 b\r\n", "C:BDAT 3\r\nabc", "S:250 c\r\n",
				"C:BDAT 2 LAST\r\nde" },
			5 },
		{ "the first of two chunks",
			{ "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n",
				"S:250 a\r\n250 b\r\n", "C:BDAT 3\r\nabc", "S:250 c\r\n" },
			0 },
		{ "given up between chunks",
			{ "C:MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n",
				"S:250 a\r\n250 b\r\n", "C:BDAT 3\r\nabc", "S:250 c\r\n",
				"C:RSET\r\n" },
			3 },
		{ "a chunk out of sequence", { "C:BDAT 4\r\nabcdNOOP\r\n" }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct talk *t = under_limits(cases[i].parts, CODE_COUNT);

		if (t->octets != cases[i].octets || t->texts != (cases[i].octets > 0))
			fail_msg("%s: %llu octets in %u parts", cases[i].name,
				(unsigned long long)t->octets, t->texts);
		inspect_abort(&t->i); /* the rest, and nothing twice */
		if (t->octets < cases[i].octets)
			fail_msg("%s: %llu octets", cases[i].name, (unsigned long long)t->octets);
	}
}

static void text_counts_when_it_is_broken_off(void **state)
{
	static const char *const parts[] = { SENT, "C:abc\r\nde", NULL };
	uint8_t block[SMTP_OUT_MAX];
	struct out o;
	struct talk *t;

	(void)state;
	t = under_limits(parts, CODE_COUNT);
	inspect_client_lost(&t->i);
	while (step(t, SMTP_C2S))
		;
	assert_int_equal(t->octets, 7);
	t = under_limits(parts, CODE_COUNT);
	out_init(&o, block, sizeof(block));
	inspect_cut(&t->i, CODE_TIMEOUT_DATA, &o);
	assert_int_equal(t->octets, 7);
	inspect_abort(&t->i);
	assert_int_equal(t->octets, 7);
}

static void only_recipients_that_pass_are_counted(void **state)
{
	static const char *const parts[] = { "C:MAIL FROM:<a@out.test> SIZE=77\r\n", "S:250 a\r\n",
		"C:RCPT TO:<b@in.test>\r\nRCPT TO:<b@out.test>\r\nRCPT TO:<c@in.test>\r\n", NULL };
	struct talk *t = under_limits(parts, CODE_COUNT);

	(void)state;
	assert_int_equal(t->declared, 77);
	assert_int_equal(t->recipients, 2);
	assert_int_equal(t->errors, 1);
	assert_int_equal(t->i.recipients, 2);
}

/* A client that sends all at once, and more recipients than errors are allowed. */
static void what_has_no_room_is_no_error(void **state)
{
	static const char *const mail[] = {
		"C:MAIL FROM:<a@out.test>\r\n"
		"RCPT TO:<1@in.test>\r\nRCPT TO:<2@in.test>\r\nRCPT TO:<3@in.test>\r\n"
		"RCPT TO:<4@in.test>\r\nRCPT TO:<5@in.test>\r\nRCPT TO:<6@in.test>\r\n"
		"RCPT TO:<7@in.test>\r\nRCPT TO:<8@in.test>\r\nRCPT TO:<9@in.test>\r\n"
		"DATA\r\nRSET\r\n",
		"S:250 ok\r\n", "C:DATA\r\n", NULL
	};
	struct talk *t = under_limits(mail, CODE_LIMIT_OCTETS_CLIENT);

	(void)state;
	assert_int_equal(t->i.errors, 1); /* the last DATA: behind RSET it is one again */
	assert_int_equal(t->i.junk, 13);  /* with EHLO and RSET */
	assert_int_equal(t->recipients, 0);
	assert_null(strstr(seen_str(t->seen), "mail"));
	assert_null(strstr(seen_str(t->seen), "command 'RCPT"));
	assert_non_null(strstr(seen_str(t->seen), "denial LIMIT_OCTETS_CLIENT 452 "));
}

static void no_recipient_at_all_is_no_error_either(void **state)
{
	static const char *const parts[] = { "C:MAIL FROM:<a@out.test>\r\n", "S:250 a\r\n", NULL };
	struct talk *t = under_limits(parts, CODE_COUNT);

	(void)state;
	t->over = CODE_LIMIT_RECIPIENTS_CLIENT;
	say(t, "C:RCPT TO:<b@in.test>\r\nDATA\r\n");
	assert_int_equal(t->i.errors, 0);
	assert_null(strstr(seen_str(t->seen), "command 'DATA'"));
}

static void surplus_recipients_leave_the_others_their_message(void **state)
{
	static const char *const parts[] = { "C:MAIL FROM:<a@out.test>\r\n", "S:250 a\r\n",
		"C:RCPT TO:<b@in.test>\r\n", "S:250 b\r\n", NULL };
	struct talk *t = under_limits(parts, CODE_COUNT);

	(void)state;
	t->over = CODE_LIMIT_RECIPIENTS_TOTAL;
	for (unsigned i = 0; i < 200; i++) /* more than junk and errors may be */
		say(t, "C:RCPT TO:<c@in.test>\r\n");
	say(t, "C:DATA\r\n");
	say(t, "S:354 go\r\n");
	say(t, "C:x\r\n.\r\n");
	say(t, "S:250 stored\r\n");
	assert_non_null(strstr(seen_str(t->seen), "denial LIMIT_RECIPIENTS_TOTAL 452 "));
	assert_non_null(strstr(seen_str(t->seen), "MESSAGE_DELIVERED"));
	assert_int_equal(t->i.errors, 0);
	assert_int_equal(t->i.junk, 0);
}

static void nobody_is_refused_for_now_without_end(void **state)
{
	static const char *const parts[] = { NULL };
	struct talk *t = under_limits(parts, CODE_COUNT);

	(void)state;
	say(t, "C:MAIL FROM:<a@out.test>\r\n");
	say(t, "S:250 a\r\n");
	t->over = CODE_LIMIT_RECIPIENTS_CLIENT;
	for (unsigned i = 0; i < 1000; i++) /* of one message, and then it is an error */
		say(t, "C:RCPT TO:<c@in.test>\r\n");
	assert_int_equal(t->i.errors, 0);
	say(t, "C:RCPT TO:<c@in.test>\r\n");
	assert_int_equal(t->i.errors, 1);

	t = under_limits(parts, CODE_LIMIT_OCTETS_TOTAL);
	for (unsigned i = 1; i < INSPECT_JUNK_MAX; i++) /* EHLO was one */
		say(t, "C:MAIL FROM:<a@out.test>\r\n");
	assert_false(t->i.want & INSPECT_END);
	say(t, "C:MAIL FROM:<a@out.test>\r\n");
	assert_true(t->i.want & INSPECT_END);
	assert_non_null(strstr(seen_str(t->seen), "fault LIMIT_JUNK 421"));
}

static void an_error_too_many_of_the_client_ends_the_session(void **state)
{
	static const char *const parts[] = { "C:VRFY x\r\nNOOP\r\n", NULL };
	struct talk *t = under_limits(parts, CODE_LIMIT_ERRORS_CLIENT);

	(void)state;
	assert_int_equal(t->errors, 1);
	assert_true(t->i.want & INSPECT_END);
	assert_non_null(strstr(seen_str(t->seen), "fault LIMIT_ERRORS_CLIENT 421"));
	assert_null(strstr(seen_str(t->seen), "NOOP"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivered_message_is_told_with_its_recipients_and_octets),
		cmocka_unit_test(a_refused_text_is_told_at_once_and_at_its_end),
		cmocka_unit_test(no_secret_is_ever_noted),
		cmocka_unit_test(no_secret_is_noted_of_a_line_that_hides_it),
		cmocka_unit_test(no_secret_is_noted_of_a_line_too_long),
		cmocka_unit_test(phases_follow_what_is_awaited),
		cmocka_unit_test(a_client_that_leaves_in_mid_message_has_the_server_reset),
		cmocka_unit_test(a_client_that_leaves_behind_its_message_lets_it_end),
		cmocka_unit_test(a_server_lost_behind_the_end_of_data_leaves_the_outcome_unknown),
		cmocka_unit_test(one_session_stays_within_its_memory),
		cmocka_unit_test(text_counts_when_its_message_ends),
		cmocka_unit_test(text_counts_when_it_is_broken_off),
		cmocka_unit_test(only_recipients_that_pass_are_counted),
		cmocka_unit_test(what_has_no_room_is_no_error),
		cmocka_unit_test(no_recipient_at_all_is_no_error_either),
		cmocka_unit_test(surplus_recipients_leave_the_others_their_message),
		cmocka_unit_test(nobody_is_refused_for_now_without_end),
		cmocka_unit_test(an_error_too_many_of_the_client_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
