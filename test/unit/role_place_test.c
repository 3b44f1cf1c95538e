/* SPDX-License-Identifier: ISC */
#include "base/role.h"

#include <fcntl.h>
#include <unistd.h>

#include "test/unit/support.h"

#define ROOTED  ROLE_LAYER_BIT(ROLE_LAYER_ROOT) | ROLE_LAYER_BIT(ROLE_LAYER_IDS)
#define LIGHT   ROLE_LAYER_BIT(ROLE_LAYER_CAPABILITIES) | ROLE_LAYER_BIT(ROLE_LAYER_NO_NEW_PRIVS)
#define KERNELS ROLE_LAYER_BIT(ROLE_LAYER_LANDLOCK) | ROLE_LAYER_BIT(ROLE_LAYER_SECCOMP)

static void what_is_printed_is_read(void **state)
{
	static const struct {
		const char *text;
		struct role_place place;
	} cases[] = {
		{ "65534:33:5:required", { true, 65534, 33, 5, true } },
		{ "1:1:3:optional", { true, 1, 1, 3, false } },
		{ "4294967294:4294967294:65535:optional",
			{ true, UINT32_MAX - 1, UINT32_MAX - 1, 65535, false } },
		{ "-:-:-:optional", { false, 0, 0, -1, false } },
		{ "-:-:-:required", { false, 0, 0, -1, true } },
		{ "-:-:7:optional", { false, 0, 0, 7, false } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct role_place *want = &cases[i].place;
		struct role_place got;
		uint8_t block[64];
		struct out o;

		out_init(&o, block, sizeof(block));
		role_place_print(&o, want);
		expect_octets(out_span(&o), span_str(cases[i].text), cases[i].text, "printed");
		assert_true(role_place_parse(out_span(&o), &got));
		assert_int_equal(got.as_root, want->as_root);
		assert_int_equal(got.uid, want->uid);
		assert_int_equal(got.gid, want->gid);
		assert_int_equal(got.folder, want->folder);
		assert_int_equal(got.required, want->required);
	}
}

static void what_is_no_place_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"-",
		":",
		":::",
		"-:-:-",
		"-:-:-:",
		"-:-:-:maybe",
		"-:-:-:optional ",
		"-:-:-:optional:",
		" -:-:-:optional",
		"-:-:-:OPTIONAL",
		"-:-:-:requiredrequired",
		/* half of root's */
		"1:-:3:optional",
		"-:1:3:optional",
		"1:1:-:optional",
		"-:1:-:optional",
		/* root itself, and -1, which leaves the ids as they are */
		"0:1:3:optional",
		"1:0:3:optional",
		"4294967295:1:3:optional",
		"1:4294967295:3:optional",
		"-1:1:3:optional",
		"4294967297:1:3:optional",
		"18446744073709551617:1:3:optional",
		/* the standard three are no folder */
		"1:1:2:optional",
		"1:1:0:optional",
		"1:1:65536:optional",
		"-:-:0:optional",
		"-:-:-1:optional",
		/* no numbers */
		"+1:1:3:optional",
		"1 :1:3:optional",
		"0x1:1:3:optional",
		"1:1:3.0:optional",
		"1::3:optional",
		"::3:optional",
		"nobody:1:3:optional",
		"--:-:-:optional",
	};
	static const struct role_place before = { true, 7, 8, 9, true };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct role_place place;

		memcpy(&place, &before, sizeof(place)); /* holes, too */
		if (role_place_parse(span_str(cases[i]), &place))
			fail_msg("\"%s\" was read as a place", cases[i]);
		assert_memory_equal(&place, &before, sizeof(place));
	}
	assert_false(role_place_parse(SPAN("-:-:-:optional\0"), &(struct role_place){ 0 }));
	assert_false(role_place_parse((struct span){ NULL, 0 }, &(struct role_place){ 0 }));
}

static void a_place_is_read_within_its_octets(void **state)
{
	const struct span text = SPAN("65534:65534:5:required");
	struct fence f;

	(void)state;
	fence_init(&f, text.n);
	for (size_t n = 0; n <= text.n; n++) {
		struct role_place place;
		const uint8_t *p = fence_at_end(&f, span_sub(text, 0, n));

		assert_int_equal(role_place_parse(span_of(p, n), &place), n == text.n);
	}
	fence_deinit(&f);
}

static void layers_depend_on_who_starts(void **state)
{
	static const struct role_place root = { .as_root = true }, other = { 0 };

	(void)state;
	for (enum role_id r = ROLE_LOG; r < ROLE_IDS; r++) {
		/* who executes the system's programs must find them */
		const unsigned rooted = r == ROLE_KERNEL ? ROLE_LAYER_BIT(ROLE_LAYER_IDS)
					: r == ROLE_PAM  ? 0
							 : ROOTED;

		assert_int_equal(role_layers_wanted(r, &root), rooted | LIGHT | KERNELS);
		assert_int_equal(role_layers_wanted(r, &other), LIGHT | KERNELS);
		if (r == ROLE_PAM) /* root's, as far as posternd is */
			assert_null(role_user(r));
		else
			assert_string_equal(role_user(r), role_program(r));
	}
	/* who starts the others keeps what they need to start */
	assert_int_equal(role_layers_wanted(ROLE_POSTERND, &root), LIGHT);
	assert_int_equal(role_layers_wanted(ROLE_POSTERND, &other), LIGHT);
	assert_null(role_user(ROLE_POSTERND));
}

static void layers_have_names(void **state)
{
	static const struct {
		unsigned layers;
		const char *text;
	} cases[] = {
		{ 0, "none" },
		{ ROLE_LAYER_BIT(ROLE_LAYER_LANDLOCK), "Landlock" },
		{ LIGHT, "capabilities, no-new-privs" },
		{ ROOTED | LIGHT | KERNELS, "root, ids, capabilities, no-new-privs, "
					    "Landlock, seccomp" },
		{ ROLE_LAYER_BIT(ROLE_LAYER_COUNT), "none" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[128];
		struct out o;

		out_init(&o, text, sizeof(text));
		role_layers_print(&o, cases[i].layers);
		assert_string_equal(out_cstr(&o), cases[i].text);
	}
}

static void strays_are_closed(void **state)
{
	const int base = fcntl(0, F_DUPFD, 3); /* the first that is free */
	const int stray = fcntl(0, F_DUPFD, base + 5);

	(void)state;
	assert_true(base >= 3 && stray > base);
	role_close_strays();
	assert_true(fcntl(base, F_GETFD) >= 0);
	assert_int_equal(fcntl(stray, F_GETFD), -1);
	close(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(what_is_no_place_is_refused),
		cmocka_unit_test(a_place_is_read_within_its_octets),
		cmocka_unit_test(layers_depend_on_who_starts),
		cmocka_unit_test(layers_have_names),
		cmocka_unit_test(strays_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
