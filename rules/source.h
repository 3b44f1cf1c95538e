/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sources: every octet a rule set is built from
 *
 * Parsing opens no files. Who builds a rule set brings the text of every file: the tool and posternd read them from disk
 * (rules/load), the roles take them from the sealed bundle posternd sends.
 */
#include "base/span.h"

enum source_kind {
	SOURCE_RULES,    /* rules.conf or a file it includes, or the canonical text of a bundle */
	SOURCE_HOST,     /* postern.conf */
	SOURCE_SET,      /* a set file */
	SOURCE_TIMEZONE, /* TZif data (RFC 8536); name is the zone's, "Europe/London" */
};

struct source {
	enum source_kind kind;
	const char *name; /* path as shown to the administrator; for set files the resolved path as `file` statements name it */
	struct span text;
	int error;        /* errno of reading it; 0: text is good. ENOENT is no error for an optional set */
};

#define SOURCES_MAX      256
#define SOURCE_RULES_MAX (4u << 20)  /* octets of one rules file */
#define SOURCE_SET_MAX   (64u << 20) /* of one set file */
#define SOURCE_TZ_MAX    (1u << 20)
