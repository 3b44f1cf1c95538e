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
#include <linux/capability.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/support.h"

#define NOBODY   65534
#define NOT_OURS 200 /* exit code of a child that did not even begin */
#define X32      0x40000000

/* What a role has open; the first two are its own. */
static int sock, loop;
static int listener, root_dir, log_dir, ends[2];
static struct sockaddr_in listening;
static char folder[] = "/tmp/postern-role-XXXXXX";

/* ---- attempts: 0, or errno ---- */

static int told(long r)
{
	return r < 0 ? errno : 0;
}

static int open_passwd(void)
{
	return told(open("/etc/passwd", O_RDONLY));
}

static int open_by_descriptor(void)
{
	return told(openat(root_dir, "etc/passwd", O_RDONLY));
}

static int make_file(void)
{
	int fd = open("log.json", O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0640);

	if (fd < 0 || write(fd, "{}\n", 3) != 3 || ftruncate(fd, 1) < 0 || fsync(fd) < 0)
		return errno;
	return 0;
}

static int open_above(void)
{
	return told(open("../../etc/passwd", O_RDONLY));
}

static int make_folder(void)
{
	return told(mkdir("d", 0700));
}

static int remove_file(void)
{
	return told(unlink("log.json"));
}

static int list_folder(void)
{
	return told(open(".", O_RDONLY | O_DIRECTORY));
}

