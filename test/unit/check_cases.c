/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

#include <errno.h>
#include <stdio.h>

#include "test/unit/zones.h"

#define MEMORY (4u << 20)

static uint8_t memory[2][MEMORY];
static unsigned turn;

/* A world of files around the rules: what set files and zones may name. */
static size_t add_files(struct source *s)
{
	static uint8_t london[ZONE_TZIF_MAX];
	size_t n = 0;

	s[n++] = (struct source){ .kind = SOURCE_SET, .name = "unreadable.txt", .error = EACCES };
	s[n++] = (struct source){
		.kind = SOURCE_SET, .name = "wrong.txt", .text = SPAN("192.0.2.1\nexample.org\n")
	};
	s[n++] = (struct source){ .kind = SOURCE_SET,
		.name = "addresses.txt",
		.text = SPAN("192.0.2.77 # a comment\n2001:db8:7::/48\n") };
	s[n++] = (struct source){ .kind = SOURCE_SET,
		.name = "bad-senders.txt",
		.text = SPAN("joe@example.org\n*.example.net\n") };
	s[n++] = (struct source){
		.kind = SOURCE_TIMEZONE, .name = "Broken/Zone", .text = SPAN("TZif")
	};
	s[n++] = (struct source){ .kind = SOURCE_TIMEZONE,
		.name = "Europe/London",
		.text = zone_tzif(london, ZONE_LONDON) };
	return n;
}

static int build(
	struct span rules, struct span host, struct diags *diags, const struct ruleset **rsp)
{
	struct source s[16] = { { .kind = SOURCE_RULES, .name = "rules.conf", .text = rules } };
	size_t n = 1;
	struct arena *arena = diags->arena;

	if (host.n > 0)
		s[n++] = (struct source){
			.kind = SOURCE_HOST, .name = "postern.conf", .text = host
		};
	n += add_files(s + n);
	return rules_build(arena, s, n, diags, rsp);
}

static void tell_one(struct out *o, const struct diag *d)
{
	static const char *const levels[] = {
		[DIAG_ERROR] = "", [DIAG_WARNING] = "warning ", [DIAG_NOTE] = "note "
	};

	if (o->n > 0)
		out_octet(o, '\n');
	out_str(o, levels[d->level]);
	if (strcmp(d->at.file, "rules.conf") != 0 && strcmp(d->at.file, "postern.conf") != 0) {
		out_str(o, d->at.file);
		out_octet(o, ':');
	}
	out_u64(o, d->at.line);
	out_octet(o, ':');
	out_u64(o, d->at.column);
	out_str(o, ": ");
	out_str(o, d->text);
	if (d->help != NULL) {
		out_str(o, "; ");
		out_str(o, d->help);
	}
}

static const char *tell(struct span rules, struct span host, bool notes)
{
	static uint8_t block[16384];
	struct arena arena;
	struct diags diags;
	const struct ruleset *rs = NULL;
	struct out o;
	int r;

	arena_init(&arena, memory[0], MEMORY);
	diags_init(&diags, &arena);
	r = build(rules, host, &diags, &rs);
	assert_int_equal(r, diags.errors > 0 ? RULES_E_FAULTY : RULES_OK);
	out_init(&o, block, sizeof(block));
	for (const struct diag *d = diags.first; d != NULL; d = d->next)
		if (notes || d->level != DIAG_NOTE)
			tell_one(&o, d);
	return out_cstr(&o);
}

const char *told(struct span rules, struct span host)
{
	return tell(rules, host, true);
}

void expect_told(const struct check_case *cases, size_t n, bool host)
{
	static char text[8192];

	for (size_t i = 0; i < n; i++) {
		const char *want = cases[i].want != NULL ? cases[i].want : "";
		const char *got;

		snprintf(text, sizeof(text), "version 1\n%s", host ? "" : cases[i].text);
		got = tell(span_str(text), span_str(host ? cases[i].text : NULL), false);
		expect_str(got, want, cases[i].text, "checked");
	}
}

const struct ruleset *build_text(struct span rules, struct span host)
{
	struct arena arena;
	struct diags diags;
	const struct ruleset *rs = NULL;

	arena_init(&arena, memory[turn ^= 1], MEMORY);
	diags_init(&diags, &arena);
	if (build(rules, host, &diags, &rs) != RULES_OK)
		fail_msg("no rule set: %s", diags.first != NULL ? diags.first->text : "arena");
	return rs;
}
