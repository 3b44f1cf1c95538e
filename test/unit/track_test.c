/* SPDX-License-Identifier: ISC */
/* filter/gate/track: when a passed session opens, counts and ends, and what is told of it. */
#include "test/unit/rules_of.h"

#include "base/talk.h"
#include "filter/gate/track.h"
#include "test/unit/netlink_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOSE_INIT 4 /* IP_CT_TCP_FLAG_CLOSE_INIT */
#define COMPLETE   (IPS_SEEN_REPLY | IPS_ASSURED)
#define WALL_NS    INT64_C(1800000000000000000)

static const char text[] =
	"version 1\n"
	"publish through { external 198.51.100.2:993; internal 10.0.0.21:993, 10.0.0.22:993; pass\n"
	"  limit connections 3 per client; limit rate 4 per 1m per client }\n"
	"publish mail { external 198.51.100.2:25; internal 10.0.0.21:25 }\n"
	"publish asis { external any:4190; internal original; pass }\n"
	"publish strict { external 198.51.100.2:995; internal 10.0.0.21:995; pass\n"
	"  limit rate 2 per 1m per client then refuse for 10m }\n"
	"publish told { external 198.51.100.2:465; internal 10.0.0.21:993; pass\n"
	"  log sessions, tls }\n";

enum { LANE_FIRST = 1, LANE_SECOND, LANE_MAIL, LANE_OWN, LANE_STRICT, LANE_TOLD };

struct fixture {
	struct rules_of rules;
	struct book_page page;
	struct book_rule of_rule[8];
	uint8_t room[65536];
	struct book book;
	struct shared shared;
	struct ledger ledger;
	struct limits limits;
	struct ident ident;
	struct log_sender log;
	struct track track;
	int logged; /* the other end */
	int told;   /* the other end of the control pair */
	char said[1 << 20];
};

static struct fixture f;

static void number_rules(void)
{
	static uint8_t block[65536];
	struct arena arena, scratch;
	struct lanes lanes;
	struct out o;

	arena_init(&scratch, f.room, sizeof(f.room));
	assert_int_equal(lanes_assign(&scratch, f.rules.rs, (struct span){ 0 }, &lanes), LANES_OK);
	out_init(&o, block, sizeof(block));
	lanes_print(&o, &lanes);
	arena_init(&arena, f.room, sizeof(f.room));
	assert_int_equal(lanes_read(&arena, f.rules.rs, out_span(&o), &f.page.lanes), LANES_OK);
	for (size_t i = 0; i < f.rules.rs->n_rules; i++) {
		const struct publish *p = f.rules.rs->rules[i].publish;

		f.of_rule[p->number].key = tally_rule(&f.shared.tally, span_str(p->name));
	}
}

