/* SPDX-License-Identifier: ISC */
#include "log/place.h"

#include "test/unit/support.h"

static void paths_start_at_the_folder_of_postern_conf(void **state)
{
	static const struct {
		const char *dir, *state, *log, *state_is, *log_is;
	} cases[] = {
		{ "/etc/postern", NULL, NULL, "/var/lib/postern", "/var/lib/postern/log/log.json" },
		{ "/etc/postern//", NULL, NULL, "/var/lib/postern",
			"/var/lib/postern/log/log.json" },
		{ "/srv/p", NULL, NULL, "/srv/p/state", "/srv/p/state/log/log.json" },
		{ "p/", NULL, NULL, "p/state", "p/state/log/log.json" },
		{ "/etc/postern", "/srv/s", NULL, "/srv/s", "/srv/s/log/log.json" },
		{ "/etc/postern", "s", NULL, "/etc/postern/s", "/etc/postern/s/log/log.json" },
		{ "p", "s", "x.log", "p/s", "p/x.log" },
		{ "/srv/p/", NULL, "x.log", "/srv/p/state", "/srv/p/x.log" },
		{ "p", NULL, "/srv/x.log", "p/state", "/srv/x.log" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct log_sink sink = { .format = LOG_JSON, .path = cases[i].log };
		const struct hostconf host = {
			.state = cases[i].state, .logs = &sink, .n_logs = cases[i].log != NULL
		};
		char text[LOG_PLACE_MAX];
		struct out o;

		out_init(&o, text, sizeof(text));
		log_place_state(&o, &host, cases[i].dir);
		assert_string_equal(out_cstr(&o), cases[i].state_is);
		out_init(&o, text, sizeof(text));
		log_place_file(&o, &host, cases[i].dir);
		assert_string_equal(out_cstr(&o), cases[i].log_is);
	}
}

static void the_control_socket_lies_in_run_or_in_the_folder(void **state)
{
	static const struct {
		const char *dir, *control, *is;
	} cases[] = {
		{ "/etc/postern", NULL, "/run/postern/control" },
		{ "/etc/postern/", NULL, "/run/postern/control" },
		{ "/srv/p/", NULL, "/srv/p/control" },
		{ "p", NULL, "p/control" },
		{ "/etc/postern", "/run/p/c", "/run/p/c" },
		{ "/etc/postern", "c", "/etc/postern/c" },
		{ "p", "run/c", "p/run/c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct hostconf host = { .control = cases[i].control };
		char text[LOG_PLACE_MAX];
		struct out o;

		out_init(&o, text, sizeof(text));
		log_place_control(&o, &host, cases[i].dir);
		assert_string_equal(out_cstr(&o), cases[i].is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_start_at_the_folder_of_postern_conf),
		cmocka_unit_test(the_control_socket_lies_in_run_or_in_the_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
