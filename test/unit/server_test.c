/* SPDX-License-Identifier: ISC */
#include "proxy/house/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/memfd.h"
#include "test/unit/house_of.h"

static const char rules[] = "version 1\n"
			    "set blocked { dynamic timeout 4h }\n"
			    "set fixed { members 192.0.2.7 }\n"
			    "publish p {\n"
			    "    external 127.0.0.1:2525\n"
			    "    internal 10.0.0.1:25\n"
			    "    from any except blocked, fixed\n"
			    "    client-address gateway\n"
			    "    pass\n"
			    "}\n";

static struct house_of h;

static int set_up(void **state)
{
	(void)state;
	house_of_init(&h, rules, HOUSE_OF_WORKERS);
	assert_int_equal(server_open(&h.house.server, &h.house), 0);
	server_start(&h.house.server);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	house_of_deinit(&h);
	return 0;
}

static int connect_to_server(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, h.house.server.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void ask(int fd, uint16_t type, struct span body)
{
	assert_int_equal(msg_send(fd, type, body, -1), MSG_OK);
	house_of_turn(&h);
}

struct answers {
	unsigned texts, files;
	int exit; /* -1: no end yet; -2: the connection was closed before one */
	char text[512], lines[65536];
};

/* What is there to be read now. */
static void take(int fd, struct answers *a)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct control_done done;
	struct msg m;
	int r;

	*a = (struct answers){ .exit = -1 };
	while ((r = msg_recv(fd, block, sizeof(block), &m)) == MSG_OK) {
		if (m.fd >= 0)
			close(m.fd);
		a->files += m.type == CONTROL_FILE;
		a->texts += m.type == CONTROL_TEXT;
		if (m.type == CONTROL_TEXT)
			strncat(a->lines, (const char *)m.body.p, m.body.n);
		if (m.type != CONTROL_DONE)
			continue;
		assert_true(m.body.n >= sizeof(done));
		memcpy(&done, m.body.p, sizeof(done));
		a->exit = (int)done.exit;
		strncat(a->text, (const char *)m.body.p + sizeof(done), m.body.n - sizeof(done));
	}
	if (r != MSG_E_AGAIN && a->exit == -1)
		a->exit = -2;
}

static struct answers request(uint16_t type, struct span body)
{
	static struct answers a;
	int fd = connect_to_server();

	ask(fd, type, body);
	house_of_fence(&h);
	take(fd, &a);
	close(fd);
	house_of_turn(&h);
	assert_null(h.house.server.clients);
	assert_int_equal(h.house.server.n_clients, 0);
	return a;
}

/* ---- requests ---- */

