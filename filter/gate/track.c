/* SPDX-License-Identifier: ISC */
#include "filter/gate/track.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/sip.h"
#include "filter/limits/bans.h"

#define COMPLETE (IPS_SEEN_REPLY | IPS_ASSURED)

int track_init(struct track *t)
{
	if (getrandom(t->seed, sizeof(t->seed), 0) != (ssize_t)sizeof(t->seed))
		return -errno;
	/* the kernel's, until they are touched */
	t->sessions = calloc(TRACK_MAX, sizeof(*t->sessions));
	t->buckets = calloc(TRACK_MAX, sizeof(*t->buckets));
	t->inside = calloc(TRACK_MAX, sizeof(*t->inside));
	return t->sessions && t->buckets && t->inside ? 0 : -ENOMEM;
}

void track_deinit(struct track *t)
{
	for (uint32_t i = 0; t->sessions && i < t->end; i++)
		gather_forget(&t->gather, &t->sessions[i].tls);
	free(t->sessions);
	free(t->buckets);
	free(t->inside);
	t->sessions = NULL;
	t->buckets = t->inside = NULL;
}

/* ---- places ---- */

static uint32_t link_to(const struct track *t, const struct track_session *s)
{
	return (uint32_t)(s - t->sessions) + 1;
}

static struct track_session *linked(const struct track *t, uint32_t link)
{
	return link ? &t->sessions[link - 1] : NULL;
}

static size_t put_peer(uint8_t *to, const struct ip_port *peer)
{
	memcpy(to, peer->ip.octets, sizeof(peer->ip.octets));
	memcpy(to + 16, &peer->port, sizeof(peer->port));
	return 16 + sizeof(peer->port);
}

static uint32_t *bucket_in(const struct track *t, uint32_t *buckets, const struct ip_port *client,
	const struct ip_port *to)
{
	uint8_t key[64];
	size_t n = put_peer(key, client);

	n += put_peer(key + n, to);
	return &buckets[sip13(t->seed, span_of(key, n)) % TRACK_MAX];
}

/* A connection is known by its addresses; its id tells it from an earlier one of the same. */
static uint32_t *bucket_of(
	const struct track *t, const struct ip_port *client, const struct ip_port *to)
{
	return bucket_in(t, t->buckets, client, to);
}

static bool same_peer(const struct ip_port *a, const struct ip_port *b)
{
	return a->port == b->port && ip_eq(&a->ip, &b->ip);
}

static struct track_session *find(const struct track *t, const struct ct *ct)
{
	struct track_session *s = linked(t, *bucket_of(t, &ct->client, &ct->asked));

	while (s && (s->ct_id != ct->id || !same_peer(&s->log.client, &ct->client) ||
			    !same_peer(&s->log.to, &ct->asked)))
		s = linked(t, s->next);
	return s;
}

static void unlink_bucket(struct track *t, const struct track_session *s)
{
	uint32_t *link = bucket_of(t, &s->log.client, &s->log.to);

	while (*link != link_to(t, s))
		link = &linked(t, *link)->next;
	*link = s->next;
}

/* ---- by the internal's address ---- */

/* The youngest of these addresses. Two may have them that a client opened from one port to two
 * published addresses: then it may have named itself what it likes in either. */
static struct track_session *find_inside(
	const struct track *t, const struct ip_port *client, const struct ip_port *internal)
{
	struct track_session *s = linked(t, *bucket_in(t, t->inside, client, internal));

	while (s && (!same_peer(&s->log.client, client) || !same_peer(&s->log.internal, internal)))
		s = linked(t, s->next_inside);
	return s;
}

static bool tells_tls(const struct track_session *s)
{
	return s->log.rule->log & RULE_LOG_TLS;
}

static void link_inside(struct track *t, struct track_session *s)
{
	uint32_t *bucket = bucket_in(t, t->inside, &s->log.client, &s->log.internal);

	s->next_inside = *bucket;
	*bucket = link_to(t, s);
}

static void unlink_inside(struct track *t, const struct track_session *s)
{
	uint32_t *link = bucket_in(t, t->inside, &s->log.client, &s->log.internal);

	while (*link != link_to(t, s))
		link = &linked(t, *link)->next_inside;
	*link = s->next_inside;
}

void track_copy(struct track *t, const struct packet *p)
{
	struct track_session *s = find_inside(t, &p->client, &p->asked);

	if (s) {
		gather_take(&t->gather, &s->tls, GATHER_CLIENT, p->seq, p->payload);
		return;
	}
	s = find_inside(t, &p->asked, &p->client);
	if (s)
		gather_take(&t->gather, &s->tls, GATHER_SERVER, p->seq, p->payload);
}

/* ---- those that have ended ---- */

static void link_ended(struct track *t, struct track_session *s)
{
	s->before = t->last_ended;
	s->after = 0;
	if (t->last_ended)
		linked(t, t->last_ended)->after = link_to(t, s);
	else
		t->first_ended = link_to(t, s);
	t->last_ended = link_to(t, s);
}

