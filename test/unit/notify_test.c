/* SPDX-License-Identifier: ISC */
#include "proxy/house/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/unit/support.h"

/* A manager that listens at @name, "@..." or a path. */
static int listen_at(const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(sa.sun_path, name, strlen(name));
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (struct sockaddr *)&sa,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	return fd;
}

static const char *heard(int fd)
{
	static char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

static void expect_heard(const char *name)
{
	int fd = listen_at(name);
	struct notify n;

	setenv("NOTIFY_SOCKET", name, 1);
	notify_init(&n);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_say(&n, "READY=1\nSTATUS=generation %u", 42u);
	expect_str(heard(fd), "READY=1\nSTATUS=generation 42", name, "said");
	assert_null(heard(fd));
	notify_deinit(&n);
	notify_say(&n, "WATCHDOG=1"); /* to nobody */
	assert_null(heard(fd));
	close(fd);
}

static void a_path_or_an_abstract_name(void **state)
{
	char dir[] = "/tmp/postern-notify-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	expect_heard(path);
	unlink(path);
	rmdir(dir);
	snprintf(path, sizeof(path), "@postern-notify-%d", getpid());
	expect_heard(path);
}

static void names_that_are_none(void **state)
{
	char longest[200];
	const char *const names[] = { "", "/", "@", "relative", "vsock:2:1", "/nowhere/socket",
		longest };

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct notify n;

		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_init(&n);
		assert_int_equal(n.socket, -1);
		assert_null(getenv("NOTIFY_SOCKET"));
		notify_say(&n, "READY=1");
		notify_deinit(&n);
	}
}

static void a_long_text_is_cut_and_nothing_waits(void **state)
{
	char name[64], longer[1000];
	struct notify n;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@postern-notify-%d", getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_init(&n);
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	notify_say(&n, "STATUS=%s", longer);
	assert_int_equal(strlen(heard(fd)), 511);
	for (int i = 0; i < 2000; i++) /* nobody reads */
		notify_say(&n, "WATCHDOG=1");
	close(fd);
	notify_say(&n, "WATCHDOG=1"); /* the manager is gone */
	notify_deinit(&n);
}

static void the_watchdog(void **state)
{
	char ours[16];
	const struct {
		const char *usec, *pid;
		uint32_t ms;
	} cases[] = {
		{ NULL, NULL, 0 },
		{ "30000000", NULL, 10000 },
		{ "30000000", ours, 10000 },
		{ "30000000", "1", 0 }, /* another process is meant */
		{ "30000000", "x", 0 },
		{ "3000000", ours, 1000 },
		{ "7200000000", ours, 2400000 },
		{ "86400000000", ours, 3600000 },
		{ "18446744073709551615", ours, 3600000 },
		{ "99999999999999999999", ours, 0 },
		{ "0", ours, 0 },
		{ "2999", ours, 0 },
		{ "-1", ours, 0 },
		{ "", ours, 0 },
	};

	(void)state;
	snprintf(ours, sizeof(ours), "%d", getpid());
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct notify n;

		unsetenv("WATCHDOG_PID");
		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", cases[i].pid, 1);
		notify_init(&n);
		if (n.watchdog_ms != cases[i].ms)
			fail_msg("%zu: %u", i, n.watchdog_ms);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		notify_deinit(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_or_an_abstract_name),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(a_long_text_is_cut_and_nothing_waits),
		cmocka_unit_test(the_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
