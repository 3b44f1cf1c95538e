/* SPDX-License-Identifier: ISC */
#include "log/place.h"

static struct span without_end_slashes(const char *dir)
{
	struct span d = span_str(dir);

	while (d.n > 1 && d.p[d.n - 1] == '/')
		d.n--;
	return d;
}

/* The folder in which posternd or the tool is started must not decide where a path leads. */
static void put_path(struct out *o, const char *path, const char *dir)
{
	if (path[0] != '/') {
		out_bytes(o, without_end_slashes(dir));
		out_octet(o, '/');
	}
	out_str(o, path);
}

/* What is said; else @usual where the folder is the usual one, @name in any other. */
static void put_place(
	struct out *o, const char *said, const char *usual, const char *name, const char *dir)
{
	if (said != NULL)
		put_path(o, said, dir);
	else if (span_eq(without_end_slashes(dir), SPAN("/etc/postern")))
		out_str(o, usual);
	else
		put_path(o, name, dir);
}

void log_place_state(struct out *o, const struct hostconf *host, const char *dir)
{
	put_place(o, host->state, "/var/lib/postern", "state", dir);
}

static const char *said_path(const struct hostconf *host)
{
	for (size_t i = 0; i < host->n_logs; i++)
		if (host->logs[i].format == LOG_JSON && host->logs[i].path != NULL)
			return host->logs[i].path;
	return NULL;
}

bool log_place_said(const struct hostconf *host)
{
	return said_path(host) != NULL;
}

void log_place_file(struct out *o, const struct hostconf *host, const char *dir)
{
	if (log_place_said(host)) {
		put_path(o, said_path(host), dir);
		return;
	}
	log_place_state(o, host, dir);
	out_str(o, "/log/log.json"); /* a folder that the log role may own */
}

void log_place_control(struct out *o, const struct hostconf *host, const char *dir)
{
	put_place(o, host->control, "/run/postern/control", "control", dir);
}
