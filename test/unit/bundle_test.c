/* SPDX-License-Identifier: ISC */
#include "rules/bundle.h"

#include "test/unit/rules_of.h"
#include "test/unit/zones.h"

#define BUNDLE_ROOM 16384

static const char rules_text[] =
	"version 1\n"
	"set partners { members 203.0.113.0/24; file \"partners.txt\"; file \"more.txt\" optional "
	"}\n"
	"schedule office-hours { timezone \"Europe/London\"; allow mon-fri 07:00-19:00; deny "
	"2026-12-25 }\n"
	"commands strict like internet { verb VRFY deny reply \"502 5.5.1 Not available\" }\n"
	"publish a { external 198.51.100.2:25; internal 10.0.0.1; from partners; when "
	"office-hours; pass }\n"
	"publish b { external 198.51.100.2:25; internal 10.0.0.1; inspect commands strict; "
	"recipients in example.org; client-address xclient }\n"
	"default reset\n";

struct bundled {
	struct rules_of rules;
	uint8_t zone[ZONE_TZIF_MAX];
	uint8_t room[BUNDLE_ROOM];
	struct span bundle;
};

static void bundled_init(struct bundled *b)
{
	const struct source sources[] = {
		{ .kind = SOURCE_RULES, .name = "rules.conf", .text = SPAN(rules_text) },
		{ .kind = SOURCE_HOST,
			.name = "postern.conf",
			.text = SPAN("version 1\nworkers 3\n") },
		{ .kind = SOURCE_SET,
			.name = "partners.txt",
			.text = SPAN("192.0.2.1\n192.0.2.2 # second\n") },
		{ .kind = SOURCE_SET, .name = "more.txt", .error = 2 },
		{ .kind = SOURCE_TIMEZONE,
			.name = "Europe/London",
			.text = zone_tzif(b->zone, ZONE_LONDON) },
	};
	struct out o;

	rules_of_sources(&b->rules, sources, COUNT_OF(sources));
	if (b->rules.rs == NULL)
		fail_msg("%u: %s", b->rules.diags.first->at.line, b->rules.diags.first->text);
	out_init(&o, b->room, sizeof(b->room));
	bundle_write(&o, b->rules.rs, sources, COUNT_OF(sources));
	assert_false(o.full);
	b->bundle = out_span(&o);
}

static struct span printed(const struct ruleset *rs, void *block, size_t size)
{
	struct out o;

	out_init(&o, block, size);
	rules_print(&o, rs, true);
	rules_print_host(&o, &rs->host);
	assert_false(o.full);
	return out_span(&o);
}

static void a_role_builds_the_same_rule_set(void **state)
{
	uint8_t before[BUNDLE_ROOM], after[BUNDLE_ROOM];
	struct source sources[SOURCES_MAX];
	struct bundled b;
	struct rules_of there;
	size_t n = 0;

	(void)state;
	bundled_init(&b);
	assert_true(bundle_read(b.bundle, sources, SOURCES_MAX, &n));
	assert_int_equal(n, 5);
	rules_of_sources(&there, sources, n);
	if (there.rs == NULL)
		fail_msg("%u: %s", there.diags.first->at.line, there.diags.first->text);
	expect_octets(printed(there.rs, after, sizeof(after)),
		printed(b.rules.rs, before, sizeof(before)), "bundle", "built again");
	assert_int_equal(there.rs->sets[0]->n_members, 3);
	assert_int_equal(there.rs->host.workers, 3);
	rules_of_deinit(&there);
	rules_of_deinit(&b.rules);
}

