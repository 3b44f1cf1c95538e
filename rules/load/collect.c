/* SPDX-License-Identifier: ISC */
#include "rules/load/collect.h"

#include <errno.h>
#include <glob.h>

#include "rules/load/read.h"
#include "rules/tz.h"

#define ZONES "/usr/share/zoneinfo"

#define TEXT_OF_WORDS(words) #words
#define TEXT_OF(macro)       TEXT_OF_WORDS(macro)

struct collection {
	struct arena *arena;
	const char *dir;
	struct source *list;
	size_t n;
};

static bool has_name(const struct collection *c, enum source_kind kind, const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c->list[i].kind == kind && strcmp(c->list[i].name, name) == 0)
			return true;
	return false;
}

/* FOLDER/NAME, or NAME where it says its own way. NULL: the arena is full. */
static const char *path_in(struct arena *arena, const char *folder, const char *name)
{
	const size_t n = strlen(folder), m = strlen(name);
	char *path;

	if (name[0] == '/')
		return name;
	path = arena_alloc(arena, n + 1 + m + 1, 1);
	if (path == NULL)
		return NULL;
	memcpy(path, folder, n);
	path[n] = '/';
	memcpy(path + n + 1, name, m);
	return path;
}

/* Reads @s from @folder and adds it. Return: false when the arena is full. */
static bool add(struct collection *c, const char *folder, size_t max, struct source s)
{
	const char *path = path_in(c->arena, folder, s.name);

	if (path == NULL)
		return false;
	if (c->n == SOURCES_MAX) { /* told at the place that named the last one */
		c->list[c->n - 1].error = E2BIG;
		c->list[c->n - 1].problem = "there are more than " TEXT_OF(SOURCES_MAX) " files";
		return true;
	}
	if (!read_source(c->arena, path, max, &s))
		return false;
	if (s.error == ENOENT && s.kind == SOURCE_TIMEZONE)
		s.problem = "there is no such zone under " ZONES
			    ": \"timedatectl list-timezones\" lists them, the package tzdata "
			    "brings them";
	c->list[c->n++] = s;
	return true;
}

/* ---- includes ---- */

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

/* The folder's own name is no pattern, whatever stands in it. */
static const char *escape(struct arena *arena, const char *dir)
{
	const size_t n = strlen(dir);
	char *text = arena_alloc(arena, 2 * n + 1, 1), *to = text;

	for (size_t i = 0; text != NULL && i < n; i++) {
		if (strchr("*?[]\\", dir[i]) != NULL)
			*to++ = '\\';
		*to++ = dir[i];
	}
	return text;
}

static bool include_one(struct collection *c, const char *name, const struct need *need)
{
	return add(c, c->dir, SOURCE_RULES_MAX,
		(struct source){ .kind = SOURCE_RULES,
			.name = name,
			.included_by = need->at.file,
			.included_line = need->at.line });
}

/* A folder that is not there holds nothing, as drop-in folders may; one that cannot be read may
 * hold rules. */
static int is_fatal(const char *folder, int error)
{
	(void)folder;
	return error != ENOENT;
}

/* What keeps a pattern from being looked up stands in the list as a source that cannot be read. */
static bool include_nothing(struct collection *c, const char *name, const struct need *need)
{
	if (!include_one(c, name, need))
		return false;
	c->list[c->n - 1].error = EACCES;
	c->list[c->n - 1].problem =
		"a folder on its way cannot be read: run as root, or as the user it belongs to";
	return true;
}

