/* SPDX-License-Identifier: ISC */
/* postern explain: which rule takes a connection, and why the others do not */
#include "cli/explain.h"

#include <time.h>

#include "base/civil.h"
#include "cli/args.h"
#include "cli/config.h"

/* ---- --at ---- */

/* "Z", "+HH:MM" or "-HH:MM", as seconds ahead of UTC. */
static bool parse_offset(struct span text, int64_t *offsetp)
{
	uint32_t second;

	if (text.n == 1 && ascii_upper(text.p[0]) == 'Z') {
		*offsetp = 0;
		return true;
	}
	if (text.n != 6 || (text.p[0] != '+' && text.p[0] != '-') ||
		!civil_time_parse(span_from(text, 1), &second))
		return false;
	*offsetp = text.p[0] == '-' ? -(int64_t)second : (int64_t)second;
	return true;
}

/* What clocks of this host show, as an instant. */
static int64_t host_instant(int32_t day, uint32_t second)
{
	const struct civil date = civil_date(day);
	struct tm tm = {
		.tm_year = date.year - 1900,
		.tm_mon = date.month - 1,
		.tm_mday = date.day,
		.tm_hour = (int)(second / 3600),
		.tm_min = (int)(second / 60 % 60),
		.tm_sec = (int)(second % 60),
		.tm_isdst = -1,
	};

	return mktime(&tm);
}

bool explain_time(const char *text, int64_t *now_sp)
{
	const struct span whole = span_str(text);
	const size_t time_n = whole.n > 16 && whole.p[16] == ':' ? 8 : 5;
	const struct span rest = span_from(whole, 11 + time_n);
	int32_t day;
	uint32_t second;
	int64_t offset;

	if (whole.n < 16 || (whole.p[10] != 'T' && whole.p[10] != ' ') ||
		!civil_parse(span_sub(whole, 0, 10), &day) ||
		!civil_time_parse(span_sub(whole, 11, time_n), &second))
		return false;
	if (rest.n == 0) {
		*now_sp = host_instant(day, second);
		return true;
	}
	if (!parse_offset(rest, &offset))
		return false;
	*now_sp = (int64_t)day * 86400 + second - offset;
	return true;
}

/* ---- arguments ---- */

static int read_arguments(struct explain *e, int argc, char **argv)
{
	const char *client = NULL, *to = NULL, *at = NULL;

	if (args_value(&argc, argv, "--client", &client) != CLI_OK ||
		args_value(&argc, argv, "--to", &to) != CLI_OK ||
		args_value(&argc, argv, "--at", &at) != CLI_OK ||
		args_value(&argc, argv, "--line", &e->line_text) != CLI_OK ||
		args_done(&argc, argv, 0, 0) != CLI_OK)
		return CLI_USAGE;
	if (client == NULL || to == NULL)
		return cli_fail(CLI_USAGE,
			"explain: %s is missing, as in \"--client 192.0.2.9 --to 198.51.100.2:25\"",
			client == NULL ? "--client" : "--to");
	if (!ip_parse(span_str(client), &e->facts.client))
		return cli_fail(CLI_USAGE,
			"explain: --client %s: give an address, as in 192.0.2.9 or 2001:db8::9",
			client);
	if (!ip_port_parse(span_str(to), &e->facts.to))
		return cli_fail(CLI_USAGE,
			"explain: --to %s: give an address and a port, as in 198.51.100.2:25 or "
			"[2001:db8::2]:25",
			to);
	e->facts.now_s = time(NULL);
	if (at != NULL && !explain_time(at, &e->facts.now_s))
		return cli_fail(CLI_USAGE,
			"explain: --at %s: give a date and a time, as in 2026-11-21T12:00 or "
			"2026-11-21T12:00:30+01:00",
			at);
	return CLI_OK;
}

int cli_explain(struct cli *c, int argc, char **argv)
{
	struct explain e = { .cli = c };
	int exit;

	exit = read_arguments(&e, argc, argv);
	if (exit == CLI_OK)
		exit = config_load(c, &e.load);
	if (exit != CLI_OK)
		return exit;
	e.rule = ruleset_match(e.load.ruleset, &e.facts, NULL);
	explain_judge(&e);
	exit = cli_print(c->json ? explain_json : explain_text, &e);
	load_free(&e.load);
	return exit;
}