static void each_request_is_answered(void **state)
{
	static const struct {
		uint16_t type;
		struct span body;
		int exit;
		const char *text; /* of the answer, a part */
	} cases[] = {
		{ CONTROL_STATUS, OCTETS(""), 0, "" },
		{ CONTROL_STATUS, OCTETS("x"), 0, "" },
		{ CONTROL_STATUS, OCTETS("\0"), 64, "malformed" },
		{ CONTROL_RULES, OCTETS(""), 0, "" },
		{ CONTROL_SETS, OCTETS(""), 0, "" },
		{ CONTROL_SETS, OCTETS("blocked"), 0, "" },
		{ CONTROL_SETS, OCTETS("fixed"), 64, "not a dynamic set" },
		{ CONTROL_SETS, OCTETS("nowhere"), 64, "no such set" },
		{ CONTROL_SETS, OCTETS("\x1b[2J"), 64, "no such set: \\x1b[2J" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1\0"
			       "60"),
			0, "192.0.2.1 added" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "2001:db8::/32\0"
			       "0"),
			0, "2001:db8::/32 added" },
		{ CONTROL_SET_ADD,
			OCTETS("fixed\0"
			       "192.0.2.1\0"
			       "60"),
			64, "not a dynamic set" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1/24\0"
			       "60"),
			64, "no address" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "\0"
			       "60"),
			64, "no address" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1\0"),
			64, "no number" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1\0"
			       "-1"),
			64, "no number" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1\0"
			       "4294967296"),
			64, "no number" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1"),
			64, "malformed" },
		{ CONTROL_SET_ADD,
			OCTETS("blocked\0"
			       "192.0.2.1\0"
			       "60\0"),
			64, "malformed" },
		{ CONTROL_SET_ADD, OCTETS(""), 64, "malformed" },
		{ CONTROL_SET_DEL,
			OCTETS("blocked\0"
			       "192.0.2.1"),
			1, "not a member" },
		{ CONTROL_SET_DEL, OCTETS("blocked"), 64, "malformed" },
		{ CONTROL_SET_FLUSH, OCTETS("blocked"), 0, "all members flushed" },
		{ CONTROL_SET_FLUSH, OCTETS("fixed"), 64, "not a dynamic set" },
		{ CONTROL_SETS, OCTETS("bans"), 0, "" },
		{ CONTROL_SET_ADD,
			OCTETS("bans\0"
			       "192.0.2.1\0"
			       "60"),
			64, "dynamic set" },
		{ CONTROL_SET_DEL,
			OCTETS("bans\0"
			       "192.0.2.1"),
			1, "not banned" },
		{ CONTROL_SET_DEL,
			OCTETS("bans\0"
			       "x"),
			64, "no address" },
		{ CONTROL_SET_FLUSH, OCTETS("bans"), 0, "all members flushed" },
		{ CONTROL_APPLY, OCTETS(""), 64, "no time" },
		{ CONTROL_APPLY, OCTETS("86401"), 64, "no time" },
		{ CONTROL_APPLY, OCTETS("0"), 78, "rules.conf" }, /* there is none */
		{ CONTROL_APPLY, OCTETS("60"), 78, "rules.conf" },
		{ CONTROL_CONFIRM, OCTETS(""), 1, "nothing waits" },
		{ CONTROL_ROLLBACK, OCTETS("0"), 64, "no such generation" },
		{ CONTROL_ROLLBACK, OCTETS("2147483647"), 64, "no such generation" },
		{ CONTROL_ROLLBACK, OCTETS("x"), 64, "no number" },
		{ 0, OCTETS(""), 64, "unknown request" },
		{ CONTROL_LANES, OCTETS(""), 0, "" },
		{ CONTROL_AUTH, OCTETS("staff"), 64, "no such auth: staff" },
		{ CONTROL_AUTH, OCTETS(""), 64, "no such auth" },
		{ 14, OCTETS(""), 64, "unknown request" },
		{ 65535, OCTETS(""), 64, "unknown request" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct answers a = request(cases[i].type, cases[i].body);

		if (a.exit != cases[i].exit || !strstr(a.text, cases[i].text))
			fail_msg("%zu: request %u: exit %d, \"%s\"", i, cases[i].type, a.exit,
				a.text);
		dynamic_flush(&h.house.dynamic, "blocked");
		for (unsigned w = 0; w < HOUSE_OF_WORKERS; w++) {
			struct answers sent; /* what the proxies got */
			take(h.ends[w], &sent);
		}
	}
	assert_int_equal(h.house.reload.before_bundle, -1);
	assert_false(h.house.reload.under_way);
}

static void before_a_generation_runs_it_asks_for_patience(void **state)
{
	(void)state;
	h.house.running = NULL;
	h.house.coming = &h.generation;
	assert_int_equal(request(CONTROL_STATUS, (struct span){ 0 }).exit, 69);
	h.house.running = &h.generation;
	h.house.coming = NULL;
}

static void many_lines_need_few_messages(void **state)
{
	static char line[400];
	struct answers a;
	int fd = connect_to_server();
	size_t n = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	house_of_turn(&h);
	h.house.server.served = h.house.server.clients;
	for (int i = 0; i < 700; i++) /* as many roles, and nobody reads meanwhile */
		server_text(&h.house.server, span_of((const uint8_t *)line, sizeof(line)));
	server_done(&h.house.server, 0, (struct span){ 0 });
	for (;;) {
		static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
		struct msg m;

		if (msg_recv(fd, block, sizeof(block), &m) != MSG_OK || m.type != CONTROL_TEXT)
			break;
		n += m.body.n;
	}
	assert_int_equal(n, 700 * sizeof(line));
	take(fd, &a);
	close(fd);
	house_of_turn(&h);
}

/* ---- proxies ---- */

static void tell(unsigned worker, uint16_t type, struct span body, int fd)
{
	assert_int_equal(msg_send(h.ends[worker], type, body, fd), MSG_OK);
	house_of_turn(&h);
}

static void answer_sessions(unsigned worker)
{
	int fd = memfd_sealed("sessions", SPAN("{}\n"));

	tell(worker, ROLE_SESSIONS, (struct span){ 0 }, fd);
	close(fd);
}

static struct span number(uint32_t n)
{
	static uint32_t kept;

	kept = n;
	return span_of((const uint8_t *)&kept, sizeof(kept));
}

/* Its pair is closed, and its process gets the signal. */
static void expect_killed(unsigned worker)
{
	for (int i = 0; i < 200 && h.workers[worker].child.state == CHILD_READY; i++) {
		usleep(5000);
		house_of_turn(&h);
	}
	assert_int_equal(h.workers[worker].child.state, CHILD_NONE);
	close(h.ends[worker]);
	house_of_begin_worker(&h, worker);
}

