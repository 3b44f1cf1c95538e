/* SPDX-License-Identifier: ISC */
/* Hops whose next hops are looked up: who is asked, what is tried in which order, what the taker is
 * told; postern-resolve is this test. */
#include "proxy/relay/hop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/msg.h"
#include "proxy/relay/asks.h"
#include "test/unit/alloc_fail.h"
#include "test/unit/support.h"

#define MX_HOST "127.0.0.93" /* where nobody else listens on port 25 */

static struct proxy p;
static struct hops *hops;
static int resolver, theirs; /* the ends of the pair: ours, the worker's */
static int listener, mx_listener;
static uint16_t open_port, closed_port;
static unsigned connections; /* taken */

static struct next_hop by_name = { .name = "hop.test" },
		       mixed[2] = { { .name = NULL }, { .name = "Second.test" } };
static struct route named = { .name = "named",
	.hops = &by_name,
	.n_hops = 1,
	.tls = ROUTE_TLS_NONE },
		    both = { .name = "both", .hops = mixed, .n_hops = 2, .tls = ROUTE_TLS_NONE },
		    by_mx = { .name = "mx", .mx = true, .tls = ROUTE_TLS_NONE };
static const struct route *const routes[] = { &both, &named, &by_mx };
static const struct ruleset rs = { .routes = routes, .n_routes = 3 };
static const struct rule_timeouts timeouts = {
	.connect = 20000, .greeting = 20000, .command = 20000
};

static int listen_on(const char *address, uint16_t port, uint16_t *portp)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t n = sizeof(sa);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int one = 1;

	inet_pton(AF_INET, address, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sa, n) < 0 || listen(fd, 8) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&sa, &n);
	*portp = ntohs(sa.sin_port);
	return fd;
}

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };

	assert_true(ip_parse(span_str(text), &ip));
	return ip;
}

/* ---- the worker ---- */

static int begin(void **state)
{
	int pair[2], closed;
	uint16_t port;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.rules = &rs;
	p.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	p.now_ms = clock_steady_ms();
	wheel_init(&p.wheel, p.now_ms);
	spare_init(&p.spare, -1, -1);
	assert_int_equal(msg_pair(pair), 0);
	resolver = pair[0];
	theirs = pair[1];
	hops = hops_new(&p, NULL, "gw.test", theirs);
	assert_non_null(hops);
	listener = listen_on("127.0.0.1", 0, &open_port);
	mx_listener = listen_on(MX_HOST, 25, &port);
	closed = listen_on("127.0.0.1", 0, &closed_port);
	close(closed);
	assert_true(listener >= 0);
	by_name.addr.addr = (struct ip_port){ .port = open_port };
	mixed[0].addr.addr = (struct ip_port){ ip_of("127.0.0.1"), closed_port };
	mixed[1].addr.addr = (struct ip_port){ .port = open_port };
	connections = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	hops_free(hops);
	spare_deinit(&p.spare);
	ev_loop_destroy(p.loop);
	close(resolver);
	close(theirs);
	close(listener);
	if (mx_listener >= 0)
		close(mx_listener);
	return 0;
}

/* ---- the next hop: it says yes to everything ---- */

static int served[8];
static unsigned n_served;

static void accept_all(int fd)
{
	const int sock = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (sock < 0)
		return;
	assert_true(n_served < COUNT_OF(served));
	served[n_served++] = sock;
	connections++;
	send(sock, "220 hop\r\n", 9, MSG_NOSIGNAL);
}

static void serve(void)
{
	char block[512];

	accept_all(listener);
	if (mx_listener >= 0)
		accept_all(mx_listener);
	for (unsigned i = 0; i < n_served; i++)
		if (recv(served[i], block, sizeof(block), 0) > 0)
			send(served[i], "250 yes\r\n", 9, MSG_NOSIGNAL);
}

static void close_served(void)
{
	while (n_served > 0)
		close(served[--n_served]);
}

/* ---- the taker ---- */

static struct {
	struct hop *hop;
	bool ready, failed;
	char passed_over[64]; /* codes, and the last octets of addresses */
	enum code code;
	struct ip_port peer;
	char said[256];
} taken;

static void on_ready(void *context, struct hop *hop)
{
	(void)context;
	assert_ptr_equal(hop, taken.hop);
	taken.ready = true;
}

