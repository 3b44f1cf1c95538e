/* SPDX-License-Identifier: ISC */
/*
 * The role that executes the system's programs: postern-kernel enters its place in a child and
 * tries there what it and they may and may not. As root, where no kernel layer is missing.
 */
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/support.h"

#define NOBODY   65534
#define NOT_OURS 200

static int told(long r)
{
	return r < 0 ? errno : 0;
}

/* A program, and its exit code. */
static int run(const char *path)
{
	const pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int run_true(void)
{
	return run("/bin/true");
}

/* The capabilities are a program's, too: 12 is CAP_NET_ADMIN, 13 CAP_NET_RAW. */
static int capabilities_of_a_program(void)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/grep", "grep", "-q", "^CapEff:.0000000000003000$", "/proc/self/status",
			(char *)NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int read_library(void)
{
	return told(open("/usr/lib", O_RDONLY | O_DIRECTORY));
}

static int read_protocols(void)
{
	return told(open("/etc/passwd", O_RDONLY));
}

static int read_shadow(void)
{
	return told(open("/etc/shadow", O_RDONLY));
}

static int read_root(void)
{
	return told(open("/", O_RDONLY | O_DIRECTORY));
}

static int read_var(void)
{
	return told(open("/var/lib", O_RDONLY | O_DIRECTORY));
}

static int write_tmp(void)
{
	return told(open("/tmp/postern-kernel-was-here", O_WRONLY | O_CREAT, 0600));
}

static int write_here(void)
{
	return told(open("here", O_WRONLY | O_CREAT, 0600));
}

static int lock_of_legacy(void)
{
	return told(open("/run/xtables.lock", O_RDONLY | O_CREAT, 0600));
}

static int write_setting(void)
{
	return told(open("/proc/sys/net/ipv4/ip_forward", O_WRONLY));
}

static int write_setting_again(void)
{
	for (int i = 0; i < 3; i++)
		if (write_setting() != 0)
			return errno;
	return told(open("/proc/sys/net/ipv6/conf/all/forwarding", O_WRONLY));
}

static int write_core_pattern(void)
{
	return told(open("/proc/sys/kernel/core_pattern", O_WRONLY));
}

static int execute_own(void)
{
	return run("/proc/self/exe");
}

static int socket_of(int family, int type, int protocol)
{
	return told(socket(family, type, protocol));
}

static int socket_netlink(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW, 12);
}

static int socket_raw(void)
{
	return socket_of(AF_INET, SOCK_RAW, 255);
}

static int socket_packet(void)
{
	return socket_of(AF_PACKET, SOCK_RAW, 0);
}

static int socket_alg(void)
{
	return socket_of(38, SOCK_SEQPACKET, 0);
}

static int socket_vsock(void)
{
	return socket_of(40, SOCK_STREAM, 0);
}

static int listening(void)
{
	const int s = socket(AF_INET, SOCK_STREAM, 0);

	return s < 0 ? errno : told(listen(s, 1));
}

static int connecting(void)
{
	const struct sockaddr to = { .sa_family = AF_INET, .sa_data = { 0, 25, 127, 0, 0, 1 } };
	const int s = socket(AF_INET, SOCK_STREAM, 0);

	return s < 0 ? errno : told(connect(s, &to, 16));
}

static int trace(void)
{
	return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int signal_parent(void)
{
	return told(kill(getppid(), 0));
}

static int uring(void)
{
	return told(syscall(SYS_io_uring_setup, 1, NULL));
}

static int program_of_the_kernel(void)
{
	return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int module(void)
{
	return told(syscall(SYS_init_module, NULL, 0, ""));
}

static int mounting(void)
{
	return told(mount("none", "/", "tmpfs", 0, NULL));
}

static int another_root(void)
{
	return told(chroot("."));
}

static int new_namespace(void)
{
	return told(unshare(CLONE_NEWUSER));
}

static int clone_namespace(void)
{
	return told(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}

static int clone_3(void)
{
	return told(syscall(SYS_clone3, NULL, 0));
}

static int written_code(void)
{
	void *p = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int become_root(void)
{
	return told(setuid(0));
}

static int change_mode(void)
{
	return told(chmod("/etc/passwd", 0644));
}

static int raise_one(void)
{
	return told(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
}

static const struct attempt {
	const char *name;
	int (*act)(void);
	int want;
} attempts[] = {
	/* what iptables and ip do */
	{ "a program", run_true, 0 },
	{ "its capabilities", capabilities_of_a_program, 0 },
	{ "/usr/lib", read_library, 0 },
	{ "/etc/passwd", read_protocols, 0 },
	{ "a setting of the network", write_setting, 0 },
	{ "and again", write_setting_again, 0 },
	{ "socket(netlink)", socket_netlink, 0 },
	{ "socket(raw)", socket_raw, 0 },
	/* what they have no reason to */
	{ "/etc/shadow", read_shadow, EACCES },
	{ "/", read_root, EACCES },
	{ "/var/lib", read_var, EACCES },
	{ "a file in /tmp", write_tmp, EACCES },
	{ "a file where it stands", write_here, EACCES },
	{ "the lock of iptables-legacy", lock_of_legacy, EACCES },
	{ "core_pattern", write_core_pattern, EACCES },
	{ "a program elsewhere", execute_own, EACCES },
	{ "socket(packet)", socket_packet, EPERM },
	{ "socket(alg)", socket_alg, EPERM },
	{ "socket(vsock)", socket_vsock, EPERM },
	{ "listen", listening, EPERM },
	{ "ptrace", trace, EPERM },
	{ "io_uring_setup", uring, EPERM },
	{ "bpf", program_of_the_kernel, EPERM },
	{ "init_module", module, EPERM },
	{ "mount", mounting, EPERM },
	{ "chroot", another_root, EPERM },
	{ "unshare", new_namespace, EPERM },
	{ "clone into a namespace", clone_namespace, EPERM },
	{ "clone3", clone_3, ENOSYS },
	{ "code that is written", written_code, EPERM },
	{ "setuid(0)", become_root, EPERM },
	{ "chmod", change_mode, EPERM },
	{ "an ambient capability", raise_one, EPERM },
};

/* What an older Landlock does not know. */
static const struct attempt of_landlock_4 = { "connect", connecting, EACCES };
static const struct attempt of_landlock_6 = { "kill(parent)", signal_parent, EPERM };

/* ---- children ---- */

static int open_nothing(void)
{
	char path[] = "/tmp/postern-empty-XXXXXX";
	int fd;

	if (!mkdtemp(path))
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return rmdir(path) < 0 ? -1 : fd;
}

static int try(const struct attempt *a)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		const struct role_place place = { true, NOBODY, NOBODY, open_nothing(), true };
		unsigned layers;

		if (role_enter(ROLE_KERNEL, &place, &layers) < 0 ||
			layers != role_layers_wanted(ROLE_KERNEL, &place))
			_exit(NOT_OURS);
		_exit(a->act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect(const struct attempt *a)
{
	const int got = try(a);

	if (got != a->want)
		fail_msg("%s gave %d, not %d", a->name, got, a->want);
}

static void it_may_what_programs_need_and_no_more(void **state)
{
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	(void)state;
	if (geteuid() != 0 || version < 1)
		skip();
	for (size_t i = 0; i < COUNT_OF(attempts); i++)
		expect(&attempts[i]);
	if (version >= 4)
		expect(&of_landlock_4);
	if (version >= 6)
		expect(&of_landlock_6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_may_what_programs_need_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
