/* SPDX-License-Identifier: ISC */
#include "log/facts.h"

#include <string.h>
#include <sys/wait.h>

#include "base/civil.h"
#include "log/begin.h"

static void put_to(struct record *r, const struct log_session *session)
{
	log_put_peer(r, "to", "to_port", &session->to);
	log_put_peer(r, "internal", "internal_port", &session->internal);
}

static void put_error(struct record *r, int error)
{
	if (error != 0)
		record_str(r, "error", strerror(error));
}

void log_open(struct log_sender *s, int64_t wall_ns, const struct log_session *session)
{
	bool passed = session->rule != NULL && session->rule->pass;
	enum code code = passed ? CODE_SESSION_PASSED : CODE_SESSION_OPEN;
	struct record *r;

	if (!log_wanted(session, code, RULE_LOG_SESSIONS))
		return;
	r = log_begin(s, wall_ns, code, session);
	if (r == NULL)
		return;
	put_to(r, session);
	record_bool(r, "inspected", !passed);
	log_sender_end(s);
}

/* NULL: the field is left out. */
static const char *end_text(enum log_end_by by)
{
	switch (by) {
	case LOG_END_UNKNOWN: return NULL;
	case LOG_END_CLIENT: return "client";
	case LOG_END_SERVER: return "server";
	case LOG_END_FILTER: return "filter";
	case LOG_END_SHUTDOWN: break;
	}
	return "shutdown";
}

static const char *how_text(enum log_end_how how)
{
	switch (how) {
	case LOG_HOW_UNTOLD: break;
	case LOG_HOW_CLOSED: return "closed";
	case LOG_HOW_RESET: return "reset";
	case LOG_HOW_TIMEOUT: return "timeout";
	case LOG_HOW_UNSEEN: return "unseen";
	}
	return NULL;
}

static void put_traffic(struct record *r, const struct log_close *close)
{
	if (close->uncounted)
		return;
	record_u64(r, "c2s", close->c2s);
	record_u64(r, "s2c", close->s2c);
	if (close->how == LOG_HOW_UNTOLD)
		return;
	record_u64(r, "packets_c2s", close->packets_c2s);
	record_u64(r, "packets_s2c", close->packets_s2c);
}

static void put_tls(struct record *r, const struct log_close *close)
{
	if (close->tls_name.n > 0)
		record_octets(r, "tls_name", close->tls_name, LOG_LINE_MAX);
	if (close->tls_name_cut)
		record_bool(r, "tls_name_cut", true);
	if (close->tls_offered.n > 0)
		record_octets(r, "tls_offered", close->tls_offered, LOG_LINE_MAX);
	if (close->tls_version.n > 0)
		record_octets(r, "tls_version", close->tls_version, LOG_LINE_MAX);
}

void log_tls(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct log_tls *tls)
{
	struct record *r;

	if (!log_wanted(session, CODE_SESSION_TLS, RULE_LOG_SESSIONS))
		return;
	r = log_begin(s, wall_ns, CODE_SESSION_TLS, session);
	if (r == NULL)
		return;
	record_str(r, "tls_version", tls->version);
	record_str(r, "tls_cipher", tls->cipher);
	if (tls->name[0])
		record_octets(r, "tls_name", span_str(tls->name), LOG_LINE_MAX);
	record_bool(r, "tls_resumed", tls->resumed);
	log_sender_end(s);
}

void log_tls_failed(
	struct log_sender *s, int64_t wall_ns, const struct log_session *session, const char *why)
{
	struct record *r;

	if (!log_wanted(session, CODE_C_TLS_FAILED, RULE_LOG_DENIALS) ||
		!log_flood_may(&s->flood, CODE_C_TLS_FAILED, wall_ns))
		return;
	r = log_begin(s, wall_ns, CODE_C_TLS_FAILED, session);
	if (r == NULL)
		return;
	record_octets(r, "tls_why", span_str(why), LOG_LINE_MAX);
	log_sender_end(s);
}

