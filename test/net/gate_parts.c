/* SPDX-License-Identifier: ISC */
/*
 * gate_parts: what posternd makes for a gate
 *
 *     gate_parts SOCKET FOLDER [LANES]
 *
 * Loads the rules of FOLDER and sends one packet over SOCKET: as text the lanes of the rules, which
 * keep their numbers of the file LANES; as descriptors the sealed bundle, fresh shared counts and a
 * fresh ledger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memfd.h"
#include "filter/limits/ledger.h"
#include "filter/limits/shared.h"
#include "rules/bundle.h"
#include "rules/kernel/lanes.h"
#include "rules/load/load.h"

#define ROOM (8u << 20)

static int fail(const char *what)
{
	fprintf(stderr, "gate_parts: %s\n", what);
	return 1;
}

static int bundle_of(const struct load *l)
{
	uint8_t *block = malloc(ROOM);
	struct out o;
	int fd;

	if (!block)
		return -1;
	out_init(&o, block, ROOM);
	bundle_write(&o, l->ruleset, l->sources, l->n_sources);
	fd = o.full ? -1 : memfd_sealed("postern-bundle", out_span(&o));
	free(block);
	return fd;
}

static bool lanes_of(const struct load *l, const char *before, struct out *o)
{
	static uint8_t text[LANES_TEXT_MAX], room[1 << 20];
	struct arena arena;
	struct lanes lanes;
	FILE *f = before ? fopen(before, "r") : NULL;
	const size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	if (f)
		fclose(f);
	arena_init(&arena, room, sizeof(room));
	if (lanes_assign(&arena, l->ruleset, span_of(text, n), &lanes) != LANES_OK)
		return false;
	lanes_print(o, &lanes);
	return !o->full;
}

static bool send_all(int to, struct span text, const int fds[3])
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)text.p, text.n };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 3 * sizeof(int));
	return sendmsg(to, &m, 0) >= 0;
}

int main(int argc, char **argv)
{
	static uint8_t block[LANES_TEXT_MAX];
	struct load l;
	struct out o;
	int fds[3];

	if (argc < 3 || load_dir(&l, argv[2]) != 0)
		return fail("gate_parts SOCKET FOLDER [LANES]");
	if (!l.ruleset)
		return fail(l.diags.first ? l.diags.first->text : "no rules");
	out_init(&o, block, sizeof(block));
	if (!lanes_of(&l, argc > 3 ? argv[3] : NULL, &o))
		return fail("no lanes");
	fds[0] = bundle_of(&l);
	fds[1] = shared_make();
	fds[2] = ledger_make();
	if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || !send_all(atoi(argv[1]), out_span(&o), fds))
		return fail("no descriptors");
	load_free(&l);
	return 0;
}
