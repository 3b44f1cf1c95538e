/* SPDX-License-Identifier: ISC */
#include "rules/bundle.h"

#define VERSION      1
#define HEADER_SIZE  24
#define SECTION_SIZE 24

static const char magic[8] = { 'P', 'N', 'B', 'U', 'N', 'D', 'L', 'E' };

/* ---- writing ---- */

static void store(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static void put(struct out *o, uint64_t v, unsigned n)
{
	uint8_t octets[8];

	store(octets, v, n);
	out_put(o, octets, n);
}

/* Up to the text; returns where its size stands. */
static size_t begin_section(struct out *o, enum source_kind kind, int error, const char *name)
{
	size_t size_at;

	put(o, kind, 4);
	put(o, (uint32_t)error, 4);
	put(o, strlen(name), 4);
	put(o, 0, 4);
	size_at = o->n;
	put(o, 0, 8);
	out_str(o, name);
	out_octet(o, 0);
	return size_at;
}

/* The size of a text is known when it is printed. */
static void end_section(struct out *o, size_t size_at, const char *name)
{
	if (!o->full)
		store(o->p + size_at, o->n - (size_at + 8 + strlen(name) + 1), 8);
}

static bool is_copied(const struct source *s)
{
	return s->kind == SOURCE_SET || s->kind == SOURCE_TIMEZONE;
}

static const char *name_of(
	const struct source *sources, size_t n, enum source_kind kind, const char *none)
{
	for (size_t i = 0; i < n; i++)
		if (sources[i].kind == kind)
			return sources[i].name;
	return none;
}

void bundle_write(
	struct out *o, const struct ruleset *rs, const struct source *sources, size_t n_sources)
{
	const char *rules_name = name_of(sources, n_sources, SOURCE_RULES, "rules.conf");
	const char *host_name = name_of(sources, n_sources, SOURCE_HOST, "postern.conf");
	const size_t start = o->n;
	size_t n_sections = 2, size_at;

	for (size_t i = 0; i < n_sources; i++)
		n_sections += is_copied(&sources[i]);
	out_put(o, magic, sizeof(magic));
	put(o, VERSION, 4);
	put(o, n_sections, 4);
	put(o, 0, 8);

	size_at = begin_section(o, SOURCE_RULES, 0, rules_name);
	rules_print(o, rs, true);
	end_section(o, size_at, rules_name);
	size_at = begin_section(o, SOURCE_HOST, 0, host_name);
	rules_print_host(o, &rs->host);
	end_section(o, size_at, host_name);
	for (size_t i = 0; i < n_sources; i++) {
		if (!is_copied(&sources[i]))
			continue;
		size_at = begin_section(o, sources[i].kind, sources[i].error, sources[i].name);
		out_bytes(o, sources[i].text);
		end_section(o, size_at, sources[i].name);
	}
	if (!o->full)
		store(o->p + start + 16, o->n - start, 8);
}

/* ---- reading ---- */

static uint64_t load(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* One section from the start of *restp, which is cut behind it. */
static bool read_section(struct span *restp, struct source *s)
{
	const uint8_t *p = restp->p;
	uint64_t kind, name_n, text_n;
	struct span name;

	if (restp->n < SECTION_SIZE)
		return false;
	kind = load(p, 4);
	name_n = load(p + 8, 4);
	text_n = load(p + 16, 8);
	*restp = span_from(*restp, SECTION_SIZE);
	if (kind > SOURCE_TIMEZONE || load(p + 4, 4) > INT32_MAX || load(p + 12, 4) != 0)
		return false;
	if (name_n == 0 || name_n > BUNDLE_NAME_MAX || name_n >= restp->n)
		return false;
	name = span_sub(*restp, 0, (size_t)name_n + 1);
	if (span_chr(name, 0) != name_n) /* exactly one NUL, at its end */
		return false;
	*restp = span_from(*restp, name.n);
	if (text_n > restp->n)
		return false;
	*s = (struct source){
		.kind = (enum source_kind)kind,
		.name = (const char *)name.p,
		.text = span_sub(*restp, 0, (size_t)text_n),
		.error = (int)load(p + 4, 4),
	};
	*restp = span_from(*restp, (size_t)text_n);
	return true;
}

/* Rules text first and only there, host text second, nothing but set files and time zones behind.
 */
static bool stands_right(size_t i, const struct source *s)
{
	if (i == 0)
		return s->kind == SOURCE_RULES && s->error == 0;
	if (i == 1)
		return s->kind == SOURCE_HOST && s->error == 0;
	return is_copied(s);
}

bool bundle_read(struct span bundle, struct source *sources, size_t max_sources, size_t *np)
{
	struct span rest = bundle;
	uint64_t n;

	if (bundle.n < HEADER_SIZE || bundle.n > BUNDLE_MAX ||
		memcmp(bundle.p, magic, sizeof(magic)) != 0)
		return false;
	if (load(bundle.p + 8, 4) != VERSION || load(bundle.p + 16, 8) != bundle.n)
		return false;
	n = load(bundle.p + 12, 4);
	if (n < 2 || n > max_sources)
		return false;
	rest = span_from(rest, HEADER_SIZE);
	for (size_t i = 0; i < n; i++)
		if (!read_section(&rest, &sources[i]) || !stands_right(i, &sources[i]))
			return false;
	if (rest.n != 0)
		return false;
	*np = (size_t)n;
	return true;
}
