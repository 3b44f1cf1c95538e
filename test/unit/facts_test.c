/* SPDX-License-Identifier: ISC */
#include "log/facts.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "test/unit/support.h"

#define WALL_NS 1795338845000001000
#define HEAD    "{\"time\":\"2026-11-22T09:14:05.000001Z\","
#define WHO     "\"session\":\"0abc\",\"client\":\"203.0.113.9\",\"client_port\":40000,"
#define RULE    "\"rule\":\"mail\",\"rule_at\":\"rules.conf:17\""

static struct log_sender sender;
static struct log_mail mail;
static struct publish rule;
static struct log_session session;

static struct ip_port port_of(const char *text)
{
	struct ip_port port = { 0 };

	assert_true(ip_port_parse(span_str(text), &port));
	return port;
}

static int make_new(void **state)
{
	(void)state;
	log_sender_init(&sender, 0); /* nothing is sent: the buffer is looked at */
	log_mail_init(&mail);
	rule = (struct publish){ .name = "mail",
		.at = { "rules.conf", 17, 1 },
		.log = RULE_LOG_SESSIONS | RULE_LOG_DENIALS | RULE_LOG_MESSAGES |
		       RULE_LOG_COMMANDS };
	session = (struct log_session){ .id = "0abc",
		.client = port_of("203.0.113.9:40000"),
		.to = port_of("198.51.100.2:25"),
		.rule = &rule };
	return 0;
}

static void expect(const char *want, const char *name)
{
	expect_octets(span_of(sender.buffer, sender.n), span_str(want), name, "");
	sender.n = 0;
}

static void note(struct inspect_note n)
{
	log_note(&sender, WALL_NS, &session, &mail, &n);
}

static struct smtp_path path_of(const char *text)
{
	const struct path_rules rules = { .null_ok = true, .utf8 = true };
	struct smtp_path path;
	size_t used;

	assert_int_equal(path_parse(span_str(text), &rules, &path, &used), PATH_OK);
	return path;
}

static void a_session_opens_and_closes(void **state)
{
	const struct log_close close = { .by = LOG_END_FILTER,
		.why = CODE_TIMEOUT_IDLE,
		.c2s = 10,
		.s2c = 20,
		.duration_ms = 300000,
		.commands = 3,
		.messages = 1,
		.denials = 2 };

	(void)state;
	log_open(&sender, WALL_NS, &session);
	expect(HEAD "\"code\":\"PN1001\",\"severity\":\"info\",\"event\":\"session-open\"," WHO RULE
		    ",\"to\":\"198.51.100.2\",\"to_port\":25,\"inspected\":true}\n",
		"open");
	session.internal = port_of("10.0.0.21:25");
	session.hello = SPAN("c.out.test");
	log_close(&sender, WALL_NS, &session, &close);
	expect(HEAD
		"\"code\":\"PN1002\",\"severity\":\"info\",\"event\":\"session-close\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"internal\":\"10.0.0.21\",\"internal_"
		"port\":25,"
		"\"ended_by\":\"filter\",\"why\":\"PN4102\",\"c2s\":10,\"s2c\":20,\"duration_ms\":"
		"300000,"
		"\"commands\":3,\"messages\":1,\"denials\":2,\"hello\":\"c.out.test\"}\n",
		"close");
}

static void a_passed_session_says_that_nothing_is_inspected(void **state)
{
	const struct log_close close = { .by = LOG_END_CLIENT, .why = CODE_COUNT };

	(void)state;
	rule.pass = true;
	log_open(&sender, WALL_NS, &session);
	expect(HEAD
		"\"code\":\"PN1004\",\"severity\":\"info\",\"event\":\"session-passed\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"inspected\":false}\n",
		"open");
	log_close(&sender, WALL_NS, &session, &close);
	expect(HEAD
		"\"code\":\"PN1002\",\"severity\":\"info\",\"event\":\"session-close\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"ended_by\":\"client\",\"c2s\":0,\"s2c\":"
		"0,"
		"\"duration_ms\":0}\n",
		"close");
}