static void all_proxies_answer(void **state)
{
	struct answers a;
	int fd = connect_to_server();

	(void)state;
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	answer_sessions(0);
	take(fd, &a);
	assert_int_equal(a.files, 1);
	assert_int_equal(a.exit, -1);
	tell(1, ROLE_SESSIONS, (struct span){ 0 }, -1); /* it has none */
	take(fd, &a);
	assert_int_equal(a.exit, 0);
	assert_int_equal(a.files, 0);
	close(fd);

	fd = connect_to_server();
	ask(fd, CONTROL_KILL, SPAN("an id"));
	tell(1, ROLE_KILLED, number(0), -1);
	tell(0, ROLE_KILLED, number(1), -1);
	take(fd, &a);
	assert_int_equal(a.exit, 0);
	close(fd);

	fd = connect_to_server();
	ask(fd, CONTROL_KILL, SPAN("no id"));
	tell(1, ROLE_KILLED, number(0), -1);
	tell(0, ROLE_KILLED, number(0), -1);
	take(fd, &a);
	assert_int_equal(a.exit, 1);
	close(fd);
	house_of_turn(&h);
}

static void one_that_dies_is_not_waited_for(void **state)
{
	struct answers a;
	int fd = connect_to_server();

	(void)state;
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	answer_sessions(0);
	child_kill(&h.workers[1].child, SIGKILL);
	expect_killed(1);
	take(fd, &a);
	assert_int_equal(a.exit, 0);
	close(fd);
	house_of_turn(&h);
}

static void what_nobody_asked_for_is_nonsense(void **state)
{
	struct answers a;
	int fd;

	(void)state;
	answer_sessions(0);
	expect_killed(0);
	tell(0, ROLE_KILLED, number(1), -1);
	expect_killed(0);

	fd = connect_to_server(); /* more than one answer */
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	answer_sessions(0);
	answer_sessions(0);
	expect_killed(0);
	answer_sessions(1);
	take(fd, &a);
	assert_int_equal(a.files, 2);
	assert_int_equal(a.exit, 0);
	close(fd);

	fd = connect_to_server(); /* to another question */
	ask(fd, CONTROL_KILL, SPAN("id"));
	answer_sessions(0);
	expect_killed(0);
	tell(1, ROLE_KILLED, span_of((const uint8_t *)"12345", 5), -1);
	expect_killed(1);
	take(fd, &a);
	assert_int_equal(a.exit, 1);
	close(fd);
	house_of_turn(&h);
}

static void late_answers_are_not_taken_for_others(void **state)
{
	struct answers a;
	int fd = connect_to_server();

	(void)state;
	ask(fd, CONTROL_KILL, SPAN("id"));
	tell(0, ROLE_KILLED, number(0), -1);
	ev_feed_event(h.house.loop, &h.house.server.patience, EV_TIMER); /* now */
	house_of_turn(&h);
	take(fd, &a);
	assert_int_equal(a.exit, 69);
	close(fd);

	fd = connect_to_server();
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	answer_sessions(0);
	tell(1, ROLE_KILLED, number(1), -1); /* of the first question */
	take(fd, &a);
	assert_int_equal(a.exit, -1);
	answer_sessions(1);
	take(fd, &a);
	assert_int_equal(a.exit, 0);
	assert_int_equal(a.files, 1);
	close(fd);
	house_of_turn(&h);
}

/* ---- clients ---- */

static void clients_that_misbehave_are_dropped(void **state)
{
	static const uint8_t huge[CONTROL_BODY_MAX + 1000];
	struct answers a;
	int fds[3] = { 0, 0, 0 }, fd;

	(void)state;
	fd = connect_to_server(); /* not a message */
	assert_int_equal(write(fd, "GET / HTTP/1.0", 14), 14);
	house_of_turn(&h);
	take(fd, &a);
	assert_int_equal(a.exit, -2);
	close(fd);

	fd = connect_to_server(); /* too large */
	ask(fd, CONTROL_STATUS, span_of(huge, sizeof(huge)));
	take(fd, &a);
	assert_int_equal(a.exit, -2);
	close(fd);

	fd = connect_to_server(); /* descriptors */
	assert_int_equal(msg_send_fds(fd, CONTROL_STATUS, (struct span){ 0 }, fds, 3), MSG_OK);
	house_of_turn(&h);
	take(fd, &a);
	assert_int_equal(a.exit, -2);
	close(fd);

	fd = connect_to_server(); /* a second request while the first is carried out */
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	ask(fd, CONTROL_STATUS, (struct span){ 0 });
	take(fd, &a);
	assert_int_equal(a.exit, -2);
	close(fd);
	answer_sessions(0);
	answer_sessions(1);
	assert_null(h.house.server.served);
	assert_int_equal(h.house.server.n_clients, 0);
}

