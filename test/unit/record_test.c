/* SPDX-License-Identifier: ISC */
#include "base/record.h"

#include <jansson.h>

#include "test/unit/support.h"

#define WALL_NS 1795338845000001000 /* 2026-11-22T09:14:05.000001Z */

static uint8_t block[RECORD_MAX];

static void begin(struct record *r, size_t size)
{
	record_begin(r, block, size, WALL_NS, "PN3001", "info", "line-long");
}

/* The line is one line, printable, and JSON without a repeated key. */
static json_t *parsed(struct span line)
{
	json_error_t error;
	json_t *root;

	assert_true(line.n > 0 && line.p[line.n - 1] == '\n');
	for (size_t i = 0; i < line.n - 1; i++)
		assert_true(line.p[i] >= 0x20 && line.p[i] < 0x7f);
	root = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		fail_msg("%s at %d in %.*s", error.text, error.position, (int)line.n,
			(const char *)line.p);
	return root;
}

static void fields_stand_in_the_order_they_were_given(void **state)
{
	struct ip ip = ip_v4((const uint8_t[]){ 203, 0, 113, 9 }), none = { 0 };
	struct record r;

	(void)state;
	begin(&r, sizeof block);
	record_str(&r, "session", "0abc");
	record_str(&r, "absent", NULL);
	record_ip(&r, "client", &ip);
	record_ip(&r, "internal", &none);
	record_u64(&r, "octets", UINT64_MAX);
	record_bool(&r, "inspected", true);
	record_array(&r, "recipients");
	for (int i = 0; i < 2; i++) {
		record_object(&r);
		record_octets(&r, "to", SPAN("a@in.test"), 256);
		record_u64(&r, "reply", 250);
		record_close(&r);
	}
	record_close(&r);
	record_array(&r, "none");
	record_close(&r);
	record_str(&r, "last", "");
	expect_octets(record_end(&r),
		SPAN("{\"time\":\"2026-11-22T09:14:05.000001Z\",\"code\":\"PN3001\",\"severity\":"
		     "\"info\","
		     "\"event\":\"line-long\",\"session\":\"0abc\",\"client\":\"203.0.113.9\","
		     "\"octets\":18446744073709551615,\"inspected\":true,"
		     "\"recipients\":[{\"to\":\"a@in.test\",\"reply\":250},{\"to\":\"a@in.test\","
		     "\"reply\":250}],"
		     "\"none\":[],\"last\":\"\"}\n"),
		"a record", "whole");
}

static void no_octet_of_a_peer_breaks_the_line(void **state)
{
	uint8_t hostile[3 * 256];

	(void)state;
	for (unsigned c = 0; c < 256;
		c++) { /* each octet alone, and behind a backslash and a quote */
		const uint8_t around[] = { '\\', '"', (uint8_t)c };
		struct record r;
		json_t *root;

		begin(&r, sizeof block);
		record_octets(&r, "line", span_of(around, sizeof around), 256);
		root = parsed(record_end(&r));
		assert_null(json_object_get(root, "cut"));
		assert_int_equal(json_object_size(root), 5);
		json_decref(root);
		memcpy(hostile + 3 * c, around, sizeof around);
	}
	struct record r;
	begin(&r, sizeof block);
	record_octets(&r, "line", span_of(hostile, sizeof hostile), SIZE_MAX);
	json_decref(parsed(record_end(&r)));
}

static void a_long_value_is_shortened(void **state)
{
	static uint8_t octets[10000];
	struct record r;
	json_t *root;

	(void)state;
	memset(octets, 0x1b, sizeof octets);
	begin(&r, sizeof block);
	record_octets(&r, "line", span_of(octets, sizeof octets), 2);
	root = parsed(record_end(&r));
	assert_string_equal(json_string_value(json_object_get(root, "line")), "\\x1b\\x1b...");
	json_decref(root);
}

/* Nested fields that do not fit, in a block of every size: always a whole line, marked when
 * something is missing. */
static void a_record_that_does_not_fit_is_cut_in_order(void **state)
{
	size_t whole = 0;

	(void)state;
	for (size_t size = 256; size < 700; size++) {
		struct fence f;
		struct record r;
		struct span line;
		json_t *root;

		fence_init(&f, 4096);
		record_begin(&r, f.room + f.size - size, size, WALL_NS, "PN2001", "info",
			"message-delivered");
		record_array(&r, "recipients");
		for (int i = 0; i < 8; i++) {
			record_object(&r);
			record_octets(&r, "to", SPAN("\xff\"\r\n@in.test"), 256);
			record_array(&r, "more");
			record_object(&r);
			record_close(&r);
			record_close(&r);
			record_close(&r);
		}
		record_close(&r);
		record_bool(&r, "end", true);
		line = record_end(&r);
		assert_true(line.n <= size);
		root = parsed(line);
		assert_true((json_object_get(root, "cut") == NULL) ==
			    (json_object_get(root, "end") != NULL));
		whole += json_object_get(root, "end") != NULL;
		json_decref(root);
		fence_deinit(&f);
	}
	assert_true(whole > 0 && whole < 444);
}

static void nothing_is_added_behind_a_field_that_did_not_fit(void **state)
{
	static uint8_t octets[1024];
	struct record r;
	json_t *root;

	(void)state;
	begin(&r, 256);
	record_octets(&r, "line", span_of(octets, sizeof octets), SIZE_MAX);
	record_u64(&r, "offset", 1);
	assert_int_equal(record_room(&r), 0);
	root = parsed(record_end(&r));
	assert_int_equal(json_object_size(root), 5);
	assert_true(json_is_true(json_object_get(root, "cut")));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_stand_in_the_order_they_were_given),
		cmocka_unit_test(no_octet_of_a_peer_breaks_the_line),
		cmocka_unit_test(a_long_value_is_shortened),
		cmocka_unit_test(a_record_that_does_not_fit_is_cut_in_order),
		cmocka_unit_test(nothing_is_added_behind_a_field_that_did_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
