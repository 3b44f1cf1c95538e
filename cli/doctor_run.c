/* SPDX-License-Identifier: ISC */
#include "cli/doctor_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_STEP 65536

/* ---- the program ---- */

static bool find(const char *name, char path[static 64])
{
	static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, 64, "%s/%.40s", folders[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* In the child. Its complaints are told by its exit status. */
static void become(const char *path, const char *const argv[], int out)
{
	static char locale[] = "LC_ALL=C", folders[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
	char *environment[] = { locale, folders, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(null, STDERR_FILENO) < 0)
		_exit(127);
	execve(path, (char *const *)(uintptr_t)argv, environment);
	_exit(127);
}

/* ---- its output ---- */

struct taking {
	char *text;
	size_t n, room;
};

static bool make_room(struct taking *t)
{
	const size_t room = t->room > 0 ? 2 * t->room : READ_STEP;
	char *text;

	if (t->room - t->n > 1) /* one for the NUL */
		return true;
	text = t->room < RUN_OUTPUT_MAX ? realloc(t->text, room) : NULL;
	if (text == NULL)
		return false;
	t->text = text;
	t->room = room;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_readable(int fd, int64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const int64_t left = until_ms - now_ms();

	return left > 0 && (poll(&p, 1, (int)left) > 0 || errno == EINTR);
}

/* To its end. */
static bool take(int fd, int64_t until_ms, struct taking *t)
{
	while (make_room(t) && (until_ms == 0 || wait_readable(fd, until_ms))) {
		const ssize_t n = read(fd, t->text + t->n, t->room - t->n - 1);

		if (n < 0 && errno != EINTR)
			return false;
		if (n == 0) {
			t->text[t->n] = '\0';
			return true;
		}
		t->n += n > 0 ? (size_t)n : 0;
	}
	return false;
}

static int conclude(pid_t pid, bool taken)
{
	int status;

	if (!taken)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return RUN_E_FAILED;
	if (!taken)
		return RUN_E_OUTPUT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? RUN_OK : RUN_E_FAILED;
}

static int begin(const char *path, const char *const argv[], pid_t *pidp)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*pidp = fork();
	if (*pidp == 0)
		become(path, argv, ends[1]);
	close(ends[1]);
	if (*pidp > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

int run_program(const char *const argv[], char **textp, size_t *np)
{
	struct taking t = { 0 };
	char path[64];
	pid_t pid;
	int fd, r;

	*textp = NULL;
	*np = 0;
	if (!find(argv[0], path))
		return RUN_E_MISSING;
	fd = begin(path, argv, &pid);
	if (fd < 0)
		return RUN_E_OUTPUT;
	r = conclude(pid, take(fd, now_ms() + RUN_PATIENCE_S * 1000, &t));
	close(fd);
	if (r != RUN_OK) {
		free(t.text);
		return r;
	}
	*textp = t.text;
	*np = t.n;
	return RUN_OK;
}

char *run_read(const char *path, size_t *np)
{
	struct taking t = { 0 };
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool taken;

	*np = 0;
	if (fd < 0)
		return NULL;
	taken = take(fd, 0, &t);
	close(fd);
	if (!taken) {
		free(t.text);
		return NULL;
	}
	*np = t.n;
	return t.text;
}
