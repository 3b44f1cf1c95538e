/* SPDX-License-Identifier: ISC */
/* proxy/dial: which server is dialled, and from which address. */
#include "test/unit/rule_of.h"
#include "test/unit/support.h"

#include "proxy/dial.h"
#include "proxy/sockets.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct proxy proxy;
static struct ruleset rules;
static struct flow flow;
static int servers[2];
static char text[512];

static void on_server(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)io;
	(void)events;
}

/* A listener on the loopback address of a family, all at one port. */
static int serve(int family, uint16_t *portp)
{
	struct sockaddr_storage sa;
	struct ip_port addr = { .ip.family = family == AF_INET6 ? IP_V6 : IP_V4, .port = *portp };
	socklen_t n;
	int fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET6)
		addr.ip.octets[15] = 1;
	else
		memcpy(addr.ip.octets, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	n = sockets_to_kernel(&addr, &sa);
	if (bind(fd, (struct sockaddr *)&sa, n) < 0 || listen(fd, 8) < 0 ||
		getsockname(fd, (struct sockaddr *)&sa, &n) < 0) {
		sockets_close(fd);
		return -1;
	}
	*portp = sockets_from_kernel(&sa).port;
	return fd;
}

static uint16_t port;

static int begin(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		port = 0;
		servers[0] = serve(AF_INET, &port);
		servers[1] = serve(AF_INET6, &port);
		if (servers[0] >= 0 && servers[1] >= 0)
			break;
		sockets_close(servers[0]);
		sockets_close(servers[1]);
	}
	proxy.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	proxy.rules = &rules;
	proxy.states = calloc(2, sizeof(*proxy.states));
	proxy.states[1].servers = calloc(4, sizeof(struct server_state));
	proxy.now_ms = 1;
	spare_init(&proxy.spare, -1, -1);
	log_sender_init(&proxy.log, -1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ev_loop_destroy(proxy.loop);
	free(proxy.states[1].servers);
	free(proxy.states);
	own_deinit(&proxy.own);
	sockets_close(servers[0]);
	sockets_close(servers[1]);
	return 0;
}

/* A session of @client that asked for @to, under a rule with these statements; "PORT" is the
 * servers' port. Return: dial_start()'s. */
static int dial(const char *statements, const char *client, const char *to)
{
	char number[8];
	const char *at = strstr(statements, "PORT");
	struct ip_port from = { .port = 4000 }, asked = { .port = port };

	snprintf(number, sizeof(number), "%u", port);
	snprintf(text, sizeof(text), "version 1\npublish p { external any:%s; %.*s%s%s; pass }\n",
		number, at ? (int)(at - statements) : (int)strlen(statements), statements,
		at ? number : "", at ? at + 4 : "");
	assert_true(ip_parse(span_str(client), &from.ip));
	assert_true(ip_parse(span_str(to), &asked.ip));
	flow = (struct flow){ .proxy = &proxy,
		.log = { .client = from, .to = asked, .rule = rule_of(span_str(text)) } };
	ev_io_init(&flow.server, on_server, -1, EV_READ);
	return dial_start(&flow, on_server, EV_READ);
}

static void expect_dialled(const char *statements, const char *client, const char *to,
	const char *server, uint16_t server_port)
{
	struct ip want;

	assert_int_equal(dial(statements, client, to), DIAL_OK);
	assert_true(ip_parse(span_str(server), &want));
	if (!ip_eq(&want, &flow.log.internal.ip) || flow.log.internal.port != server_port)
		fail_msg("%s for %s: another server", text, client);
	sockets_close(flow_release(&flow, &flow.server));
}

