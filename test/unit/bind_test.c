/* SPDX-License-Identifier: ISC */
#include "proxy/house/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/roles.h"
#include "test/unit/rules_of.h"

static char why[1024];

static void make_rules(struct rules_of *r, const char *first, const char *second, const char *host)
{
	static char text[2048];
	struct source sources[2];

	snprintf(text, sizeof(text),
		"version 1\n"
		"publish p {\n"
		"    external %s\n"
		"    internal 10.0.0.1:25\n"
		"    pass\n"
		"}\n"
		"publish q {\n"
		"    external %s\n"
		"    internal 10.0.0.1:25\n"
		"    from 192.0.2.0/24\n"
		"    pass\n"
		"}\n",
		first, second);
	sources[0] = (struct source){
		.kind = SOURCE_RULES, .name = "rules.conf", .text = span_str(text)
	};
	sources[1] = (struct source){
		.kind = SOURCE_HOST, .name = "postern.conf", .text = span_str(host)
	};
	rules_of_sources(r, sources, 2);
	if (!r->rs)
		fail_msg("%s", r->diags.first->text);
}

static int bind_rules(struct binds *b, const char *first, const char *second, const char *host,
	unsigned workers, const struct binds *old)
{
	struct rules_of r;
	struct out o;
	int exit;

	make_rules(&r, first, second, host);
	out_init(&o, why, sizeof(why));
	exit = bind_all(b, r.rs, NULL, workers, old, &o);
	out_cstr(&o);
	rules_of_deinit(&r);
	return exit;
}

/* A port of 127.0.0.1 that is free. */
static const char *free_place(void)
{
	static char places[4][32];
	static unsigned next;
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char *place = places[next++ % 4];

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
	getsockname(fd, (struct sockaddr *)&sa, &n);
	close(fd);
	snprintf(place, sizeof(places[0]), "127.0.0.1:%u", ntohs(sa.sin_port));
	return place;
}

static bool is_same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static unsigned count_worker(const struct binds *b, unsigned worker)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->sockets[i].worker == worker;
	return n;
}

static void expect_listening(const struct binds *b)
{
	for (size_t i = 0; i < b->n; i++) {
		int is = 0;
		socklen_t n = sizeof(is);

		assert_int_equal(
			getsockopt(b->sockets[i].fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &n), 0);
		assert_true(is);
		assert_int_equal(fcntl(b->sockets[i].fd, F_GETFD), FD_CLOEXEC);
	}
}

static void each_worker_gets_one_of_each_address(void **state)
{
	const char *first = free_place(), *second = free_place();
	struct binds b;

	(void)state;
	assert_int_equal(bind_rules(&b, first, second, "version 1\n", 3, NULL), 0);
	assert_int_equal(b.n, 6);
	for (unsigned w = 0; w < 3; w++)
		assert_int_equal(count_worker(&b, w), 2);
	expect_listening(&b);
	bind_free(&b);
	bind_free(&b); /* empty by now */

	assert_int_equal(bind_rules(&b, first, first, "version 1\n", 3, NULL), 0);
	assert_int_equal(b.n, 3); /* two rules, one address */
	bind_free(&b);
}

static void sockets_are_inherited_and_workers_come_and_go(void **state)
{
	static const unsigned workers[] = { 2, 5, 1, 3 };
	const char *place = free_place();
	struct binds old = { 0 }, b;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(workers); i++) {
		assert_int_equal(
			bind_rules(&b, place, place, "version 1\n", workers[i], i ? &old : NULL),
			0);
		n = n > workers[i] ? n : workers[i]; /* none is lost: clients may wait in it */
		assert_int_equal(b.n, n);
		for (size_t j = 0; j < old.n; j++)
			assert_true(is_same_socket(b.sockets[j].fd, old.sockets[j].fd));
		for (unsigned w = 0; w < workers[i]; w++)
			assert_true(count_worker(&b, w) >= n / workers[i]);
		expect_listening(&b);
		bind_free(&old);
		expect_listening(&b);
		old = b;
	}
	bind_free(&old);
}

