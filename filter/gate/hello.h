/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hello: what the two sides of a passed session say of their TLS before it is TLS
 *
 * Reads the ClientHello (RFC 8446 4.1.2; the older ones look the same, RFC 5246 7.4.1.2) for the
 * server's name and the versions offered, and the ServerHello for the version chosen. It watches
 * copies of packets and holds none back: what it misses, or does not understand, is left out of the
 * log and changes nothing.
 *
 * A hello begins at the start of a packet: TLS from the first octet, or after STARTTLS, whose
 * answer the client has to await. Packets that come out of order are left out until they come
 * again.
 *
 * Owns:    nothing; the block is embedded.
 * Limits:  HELLO_MAX octets of one side, HELLO_PACKETS packets that hold octets.
 * Callers: filter/gate/gather.c, filter/gate/track.c; test/fuzz/hello_fuzz.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "base/span.h"

#define HELLO_MAX      4096
#define HELLO_PACKETS  16
#define HELLO_NAME_MAX 255 /* octets of a server's name, RFC 1035 2.3.4 */

enum hello_version { /* bits */
	HELLO_SSL3 = 1,
	HELLO_TLS10 = 2,
	HELLO_TLS11 = 4,
	HELLO_TLS12 = 8,
	HELLO_TLS13 = 16,
};

enum hello_result {
	HELLO_MORE,
	HELLO_DONE,
	HELLO_NONE, /* not TLS, not understood, or too long: there will be nothing */
};

/* One side. All 0 to begin with. */
struct hello_reader {
	uint32_t seq;     /* of the first octet of @block */
	uint16_t packets; /* looked at */
	uint16_t n;
	uint8_t block[HELLO_MAX];
};

struct hello_client {
	unsigned offered; /* bits of enum hello_version. Of an older client, which names no others,
			     the highest */
	uint8_t name[HELLO_NAME_MAX];
	size_t n_name;  /* 0: none was sent. Any octets: whoever shows them escapes them */
	bool long_name; /* it was longer, and is cut */
};

/* The octets of one packet's TCP payload, the first at sequence number @seq. @client is set on
 * HELLO_DONE only. No call after HELLO_DONE or HELLO_NONE. */
enum hello_result hello_from_client(
	struct hello_reader *r, uint32_t seq, struct span payload, struct hello_client *client);
/* @chosen: one bit, or 0 for a version that is not known here. */
enum hello_result hello_from_server(
	struct hello_reader *r, uint32_t seq, struct span payload, unsigned *chosenp);

#define HELLO_VERSIONS_TEXT 24 /* octets at most */
/* As in "1.2,1.3"; nothing for 0. */
void hello_print_versions(struct out *o, unsigned versions);
