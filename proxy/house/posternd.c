/* SPDX-License-Identifier: ISC */
/* posternd: see docs/posternd.8. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/house/house.h"

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

/* Two descriptors a session, and none is needed here: as many as we may have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	static struct house house;
	struct options options;
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
	r = house_open(&house, options.dir);
	if (r == 0)
		r = house_run(&house);
	house_close(&house);
	return r;
}
