/* SPDX-License-Identifier: ISC */
#include "rules/set.h"

#include "test/unit/support.h"

#define MEMBERS_MAX 64

static struct rule_set make(
	enum set_kind kind, const char *const *words, size_t n, struct set_member *room)
{
	struct rule_set set = { .name = "s", .kind = kind };

	for (size_t i = 0; i < n; i++)
		if (set_member_parse(span_str(words[i]), kind, &room[i]) != SET_OK)
			fail_msg("\"%s\" was refused", words[i]);
	set_finish(&set, room, n);
	return set;
}
#define MAKE(kind, room, ...)                                                                      \
	make(kind, (const char *const[]){ __VA_ARGS__ },                                           \
		COUNT_OF(((const char *const[]){ __VA_ARGS__ })), room)

static struct ip ip(const char *text)
{
	struct ip ip;

	if (!ip_parse(span_str(text), &ip))
		fail_msg("\"%s\" is no address", text);
	return ip;
}

/* @member in text, or "-". */
static void expect_member(const struct set_member *member, const char *want, const char *asked)
{
	char text[400];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (member != NULL)
		set_member_print(&o, member);
	else
		out_octet(&o, '-');
	expect_str(out_cstr(&o), want, asked, "member");
}

static void the_narrowest_prefix_is_found(void **state)
{
	static const char *const cases[][2] = {
		{ "203.0.113.9", "203.0.113.8/30" }, { "203.0.113.12", "203.0.113.0/24" },
		{ "203.0.114.1", "-" }, { "192.0.2.1", "192.0.2.1" }, { "192.0.2.2", "-" },
		{ "2001:db8:77::1", "2001:db8:77::/48" }, { "2001:db8:78::1", "2001:db8::/32" },
		{ "2001:db9::1", "-" },
		{ "::ffff:192.0.2.1", "192.0.2.1" }, /* the IPv4 address it holds */
	};
	struct set_member room[MEMBERS_MAX];
	const struct rule_set set = MAKE(SET_ADDRESSES, room, "203.0.113.0/24", "2001:db8::/32",
		"192.0.2.1", "203.0.113.8/30", "2001:db8:77::/48", "203.0.113.0/24");

	(void)state;
	assert_int_equal(set.n_members, 5); /* the double is gone */
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip asked = ip(cases[i][0]);
		expect_member(set_has_ip(&set, &asked), cases[i][1], cases[i][0]);
	}
}

static void a_prefix_of_no_bits_covers_its_family_only(void **state)
{
	struct set_member room[MEMBERS_MAX];
	const struct rule_set set = MAKE(SET_ADDRESSES, room, "0.0.0.0/0");
	const struct ip v4 = ip("192.0.2.1"), v6 = ip("2001:db8::1"), none = { 0 };

	(void)state;
	expect_member(set_has_ip(&set, &v4), "0.0.0.0/0", "v4");
	assert_null(set_has_ip(&set, &v6));
	assert_null(set_has_ip(&set, &none));
}

static void a_domain_is_itself_and_a_star_is_everything_below(void **state)
{
	static const char *const cases[][2] = {
		{ "example.org", "example.org" },
		{ "EXAMPLE.ORG", "example.org" },
		{ "www.example.org", "-" },
		{ "example.com", "-" }, /* only what is below */
		{ "a.example.com", "*.example.com" },
		{ "a.b.example.com", "*.b.example.com" },
		{ "c.a.B.Example.Com", "*.b.example.com" },
		{ "b.example.com", "*.example.com" },
		{ "org", "-" },
		{ "", "-" },
	};
	struct set_member room[MEMBERS_MAX];
	const struct rule_set set = MAKE(SET_DOMAINS, room, "*.example.com", "example.org",
		"*.b.example.com", "example.org");

	(void)state;
	assert_int_equal(set.n_members, 3);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span asked = span_str(cases[i][0]);
		expect_member(set_has_domain(&set, asked), cases[i][1], cases[i][0]);
	}
}

static void a_list_blocks_every_spelling_of_a_mailbox(void **state)
{
	static const char *const cases[][3] = {
		{ "joe", "example.org", "joe@example.org" },
		{ "JOE", "Example.ORG", "joe@example.org" },
		{ "\"joe\"", "example.org", "joe@example.org" },
		{ "\"j\\oe\"", "example.org", "joe@example.org" },
		{ "joey", "example.org", "-" },
		{ "jo", "example.org", "-" },
		{ "\"joe \"", "example.org", "-" },
		{ "anyone", "spam.example", "spam.example" },
		{ "anyone", "mail.spam.example", "*.spam.example" },
		{ "a b", "quoted.example", "\"A b\"@quoted.example" },
		{ "joe", "example.com", "-" },
	};
	struct set_member room[MEMBERS_MAX];
	const struct rule_set set = MAKE(SET_MAIL, room, "joe@example.org", "spam.example",
		"*.spam.example", "\"A b\"@quoted.example", "joe@example.org");

	(void)state;
	assert_int_equal(set.n_members, 4);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_member(set_has_mailbox(&set, span_str(cases[i][0]), span_str(cases[i][1])),
			cases[i][2], cases[i][0]);
}

