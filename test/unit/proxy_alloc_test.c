/* SPDX-License-Identifier: ISC */
/* What a proxy does when the n-th allocation finds no memory: it answers in SMTP or closes, what it
 * had counted is let go, and nothing passes that was not inspected. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/flow.h"
#include "proxy/listen.h"
#include "proxy/sockets.h"
#include "test/unit/alloc_fail.h"
#include "test/unit/rules_of.h"

#define TEXT_LINES 6000 /* of a message that has to wait, since the server does not read */
#define HEAD       "Subject: long\r\n\r\n"
#define HEAD_SIZE  (sizeof(HEAD) - 1)
#define LINE       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
#define LINE_SIZE  (sizeof(LINE) - 1)

static struct proxy p;
static struct listener listener;
static struct rules_of r;
static int shared, ledger, front, back; /* where clients come, and the server listens */
static struct rule_state states[4];

static int listen_somewhere(uint16_t *portp)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
	assert_int_equal(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&sa, &n);
	*portp = ntohs(sa.sin_port);
	return fd;
}

static uint16_t front_port;

static void set_up_rules(const char *how)
{
	static char text[1024];
	uint16_t back_port;

	front = listen_somewhere(&front_port);
	back = listen_somewhere(&back_port);
	snprintf(text, sizeof(text),
		"version 1\n"
		"publish p {\n"
		"    external 127.0.0.1:%u\n"
		"    internal 127.0.0.1:%u\n"
		"    client-address gateway\n"
		"    %s\n"
		"}\n",
		front_port, back_port, how);
	rules_of_init(&r, text);
	shared = shared_make();
	ledger = ledger_make();
	assert_true(shared >= 0 && ledger >= 0);
}

static int set_up_inspected(void **state)
{
	(void)state;
	set_up_rules("inspect commands internet\n    recipients in in.test");
	return 0;
}

static int set_up_passed(void **state)
{
	(void)state;
	set_up_rules("pass");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(front);
	close(back);
	close(shared);
	close(ledger);
	rules_of_deinit(&r);
	return 0;
}

/* ---- a proxy ---- */

static void begin(void)
{
	size_t size;

	memset(&p, 0, sizeof(p));
	p.rules = r.rs;
	assert_int_equal(ident_init(&p.ident, 0), 0);
	assert_int_equal(shared_map(&p.shared, shared, 0), 0);
	assert_int_equal(ledger_map(&p.ledger, ledger), 0);
	p.limits = (struct limits){ &p.shared.tally, &p.ledger, r.rs->host.client_prefix };
	pool_init(&p.pool, POOL_MAX);
	p.states = states;
	memset(states, 0, sizeof(states));
	for (size_t i = 0; i < r.rs->n_rules; i++) {
		const struct publish *rule = r.rs->rules[i].publish;
		struct rule_state *s = &states[rule->number];
		s->key = tally_rule(&p.shared.tally, span_str(rule->name));
		s->servers = calloc(rule->n_internal, sizeof(*s->servers));
	}
	p.scratch = pool_lend(&p.pool, POOL_LARGE, &size);
	p.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	out_init(&p.to_client, p.out_blocks[0], PROXY_OUT_SIZE);
	out_init(&p.to_server, p.out_blocks[1], PROXY_OUT_SIZE);
	p.now_ms = clock_steady_ms();
	wheel_init(&p.wheel, p.now_ms);
	p.parent.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	p.reserve = fcntl(p.parent.fd, F_DUPFD_CLOEXEC, 0);
	log_sender_init(&p.log, -1);
	spare_init(&p.spare, -1, -1);
	p.listeners = &listener;
	p.n_listeners = 1;
	assert_int_equal(listen_begin(&p, &listener, fcntl(front, F_DUPFD_CLOEXEC, 0),
				 LISTEN_DIRECT, LISTEN_JUDGE),
		0);
	listen_serve(&p);
}

static void turn(void)
{
	for (int i = 0; i < 6; i++) {
		p.now_ms = clock_steady_ms();
		ev_run(p.loop, EVRUN_NOWAIT);
	}
}

static void end(void)
{
	for (int i = 0; i < 300 && (p.n_flows > 0 || p.partings > 0); i++) {
		turn();
		wheel_advance(&p.wheel, p.now_ms);
		usleep(1000);
	}
	assert_int_equal(p.n_flows, 0);
	assert_int_equal(p.partings, 0);
	assert_int_equal(p.ledger.n_spare, p.ledger.end); /* nothing is counted any more */
	listen_end(&p);
	close(p.parent.fd);
	close(p.reserve);
	pool_return(&p.pool, p.scratch, POOL_LARGE);
	assert_int_equal(p.pool.lent, 0);
	pool_deinit(&p.pool);
	for (size_t i = 0; i < COUNT_OF(states); i++)
		free(states[i].servers);
	for (unsigned i = 0; i < p.pipes.n; i++) {
		close(p.pipes.spare[i][0]);
		close(p.pipes.spare[i][1]);
	}
	ev_loop_destroy(p.loop);
	ledger_unmap(&p.ledger);
	shared_unmap(&p.shared);
}

