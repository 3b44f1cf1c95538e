/* SPDX-License-Identifier: ISC */
/*
 * Each role enters its place in a child and tries there what it may and what it may not. As root
 * both kinds of place, as another user only the second.
 */
#include "base/role.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/role_attempts.h"
#include "test/unit/support.h"

#define NOBODY   65534
#define NOT_OURS 200 /* exit code of a child that did not even begin */

static char folder[] = "/tmp/postern-role-XXXXXX";

/* ---- who tries ---- */

static const enum role_id column_role[COLUMNS] = { ROLE_LOG, ROLE_LOG, ROLE_SOCKET, ROLE_SOCKET,
	ROLE_PROXY, ROLE_PROXY, ROLE_GATE, ROLE_GATE, ROLE_VERDICT, ROLE_VERDICT };

static bool by_root(enum column c)
{
	return c == LOG_R || c == SOCKET_R || c == PROXY_R || c == GATE_R || c == VERDICT_R;
}

static long landlock_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

/* ---- children ---- */

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* An unlinked empty folder. */
static int open_nothing(void)
{
	char path[] = "/tmp/postern-empty-XXXXXX";
	int fd;

	if (!mkdtemp(path))
		return -1;
	fd = open_dir(path);
	return rmdir(path) < 0 ? -1 : fd;
}

static bool become_nobody(void)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static struct role_place place_of(enum column c)
{
	struct role_place place = { .folder = -1, .required = true };

	if (column_role[c] == ROLE_LOG)
		place.folder = dup(has.log_dir);
	if (!by_root(c))
		return place;
	if (place.folder < 0)
		place.folder = open_nothing();
	place.as_root = true;
	place.uid = NOBODY;
	place.gid = NOBODY;
	return place;
}

/* In a child: confined as @c says, or an exit code that no attempt has. */
static void enter_or_end(enum column c)
{
	const struct role_place place = place_of(c);
	unsigned layers;

	has.sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	has.loop = epoll_create1(EPOLL_CLOEXEC);
	if (has.sock < 0 || has.loop < 0 || (!by_root(c) && !become_nobody()))
		_exit(NOT_OURS);
	close(has.log_dir);
	if (role_enter(column_role[c], &place, &layers) < 0 ||
		layers != role_layers_wanted(column_role[c], &place))
		_exit(NOT_OURS + 1);
}

/* Return: what ended the child: its exit code, or the signal as a negative number. */
static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int try(const struct attempt *a, enum column c)
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		enter_or_end(c);
		_exit(a->act());
	}
	return end_of(pid);
}

static bool column_runs(enum column c)
{
	return !by_root(c) || geteuid() == 0;
}

static void expect_attempt(const struct attempt *a)
{
	for (enum column c = 0; c < COLUMNS; c++) {
		const int got = column_runs(c) ? try(a, c) : a->want[c];

		if (got != a->want[c])
			fail_msg("%s, %s%s: %s gave %d, not %d", a->name,
				role_program(column_role[c]), by_root(c) ? " started by root" : "",
				got < 0 ? "signal" : "errno", got, a->want[c]);
	}
}

static void each_role_may_what_its_rows_say(void **state)
{
	const struct attempt *attempts;
	size_t n;

	(void)state;
	attempts = role_attempts(&n);
	for (size_t i = 0; i < n; i++)
		expect_attempt(&attempts[i]);
	if (access("/proc/net/if_inet6", F_OK) == 0)
		expect_attempt(&attempt_inet6);
	if (landlock_version() >= 4)
		expect_attempt(&attempt_port);
}

/* ---- what the kernel says of a role ---- */

static char *status_of(pid_t pid)
{
	static char text[8192];
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void expect_line(const char *status, const char *line, enum column c)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(status, whole))
		fail_msg("%s: no line \"%s\" in\n%s", role_program(column_role[c]), line, status);
}