void log_login(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, const struct log_login *login)
{
	const bool good = code == CODE_LOGIN_OK;
	struct record *r;

	if (!log_wanted(session, code, good ? RULE_LOG_SESSIONS : RULE_LOG_DENIALS) ||
		(!good && !log_flood_may(&s->flood, code, wall_ns)))
		return;
	r = log_begin(s, wall_ns, code, session);
	if (r == NULL)
		return;
	record_str(r, "auth", login->auth);
	if (login->user.n > 0)
		record_octets(r, "user", login->user, LOG_LINE_MAX);
	if (login->lockout_s > 0) {
		record_str(r, "locked_out", login->account ? "account" : "client");
		record_u64(r, "lockout_s", login->lockout_s);
	}
	if (login->tried > 0)
		record_u64(r, "users_tried", login->tried);
	log_sender_end(s);
}

void log_close(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct log_close *close)
{
	struct record *r;

	if (!log_wanted(session, CODE_SESSION_CLOSE, RULE_LOG_SESSIONS))
		return;
	r = log_begin(s, wall_ns, CODE_SESSION_CLOSE, session);
	if (r == NULL)
		return;
	put_to(r, session);
	record_str(r, "ended_by", end_text(close->by));
	if (close->why < CODE_COUNT)
		log_put_code(r, "why", close->why);
	record_str(r, "how", how_text(close->how));
	put_traffic(r, close);
	record_u64(r, "duration_ms", close->duration_ms);
	put_tls(r, close);
	if (session->rule == NULL || !session->rule->pass) {
		record_u64(r, "commands", close->commands);
		record_u64(r, "messages", close->messages);
		record_u64(r, "denials", close->denials);
	}
	if (session->hello.n > 0)
		record_octets(r, "hello", session->hello, LOG_LINE_MAX);
	log_sender_end(s);
}

static const char *action_text(enum default_action action)
{
	switch (action) {
	case DEFAULT_REFUSE: return "refuse";
	case DEFAULT_RESET: return "reset";
	case DEFAULT_DROP: break;
	}
	return "drop";
}

void log_unpublished(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct ruleset *ruleset, uint32_t incident)
{
	struct record *r;

	if (!log_flood_may(&s->flood, CODE_SESSION_UNPUBLISHED, wall_ns))
		return;
	r = log_begin(s, wall_ns, CODE_SESSION_UNPUBLISHED, session);
	if (r == NULL)
		return;
	put_to(r, session);
	record_str(r, "action", action_text(ruleset->default_action));
	log_put_incident(r, incident);
	log_put_at(r, "at", &ruleset->default_at);
	log_sender_end(s);
}

void log_refused(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, uint16_t reply, uint32_t incident, const struct rules_at *at)
{
	struct record *r;

	if (!log_wanted(session, code, RULE_LOG_DENIALS) ||
		!log_flood_may(&s->flood, code, wall_ns))
		return;
	r = log_begin(s, wall_ns, code, session);
	if (r == NULL)
		return;
	put_to(r, session);
	if (reply == 0)
		reply = code_info(code)->reply;
	if (reply != 0)
		record_u64(r, "reply", reply);
	log_put_incident(r, incident);
	if (at != NULL)
		log_put_at(r, "at", at);
	log_sender_end(s);
}

void log_server(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, int error, struct span said)
{
	struct record *r;

	if (!log_wanted(session, code, RULE_LOG_DENIALS))
		return;
	r = log_begin(s, wall_ns, code, session);
	if (r == NULL)
		return;
	put_to(r, session);
	put_error(r, error);
	if (said.n > 0)
		record_octets(r, "reply_text", said, LOG_LINE_MAX);
	log_sender_end(s);
}

void log_flood_tell(struct log_sender *s, int64_t wall_ns)
{
	uint32_t held;
	enum code code;

	while ((code = log_flood_over(&s->flood, wall_ns, &held)) != CODE_COUNT) {
		struct record *r = log_begin(s, wall_ns, CODE_LOG_FLOOD, NULL);

		if (r == NULL)
			continue;
		log_put_code(r, "of", code);
		record_u64(r, "records", held);
		log_sender_end(s);
	}
}

