/* SPDX-License-Identifier: ISC */
#include "base/role_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/role_refused.h"
#include "base/role_row.h"

/* for whom */
#define LOG      (1u << ROLE_LOG)
#define SPARE    (1u << ROLE_SOCKET) /* makes sockets for the proxies to have in spare */
#define PROXY    (1u << ROLE_PROXY | 1u << ROLE_RELAY)
#define GATE     (1u << ROLE_GATE)
#define VERDICT  (1u << ROLE_VERDICT)
#define KEY      (1u << ROLE_KEY)
#define AUTH     (1u << ROLE_AUTH)
#define RESOLVE  (1u << ROLE_RESOLVE)
#define SERVANTS (KEY | AUTH | RESOLVE) /* of relays */
#define ROOTLESS (1u << ROLE_IDS)       /* a proxy that makes its own: not started by root */
#define ALL      (LOG | SPARE | PROXY | GATE | VERDICT | SERVANTS)

/* A row: a call, for whom, and on which conditions, all of which must hold. Rows of the same call
 * add to each other. */
struct allowed {
	int call;
	unsigned who;
	struct scmp_arg_cmp when[3];
};
/* clang-format off */
#define ANY(name, roles)      { .call = SCMP_SYS(name), .who = (roles) }
#define IF(name, roles, ...)  { .call = SCMP_SYS(name), .who = (roles), .when = { __VA_ARGS__ } }
#define IS(arg, value)           { (arg), SCMP_CMP_EQ, (value), 0 }
#define MASKED(arg, mask, value) { (arg), SCMP_CMP_MASKED_EQ, (mask), (value) }

#define NO_CODE             MASKED(2, PROT_EXEC, 0)
#define STREAM              MASKED(1, ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), SOCK_STREAM)
#define SOCKET(roles, family) IF(socket, roles, IS(0, family), STREAM, IS(2, 0))
/* as libunbound makes them */
#define SOCKET_DNS(roles, family) \
	IF(socket, roles, IS(0, family), IS(1, SOCK_DGRAM), IS(2, 0)), \
	IF(socket, roles, IS(0, family), IS(1, SOCK_STREAM), IS(2, IPPROTO_TCP))
#define SET(roles, level, option) IF(setsockopt, roles, IS(1, level), IS(2, option))
#define FCNTL(roles, command) \
	IF(fcntl, roles, IS(1, command)), IF(fcntl64, roles, IS(1, command))

