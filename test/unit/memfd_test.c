/* SPDX-License-Identifier: ISC */
#include "base/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/unit/support.h"

static void what_was_sealed_is_mapped_as_it_was(void **state)
{
	const int fd = memfd_sealed("test", SPAN("some octets"));
	struct span got;

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(memfd_map(fd, 100, &got), 0);
	close(fd);
	expect_octets(got, SPAN("some octets"), "mapped", "after close");
	memfd_unmap(got);
}

static void nobody_can_change_it_any_more(void **state)
{
	const int fd = memfd_sealed("test", SPAN("some octets"));

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 100), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
}

static void what_may_still_change_is_refused(void **state)
{
	static const int seals[] = { 0, F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_SHRINK,
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW };
	struct span got;
	int ends[2];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(seals); i++) {
		const int fd = memfd_create("test", MFD_ALLOW_SEALING);

		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
		assert_int_equal(memfd_map(fd, 100, &got), MEMFD_E_UNSEALED);
		close(fd);
	}
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(memfd_map(ends[0], 100, &got), MEMFD_E_UNSEALED);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(memfd_map(-1, 100, &got), -EBADF);
}

static void its_size_has_bounds(void **state)
{
	const int empty = memfd_sealed("test", SPAN("")),
		  ten = memfd_sealed("test", SPAN("0123456789"));
	struct span got;

	(void)state;
	assert_int_equal(memfd_map(empty, 100, &got), MEMFD_E_SIZE);
	assert_int_equal(memfd_map(ten, 9, &got), MEMFD_E_SIZE);
	assert_int_equal(memfd_map(ten, 10, &got), 0);
	memfd_unmap(got);
	close(empty);
	close(ten);
}

static void a_room_is_written_by_one_and_read_by_another(void **state)
{
	const int fd = memfd_room("test", 10000);
	void *own, *view;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(memfd_map_room(fd, 10000, true, &own), 0);
	assert_int_equal(memfd_map_room(fd, 10000, false, &view), 0);
	memcpy(own, "some octets", 11);
	expect_octets(span_of(view, 12), SPAN("some octets\0"), "view", "after a write");
	assert_true(ftruncate(fd, 0) < 0);
	assert_true(ftruncate(fd, 20000) < 0);
	munmap(own, 10000);
	munmap(view, 10000);
	close(fd);
}

static void a_room_of_another_size_or_kind_is_refused(void **state)
{
	const int fd = memfd_room("test", 10000), plain = memfd_create("test", MFD_ALLOW_SEALING);
	void *p;

	(void)state;
	assert_int_equal(memfd_map_room(fd, 9999, true, &p), MEMFD_E_SIZE);
	assert_int_equal(ftruncate(plain, 10000), 0);
	assert_int_equal(memfd_map_room(plain, 10000, true, &p), MEMFD_E_UNSEALED);
	close(fd);
	close(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_is_mapped_as_it_was),
		cmocka_unit_test(nobody_can_change_it_any_more),
		cmocka_unit_test(what_may_still_change_is_refused),
		cmocka_unit_test(its_size_has_bounds),
		cmocka_unit_test(a_room_is_written_by_one_and_read_by_another),
		cmocka_unit_test(a_room_of_another_size_or_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
