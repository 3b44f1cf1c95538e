/* SPDX-License-Identifier: ISC */
/* What the administrator's tool may ask: one function for each request of proxy/control.h. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/facts.h"
#include "proxy/house/house.h"

#define WORDS_MAX   3
#define CONFIRM_MAX 86400 /* seconds */

/* The words of a body, separated by NUL; each becomes a string. False: not so many. */
static bool words_of(
	struct span body, char block[static REQUEST_MAX], char *words[WORDS_MAX], size_t n)
{
	size_t at = 0;

	if (body.n >= REQUEST_MAX)
		return false;
	if (body.n > 0)
		memcpy(block, body.p, body.n);
	block[body.n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (at > body.n)
			return false;
		words[i] = block + at;
		at += strlen(words[i]) + 1;
	}
	return at == body.n + 1;
}

static bool seconds(const char *text, uint64_t max, uint64_t *np)
{
	return span_u64(span_str(text), max, np);
}

static const struct rule_set *dynamic_set(struct server *s, const char *name)
{
	const struct ruleset *rs = house_rules(s->house);

	for (size_t i = 0; i < rs->n_sets; i++)
		if (strcmp(rs->sets[i]->name, name) == 0) {
			if (rs->sets[i]->dynamic && rs->sets[i]->kind == SET_ADDRESSES)
				return rs->sets[i];
			server_fail(s, EXIT_USAGE,
				"not a dynamic set of addresses; rules.conf must say \"dynamic\": ",
				name);
			return NULL;
		}
	server_fail(s, EXIT_USAGE, "no such set: ", name);
	return NULL;
}

static bool prefix_of(struct server *s, const char *text, struct ip_prefix *prefixp)
{
	if (ip_prefix_parse(span_str(text), prefixp))
		return true;
	server_fail(s, EXIT_USAGE, "no address or prefix, as in 192.0.2.1 or 192.0.2.0/24: ", text);
	return false;
}

/* Told to the proxies at once: the answer means that it is in force. @prefix NULL: all members. */
static void set_changed(
	struct server *s, const char *set, const struct ip_prefix *prefix, const char *what)
{
	char text[256];
	struct out o;

	if (!house_tell_members(s->house)) {
		server_fail(s, EXIT_UNAVAILABLE,
			"the proxies cannot be told yet, which is tried again", "");
		return;
	}
	log_member(&s->house->log, clock_wall_ns(), set, prefix, what);
	out_init(&o, text, sizeof(text));
	out_str(&o, "set ");
	out_str(&o, set);
	out_str(&o, ": ");
	if (prefix)
		ip_prefix_print(&o, prefix);
	else
		out_str(&o, "all members");
	out_octet(&o, ' ');
	out_str(&o, what);
	out_octet(&o, '\n');
	survey_done(s, out_span(&o));
}

/* ---- bans, as the members of a set ---- */

static bool are_bans(const char *set)
{
	return strcmp(set, BANS_SET) == 0;
}

/* A whole address means the client that it is one of. */
static void lift(struct server *s, const char *text)
{
	struct ip_prefix client;

	if (!prefix_of(s, text, &client))
		return;
	if (client.ip.family == IP_V6 && client.bits == 128) {
		client.bits = house_rules(s->house)->host.client_prefix;
		client.ip = ip_mask(&client.ip, client.bits);
	}
	if (lockout_lift(s->house, &client))
		set_changed(s, BANS_SET, &client, "deleted");
	else
		server_fail(s, 1, "not banned: ", text);
}

/* ---- sets ---- */

static void set_add(struct server *s, char *words[])
{
	const struct rule_set *set;
	struct ip_prefix prefix;
	uint64_t s_for;
	int r;

	if (are_bans(words[0])) {
		server_fail(s, EXIT_USAGE,
			"who is banned is for the limits of the rules to say; to keep somebody "
			"out, add it to a dynamic set that a rule excepts",
			"");
		return;
	}
	set = dynamic_set(s, words[0]);
	if (!set || !prefix_of(s, words[1], &prefix))
		return;
	if (!seconds(words[2], UINT32_MAX, &s_for)) {
		server_fail(s, EXIT_USAGE, "no number of seconds: ", words[2]);
		return;
	}
	if (s_for == 0)
		s_for = set->timeout_s;
	r = dynamic_add(&s->house->dynamic, set->name, &prefix,
		s_for ? clock_steady_ms() + s_for * 1000 : 0);
	if (r)
		server_fail(s, EXIT_UNAVAILABLE, r > 0 ? "the dynamic sets are full" : strerror(-r),
			"");
	else
		set_changed(s, set->name, &prefix, "added");
}

static void set_del(struct server *s, char *words[])
{
	const struct rule_set *set;
	struct ip_prefix prefix;

	if (are_bans(words[0])) {
		lift(s, words[1]);
		return;
	}
	set = dynamic_set(s, words[0]);
	if (!set || !prefix_of(s, words[1], &prefix))
		return;
	if (dynamic_del(&s->house->dynamic, set->name, &prefix))
		server_fail(s, 1, "not a member added at run time: ", words[1]);
	else
		set_changed(s, set->name, &prefix, "deleted");
}

