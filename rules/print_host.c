/* SPDX-License-Identifier: ISC */
#include "rules/print.h"
#include "rules/rules.h"

static void print_option(struct out *o, const char *row, const char *word)
{
	if (word == NULL)
		return;
	out_str(o, row);
	out_octet(o, ' ');
	out_str(o, word);
	out_octet(o, '\n');
}

static void print_path(struct print *pr, const char *row, const char *path)
{
	if (path == NULL)
		return;
	out_str(pr->o, row);
	print_text(pr, path);
	print_end(pr);
}

static void print_firewall(struct out *o, const struct hostconf *host)
{
	static const char *const modes[] = { [MODE_DIRECT] = "direct",
		[MODE_MANAGED] = "managed",
		[MODE_SETS_ONLY] = "sets-only",
		[MODE_EXTERNAL] = "external" };

	print_option(o, "mode", modes[host->mode]); /* MODE_AUTO has no word */
	if (host->intercept_at.line != 0) {
		out_str(o, host->intercept == INTERCEPT_TPROXY ? "intercept tproxy port "
							       : "intercept redirect port ");
		out_u64(o, host->intercept_port);
		out_octet(o, '\n');
	}
	if (host->mark_at.line != 0) {
		out_str(o, "mark 0x");
		out_hex(o, host->mark, 8);
		out_str(o, "/0x");
		out_hex(o, host->mark_mask, 8);
		out_octet(o, '\n');
	}
	if (host->lane_mask_at.line != 0) {
		out_str(o, "connection-mark 0x");
		out_hex(o, host->lane_mask, 8);
		out_octet(o, '\n');
	}
	if (host->first_packets_at.line != 0) {
		out_str(o, "first-packets ");
		out_u64(o, host->first_packets);
		out_str(o, " per second\n");
	}
}

static void print_number(struct print *pr, const char *row, enum value_unit unit, uint64_t v)
{
	out_str(pr->o, row);
	print_value(pr, unit, v);
	print_end(pr);
}

static void print_processes(struct print *pr, const struct hostconf *host)
{
	if (host->workers != 0)
		print_number(pr, "workers", UNIT_COUNT, host->workers);
	print_number(pr, "drain", UNIT_MILLISECONDS, host->drain_ms);
	if (host->require_sandbox != SAID_NOTHING)
		print_option(
			pr->o, "require-sandbox", host->require_sandbox == SAID_YES ? "yes" : "no");
	print_option(pr->o, "user", host->user);
	print_option(pr->o, "hostname", host->hostname);
	if (host->postmaster != NULL) {
		out_str(pr->o, "postmaster");
		print_mailbox(pr, span_str(host->postmaster));
		print_end(pr);
	}
	print_number(pr, "client-prefix", UNIT_COUNT, host->client_prefix);
}

static void print_log(struct print *pr, const struct log_sink *sink)
{
	static const char *const formats[] = { [LOG_JSON] = "log json",
		[LOG_W3C] = "log w3c",
		[LOG_SYSLOG] = "log syslog",
		[LOG_JOURNAL] = "log journal" };

	out_str(pr->o, formats[sink->format]);
	if (sink->path != NULL)
		print_text(pr, sink->path);
	print_word(pr, "max");
	print_value(pr, UNIT_OCTETS, sink->max_octets);
	if (sink->keep_s != 0) {
		print_word(pr, "keep");
		print_value(pr, UNIT_SECONDS, sink->keep_s);
	}
	if (sink->required)
		print_word(pr, "required");
	print_end(pr);
}

void rules_print_host(struct out *o, const struct hostconf *host)
{
	struct print pr = { .o = o };

	out_str(o, "version 1\n\n");
	print_firewall(o, host);
	print_processes(&pr, host);
	if (host->control != NULL) {
		out_str(o, "control");
		print_text(&pr, host->control);
		if (host->control_group != NULL) {
			print_word(&pr, "group");
			print_word(&pr, host->control_group);
		}
		print_end(&pr);
	}
	print_path(&pr, "state", host->state);
	for (size_t i = 0; i < host->n_logs; i++)
		print_log(&pr, &host->logs[i]);
	print_path(&pr, "metrics socket", host->metrics_socket);
	print_path(&pr, "metrics textfile", host->metrics_textfile);
	print_path(&pr, "shared redis", host->shared_redis);
}
