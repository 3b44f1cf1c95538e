/* SPDX-License-Identifier: ISC */
#include "proxy/house/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memfd.h"
#include "rules/bundle.h"

#define NUMBER_TEXT 16

static void name_of(char name[static NUMBER_TEXT], unsigned number)
{
	snprintf(name, NUMBER_TEXT, "%u", number);
}

static bool number_of(const char *name, unsigned *numberp)
{
	uint64_t n;

	char text[NUMBER_TEXT];

	if (!span_u64(span_str(name), INT32_MAX, &n) || n == 0)
		return false;
	*numberp = (unsigned)n;
	name_of(text, *numberp);
	return strcmp(text, name) == 0; /* "007" is somebody else's */
}

/* Folders and links were put there by somebody else. */
static bool is_file(const struct history *h, const char *name)
{
	struct stat st;

	return fstatat(h->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Calls @each with every number there is. */
static void walk(
	const struct history *h, void (*each)(unsigned number, void *context), void *context)
{
	int copy = h->folder >= 0 ? openat(h->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;
	unsigned number;

	if (dir == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (number_of(entry->d_name, &number) && is_file(h, entry->d_name))
			each(number, context);
	closedir(dir);
}

struct found {
	unsigned below; /* only numbers below; 0: all */
	unsigned newest, oldest, n;
};

static void look(unsigned number, void *context)
{
	struct found *f = context;

	if (f->below != 0 && number >= f->below)
		return;
	f->n++;
	if (number > f->newest)
		f->newest = number;
	if (f->oldest == 0 || number < f->oldest)
		f->oldest = number;
}

static struct found find(const struct history *h, unsigned below)
{
	struct found f = { .below = below };

	walk(h, look, &f);
	return f;
}

int history_open(struct history *h, int state)
{
	*h = (struct history){ .folder = -1 };
	if (mkdirat(state, "generations", 0700) < 0 && errno != EEXIST)
		return -errno;
	h->folder = openat(state, "generations", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (h->folder < 0)
		return -errno;
	h->newest = find(h, 0).newest;
	return 0;
}

/* ---- reading ---- */

/* The file's octets mapped; empty: there is none that could be a bundle. */
static struct span map_file(const struct history *h, unsigned number)
{
	char name[NUMBER_TEXT];
	struct stat st;
	struct span s = { 0 };
	int fd;

	name_of(name, number);
	fd = openat(h->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return s;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
		st.st_size <= BUNDLE_MAX) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED)
			s = span_of(p, (size_t)st.st_size);
	}
	close(fd);
	return s;
}

int history_bundle(const struct history *h, unsigned number)
{
	struct span s = map_file(h, number);
	int fd;

	if (s.n == 0)
		return -ENOENT;
	fd = memfd_sealed("postern-rules", s);
	memfd_unmap(s);
	return fd;
}

unsigned history_before(const struct history *h, unsigned number)
{
	return number > 1 ? find(h, number).newest : 0;
}

unsigned history_count(const struct history *h)
{
	return find(h, 0).n;
}

/* ---- keeping ---- */

static bool is_newest(const struct history *h, struct span bundle)
{
	struct span s = h->newest != 0 ? map_file(h, h->newest) : (struct span){ 0 };
	bool same = s.n > 0 && span_eq(s, bundle);

	if (s.n > 0)
		memfd_unmap(s);
	return same;
}

static int write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			s = span_from(s, (size_t)n);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_file(const struct history *h, const char *name, struct span bundle)
{
	int fd = openat(
		    h->folder, "new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600),
	    r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, bundle);
	close(fd);
	if (r == 0 && renameat(h->folder, "new", h->folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(h->folder, "new", 0);
	return r;
}

static void prune(const struct history *h)
{
	for (struct found f = find(h, 0); f.n > HISTORY_MAX; f = find(h, 0)) {
		char name[NUMBER_TEXT];
		name_of(name, f.oldest);
		if (unlinkat(h->folder, name, 0) < 0)
			return;
	}
}

int history_keep(struct history *h, struct span bundle, unsigned *numberp)
{
	char name[NUMBER_TEXT];
	int r;

	if (is_newest(h, bundle)) {
		*numberp = h->newest;
		return 0;
	}
	*numberp = ++h->newest;
	if (h->folder < 0)
		return 0;
	name_of(name, *numberp);
	r = write_file(h, name, bundle);
	prune(h);
	return r;
}

void history_close(struct history *h)
{
	if (h->folder >= 0)
		close(h->folder);
	h->folder = -1;
}