static int begin(void **state)
{
	const int counts = shared_make(), ledger = ledger_make();
	int ends[2], control[2];

	(void)state;
	memset(&f, 0, sizeof(f));
	rules_of_init(&f.rules, text);
	assert_int_equal(shared_map(&f.shared, counts, 1), 0);
	assert_int_equal(ledger_map(&f.ledger, ledger), 0);
	close(counts);
	close(ledger);
	f.page.rs = f.rules.rs;
	f.page.rules = f.of_rule;
	number_rules();
	f.book.current = &f.page;
	f.limits = (struct limits){ &f.shared.tally, &f.ledger, 64 };
	assert_int_equal(ident_init(&f.ident, 7), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	log_sender_init(&f.log, ends[0]);
	f.logged = ends[1];
	assert_int_equal(msg_pair(control), 0);
	f.told = control[1];
	f.track = (struct track){ .control = control[0],
		.book = &f.book,
		.shared = &f.shared,
		.limits = &f.limits,
		.log = &f.log,
		.ident = &f.ident };
	assert_int_equal(track_init(&f.track), 0);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	track_deinit(&f.track);
	close(f.log.fd);
	close(f.logged);
	close(f.track.control);
	close(f.told);
	ledger_unmap(&f.ledger);
	shared_unmap(&f.shared);
	rules_of_deinit(&f.rules);
	return 0;
}

/* ---- what the kernel says ---- */

static struct ip_port port_of(const char *from)
{
	struct ip_port p;

	assert_true(ip_port_parse(span_str(from), &p));
	return p;
}

static struct track_time at(uint64_t now_ms)
{
	return (struct track_time){ now_ms, WALL_NS + (int64_t)now_ms * 1000000 };
}

static struct ct_of connection(uint16_t port, unsigned lane)
{
	struct ct_of c = { .client = port_of("203.0.113.9:1"),
		.asked = port_of("198.51.100.2:993"),
		.server = port_of("10.0.0.21:993"),
		.id = 1000u + port,
		.mark = lane_mark(&f.rules.rs->host, lane),
		.status = COMPLETE };

	c.client.port = port;
	return c;
}

static bool take_from(const struct ct_of *c, enum track_from from, uint64_t now_ms)
{
	struct netlink_of n;
	struct ct ct;

	netlink_of_ct(&n, c);
	assert_int_equal(ct_read(n.m, f.rules.rs->host.lane_mask, &ct), CT_OK);
	return track_take(&f.track, &ct, from, at(now_ms));
}

static void take(const struct ct_of *c, uint64_t now_ms)
{
	take_from(c, c->dumped ? TRACK_DUMP : TRACK_EVENT, now_ms);
}

/* The connection changes its state. */
static void becomes(struct ct_of *c, uint8_t tcp, uint64_t now_ms)
{
	c->state = tcp;
	take(c, now_ms);
}

static void opens(struct ct_of *c, uint64_t now_ms)
{
	const struct ct_of before = *c;

	c->status = 0;
	becomes(c, TCP_CONNTRACK_SYN_SENT, now_ms);
	c->status = IPS_SEEN_REPLY;
	becomes(c, TCP_CONNTRACK_SYN_RECV, now_ms);
	c->status = before.status;
	becomes(c, TCP_CONNTRACK_ESTABLISHED, now_ms);
}

static void is_destroyed(struct ct_of *c, uint64_t c2s, uint64_t s2c, uint64_t now_ms)
{
	c->destroyed = true;
	c->metered = c2s > 0;
	c->c2s = c2s;
	c->s2c = s2c;
	take(c, now_ms);
}

/* ---- what is said of it ---- */

/* Everything that was logged since. */
static const char *logged(void)
{
	size_t n = 0;
	ssize_t r;

	log_sender_flush(&f.log, WALL_NS);
	while ((r = recv(f.logged, f.said + n, sizeof(f.said) - n - 1, MSG_DONTWAIT)) > 0)
		n += (size_t)r;
	f.said[n] = '\0';
	return f.said;
}

static unsigned lines(const char *said)
{
	unsigned n = 0;

	for (; (said = strchr(said, '\n')) != NULL; said++)
		n++;
	return n;
}

static void expect_words(const char *said, const char *words)
{
	if (!strstr(said, words))
		fail_msg("no %s in %s", words, said);
}

static void expect_silence(void)
{
	assert_string_equal(logged(), "");
}

static uint32_t counted(void)
{
	const struct tally_key key = { .rule = f.of_rule[1].key };
	const struct tally_slot *slot = tally_find(&f.shared.tally, &key);

	return slot ? slot->connections : 0;
}

/* ---- tests ---- */

static void it_opens_with_the_handshake(void **state)
{
	struct ct_of c = connection(4000, LANE_SECOND);

	(void)state;
	c.status = 0;
	becomes(&c, TCP_CONNTRACK_SYN_SENT, 1000);
	c.status = IPS_SEEN_REPLY;
	becomes(&c, TCP_CONNTRACK_SYN_RECV, 1000);
	becomes(&c, TCP_CONNTRACK_ESTABLISHED, 1000); /* not assured: no ACK was seen */
	becomes(&c, TCP_CONNTRACK_NONE, 1000);
	expect_silence();
	assert_int_equal(counted(), 0);
	c.status = COMPLETE;
	becomes(&c, TCP_CONNTRACK_ESTABLISHED, 1000);
	becomes(&c, TCP_CONNTRACK_ESTABLISHED, 1000);
	assert_int_equal(lines(logged()), 1);
	expect_words(f.said, "\"code\":\"PN1004\"");
	expect_words(f.said,
		"\"client\":\"203.0.113.9\",\"client_port\":4000,\"rule\":\"through\",\"rule_at\":"
		"\"rules.conf:2\",\"to\":\"198.51.100.2\",\"to_port\":993,\"internal\":"
		"\"10.0.0.21\",\"internal_port\":993,\"inspected\":false");
	assert_int_equal(counted(), 1);
	assert_int_equal(f.track.n_open, 1);
	assert_int_equal(f.page.open, 1);
}

static void it_ends_when_both_have_said_so(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST);

	(void)state;
	opens(&c, 1000);
	logged();
	c.s2c_flags = CLOSE_INIT;
	becomes(&c, TCP_CONNTRACK_FIN_WAIT, 2000);
	becomes(&c, TCP_CONNTRACK_CLOSE_WAIT, 3000);
	assert_int_equal(counted(), 1); /* half open is open */
	becomes(&c, TCP_CONNTRACK_LAST_ACK, 4000);
	assert_int_equal(counted(), 0);
	assert_int_equal(f.track.n_open, 0);
	becomes(&c, TCP_CONNTRACK_TIME_WAIT, 4500);
	expect_silence(); /* until the counters come */
	is_destroyed(&c, 1200, 3400, 124000);
	expect_words(logged(), "\"ended_by\":\"server\",\"how\":\"closed\",\"c2s\":1200,\"s2c\":"
			       "3400,\"packets_c2s\":12,\"packets_s2c\":34,\"duration_ms\":3000");
	assert_int_equal(lines(f.said), 1);
	assert_int_equal(f.page.open, 0);
	is_destroyed(&c, 1, 1, 125000);
	expect_silence();
}

