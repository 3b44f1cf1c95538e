/* SPDX-License-Identifier: ISC */
#include "log/flood.h"

#include <stddef.h>

#define LOG_FLOOD_CODE(name) [LOG_FLOOD_##name] = CODE_##name,
static const enum code codes[LOG_FLOOD_KINDS] = { LOG_FLOOD_CODES(LOG_FLOOD_CODE) };
#undef LOG_FLOOD_CODE

/* Also when the clock was set back: a time that lies ahead would hold records back for long. */
static bool is_over(const struct log_flood_row *row, int64_t wall_ns)
{
	const int64_t passed = wall_ns - row->since_ns;

	return passed < 0 || passed >= LOG_FLOOD_MS * INT64_C(1000000);
}

static struct log_flood_row *row_of(struct log_flood *f, enum code code)
{
	for (unsigned i = 0; i < LOG_FLOOD_KINDS; i++)
		if (codes[i] == code)
			return &f->rows[i];
	return NULL;
}

bool log_flood_may(struct log_flood *f, enum code code, int64_t wall_ns)
{
	struct log_flood_row *row = row_of(f, code);

	if (!row)
		return true;
	if (row->held == 0 && is_over(row, wall_ns))
		*row = (struct log_flood_row){ .since_ns = wall_ns };
	if (row->written < LOG_FLOOD_MAX) {
		row->written++;
		return true;
	}
	row->held++;
	return false;
}

enum code log_flood_over(struct log_flood *f, int64_t wall_ns, uint32_t *heldp)
{
	for (unsigned i = 0; i < LOG_FLOOD_KINDS; i++) {
		struct log_flood_row *row = &f->rows[i];

		if (row->held == 0 || !is_over(row, wall_ns))
			continue;
		*heldp = row->held;
		*row = (struct log_flood_row){ 0 };
		return codes[i];
	}
	return CODE_COUNT;
}

bool log_flood_holds(const struct log_flood *f)
{
	for (unsigned i = 0; i < LOG_FLOOD_KINDS; i++)
		if (f->rows[i].held > 0)
			return true;
	return false;
}
