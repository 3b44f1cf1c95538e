/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role, Landlock: files, ports and signals beyond the row are out of reach for good
 *
 * As much as the kernel's Landlock knows: files from version 1 on, truncation 3, TCP ports 4,
 * device ioctls 5, signals and abstract sockets 6. What was opened before keeps its rights.
 *
 * Callers: base/role_enter.c.
 */
#include "base/role.h"

/**
 * role_landlock_enter() - needs no-new-privs, or CAP_SYS_ADMIN
 * @also:   ROLE_MAY_*
 * @folder: what ROLE_MAY_WRITE is about: a directory; -1: none, then no file may be touched
 *
 * Return: 0; <0 errno: -ENOSYS and -EOPNOTSUPP say that the kernel has none.
 */
int role_landlock_enter(unsigned also, int folder);

/* Return: 0: no file can be reached, or, for a role that executes programs, only what these need;
 * else -EACCES. For who may still open. */
int role_landlock_held(void);
