/* SPDX-License-Identifier: ISC */
/* filter/gate/hello: what is read out of a TLS hello, at every cut. CASES TLS-17, TLS-22. */
#include "filter/gate/hello.h"

#include <stdlib.h>

#include "test/unit/support.h"

/* A hello put together: a message, cut into records. */
static uint8_t message[8192], stream[16384];
static size_t n_message, n_stream;

static void put(size_t v, unsigned width)
{
	while (width-- > 0)
		message[n_message++] = (uint8_t)(v >> (8 * width));
}

static void put_octets(const void *p, size_t n)
{
	memcpy(message + n_message, p, n);
	n_message += n;
}

static size_t open_vector(unsigned width)
{
	put(0, width);
	return n_message;
}

static void close_vector(size_t from, unsigned width)
{
	size_t n = n_message - from;

	for (unsigned i = 0; i < width; i++, n >>= 8)
		message[from - 1 - i] = (uint8_t)n;
}

static size_t begin(unsigned type, unsigned version)
{
	size_t at;

	n_message = 0;
	put(type, 1);
	at = open_vector(3);
	put(version, 2);
	for (int i = 0; i < 32; i++)
		put(0x16, 1); /* a random number that looks like a record */
	put(0, 1);
	return at;
}

static void put_name(const void *name, size_t n)
{
	size_t ext, list;

	put(0, 2);
	ext = open_vector(2);
	list = open_vector(2);
	put(0, 1);
	put(n, 2);
	put_octets(name, n);
	close_vector(list, 2);
	close_vector(ext, 2);
}

static void put_versions(const uint16_t *versions, size_t n)
{
	size_t ext, list;

	put(43, 2);
	ext = open_vector(2);
	list = open_vector(1);
	for (size_t i = 0; i < n; i++)
		put(versions[i], 2);
	close_vector(list, 1);
	close_vector(ext, 2);
}

static void to_records(size_t size)
{
	n_stream = 0;
	for (size_t at = 0; at < n_message; at += size) {
		const size_t n = n_message - at < size ? n_message - at : size;
		const uint8_t head[] = { 22, 3, 1, (uint8_t)(n >> 8), (uint8_t)n };
		memcpy(stream + n_stream, head, sizeof(head));
		memcpy(stream + n_stream + sizeof(head), message + at, n);
		n_stream += sizeof(head) + n;
	}
}

static const uint16_t modern[] = { 0x2a2a, 0x0304, 0x0303 };

static void client_hello(const void *name, size_t n)
{
	const size_t at = begin(1, 0x0303);
	size_t extensions;

	put(2, 2);
	put(0x1301, 2);
	put(1, 1);
	put(0, 1);
	extensions = open_vector(2);
	put(0xff01, 2); /* one that is not looked at */
	put(1, 2);
	put(0, 1);
	if (name != NULL)
		put_name(name, n);
	put_versions(modern, 3);
	close_vector(extensions, 2);
	close_vector(at, 3);
	to_records(16384);
}

#define SEQ 0xfffffff0u /* wraps in the hello */

/* In packets of @first octets, then of @size. */
static enum hello_result feed(struct hello_client *c, size_t first, size_t size)
{
	struct hello_reader *r = calloc(1, sizeof(*r));
	enum hello_result result = HELLO_MORE;

	for (size_t at = 0, n = first; at < n_stream && result == HELLO_MORE; at += n, n = size) {
		uint8_t *packet;
		if (n > n_stream - at)
			n = n_stream - at;
		packet = malloc(n + 1); /* so that a sanitizer sees its end */
		memcpy(packet, stream + at, n);
		result = hello_from_client(r, SEQ + (uint32_t)at, span_of(packet, n), c);
		free(packet);
	}
	free(r);
	return result;
}

static void name_and_versions_at_every_cut(void **state)
{
	struct hello_client c;

	(void)state;
	client_hello("mail.example.org", 16);
	for (size_t cut = 6; cut <= n_stream; cut++) { /* what is shorter does not look like one */
		assert_int_equal(feed(&c, cut, n_stream), HELLO_DONE);
		assert_int_equal(c.n_name, 16);
		assert_memory_equal(c.name, "mail.example.org", 16);
		assert_int_equal(c.offered, HELLO_TLS13 | HELLO_TLS12);
	}
	assert_int_equal(feed(&c, 20, 8), HELLO_DONE);
	assert_int_equal(feed(&c, 6, 1), HELLO_NONE); /* more packets than are looked at */
}