/* Decisions name the administrator's own line, not that of the text in the bundle. */
static void places_survive_the_journey(void **state)
{
	struct source sources[SOURCES_MAX];
	struct bundled b;
	struct rules_of there;
	size_t n = 0;

	(void)state;
	bundled_init(&b);
	assert_true(bundle_read(b.bundle, sources, SOURCES_MAX, &n));
	rules_of_sources(&there, sources, n);
	assert_non_null(there.rs);
	for (size_t i = 0; i < 2; i++) {
		const struct publish *p = there.rs->rules[i].publish,
				     *q = b.rules.rs->rules[i].publish;

		assert_string_equal(p->at.file, "rules.conf");
		assert_int_equal(p->at.line, q->at.line);
	}
	assert_int_equal(there.rs->rules[1].publish->commands->verbs[SMTP_VERB_VRFY].at.line, 4);
	rules_of_deinit(&there);
	rules_of_deinit(&b.rules);
}

static void a_room_too_small_is_told_at_every_size(void **state)
{
	const struct source source = {
		.kind = SOURCE_SET, .name = "partners.txt", .text = SPAN("192.0.2.1\n")
	};
	struct bundled b;
	struct fence fence;
	struct out o;

	(void)state;
	bundled_init(&b);
	fence_init(&fence, BUNDLE_ROOM);
	for (size_t size = 0; size < 600; size++) {
		out_init(&o, fence.room + fence.size - size, size);
		bundle_write(&o, b.rules.rs, &source, 1);
		assert_true(o.full);
	}
	fence_deinit(&fence);
	rules_of_deinit(&b.rules);
}

/* Spans and names of whatever was read lie inside the bundle. */
static void expect_inside(struct span bundle, const struct source *sources, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *name = (const uint8_t *)sources[i].name;
		const uint8_t *end = bundle.p + bundle.n;

		assert_true(name > bundle.p && name < end);
		assert_true(strlen(sources[i].name) > 0 && name + strlen(sources[i].name) < end);
		assert_true(sources[i].text.p >= bundle.p &&
			    sources[i].text.p + sources[i].text.n <= end);
	}
}

static void a_bundle_cut_anywhere_is_refused(void **state)
{
	struct source sources[SOURCES_MAX];
	struct bundled b;
	struct fence fence;
	size_t n;

	(void)state;
	bundled_init(&b);
	fence_init(&fence, BUNDLE_ROOM);
	for (size_t size = 0; size < b.bundle.n; size++) {
		const struct span cut = span_sub(b.bundle, 0, size);

		assert_false(bundle_read(
			span_of(fence_at_end(&fence, cut), size), sources, SOURCES_MAX, &n));
	}
	fence_deinit(&fence);
	rules_of_deinit(&b.rules);
}

static void a_bundle_with_any_octet_changed_stays_inside(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct source sources[SOURCES_MAX];
	struct bundled b;
	struct fence fence;

	(void)state;
	bundled_init(&b);
	fence_init(&fence, BUNDLE_ROOM);
	for (size_t at = 0; at < b.bundle.n; at++)
		for (size_t k = 0; k < COUNT_OF(flips); k++) {
			struct span changed;
			size_t n = 0;

			b.room[at] ^= flips[k];
			changed = span_of(fence_at_end(&fence, b.bundle), b.bundle.n);
			if (bundle_read(changed, sources, SOURCES_MAX, &n))
				expect_inside(changed, sources, n);
			else
				assert_int_equal(n, 0);
			b.room[at] ^= flips[k];
		}
	fence_deinit(&fence);
	rules_of_deinit(&b.rules);
}

static void more_sections_than_there_is_room_for_are_refused(void **state)
{
	struct source sources[5];
	struct bundled b;
	size_t n = 0;

	(void)state;
	bundled_init(&b);
	assert_false(bundle_read(b.bundle, sources, 4, &n));
	assert_true(bundle_read(b.bundle, sources, 5, &n));
	rules_of_deinit(&b.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_builds_the_same_rule_set),
		cmocka_unit_test(places_survive_the_journey),
		cmocka_unit_test(a_room_too_small_is_told_at_every_size),
		cmocka_unit_test(a_bundle_cut_anywhere_is_refused),
		cmocka_unit_test(a_bundle_with_any_octet_changed_stays_inside),
		cmocka_unit_test(more_sections_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