static void one_that_leaves_while_it_is_served(void **state)
{
	int fd = connect_to_server();
	struct answers a;

	(void)state;
	ask(fd, CONTROL_SESSIONS, (struct span){ 0 });
	close(fd);
	house_of_turn(&h);
	fd = connect_to_server(); /* waits for its turn */
	ask(fd, CONTROL_STATUS, (struct span){ 0 });
	take(fd, &a);
	assert_int_equal(a.exit, -1);
	answer_sessions(0);
	answer_sessions(1);
	house_of_turn(&h);
	take(fd, &a);
	assert_int_equal(a.exit, 0);
	close(fd);
	house_of_turn(&h);
	assert_int_equal(h.house.server.n_clients, 0);
}

static void one_that_does_not_read_is_dropped(void **state)
{
	static const uint8_t much[CONTROL_TEXT_MAX];
	int fd = connect_to_server();

	(void)state;
	house_of_turn(&h);
	h.house.server.served = h.house.server.clients;
	for (int i = 0; i < 100; i++)
		server_text(&h.house.server, span_of(much, sizeof(much)));
	assert_int_equal(h.house.server.served->fd, -1);
	server_done(&h.house.server, 0, (struct span){ 0 });
	assert_int_equal(h.house.server.n_clients, 0);
	close(fd);
}

static void those_that_say_nothing_make_room(void **state)
{
	int fds[SERVER_CLIENTS_MAX + 8];
	struct answers a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		fds[i] = connect_to_server();
		house_of_turn(&h);
	}
	assert_int_equal(h.house.server.n_clients, SERVER_CLIENTS_MAX);
	ask(fds[COUNT_OF(fds) - 1], CONTROL_STATUS, (struct span){ 0 });
	take(fds[COUNT_OF(fds) - 1], &a);
	assert_int_equal(a.exit, 0);
	take(fds[0], &a);
	assert_int_equal(a.exit, -2);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	house_of_turn(&h);
	assert_int_equal(h.house.server.n_clients, 0);
}

static void those_that_wait_for_their_turn_keep_it(void **state)
{
	int fds[SERVER_CLIENTS_MAX], late;
	struct answers a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		fds[i] = connect_to_server();
		ask(fds[i], CONTROL_SESSIONS, (struct span){ 0 });
	}
	late = connect_to_server();
	house_of_turn(&h);
	take(late, &a);
	assert_int_equal(a.exit, -2);
	close(late);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		answer_sessions(0);
		answer_sessions(1);
	}
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		take(fds[i], &a);
		assert_int_equal(a.exit, 0);
		close(fds[i]);
	}
	house_of_turn(&h);
}

/* ---- the file ---- */

/* Its words go to nowhere. */
static int open_quietly(struct server *s)
{
	int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY), r;

	dup2(nowhere, STDERR_FILENO);
	r = server_open(s, &h.house);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(nowhere);
	return r;
}

static void the_file_of_another_is_left_alone(void **state)
{
	static struct server second;
	struct stat before, after;
	char path[sizeof(second.path)];

	(void)state;
	strcpy(path, h.house.server.path);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_int_equal(open_quietly(&second), 69); /* it is served */
	server_close(&second);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	house_of_turn(&h); /* who looked is gone again */
	assert_int_equal(h.house.server.n_clients, 0);

	server_close(&h.house.server);
	assert_int_equal(access(path, F_OK), -1);
	close(open(path, O_CREAT | O_WRONLY, 0600)); /* no socket */
	assert_int_equal(open_quietly(&second), 78);
	server_close(&second);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

static void a_stale_one_is_removed(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)state;
	strcpy(sa.sun_path, h.house.server.path);
	server_close(&h.house.server);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(server_open(&h.house.server, &h.house), 0);
	server_start(&h.house.server);
	assert_int_equal(request(CONTROL_STATUS, (struct span){ 0 }).exit, 0);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		EACH(each_request_is_answered),
		EACH(before_a_generation_runs_it_asks_for_patience),
		EACH(many_lines_need_few_messages),
		EACH(all_proxies_answer),
		EACH(one_that_dies_is_not_waited_for),
		EACH(what_nobody_asked_for_is_nonsense),
		EACH(late_answers_are_not_taken_for_others),
		EACH(clients_that_misbehave_are_dropped),
		EACH(one_that_leaves_while_it_is_served),
		EACH(one_that_does_not_read_is_dropped),
		EACH(those_that_say_nothing_make_room),
		EACH(those_that_wait_for_their_turn_keep_it),
		EACH(the_file_of_another_is_left_alone),
		EACH(a_stale_one_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
