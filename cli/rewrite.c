/* SPDX-License-Identifier: ISC */
#include "cli/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memfd.h"

extern char **environ;

static int fail_errno(const char *path, const char *what)
{
	const int error = errno;

	return cli_fail(error == EACCES || error == EPERM ? CLI_PERMISSION : CLI_FAULTS,
		"%s: %s: %s; the file is as it was", path, what, strerror(error));
}

int rewrite_path(char path[PATH_LENGTH_MAX], const char *dir, const char *name)
{
	char joined[PATH_LENGTH_MAX];
	const char *from = name;
	int n = 0;

	if (name[0] != '/') {
		n = snprintf(joined, sizeof(joined), "%s/%s", dir, name);
		from = joined;
	}
	if (n < 0 || (size_t)n >= sizeof(joined))
		return cli_fail(CLI_CONFIG, "%s/%s: the path is too long", dir, name);
	_Static_assert(PATH_LENGTH_MAX >= 4096, "realpath() writes up to PATH_MAX octets");
	if (realpath(from, path) == NULL)
		return fail_errno(from, "cannot be found any more");
	return CLI_OK;
}

/* Text, owner, group and mode, on disk before the name leads there. */
static int fill(int fd, const struct stat *old, struct span text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			text = span_from(text, (size_t)n);
	}
	if (fchown(fd, old->st_uid, old->st_gid) < 0 || fchmod(fd, old->st_mode & 07777) < 0)
		return -1;
	return fsync(fd);
}

int rewrite_file(const char *path, struct span text)
{
	char fresh[PATH_LENGTH_MAX + 8];
	struct stat old;
	int fd, r;

	if (stat(path, &old) < 0)
		return fail_errno(path, "cannot be found any more");
	snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(path, "no new file can be made beside it");
	r = fill(fd, &old, text);
	if (close(fd) < 0)
		r = -1;
	if (r == 0 && rename(fresh, path) == 0)
		return CLI_OK;
	r = fail_errno(path, "cannot be replaced by a file of the same owner and mode");
	unlink(fresh);
	return r;
}

/* diff(1) reads the new text from its standard input: @fd. */
static int spawn_diff(const char *path, const char *name, int fd, int *statusp)
{
	char new_name[PATH_LENGTH_MAX + 16], diff[] = "diff", how[] = "-u", label[] = "-L",
					     in[] = "-";
	char *const argv[] = { diff, how, label, (char *)(uintptr_t)name, label, new_name,
		(char *)(uintptr_t)path, in, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	snprintf(new_name, sizeof(new_name), "%s (laid out)", name);
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return r;
	r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (r == 0)
		r = posix_spawnp(&pid, diff, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return r;
	return waitpid(pid, statusp, 0) < 0 ? errno : 0;
}

int rewrite_diff(const char *path, const char *name, struct span text)
{
	const int fd = memfd_sealed("postern-fmt", text);
	int status = 0, r;

	if (fd < 0)
		return cli_fail(CLI_FAULTS, "%s: %s", name, strerror(-fd));
	fflush(stdout);
	r = lseek(fd, 0, SEEK_SET) < 0 ? errno : spawn_diff(path, name, fd, &status);
	close(fd);
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return CLI_OK;
	return cli_fail(CLI_FAULTS, "%s: it would change, but \"diff\" cannot show how: %s", name,
		r != 0 ? strerror(r) : "it failed");
}