static void another_kind_is_not_inherited(void **state)
{
	char host[128], all[32];
	const char *place = free_place(), *other = free_place();
	struct binds old, b;

	(void)state;
	snprintf(host, sizeof(host), "version 1\nmode external\nintercept redirect port %s\n",
		place + 10);
	snprintf(all, sizeof(all), "0.0.0.0:%s", place + 10);
	assert_int_equal(bind_rules(&old, all, all, "version 1\n", 2, NULL), 0);
	assert_int_equal(old.sockets[0].kind, LISTEN_DIRECT);
	if (bind_rules(&b, other, other, host, 2, &old) != 0)
		fail_msg("%s", why);
	assert_in_range(b.n, 2, 4); /* 4 where there is IPv6 */
	for (size_t i = 0; i < b.n; i++) {
		assert_int_equal(b.sockets[i].kind, LISTEN_REDIRECT);
		assert_int_equal(b.sockets[i].addr.port, old.sockets[0].addr.port);
		assert_false(is_same_socket(b.sockets[i].fd, old.sockets[0].fd));
	}
	bind_free(&b);
	bind_free(&old);
}

/* One reload from an address to all addresses, and back: both are ours. */
static void an_address_and_all_addresses(void **state)
{
	const char *place = free_place();
	struct binds one, all, both;
	char any[32];

	(void)state;
	snprintf(any, sizeof(any), "0.0.0.0:%s", place + 10);
	assert_int_equal(bind_rules(&one, place, place, "version 1\n", 2, NULL), 0);
	if (bind_rules(&all, any, any, "version 1\n", 2, &one) != 0)
		fail_msg("%s", why);
	bind_free(&one);
	if (bind_rules(&one, place, place, "version 1\n", 2, &all) != 0)
		fail_msg("%s", why);
	bind_free(&all);
	bind_free(&one);
	if (bind_rules(&both, place, any, "version 1\n", 2, NULL) != 0)
		fail_msg("%s", why);
	bind_free(&both);
}

static void expect_refused(int exit, int want, const char *const words[])
{
	if (exit != want)
		fail_msg("exit %d: %s", exit, why);
	for (; *words; words++)
		if (!strstr(why, *words))
			fail_msg("\"%s\" is missing: %s", *words, why);
}

static void what_cannot_be_had_is_told_with_its_place(void **state)
{
	const char *place = free_place(), *other = free_place();
	struct binds taken, b;

	(void)state;
	assert_int_equal(bind_rules(&taken, place, place, "version 1\n", 1, NULL), 0);
	expect_refused(bind_rules(&b, other, place, "version 1\n", 2, NULL), EXIT_UNAVAILABLE,
		(const char *[]){ "rules.conf:8: ", place, "another program listens there", NULL });
	assert_int_equal(b.n, 0);
	assert_null(b.sockets);
	bind_free(&taken);
	/* those that were made before the failure are gone */
	assert_int_equal(bind_rules(&b, other, place, "version 1\n", 1, NULL), 0);
	bind_free(&b);

	expect_refused(bind_rules(&b, "192.0.2.1:2525", place, "version 1\n", 1, NULL),
		EXIT_UNAVAILABLE,
		(const char *[]){ "rules.conf:3: ", "192.0.2.1:2525",
			"this host has no such address", NULL });
}

/* Two of the same user must not share a port by accident. */
static void a_second_house_is_refused(void **state)
{
	const char *place = free_place();
	struct binds first, second;

	(void)state;
	assert_int_equal(bind_rules(&first, place, place, "version 1\n", 4, NULL), 0);
	assert_int_equal(
		bind_rules(&second, place, place, "version 1\n", 4, NULL), EXIT_UNAVAILABLE);
	bind_free(&first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_worker_gets_one_of_each_address),
		cmocka_unit_test(sockets_are_inherited_and_workers_come_and_go),
		cmocka_unit_test(another_kind_is_not_inherited),
		cmocka_unit_test(an_address_and_all_addresses),
		cmocka_unit_test(what_cannot_be_had_is_told_with_its_place),
		cmocka_unit_test(a_second_house_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
