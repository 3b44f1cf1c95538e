/* SPDX-License-Identifier: ISC */
#include "proxy/relay/resolve/question.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "filter/relay/host_texts.h"
#include "filter/smtp/path.h"
#include "proxy/relay/resolve/name.h"

static_assert(MX_HOSTS <= RESOLVE_NAMES && MX_TARGETS <= RESOLVE_ADDRESSES, "what is found fits");
static_assert(DNS_HOST_SIZE == sizeof(((struct resolve_said *)0)->name[0]), "so does a name");

#define AGAIN_MS 10

/* One of the addresses of a host, or the exchangers: for on_host(), or on_exchangers(). */
struct part {
	struct lookup lookup; /* first */
	struct question *question;
	size_t host;
	enum dns_type type;
};

struct question {
	struct questions *all;
	struct question *next, **pprev;
	struct servant_client *client;
	uint64_t number;
	enum resolve_what what;
	struct resolver *resolver;
	char name[DNS_HOST_SIZE];
	ev_timer deadline;
	ev_timer turn; /* fed by hand: libunbound must not be called from what it calls. Or set: the
			  client had no room for the answer */
	bool late;
	bool known;         /* what the hosts are: their addresses are asked for */
	enum mx_result why; /* known: none of them, then */
	bool insecure;      /* something was not validated */
	unsigned open;      /* parts */
	struct part exchangers, parts[2 * MX_HOSTS];
	struct mx_list list;
};

/* ---- answers ---- */

static enum resolve_result result_of(enum mx_result r)
{
	switch (r) {
	case MX_OK: return RESOLVE_OK;
	case MX_NONE: return RESOLVE_NONE;
	case MX_NULL: return RESOLVE_NULL_MX;
	case MX_LOOP: return RESOLVE_LOOP;
	case MX_UNUSABLE: return RESOLVE_UNUSABLE;
	case MX_TEMPFAIL: return RESOLVE_TEMPFAIL;
	case MX_BOGUS: return RESOLVE_BOGUS;
	}
	return RESOLVE_TEMPFAIL;
}

static bool say(struct servant_client *client, const struct resolve_said *said)
{
	const size_t n = offsetof(struct resolve_said, name) + said->names * sizeof(said->name[0]);

	return servant_answer(client, RESOLVE_SAID, span_of(said, n));
}

/* Without an address. */
static void say_result(struct servant_client *client, uint64_t number, enum resolve_result result)
{
	const struct resolve_said said = { .number = number, .result = result };

	say(client, &said);
}

static void drop(struct question *q)
{
	struct questions *all = q->all;

	lookup_end(&q->exchangers.lookup);
	for (size_t i = 0; i < 2 * MX_HOSTS; i++)
		lookup_end(&q->parts[i].lookup);
	ev_timer_stop(all->loop, &q->turn);
	ev_timer_stop(all->loop, &q->deadline);
	*q->pprev = q->next;
	if (q->next)
		q->next->pprev = q->pprev;
	all->n--;
	free(q);
}

/* It may be that it cannot be told now: then all is said again in a moment. */
static void finish(struct question *q, enum mx_result r, const struct mx_target *targets, size_t n)
{
	struct resolve_said said = { .number = q->number, .result = result_of(r) };

	if (r == MX_OK) {
		said.n = (uint32_t)n;
		said.names = (uint32_t)q->list.n;
		said.secure = !q->insecure;
		for (size_t i = 0; i < n; i++) {
			said.address[i].ip = targets[i].ip;
			said.address[i].name = (uint32_t)targets[i].host;
		}
		for (size_t i = 0; i < q->list.n; i++)
			memcpy(said.name[i], q->list.host[i].name, DNS_HOST_SIZE);
	}
	if (say(q->client, &said) || q->late) {
		drop(q);
		return;
	}
	ev_timer_set(&q->turn, AGAIN_MS / 1000.0, 0);
	ev_timer_start(q->all->loop, &q->turn);
}

/* All has come that will. Which exchanger is this host is not known before posternd told its
 * addresses: then mail might go in a circle. */
static void decide(struct question *q)
{
	struct mx_target targets[MX_TARGETS];
	enum mx_result r;
	size_t n = 0;

	if (q->what == RESOLVE_MAIL && !q->all->own.known)
		r = MX_TEMPFAIL;
	else
		r = mx_decide(&q->list, targets, &n);
	finish(q, r, targets, n);
}