static void records_may_cut_it_too(void **state)
{
	struct hello_client c;

	(void)state;
	client_hello("mail.example.org", 16);
	for (size_t size = 1; size < n_message; size++) {
		to_records(size);
		assert_int_equal(
			feed(&c, n_stream, 1), n_stream <= HELLO_MAX ? HELLO_DONE : HELLO_NONE);
		assert_int_equal(c.n_name, 16);
	}
}

static void cut_off_anywhere_it_waits(void **state)
{
	struct hello_client c;
	size_t whole;

	(void)state;
	client_hello("mail.example.org", 16);
	whole = n_stream;
	for (n_stream = 1; n_stream < whole; n_stream++)
		assert_int_equal(feed(&c, n_stream, 1), HELLO_MORE);
}

static void any_octet_may_be_wrong(void **state)
{
	struct hello_client c;

	(void)state;
	client_hello("mail.example.org", 16);
	for (size_t i = 0; i < n_stream; i++)
		for (unsigned v = 0; v < 256; v += 5) {
			const uint8_t was = stream[i];
			stream[i] = (uint8_t)v;
			if (feed(&c, n_stream, 1) == HELLO_DONE) /* for the sanitizers */
				assert_true(c.n_name <= HELLO_NAME_MAX);
			stream[i] = was;
		}
}

static void tls_17_names_that_are_none(void **state)
{
	uint8_t name[300];
	struct hello_client c;

	(void)state;
	memset(name, 'a', sizeof(name));
	client_hello(name, sizeof(name));
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_int_equal(c.n_name, 255);
	assert_true(c.long_name);
	client_hello("a\\", 2);
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_memory_equal(c.name, "a\\", 2);
	client_hello("a\0b", 3);
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_int_equal(c.n_name, 3);
	assert_memory_equal(c.name, "a\0b", 3);
	client_hello("", 0);
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_int_equal(c.n_name, 0);
	client_hello(NULL, 0);
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_int_equal(c.n_name, 0);
}

static void a_hello_that_is_too_long(void **state)
{
	static uint8_t name[5000];
	struct hello_client c;

	(void)state;
	memset(name, 'a', sizeof(name));
	client_hello(name, sizeof(name));
	assert_int_equal(feed(&c, 1400, 1400), HELLO_NONE);
}

/* Records of no octets, and one whose length promises more than will ever come (TLS-22). */
static void records_that_hold_nothing(void **state)
{
	struct hello_client c;

	(void)state;
	client_hello("mail.example.org", 16);
	memmove(stream + 5, stream, n_stream);
	stream[3] = stream[4] = 0;
	n_stream += 5;
	assert_int_equal(feed(&c, n_stream, 1), HELLO_MORE); /* does not look like a hello */
	client_hello("mail.example.org", 16);
	stream[3] = 0x40;
	stream[4] = 1;
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE); /* the hello is whole all the same */
	stream[6] = 1;                                       /* 64 KiB of it */
	assert_int_equal(feed(&c, n_stream, 1), HELLO_NONE);
}

static void an_old_client(void **state)
{
	const size_t at = begin(1, 0x0301);
	struct hello_client c;

	(void)state;
	put(2, 2);
	put(0x002f, 2);
	put(1, 1);
	put(0, 1);
	close_vector(at, 3);
	to_records(16384);
	assert_int_equal(feed(&c, n_stream, 1), HELLO_DONE);
	assert_int_equal(c.offered, HELLO_TLS10);
}

/* Of a session that speaks SMTP first: its lines are passed over, 16 packets of them. */
static void behind_starttls(void **state)
{
	static struct hello_reader r, other;
	struct hello_client c;

	(void)state;
	client_hello("mail.example.org", 16);
	assert_int_equal(hello_from_client(&r, 1, SPAN("EHLO c.test\r\n"), &c), HELLO_MORE);
	assert_int_equal(hello_from_client(&r, 14, SPAN("STARTTLS\r\n"), &c), HELLO_MORE);
	assert_int_equal(hello_from_client(&r, 24, span_of(stream, n_stream), &c), HELLO_DONE);
	for (unsigned i = 1; i < HELLO_PACKETS; i++)
		assert_int_equal(hello_from_client(&other, i, SPAN("x"), &c), HELLO_MORE);
	assert_int_equal(hello_from_client(&other, 99, SPAN("x"), &c), HELLO_NONE);
}