static const struct allowed list[] = {
	/* what the C library does by itself: memory, time, locks, the end */
	ANY(brk, ALL),
	IF(mmap, ALL, NO_CODE),
	IF(mprotect, ALL, NO_CODE),
	ANY(munmap, ALL),
	ANY(mremap, ALL),
	ANY(madvise, ALL),
	ANY(clock_gettime, ALL), /* where the vDSO cannot tell the time */
	ANY(gettimeofday, ALL),
	ANY(time, ALL),
	ANY(nanosleep, ALL),
	ANY(clock_nanosleep, ALL),
	ANY(sched_yield, ALL),
	ANY(futex, ALL),
	ANY(getrandom, ALL),
	ANY(sysinfo, ALL), /* qsort(3) */
	ANY(rt_sigaction, ALL),
	ANY(rt_sigprocmask, ALL),
	ANY(rt_sigreturn, ALL),
	ANY(restart_syscall, ALL),
	ANY(getpid, ALL), /* abort(3), with tgkill() of ourselves below */
	ANY(gettid, ALL),
	ANY(exit, ALL),
	ANY(exit_group, ALL),
	IF(prctl, ALL, IS(0, PR_GET_SECCOMP)), /* reading back */

	/* waiting */
	ANY(poll, ALL),
	ANY(ppoll, ALL),
	ANY(epoll_wait, SPARE | PROXY | GATE | SERVANTS),
	ANY(epoll_pwait, SPARE | PROXY | GATE | SERVANTS),
	ANY(epoll_ctl, SPARE | PROXY | GATE | SERVANTS),
	ANY(epoll_create1, PROXY | GATE | SERVANTS), /* libev makes a new set where the old one tells of a descriptor
				      closed here and open elsewhere: a listener, after a reload */

	/* descriptors there are: octets, messages, standard error */
	ANY(read, ALL & ~VERDICT),
	ANY(readv, LOG | SPARE | PROXY),
	ANY(write, ALL),
	ANY(writev, ALL & ~VERDICT),
	ANY(recvfrom, ALL),
	ANY(recvmsg, ALL),
	ANY(recvmmsg, GATE),
	ANY(sendto, ALL),
	ANY(sendmsg, ALL),
	ANY(splice, PROXY),
	ANY(pipe2, PROXY),
	ANY(close, ALL),
	FCNTL(ALL, F_DUPFD_CLOEXEC),
	FCNTL(ALL, F_GETFD),
	FCNTL(ALL, F_SETFD),
	FCNTL(ALL, F_GETFL),
	FCNTL(ALL, F_SETFL),
	FCNTL(PROXY, F_SETPIPE_SZ),
	FCNTL(AUTH, F_SETLKW), /* of the lockouts, which two generations count */
	FCNTL(PROXY | GATE, F_ADD_SEALS), /* memory that is handed on, */
	FCNTL(PROXY | GATE | SERVANTS, F_GET_SEALS), /* memory that was handed in */
	ANY(memfd_create, PROXY | GATE),
	ANY(fstat, LOG | PROXY | GATE | SERVANTS),
	ANY(newfstatat, LOG | PROXY | GATE | SERVANTS), /* fstat(3) */
	ANY(statx, LOG | PROXY | GATE | SERVANTS), /* fstat(3) on newer architectures */

	/* files: in the log's folder, by Landlock */
	ANY(openat, LOG),
	ANY(pread64, LOG),
	ANY(pwrite64, LOG),
	ANY(lseek, LOG),
	ANY(ftruncate, LOG),
	ANY(fsync, LOG),
	ANY(fdatasync, LOG),

	/* sockets */
	ANY(accept4, PROXY),
	ANY(connect, PROXY | RESOLVE),
	ANY(bind, PROXY | RESOLVE), /* TCP: port 0 or not at all, by Landlock, which knows no UDP */
	ANY(shutdown, PROXY),
	ANY(getsockname, PROXY),
	ANY(getpeername, PROXY),
	ANY(getsockopt, SPARE | PROXY | RESOLVE),
	SOCKET(SPARE | ROOTLESS, AF_INET),
	SOCKET(SPARE | ROOTLESS, AF_INET6),
	SOCKET_DNS(RESOLVE, AF_INET),
	SOCKET_DNS(RESOLVE, AF_INET6),
	SET(SPARE | PROXY, IPPROTO_TCP, TCP_NODELAY),
	SET(SPARE | PROXY | RESOLVE, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	SET(PROXY, SOL_SOCKET, SO_LINGER), /* to end by a reset */
	SET(SPARE | PROXY, SOL_SOCKET, SO_SNDBUF),
	SET(SPARE, SOL_SOCKET, SO_MARK),
	SET(SPARE, IPPROTO_IP, IP_TRANSPARENT),
	SET(SPARE, IPPROTO_IPV6, IPV6_TRANSPARENT),
	SET(SPARE | RESOLVE, IPPROTO_IPV6, IPV6_V6ONLY),
	SET(RESOLVE, SOL_SOCKET, SO_REUSEADDR),
	SET(RESOLVE, IPPROTO_IP, IP_MTU_DISCOVER), /* no fragments: each could be another's */
	SET(RESOLVE, IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	SET(RESOLVE, IPPROTO_IPV6, IPV6_MTU),

	/* the same on 32-bit architectures */
	IF(mmap2, ALL, NO_CODE),
	ANY(clock_gettime64, ALL),
	ANY(clock_nanosleep_time64, ALL),
	ANY(futex_time64, ALL),
	ANY(sigreturn, ALL),
	ANY(ppoll_time64, ALL),
	ANY(recvmmsg_time64, GATE),
	ANY(fstat64, LOG | PROXY | GATE | SERVANTS),
	ANY(fstatat64, LOG | PROXY | GATE | SERVANTS),
	ANY(_llseek, LOG),
	ANY(ftruncate64, LOG),
};
/* clang-format on */

static int add(scmp_filter_ctx filter, const struct allowed *a)
{
	unsigned n = 0;

	while (n < 3 && a->when[n].op) /* no comparison has the number 0 */
		n++;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, a->call, n, a->when);
}

/* A C library that would make a thread falls back to clone(2), which a list can judge. */
static int add_rest(scmp_filter_ctx filter)
{
	const struct allowed ourselves = { SCMP_SYS(tgkill), 0, { IS(0, (uint64_t)getpid()) } };
	const int r = add(filter, &ourselves);

	return r ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int fill(scmp_filter_ctx filter, unsigned who)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0) /* role_enter() has set it */
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; r == 0 && i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i].who & who)
			r = add(filter, &list[i]);
	return r ? r : add_rest(filter);
}

static int enter_listed(enum role_id role, bool as_root)
{
	const unsigned who =
		1u << role |
		((role == ROLE_PROXY || role == ROLE_RELAY) && !as_root ? ROOTLESS : 0);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	r = fill(filter, who);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int role_calls_enter(enum role_id role, bool as_root)
{
	if (role_row(role)->also & ROLE_MAY_EXECUTE)
		return role_refused_enter();
	return enter_listed(role, as_root);
}