static void counters_are_asked_for(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST);

	(void)state;
	opens(&c, 1000);
	logged();
	c.state = TCP_CONNTRACK_LAST_ACK;
	assert_false(take_from(&c, TRACK_EVENT, 2000)); /* one more packet is to come */
	c.state = TCP_CONNTRACK_TIME_WAIT;
	assert_true(take_from(&c, TRACK_EVENT, 2500));
	expect_silence();
	c.metered = true;
	c.c2s = 1200;
	assert_false(take_from(&c, TRACK_ANSWER, 2501));
	expect_words(logged(), "\"c2s\":1200,");
	expect_words(f.said, "\"duration_ms\":1000");
	assert_int_equal(f.page.open, 0);
	c.metered = false;
	assert_false(take_from(&c, TRACK_EVENT, 3000)); /* of one that is forgotten */
	is_destroyed(&c, 1, 1, 120000);
	expect_silence();
}

static void it_ends_by_a_reset(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST);

	(void)state;
	opens(&c, 1000);
	becomes(&c, TCP_CONNTRACK_CLOSE, 1500);
	logged();
	is_destroyed(&c, 100, 200, 11500);
	expect_words(logged(), "\"internal_port\":993,\"how\":\"reset\",\"c2s\":100");
	expect_words(f.said, "\"duration_ms\":500");
}

static void it_ends_by_time(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST);

	(void)state;
	opens(&c, 1000);
	logged();
	is_destroyed(&c, 0, 0, 9000);
	expect_words(logged(), "\"how\":\"timeout\",\"duration_ms\":8000"); /* nobody counts */
	assert_int_equal(counted(), 0);
}

static void a_destroy_that_never_comes(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST), d = connection(4001, LANE_FIRST);

	(void)state;
	opens(&c, 1000);
	opens(&d, 1000);
	becomes(&c, TCP_CONNTRACK_TIME_WAIT, 2000);
	becomes(&d, TCP_CONNTRACK_TIME_WAIT, 3000);
	logged();
	track_expire(&f.track, at(2000 + TRACK_WAIT_MS - 1));
	expect_silence();
	track_expire(&f.track, at(2000 + TRACK_WAIT_MS));
	expect_words(logged(), "\"client_port\":4000");
	assert_int_equal(lines(f.said), 1);
	track_expire(&f.track, at(3000 + TRACK_WAIT_MS));
	expect_words(logged(), "\"client_port\":4001");
	assert_int_equal(f.page.open, 0);
}

