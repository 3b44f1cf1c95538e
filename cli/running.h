/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The rules that posternd runs, compared with those of the files
 *
 * Callers: cli/diff.c, cli/apply.c; cli/firewall.c, which needs no comparison.
 */
#include "cli/cli.h"
#include "cli/json.h"
#include "rules/diff.h"
#include "rules/load/load.h"
#include "rules/load/unbundle.h"

struct running {
	struct unbundle rules; /* of posternd */
	struct diff diff;      /* from them to the files */
	void *memory;          /* of @diff */
	size_t memory_size;
};

/* Asks for the rules; for their lanes as text (rules/kernel/lanes.h), empty where posternd has
 * none. Return: CLI_OK, then unbundle_free() is due; or an exit code after a message. */
int running_rules(const struct cli *c, struct unbundle *rules);
int running_lanes(const struct cli *c, struct out *text);

/* Asks and compares. Return: CLI_OK, or an exit code after a message; running_free() is due in each
 * case. */
int running_compare(const struct cli *c, const struct load *files, struct running *r);
void running_free(struct running *r);

/* The first @max differences, a line each behind @indent; how many more there are. */
void running_print(struct out *o, const struct running *r, size_t max, const char *indent);

/* "changes": [...] */
void running_json(struct json *j, const struct running *r);
