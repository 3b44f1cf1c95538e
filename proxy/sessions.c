/* SPDX-License-Identifier: ISC */
#include "proxy/sessions.h"

#include <stdlib.h>

#include "base/memfd.h"
#include "log/listed.h"
#include "proxy/inspected.h"

static const char *phase_of(const struct flow *f)
{
	if (f->connecting)
		return "dialling";
	if (!f->inspected)
		return "passed";
	switch (inspect_phase(&((const struct inspected *)(const void *)f)->inspect)) {
	case INSPECT_PHASE_DIAL: return "greeting";
	case INSPECT_PHASE_TLS: return "handshake";
	case INSPECT_PHASE_COMMAND: return "command";
	case INSPECT_PHASE_REPLY: return "reply";
	case INSPECT_PHASE_TEXT: return "message";
	case INSPECT_PHASE_DONE: return "message-reply";
	case INSPECT_PHASE_END: break;
	}
	return "ending";
}

static void put_session(struct out *o, const struct flow *f)
{
	log_listed_put(o, &(struct log_listed){
				  .session = &f->log,
				  .inspected = f->inspected,
				  .phase = phase_of(f),
				  .age_ms = f->proxy->now_ms - f->opened_ms,
				  .c2s = f->c2s,
				  .s2c = f->s2c,
			  });
}

int sessions_memfd(const struct proxy *p)
{
	const size_t need = p->n_flows * LOG_LISTED_MAX;
	const size_t size = need < LOG_LISTED_ALL_MAX ? need : LOG_LISTED_ALL_MAX;
	uint8_t *block = size > 0 ? malloc(size) : NULL;
	struct out o;
	int fd;

	if (!block)
		return -1;
	out_init(&o, block, size);
	for (const struct flow *f = p->flows; f && !o.full; f = f->next)
		put_session(&o, f);
	fd = memfd_sealed("postern-sessions", out_span(&o));
	free(block);
	return fd < 0 ? -1 : fd;
}

struct flow *sessions_find(const struct proxy *p, struct span id)
{
	for (struct flow *f = p->flows; f; f = f->next)
		if (span_eq(span_str(f->log.id), id))
			return f;
	return NULL;
}