static void keep_dials_a_server_of_the_clients_family(void **state)
{
	(void)state;
	expect_dialled("internal 127.0.0.1, ::1", "127.0.0.1", "192.0.2.1", "127.0.0.1", port);
	expect_dialled("internal 127.0.0.1, ::1", "::1", "2001:db8::1", "::1", port);
	expect_dialled(
		"internal 127.0.0.1, ::1 balance round-robin", "::1", "2001:db8::1", "::1", port);
	expect_dialled(
		"internal 127.0.0.1, ::1 balance round-robin", "::1", "2001:db8::1", "::1", port);
	expect_dialled("internal 127.0.0.1; client-address gateway", "::1", "2001:db8::1",
		"127.0.0.1", port);
	assert_int_equal(dial("internal 127.0.0.1", "::1", "2001:db8::1"), DIAL_E_FAMILY);
	assert_int_equal(dial("internal ::1, ::2", "127.0.0.1", "192.0.2.1"), DIAL_E_FAMILY);
	assert_int_equal(dial_code(DIAL_E_FAMILY), CODE_SERVER_FAMILY);
	/* one that failed this moment is asked all the same, one that does not suit never */
	proxy.states[1].servers[0] = (struct server_state){ .failed_in = 1000, .retry_ms = 9999 };
	proxy.states[1].servers[1] = proxy.states[1].servers[0];
	expect_dialled("internal 127.0.0.1, ::1", "::1", "2001:db8::1", "::1", port);
}

static void keep_comes_from_the_clients_address(void **state)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	struct ip_port own;

	(void)state;
	assert_int_equal(dial("internal 127.0.0.1", "127.0.0.77", "192.0.2.1"), DIAL_OK);
	assert_int_equal(getsockname(flow.server.fd, (struct sockaddr *)&sa, &n), 0);
	own = sockets_from_kernel(&sa);
	assert_true(ip_eq(&own.ip, &flow.log.client.ip));
	assert_int_not_equal(own.port, 0);
	sockets_close(flow_release(&flow, &flow.server));
	/* without the right that fails, and it is not dialled from another */
	assert_int_equal(dial("internal 127.0.0.1", "203.0.113.77", "192.0.2.1"), DIAL_E_NONE);
}

static void the_port_is_the_one_asked_for_unless_said(void **state)
{
	uint16_t other = port == 65535 ? 65534 : (uint16_t)(port + 1);
	struct ip_port asked;

	(void)state;
	expect_dialled("internal 127.0.0.1:PORT", "127.0.0.1", "192.0.2.1", "127.0.0.1", port);
	asked = (struct ip_port){ .port = other };
	flow.log.to = asked; /* as if the rule published both */
	dial_start(&flow, on_server, EV_READ);
	assert_int_equal(flow.log.internal.port, port);
	sockets_close(flow_release(&flow, &flow.server));
	expect_dialled("internal 127.0.0.1", "127.0.0.1", "192.0.2.1", "127.0.0.1", port);
	flow.log.to = asked;
	dial_start(&flow, on_server, EV_READ);
	assert_int_equal(flow.log.internal.port, other);
	sockets_close(flow_release(&flow, &flow.server));
}

static void original_dials_what_was_asked_for_but_not_itself(void **state)
{
	struct ip other;

	(void)state;
	assert_int_equal(
		dial("internal original; client-address gateway", "127.0.0.1", "192.0.2.1"),
		DIAL_E_OWN); /* nobody told yet what is ours */
	assert_true(ip_parse(SPAN("192.0.2.1"), &other));
	assert_true(own_set(&proxy.own, span_of((const uint8_t *)&other, sizeof(other))));
	assert_int_equal(
		dial("internal original; client-address gateway", "127.0.0.1", "192.0.2.1"),
		DIAL_E_OWN);
	assert_int_equal(dial("internal original", "127.0.0.1", "127.0.0.1"), DIAL_E_OWN);
	assert_int_equal(dial_code(DIAL_E_OWN), CODE_SERVER_OWN);
	/* it may not come from there, so 192.0.2.2 is not asked for real */
	assert_int_equal(dial("internal original", "203.0.113.77", "192.0.2.2"), DIAL_E_NONE);
	assert_int_equal(flow.log.internal.ip.octets[3], 2);
	assert_int_equal(flow.log.internal.port, port);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(keep_dials_a_server_of_the_clients_family),
		TEST(keep_comes_from_the_clients_address),
		TEST(the_port_is_the_one_asked_for_unless_said),
		TEST(original_dials_what_was_asked_for_but_not_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
