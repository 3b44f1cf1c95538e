/* SPDX-License-Identifier: ISC */
#include "base/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define SEALS      (ROOM_SEALS | F_SEAL_WRITE)

static int write_all(int fd, struct span content)
{
	while (content.n > 0) {
		ssize_t n = write(fd, content.p, content.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			content = span_from(content, (size_t)n);
	}
	return 0;
}

int memfd_sealed(const char *name, struct span content)
{
	const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, content);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* Return: 0, then at least @wanted hold; MEMFD_E_UNSEALED; <0 errno. */
static int check_seals(int fd, int wanted)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 && errno != EINVAL) /* EINVAL: a file that knows no seals */
		return -errno;
	return seals < 0 || (seals & wanted) != wanted ? MEMFD_E_UNSEALED : 0;
}

int memfd_map(int fd, size_t max, struct span *contentp)
{
	const int r = check_seals(fd, SEALS);
	struct stat st;
	void *p;

	if (r)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || (uintmax_t)st.st_size > max)
		return MEMFD_E_SIZE;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*contentp = span_of(p, (size_t)st.st_size);
	return 0;
}

void memfd_unmap(struct span content)
{
	if (content.n > 0)
		munmap((void *)(uintptr_t)content.p, content.n);
}

int memfd_room(const char *name, size_t size)
{
	const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, ROOM_SEALS) == 0)
		return fd;
	const int error = errno;
	close(fd);
	return -error;
}

int memfd_map_room(int fd, size_t size, bool write, void **roomp)
{
	const int r = check_seals(fd, ROOM_SEALS);
	struct stat st;
	void *p;

	if (r)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uintmax_t)st.st_size != size)
		return MEMFD_E_SIZE;
	p = mmap(NULL, size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*roomp = p;
	return 0;
}