static void unlink_ended(struct track *t, const struct track_session *s)
{
	if (s->before)
		linked(t, s->before)->after = s->after;
	else
		t->first_ended = s->after;
	if (s->after)
		linked(t, s->after)->before = s->before;
	else
		t->last_ended = s->before;
}

/* ---- ends ---- */

static enum log_end_by ended_by(const struct track_session *s)
{
	const bool client = s->c2s.flags & IP_CT_TCP_FLAG_CLOSE_INIT;
	const bool server = s->s2c.flags & IP_CT_TCP_FLAG_CLOSE_INIT;

	if (client == server)
		return LOG_END_UNKNOWN;
	return client ? LOG_END_CLIENT : LOG_END_SERVER;
}

static void uncount(struct track *t, struct track_session *s)
{
	if (!s->counted)
		return;
	shared_lock(t->shared);
	limits_leave(t->limits, s->place);
	shared_unlock(t->shared);
	s->counted = false;
}

static void end(
	struct track *t, struct track_session *s, enum log_end_how how, struct track_time now)
{
	if (s->state != TRACK_OPEN)
		return;
	uncount(t, s);
	s->state = TRACK_ENDED;
	s->how = how;
	s->ended_ms = (int64_t)now.now_ms;
	t->n_open--;
	link_ended(t, s);
}

struct tls_text {
	char offered[HELLO_VERSIONS_TEXT], version[HELLO_VERSIONS_TEXT];
};

static struct span versions_text(char *block, unsigned versions)
{
	struct out o;

	out_init(&o, block, HELLO_VERSIONS_TEXT);
	hello_print_versions(&o, versions);
	return out_span(&o);
}

/* @text: what @close borrows, beside the name. */
static void add_tls(
	struct track *t, struct track_session *s, struct log_close *close, struct tls_text *text)
{
	const struct gather_told *told = gather_end(&t->gather, &s->tls);

	if (!told)
		return;
	close->tls_name = span_of(told->name, told->n_name);
	close->tls_name_cut = told->long_name;
	close->tls_offered = versions_text(text->offered, told->offered);
	close->tls_version = versions_text(text->version, told->chosen);
}

static void tell(struct track *t, struct track_session *s, int64_t wall_ns)
{
	struct tls_text text;
	struct log_close close = {
		.by = ended_by(s),
		.why = CODE_COUNT,
		.c2s = s->c2s.octets,
		.s2c = s->s2c.octets,
		.duration_ms = (uint64_t)(s->ended_ms - s->opened_ms),
		.how = s->how,
		.uncounted = !s->metered,
		.packets_c2s = s->c2s.packets,
		.packets_s2c = s->s2c.packets,
	};

	add_tls(t, s, &close, &text);
	log_close(t->log, wall_ns, &s->log, &close);
}

/* An ended one: its record, and its place is free. */
static void finish(struct track *t, struct track_session *s, struct track_time now)
{
	tell(t, s, now.wall_ns);
	gather_forget(&t->gather, &s->tls);
	unlink_ended(t, s);
	unlink_bucket(t, s);
	if (tells_tls(s))
		unlink_inside(t, s);
	s->page->open--;
	s->state = TRACK_FREE;
	s->next = t->free;
	t->free = link_to(t, s);
}

void track_expire(struct track *t, struct track_time now)
{
	struct track_session *s;

	while ((s = linked(t, t->first_ended)) != NULL &&
		s->ended_ms + TRACK_WAIT_MS <= (int64_t)now.now_ms)
		finish(t, s, now);
}

/* ---- beginnings ---- */

static struct track_session *take_place(struct track *t, struct track_time now)
{
	struct track_session *s;

	if (!t->free && t->end == TRACK_MAX && t->first_ended)
		finish(t, linked(t, t->first_ended), now);
	s = linked(t, t->free);
	if (s)
		t->free = s->next;
	else if (t->end < TRACK_MAX)
		s = &t->sessions[t->end++];
	return s;
}

static void count(struct track *t, struct track_session *s, bool found, struct track_time now)
{
	static const struct rule_limits none; /* counts, and refuses nobody */
	const struct publish *rule = s->log.rule;
	const uint64_t key = s->page->rules[rule->number].key;
	struct limit_answer a = { .code = CODE_LIMIT_MEMORY };
	uint64_t ban_ms;
	enum tally_what ban_by;

	shared_lock(t->shared);
	if (!found)
		a = limits_enter(
			t->limits, key, &rule->limits, &s->log.client.ip, now.now_ms, &s->place);
	ban_ms = a.ban_ms;
	ban_by = a.ban_by;
	if (a.code != CODE_COUNT)
		a = limits_enter(t->limits, key, &none, &s->log.client.ip, now.now_ms, &s->place);
	shared_unlock(t->shared);
	s->counted = a.code == CODE_COUNT;
	if (ban_ms > 0)
		bans_tell(t->control, rule, &s->log.client.ip, ban_by, ban_ms);
}

