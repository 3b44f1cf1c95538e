/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Message text judged octet by octet
 *
 * The slow and plain reading of the same rules as filter/smtp/body.h: one octet at a time over the
 * whole text, no windows, no masks. What body_next() says must be what this says.
 *
 * Callers: test/unit/body_test.c, test/fuzz/body_fuzz.c
 */
#include "filter/smtp/body.h"

struct body_stop_at {
	size_t at; /* octets of the text in front of the stop */
	enum body_stop stop;
};

/* The stops of a text, or the first @max of them; those body_mend() takes are mended and passed
 * over, any other ends the list. */
struct body_stops {
	struct body_stop_at *stop;
	size_t n, max;
	size_t end; /* octets passed over */
};

/* @last: nothing follows @text in its message. */
void body_model(
	struct span text, const struct body_limits *limits, bool last, struct body_stops *stops);

/* The same by body_next(): @first octets come first, then @step (> 0) at a time. */
void body_windows(struct span text, const struct body_limits *limits, bool last, size_t first,
	size_t step, struct body_stops *stops);

/* "bare-lf" and so on. */
const char *body_stop_name(enum body_stop stop);
