/* SPDX-License-Identifier: ISC */
#include "rules/source.h"

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
