/* SPDX-License-Identifier: ISC */
#include "base/role_refused.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* clang-format off */
static const int always[] = {
	/* other processes, and what they keep */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), SCMP_SYS(process_madvise), SCMP_SYS(kcmp),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
	/* code in the kernel, and ways around what watches calls */
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(io_setup), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(personality),
	/* another view of the system */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick),
	SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(fanotify_init), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(quotactl), SCMP_SYS(acct),
	/* other rights */
	SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
	SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(capset),
	SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown),
	SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr),
	SCMP_SYS(mknod), SCMP_SYS(mknodat),
	/* the host */
	SCMP_SYS(reboot), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(syslog),
	SCMP_SYS(vhangup), SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setattr), SCMP_SYS(mlockall),
	/* serving others */
	SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
};

/* Of their sockets: netlink; the two of the Internet, by which sets and interfaces are asked for;
 * and local ones, by which the C library looks for nscd. Lower and greater numbers are refused. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* clang-format on */

static int refuse(scmp_filter_ctx f, int call, unsigned n, const struct scmp_arg_cmp *when)
{
	const int r = seccomp_rule_add_array(f, SCMP_ACT_ERRNO(EPERM), call, n, when);

	return r == -EDOM ? 0 : r; /* a call that this architecture has not */
}

static int refuse_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp when)
{
	return refuse(f, call, 1, &when);
}

static bool is_allowed(int family)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i] == family)
			return true;
	return false;
}

static int refuse_families(scmp_filter_ctx f)
{
	const int last = AF_NETLINK;
	int r = refuse_if(f, SCMP_SYS(socket), SCMP_A0_32(SCMP_CMP_GT, (uint32_t)last));

	for (int family = 0; r == 0 && family < last; family++)
		if (!is_allowed(family))
			r = refuse_if(
				f, SCMP_SYS(socket), SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)family));
	return r;
}

/* One bit after the other: any of them is too much. */
static int refuse_namespaces(scmp_filter_ctx f)
{
	int r = 0;

	for (uint64_t bit = 1; r == 0 && bit <= UINT32_MAX; bit <<= 1)
		if (bit & (uint64_t)NAMESPACES)
			r = refuse_if(f, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
	return r; /* clone3(2) cannot be judged: the C library does without */
}

static int refuse_written_code(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp both =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC);
	const int r = refuse_if(f, SCMP_SYS(mmap), both);

	return r ? r : refuse_if(f, SCMP_SYS(mprotect), both);
}

static int fill(scmp_filter_ctx f)
{
	int r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0) /* role_enter() has set it */
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; r == 0 && i < sizeof(always) / sizeof(always[0]); i++)
		r = refuse(f, always[i], 0, NULL);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = refuse_families(f);
	if (r == 0)
		r = refuse_namespaces(f);
	return r ? r : refuse_written_code(f);
}

int role_refused_enter(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!f)
		return -ENOMEM;
	r = fill(f);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}