static void kinds_do_not_answer_for_each_other(void **state)
{
	struct set_member room[MEMBERS_MAX];
	struct rule_set set = MAKE(SET_DOMAINS, room, "example.org");
	const struct ip v4 = ip("192.0.2.1");

	(void)state;
	assert_null(set_has_ip(&set, &v4));
	assert_non_null(set_has_mailbox(&set, SPAN("x"), SPAN("example.org")));
	set.kind = SET_ADDRESSES;
	assert_null(set_has_domain(&set, SPAN("example.org")));
}

static void what_is_no_member_is_told_why(void **state)
{
	static const struct {
		const char *text;
		enum set_kind kind;
		enum set_error want;
	} cases[] = {
		{ "192.0.2.1/24", SET_ADDRESSES, SET_E_HOST_BITS },
		{ "2001:db8::1/32", SET_ADDRESSES, SET_E_HOST_BITS },
		{ "192.0.2.256", SET_ADDRESSES, SET_E_ADDRESS },
		{ "192.0.2.0/33", SET_ADDRESSES, SET_E_ADDRESS },
		{ "010.0.0.1", SET_ADDRESSES, SET_E_ADDRESS },
		{ "example.org", SET_ADDRESSES, SET_E_ADDRESS },
		{ "", SET_ADDRESSES, SET_E_ADDRESS },
		{ "192.0.2.0/24", SET_ADDRESSES, SET_OK },
		{ "exa mple.org", SET_DOMAINS, SET_E_DOMAIN },
		{ "-example.org", SET_DOMAINS, SET_E_DOMAIN },
		{ "joe@example.org", SET_DOMAINS, SET_E_DOMAIN },
		{ "ex*mple.org", SET_DOMAINS, SET_E_WILDCARD },
		{ "*.*.example.org", SET_DOMAINS, SET_E_WILDCARD },
		{ "*", SET_DOMAINS, SET_E_WILDCARD },
		{ "[192.0.2.1]", SET_DOMAINS, SET_E_LITERAL },
		{ "", SET_DOMAINS, SET_E_DOMAIN },
		{ "example.org.", SET_DOMAINS, SET_OK },
		{ "joe@[192.0.2.1]", SET_MAIL, SET_E_LITERAL },
		{ "@example.org", SET_MAIL, SET_E_MAIL },
		{ "joe@", SET_MAIL, SET_E_MAIL },
		{ "a@b@example.org", SET_MAIL, SET_E_MAIL },
		{ "joe@example.org>", SET_MAIL, SET_E_MAIL },
		{ "joe@*.example.org", SET_MAIL, SET_E_MAIL },
		{ "*.example.org", SET_MAIL, SET_OK },
		{ "192.0.2.1", SET_UNUSED, SET_OK },
		{ "example.org", SET_UNUSED, SET_OK },
		{ "joe@example.org", SET_UNUSED, SET_OK },
		{ "!", SET_UNUSED, SET_E_DOMAIN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct set_member m;
		enum set_error got = set_member_parse(span_str(cases[i].text), cases[i].kind, &m);

		if (got != cases[i].want)
			fail_msg("\"%s\": %s", cases[i].text, set_error_text(got));
	}
}

static void a_root_dot_is_dropped(void **state)
{
	struct set_member m;

	(void)state;
	assert_int_equal(set_member_parse(SPAN("example.org."), SET_DOMAINS, &m), SET_OK);
	expect_member(&m, "example.org", "domain");
	assert_int_equal(set_member_parse(SPAN("joe@example.org."), SET_MAIL, &m), SET_OK);
	expect_member(&m, "joe@example.org", "mail");
}

static void a_set_file_holds_one_member_a_line(void **state)
{
	static const char text[] = "\xef\xbb\xbf# partners\r\n"
				   "192.0.2.0/24   # the first\r\n"
				   "\n"
				   "  \t198.51.100.7\n"
				   "nonsense\n"
				   "192.0.2.1/24\n"
				   "203.0.113.9";
	uint8_t room[8192];
	struct set_member members[MEMBERS_MAX];
	struct arena arena;
	struct diags diags;
	size_t n;

	(void)state;
	arena_init(&arena, room, sizeof(room));
	diags_init(&diags, &arena);
	assert_true(set_file_lines(span_str(text)) >= 3);
	n = set_file_parse(
		span_str(text), "partners.txt", SET_ADDRESSES, members, MEMBERS_MAX, &diags);
	assert_int_equal(n, 3);
	expect_member(&members[0], "192.0.2.0/24", "first");
	expect_member(&members[1], "198.51.100.7", "second");
	expect_member(&members[2], "203.0.113.9", "third");
	assert_true(members[0].from_file);
	assert_int_equal(diags.errors, 2);
	assert_string_equal(diags.first->at.file, "partners.txt");
	assert_int_equal(diags.first->at.line, 5);
	assert_int_equal(diags.first->at.column, 1);
	expect_str(diags.first->text,
		"\"nonsense\" is no address or prefix (as in 192.0.2.1, 192.0.2.0/24 or "
		"2001:db8::/32)",
		"nonsense", "message");
	assert_int_equal(diags.first->next->at.line, 6);
}

static void a_hash_in_a_mail_address_is_no_comment(void **state)
{
	static const char text[] = "a#b@example.org # but this\n#and this\n";
	uint8_t room[1024];
	struct set_member members[4];
	struct arena arena;
	struct diags diags;

	(void)state;
	arena_init(&arena, room, sizeof(room));
	diags_init(&diags, &arena);
	assert_int_equal(set_file_parse(span_str(text), "f", SET_MAIL, members, 4, &diags), 1);
	expect_member(&members[0], "a#b@example.org", "member");
}

/* No octet of a file may be read outside it, whatever it holds. */
static void set_files_of_any_octets_stay_inside(void **state)
{
	static const char text[] =
		"192.0.2.0/24 # x\nexample.org\n\"a b\"@example.org\n*.example.org";
	uint8_t room[65536], copy[sizeof(text)];
	struct fence fence;

	(void)state;
	fence_init(&fence, 4096);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (unsigned octet = 0; octet < 256; octet += 5) {
			struct set_member members[MEMBERS_MAX];
			struct span s;
			struct arena arena;
			struct diags diags;

			memcpy(copy, text, sizeof(text));
			copy[i] = (uint8_t)octet;
			s = span_of(copy, sizeof(text) - 1);
			s.p = fence_at_end(&fence, s);
			arena_init(&arena, room, sizeof(room));
			diags_init(&diags, &arena);
			assert_true(set_file_parse(s, "f", SET_UNUSED, members, set_file_lines(s),
					    &diags) <= set_file_lines(s));
		}
	fence_deinit(&fence);
}

/* As many as real lists have, in the worst order for sorts of another kind. */
static void a_large_set_is_sorted_and_searched(void **state)
{
	enum { N = 20000 };
	struct set_member *members = test_calloc(N, sizeof(*members));
	struct rule_set set = { .name = "s", .kind = SET_ADDRESSES };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		const uint32_t v = (uint32_t)(i * 2654435761u);
		const uint8_t octets[4] = { 10, (uint8_t)(v >> 24), (uint8_t)(v >> 16),
			(uint8_t)(v >> 8) };

		members[i] = (struct set_member){ .prefix = { ip_v4(octets), 32 } };
	}
	set_finish(&set, members, N);
	for (size_t i = 1; i < set.n_members; i++)
		assert_true(ip_cmp(&members[i - 1].prefix.ip, &members[i].prefix.ip) < 0);
	for (size_t i = 0; i < set.n_members; i++)
		assert_ptr_equal(set_has_ip(&set, &members[i].prefix.ip), &members[i]);
	test_free(members);
}