static int socket_inet(void)
{
	return told(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int socket_inet6(void)
{
	return told(socket(AF_INET6, SOCK_STREAM, 0));
}

static int socket_datagram(void)
{
	return told(socket(AF_INET, SOCK_DGRAM, 0));
}

static int socket_raw(void)
{
	return told(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int socket_sctp(void)
{
	return told(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
}

static int socket_packet(void)
{
	return told(socket(AF_PACKET, SOCK_RAW, 0));
}

static int socket_unix(void)
{
	return told(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int socket_netlink(void)
{
	return told(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int bind_to(uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port) };

	return told(bind(sock, (const struct sockaddr *)&to, sizeof(to)));
}

static int bind_25(void)
{
	return bind_to(25);
}

static int bind_2525(void)
{
	return bind_to(2525);
}

static int bind_any(void)
{
	return bind_to(0);
}

static int connect_out(void)
{
	return told(connect(sock, (const struct sockaddr *)&listening, sizeof(listening)));
}

static int listen_more(void)
{
	return told(listen(sock, 1));
}

static int option_nodelay(void)
{
	const int one = 1;

	return told(setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

static int option_transparent(void)
{
	const int one = 1;

	return told(setsockopt(sock, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)));
}

static int option_filter(void)
{
	return told(setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0));
}

static int execute(void)
{
	char *none[] = { NULL };

	return told(execve("/bin/true", none, none));
}

static int trace(void)
{
	return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int signal_parent(void)
{
	return told(kill(getppid(), 0));
}

static int signal_other(void)
{
	return told(syscall(SYS_tgkill, 1, 1, 0));
}

static int uring(void)
{
	return told(syscall(SYS_io_uring_setup, 1, NULL));
}

static int code_mapped(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int code_made(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : told(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int mount_something(void)
{
	return told(mount("none", "/", "tmpfs", 0, NULL));
}

static int another_root(void)
{
	return told(chroot("."));
}

static int leave_by_descriptor(void)
{
	return told(fchdir(root_dir));
}

static int new_namespace(void)
{
	return told(unshare(CLONE_NEWUSER));
}

static int new_process(void)
{
	return told(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}

static int new_process_3(void)
{
	return told(syscall(SYS_clone3, NULL, 0));
}

static int become_root(void)
{
	return told(setuid(0));
}

static int dump_again(void)
{
	return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int other_numbers(void)
{
	return told(syscall(SYS_getpid | X32));
}

static int drop_the_ball(void)
{
	abort();
}

static int wait_for_events(void)
{
	struct epoll_event e = { .events = EPOLLOUT };
	struct epoll_event got;

	if (epoll_ctl(loop, EPOLL_CTL_ADD, sock, &e) < 0)
		return errno;
	return told(epoll_wait(loop, &got, 1, 0));
}

static int carry_by_pipe(void)
{
	int one[2], other[2];

	if (pipe2(one, O_NONBLOCK | O_CLOEXEC) < 0 || pipe2(other, O_CLOEXEC) < 0)
		return errno;
	if (fcntl(one[1], F_SETPIPE_SZ, 65536) < 0 || write(one[1], "x", 1) != 1)
		return errno;
	return told(splice(one[0], NULL, other[1], NULL, 1, SPLICE_F_MOVE));
}

static int hand_on_memory(void)
{
	const int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	if (fd < 0 || write(fd, "x", 1) != 1 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0)
		return errno;
	if (fcntl(fd, F_GET_SEALS) != F_SEAL_WRITE || fstat(fd, &st) < 0)
		return errno;
	return mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

static int messages(void)
{
	struct iovec part = { (char[1]){ 0 }, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (sendmsg(ends[0], &m, MSG_NOSIGNAL) != 1 || recvmsg(ends[1], &m, MSG_CMSG_CLOEXEC) != 1)
		return errno;
	return 0;
}

static int several_messages(void)
{
	struct iovec part = { (char[1]){ 0 }, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	if (send(ends[0], "x", 1, 0) != 1)
		return errno;
	return recvmmsg(ends[1], &m, 1, MSG_DONTWAIT, NULL) == 1 ? 0 : errno;
}

static int library(void)
{
	const struct timespec soon = { 0, 1000 };
	void *large = malloc(1 << 22), *p;
	unsigned char seed;

	if (!large || !(p = realloc(large, 1 << 23)))
		return ENOMEM;
	free(p);
	if (getentropy(&seed, 1) < 0 || nanosleep(&soon, NULL) < 0)
		return errno;
	fprintf(stderr, "%s", "");
	signal(SIGPIPE, SIG_IGN);
	return told(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

/* ---- who tries what ---- */

enum column { /* _R: started by root */
	LOG_R,
	LOG,
	SOCKET_R,
	SOCKET,
	PROXY_R,
	PROXY,
	GATE_R,
	GATE,
	VERDICT_R,
	VERDICT,
	COLUMNS
};

static const enum role_id column_role[COLUMNS] = { ROLE_LOG, ROLE_LOG, ROLE_SOCKET, ROLE_SOCKET,
	ROLE_PROXY, ROLE_PROXY, ROLE_GATE, ROLE_GATE, ROLE_VERDICT, ROLE_VERDICT };

static bool by_root(enum column c)
{
	return c == LOG_R || c == SOCKET_R || c == PROXY_R || c == GATE_R || c == VERDICT_R;
}

#define KILLED (-SIGSYS) /* 0: works; else errno or a signal */

static const struct attempt {
	const char *name;
	int (*act)(void);
	int want[COLUMNS];
} attempts[] = {
	/* clang-format off */
	{ "open(/etc/passwd)",       open_passwd,         { ENOENT, EACCES, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "open by a descriptor",    open_by_descriptor,  { EACCES, EACCES, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "a file in the folder",    make_file,           { 0, 0, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "open(..)",                open_above,          { ENOENT, EACCES, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "opendir(.)",              list_folder,         { EACCES, EACCES, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "mkdir",                   make_folder,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "unlink",                  remove_file,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(inet)",            socket_inet,         { KILLED, KILLED, 0, 0, KILLED, 0, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(inet, datagram)",  socket_datagram,     { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(inet, raw)",       socket_raw,          { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(inet, SCTP)",      socket_sctp,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(packet)",          socket_packet,       { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(unix)",            socket_unix,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "socket(netlink)",         socket_netlink,      { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "bind(25)",                bind_25,             { KILLED, KILLED, KILLED, KILLED, EACCES, EACCES, KILLED, KILLED, KILLED, KILLED } },
	{ "bind(0)",                 bind_any,            { KILLED, KILLED, KILLED, KILLED, 0, 0, KILLED, KILLED, KILLED, KILLED } },
	{ "connect",                 connect_out,         { KILLED, KILLED, KILLED, KILLED, 0, 0, KILLED, KILLED, KILLED, KILLED } },
	{ "listen",                  listen_more,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "TCP_NODELAY",             option_nodelay,      { KILLED, KILLED, 0, 0, 0, 0, KILLED, KILLED, KILLED, KILLED } },
	{ "IP_TRANSPARENT",          option_transparent,  { KILLED, KILLED, 0, EPERM, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "SO_ATTACH_FILTER",        option_filter,       { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "execve",                  execute,             { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "ptrace",                  trace,               { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "kill(parent)",            signal_parent,       { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "tgkill(1)",               signal_other,        { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "io_uring_setup",          uring,               { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "mmap of code",            code_mapped,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "mprotect to code",        code_made,           { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "mount",                   mount_something,     { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "chroot",                  another_root,        { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "fchdir to the old root",  leave_by_descriptor, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "unshare",                 new_namespace,       { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "clone",                   new_process,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "clone3",                  new_process_3,       { ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS } },
	{ "setuid(0)",               become_root,         { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "PR_SET_DUMPABLE",         dump_again,          { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "other architecture",      other_numbers,       { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "abort",                   drop_the_ball,       { -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT, -SIGABRT } },
	{ "epoll",                   wait_for_events,     { KILLED, KILLED, 0, 0, 0, 0, 0, 0, KILLED, KILLED } },
	{ "splice",                  carry_by_pipe,       { KILLED, KILLED, KILLED, KILLED, 0, 0, KILLED, KILLED, KILLED, KILLED } },
	{ "memfd",                   hand_on_memory,      { KILLED, KILLED, KILLED, KILLED, 0, 0, 0, 0, KILLED, KILLED } },
	{ "messages",                messages,            { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "several messages",        several_messages,    { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, 0, 0, KILLED, KILLED } },
	{ "C library",               library,             { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
	/* clang-format on */
};

/* IPv6, and what an older Landlock does not know, may be missing. */
static const struct attempt attempts_inet6 = { "socket(inet6)", socket_inet6,
	{ KILLED, KILLED, 0, 0, KILLED, 0, KILLED, KILLED, KILLED, KILLED } };
static const struct attempt attempts_port = { "bind(2525)", bind_2525,
	{ KILLED, KILLED, KILLED, KILLED, EACCES, EACCES, KILLED, KILLED, KILLED, KILLED } };

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
		place.folder = dup(log_dir);
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

	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (sock < 0 || loop < 0 || (!by_root(c) && !become_nobody()))
		_exit(NOT_OURS);
	close(log_dir);
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
	(void)state;
	for (size_t i = 0; i < COUNT_OF(attempts); i++)
		expect_attempt(&attempts[i]);
	if (access("/proc/net/if_inet6", F_OK) == 0)
		expect_attempt(&attempts_inet6);
	if (landlock_version() >= 4)
		expect_attempt(&attempts_port);
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
	socklen_t n = sizeof(listening);

	listening = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	if (bind(listener, (struct sockaddr *)&listening, n) < 0 || listen(listener, 64) < 0)
		return -1;
	return getsockname(listener, (struct sockaddr *)&listening, &n);
}

static int begin(void **state)
{
	(void)state;
	root_dir = open_dir("/");
	if (!mkdtemp(folder) || (log_dir = open_dir(folder)) < 0 || root_dir < 0)
		return -1;
	if (geteuid() == 0 && fchown(log_dir, NOBODY, NOBODY) < 0)
		return -1;
	if (geteuid() != 0)
		puts("not root: places of root are skipped");
	return open_sockets();
}

static int end(void **state)
{
	(void)state;
	unlinkat(log_dir, "log.json", 0);
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
