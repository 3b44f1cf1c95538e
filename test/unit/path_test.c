/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"

#include "test/unit/support.h"

enum { PLAIN, UTF8 = 1, TOLERANT = 2, MAIL = 4, RCPT = 8 };

static struct path_rules rules_of(unsigned flags)
{
	return (struct path_rules){
		.utf8 = flags & UTF8,
		.tolerant = flags & TOLERANT,
		.null_ok = flags & MAIL,
		.postmaster = flags & RCPT,
	};
}

/* The text ends at an unreadable page: nothing behind it is looked at. */
static enum path_error parse(
	struct span text, unsigned flags, struct smtp_path *pathp, size_t *usedp, struct fence *f)
{
	struct path_rules rules = rules_of(flags);

	return path_parse(span_of(fence_at_end(f, text), text.n), &rules, pathp, usedp);
}

struct good {
	struct span text;
	const char *printed;
	unsigned flags;
};

static const struct good good[] = {
	{ OCTETS("<a@out.test>"), "<a@out.test>", PLAIN },
	{ OCTETS("<>"), "<>", MAIL },
	{ OCTETS("<a.b+c-d=e_f/g#h*i?j^k~l{m}n'o$p@in.test>"),
		"<a.b+c-d=e_f/g#h*i?j^k~l{m}n'o$p@in.test>", PLAIN },
	{ OCTETS("<t@in.test.>"), "<t@in.test>", PLAIN }, /* RLY-29 */
	{ OCTETS("<T@IN.TEST>"), "<T@in.test>", PLAIN },  /* the local part's case is its own */
	{ OCTETS("<postmaster>"), "<postmaster>", RCPT }, /* RLY-37 */
	{ OCTETS("<PostMaster>"), "<PostMaster>", RCPT },
	{ OCTETS("<a@x>"), "<a@x>", PLAIN },
	{ OCTETS("<a@1.2.3.4.test>"), "<a@1.2.3.4.test>", PLAIN },
	{ OCTETS("<a@xn--caf-dma.test>"), "<a@xn--caf-dma.test>", PLAIN },
	{ OCTETS("<\"a..b\"@in.test>"), "<\"a..b\"@in.test>", PLAIN },
	{ OCTETS("<\"a b\"@in.test>"), "<\"a b\"@in.test>", TOLERANT },
	{ OCTETS("<\"a\\\"b\"@in.test>"), "<\"a\\\"b\"@in.test>", TOLERANT },
	{ OCTETS("<\"t@victim.test\"@in.test>"), "<\"t@victim.test\"@in.test>", TOLERANT },
	{ OCTETS("<t%victim.test@in.test>"), "<t%victim.test@in.test>", TOLERANT },
	{ OCTETS("<a@[127.0.0.1]>"), "<a@[127.0.0.1]>", PLAIN }, /* ATK-23 */
	{ OCTETS("<a@[IPv6:::1]>"), "<a@[IPv6:::1]>", PLAIN },
	{ OCTETS("<a@[ipv6:2001:DB8:0:0:0:0:0:1]>"), "<a@[IPv6:2001:db8::1]>", PLAIN },
	{ OCTETS("<b\xc3\xa9@in.test>"), "<b\xc3\xa9@in.test>", UTF8 }, /* CMD-22 */
	{ OCTETS("<b@caf\xc3\xa9.test>"), "<b@caf\xc3\xa9.test>", UTF8 },
};

static void good_paths_are_printed_in_one_form(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 600);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const struct good *row = &good[i];
		struct smtp_path path, again;
		uint8_t block[300];
		size_t used = 0;
		struct out o;

		if (parse(row->text, row->flags, &path, &used, &f) != PATH_OK)
			fail_msg("%s", row->printed);
		assert_int_equal(used, row->text.n);
		out_init(&o, block, sizeof block);
		path_print(&o, &path);
		expect_octets(out_span(&o), span_str(row->printed), row->printed, "printed");
		assert_int_equal(parse(out_span(&o), row->flags, &again, &used, &f), PATH_OK);
		assert_int_equal(again.kind, path.kind);
		assert_int_equal(again.utf8, path.utf8);
		assert_true(ip_eq(&again.ip, &path.ip));
	}
	fence_deinit(&f);
}

