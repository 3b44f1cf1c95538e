/* SPDX-License-Identifier: ISC */
#include "proxy/house/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Return: the program's path in @path; false: too long. */
static bool path_in(
	char path[static PATH_MAX], const char *folder, const char *sub, const char *program)
{
	return (size_t)snprintf(path, PATH_MAX, "%s/%s/%s", folder, sub, program) < PATH_MAX;
}

static bool in_build(const struct start *s, char path[static PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return path_in(path, self, s->folder, s->program) && access(path, X_OK) == 0;
}

static void find(const struct start *s, char path[static PATH_MAX])
{
	const char *folder = secure_getenv("POSTERN_LIBEXEC");

	if (folder || !in_build(s, path))
		if (!path_in(path, folder ? folder : POSTERN_LIBEXECDIR, ".", s->program))
			path[0] = '\0';
}

/* First all out of the way, then each to its number: they may stand in each other's place. */
static int renumber(const int *fds, size_t n)
{
	int high[START_FDS_MAX];

	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(fds[i], F_DUPFD, START_FD + (int)n);
		if (high[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(high[i], START_FD + (int)i) < 0)
			return -errno;
	return close_range(START_FD + (unsigned)n, UINT_MAX, 0) < 0 ? -errno : 0;
}

static _Noreturn void child(const struct start *s, const char *path)
{
	sigset_t none;
	int r = renumber(s->fds, s->n_fds);

	sigemptyset(&none);
	signal(SIGINT, SIG_IGN); /* the terminal sends both to all; posternd is who acts on them */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN); /* the log takes it by a descriptor, once it has one */
	if (r == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execv(path, s->argv);
	fprintf(stderr, "posternd: cannot execute %s: %s (POSTERN_LIBEXEC names the folder)\n",
		path, strerror(r ? -r : errno));
	_exit(EXIT_UNAVAILABLE);
}

pid_t start_role(const struct start *s)
{
	char path[PATH_MAX];
	pid_t pid;

	if (s->n_fds > START_FDS_MAX)
		return -E2BIG;
	find(s, path);
	pid = fork();
	if (pid == 0)
		child(s, path);
	return pid < 0 ? -errno : pid;
}