/* Confined, then it waits for its standard input's end. */
static pid_t begin_waiting(enum column c, int *endp)
{
	int inward[2], ready[2];
	char octet;
	pid_t pid;

	assert_int_equal(pipe2(inward, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(inward[1]);
		enter_or_end(c);
		/* not by read(2), which not every role may */
		_exit(write(ready[1], "r", 1) != 1 ||
			poll(&(struct pollfd){ .fd = inward[0] }, 1, -1) != 1);
	}
	close(inward[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	*endp = inward[1];
	return pid;
}

static void expect_status(enum column c)
{
	static const char *const lines[] = { "CapInh:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2" };
	const char *caps = c == SOCKET_R    ? "0000000000002000"
			   : c == VERDICT_R ? "0000000000001000"
					    : "0000000000000000";
	char line[64], *status;
	int end;
	const pid_t pid = begin_waiting(c, &end);

	status = status_of(pid);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		expect_line(status, lines[i], c);
	snprintf(line, sizeof(line), "CapPrm:\t%s", caps);
	expect_line(status, line, c);
	snprintf(line, sizeof(line), "CapEff:\t%s", caps);
	expect_line(status, line, c);
	if (by_root(c)) {
		expect_line(status, "Uid:\t65534\t65534\t65534\t65534", c);
		expect_line(status, "Gid:\t65534\t65534\t65534\t65534", c);
		expect_line(status, "Groups:\t ", c);
		expect_line(status, "CapBnd:\t0000000000000000", c);
	}
	close(end);
	assert_int_equal(end_of(pid), 0);
}

static void the_kernel_agrees(void **state)
{
	(void)state;
	for (enum column c = 0; c < COLUMNS; c++)
		if (column_runs(c))
			expect_status(c);
}

/* ---- what cannot be had ---- */

/* Not root, but told to enter as if root had started it. */
static int enter_without_rights(bool required)
{
	struct role_place place = { true, NOBODY, NOBODY, -1, required };
	unsigned layers = 0;
	int r;

	if (!become_nobody())
		return NOT_OURS;
	place.folder = open_nothing();
	r = role_enter(ROLE_PROXY, &place, &layers);
	if (required)
		return r < 0 && layers == 0 ? 0 : 1;
	return r == 0 && !(layers & ROLE_LAYER_BIT(ROLE_LAYER_ROOT)) &&
			       layers & ROLE_LAYER_BIT(ROLE_LAYER_SECCOMP)
		       ? 0
		       : 2;
}

static void what_cannot_be_had_ends_the_role_where_required(void **state)
{
	(void)state;
	for (int required = 0; required <= 1; required++) {
		const pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(enter_without_rights(required));
		assert_int_equal(end_of(pid), 0);
	}
}

/* ---- posternd, and a role it executes ---- */

/* What posternd must still be able to do, and what not. 0, or the number of what went wrong. */
static int as_posternd(void)
{
	const int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_in low = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f0000fe), /* an address nobody else listens on */
		.sin_port = htons(25) };

	if (bind(s, (struct sockaddr *)&low, sizeof(low)) < 0)
		return 1;
	if (setsockopt(s, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) < 0)
		return 2;
	if (chown(folder, NOBODY, NOBODY) < 0)
		return 3;
	if (sethostname("x", 1) == 0 || mount("none", "/", "tmpfs", 0, NULL) == 0)
		return 4;
	close(s);
	return 0;
}

static int posternd_executes(void)
{
	const struct role_place own = { .folder = -1, .required = true };
	struct role_place place = { true, NOBODY, NOBODY, 0, true };
	uint8_t text[64];
	unsigned layers;
	struct out o;
	int r;

	if (role_enter(ROLE_POSTERND, &own, &layers) < 0 ||
		layers != role_layers_wanted(ROLE_POSTERND, &own))
		return 100;
	r = as_posternd();
	if (r)
		return r;
	place.folder = dup(open_nothing()); /* to be open still behind the exec */
	out_init(&o, text, sizeof(text));
	role_place_print(&o, &place);
	execl("/proc/self/exe", "role_test", out_cstr(&o), NULL);
	return 101;
}

/* The executed program. */
static int executed(const char *text)
{
	struct role_place place;
	unsigned layers;
	const int one = 1;
	int s;

	if (!role_place_parse(span_str(text), &place) ||
		role_enter(ROLE_SOCKET, &place, &layers) < 0 ||
		layers != role_layers_wanted(ROLE_SOCKET, &place))
		return 102;
	s = socket(AF_INET, SOCK_STREAM, 0);
	return setsockopt(s, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) < 0 ? 103 : 0;
}

static void posternd_keeps_what_starting_a_role_takes(void **state)
{
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		puts("skipped: needs root");
		return;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(posternd_executes());
	assert_int_equal(end_of(pid), 0);
}

/* ---- before and after all ---- */

static int open_sockets(void)
{
	socklen_t n = sizeof(has.listening);

	has.listening = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	has.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (has.listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, has.ends) < 0)
		return -1;
	if (bind(has.listener, (struct sockaddr *)&has.listening, n) < 0 ||
		listen(has.listener, 64) < 0)
		return -1;
	return getsockname(has.listener, (struct sockaddr *)&has.listening, &n);
}

static int begin(void **state)
{
	(void)state;
	has.root_dir = open_dir("/");
	if (!mkdtemp(folder) || (has.log_dir = open_dir(folder)) < 0 || has.root_dir < 0)
		return -1;
	if (geteuid() == 0 && fchown(has.log_dir, NOBODY, NOBODY) < 0)
		return -1;
	if (geteuid() != 0)
		puts("not root: places of root are skipped");
	return open_sockets();
}

static int end(void **state)
{
	(void)state;
	unlinkat(has.log_dir, "log.json", 0);
	return rmdir(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_may_what_its_rows_say),
		cmocka_unit_test(the_kernel_agrees),
		cmocka_unit_test(what_cannot_be_had_ends_the_role_where_required),
		cmocka_unit_test(posternd_keeps_what_starting_a_role_takes),
	};

	if (argc == 2)
		return executed(argv[1]);
	return cmocka_run_group_tests(tests, begin, end);
}
