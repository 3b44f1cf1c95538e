/* SPDX-License-Identifier: ISC */
#include "test/sandbox/registers.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define RED_ZONE 128 /* of the ABI: a function that calls no other keeps its variables there */
#define ROOM     512
#define TRAP_END 3 /* octets up to the end of the trap, where the process stops */

const bool registers_known = true;
const uint8_t registers_code[REGISTERS_CODE] = { 0x0f, 0x05, 0xcc }; /* syscall; int3 */

int registers_get(pid_t pid, struct registers *r)
{
	struct iovec io = { &r->user, sizeof(r->user) };

	return ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0 ? -errno : 0;
}

int registers_set(pid_t pid, const struct registers *r)
{
	struct registers copy = *r;
	struct iovec io = { &copy.user, sizeof(copy.user) };

	return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0 ? -errno : 0;
}

uint64_t registers_pc(const struct registers *r)
{
	return r->user.rip;
}

uint64_t registers_below_stack(const struct registers *r)
{
	return (r->user.rsp - RED_ZONE - ROOM) & ~UINT64_C(15);
}

void registers_prepare(struct registers *r, const struct registers_call *call)
{
	r->user.rax = (uint64_t)call->number;
	r->user.orig_rax = UINT64_MAX; /* in no call: none to begin again */
	r->user.rdi = call->args[0];
	r->user.rsi = call->args[1];
	r->user.rdx = call->args[2];
	r->user.r10 = call->args[3];
	r->user.r8 = call->args[4];
	r->user.r9 = call->args[5];
}

bool registers_trapped(const struct registers *r, uint64_t pc)
{
	return r->user.rip == pc + TRAP_END;
}

int64_t registers_result(const struct registers *r)
{
	return (int64_t)r->user.rax;
}