/* glob() sorts; no locale is set, so it sorts by octets. */
static bool include_pattern(struct collection *c, const char *name, const struct need *need)
{
	const char *folder = escape(c->arena, c->dir);
	const char *pattern = folder != NULL ? path_in(c->arena, folder, name) : NULL;
	const size_t skip = name[0] == '/' ? 0 : strlen(c->dir) + 1;
	bool ok = true;
	glob_t found;
	int r;

	if (pattern == NULL)
		return false;
	r = glob(pattern, 0, is_fatal, &found);
	if (r == GLOB_NOMATCH)
		return true;
	if (r != 0)
		return r == GLOB_ABORTED && include_nothing(c, name, need);
	for (size_t i = 0; ok && i < found.gl_pathc; i++) {
		const char *hit = arena_str(c->arena, span_str(found.gl_pathv[i] + skip));
		ok = hit != NULL && include_one(c, hit, need);
	}
	globfree(&found);
	return ok;
}

/* ---- what a text asks for ---- */

static bool bring_zone(struct collection *c, const char *name)
{
	struct source s = { .kind = SOURCE_TIMEZONE, .name = name };

	return !tz_name_ok(span_str(name)) || /* the checker says what is wrong with the name */
	       has_name(c, s.kind, name, c->n) || add(c, ZONES, SOURCE_TZ_MAX, s);
}

static bool bring(struct collection *c, const struct need *need)
{
	const char *name = need->name;

	if (need->kind == NEED_TIMEZONE)
		return bring_zone(c, name);
	name = source_path(c->arena, need->at.file, name);
	if (name == NULL)
		return false;
	if (need->kind == NEED_INCLUDE)
		return is_pattern(name) ? include_pattern(c, name, need)
					: include_one(c, name, need);
	return has_name(c, SOURCE_SET, name, c->n) ||
	       add(c, c->dir, SOURCE_SET_MAX, (struct source){ .kind = SOURCE_SET, .name = name });
}

/* A file that includes itself, directly or not, is asked once and so ends here; the parser finds
 * the circle. */
static int bring_all(struct collection *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct source *s = &c->list[i];
		struct need *need = NULL;

		if ((s->kind != SOURCE_RULES && s->kind != SOURCE_HOST) || s->error != 0 ||
			has_name(c, s->kind, s->name, i))
			continue;
		if (rules_needs(c->arena, s, &need) == RULES_E_ARENA)
			return RULES_E_ARENA;
		for (; need != NULL; need = need->next)
			if (!bring(c, need))
				return RULES_E_ARENA;
	}
	return RULES_OK;
}

/* "there is no such file in DIR; ..." */
static bool explain_missing(struct collection *c)
{
	const char *const pieces[] = { "there is no such file in ", c->dir,
		"; -c DIR names another folder" };
	size_t n = 1;
	char *text;

	for (size_t i = 0; i < 3; i++)
		n += strlen(pieces[i]);
	text = arena_alloc(c->arena, n, 1);
	c->list[0].problem = text;
	for (size_t i = 0; text != NULL && i < 3; i++)
		text = stpcpy(text, pieces[i]);
	return text != NULL;
}

int collect(struct arena *arena, const char *dir, const struct source *top, bool host,
	const struct source **sourcesp, size_t *np)
{
	static const struct source rules = { .kind = SOURCE_RULES, .name = "rules.conf" };
	static const struct source host_conf = { .kind = SOURCE_HOST, .name = "postern.conf" };
	struct collection c = { .arena = arena, .dir = dir };
	int r;

	c.list = ARENA_ARRAY(arena, struct source, SOURCES_MAX);
	if (c.list == NULL)
		return RULES_E_ARENA;
	if (top != NULL)
		c.list[c.n++] = *top;
	else if (!add(&c, dir, SOURCE_RULES_MAX, rules))
		return RULES_E_ARENA;
	if (host && !add(&c, dir, SOURCE_RULES_MAX, host_conf))
		return RULES_E_ARENA;
	if (c.n == 2 && c.list[1].error == ENOENT)
		c.n--; /* defaults */
	if (c.list[0].error == ENOENT && !explain_missing(&c))
		return RULES_E_ARENA;
	r = bring_all(&c);
	*sourcesp = c.list;
	*np = c.n;
	return r;
}