/* ---- addresses of hosts ---- */

static struct ip ip_of(struct span octets, enum dns_type type)
{
	return type == DNS_A ? ip_v4(octets.p) : ip_v6(octets.p);
}

static void take_address(struct question *q, struct mx_host *h, const struct ip *ip)
{
	if (q->what == RESOLVE_HOST)
		mx_add_named(h, ip);
	else
		mx_add_address(h, ip, own_has(&q->all->own, ip));
}

static void take_addresses(struct part *p, struct mx_host *h, struct span message)
{
	const size_t size = p->type == DNS_A ? 4 : 16;
	struct dns_answer a;
	size_t at, n;

	if (!dns_answer_open(&a, message, h->name, p->type)) {
		h->failed = true;
		return;
	}
	while (dns_answer_next(&a, &at, &n)) {
		if (n == size) {
			const struct ip ip = ip_of(span_sub(message, at, n), p->type);

			take_address(p->question, h, &ip);
		}
	}
}

static void turn(struct question *q)
{
	ev_feed_event(q->all->loop, &q->turn, EV_CUSTOM);
}

static void on_host(struct lookup *l, enum lookup_result result, struct span message, bool secure)
{
	struct part *p = (struct part *)(void *)l;
	struct question *q = p->question;
	struct mx_host *h = &q->list.host[p->host];

	q->insecure |= !secure;
	switch (result) {
	case LOOKUP_OK: take_addresses(p, h, message); break;
	case LOOKUP_NONE: break;
	case LOOKUP_FAILED: h->failed = true; break;
	case LOOKUP_BOGUS: h->bogus = true; break;
	}
	if (--q->open == 0)
		turn(q);
}

/* Of all of them at once: there are a few, and each has its bound. */
static void ask_addresses(struct question *q)
{
	static const enum dns_type types[] = { DNS_AAAA, DNS_A };

	q->open = (unsigned)(2 * q->list.n);
	for (size_t i = 0; i < 2 * q->list.n; i++) {
		q->parts[i] = (struct part){
			.lookup.told = on_host, .question = q, .host = i / 2, .type = types[i % 2]
		};
		lookup_begin(
			&q->parts[i].lookup, q->resolver, q->list.host[i / 2].name, types[i % 2]);
	}
}

/* ---- exchangers ---- */

/* Of a domain without MX, itself: RFC 5321 5.1. The domain may be this host's name. */
static enum mx_result be_implicit(struct question *q)
{
	mx_add(&q->list, 0, q->name);
	return q->list.n > 0 ? MX_OK : MX_LOOP;
}

static void on_exchangers(
	struct lookup *l, enum lookup_result result, struct span message, bool secure)
{
	struct question *q = ((struct part *)(void *)l)->question;

	q->insecure |= !secure;
	switch (result) {
	case LOOKUP_OK:
		q->why = mx_read(&q->list, message, q->name);
		if (q->why == MX_NONE)
			q->why = be_implicit(q);
		break;
	case LOOKUP_NONE: q->why = MX_NONE; break;
	case LOOKUP_FAILED: q->why = MX_TEMPFAIL; break;
	case LOOKUP_BOGUS: q->why = MX_BOGUS; break;
	}
	turn(q);
}

/* ---- a question's life ---- */

static void on_turn(struct ev_loop *loop, ev_timer *w, int events)
{
	struct question *q = w->data;

	(void)loop;
	(void)events;
	if (q->known) {
		decide(q);
	} else if (q->why != MX_OK) {
		finish(q, q->why, NULL, 0);
	} else {
		q->known = true;
		ask_addresses(q);
	}
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
	struct question *q = w->data;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < 2 * q->list.n; i++)
		if (q->parts[i].lookup.resolver)
			q->list.host[q->parts[i].host].failed = q->insecure = true;
	q->late = true;
	if (q->known)
		decide(q);
	else
		finish(q, MX_TEMPFAIL, NULL, 0);
}

static struct question *question_new(struct questions *qs, struct servant_client *client)
{
	struct question *q = calloc(1, sizeof(*q));
	uint64_t seed;