static void packets_twice_and_out_of_order(void **state)
{
	static struct hello_reader r;
	const size_t third = (client_hello("mail.example.org", 16), n_stream / 3);
	struct hello_client c;

	(void)state;
	assert_int_equal(hello_from_client(&r, SEQ, span_of(stream, third), &c), HELLO_MORE);
	/* a gap: it will come again */
	assert_int_equal(hello_from_client(&r, SEQ + (uint32_t)(2 * third),
				 span_of(stream + 2 * third, n_stream - 2 * third), &c),
		HELLO_MORE);
	assert_int_equal(hello_from_client(&r, SEQ, span_of(stream, third), &c), HELLO_MORE);
	/* which overlaps what there is */
	assert_int_equal(
		hello_from_client(&r, SEQ + 3, span_of(stream + 3, n_stream - 3), &c), HELLO_DONE);
	assert_memory_equal(c.name, "mail.example.org", 16);
}

static void what_the_server_chose(void **state)
{
	static struct hello_reader r[3];
	unsigned chosen = 99;
	size_t at, extensions;

	(void)state;
	at = begin(2, 0x0303);
	put(0x1301, 2);
	put(0, 1);
	extensions = open_vector(2);
	put(43, 2);
	put(2, 2);
	put(0x0304, 2);
	close_vector(extensions, 2);
	close_vector(at, 3);
	to_records(16384);
	assert_int_equal(
		hello_from_server(&r[0], 7, span_of(stream, n_stream), &chosen), HELLO_DONE);
	assert_int_equal(chosen, HELLO_TLS13);
	at = begin(2, 0x0303);
	put(0x002f, 2);
	put(0, 1);
	close_vector(at, 3);
	to_records(16384);
	assert_int_equal(
		hello_from_server(&r[1], 7, span_of(stream, n_stream), &chosen), HELLO_DONE);
	assert_int_equal(chosen, HELLO_TLS12);
	/* an alert instead */
	assert_int_equal(hello_from_server(&r[2], 7, SPAN("\x15\x03\x03\0\x02\x02\x28"), &chosen),
		HELLO_MORE);
}

/* In one packet, or as much of it as was copied: not a whole server's hello is beyond 4 KiB. */
static void a_certificate_behind_it(void **state)
{
	static struct hello_reader r;
	unsigned chosen = 99;
	const size_t at = begin(2, 0x0303);
	size_t n;

	(void)state;
	put(0x002f, 2);
	put(0, 1);
	close_vector(at, 3);
	to_records(16384);
	n = n_stream;
	memcpy(stream + n, "\x16\x03\x03\x20\x00\x0b", 6); /* a record more */
	memset(stream + n + 6, 7, 8192);
	assert_int_equal(hello_from_server(&r, 7, span_of(stream, n + 8192), &chosen), HELLO_DONE);
	assert_int_equal(chosen, HELLO_TLS12);
}

static void versions_as_text(void **state)
{
	char block[HELLO_VERSIONS_TEXT + 1];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof(block));
	hello_print_versions(&o, HELLO_TLS13 | HELLO_TLS12);
	assert_string_equal(out_cstr(&o), "1.2,1.3");
	out_init(&o, block, sizeof(block));
	hello_print_versions(&o, ~0u);
	assert_string_equal(out_cstr(&o), "ssl3,1.0,1.1,1.2,1.3");
	out_init(&o, block, sizeof(block));
	hello_print_versions(&o, 0);
	assert_string_equal(out_cstr(&o), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_versions_at_every_cut),
		cmocka_unit_test(records_may_cut_it_too),
		cmocka_unit_test(cut_off_anywhere_it_waits),
		cmocka_unit_test(any_octet_may_be_wrong),
		cmocka_unit_test(tls_17_names_that_are_none),
		cmocka_unit_test(a_hello_that_is_too_long),
		cmocka_unit_test(records_that_hold_nothing),
		cmocka_unit_test(an_old_client),
		cmocka_unit_test(behind_starttls),
		cmocka_unit_test(packets_twice_and_out_of_order),
		cmocka_unit_test(what_the_server_chose),
		cmocka_unit_test(a_certificate_behind_it),
		cmocka_unit_test(versions_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
