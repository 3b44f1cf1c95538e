/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role, system calls: the list of each role, enforced by seccomp
 *
 * A call that is not on the list ends the process with SIGSYS, and so does a call of another
 * architecture. A role that executes the system's programs has base/role_refused.h instead.
 *
 * Callers: base/role_enter.c.
 */
#include "base/role.h"

/* Needs no-new-privs, or CAP_SYS_ADMIN. Return: 0; <0 errno. */
int role_calls_enter(enum role_id role, bool as_root);