void log_host(struct log_sender *s, int64_t wall_ns, enum code code, int error)
{
	struct record *r = log_begin(s, wall_ns, code, NULL);

	if (r == NULL)
		return;
	put_error(r, error);
	log_sender_end(s);
}

void log_config(struct log_sender *s, int64_t wall_ns, enum code code, const char *folder,
	const struct ruleset *ruleset)
{
	struct record *r = log_begin(s, wall_ns, code, NULL);

	if (r == NULL)
		return;
	record_str(r, "version", POSTERN_VERSION);
	record_str(r, "folder", folder);
	record_u64(r, "rules", ruleset->n_rules);
	log_sender_end(s);
}

void log_reload(struct log_sender *s, int64_t wall_ns, enum code code, const char *folder,
	unsigned generation, struct span text)
{
	struct record *r = log_begin(s, wall_ns, code, NULL);

	if (r == NULL)
		return;
	record_str(r, "folder", folder);
	record_u64(r, "generation", generation);
	if (text.n > 0)
		record_octets(r, "why", text, LOG_LINE_MAX);
	log_sender_end(s);
}

static void put_prefix(struct record *r, const char *key, const struct ip_prefix *prefix)
{
	uint8_t block[64];
	struct out o;

	out_init(&o, block, sizeof block);
	ip_prefix_print(&o, prefix);
	record_octets(r, key, out_span(&o), SIZE_MAX);
}

void log_member(struct log_sender *s, int64_t wall_ns, const char *set,
	const struct ip_prefix *prefix, const char *what)
{
	struct record *r = log_begin(s, wall_ns, CODE_SET_CHANGED, NULL);

	if (r == NULL)
		return;
	record_str(r, "set", set);
	if (prefix != NULL)
		put_prefix(r, "member", prefix);
	record_str(r, "what", what);
	log_sender_end(s);
}

void log_ban(struct log_sender *s, int64_t wall_ns, const struct log_ban *ban)
{
	struct record *r = log_begin(s, wall_ns, CODE_CLIENT_BANNED, NULL);
	char text[40];
	struct out o;

	if (r == NULL)
		return;
	put_prefix(r, "client", &ban->client);
	record_str(r, "rule", ban->rule);
	record_str(r, "limit", ban->what);
	out_init(&o, text, sizeof text);
	civil_print_utc(&o, ban->until_ns);
	record_octets(r, "until", out_span(&o), SIZE_MAX);
	log_put_at(r, "at", &ban->at);
	log_sender_end(s);
}

void log_kernel(struct log_sender *s, int64_t wall_ns, enum code code, struct span text)
{
	struct record *r = log_begin(s, wall_ns, code, NULL);

	if (r == NULL)
		return;
	record_octets(r, "found", text, 1024);
	log_sender_end(s);
}

void log_gate(struct log_sender *s, int64_t wall_ns, enum code code, const char *what, uint64_t n,
	uint64_t gone)
{
	struct record *r = log_begin(s, wall_ns, code, NULL);

	if (r == NULL)
		return;
	record_str(r, "what", what);
	record_u64(r, code == CODE_GATE_RESYNCED ? "found" : "count", n);
	if (code == CODE_GATE_RESYNCED)
		record_u64(r, "gone", gone);
	log_sender_end(s);
}

void log_role_failed(struct log_sender *s, int64_t wall_ns, const struct log_role *role)
{
	struct record *r =
		log_begin(s, wall_ns, role->hung ? CODE_ROLE_HUNG : CODE_ROLE_FAILED, NULL);

	if (r == NULL)
		return;
	record_str(r, "role", role->program);
	record_u64(r, "pid", role->pid);
	if (WIFSIGNALED(role->status))
		record_u64(r, "signal", (uint64_t)WTERMSIG(role->status));
	else
		record_u64(r, "exit", (uint64_t)WEXITSTATUS(role->status));
	record_u64(r, "restart_ms", role->rest_ms);
	log_sender_end(s);
}
