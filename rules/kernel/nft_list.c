/* SPDX-License-Identifier: ISC */
#include "rules/kernel/nft_list.h"

static bool starts(struct span s, struct span head)
{
	return s.n >= head.n && span_eq(span_sub(s, 0, head.n), head);
}

static struct span next_line(struct span *restp)
{
	const struct span line = span_sub(*restp, 0, span_chr(*restp, '\n'));

	*restp = span_from(*restp, line.n + 1);
	return line;
}

static const struct span head = { (const uint8_t *)"\tchain ", 7 };

bool nft_next_chain(struct span *restp, struct nft_chain *chain)
{
	while (restp->n > 0) {
		const struct span line = next_line(restp);
		struct span rest;

		if (!starts(line, head))
			continue;
		chain->name = span_from(line, head.n);
		chain->name = span_sub(chain->name, 0, span_chr(chain->name, ' '));
		rest = chain->lines = *restp;
		while (rest.n > 0 && !starts(rest, SPAN("\t}")))
			next_line(&rest);
		chain->lines.n -= rest.n;
		*restp = rest;
		return true;
	}
	return false;
}

static bool find(struct span text, struct span name, struct nft_chain *chain)
{
	while (nft_next_chain(&text, chain))
		if (span_eq(chain->name, name))
			return true;
	return false;
}

/* ---- the same? ---- */

static const struct span packets = { (const uint8_t *)" packets ", 9 };

/* The octets of a line, but for what is counted. */
struct reading {
	struct span rest;
};

/* " packets 12 bytes 720": its size, when the line goes on like that; else 0. */
static size_t counted(struct span s, uint64_t *packetsp, uint64_t *octetsp)
{
	const struct span bytes = SPAN("bytes ");
	struct span rest = span_from(s, packets.n), number;

	if (!starts(s, packets))
		return 0;
	number = span_sub(rest, 0, span_chr(rest, ' '));
	rest = span_from(rest, number.n + 1);
	if (!span_u64(number, UINT64_MAX, packetsp) || !starts(rest, bytes))
		return 0;
	rest = span_from(rest, bytes.n);
	number = span_sub(rest, 0, span_chr(rest, ' '));
	if (!span_u64(number, UINT64_MAX, octetsp))
		return 0;
	return s.n - rest.n + number.n;
}

static bool next_octet(struct reading *r, uint8_t *octetp)
{
	uint64_t p, o;

	r->rest = span_from(r->rest, counted(r->rest, &p, &o));
	if (r->rest.n == 0)
		return false;
	*octetp = r->rest.p[0];
	r->rest = span_from(r->rest, 1);
	return true;
}

static bool same(struct span a, struct span b)
{
	struct reading ra = { a }, rb = { b };
	uint8_t ca = 0, cb = 0;

	for (;;) {
		const bool in_a = next_octet(&ra, &ca), in_b = next_octet(&rb, &cb);

		if (!in_a || !in_b)
			return in_a == in_b;
		if (ca != cb)
			return false;
	}
}

enum iptables_state nft_compare(struct span want, struct span have, struct span name)
{
	struct nft_chain w, h;
	const bool wanted = find(want, name, &w), there = find(have, name, &h);

	if (!wanted)
		return there ? IPTABLES_SURPLUS : IPTABLES_UNNEEDED;
	if (!there)
		return IPTABLES_MISSING;
	return same(w.lines, h.lines) ? IPTABLES_IN_SYNC : IPTABLES_CHANGED;
}

/* ---- counters ---- */

static bool has(struct span line, struct span word)
{
	return line.p != NULL && line.n > 0 && memmem(line.p, line.n, word.p, word.n) != NULL;
}

static struct span behind(struct span line, struct span word)
{
	const uint8_t *hit = line.n > 0 ? memmem(line.p, line.n, word.p, word.n) : NULL;

	return hit != NULL ? span_from(line, (size_t)(hit - line.p) + word.n)
			   : (struct span){ NULL, 0 };
}

static bool read_count(struct span line, struct nft_count *c)
{
	const struct span counter = behind(line, SPAN(" counter"));
	const size_t n = counted(counter, &c->packets, &c->octets);
	const struct span rest = span_from(counter, n);

	c->comment = behind(rest, SPAN("comment \""));
	c->comment = span_sub(c->comment, 0, span_chr(c->comment, '"'));
	c->drops = starts(rest, SPAN(" drop"));
	return n > 0 && c->comment.n > 0 &&
	       (c->drops || has(rest, SPAN("redirect to")) || has(rest, SPAN("tproxy ip")) ||
		       has(rest, SPAN("dnat ip")));
}

void nft_counts(struct span listed, void (*each)(void *context, const struct nft_count *count),
	void *context)
{
	while (listed.n > 0) {
		struct nft_count c;

		if (read_count(next_line(&listed), &c))
			each(context, &c);
	}
}
