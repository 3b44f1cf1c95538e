/* SPDX-License-Identifier: ISC */
#include "filter/relay/host_texts.h"

#include "test/unit/support.h"

static const char hosts[] = "127.0.0.1\tlocalhost\n"
			    "# 192.0.2.9 mail.example\n"
			    "192.0.2.1  mail.example mail # 192.0.2.8 not.example\r\n"
			    "  2001:db8::1 other.example MAIL.Example.\n"
			    "fe80::1%eth0 mail.example\n"
			    "mail.example 192.0.2.7\n"
			    "192.0.2.5\n"
			    "192.0.2.6 mail.example"; /* no end */

static const char *found(const char *text, const char *name)
{
	static char line[512];
	struct ip list[4];
	struct out o;
	const size_t n = hosts_find(span_str(text), span_str(name), list, 4);

	out_init(&o, line, sizeof(line));
	for (size_t i = 0; i < n; i++) {
		out_str(&o, i ? " " : "");
		ip_print(&o, &list[i]);
	}
	return out_cstr(&o);
}

static void names_of_hosts(void **state)
{
	struct ip one[1];

	(void)state;
	expect_str(found(hosts, "mail.example"), "192.0.2.1 2001:db8::1 192.0.2.6", "mail", "");
	expect_str(found(hosts, "mail"), "192.0.2.1", "alias", "");
	expect_str(found(hosts, "not.example"), "", "in a comment", "");
	expect_str(found(hosts, "mail.exampl"), "", "a part", "");
	expect_str(found(hosts, "192.0.2.7"), "", "the wrong way round", "");
	expect_str(found("", "mail.example"), "", "empty", "");
	assert_int_equal(hosts_find(span_str(hosts), SPAN("mail.example"), one, 1), 1);
}

static void name_servers(void **state)
{
	struct ip list[HOST_SERVERS_MAX];
	static const char text[] = "search example\n"
				   "nameserver 192.0.2.53 trailing\n"
				   "#nameserver 192.0.2.54\n"
				   "nameserver\tfe80::1%2\n"
				   "nameservers 192.0.2.55\n"
				   "nameserver dns.example\n"
				   " nameserver 2001:db8::53\n"
				   "nameserver 192.0.2.56\n"
				   "nameserver 192.0.2.57\n";

	(void)state;
	assert_int_equal(resolv_servers(span_str(text), list), 3);
	assert_int_equal(list[0].octets[3], 53);
	assert_int_equal(list[1].family, IP_V6);
	assert_int_equal(list[2].octets[3], 56);
	assert_int_equal(resolv_servers((struct span){ 0 }, list), 0);
}

static const char *all_anchors(struct span text)
{
	static char line[8192];
	char anchor[ANCHOR_MAX];
	struct out o;

	out_init(&o, line, sizeof(line));
	for (size_t at = 0; anchors_next(text, &at, anchor);) {
		out_octet(&o, '<');
		out_str(&o, anchor);
		out_octet(&o, '>');
	}
	return out_cstr(&o);
}

static void anchors(void **state)
{
	static char longest[3 * ANCHOR_MAX];

	(void)state;
	expect_str(all_anchors(SPAN(
			   "; The keys of the root\n"
			   "\n"
			   ". IN DS 20326 8 2 E06D\n"
			   ".\t86400\tIN\tdnskey\t257 3 8 AwE= ;{id = 1} ;;state=2 [  VALID  ]\n"
			   ". 86400 IN DNSKEY 257 3 8 old= ;{id = 2} ;;state=4 [ REVOKED ]\n"
			   "example. IN A 192.0.2.1\n"
			   "example. IN DS 1 8 2 ab")),
		"<. IN DS 20326 8 2 E06D><.\t86400\tIN\tdnskey\t257 3 8 AwE= ><example. IN DS 1 8 "
		"2 ab>",
		"anchors", "");
	expect_str(all_anchors(SPAN(". IN DS 1 8\0 2 ab\n")), "", "a NUL", "");
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, ". DS 1", 6);
	expect_str(all_anchors(span_of(longest, ANCHOR_MAX)), "", "too long", "");
	assert_int_equal(strlen(all_anchors(span_of(longest, ANCHOR_MAX - 1))), ANCHOR_MAX + 1);
}

static void at_every_cut(void **state)
{
	struct fence f;
	struct ip list[HOST_SERVERS_MAX];
	char anchor[ANCHOR_MAX];

	(void)state;
	fence_init(&f, sizeof(hosts));
	for (size_t n = 0; n < sizeof(hosts); n++) {
		const struct span cut = span_of(fence_at_end(&f, span_of(hosts, n)), n);
		size_t at = 0;

		hosts_find(cut, SPAN("mail.example"), list, 3);
		resolv_servers(cut, list);
		while (anchors_next(cut, &at, anchor))
			;
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_hosts),
		cmocka_unit_test(name_servers),
		cmocka_unit_test(anchors),
		cmocka_unit_test(at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