static void on_passed_over(void *context, const struct hop_failure *failure)
{
	char code[7], *to = taken.passed_over + strlen(taken.passed_over);
	const size_t room = (size_t)(taken.passed_over + sizeof(taken.passed_over) - to);

	(void)context;
	assert_false(taken.ready || taken.failed);
	snprintf(to, room, "%s .%u;", code_text(failure->code, code), failure->peer.ip.octets[3]);
}

static void on_failed(void *context, const struct hop_failure *failure)
{
	(void)context;
	taken.failed = true;
	taken.code = failure->code;
	taken.peer = failure->peer;
	snprintf(taken.said, sizeof(taken.said), "%.*s", (int)failure->said.n,
		(const char *)failure->said.p);
	taken.hop = NULL;
}

static void on_event(void *context, struct hop *hop, int events)
{
	(void)context;
	(void)hop;
	(void)events;
}

static const struct hop_ops ops = { on_ready, on_passed_over, on_failed, on_event };

static void take(const struct route *route, const char *domain)
{
	memset(&taken, 0, sizeof(taken));
	taken.hop = hop_take(hops, route, span_str(domain), false, &timeouts, &ops, NULL);
}

static void turn(void)
{
	p.now_ms = clock_steady_ms();
	ev_run(p.loop, EVRUN_NOWAIT);
	serve();
}

/* Until the taker is told, or as long as anything can move. */
static void settle(void)
{
	for (int i = 0; i < 5000 && !taken.ready && !taken.failed; i++) {
		turn();
		if (i > 20)
			usleep(100);
	}
	assert_true(taken.ready || taken.failed);
}

/* ---- postern-resolve ---- */

static uint64_t asked; /* number of the last question */

/* "route what name", or "" */
static const char *question(void)
{
	static uint8_t block[MSG_HEAD + 1024];
	static char text[600];
	struct resolve_ask ask;
	struct msg m;

	if (msg_recv(resolver, block, sizeof(block), &m) != MSG_OK)
		return "";
	assert_int_equal(m.type, RESOLVE_ASK);
	assert_true(m.body.n >= sizeof(ask));
	memcpy(&ask, m.body.p, sizeof(ask));
	asked = ask.number;
	snprintf(text, sizeof(text), "%s %s %.*s", routes[ask.route]->name,
		ask.what == RESOLVE_MAIL ? "mail" : "host", (int)(m.body.n - sizeof(ask)),
		(const char *)m.body.p + sizeof(ask));
	return text;
}

static void say(uint16_t type, const struct resolve_said *said, size_t n)
{
	assert_int_equal(msg_send(resolver, type, span_of(said, n), -1), MSG_OK);
}

static void answer(enum resolve_result result, const char *const *addresses)
{
	struct resolve_said said = { .number = asked, .result = result, .names = 1 };

	strcpy(said.name[0], "mx.test");
	for (; addresses && addresses[said.n]; said.n++)
		said.address[said.n].ip = ip_of(addresses[said.n]);
	say(RESOLVE_SAID, &said, offsetof(struct resolve_said, name) + sizeof(said.name[0]));
}

#define ADDRESSES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void give_back(void)
{
	hop_give_back(taken.hop);
	taken.hop = NULL;
}

/* ---- */

static void one_that_is_named(void **state)
{
	(void)state;
	take(&named, "");
	expect_str(question(), "named host hop.test", "question", "");
	answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
	settle();
	assert_true(taken.ready);
	assert_int_equal(hop_facts(taken.hop)->peer.port, open_port);
	give_back();
	take(&named, ""); /* the one that waits: nothing is looked up */
	settle();
	assert_true(taken.ready && hop_facts(taken.hop)->reused);
	expect_str(question(), "", "no question", "");
	assert_int_equal(connections, 1);
	hop_drop(taken.hop, true);
	close_served();
}

static void addresses_in_the_order_they_come(void **state)
{
	(void)state;
	take(&named, "");
	question();
	answer(RESOLVE_OK, ADDRESSES("127.0.0.78", "127.0.0.1", "127.0.0.79"));
	settle();
	assert_true(taken.ready);
	expect_str(taken.passed_over, "PN6101 .78;", "passed over", "");
	assert_int_equal(hop_facts(taken.hop)->peer.ip.octets[3], 1);
	hop_drop(taken.hop, true);
	close_served();
}

