/* SPDX-License-Identifier: ISC */
#include "proxy/house/relay_texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "proxy/relay/roles.h"

#define ROOTS     "/etc/ssl/certs/ca-certificates.crt"
#define ROOTS_MAX (8u << 20)

static bool needs_roots(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_routes; i++)
		if (rs->routes[i]->tls == ROUTE_TLS_VERIFY)
			return true;
	return false;
}

static ssize_t read_whole(int fd, uint8_t *block, size_t max)
{
	size_t n = 0;
	ssize_t r;

	while (n < max && (r = read(fd, block + n, max - n)) != 0) {
		if (r < 0)
			return -errno;
		n += (size_t)r;
	}
	return n < max ? (ssize_t)n : -EFBIG;
}

static int seal(struct span roots)
{
	const size_t size = roots.n + 64;
	uint8_t *block = malloc(size);
	struct out o;
	int fd;

	if (!block)
		return -ENOMEM;
	out_init(&o, block, size);
	texts_begin(&o);
	texts_put(&o, &(struct text){ .kind = TEXT_ROOTS, .text = roots });
	fd = memfd_sealed("postern-texts", out_span(&o));
	free(block);
	return fd;
}

int texts_make(const struct ruleset *rs, int *fdp, struct out *why)
{
	uint8_t *block;
	ssize_t n;
	int fd;

	*fdp = -1;
	if (!needs_roots(rs))
		return 0;
	block = malloc(ROOTS_MAX);
	fd = open(ROOTS, O_RDONLY | O_CLOEXEC);
	n = !block ? -ENOMEM : fd < 0 ? -errno : read_whole(fd, block, ROOTS_MAX);
	if (fd >= 0)
		close(fd);
	if (n >= 0)
		*fdp = seal(span_of(block, (size_t)n));
	free(block);
	if (*fdp >= 0)
		return 0;
	out_str(why, "\"tls verify\" needs the authorities of this host, " ROOTS ": ");
	out_str(why, strerror(n < 0 ? (int)-n : -*fdp));
	out_str(why, " (package ca-certificates)\n");
	return EXIT_CONFIG;
}
