/* SPDX-License-Identifier: ISC */
#include "test/unit/role_attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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
#include <time.h>
#include <unistd.h>

#define X32 0x40000000

struct belongings has;

/* ---- attempts ---- */

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
	return told(openat(has.root_dir, "etc/passwd", O_RDONLY));
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

	return told(bind(has.sock, (const struct sockaddr *)&to, sizeof(to)));
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
	return told(
		connect(has.sock, (const struct sockaddr *)&has.listening, sizeof(has.listening)));
}

static int listen_more(void)
{
	return told(listen(has.sock, 1));
}

static int option_nodelay(void)
{
	const int one = 1;

	return told(setsockopt(has.sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

static int option_transparent(void)
{
	const int one = 1;

	return told(setsockopt(has.sock, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)));
}

static int option_filter(void)
{
	return told(setsockopt(has.sock, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0));
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
	return told(fchdir(has.root_dir));
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

	if (epoll_ctl(has.loop, EPOLL_CTL_ADD, has.sock, &e) < 0)
		return errno;
	return told(epoll_wait(has.loop, &got, 1, 0));
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

	if (sendmsg(has.ends[0], &m, MSG_NOSIGNAL) != 1 ||
		recvmsg(has.ends[1], &m, MSG_CMSG_CLOEXEC) != 1)
		return errno;
	return 0;
}

static int several_messages(void)
{
	struct iovec part = { (char[1]){ 0 }, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	if (send(has.ends[0], "x", 1, 0) != 1)
		return errno;
	return recvmmsg(has.ends[1], &m, 1, MSG_DONTWAIT, NULL) == 1 ? 0 : errno;
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

/* ---- what has to come of them ---- */

#define KILLED (-SIGSYS)

static const struct attempt attempts[] = {
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

const struct attempt attempt_inet6 = { "socket(inet6)", socket_inet6,
	{ KILLED, KILLED, 0, 0, KILLED, 0, KILLED, KILLED, KILLED, KILLED } };
const struct attempt attempt_port = { "bind(2525)", bind_2525,
	{ KILLED, KILLED, KILLED, KILLED, EACCES, EACCES, KILLED, KILLED, KILLED, KILLED } };

const struct attempt *role_attempts(size_t *np)
{
	*np = sizeof(attempts) / sizeof(attempts[0]);
	return attempts;
}
