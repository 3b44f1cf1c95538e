/* SPDX-License-Identifier: ISC */
#include "log/place.h"

void log_place_state(struct out *o, const struct hostconf *host, const char *dir)
{
	struct span d = span_str(dir);

	while (d.n > 1 && d.p[d.n - 1] == '/')
		d.n--;
	if (host->state != NULL)
		out_str(o, host->state);
	else if (span_eq(d, SPAN("/etc/postern")))
		out_str(o, "/var/lib/postern");
	else {
		out_bytes(o, d);
		out_str(o, "/state");
	}
}

void log_place_file(struct out *o, const struct hostconf *host, const char *dir)
{
	for (size_t i = 0; i < host->n_logs; i++)
		if (host->logs[i].format == LOG_JSON && host->logs[i].path != NULL) {
			out_str(o, host->logs[i].path);
			return;
		}
	log_place_state(o, host, dir);
	out_str(o, "/log.json");
}