	if (!q || getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		free(q);
		return NULL;
	}
	q->all = qs;
	q->client = client;
	q->next = qs->list;
	q->pprev = &qs->list;
	if (q->next)
		q->next->pprev = &q->next;
	qs->list = q;
	qs->n++;
	mx_init(&q->list, qs->hostname, seed);
	ev_init(&q->turn, on_turn);
	ev_timer_init(&q->deadline, on_deadline, QUESTION_MS / 1000.0, 0);
	q->turn.data = q->deadline.data = q;
	ev_now_update(qs->loop);
	ev_timer_start(qs->loop, &q->deadline);
	return q;
}

/* ---- hosts ---- */

/* True: the hosts file has it. */
static bool take_known(struct question *q)
{
	struct ip list[2 * MX_ADDRESSES];
	const size_t n = hosts_find(q->all->hosts, span_str(q->name), list, 2 * MX_ADDRESSES);

	for (size_t i = 0; i < n; i++)
		mx_add_named(&q->list.host[0], &list[i]);
	q->insecure = n > 0;
	return n > 0;
}

static void begin_host(struct question *q)
{
	q->list.own_name = "";
	mx_add(&q->list, 0, q->name);
	q->known = true;
	if (take_known(q))
		turn(q);
	else
		ask_addresses(q);
}

static void begin_mail(struct question *q)
{
	q->exchangers = (struct part){ .lookup.told = on_exchangers, .question = q };
	lookup_begin(&q->exchangers.lookup, q->resolver, q->name, DNS_MX);
}

/* ---- asking ---- */

static bool is_greedy(const struct questions *qs, const struct servant_client *client)
{
	size_t n = 0;

	if (qs->n >= QUESTIONS_MAX)
		return true;
	for (const struct question *q = qs->list; q; q = q->next)
		n += q->client == client;
	return n >= QUESTIONS_OF_ME;
}

/* [192.0.2.1], [IPv6:2001:db8::1]: the DNS has no part in it. */
static void answer_literal(struct questions *qs, struct servant_client *client,
	const struct resolve_ask *ask, struct span name)
{
	struct resolve_said said = { .number = ask->number, .n = 1, .names = 1 };
	struct ip *ip = &said.address[0].ip;
	struct out o;

	if (literal_parse(name, ip) != PATH_OK)
		said.result = RESOLVE_BAD;
	else if (ask->what == RESOLVE_MAIL && !qs->own.known)
		said.result = RESOLVE_TEMPFAIL;
	else if (ask->what == RESOLVE_MAIL ? !mx_usable(ip) : !mx_reachable(ip))
		said.result = RESOLVE_UNUSABLE;
	else if (ask->what == RESOLVE_MAIL && own_has(&qs->own, ip))
		said.result = RESOLVE_LOOP;
	if (said.result != RESOLVE_OK) {
		say_result(client, ask->number, said.result);
		return;
	}
	out_init(&o, said.name[0], sizeof(said.name[0]));
	ip_print(&o, ip);
	say(client, &said);
}

static void begin(struct questions *qs, struct servant_client *client,
	const struct resolve_ask *ask, const char *host)
{
	struct question *q = is_greedy(qs, client) ? NULL : question_new(qs, client);

	if (!q) {
		say_result(client, ask->number, RESOLVE_TEMPFAIL);
		return;
	}
	q->number = ask->number;
	q->what = (enum resolve_what)ask->what;
	q->resolver = qs->resolvers[ask->route];
	memcpy(q->name, host, DNS_HOST_SIZE);
	if (q->what == RESOLVE_HOST)
		begin_host(q);
	else
		begin_mail(q);
}

bool question_asked(struct questions *qs, struct servant_client *client, struct span body)
{
	char host[DNS_HOST_SIZE] = "";
	struct resolve_ask ask;
	struct span name;

	if (body.n < sizeof(ask))
		return false;
	memcpy(&ask, body.p, sizeof(ask));
	if (ask.what > RESOLVE_HOST || ask.route >= qs->n_routes || !qs->resolvers[ask.route])
		return false;
	name = span_from(body, sizeof(ask));
	if (name.n > 0 && name.p[0] == '[')
		answer_literal(qs, client, &ask, name);
	else if (name_host(name, host))
		begin(qs, client, &ask, host);
	else
		say_result(client, ask.number, RESOLVE_BAD);
	return true;
}

void questions_gone(struct questions *qs, const struct servant_client *client)
{
	struct question *next;

	for (struct question *q = qs->list; q; q = next) {
		next = q->next;
		if (q->client == client)
			drop(q);
	}
}