static void the_kernels_sessions_have_packets_and_an_end(void **state)
{
	struct log_close close = { .by = LOG_END_UNKNOWN,
		.why = CODE_COUNT,
		.c2s = 1200,
		.s2c = 3400,
		.how = LOG_HOW_RESET,
		.packets_c2s = 12,
		.packets_s2c = 34 };

	(void)state;
	rule.pass = true;
	log_close(&sender, WALL_NS, &session, &close);
	expect(HEAD
		"\"code\":\"PN1002\",\"severity\":\"info\",\"event\":\"session-close\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"how\":\"reset\",\"c2s\":1200,"
		"\"s2c\":3400,\"packets_c2s\":12,\"packets_s2c\":34,\"duration_ms\":0}\n",
		"reset");
	close.how = LOG_HOW_UNSEEN;
	close.uncounted = true;
	log_close(&sender, WALL_NS, &session, &close);
	expect(HEAD
		"\"code\":\"PN1002\",\"severity\":\"info\",\"event\":\"session-close\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"how\":\"unseen\",\"duration_ms\":0}\n",
		"unseen");
	close.tls_name = SPAN("a\\\"\n");
	close.tls_name_cut = true;
	close.tls_offered = SPAN("1.2,1.3");
	close.tls_version = SPAN("1.3");
	log_close(&sender, WALL_NS, &session, &close);
	expect(HEAD
		"\"code\":\"PN1002\",\"severity\":\"info\",\"event\":\"session-close\"," WHO RULE
		",\"to\":\"198.51.100.2\",\"to_port\":25,\"how\":\"unseen\",\"duration_ms\":0,"
		"\"tls_name\":\"a\\\\\\\\\\\"\\\\n\",\"tls_name_cut\":true,"
		"\"tls_offered\":\"1.2,1.3\",\"tls_version\":\"1.3\"}\n",
		"tls");
	log_gate(&sender, WALL_NS, CODE_GATE_LOST, "packets", 3, 0);
	expect(HEAD "\"code\":\"PN8101\",\"severity\":\"warning\",\"event\":\"gate-lost\","
		    "\"what\":\"packets\",\"count\":3}\n",
		"lost");
	log_gate(&sender, WALL_NS, CODE_GATE_RESYNCED, NULL, 3, 1);
	expect(HEAD "\"code\":\"PN8103\",\"severity\":\"info\",\"event\":\"gate-resynced\","
		    "\"found\":3,\"gone\":1}\n",
		"resynced");
}

static void without_a_rule_the_default_is_named(void **state)
{
	const struct ruleset rules = { .default_action = DEFAULT_REFUSE,
		.default_at = { "rules.conf", 40, 1 } };

	(void)state;
	session.rule = NULL;
	log_unpublished(&sender, WALL_NS, &session, &rules, 1);
	expect(HEAD "\"code\":\"PN1003\",\"severity\":\"info\",\"event\":\"session-unpublished\","
		    "\"session\":\"0abc\",\"client\":\"203.0.113.9\",\"client_port\":40000,\"to\":"
		    "\"198.51.100.2\","
		    "\"to_port\":25,\"action\":\"refuse\",\"incident\":\"000001\",\"at\":\"rules."
		    "conf:40\"}\n",
		"unpublished");
}

static void a_refused_command_shows_what_and_why(void **state)
{
	(void)state;
	note((struct inspect_note){ .type = INSPECT_NOTE_DENIAL,
		.code = CODE_VERB_DENIED,
		.incident = 31,
		.verb = SMTP_VERB_VRFY,
		.reply = 502,
		.text = SPAN("VRFY \x1b[2J\"root\""),
		.octets = 17,
		.offset = 5,
		.at = { "rules.conf", 12, 2 } });
	expect(HEAD
		"\"code\":\"PN3101\",\"severity\":\"info\",\"event\":\"verb-denied\"," WHO RULE
		",\"verb\":\"VRFY\",\"reply\":502,\"incident\":\"00000Z\",\"at\":\"rules.conf:12\","
		"\"octets\":17,\"offset\":5,\"line\":\"VRFY \\\\x1b[2J\\\"root\\\"\"}\n",
		"denial");
}

