/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sources: every octet a rule set is built from
 *
 * Parsing opens no files. Who builds a rule set brings the text of every file: the tool and
 * posternd read them from disk (rules/load), the roles take them from the sealed bundle posternd
 * sends.
 */
#include "base/arena.h"
#include "base/span.h"

enum source_kind {
	SOURCE_RULES,    /* rules.conf or a file it includes, or the canonical text of a bundle */
	SOURCE_HOST,     /* postern.conf */
	SOURCE_SET,      /* a set file */
	SOURCE_TIMEZONE, /* TZif data (RFC 8536); name is the zone's, "Europe/London" */
};

struct source {
	enum source_kind kind;
	const char *name; /* path as shown to the administrator; for set files the resolved path as
			     `file` statements name it */
	struct span text;
	int error; /* errno of reading it; 0: text is good. ENOENT is no error for an optional set
		    */
	const char *problem; /* why it is not used, in words, when @error is set; NULL: said by
				errno alone */
	/*
	 * A file that came by an `include`: the name of the source and the line where that
	 * statement stands. One pattern may give several sources: they stand in place of it in the
	 * order of the list. A file that two statements include is two sources. NULL: rules.conf
	 * itself, or another kind.
	 */
	const char *included_by;
	uint32_t included_line;
};

/**
 * source_path() - where a path written in a rules file leads
 * @from: name of the source that holds the path
 * @path: as written
 *
 * Relative paths start at the folder of the file that names them: "sets/a.txt" in "conf.d/x.conf"
 * is "conf.d/sets/a.txt". Nothing is looked up. The sources of sets bear this name.
 *
 * Return: the path, in the arena when it had to be made; NULL when the arena is full.
 */
const char *source_path(struct arena *arena, const char *from, const char *path);

/* Why a source with an error cannot be used, in words that follow "NAME: ". */
const char *source_problem(const struct source *source);

#define SOURCES_MAX      256
#define SOURCE_RULES_MAX (4u << 20)  /* octets of one rules file */
#define SOURCE_SET_MAX   (64u << 20) /* of one set file */
#define SOURCE_TZ_MAX    (1u << 20)
