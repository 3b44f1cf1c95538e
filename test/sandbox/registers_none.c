/* SPDX-License-Identifier: ISC */
/* An architecture nobody has written down yet. */
#include "test/sandbox/registers.h"

#include <errno.h>

const bool registers_known = false;
const uint8_t registers_code[REGISTERS_CODE];

int registers_get(pid_t pid, struct registers *r)
{
	(void)pid;
	(void)r;
	return -ENOTSUP;
}

int registers_set(pid_t pid, const struct registers *r)
{
	(void)pid;
	(void)r;
	return -ENOTSUP;
}

uint64_t registers_pc(const struct registers *r)
{
	(void)r;
	return 0;
}

uint64_t registers_below_stack(const struct registers *r)
{
	(void)r;
	return 0;
}

void registers_prepare(struct registers *r, const struct registers_call *call)
{
	(void)r;
	(void)call;
}

bool registers_trapped(const struct registers *r, uint64_t pc)
{
	(void)r;
	(void)pc;
	return false;
}

int64_t registers_result(const struct registers *r)
{
	(void)r;
	return -ENOTSUP;
}