static const struct bad {
	struct span text;
	enum path_error want;
	unsigned flags;
} bad[] = {
	{ OCTETS(""), PATH_E_SYNTAX, RCPT }, { OCTETS("<"), PATH_E_SYNTAX, RCPT },
	{ OCTETS(">"), PATH_E_SYNTAX, RCPT }, { OCTETS("<>"), PATH_E_SYNTAX, RCPT },
	{ OCTETS("a@in.test"), PATH_E_SYNTAX, PLAIN },
	{ OCTETS("<a@in.test"), PATH_E_SYNTAX, PLAIN },
	{ OCTETS(" <a@in.test>"), PATH_E_SYNTAX, PLAIN },
	{ OCTETS("(x@in.test)<t@victim.test>"), PATH_E_SYNTAX, PLAIN }, /* RLY-21 */
	{ OCTETS("<@in.test:t@victim.test>"), PATH_E_ROUTE, PLAIN },    /* RLY-18 */
	{ OCTETS("<@[10.0.0.1]:t@victim.test>"), PATH_E_ROUTE, PLAIN }, /* RLY-12 */
	{ OCTETS("<@in.test>"), PATH_E_ROUTE, PLAIN },
	{ OCTETS("<t>"), PATH_E_DOMAIN, RCPT }, /* RLY-37 */
	{ OCTETS("<postmaster>"), PATH_E_DOMAIN, MAIL },
	{ OCTETS("<\"postmaster\">"), PATH_E_DOMAIN, RCPT },
	{ OCTETS("<postmaster@>"), PATH_E_DOMAIN, RCPT }, { OCTETS("<a@>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@.>"), PATH_E_DOMAIN, PLAIN }, { OCTETS("<a@..>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in..test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@.in.test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in.test..>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@-in.test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in-.test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in_x.test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in\ttest>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<a@in.test\0>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@2130706433>"), PATH_E_DOMAIN, PLAIN }, /* RLY-36 */
	{ OCTETS("<t@0x7f.1>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@0x7f>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@127.0.0.1>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@127.0.0.1.>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@victim.test@in.test>"), PATH_E_DOMAIN, PLAIN }, /* RLY-20, RLY-09 */
	{ OCTETS("<t@in.test@victim.test>"), PATH_E_DOMAIN, PLAIN },
	{ OCTETS("<t@victim.test(@in.test>"), PATH_E_DOMAIN, PLAIN },              /* RLY-23 */
	{ OCTETS("<<x@in.test>t@victim.test>"), PATH_E_LOCAL, PLAIN },             /* RLY-27 */
	{ OCTETS("<\"t@victim.test\">"), PATH_E_UNSAFE, RCPT },                    /* RLY-07 */
	{ OCTETS("<\"t%victim.test\">"), PATH_E_UNSAFE, RCPT },                    /* RLY-08 */
	{ OCTETS("<\"t@victim.test\"@[10.0.0.1]>"), PATH_E_UNSAFE, PLAIN },        /* RLY-10 */
	{ OCTETS("<victim.test!t>"), PATH_E_UNSAFE, RCPT },                        /* RLY-14 */
	{ OCTETS("<victim.test!t@in.test>"), PATH_E_UNSAFE, PLAIN },               /* RLY-16 */
	{ OCTETS("<t%victim.test@in.test>"), PATH_E_UNSAFE, PLAIN },               /* RLY-17 */
	{ OCTETS("<IMCEASMTP-t+40victim+2Etest@in.test>"), PATH_E_UNSAFE, PLAIN }, /* RLY-34 */
	{ OCTETS("<${run{x}}@in.test>"), PATH_E_UNSAFE, PLAIN },                   /* ATK-16 */
	{ OCTETS("<;sleep 5;>"), PATH_E_LOCAL, PLAIN },                            /* ATK-15 */
	{ OCTETS("<|prog@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<a&b@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<a`b`@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("</etc/passwd@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<-oQ/tmp@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"a b\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"a,b\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"a\\\"b\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"../x\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"-x\"@in.test>"), PATH_E_UNSAFE, PLAIN },
	{ OCTETS("<\"a@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<\"a\\"), PATH_E_LOCAL, TOLERANT },
	{ OCTETS("<\"a\tb\"@in.test>"), PATH_E_LOCAL, TOLERANT },
	{ OCTETS("<\"a\"b@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a\"b\"@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a..b@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<.a@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a.@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a b@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a,b@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a\0b@in.test>"), PATH_E_LOCAL, PLAIN }, /* CMD-06 */
	{ OCTETS("<a(b)@in.test>"), PATH_E_LOCAL, PLAIN },
	{ OCTETS("<a@[>"), PATH_E_LITERAL, PLAIN }, /* ATK-23 */
	{ OCTETS("<a@[]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[1.2.3.4.5]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[IPv6:zz]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[::1]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[IPv6:127.0.0.1]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[127.0.0.01]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[ 127.0.0.1]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[127.0.0.1]x>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<a@[tag:x]>"), PATH_E_LITERAL, PLAIN },
	{ OCTETS("<b\xc3\xa9@in.test>"), PATH_E_8BIT, PLAIN }, /* CMD-21 */
	{ OCTETS("<b@caf\xc3\xa9.test>"), PATH_E_8BIT, PLAIN },
	{ OCTETS("<b\xc3\x28@in.test>"), PATH_E_UTF8, UTF8 }, /* CMD-22 */
	{ OCTETS("<b\xc3"), PATH_E_UTF8, UTF8 },
	{ OCTETS("<b\xe2\x80\xa8@in.test>"), PATH_E_UTF8, UTF8 },
	{ OCTETS("<b@in\xef\xbc\x8etest>"), PATH_E_UTF8, UTF8 }, /* full-width dot */
	{ OCTETS("<b@in\xe3\x80\x82test>"), PATH_E_UTF8, UTF8 }, /* ideographic full stop */
};