static void a_message_is_one_record_with_each_recipient(void **state)
{
	struct smtp_path from = path_of("<a@out.test>"), b = path_of("<b@in.test>"),
			 c = path_of("<c@in.test>"), d = path_of("<d@else.test>");

	(void)state;
	session.internal = port_of("10.0.0.21:25");
	session.hello = SPAN("c.out.test");
	note((struct inspect_note){ .type = INSPECT_NOTE_MAIL, .transaction = 1, .path = &from });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT, .transaction = 1, .path = &b });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT, .transaction = 1, .path = &c });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT,
		.transaction = 1,
		.path = &d,
		.reply = 550,
		.text = SPAN("5.7.1 Not here") });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT_REPLY,
		.transaction = 1,
		.reply = 250,
		.text = SPAN("ok") });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT_REPLY,
		.transaction = 1,
		.reply = 550,
		.text = SPAN("5.1.1 who?") });
	expect("", "nothing is written before the outcome");
	note((struct inspect_note){ .type = INSPECT_NOTE_MESSAGE,
		.code = CODE_MESSAGE_DELIVERED,
		.transaction = 1,
		.octets = 4096,
		.reply = 250,
		.text = SPAN("2.0.0 Ok: queued as ABC") });
	expect(HEAD
		"\"code\":\"PN2001\",\"severity\":\"info\",\"event\":\"message-delivered\"," WHO
			RULE ",\"internal\":\"10.0.0.21\",\"internal_port\":25,\"hello\":\"c.out."
		"test\",\"transaction\":1,"
		"\"octets\":4096,\"reply\":250,\"reply_text\":\"2.0.0 Ok: queued as ABC\","
		"\"from\":\"a@out.test\",\"recipients\":[{\"to\":\"b@in.test\",\"reply\":250,"
		"\"by\":\"server\"},"
		"{\"to\":\"c@in.test\",\"reply\":550,\"by\":\"server\",\"text\":\"5.1.1 who?\"},"
		"{\"to\":\"d@else.test\",\"reply\":550,\"by\":\"postern\",\"text\":\"5.7.1 Not "
		"here\"}]}\n",
		"message");
	assert_true(log_mail_empty(&mail));
}

static void pipelined_transactions_keep_apart(void **state)
{
	struct smtp_path none = path_of("<>"), from = path_of("<a@out.test>"),
			 b = path_of("<b@in.test>"), c = path_of("<c@in.test>");

	(void)state;
	note((struct inspect_note){ .type = INSPECT_NOTE_MAIL, .transaction = 1, .path = &none });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT, .transaction = 1, .path = &b });
	note((struct inspect_note){ .type = INSPECT_NOTE_MAIL, .transaction = 2, .path = &from });
	note((struct inspect_note){ .type = INSPECT_NOTE_RCPT, .transaction = 2, .path = &c });
	note((struct inspect_note){
		.type = INSPECT_NOTE_RCPT_REPLY, .transaction = 2, .reply = 451 });
	note((struct inspect_note){
		.type = INSPECT_NOTE_FORGET, .code = CODE_MESSAGE_NONE, .transaction = 2 });
	expect(HEAD
		"\"code\":\"PN2007\",\"severity\":\"info\",\"event\":\"message-none\"," WHO RULE
		",\"transaction\":2,\"octets\":0,\"from\":\"a@out.test\",\"recipients\":[{\"to\":"
		"\"c@in.test\",\"reply\":451,\"by\":\"server\"}]}\n",
		"forgotten");
	note((struct inspect_note){ .type = INSPECT_NOTE_MESSAGE,
		.code = CODE_MESSAGE_ABORTED,
		.transaction = 1,
		.octets = 7 });
	expect(HEAD
		"\"code\":\"PN2005\",\"severity\":\"info\",\"event\":\"message-aborted\"," WHO RULE
		",\"transaction\":1,\"octets\":7,\"from\":\"\",\"recipients\":[{\"to\":\"b@in."
		"test\"}]}\n",
		"message");
	assert_true(log_mail_empty(&mail));
}

/* Every recipient of the records in the buffer; each record must be JSON and uncut. */
static size_t recipients_written(const char *to)
{
	size_t found = 0;

	for (struct span rest = span_of(sender.buffer, sender.n); rest.n > 0;) {
		size_t n = span_chr(rest, '\n');
		json_t *root = json_loadb((const char *)rest.p, n, 0, NULL), *recipient;
		size_t i;

		assert_non_null(root);
		assert_null(json_object_get(root, "cut"));
		assert_int_equal(json_integer_value(json_object_get(root, "transaction")), 9);
		json_array_foreach(json_object_get(root, "recipients"), i, recipient) found +=
			strcmp(json_string_value(json_object_get(recipient, "to")), to) == 0;
		json_decref(root);
		rest = span_from(rest, n + 1);
	}
	sender.n = 0;
	return found;
}

/* Addresses of octets that are written as five each, more of them than the room for a transaction
 * takes. */
