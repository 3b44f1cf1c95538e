/* SPDX-License-Identifier: ISC */
#include "rules/load/unbundle.h"

#include <unistd.h>

#include "base/memfd.h"
#include "rules/bundle.h"
#include "rules/diff.h"
#include "test/unit/rules_of.h"
#include "test/unit/zones.h"

static const char text[] =
	"version 1\n"
	"set partners { members 203.0.113.0/24; file \"partners.txt\"; dynamic timeout 4h }\n"
	"schedule office { timezone \"Europe/London\"; allow mon-fri 07:00-19:00 }\n"
	"commands strict like internet { verb VRFY, EXPN deny reply \"502 5.5.1 No\" }\n"
	"publish a { external 198.51.100.2:25; internal 10.0.0.1; from partners; when office; pass "
	"}\n"
	"publish b { external 198.51.100.2:25; internal 10.0.0.1; inspect commands strict\n"
	"recipients in example.org; client-address xclient; timeout idle 2m }\n";

static struct span bundle_of(struct rules_of *r, void *room, size_t size)
{
	uint8_t zone[ZONE_TZIF_MAX];
	const struct source sources[] = {
		{ .kind = SOURCE_RULES, .name = "rules.conf", .text = SPAN(text) },
		{ .kind = SOURCE_SET, .name = "partners.txt", .text = SPAN("192.0.2.1\n") },
		{ .kind = SOURCE_TIMEZONE,
			.name = "Europe/London",
			.text = zone_tzif(zone, ZONE_LONDON) },
	};
	struct out o;

	rules_of_sources(r, sources, COUNT_OF(sources));
	assert_non_null(r->rs);
	out_init(&o, room, size);
	bundle_write(&o, r->rs, sources, COUNT_OF(sources));
	assert_false(o.full);
	return out_span(&o);
}

static int unbundle_octets(struct unbundle *u, struct span octets)
{
	const int fd = memfd_sealed("test", octets);
	int r;

	assert_true(fd >= 0);
	r = unbundle(u, fd);
	close(fd);
	return r;
}

static void what_was_bundled_does_not_differ(void **state)
{
	static uint8_t room[1 << 16], block[1 << 18];
	static struct unbundle u;
	struct arena arena;
	struct rules_of r;
	struct diff diff;

	(void)state;
	assert_int_equal(unbundle_octets(&u, bundle_of(&r, room, sizeof(room))), UNBUNDLE_OK);
	assert_int_equal(u.ruleset->n_rules, 2);
	assert_int_equal(u.ruleset->sets[0]->n_members, 2);
	assert_string_equal(u.ruleset->rules[1].publish->at.file, "rules.conf");
	arena_init(&arena, block, sizeof(block));
	assert_int_equal(rules_diff(&arena, u.ruleset, r.rs, &diff), RULES_OK);
	assert_int_equal(diff.n, 0);
	unbundle_free(&u);
	unbundle_free(&u);
	rules_of_deinit(&r);
}

static void what_is_no_bundle_is_refused(void **state)
{
	static uint8_t room[1 << 16];
	static struct unbundle u;
	struct rules_of r;
	struct span bundle = bundle_of(&r, room, sizeof(room));
	int pipe_fds[2];

	(void)state;
	for (size_t n = 1; n < bundle.n; n += 13) {
		assert_int_equal(unbundle_octets(&u, span_sub(bundle, 0, n)), UNBUNDLE_E_MALFORMED);
		unbundle_free(&u);
	}
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_not_equal(unbundle(&u, pipe_fds[0]), UNBUNDLE_OK);
	unbundle_free(&u);
	assert_true(unbundle(&u, -1) < 0);
	unbundle_free(&u);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	rules_of_deinit(&r);
}

static void a_faulty_one_says_what_is_wrong(void **state)
{
	static uint8_t room[1 << 16];
	static struct unbundle u;
	struct rules_of r;
	const struct span bundle = bundle_of(&r, room, sizeof(room));
	uint8_t *word = memmem(room, bundle.n, "publish b", 9);

	(void)state;
	assert_non_null(word);
	memcpy(word, "publisch ", 9);
	assert_int_equal(unbundle_octets(&u, bundle), UNBUNDLE_E_FAULTY);
	assert_non_null(u.diags.first);
	assert_null(u.ruleset);
	unbundle_free(&u);
	rules_of_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_bundled_does_not_differ),
		cmocka_unit_test(what_is_no_bundle_is_refused),
		cmocka_unit_test(a_faulty_one_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