/* The first failed: it rests, and the others are tried before it. */
static void one_that_failed_rests(void **state)
{
	(void)state;
	take(&named, "");
	question();
	answer(RESOLVE_OK, ADDRESSES("127.0.0.78"));
	settle();
	assert_true(taken.failed);
	assert_int_equal(taken.code, CODE_HOP_DOWN);
	assert_int_equal(taken.peer.ip.octets[3], 78);
	expect_str(taken.passed_over, "", "told once, as the last", "");
	take(&named, "");
	question();
	answer(RESOLVE_OK, ADDRESSES("127.0.0.78", "127.0.0.1"));
	settle();
	assert_int_equal(hop_facts(taken.hop)->peer.ip.octets[3], 1);
	expect_str(taken.passed_over, "", "it was not tried", "");
	hop_drop(taken.hop, true);
	close_served();
}

/* Each that fails is told, the last one as the end. */
static void of_several_that_fail(void **state)
{
	(void)state;
	take(&named, "");
	question();
	answer(RESOLVE_OK, ADDRESSES("127.0.0.78", "127.0.0.79", "127.0.0.80"));
	settle();
	assert_true(taken.failed);
	expect_str(taken.passed_over, "PN6101 .78;PN6101 .79;", "passed over", "");
	assert_int_equal(taken.peer.ip.octets[3], 80);
}

/* By address first; only when it failed the name is looked up. */
static void names_are_looked_up_in_their_turn(void **state)
{
	(void)state;
	take(&both, "");
	expect_str(question(), "", "not before the first failed", "");
	for (int i = 0; i < 2000 && !taken.failed; i++) {
		const char *q = question();

		turn();
		if (*q) {
			expect_str(q, "both host Second.test", "then", "");
			break;
		}
		usleep(100);
	}
	answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
	settle();
	assert_true(taken.ready);
	hop_drop(taken.hop, true);
	close_served();
}