/* How long it was open already: only the kernel knows of one that a dump has found. */
static int64_t age_ms(const struct ct *ct, bool found, struct track_time now)
{
	const int64_t begun_ns = (int64_t)ct->start_ns;

	if (!found || begun_ns <= 0 || begun_ns > now.wall_ns)
		return 0;
	return (now.wall_ns - begun_ns) / 1000000;
}

static void begin(struct track *t, const struct ct *ct, bool found, struct track_time now)
{
	struct book_page *page = t->book->current;
	const unsigned number = page ? lane_of_mark(&page->rs->host, ct->mark) : 0;
	const struct lane *lane = book_lane(t->book, number, &page);
	struct track_session *s;
	uint32_t *bucket;

	if (!lane || lane->kind == LANE_PROXY)
		return;
	s = take_place(t, now);
	if (!s) {
		t->full++;
		return;
	}
	bucket = bucket_of(t, &ct->client, &ct->asked);
	*s = (struct track_session){
		.log = { .client = ct->client,
			.to = ct->asked,
			.internal = ct->server,
			.rule = lane->rule },
		.page = page,
		.ct_id = ct->id,
		.next = *bucket,
		.state = TRACK_OPEN,
		.opened_ms = (int64_t)now.now_ms - age_ms(ct, found, now),
	};
	*bucket = link_to(t, s);
	if (tells_tls(s))
		link_inside(t, s);
	page->open++;
	t->n_open++;
	t->opened++;
	t->found += found;
	ident_session(t->ident, now.wall_ns, s->log.id);
	count(t, s, found, now);
	log_open(t->log, now.wall_ns, &s->log);
}

/* ---- messages ---- */

static bool is_open(uint8_t state)
{
	return state == TCP_CONNTRACK_ESTABLISHED || state == TCP_CONNTRACK_FIN_WAIT ||
	       state == TCP_CONNTRACK_CLOSE_WAIT;
}

/* Half closed is open: the other side may go on for long. */
static bool begins(const struct ct *ct, bool dumped)
{
	if (ct->destroyed || (ct->status & COMPLETE) != COMPLETE)
		return false;
	return dumped ? is_open(ct->state) : ct->state == TCP_CONNTRACK_ESTABLISHED;
}

static void learn(struct track *t, struct track_session *s, const struct ct *ct)
{
	const uint8_t c2s = ct->flagged ? ct->c2s.flags : s->c2s.flags;
	const uint8_t s2c = ct->flagged ? ct->s2c.flags : s->s2c.flags;

	s->sweep = t->sweep;
	if (ct->counted) {
		s->metered = true;
		s->c2s = ct->c2s;
		s->s2c = ct->s2c;
	}
	s->c2s.flags = c2s;
	s->s2c.flags = s2c;
}

/* LOG_HOW_UNTOLD: it goes on. */
static enum log_end_how how_ended(const struct ct *ct)
{
	if (ct->state == TCP_CONNTRACK_LAST_ACK || ct->state == TCP_CONNTRACK_TIME_WAIT)
		return LOG_HOW_CLOSED;
	if (ct->state == TCP_CONNTRACK_CLOSE)
		return LOG_HOW_RESET;
	return ct->destroyed ? LOG_HOW_TIMEOUT : LOG_HOW_UNTOLD;
}

/* Nothing comes any more but what is sent twice: counters are final. */
static bool is_over(const struct ct *ct)
{
	return ct->state == TCP_CONNTRACK_TIME_WAIT || ct->state == TCP_CONNTRACK_CLOSE;
}

bool track_take(struct track *t, const struct ct *ct, enum track_from from, struct track_time now)
{
	struct track_session *s = find(t, ct);
	enum log_end_how how;

	if (!s && begins(ct, from == TRACK_DUMP)) {
		begin(t, ct, from == TRACK_DUMP, now);
		s = find(t, ct);
	}
	if (!s)
		return false;
	learn(t, s, ct);
	how = how_ended(ct);
	if (how != LOG_HOW_UNTOLD)
		end(t, s, how, now);
	if (!ct->destroyed && !(is_over(ct) && from != TRACK_EVENT))
		return is_over(ct);
	finish(t, s, now);
	return false;
}

/* ---- sweeps ---- */

void track_sweep_begin(struct track *t)
{
	t->sweep++;
	t->found = t->gone = 0;
}

void track_sweep_end(struct track *t, struct track_time now)
{
	for (uint32_t i = 0; i < t->end; i++) {
		struct track_session *s = &t->sessions[i];

		if (s->state == TRACK_FREE || s->sweep == t->sweep)
			continue;
		t->gone += s->state == TRACK_OPEN;
		end(t, s, LOG_HOW_UNSEEN, now);
		finish(t, s, now);
	}
}
