/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Offspring: a process that does not outlive the one that forked it
 *
 * Callers: programs that fork without exec.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, first of all: @parent is what getpid() was before fork(). The kernel will kill it
 * with its parent, prctl(2). False: the parent is gone already, and so should this one. */
static inline bool offspring_follows(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == parent;
}

/* In the parent: kills it, and waits until it is gone. */
static inline void offspring_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
