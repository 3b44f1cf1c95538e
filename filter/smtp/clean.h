/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Runs of octets that need no look
 *
 * What makes the scan of message text fast: 64 octets at a step become bit masks, one for each
 * octet of interest, and a few operations on the masks judge them all. SSE2 where the compiler has
 * it, plain C elsewhere.
 *
 * Owns:    nothing.
 * Callers: filter/smtp/body.c; test/unit, test/bench/scan_bench.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/**
 * clean_text() - octets from the start of a window in which every line ends with CRLF and nothing
 * is wrong
 * @win:  does not begin behind a CR; a dot in the first place is passed over
 * @dots: stop also at a dot behind CRLF
 *
 * Return: @n, or the offset of the first bare CR, bare LF, NUL or dot at the start of a line. A CR
 * that is the window's last octet counts as bare.
 */
size_t clean_text(const uint8_t *win, size_t n, bool dots);

/* Octets in front of the first CR, LF or NUL, or @n. */
size_t clean_line(const uint8_t *win, size_t n);

/* The same in plain C: what other machines run, tested on all. */
size_t clean_text_portable(const uint8_t *win, size_t n, bool dots);
size_t clean_line_portable(const uint8_t *win, size_t n);
