/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Batch: whole lines of the log, as they travel and as they lie on disk
 *
 * Callers: log/sender.c, log/file.c, log/main.c, log/read.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/* Lines of printable ASCII in braces, none longer than RECORD_MAX, the last one ended; or nothing.
 */
bool log_batch_ok(struct span batch);

/* Ended lines. */
uint64_t log_batch_lines(struct span batch);
