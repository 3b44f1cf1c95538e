/* SPDX-License-Identifier: ISC */
#include "rules/load/read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void refuse(struct source *s, int error, const char *problem)
{
	s->error = error;
	s->problem = problem;
}

/* What errno alone would say too briefly. */
static void refuse_errno(struct source *s, int error)
{
	switch (error) {
	case EACCES:
		refuse(s, error,
			"no permission to read it: run as the user it belongs to, or as root");
		return;
	case ELOOP: refuse(s, error, "a symbolic link that leads back to itself"); return;
	case ENXIO: /* a socket */ refuse(s, error, "no regular file"); return;
	default: refuse(s, error, NULL);
	}
}

/* Is it a file to be trusted, of a size to be read? */
static bool is_sound(struct source *s, const struct stat *st, size_t max)
{
	if (!S_ISREG(st->st_mode))
		refuse(s, EINVAL,
			S_ISDIR(st->st_mode) ? "a folder, where a file is expected"
					     : "no regular file");
	else if (st->st_mode & S_IWOTH)
		refuse(s, EPERM, "everybody may write to it: run \"chmod o-w\" on it");
	else if (st->st_mode & S_IWGRP && st->st_gid != 0)
		refuse(s, EPERM, "its group may write to it: run \"chmod g-w\" on it");
	else if ((uintmax_t)st->st_size > max)
		refuse(s, EFBIG, "too large");
	return s->error == 0;
}

/* Up to @size octets: a file that grew since is read as it was, one that shrank as it is. */
static void read_text(int fd, uint8_t *text, size_t size, struct source *s)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, text + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			refuse_errno(s, errno);
			return;
		}
		if (r == 0)
			break;
		n += (size_t)r;
	}
	s->text = span_of(text, n);
}

bool read_source(struct arena *arena, const char *path, size_t max, struct source *s)
{
	/* O_NONBLOCK: opening a FIFO would wait for its writer */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t *text = NULL;
	struct stat st;

	if (fd < 0) {
		refuse_errno(s, errno);
		return true;
	}
	if (fstat(fd, &st) < 0) {
		refuse_errno(s, errno);
	} else if (is_sound(s, &st, max)) {
		text = arena_alloc(arena, (size_t)st.st_size + 1, 1);
		if (text != NULL)
			read_text(fd, text, (size_t)st.st_size, s);
	}
	close(fd);
	return s->error != 0 || text != NULL;
}
