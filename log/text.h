/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Text: a record's human form
 *
 *     2026-11-22T09:14:05.000Z PN3101 info 0abc... 203.0.113.9 mail(rules.conf:17) verb is ...
 *
 * One line: time, code, severity, session, client, rule; the words of the catalogue; every other
 * field. It is printable ASCII whatever the record holds, fit for a terminal.
 *
 * Callers: cli/log.c, log/find.c.
 */
#include <jansson.h>

#include "base/out.h"
#include "base/record.h"

#define LOG_TEXT_MAX                                                                               \
	(4 * RECORD_MAX) /* an octet that JSON hides in an escape takes no more than it did there  \
			  */

/* Without a newline. @record: of log_record_parse(). */
void log_text_print(struct out *o, const json_t *record);
