/* SPDX-License-Identifier: ISC */
/*
 * TLS hellos out of packets: nothing beyond a packet is read, and what is told has its bounds
 *
 * The first octet is the size of the packets, the rest is what they carry; both sides say the same.
 */
#include "filter/gate/hello.h"
#include "test/fuzz/fuzz.h"

static void check_client(const struct hello_client *c)
{
	HOLDS(c->n_name <= HELLO_NAME_MAX);
	HOLDS(!c->long_name || c->n_name == HELLO_NAME_MAX);
	HOLDS(c->offered <= 31);
}

static void check_bounds(const struct hello_reader *r, enum hello_result result)
{
	HOLDS(r->n <= HELLO_MAX);
	HOLDS(r->packets < HELLO_PACKETS || result != HELLO_MORE);
}

static void feed(struct span s, size_t size, bool server)
{
	struct hello_reader r = { 0 };
	struct hello_client c;
	unsigned chosen = 0;
	enum hello_result result = HELLO_MORE;

	for (size_t at = 0; at < s.n && result == HELLO_MORE; at += size) {
		const struct span part = span_sub(s, at, size);
		uint8_t *copy = fuzz_window(part);
		const struct span packet = span_of(copy, part.n);
		const uint32_t seq = 0xffffff00u + (uint32_t)at;

		result = server ? hello_from_server(&r, seq, packet, &chosen)
				: hello_from_client(&r, seq, packet, &c);
		check_bounds(&r, result);
		free(copy);
	}
	if (result == HELLO_DONE && !server)
		check_client(&c);
	HOLDS((chosen & (chosen - 1)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 16384)
		return 0;
	for (int server = 0; server < 2; server++)
		feed(span_of(data + 1, size - 1), data[0] ? data[0] * 16u : 16384, server);
	return 0;
}
