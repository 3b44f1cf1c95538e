/* SPDX-License-Identifier: ISC */
/* A build without the sandbox. */
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "test/unit/support.h"

static void nothing_holds_and_that_is_told(void **state)
{
	struct role_place place = { .folder = -1 };
	unsigned layers = ~0u;

	(void)state;
	assert_int_equal(role_enter(ROLE_PROXY, &place, &layers), 0);
	assert_int_equal(layers, 0);
}

static void where_it_is_required_the_role_ends(void **state)
{
	struct role_place place = { .folder = -1, .required = true };
	unsigned layers = ~0u;

	(void)state;
	assert_int_equal(role_enter(ROLE_LOG, &place, &layers), -ENOTSUP);
	assert_int_equal(layers, 0);
}

static void the_folder_is_entered_all_the_same(void **state)
{
	struct role_place place = { .folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	unsigned layers;
	char path[64];

	(void)state;
	assert_true(place.folder >= 0);
	assert_int_equal(role_enter(ROLE_LOG, &place, &layers), 0);
	assert_string_equal(getcwd(path, sizeof(path)), "/");
	assert_int_equal(fcntl(place.folder, F_GETFD), -1);

	place.folder = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(role_enter(ROLE_LOG, &place, &layers), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_holds_and_that_is_told),
		cmocka_unit_test(where_it_is_required_the_role_ends),
		cmocka_unit_test(the_folder_is_entered_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
