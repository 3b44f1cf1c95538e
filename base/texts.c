/* SPDX-License-Identifier: ISC */
#include "base/texts.h"

#define HEAD_SIZE 16

static const char magic[8] = { 'P', 'N', 'T', 'E', 'X', 'T', 'S', '1' };

static void put(struct out *o, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, v >>= 8)
		out_octet(o, (uint8_t)v);
}

static uint64_t load(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

void texts_begin(struct out *o)
{
	out_put(o, magic, sizeof(magic));
}

void texts_put(struct out *o, const struct text *t)
{
	put(o, t->kind, 4);
	put(o, t->name.n, 4);
	put(o, t->text.n, 8);
	out_bytes(o, t->name);
	out_bytes(o, t->text);
}

/* Return: octets it takes; 0: it is none. */
static size_t read_one(struct span rest, struct text *t)
{
	uint64_t name_n, text_n;

	if (rest.n < HEAD_SIZE)
		return 0;
	name_n = load(rest.p + 4, 4);
	text_n = load(rest.p + 8, 8);
	if (name_n > TEXTS_NAME_MAX || name_n > rest.n - HEAD_SIZE ||
		text_n > rest.n - HEAD_SIZE - name_n)
		return 0;
	t->kind = (uint32_t)load(rest.p, 4);
	t->name = span_sub(rest, HEAD_SIZE, (size_t)name_n);
	t->text = span_sub(rest, HEAD_SIZE + (size_t)name_n, (size_t)text_n);
	return HEAD_SIZE + (size_t)name_n + (size_t)text_n;
}

bool texts_valid(struct span block)
{
	struct text t;

	if (block.n < sizeof(magic) || block.n > TEXTS_MAX ||
		memcmp(block.p, magic, sizeof(magic)) != 0)
		return false;
	for (size_t at = sizeof(magic), n; at < block.n; at += n) {
		n = read_one(span_from(block, at), &t);
		if (n == 0)
			return false;
	}
	return true;
}

bool texts_next(struct span block, size_t *at, struct text *t)
{
	size_t n;

	if (*at == 0)
		*at = sizeof(magic);
	n = *at < block.n ? read_one(span_from(block, *at), t) : 0;
	*at += n;
	return n > 0;
}

bool texts_find(struct span block, uint32_t kind, struct span name, struct span *textp)
{
	struct text t;

	for (size_t at = 0; texts_next(block, &at, &t);) {
		if (t.kind != kind || !span_eq(t.name, name))
			continue;
		*textp = t.text;
		return true;
	}
	return false;
}
