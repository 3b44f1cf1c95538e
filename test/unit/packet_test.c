/* SPDX-License-Identifier: ISC */
/* filter/gate/packet: what is read of a first packet, and that nothing beyond it is (TCP-09). */
#include "filter/gate/packet.h"

#include "test/unit/support.h"

#define ROOM 512

struct bytes {
	uint8_t p[ROOM];
	size_t n;
};

static const uint8_t v4[20] = { 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 203, 0, 113, 9, 198, 51,
	100, 2 };
static const uint8_t tcp[20] = { 0x9c, 0x40, 0, 25, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 0x02, 0xfa, 0xf0,
	0, 0, 0, 0 };
static const uint8_t v6[40] = { 0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 9, 0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };

static void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= ROOM);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static struct bytes plain_v4(void)
{
	struct bytes b = { 0 };

	put(&b, v4, sizeof(v4));
	put(&b, tcp, sizeof(tcp));
	return b;
}

/* @options: octets of IP options, a multiple of 4. */
static struct bytes with_options(size_t options)
{
	struct bytes b = { 0 };
	uint8_t nops[40];

	memset(nops, 1, sizeof(nops));
	put(&b, v4, sizeof(v4));
	put(&b, nops, options);
	put(&b, tcp, sizeof(tcp));
	b.p[0] = (uint8_t)(0x40 | (20 + options) / 4);
	b.p[3] = (uint8_t)b.n;
	return b;
}

/* @types: of extension headers, in order; each @units * 8 + 8 octets. */
static struct bytes with_headers(const uint8_t *types, size_t n, uint8_t units)
{
	struct bytes b = { 0 };

	put(&b, v6, sizeof(v6));
	for (size_t i = 0; i < n; i++) {
		uint8_t header[256 * 8] = { 0 };
		const bool fragment = types[i] == 44;

		header[0] = i + 1 < n ? types[i + 1] : 6;
		header[1] = fragment ? 0 : units;
		put(&b, header, fragment ? 8 : (size_t)(units + 1) * 8);
	}
	put(&b, tcp, sizeof(tcp));
	if (n > 0)
		b.p[6] = types[0];
	b.p[4] = (uint8_t)((b.n - 40) >> 8);
	b.p[5] = (uint8_t)(b.n - 40);
	return b;
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(span_str(text), &ip));
	return ip;
}

static void expect_read(const struct packet *p, const char *client, const char *asked)
{
	const struct ip c = ip_of(client), a = ip_of(asked);

	assert_true(ip_eq(&p->client.ip, &c));
	assert_true(ip_eq(&p->asked.ip, &a));
	assert_int_equal(p->client.port, 40000);
	assert_int_equal(p->asked.port, 25);
	assert_int_equal(p->seq, 0x01020304);
	assert_true(packet_begins(p));
}

/* Before an unreadable page; what is said must not depend on what lies before it either. */
static int read_at_end(struct span s, struct packet *p)
{
	struct fence f;
	int r;

	fence_init(&f, ROOM);
	r = packet_read(span_of(fence_at_end(&f, s), s.n), p);
	fence_deinit(&f);
	return r;
}

/* It is malformed when cut before @enough, and the same from there on. Behind that all is payload.
 */
static void at_every_cut(
	const struct bytes *b, size_t enough, const char *client, const char *asked)
{
	for (size_t n = 0; n <= b->n; n++) {
		struct packet p = { .seq = 7 };
		const int r = read_at_end(span_of(b->p, n), &p);

		if (n < enough) {
			assert_int_equal(r, PACKET_E_MALFORMED);
			assert_int_equal(p.seq, 7); /* untouched */
		} else {
			assert_int_equal(r, PACKET_OK);
			expect_read(&p, client, asked);
			assert_int_equal(p.payload.n, n - enough);
		}
	}
}

static void ipv4_at_every_cut(void **state)
{
	(void)state;
	for (size_t options = 0; options <= 40; options += 4) {
		struct bytes b = with_options(options);

		b.p[3] = (uint8_t)(b.n + 30); /* more than was copied */
		put(&b, "some octets behind", 18);
		at_every_cut(&b, 40 + options, "203.0.113.9", "198.51.100.2");
	}
}

/* TCP options may be cut, and what is behind the packet's own end is none of it. */
static void payload_at_every_cut(void **state)
{
	struct bytes b = plain_v4();

	(void)state;
	b.p[32] = 0x80; /* 12 octets of options */
	b.p[3] = 40 + 12 + 5;
	put(&b, "twelve byteshello, and more", 27);
	for (size_t n = 40; n <= b.n; n++) {
		const size_t want = n < 52 ? 0 : n < 57 ? n - 52 : 5;
		struct fence f;
		struct packet p;

		fence_init(&f, ROOM);
		assert_int_equal(
			packet_read(span_of(fence_at_end(&f, span_of(b.p, n)), n), &p), PACKET_OK);
		assert_int_equal(p.payload.n, want);
		if (want > 0)
			assert_memory_equal(p.payload.p, "hello", want);
		fence_deinit(&f);
	}
}

