/* SPDX-License-Identifier: ISC */
/* filter/limits/ledger: what one proxy has open, and what a proxy may have made of it. */
#include "test/unit/support.h"

#include "filter/limits/ledger.h"
#include "filter/limits/shared.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	int fd;
	struct ledger own, view;
};

static void begin(struct fixture *f)
{
	f->fd = ledger_make();
	assert_true(f->fd >= 0);
	assert_int_equal(ledger_map(&f->own, f->fd), 0);
	assert_int_equal(ledger_view(&f->view, f->fd), 0);
}

static void end(struct fixture *f)
{
	ledger_unmap(&f->own);
	ledger_unmap(&f->view);
	close(f->fd);
}

static struct ledger_entry entry(uint64_t rule)
{
	return (struct ledger_entry){ .rule = rule,
		.client = ip_v4((uint8_t[]){ 192, 0, 2, 1 }),
		.counted = LEDGER_RULE | LEDGER_CLIENT };
}

static void posternd_sees_what_the_proxy_wrote(void **state)
{
	struct fixture f;
	struct ledger_entry e = entry(7), got;
	struct tally_key keys[2];
	uint32_t place;

	(void)state;
	begin(&f);
	assert_int_equal(ledger_end(&f.view), 0);
	place = ledger_add(&f.own, &e);
	assert_int_equal(ledger_end(&f.view), place + 1);
	got = ledger_at(&f.view, place);
	assert_int_equal(ledger_keys(&got, keys), 2);
	assert_true(keys[0].rule == 7 && keys[0].client.family == IP_NONE);
	assert_true(keys[1].rule == 7 && ip_eq(&keys[1].client, &e.client));
	ledger_remove(&f.own, place);
	got = ledger_at(&f.view, place);
	assert_int_equal(ledger_keys(&got, keys), 0);
	end(&f);
}

static void only_what_was_counted_has_a_key(void **state)
{
	struct ledger_entry e = entry(7);
	struct tally_key keys[2];

	(void)state;
	e.counted = 0;
	assert_int_equal(ledger_keys(&e, keys), 0);
	e.counted = LEDGER_CLIENT;
	assert_int_equal(ledger_keys(&e, keys), 1);
	assert_int_equal(keys[0].client.family, IP_V4);
	e.counted = LEDGER_RULE;
	assert_int_equal(ledger_keys(&e, keys), 1);
	assert_int_equal(keys[0].client.family, IP_NONE);
}

static void it_fills_up_and_is_used_again(void **state)
{
	static bool taken[LEDGER_MAX];
	struct fixture f;

	(void)state;
	begin(&f);
	for (uint64_t i = 0; i < LEDGER_MAX; i++) {
		struct ledger_entry e = entry(i + 1);
		uint32_t place;
		assert_false(ledger_full(&f.own));
		place = ledger_add(&f.own, &e);
		assert_true(place < LEDGER_MAX && !taken[place]);
		taken[place] = true;
	}
	assert_true(ledger_full(&f.own));
	for (uint32_t place = 0; place < LEDGER_MAX; place += 3)
		ledger_remove(&f.own, place);
	for (uint32_t place = 0; place < LEDGER_MAX; place += 3) {
		struct ledger_entry e = entry(5);
		assert_false(ledger_full(&f.own));
		assert_int_equal(ledger_add(&f.own, &e) % 3, 0);
	}
	assert_true(ledger_full(&f.own));
	assert_int_equal(ledger_end(&f.view), LEDGER_MAX);
	end(&f);
}

static void few_connections_take_little_memory(void **state)
{
	struct fixture f;
	struct ledger_entry e = entry(5);
	struct stat st;

	(void)state;
	begin(&f);
	for (int i = 0; i < 100000; i++)
		ledger_remove(&f.own, ledger_add(&f.own, &e));
	assert_int_equal(ledger_end(&f.view), 1);
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_in_range(st.st_blocks, 0, 64);
	end(&f);
}

/* Every octet by chance, also of the counts: it ends, within the memory, and asserts nothing. */
static void whatever_a_proxy_wrote_nothing_breaks(void **state)
{
	struct fixture f;
	struct shared s;
	struct stat st;
	uint8_t *page;
	const int counts = shared_make();

	(void)state;
	begin(&f);
	assert_int_equal(shared_map(&s, counts, 0), 0);
	assert_int_equal(fstat(f.fd, &st), 0);
	page = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	assert_true(page != MAP_FAILED);
	srandom(1);
	for (int round = 0; round < 3; round++) {
		for (off_t i = 0; i < st.st_size; i++)
			page[i] = (uint8_t)(random() >> 8);
		if (round > 0)
			memset(page, round == 1 ? 0xff : 0, 64);
		if (round == 2)
			memset(s.tally.slots, 0xff, s.tally.n_slots * sizeof(*s.tally.slots));
		assert_in_range(ledger_end(&f.view), 0, LEDGER_MAX);
		shared_recount(&s, (const struct ledger *[]){ &f.view }, 1);
	}
	shared_recount(&s, NULL, 0); /* that proxy is gone: so is what it had told */
	for (uint32_t i = 0; i < s.tally.n_slots; i++)
		assert_int_equal(s.tally.slots[i].connections, 0);
	munmap(page, (size_t)st.st_size);
	shared_unmap(&s);
	close(counts);
	end(&f);
}

static void another_file_is_refused(void **state)
{
	const int fd = shared_make(), file = memfd_create("x", MFD_CLOEXEC);
	struct ledger l;

	(void)state;
	assert_int_equal(ledger_map(&l, fd), LEDGER_E_SIZE);
	assert_int_equal(ledger_view(&l, file), LEDGER_E_SIZE);
	ledger_unmap(&l);
	close(fd);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posternd_sees_what_the_proxy_wrote),
		cmocka_unit_test(only_what_was_counted_has_a_key),
		cmocka_unit_test(it_fills_up_and_is_used_again),
		cmocka_unit_test(few_connections_take_little_memory),
		cmocka_unit_test(whatever_a_proxy_wrote_nothing_breaks),
		cmocka_unit_test(another_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