/* ---- a client and a server ---- */

static int client, server;
static char seen[512];         /* by the client, in one step */
static size_t got_x, got_ends; /* by the server: octets of text, and ends of messages */
static char last[5];           /* octets it got */

static void server_read(void)
{
	static char block[1 << 16];
	ssize_t n;

	while (server >= 0 && (n = recv(server, block, sizeof(block), 0)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			got_x += block[i] == 'x';
			memmove(last, last + 1, sizeof(last) - 1);
			last[sizeof(last) - 1] = block[i];
			got_ends += memcmp(last, "\r\n.\r\n", sizeof(last)) == 0;
		}
}

static void client_read(void)
{
	ssize_t n = recv(client, seen, sizeof(seen) - 1, 0);

	seen[n > 0 ? n : 0] = '\0';
	if (n > 0 && (seen[0] < '2' || seen[0] > '5'))
		fail_msg("no reply: %s", seen);
}

static void pass(bool (*done)(void))
{
	for (int i = 0; i < 400 && !done(); i++) {
		turn();
		server_read();
		if (i > 20)
			usleep(200);
	}
}

static bool soon(void)
{
	static unsigned times;

	return times++ % 4 == 3;
}

/* All of the message, or nothing more comes: one of the two was closed. */
static bool message_over(void)
{
	char octet;

	return got_ends > 0 || recv(client, &octet, 1, MSG_PEEK) >= 0 ||
	       (server >= 0 && recv(server, &octet, 1, MSG_PEEK) == 0);
}

/* What the client says, what the server answers, whether the client saw that code. */
static bool step(const char *line, const char *reply, bool (*done)(void))
{
	if (send(client, line, strlen(line), MSG_NOSIGNAL) < 0)
		return false;
	pass(done);
	if (server >= 0)
		send(server, reply, strlen(reply), MSG_NOSIGNAL);
	turn();
	client_read();
	return strncmp(seen, reply, 3) == 0;
}

/* More than the sockets take; the server begins to read when nothing moves any more. Return: octets
 * of it that were sent. */
static size_t send_text(void)
{
	static char text[HEAD_SIZE + TEXT_LINES * LINE_SIZE] = HEAD;
	size_t at = 0;

	for (size_t i = 0; i < TEXT_LINES; i++)
		memcpy(text + HEAD_SIZE + i * LINE_SIZE, LINE, LINE_SIZE);
	for (int i = 0; i < 2000 && at < sizeof(text); i++) {
		ssize_t n = send(client, text + at, sizeof(text) - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		at += n > 0 ? (size_t)n : 0;
		turn();
		if (n < 0 && i > 20)
			server_read();
	}
	return at;
}

static void converse(void)
{
	const size_t whole = TEXT_LINES * (LINE_SIZE - 2);
	bool sent;

	turn();
	server = accept4(back, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (server >= 0)
		send(server, "220 ready\r\n", 11, MSG_NOSIGNAL);
	turn();
	client_read();
	if (strncmp(seen, "220", 3) != 0 || !step("EHLO c.test\r\n", "250 hello\r\n", soon) ||
		!step("MAIL FROM:<a@c.test>\r\n", "250 ok\r\n", soon) ||
		!step("RCPT TO:<b@in.test>\r\n", "250 ok\r\n", soon) ||
		!step("DATA\r\n", "354 go\r\n", soon))
		return;
	sent = send_text() == HEAD_SIZE + TEXT_LINES * LINE_SIZE;
	if (sent && step("\r\n.\r\n", "250 taken\r\n", message_over))
		assert_int_equal(got_ends, 1);
	server_read();
	if (got_ends > 0)
		assert_int_equal(got_x, whole); /* an end stands behind a whole message only */
	step("QUIT\r\n", "221 bye\r\n", soon);
}

static int connect_client(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(front_port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static bool serve_without_memory(unsigned n, bool for_good)
{
	bool failed;

	begin();
	client = connect_client();
	server = -1;
	got_x = got_ends = 0;
	alloc_fail_from(n, for_good);
	converse();
	failed = alloc_fail_end();
	if (!failed)
		assert_int_equal(got_ends, 1); /* the conversation is one that works */
	close(client);
	sockets_close(server);
	end();
	while ((server = accept4(back, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		close(server); /* dialled, but not looked at */
	return failed;
}

static void a_session(void **state)
{
	(void)state;
	alloc_fail_all(serve_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_session, set_up_inspected, tear_down),
		cmocka_unit_test_setup_teardown(a_session, set_up_passed, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
