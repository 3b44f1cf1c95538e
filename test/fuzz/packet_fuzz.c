/* SPDX-License-Identifier: ISC */
/*
 * First packets: what is read is possible, and depends on no octet that is not needed for it
 *
 * A copy may end anywhere. There is one length from which on a packet is read; below it is
 * malformed, and above it the answer stays the same.
 */
#include "filter/gate/packet.h"
#include "test/fuzz/fuzz.h"

static int read_copy(struct span s, struct packet *p)
{
	uint8_t *copy = fuzz_window(s);
	const int r = packet_read(span_of(copy, s.n), p);

	free(copy);
	return r;
}

static void same(const struct packet *a, const struct packet *b)
{
	HOLDS(ip_eq(&a->client.ip, &b->client.ip) && a->client.port == b->client.port);
	HOLDS(ip_eq(&a->asked.ip, &b->asked.ip) && a->asked.port == b->asked.port);
	HOLDS(a->seq == b->seq && a->flags == b->flags);
	HOLDS(b->payload.n <= a->payload.n);
}

static void possible(const struct packet *p, uint8_t first)
{
	const enum ip_family family = first >> 4 == 4 ? IP_V4 : IP_V6;
	const uint8_t *a = p->client.ip.octets;

	HOLDS(p->client.ip.family == family && p->asked.ip.family == family);
	HOLDS(p->client.port != 0 && p->asked.port != 0);
	HOLDS(p->payload.n <= 2048 - 40);
	HOLDS(family == IP_V6 ? a[0] != 0xff : a[0] != 0 && a[0] != 127 && a[0] >> 4 != 14);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size < 2048 ? size : 2048);
	struct packet whole = { 0 }, part;
	bool was_read = false;

	if (read_copy(s, &whole) == PACKET_OK)
		possible(&whole, s.p[0]);
	for (size_t n = 0; n <= s.n && n <= 512; n++) {
		const int r = read_copy(span_sub(s, 0, n), &part);

		HOLDS(r == PACKET_OK || !was_read);
		was_read = r == PACKET_OK;
		if (was_read)
			same(&whole, &part);
	}
	return 0;
}
