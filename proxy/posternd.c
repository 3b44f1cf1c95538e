/* SPDX-License-Identifier: ISC */
/* posternd: reads the rules, opens the listeners, starts the roles, watches over them. It reads
 * nothing from the network. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/place.h"
#include "proxy/bind.h"
#include "proxy/house.h"
#include "proxy/roles.h"
#include "proxy/transparent.h"
#include "proxy/unbuilt.h"
#include "rules/load/load.h"

#define TEXT_MAX (1u << 20)

static const char usage[] = "usage: posternd -c DIR -f\n"
			    "  -c DIR  the folder of rules.conf and postern.conf (/etc/postern)\n"
			    "  -f      stay in the foreground\n"
			    "  -V      print the version\n";

struct options {
	const char *dir;
	bool foreground, version;
};

static bool read_options(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .dir = "/etc/postern" };
	while ((c = getopt(argc, argv, "c:fV")) != -1) {
		if (c == 'c')
			o->dir = optarg;
		else if (c == 'f')
			o->foreground = true;
		else if (c == 'V')
			o->version = true;
		else
			return false;
	}
	return optind == argc;
}

static void print_diags(const struct load *l)
{
	static char text[TEXT_MAX];
	struct out o;

	out_init(&o, text, sizeof(text));
	for (const struct diag *d = l->diags.first; d; d = d->next)
		if (d->level != DIAG_NOTE)
			diag_print(&o, d, l->sources, l->n_sources, false);
	fwrite(text, 1, o.n, stderr);
}

/* A file that may not be read is a matter of rights, not of what it says. */
static int exit_of_errors(const struct load *l)
{
	for (size_t i = 0; i < l->n_sources; i++)
		if (l->sources[i].error == EACCES || l->sources[i].error == EPERM)
			return EXIT_PERMISSION;
	return EXIT_CONFIG;
}

/* Return: 0 or the exit code. */
static int load_rules(struct load *l, const char *dir)
{
	static char text[65536];
	const struct unbuilt_may may = { .transparent = transparent_allowed() };
	struct out o;
	unsigned n;
	int r = load_dir(l, dir);

	if (r < 0) {
		fprintf(stderr, "posternd: %s: %s\n", dir, strerror(-r));
		return EXIT_UNAVAILABLE;
	}
	print_diags(l);
	if (!l->ruleset) {
		fprintf(stderr, "posternd: %s: %u errors, %u warnings; nothing was started\n", dir,
			l->diags.errors, l->diags.warnings);
		return exit_of_errors(l);
	}
	out_init(&o, text, sizeof(text));
	n = unbuilt_print(&o, l->ruleset, &may);
	fwrite(text, 1, o.n, stderr);
	if (!n && !l->ruleset->n_rules) {
		fprintf(stderr,
			"posternd: %s: no rule publishes anything: write one into rules.conf, as "
			"rules.conf(5) shows; nothing was started\n",
			dir);
		return EXIT_CONFIG;
	}
	if (!n)
		return 0;
	fprintf(stderr,
		"posternd: %s: %u statements this version cannot carry out; nothing was started\n",
		dir, n);
	return EXIT_CONFIG;
}

/* The last folder of the path is made; those above it are the administrator's. */
static int make_state(const struct hostconf *host, const char *dir)
{
	char path[LOG_PLACE_MAX];
	struct out o;

	out_init(&o, path, sizeof(path));
	log_place_state(&o, host, dir);
	if (mkdir(out_cstr(&o), 0750) == 0 || errno == EEXIST)
		return 0;
	fprintf(stderr,
		"posternd: state folder %s cannot be made: %s (\"state\" of postern.conf names "
		"it)\n",
		path, strerror(errno));
	return errno == EACCES || errno == EPERM || errno == EROFS ? EXIT_PERMISSION : EXIT_CONFIG;
}

/* Two descriptors a session, and none is needed here: as many as we may have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const struct load *l, const char *dir)
{
	struct house house = {
		.load = l, .dir = dir, .n_workers = worker_count(&l->ruleset->host)
	};
	int r = make_state(&l->ruleset->host, dir);

	if (r == 0)
		r = bind_all(&house.binds, l->ruleset, house.n_workers);
	if (r == 0)
		r = house_run(&house);
	bind_free(&house.binds);
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
	struct load load;
	int r;

	if (!read_options(&options, argc, argv)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (options.version) {
		puts("posternd " POSTERN_VERSION);
		return 0;
	}
	if (!options.foreground) {
		fputs("posternd: it runs in the foreground only, under a service manager: add -f\n",
			stderr);
		return EXIT_USAGE;
	}
	raise_descriptors();
	r = load_rules(&load, options.dir);
	if (r == 0)
		r = serve(&load, options.dir);
	load_free(&load);
	return r;
}