static void one_member_covers_another(void **state)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.0/24", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "::/0", "192.0.2.7", false },
		{ "*.example.org", "a.example.org", true },
		{ "*.example.org", "*.a.example.org", true },
		{ "*.example.org", "example.org", false },
		{ "example.org", "*.example.org", false },
		{ "example.org", "joe@example.org", true },
		{ "joe@example.org", "example.org", false },
		{ "192.0.2.7", "example.org", false },
		{ "example.org", "192.0.2.7", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct set_member a, b;

		assert_int_equal(set_member_parse(span_str(cases[i].a), SET_UNUSED, &a), SET_OK);
		assert_int_equal(set_member_parse(span_str(cases[i].b), SET_UNUSED, &b), SET_OK);
		if (set_member_covers(&a, &b) != cases[i].covers)
			fail_msg("%s, %s", cases[i].a, cases[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_narrowest_prefix_is_found),
		cmocka_unit_test(a_prefix_of_no_bits_covers_its_family_only),
		cmocka_unit_test(a_domain_is_itself_and_a_star_is_everything_below),
		cmocka_unit_test(a_list_blocks_every_spelling_of_a_mailbox),
		cmocka_unit_test(kinds_do_not_answer_for_each_other),
		cmocka_unit_test(what_is_no_member_is_told_why),
		cmocka_unit_test(a_root_dot_is_dropped),
		cmocka_unit_test(a_set_file_holds_one_member_a_line),
		cmocka_unit_test(a_hash_in_a_mail_address_is_no_comment),
		cmocka_unit_test(set_files_of_any_octets_stay_inside),
		cmocka_unit_test(a_large_set_is_sorted_and_searched),
		cmocka_unit_test(one_member_covers_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