static void a_thousand_hostile_recipients_are_all_written(void **state)
{
	char text[300] = "<", want[1024] = "";
	struct smtp_path from = path_of("<a@out.test>"), to;
	size_t found = 0;

	(void)state;
	for (int i = 0; i < 30; i++) {
		strcat(text, "\xc3\xa9");
		strcat(want, "\\xc3\\xa9");
	}
	strcat(text, "@in.test>");
	strcat(want, "@in.test");
	to = path_of(text);
	note((struct inspect_note){ .type = INSPECT_NOTE_MAIL, .transaction = 9, .path = &from });
	for (int i = 0; i < 1000; i++) {
		note((struct inspect_note){
			.type = INSPECT_NOTE_RCPT, .transaction = 9, .path = &to });
		note((struct inspect_note){ .type = INSPECT_NOTE_RCPT_REPLY,
			.transaction = 9,
			.reply = 550,
			.text = SPAN("\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"") });
		found += recipients_written(want);
	}
	note((struct inspect_note){
		.type = INSPECT_NOTE_MESSAGE, .code = CODE_MESSAGE_DELIVERED, .transaction = 9 });
	found += recipients_written(want);
	assert_int_equal(found, 1000);
}

static void recipients_without_room_are_counted(void **state)
{
	struct smtp_path from = path_of("<a@out.test>"), to = path_of("<b@in.test>");
	int i = 0;

	(void)state;
	note((struct inspect_note){ .type = INSPECT_NOTE_MAIL, .transaction = 9, .path = &from });
	while (mail.left_out < 2 && i++ < 10000) /* none is answered: none may be written yet */
		note((struct inspect_note){
			.type = INSPECT_NOTE_RCPT, .transaction = 9, .path = &to });
	assert_int_equal(mail.left_out, 2);
	sender.n = 0;
	note((struct inspect_note){
		.type = INSPECT_NOTE_MESSAGE, .code = CODE_MESSAGE_DELIVERED, .transaction = 9 });
	assert_non_null(memmem(sender.buffer, sender.n, "\"recipients_left_out\":2", 23));
	assert_int_equal(recipients_written("b@in.test"), i - 2);
	assert_true(log_mail_empty(&mail));
}

static void without_room_for_a_transaction_the_message_is_told(void **state)
{
	const struct inspect_note message = { .type = INSPECT_NOTE_MESSAGE,
		.code = CODE_MESSAGE_DELIVERED,
		.transaction = 1,
		.octets = 7 };

	(void)state;
	log_note(&sender, WALL_NS, &session, NULL, &message);
	expect(HEAD "\"code\":\"PN2001\",\"severity\":\"info\",\"event\":\"message-delivered\"," WHO
			RULE ",\"transaction\":1,\"octets\":7}\n",
		"message");
}

static void a_rule_chooses_what_is_logged_but_warnings_are_always(void **state)
{
	const struct {
		unsigned log;
		struct inspect_note note;
	} cases[] = {
		{ RULE_LOG_DENIALS, { .type = INSPECT_NOTE_DENIAL, .code = CODE_VERB_DENIED } },
		{ RULE_LOG_DENIALS, { .type = INSPECT_NOTE_FAULT, .code = CODE_C_TLS } },
		{ RULE_LOG_DENIALS, { .type = INSPECT_NOTE_SERVER, .code = CODE_SERVER_CLOSING } },
		{ RULE_LOG_MESSAGES,
			{ .type = INSPECT_NOTE_MESSAGE, .code = CODE_MESSAGE_DELIVERED } },
		{ RULE_LOG_COMMANDS, { .type = INSPECT_NOTE_COMMAND, .verb = SMTP_VERB_NOOP } },
		{ RULE_LOG_COMMANDS, { .type = INSPECT_NOTE_AUTH,
					     .text = SPAN("2.7.0 Welcome"),
					     .reply = 235 } },
		{ RULE_LOG_COMMANDS,
			{ .type = INSPECT_NOTE_OFFER, .code = CODE_COMMAND_PASSED, .hidden = 2 } },
		{ RULE_LOG_SESSIONS, { .type = INSPECT_NOTE_OFFER,
					     .code = CODE_STARTTLS_HIDDEN,
					     .starttls = true } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		rule.log = ~cases[i].log;
		note(cases[i].note);
		assert_int_equal(sender.n, 0);
		rule.log = cases[i].log;
		note(cases[i].note);
		assert_true(sender.n > 0);
		sender.n = 0;
	}
	rule.log = 0;
	log_open(&sender, WALL_NS, &session);
	log_close(&sender, WALL_NS, &session, &(struct log_close){ .why = CODE_COUNT });
	log_refused(&sender, WALL_NS, &session, CODE_LIMIT_RATE, 0, 1, NULL);
	assert_int_equal(sender.n, 0);
	note((struct inspect_note){ .type = INSPECT_NOTE_SERVER, .code = CODE_SERVER_LOST });
	note((struct inspect_note){ .type = INSPECT_NOTE_MESSAGE, .code = CODE_MESSAGE_UNKNOWN });
	log_refused(&sender, WALL_NS, &session, CODE_LIMIT_CONNECTIONS_TOTAL, 0, 1, NULL);
	log_server(&sender, WALL_NS, &session, CODE_SERVER_DOWN, ECONNREFUSED, (struct span){ 0 });
	for (size_t at = 0, n = 0; n < 4; n++) {
		assert_true(at < sender.n);
		at += span_chr(span_of(sender.buffer + at, sender.n - at), '\n') + 1;
	}
}

static void commands_show_no_secret_and_what_was_hidden(void **state)
{
	(void)state;
	note((struct inspect_note){ .type = INSPECT_NOTE_AUTH,
		.code = CODE_COMMAND_PASSED,
		.text = SPAN("2.7.0 Welcome"),
		.reply = 235 });
	expect(HEAD
		"\"code\":\"PN1005\",\"severity\":\"debug\",\"event\":\"command-passed\"," WHO RULE
		",\"verb\":\"AUTH\",\"reply\":235,\"reply_text\":\"2.7.0 Welcome\"}\n",
		"AUTH");
	note((struct inspect_note){ .type = INSPECT_NOTE_OFFER,
		.code = CODE_STARTTLS_HIDDEN,
		.hidden = 2,
		.starttls = true });
	expect(HEAD
		"\"code\":\"PN1006\",\"severity\":\"info\",\"event\":\"starttls-hidden\"," WHO RULE
		",\"hidden\":2}\n",
		"offer");
	note((struct inspect_note){ .type = INSPECT_NOTE_COMMAND,
		.code = CODE_COMMAND_PASSED,
		.verb = SMTP_VERB_EHLO,
		.text = SPAN("EHLO c.out.test") });
	note((struct inspect_note){
		.type = INSPECT_NOTE_HELLO, .verb = SMTP_VERB_EHLO, .text = SPAN("c.out.test") });
	expect(HEAD
		"\"code\":\"PN1005\",\"severity\":\"debug\",\"event\":\"command-passed\"," WHO RULE
		",\"verb\":\"EHLO\",\"line\":\"EHLO c.out.test\"}\n",
		"EHLO, once");
}

static void what_belongs_to_no_session_is_told(void **state)
{
	const struct ruleset rules = { .n_rules = 2 };

	(void)state;
	log_config(&sender, WALL_NS, CODE_CONFIG_STARTED, "/etc/postern", &rules);
	expect(HEAD "\"code\":\"PN7001\",\"severity\":\"info\",\"event\":\"config-started\","
		    "\"version\":\"" POSTERN_VERSION
		    "\",\"folder\":\"/etc/postern\",\"rules\":2}\n",
		"config");
	log_host(&sender, WALL_NS, CODE_LIMIT_DESCRIPTORS, EMFILE);
	expect(HEAD "\"code\":\"PN4009\",\"severity\":\"error\",\"event\":\"limit-descriptors\","
		    "\"error\":\"Too many open files\"}\n",
		"host");
	log_role_failed(&sender, WALL_NS,
		&(struct log_role){
			.program = "postern-proxy", .pid = 77, .status = 11, .rest_ms = 200 });
	expect(HEAD "\"code\":\"PN8003\",\"severity\":\"error\",\"event\":\"role-failed\","
		    "\"role\":\"postern-proxy\",\"pid\":77,\"signal\":11,\"restart_ms\":200}\n",
		"role");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, make_new)
	const struct CMUnitTest tests[] = {
		TEST(a_session_opens_and_closes),
		TEST(a_passed_session_says_that_nothing_is_inspected),
		TEST(the_kernels_sessions_have_packets_and_an_end),
		TEST(without_a_rule_the_default_is_named),
		TEST(a_refused_command_shows_what_and_why),
		TEST(a_message_is_one_record_with_each_recipient),
		TEST(pipelined_transactions_keep_apart),
		TEST(a_thousand_hostile_recipients_are_all_written),
		TEST(recipients_without_room_are_counted),
		TEST(without_room_for_a_transaction_the_message_is_told),
		TEST(a_rule_chooses_what_is_logged_but_warnings_are_always),
		TEST(commands_show_no_secret_and_what_was_hidden),
		TEST(what_belongs_to_no_session_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