static void the_same_addresses_again(void **state)
{
	struct ct_of c = connection(4000, LANE_FIRST), d = connection(4000, LANE_FIRST);

	(void)state;
	d.id++;
	opens(&c, 1000);
	becomes(&c, TCP_CONNTRACK_TIME_WAIT, 2000);
	opens(&d, 3000); /* and the DESTROY of the first one is late */
	assert_int_equal(counted(), 1);
	logged();
	is_destroyed(&c, 100, 100, 4000);
	expect_words(logged(), "\"duration_ms\":1000");
	assert_int_equal(counted(), 1);
	is_destroyed(&d, 100, 100, 5000);
	assert_int_equal(counted(), 0);
}

static void only_passed_ones(void **state)
{
	struct ct_of c = connection(4000, LANE_MAIL), d = connection(4001, 200);
	struct ct_of own = connection(4002, LANE_OWN);

	(void)state;
	opens(&c, 1000);
	opens(&d, 1000);
	expect_silence();
	own.asked = own.server = port_of("192.0.2.9:4190");
	opens(&own, 1000);
	expect_words(logged(), "\"rule\":\"asis\"");
	f.book.current = NULL; /* no rules yet */
	opens(&c, 1000);
	expect_silence();
}

/* Those whose SYNs were judged together are more than the limit: all are counted. */
static void beyond_a_limit_they_are_counted(void **state)
{
	struct ct_of c[5];

	(void)state;
	for (uint16_t i = 0; i < 5; i++) {
		c[i] = connection((uint16_t)(4000 + i), LANE_FIRST);
		opens(&c[i], 1000);
	}
	assert_int_equal(counted(), 5);
	for (unsigned i = 0; i < 5; i++)
		is_destroyed(&c[i], 100, 100, 2000);
	assert_int_equal(counted(), 0);
}

static bool ban_told(struct role_ban *ban)
{
	uint8_t block[MSG_HEAD + sizeof(*ban)];
	struct msg m;

	if (msg_recv(f.told, block, sizeof(block), &m) != MSG_OK)
		return false;
	assert_int_equal(m.type, ROLE_BAN);
	assert_int_equal(m.body.n, sizeof(*ban));
	memcpy(ban, m.body.p, sizeof(*ban));
	return true;
}

/* By a handshake that is one too many, once; the session is counted and goes on. */
static void a_ban_is_told_to_posternd(void **state)
{
	struct role_ban ban;

	(void)state;
	for (uint16_t i = 0; i < 5; i++) {
		struct ct_of c = connection((uint16_t)(4000 + i), LANE_STRICT);

		opens(&c, 1000);
		assert_int_equal(ban_told(&ban), i == 2);
	}
	assert_string_equal(ban.rule, "strict");
	assert_int_equal(ban.what, TALLY_CONNECTIONS);
	assert_int_equal(ban.seconds, 600);
	assert_true(ip_eq(&ban.client, &(struct ip){ IP_V4, { 203, 0, 113, 9 } }));
	assert_int_equal(f.track.n_open, 5);
}

static void a_sweep_finds_and_misses(void **state)
{
	struct ct_of gone = connection(4000, LANE_FIRST), stays = connection(4001, LANE_FIRST);
	struct ct_of ended = connection(4002, LANE_FIRST), unknown = connection(4003, LANE_FIRST);
	struct ct_of later = connection(4004, LANE_FIRST), over = connection(4005, LANE_FIRST);

	(void)state;
	opens(&gone, 1000);
	opens(&stays, 1000);
	opens(&ended, 1000);
	becomes(&ended, TCP_CONNTRACK_TIME_WAIT, 1500);
	logged();
	track_sweep_begin(&f.track);
	opens(&later, 2000); /* an event between two answers */
	stays.dumped = unknown.dumped = over.dumped = true;
	stays.metered = unknown.metered = true;
	stays.c2s = stays.s2c = 500;
	becomes(&stays, TCP_CONNTRACK_ESTABLISHED, 2000);
	unknown.start_ns = (uint64_t)WALL_NS - 60000000000u;
	becomes(&unknown, TCP_CONNTRACK_CLOSE_WAIT, 2000);
	becomes(&over, TCP_CONNTRACK_TIME_WAIT, 2000); /* that it was open was never seen */
	track_sweep_end(&f.track, at(2000));
	assert_int_equal(f.track.found, 1);
	assert_int_equal(f.track.gone, 1);
	assert_int_equal(f.track.n_open, 3);
	assert_int_equal(counted(), 3);
	expect_words(logged(), "\"how\":\"unseen\",\"duration_ms\":1000");
	expect_words(f.said, "\"how\":\"closed\",\"duration_ms\":500");
	assert_int_equal(lines(f.said), 4);
	is_destroyed(&unknown, 100, 100, 3000);
	expect_words(logged(), "\"duration_ms\":63000");
}

