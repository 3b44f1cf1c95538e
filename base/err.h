/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Errors: three kinds of return value
 *
 * 0 is success. A negative value is an errno that nobody here can handle: it is returned unchanged
 * and err_trace() notes the places it passed. A positive value is a code that the called module
 * documents: the caller handles it at once and never passes it on.
 *
 * Callers: the modules that do system calls. Pure modules have only the positive kind.
 */

#define err_trace(r) err_trace_at((r), __FILE__, __LINE__, __func__)

/* Writes the place to standard error when @r < 0; does nothing on 0 and on positive codes. Returns
 * @r. */
int err_trace_at(int r, const char *file, int line, const char *function);
