/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/offspring.h"

/* Files in memory: nobody has to read and write in turn. */
struct streams {
	int fd[3];
};

static void streams_close(struct streams *s)
{
	for (int i = 0; i < 3; i++)
		if (s->fd[i] >= 0)
			close(s->fd[i]);
}

static int write_all(int fd, struct span text)
{
	while (text.n > 0) {
		const ssize_t n = write(fd, text.p, text.n);

		if (n < 0)
			return -errno;
		text = span_from(text, (size_t)n);
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int streams_open(struct streams *s, struct span input)
{
	*s = (struct streams){ { -1, -1, -1 } };
	for (int i = 0; i < 3; i++) {
		s->fd[i] = memfd_create("postern-program", MFD_CLOEXEC);
		if (s->fd[i] < 0)
			return -errno;
	}
	return write_all(s->fd[0], input);
}

static void execute(const struct streams *s, const char *const argv[], pid_t parent)
{
	static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };
	char *const environment[] = { (char[]){ "PATH=/usr/sbin:/sbin:/usr/bin:/bin" },
		(char[]){ "LC_ALL=C" }, NULL };
	const char *first = secure_getenv("POSTERN_SBIN");
	char path[512];

	if (!offspring_follows(parent)) /* nobody waits for it, nor holds the lock it needs */
		_exit(PROGRAM_MISSING);
	for (int i = 0; i < 3; i++)
		if (dup2(s->fd[i], i) < 0)
			_exit(PROGRAM_MISSING);
	if (first != NULL &&
		snprintf(path, sizeof(path), "%s/%s", first, argv[0]) < (int)sizeof(path))
		execve(path, (char *const *)(uintptr_t)argv, environment);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], argv[0]);
		execve(path, (char *const *)(uintptr_t)argv, environment);
	}
	_exit(PROGRAM_MISSING);
}

static int wait_for(pid_t child, int *statusp)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*statusp = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

static int read_all(int fd, struct span *textp)
{
	struct stat st;
	void *text;

	*textp = (struct span){ NULL, 0 };
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	text = malloc((size_t)st.st_size);
	if (text == NULL)
		return -ENOMEM;
	*textp = span_of(text, (size_t)st.st_size);
	if (pread(fd, text, textp->n, 0) != (ssize_t)textp->n)
		return -EIO;
	return 0;
}

static int run(struct program *p, const struct streams *s, const char *const argv[])
{
	const pid_t parent = getpid(), child = fork();
	int r;

	if (child < 0)
		return -errno;
	if (child == 0)
		execute(s, argv, parent);
	r = wait_for(child, &p->status);
	if (r == 0)
		r = read_all(s->fd[1], &p->out);
	return r == 0 ? read_all(s->fd[2], &p->err) : r;
}

int program_run(struct program *p, const char *const argv[], struct span input)
{
	struct streams s;
	int r;

	*p = (struct program){ 0 };
	r = streams_open(&s, input);
	if (r == 0)
		r = run(p, &s, argv);
	streams_close(&s);
	if (r == 0)
		return 0;
	program_free(p);
	return err_trace(r);
}

void program_free(struct program *p)
{
	free((void *)(uintptr_t)p->out.p);
	free((void *)(uintptr_t)p->err.p);
	p->out = p->err = (struct span){ NULL, 0 };
}