static void what_a_sweep_finds_is_in_no_rate(void **state)
{
	const struct ip_port client = port_of("203.0.113.9:1");
	uint32_t place;

	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		struct ct_of c = connection((uint16_t)(4000 + i), LANE_FIRST);

		c.dumped = true;
		becomes(&c, TCP_CONNTRACK_ESTABLISHED, 1000);
		is_destroyed(&c, 100, 100, 1000);
	}
	assert_int_equal(limits_enter(&f.limits, f.of_rule[1].key,
				 &f.rules.rs->rules[0].publish->limits, &client.ip, 1000, &place)
				 .code,
		CODE_COUNT);
}

/* ---- hellos ---- */

/* name "a\\", TLS 1.3 and 1.2; the server takes 1.2 */
static const uint8_t client_hello[] = { 22, 3, 1, 0, 67, 1, 0, 0, 63, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8,
	9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 0, 0, 2, 19, 1, 1, 0, 0, 20, 0, 0, 0, 7, 0, 5, 0, 0, 2, 97, 92, 0, 43, 0, 5, 4, 3, 4, 3,
	3 };
static const uint8_t server_hello[] = { 22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8,
	9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 0, 0, 47, 0 };

static void copy(const char *from, const char *to, uint32_t seq, const uint8_t *octets, size_t n)
{
	const struct packet p = { .client = port_of(from),
		.asked = port_of(to),
		.seq = seq,
		.payload = span_of(octets, n) };

	track_copy(&f.track, &p);
}

static void from_client(const char *client)
{
	copy(client, "10.0.0.21:993", 1, client_hello, 30);
	copy(client, "10.0.0.21:993", 31, client_hello + 30, sizeof(client_hello) - 30);
}

static void from_server(const char *client)
{
	copy("10.0.0.21:993", client, 1, server_hello, sizeof(server_hello));
}

static struct ct_of told(uint16_t port)
{
	struct ct_of c = connection(port, LANE_TOLD);

	c.asked = port_of("198.51.100.2:465");
	return c;
}

static void what_the_hellos_say(void **state)
{
	struct ct_of c = told(4000), d = connection(4001, LANE_FIRST);

	(void)state;
	from_client("203.0.113.9:4000"); /* of a session that is not there */
	opens(&c, 1000);
	opens(&d, 1000);
	from_client("203.0.113.9:4000");
	from_server("203.0.113.9:4000");
	from_client("203.0.113.9:4001"); /* its rule does not tell it */
	assert_int_equal(f.track.gather.n, 0);
	logged();
	is_destroyed(&c, 1200, 3400, 5000);
	expect_words(logged(), "\"duration_ms\":4000,\"tls_name\":\"a\\\\\\\\\",\"tls_offered\":"
			       "\"1.2,1.3\",\"tls_version\":\"1.2\"}");
	is_destroyed(&d, 1200, 3400, 5000);
	assert_null(strstr(logged(), "tls"));
	from_client("203.0.113.9:4000"); /* late */
	assert_int_equal(f.track.gather.n, 0);
}

static void a_hello_that_was_not_whole(void **state)
{
	struct ct_of c = told(4000), d = told(4001), e = told(4002);

	(void)state;
	opens(&c, 1000);
	opens(&d, 1000);
	opens(&e, 1000);
	copy("203.0.113.9:4000", "10.0.0.21:993", 1, client_hello, 30);
	from_server("203.0.113.9:4001");
	from_client("203.0.113.9:4002"); /* and goes on, when this gate ends */
	assert_int_equal(f.track.gather.n, 3);
	logged();
	is_destroyed(&c, 0, 0, 2000);
	assert_null(strstr(logged(), "tls"));
	is_destroyed(&d, 0, 0, 2000);
	expect_words(logged(), "\"duration_ms\":1000,\"tls_version\":\"1.2\"}");
	assert_int_equal(f.track.gather.n, 1);
}

