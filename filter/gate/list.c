/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/memfd.h"
#include "filter/gate/gate.h"
#include "log/listed.h"

static void put(struct out *o, const struct track_session *s, int64_t now_ms)
{
	log_listed_put(o, &(struct log_listed){
				  .session = &s->log,
				  .phase = "passed",
				  .age_ms = (uint64_t)(now_ms - s->opened_ms),
				  .c2s = s->c2s.octets,
				  .s2c = s->s2c.octets,
			  });
}

static void put_all(struct out *o, const struct gate *g)
{
	for (uint32_t i = 0; i < g->track.end && !o->full; i++)
		if (g->track.sessions[i].state == TRACK_OPEN)
			put(o, &g->track.sessions[i], (int64_t)g->now.now_ms);
}

int list_memfd(const struct gate *g)
{
	const size_t need = g->track.n_open * LOG_LISTED_MAX;
	const size_t size = need < LOG_LISTED_ALL_MAX ? need : LOG_LISTED_ALL_MAX;
	uint8_t *block = size > 0 ? malloc(size) : NULL;
	struct out o;
	int fd;

	if (!block)
		return -1;
	out_init(&o, block, size);
	put_all(&o, g);
	fd = memfd_sealed("postern-sessions", out_span(&o));
	free(block);
	return fd < 0 ? -1 : fd;
}
