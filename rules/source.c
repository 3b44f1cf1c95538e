/* SPDX-License-Identifier: ISC */
#include "rules/source.h"

#include <errno.h>

const char *source_problem(const struct source *source)
{
	if (source->problem != NULL)
		return source->problem;
	switch (source->error) {
	case 0: return "nothing is wrong with it";
	case ENOENT: return "there is no such file";
	case EACCES:
	case EPERM: return "no permission to read it";
	case EISDIR: return "it is a folder";
	case ELOOP: return "too many symbolic links";
	case EFBIG: return "it is too large";
	case EIO: return "the disk cannot be read";
	case ENOMEM: return "out of memory";
	default: return "it cannot be read";
	}
}

const char *source_path(struct arena *arena, const char *from, const char *path)
{
	const char *slash = memrchr(from, '/', strlen(from));
	size_t folder = slash != NULL ? (size_t)(slash - from) + 1 : 0;
	size_t n = strlen(path);
	char *whole;

	if (path[0] == '/' || folder == 0)
		return path;
	whole = arena_alloc(arena, folder + n + 1, 1);
	if (whole == NULL)
		return NULL;
	memcpy(whole, from, folder);
	memcpy(whole + folder, path, n);
	return whole;
}