/* A port used again: the copies are the younger one's. */
static void hellos_of_the_same_addresses_again(void **state)
{
	struct ct_of c = told(4000), d = told(4000);

	(void)state;
	d.id++;
	opens(&c, 1000);
	becomes(&c, TCP_CONNTRACK_TIME_WAIT, 2000);
	opens(&d, 3000);
	from_client("203.0.113.9:4000");
	logged();
	is_destroyed(&c, 100, 100, 4000);
	assert_null(strstr(logged(), "tls"));
	is_destroyed(&d, 100, 100, 5000);
	expect_words(logged(), "\"tls_name\"");
}

/* The oldest end makes room; where all are open, the next goes on uncounted. */
static void the_table_is_bounded(void **state)
{
	struct ct_of c = connection(1, LANE_OWN);

	(void)state;
	close(f.log.fd);
	f.log.fd = -1;
	c.asked = c.server = port_of("192.0.2.9:4190");
	for (uint32_t i = 0; i < TRACK_MAX; i++) {
		c.id = i;
		c.client.port = (uint16_t)(1 + i % 60000);
		c.client.ip.octets[2] = (uint8_t)(i / 60000);
		becomes(&c, TCP_CONNTRACK_ESTABLISHED, 1000);
	}
	assert_int_equal(f.track.n_open, TRACK_MAX);
	becomes(&c, TCP_CONNTRACK_TIME_WAIT, 1500); /* the last one ends */
	c.id++;
	c.client.ip.octets[2]++;
	becomes(&c, TCP_CONNTRACK_ESTABLISHED, 2000);
	assert_int_equal(f.track.n_open, TRACK_MAX);
	assert_int_equal(f.track.full, 0);
	c.id++;
	c.client.ip.octets[2]++;
	becomes(&c, TCP_CONNTRACK_ESTABLISHED, 2000);
	assert_int_equal(f.track.full, 1);
	assert_int_equal(f.track.n_open, TRACK_MAX);
}

/* Events in any order, with any lost: the table never counts what it does not hold. */
static void any_events_at_all(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct ct_of c;
		uint32_t r;

		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		r = seed;
		c = connection((uint16_t)(4000 + r % 64), 1 + (r >> 6) % 6);
		c.id += (r >> 9) % 2;
		c.dumped = (r >> 10) % 4 == 0;
		c.destroyed = (r >> 12) % 8 == 0;
		c.metered = (r >> 15) % 2;
		c.status = (r >> 16) % 8 ? COMPLETE : 0;
		becomes(&c, (uint8_t)((r >> 19) % 12), 1000 + i * 100);
		track_copy(&f.track,
			&(struct packet){ .client = r >> 31 ? c.client : port_of("10.0.0.21:993"),
				.asked = r >> 31 ? port_of("10.0.0.21:993") : c.client,
				.payload = span_of(client_hello, sizeof(client_hello)) });
		if (i % 1000 == 0)
			track_sweep_begin(&f.track);
		if (i % 1000 == 500)
			track_sweep_end(&f.track, at(1000 + i * 100));
		if (i % 300 == 0)
			track_expire(&f.track, at(1000 + i * 100));
		logged();
		assert_true(f.track.n_open <= 128 && f.page.open <= 128);
	}
	track_sweep_begin(&f.track);
	track_sweep_end(&f.track, at(1u << 30));
	assert_int_equal(f.track.n_open, 0);
	assert_int_equal(f.page.open, 0);
	assert_int_equal(counted(), 0);
	assert_int_equal(f.track.first_ended, 0);
	assert_int_equal(f.track.gather.n, 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(it_opens_with_the_handshake),
		WITH(it_ends_when_both_have_said_so),
		WITH(counters_are_asked_for),
		WITH(it_ends_by_a_reset),
		WITH(it_ends_by_time),
		WITH(a_destroy_that_never_comes),
		WITH(the_same_addresses_again),
		WITH(only_passed_ones),
		WITH(beyond_a_limit_they_are_counted),
		WITH(a_ban_is_told_to_posternd),
		WITH(a_sweep_finds_and_misses),
		WITH(what_a_sweep_finds_is_in_no_rate),
		WITH(what_the_hellos_say),
		WITH(a_hello_that_was_not_whole),
		WITH(hellos_of_the_same_addresses_again),
		WITH(the_table_is_bounded),
		WITH(any_events_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
