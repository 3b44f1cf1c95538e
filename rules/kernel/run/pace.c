/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/pace.h"

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void pace_init(struct pace *p, uint64_t now_ms)
{
	*p = (struct pace){ .ended_ms = now_ms, .repaired_ms = now_ms };
}

void pace_heard(struct pace *p, uint64_t now_ms)
{
	if (p->heard_ms == 0)
		p->heard_ms = now_ms;
	p->last_ms = now_ms;
}

/* What is heard from now on is a reason for the next one: it may have come too late for this. */
void pace_look(struct pace *p, uint64_t now_ms)
{
	p->heard_ms = 0;
	p->began_ms = now_ms;
}

static uint64_t rest_after(unsigned row)
{
	uint64_t rest = PACE_REST_MS;

	if (row <= PACE_PATIENT)
		return 0;
	for (unsigned i = PACE_PATIENT + 1; i < row && rest < PACE_REST_MAX; i++)
		rest *= 2;
	return min(rest, PACE_REST_MAX);
}

/* One that failed waits from the first time on: nobody was helped by it. */
void pace_looked(struct pace *p, uint64_t now_ms, bool repaired, bool failed)
{
	const uint64_t share = min((now_ms - p->began_ms) * (PACE_SHARE - 1), PACE_BETWEEN_MAX);

	if (now_ms - p->repaired_ms >= PACE_PEACE_MS)
		p->row = 0;
	if (repaired || failed) {
		p->row++;
		p->repaired_ms = now_ms;
	}
	p->again = failed;
	p->ended_ms = now_ms;
	p->rest_ms = max(rest_after(failed ? p->row + PACE_PATIENT : p->row), repaired ? 0 : share);
}

uint64_t pace_next(const struct pace *p)
{
	const uint64_t rested = p->ended_ms + p->rest_ms;

	if (p->heard_ms != 0)
		return max(min(p->last_ms + PACE_SETTLE_MS, p->heard_ms + PACE_SETTLE_MAX), rested);
	return p->again ? max(rested, p->ended_ms + PACE_REST_MS) : p->ended_ms + PACE_IDLE_MS;
}
