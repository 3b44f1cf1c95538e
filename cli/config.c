/* SPDX-License-Identifier: ISC */
#include "cli/config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct told {
	const struct cli *c;
	const struct diags *diags;
	const struct source *sources;
	size_t n_sources;
	enum config_show show;
};

static void print_told(struct out *o, void *context)
{
	const struct told *t = context;
	const unsigned found = t->diags->errors + t->diags->warnings + t->diags->notes;

	for (const struct diag *d = t->diags->first; d != NULL; d = d->next)
		if (t->show == CONFIG_SHOW_ALL || d->level == DIAG_ERROR)
			diag_print(o, d, t->sources, t->n_sources, t->c->colour_stderr);
	if (found > t->diags->kept) {
		out_u64(o, found - t->diags->kept);
		out_str(o, " more are not shown\n");
	}
}

void config_tell(const struct cli *c, const struct diags *diags, const struct source *sources,
	size_t n_sources, enum config_show show)
{
	struct told t = { c, diags, sources, n_sources, show };

	cli_print_to(stderr, print_told, &t);
}

int config_exit(const struct load *l)
{
	if (l->diags.errors == 0)
		return CLI_OK;
	for (size_t i = 0; i < l->n_sources; i++)
		if (l->sources[i].error == EACCES)
			return CLI_PERMISSION;
	return CLI_CONFIG;
}

static int load(const struct cli *c, struct load *l, enum config_show show)
{
	int exit;

	if (load_dir(l, c->dir) < 0)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory to read %s", c->dir);
	exit = config_exit(l);
	if (exit != CLI_OK || show == CONFIG_SHOW_ALL)
		config_tell(c, &l->diags, l->sources, l->n_sources, show);
	if (exit != CLI_OK)
		load_free(l);
	return exit;
}

int config_load(const struct cli *c, struct load *l)
{
	const int exit = load(c, l, CONFIG_SHOW_ERRORS);

	return exit == CLI_OK || exit == CLI_UNAVAILABLE
		       ? exit
		       : cli_fail((enum cli_exit)exit,
				 "%s holds errors; \"postern check\" shows everything", c->dir);
}

int config_check(const struct cli *c, struct load *l)
{
	const int exit = load(c, l, CONFIG_SHOW_ALL);

	return exit == CLI_OK || exit == CLI_UNAVAILABLE
		       ? exit
		       : cli_fail((enum cli_exit)exit, "%s holds errors; nothing was changed",
				 c->dir);
}

int config_host(const struct cli *c, struct load *l, struct hostconf *hostp)
{
	*hostp = (struct hostconf){ 0 };
	if (load_host(l, c->dir) < 0)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory to read %s", c->dir);
	if (l->ruleset != NULL)
		*hostp = l->ruleset->host;
	else
		cli_fail(CLI_CONFIG,
			"warning: %s/postern.conf has errors (see \"postern check\"); the defaults "
			"are taken",
			c->dir);
	return CLI_OK;
}

/* Asked in the same way as posternd asks: the kernel lets only those do it. */
static bool may_manage(void)
{
	const int size = 4096, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool may =
		fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0;

	if (fd >= 0)
		close(fd);
	return may;
}

enum host_mode config_mode(const struct hostconf *host)
{
	if (host->mode != MODE_AUTO)
		return host->mode;
	return geteuid() == 0 && may_manage() ? MODE_MANAGED : MODE_DIRECT;
}