static void what_servers_read_differently_is_refused(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 600);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct smtp_path path;
		size_t used;
		enum path_error got = parse(bad[i].text, bad[i].flags, &path, &used, &f);

		if (got != bad[i].want)
			fail_msg("%s: %d, not %d", (const char *)bad[i].text.p, got, bad[i].want);
	}
	fence_deinit(&f);
}

/* Every beginning of a good path is bad, and none makes the reader look behind its end. */
static void no_beginning_of_a_path_is_one(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 600);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		for (size_t n = 0; n < good[i].text.n; n++) {
			struct smtp_path path;
			size_t used;

			if (parse(span_sub(good[i].text, 0, n), good[i].flags, &path, &used, &f) ==
				PATH_OK)
				fail_msg("%zu octets of %s", n, good[i].printed);
		}
	}
	fence_deinit(&f);
}

static void what_stands_behind_a_path_is_not_its_matter(void **state)
{
	struct path_rules rules = rules_of(PLAIN);
	struct smtp_path path;
	size_t used;

	(void)state;
	assert_int_equal(path_parse(SPAN("<a@in.test>,<b@x.test>"), &rules, &path, &used),
		PATH_OK); /* RLY-25 */
	assert_int_equal(used, 11);
	assert_int_equal(path_parse(SPAN("<a@in.test> SIZE=1"), &rules, &path, &used), PATH_OK);
	assert_int_equal(used, 11);
}

/* "<", @local times a, "@", labels of @label octets up to @domain octets, ">" */
static struct span long_path(uint8_t *room, size_t local, size_t domain, size_t label)
{
	struct out o;

	out_init(&o, room, 600);
	out_octet(&o, '<');
	for (size_t i = 0; i < local; i++)
		out_octet(&o, 'a');
	out_octet(&o, '@');
	for (size_t i = 0; i < domain; i++)
		out_octet(&o, i % (label + 1) == label ? '.' : 'b');
	out_octet(&o, '>');
	return out_span(&o);
}

static void lengths_are_held_to_the_octet(void **state)
{
	static const struct {
		size_t local, domain, label;
		enum path_error want;
	} rows[] = {
		{ 64, 10, 63, PATH_OK },
		{ 65, 10, 63, PATH_E_LONG },
		{ 1, 63, 63, PATH_OK },
		{ 1, 64, 64, PATH_E_DOMAIN },
		{ 1, 252, 60, PATH_OK },     /* 256 with brackets and at-sign ... */
		{ 1, 253, 60, PATH_E_LONG }, /* ... and no more */
		{ 64, 189, 60, PATH_OK },
		{ 64, 190, 60, PATH_E_LONG },
		{ 1, 256, 60, PATH_E_LONG },
		{ 1, 300, 60, PATH_E_LONG },
	};
	struct fence f;

	(void)state;
	fence_init(&f, 600);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t room[600];
		struct smtp_path path;
		size_t used;
		struct span text = long_path(room, rows[i].local, rows[i].domain, rows[i].label);
		enum path_error got = parse(text, PLAIN, &path, &used, &f);

		if (got != rows[i].want)
			fail_msg("%zu at %zu of %zu: %d, not %d", rows[i].local, rows[i].domain,
				rows[i].label, got, rows[i].want);
	}
	fence_deinit(&f);
}

static void kinds_of_domain_are_told_apart(void **state)
{
	struct path_rules rules = rules_of(UTF8 | MAIL | RCPT);
	struct smtp_path path;
	size_t used;

	(void)state;
	assert_int_equal(path_parse(SPAN("<>"), &rules, &path, &used), PATH_OK);
	assert_int_equal(path.kind, DOMAIN_NONE);
	assert_int_equal(path.local.n, 0);
	assert_int_equal(path_parse(SPAN("<postmaster>"), &rules, &path, &used), PATH_OK);
	assert_int_equal(path.kind, DOMAIN_NONE);
	assert_int_equal(path_parse(SPAN("<\"a\"@x.test.>"), &rules, &path, &used), PATH_OK);
	assert_int_equal(path.kind, DOMAIN_NAME);
	assert_true(path.quoted && !path.utf8);
	expect_octets(path.local, SPAN("\"a\""), "local", "as it stood");
	expect_octets(path.domain, SPAN("x.test"), "domain", "without the root");
	assert_int_equal(path_parse(SPAN("<a@[192.0.2.1]>"), &rules, &path, &used), PATH_OK);
	assert_int_equal(path.kind, DOMAIN_LITERAL);
	assert_int_equal(path.ip.family, IP_V4);
	assert_int_equal(path_parse(SPAN("<a@\xc3\xa9.test>"), &rules, &path, &used), PATH_OK);
	assert_true(path.utf8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_paths_are_printed_in_one_form),
		cmocka_unit_test(what_servers_read_differently_is_refused),
		cmocka_unit_test(no_beginning_of_a_path_is_one),
		cmocka_unit_test(what_stands_behind_a_path_is_not_its_matter),
		cmocka_unit_test(lengths_are_held_to_the_octet),
		cmocka_unit_test(kinds_of_domain_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
