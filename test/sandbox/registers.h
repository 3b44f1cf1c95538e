/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Registers: what making a stopped process do a system call depends on the architecture for
 *
 * One file an architecture implements this; meson.build picks it, or registers_none.c.
 *
 * Callers: test/sandbox/inject.c.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define REGISTERS_CODE 8 /* octets of registers_code: a word that PTRACE_POKETEXT writes */

struct registers {
	struct user_regs_struct user;
};

struct registers_call {
	long number;
	uint64_t args[6];
};

/* false: nothing here works on this architecture. */
extern const bool registers_known;
/* A system call, then a trap. */
extern const uint8_t registers_code[REGISTERS_CODE];

/* Of a process that is stopped under ptrace(2). Return: 0; <0 errno. */
int registers_get(pid_t pid, struct registers *r);
int registers_set(pid_t pid, const struct registers *r);

uint64_t registers_pc(const struct registers *r);
/* An address below the stack and what the code may have put beneath it. */
uint64_t registers_below_stack(const struct registers *r);
/* So that registers_code at the process's place makes @call, and no interrupted call begins again.
 */
void registers_prepare(struct registers *r, const struct registers_call *call);
/* Has the trap of registers_code, which was at @pc, been reached? */
bool registers_trapped(const struct registers *r, uint64_t pc);
int64_t registers_result(const struct registers *r);
