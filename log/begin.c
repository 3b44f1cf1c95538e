/* SPDX-License-Identifier: ISC */
#include "log/begin.h"

#define FILE_MAX 480 /* octets of a file name that are shown: its end tells most */

bool log_wanted(const struct log_session *session, enum code code, unsigned bit)
{
	if (code_info(code)->severity >= CODE_WARNING)
		return true;
	return session->rule == NULL || (session->rule->log & bit) != 0;
}

const char *log_severity_text(enum code_severity severity)
{
	switch (severity) {
	case CODE_DEBUG: return "debug";
	case CODE_INFO: return "info";
	case CODE_WARNING: return "warning";
	case CODE_ERROR: break;
	}
	return "error";
}

/* NAME_OF_CODE as "name-of-code". */
static const char *event_text(const char *name, char text[64])
{
	struct out o;

	out_init(&o, text, 64);
	out_lower(&o, span_str(name));
	for (size_t i = 0; i < o.n; i++)
		if (o.p[i] == '_')
			o.p[i] = '-';
	return out_cstr(&o);
}

struct record *log_begin(
	struct log_sender *s, int64_t wall_ns, enum code code, const struct log_session *session)
{
	const struct code_info *info = code_info(code);
	char number[7], event[64];
	struct record *r = log_sender_begin(s, wall_ns, code_text(code, number),
		log_severity_text(info->severity), event_text(info->name, event));

	if (r == NULL || session == NULL)
		return r;
	record_str(r, "session", session->id);
	log_put_peer(r, "client", "client_port", &session->client);
	if (session->rule != NULL) {
		record_str(r, "rule", session->rule->name);
		log_put_at(r, "rule_at", &session->rule->at);
	}
	return r;
}

void log_put_at(struct record *r, const char *key, const struct rules_at *at)
{
	uint8_t block[FILE_MAX + 16];
	struct span file = span_str(at->file);
	struct out o;

	if (at->line == 0)
		return;
	if (file.n > FILE_MAX)
		file = span_from(file, file.n - FILE_MAX);
	out_init(&o, block, sizeof block);
	out_bytes(&o, file);
	out_octet(&o, ':');
	out_u64(&o, at->line);
	record_octets(r, key, out_span(&o), SIZE_MAX);
}

void log_put_incident(struct record *r, uint32_t incident)
{
	uint8_t block[INCIDENT_TEXT];
	struct out o;

	if (incident == 0)
		return;
	out_init(&o, block, sizeof block);
	incident_print(&o, incident);
	record_octets(r, "incident", out_span(&o), SIZE_MAX);
}

void log_put_code(struct record *r, const char *key, enum code code)
{
	char number[7];

	record_str(r, key, code_text(code, number));
}

void log_put_peer(
	struct record *r, const char *key, const char *port_key, const struct ip_port *peer)
{
	if (peer->ip.family == IP_NONE)
		return;
	record_ip(r, key, &peer->ip);
	record_u64(r, port_key, peer->port);
}