static void what_the_client_hears_of_a_domain(void **state)
{
	static const struct {
		enum resolve_result result;
		enum code code;
	} cases[] = {
		{ RESOLVE_NONE, CODE_HOP_NO_DOMAIN },
		{ RESOLVE_NULL_MX, CODE_HOP_NULL_MX },
		{ RESOLVE_LOOP, CODE_HOP_LOOP },
		{ RESOLVE_TEMPFAIL, CODE_HOP_NO_ANSWER },
		{ RESOLVE_BOGUS, CODE_HOP_BOGUS },
		{ RESOLVE_BAD, CODE_HOP_BAD_DOMAIN },
		{ RESOLVE_UNUSABLE, CODE_HOP_UNUSABLE },
		{ RESOLVE_OK, CODE_HOP_NO_ANSWER }, /* but no address */
		{ (enum resolve_result)99, CODE_HOP_NO_ANSWER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		take(&by_mx, "in.test");
		expect_str(question(), "mx mail in.test", "question", "");
		answer(cases[i].result, NULL);
		settle();
		assert_true(taken.failed);
		assert_int_equal(taken.code, cases[i].code);
		assert_int_equal(taken.peer.ip.family, IP_NONE);
		expect_str(taken.said, "in.test", "said", "");
		take(&named, "");
		question();
		answer(cases[i].result, NULL);
		settle();
		assert_int_equal(taken.code, CODE_HOP_NAME);
	}
}

static void a_connection_serves_its_domain_only(void **state)
{
	(void)state;
	if (mx_listener < 0)
		skip();
	take(&by_mx, "in.test");
	question();
	answer(RESOLVE_OK, ADDRESSES(MX_HOST));
	settle();
	assert_true(taken.ready);
	assert_int_equal(hop_facts(taken.hop)->peer.port, 25);
	give_back();
	take(&by_mx, "other.test");
	expect_str(question(), "mx mail other.test", "another domain", "");
	answer(RESOLVE_OK, ADDRESSES(MX_HOST));
	settle();
	assert_false(hop_facts(taken.hop)->reused);
	give_back();
	take(&by_mx, "in.test");
	settle();
	assert_true(hop_facts(taken.hop)->reused);
	expect_str(question(), "", "the same", "");
	assert_int_equal(connections, 2);
	hop_drop(taken.hop, true);
	close_served();
}

static void one_that_was_kept_and_is_gone_is_looked_up_again(void **state)
{
	(void)state;
	take(&named, "");
	question();
	answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
	settle();
	give_back();
	close_served();
	take(&named, ""); /* before the loop could tell of it */
	assert_true(hop_facts(taken.hop)->reused);
	for (int i = 0; i < 2000 && !*question(); i++) {
		turn();
		usleep(100);
	}
	answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
	settle();
	assert_true(taken.ready && !hop_facts(taken.hop)->reused);
	hop_drop(taken.hop, true);
	close_served();
}

/* Dropped while it is looked up: the answer is nobody's. */
static void the_taker_goes_first(void **state)
{
	(void)state;
	take(&named, "");
	question();
	hop_drop(taken.hop, true);
	answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
	for (int i = 0; i < 10; i++)
		turn();
	assert_false(taken.ready || taken.failed);
	assert_int_equal(connections, 0);
}

static void nobody_to_ask(void **state)
{
	struct hops *none = hops_new(&p, NULL, "gw.test", -1);

	(void)state;
	memset(&taken, 0, sizeof(taken));
	taken.hop = hop_take(none, &by_mx, SPAN("in.test"), false, &timeouts, &ops, NULL);
	assert_false(taken.failed); /* not from within */
	settle();
	assert_int_equal(taken.code, CODE_HOP_NO_ANSWER);
	hops_free(none);
}

/* What comes from another process is looked at before it is believed. */
static void lies_of_postern_resolve(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct resolve_said said = { .names = 1, .n = 1, .name = { "mx.test" } };
		size_t n = offsetof(struct resolve_said, name) + sizeof(said.name[0]);
		uint16_t type = RESOLVE_SAID;

		said.address[0].ip = ip_of("127.0.0.1");
		take(&named, "");
		question();
		said.number = asked;
		switch (i) {
		case 0: n--; break;
		case 1: n = sizeof(said.number); break;
		case 2: said.names = RESOLVE_NAMES + 1; break;
		case 3: said.n = RESOLVE_ADDRESSES + 1; break;
		case 4: said.address[0].name = 1; break;
		case 5: said.address[0].ip.family = (enum ip_family)5; break;
		case 6: memset(said.name[0], 'x', sizeof(said.name[0])); break;
		case 7: type = RESOLVE_ASK; break;
		}
		say(type, &said, n);
		settle();
		assert_true(taken.failed);
		assert_int_equal(taken.code, CODE_HOP_NAME);
	}
	assert_int_equal(connections, 0);
}

/* ---- without memory ---- */

static bool take_without_memory(unsigned n, bool for_good)
{
	bool failed;

	alloc_fail_from(n, for_good);
	take(&named, "");
	failed = alloc_fail_end();
	if (taken.hop) {
		question();
		answer(RESOLVE_OK, ADDRESSES("127.0.0.1"));
		settle();
		hop_drop(taken.hop, true);
	} else {
		expect_str(question(), "", "no question", "");
	}
	close_served();
	return failed;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	alloc_fail_all(take_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_is_named, begin, end),
		cmocka_unit_test_setup_teardown(addresses_in_the_order_they_come, begin, end),
		cmocka_unit_test_setup_teardown(one_that_failed_rests, begin, end),
		cmocka_unit_test_setup_teardown(of_several_that_fail, begin, end),
		cmocka_unit_test_setup_teardown(names_are_looked_up_in_their_turn, begin, end),
		cmocka_unit_test_setup_teardown(what_the_client_hears_of_a_domain, begin, end),
		cmocka_unit_test_setup_teardown(a_connection_serves_its_domain_only, begin, end),
		cmocka_unit_test_setup_teardown(
			one_that_was_kept_and_is_gone_is_looked_up_again, begin, end),
		cmocka_unit_test_setup_teardown(the_taker_goes_first, begin, end),
		cmocka_unit_test_setup_teardown(nobody_to_ask, begin, end),
		cmocka_unit_test_setup_teardown(lies_of_postern_resolve, begin, end),
		cmocka_unit_test_setup_teardown(any_allocation_may_fail, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
