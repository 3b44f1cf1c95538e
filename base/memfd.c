/* SPDX-License-Identifier: ISC */
#include "base/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

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

int memfd_map(int fd, size_t max, struct span *contentp)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (seals < 0 && errno != EINVAL) /* EINVAL: a file that knows no seals */
		return -errno;
	if (seals < 0 || (seals & SEALS) != SEALS)
		return MEMFD_E_UNSEALED;
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