static void set_flush(struct server *s, char *words[])
{
	const struct rule_set *set;

	if (are_bans(words[0])) {
		lockout_flush(s->house);
		set_changed(s, BANS_SET, NULL, "flushed");
		return;
	}
	set = dynamic_set(s, words[0]);
	if (!set)
		return;
	dynamic_flush(&s->house->dynamic, set->name);
	set_changed(s, set->name, NULL, "flushed");
}

static void apply(struct server *s, char *words[])
{
	uint64_t n;

	if (seconds(words[0], CONFIRM_MAX, &n))
		reload_apply(s->house, (uint32_t)n, true);
	else
		server_fail(s, EXIT_USAGE, "no time of at most a day: ", words[0]);
}

static void rollback(struct server *s, char *words[])
{
	uint64_t n;

	if (seconds(words[0], INT32_MAX, &n))
		reload_back(s->house, (unsigned)n, true);
	else
		server_fail(s, EXIT_USAGE, "no number of a generation: ", words[0]);
}

static void confirm(struct server *s, char *words[])
{
	(void)words;
	reload_confirm(s->house);
}

static void tell_status(struct server *s, char *words[])
{
	(void)words;
	status_tell(s);
	server_done(s, 0, (struct span){ 0 });
}

static void tell_sets(struct server *s, char *words[])
{
	int r;
	if (words[0][0] && !are_bans(words[0]) && !dynamic_set(s, words[0]))
		return;
	r = status_sets(s, words[0]);
	if (r < 0)
		server_fail(s, EXIT_UNAVAILABLE, strerror(-r), "");
	else
		server_done(s, 0, (struct span){ 0 });
}

static void tell_sessions(struct server *s, char *words[])
{
	(void)words;
	survey_ask(s, ROLE_ASK_SESSIONS, (struct span){ 0 }, ROLE_SESSIONS);
}

static void kill_session(struct server *s, char *words[])
{
	survey_ask(s, ROLE_KILL, span_str(words[0]), ROLE_KILLED);
}

static void tell_rules(struct server *s, char *words[])
{
	(void)words;
	server_file(s, s->house->running->bundle);
	server_done(s, 0, (struct span){ 0 });
}

static void tell_lanes(struct server *s, char *words[])
{
	(void)words;
	server_text(s, s->house->running->lanes_text);
	server_done(s, 0, (struct span){ 0 });
}

/* ---- logins, to try one ---- */

static bool may_ask_passwords(const struct server *s)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	return getsockopt(s->served->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static bool find_auth(const struct ruleset *rs, const char *name, size_t *placep)
{
	for (size_t i = 0; i < rs->n_auths; i++)
		if (strcmp(rs->auths[i]->name, name) == 0) {
			*placep = i;
			return true;
		}
	return false;
}

static void lend_auth(struct server *s, char *words[])
{
	struct house_servant *v = &s->house->running->servants[SERVANT_AUTH];
	char text[24];
	struct out o;
	size_t place;
	int fd;

	if (!may_ask_passwords(s)) {
		server_fail(s, EXIT_PERMISSION, "only root may try logins", "");
		return;
	}
	if (!find_auth(house_rules(s->house), words[0], &place)) {
		server_fail(s, EXIT_USAGE, "the rules in force have no such auth: ", words[0]);
		return;
	}
	fd = servant_lend(v);
	if (fd < 0) {
		server_fail(s, EXIT_UNAVAILABLE,
			v->needed ? "postern-auth does not run now; try again"
				  : "no relay of the rules in force has an auth",
			"");
		return;
	}
	out_init(&o, text, sizeof(text));
	out_u64(&o, place);
	out_octet(&o, '\n');
	server_text(s, out_span(&o));
	server_file(s, fd);
	close(fd);
	server_done(s, 0, (struct span){ 0 });
}

static const struct {
	size_t words; /* an empty body is one empty word */
	void (*carry_out)(struct server *s, char *words[]);
} requests[] = {
	[CONTROL_STATUS] = { 1, tell_status },
	[CONTROL_SESSIONS] = { 1, tell_sessions },
	[CONTROL_KILL] = { 1, kill_session },
	[CONTROL_SETS] = { 1, tell_sets },
	[CONTROL_SET_ADD] = { 3, set_add },
	[CONTROL_SET_DEL] = { 2, set_del },
	[CONTROL_SET_FLUSH] = { 1, set_flush },
	[CONTROL_APPLY] = { 1, apply },
	[CONTROL_CONFIRM] = { 1, confirm },
	[CONTROL_ROLLBACK] = { 1, rollback },
	[CONTROL_RULES] = { 1, tell_rules },
	[CONTROL_LANES] = { 1, tell_lanes },
	[CONTROL_AUTH] = { 1, lend_auth },
};
#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

void requests_serve(struct server *s, const struct msg *m)
{
	char block[REQUEST_MAX], *words[WORDS_MAX];

	if (m->type >= N_REQUESTS || !requests[m->type].carry_out)
		server_fail(s, EXIT_USAGE, "unknown request: the tool is of another version", "");
	else if (!words_of(m->body, block, words, requests[m->type].words))
		server_fail(s, EXIT_USAGE, "malformed request: the tool is of another version", "");
	else if (!s->house->running)
		server_fail(s, EXIT_UNAVAILABLE, "it is only just starting; try again", "");
	else
		requests[m->type].carry_out(s, words);
}
