/* SPDX-License-Identifier: ISC */
#include "log/listed.h"

#include "log/begin.h"

void log_listed_put(struct out *o, const struct log_listed *l)
{
	const struct log_session *s = l->session;
	uint8_t block[LOG_LISTED_MAX];
	struct record r;

	record_open(&r, block, sizeof(block));
	record_str(&r, "session", s->id);
	log_put_peer(&r, "client", "client_port", &s->client);
	log_put_peer(&r, "to", "to_port", &s->to);
	log_put_peer(&r, "internal", "internal_port", &s->internal);
	record_str(&r, "rule", s->rule->name);
	log_put_at(&r, "rule_at", &s->rule->at);
	record_bool(&r, "inspected", l->inspected);
	record_str(&r, "phase", l->phase);
	record_u64(&r, "age_ms", l->age_ms);
	record_u64(&r, "c2s", l->c2s);
	record_u64(&r, "s2c", l->s2c);
	if (s->hello.n > 0)
		record_octets(&r, "hello", s->hello, LOG_LINE_MAX);
	out_bytes(o, record_end(&r));
}
