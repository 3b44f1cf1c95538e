/* SPDX-License-Identifier: ISC */
#include "proxy/wait.h"

#define WAIT_ROW(name, member, activity, code)                                                     \
	[WAIT_##name] = { offsetof(struct rule_timeouts, member), activity, code },
static const struct {
	size_t member;
	unsigned renewed_by;
	enum code code;
} waits[WAIT_COUNT] = { WAITS(WAIT_ROW) };
#undef WAIT_ROW

uint32_t wait_ms(const struct rule_timeouts *t, enum wait wait)
{
	uint32_t ms;

	memcpy(&ms, (const uint8_t *)t + waits[wait].member, sizeof(ms));
	return ms;
}

unsigned wait_renewed_by(enum wait wait)
{
	return waits[wait].renewed_by;
}

enum code wait_code(enum wait wait)
{
	return waits[wait].code;
}