static void ipv6_at_every_cut(void **state)
{
	static const uint8_t chain[] = { 0, 43, 60, 44, 60, 60, 60, 60 };

	(void)state;
	for (size_t n = 0; n <= sizeof(chain); n++) {
		const struct bytes b = with_headers(chain, n, 1);

		at_every_cut(&b, b.n, "2001:db8:1::9", "2001:db8:2::2");
	}
}

static void headers_are_bounded(void **state)
{
	static const uint8_t many[PACKET_HEADERS_MAX + 1] = { 60, 60, 60, 60, 60, 60, 60, 60, 60 };
	static const uint8_t bad[][1] = { { 50 }, { 51 }, { 59 }, { 135 }, { 17 }, { 58 },
		{ 255 } };
	struct packet p;
	struct bytes b = with_headers(many, PACKET_HEADERS_MAX, 0);

	(void)state;
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_OK);
	b = with_headers(many, PACKET_HEADERS_MAX + 1, 0);
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		b = with_headers(bad[i], 1, 0);
		assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	}
	b = with_headers(many, 1, 0);
	b.p[41] = 255; /* longer than the packet */
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	b = with_headers((const uint8_t[]){ 44 }, 1, 0);
	b.p[43] = 8; /* a later fragment */
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	b.p[43] = 1; /* the first of several */
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_OK);
}

/* One octet of a good packet changed: {place, value}. */
static void what_is_malformed(void **state)
{
	static const struct {
		const char *name;
		uint8_t at, value;
	} cases4[] = {
		{ "version 5", 0, 0x55 },
		{ "header of 16 octets", 0, 0x44 },
		{ "header beyond the packet", 0, 0x4f },
		{ "shorter than its header", 3, 19 },
		{ "no room for TCP", 3, 39 },
		{ "UDP", 9, 17 },
		{ "a later fragment", 7, 1 },
		{ "more fragments", 6, 0x20 },
		{ "from this network", 12, 0 },
		{ "from loopback", 12, 127 },
		{ "from multicast", 12, 224 },
		{ "to multicast", 16, 239 },
		{ "to loopback", 16, 127 },
		{ "TCP header of 16 octets", 32, 0x40 },
		{ "TCP header beyond the packet", 32, 0x60 },
	}, cases6[] = {
		{ "version 7", 0, 0x70 },
		{ "length 0", 5, 0 },
		{ "no room for TCP", 5, 19 },
		{ "from multicast", 8, 0xff },
		{ "to multicast", 24, 0xff },
		{ "UDP", 6, 17 },
		{ "TCP header beyond the packet", 52, 0xf0 },
	};
	struct packet p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases4); i++) {
		struct bytes b = plain_v4();

		b.p[cases4[i].at] = cases4[i].value;
		if (read_at_end(span_of(b.p, b.n), &p) != PACKET_E_MALFORMED)
			fail_msg("IPv4: %s", cases4[i].name);
	}
	for (size_t i = 0; i < COUNT_OF(cases6); i++) {
		struct bytes b = with_headers(NULL, 0, 0);

		b.p[cases6[i].at] = cases6[i].value;
		if (read_at_end(span_of(b.p, b.n), &p) != PACKET_E_MALFORMED)
			fail_msg("IPv6: %s", cases6[i].name);
	}
}

static void addresses_that_are_none(void **state)
{
	static const char *const bad[] = { "::", "::1", "::203.0.113.9" };
	struct bytes b = plain_v4();
	struct packet p;

	(void)state;
	memset(b.p + 12, 255, 4);
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		const struct ip ip = ip_of(bad[i]);

		b = with_headers(NULL, 0, 0);
		memcpy(b.p + 8, ip.octets, 16);
		assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	}
	b = with_headers(NULL, 0, 0); /* an IPv4 client in disguise */
	memcpy(b.p + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x09", 16);
	assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	for (size_t at = 20; at <= 22; at += 2) { /* ports */
		b = plain_v4();
		memset(b.p + at, 0, 2);
		assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_E_MALFORMED);
	}
}

static void only_a_syn_begins(void **state)
{
	static const struct {
		uint8_t flags;
		bool begins;
	} cases[] = { { 0x02, true }, { 0xc2, true }, { 0x0a, true }, { 0x12, false },
		{ 0x03, false }, { 0x06, false }, { 0x10, false }, { 0x00, false } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bytes b = plain_v4();
		struct packet p;

		b.p[33] = cases[i].flags;
		assert_int_equal(read_at_end(span_of(b.p, b.n), &p), PACKET_OK);
		assert_int_equal(packet_begins(&p), cases[i].begins);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_at_every_cut),
		cmocka_unit_test(payload_at_every_cut),
		cmocka_unit_test(ipv6_at_every_cut),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(what_is_malformed),
		cmocka_unit_test(addresses_that_are_none),
		cmocka_unit_test(only_a_syn_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
