/* SPDX-License-Identifier: ISC */
#include "rules/print.h"

/* ---- screen ---- */

static void print_texts(struct print *pr, const struct screen_row *row)
{
	for (size_t i = 0; i < row->n_names; i++) {
		print_comma(pr, i);
		print_text(pr, row->names[i]);
	}
}

static void print_parts(struct print *pr, unsigned parts)
{
	static const char *const names[] = { "subject", "header", "body" };
	size_t n = 0;

	print_word(pr, "in");
	for (unsigned i = 0; i < 3; i++)
		if (parts & 1u << i) {
			print_comma(pr, n++);
			print_word(pr, names[i]);
		}
}

static void print_subject(struct print *pr, const struct screen_row *row)
{
	switch (row->kind) {
	case SCREEN_SENDER:
	case SCREEN_RECIPIENT:
		print_row(pr, &row->at, row->kind == SCREEN_SENDER ? "sender" : "recipient");
		print_expr(pr, &row->expr, true);
		return;
	case SCREEN_ATTACHMENT_NAME:
		print_row(pr, &row->at, "attachment name");
		print_texts(pr, row);
		return;
	case SCREEN_ATTACHMENT_OVER:
		print_row(pr, &row->at, "attachment over");
		print_value(pr, UNIT_OCTETS, row->over);
		return;
	case SCREEN_KEYWORD:
		print_row(pr, &row->at, "keyword");
		print_texts(pr, row);
		print_parts(pr, row->parts);
		return;
	}
}

void print_screen(struct print *pr, const struct screen *screen)
{
	static const char *const actions[] = { [SCREEN_DELETE] = "delete",
		[SCREEN_HOLD] = "hold",
		[SCREEN_REFUSE] = "refuse",
		[SCREEN_FORWARD] = "forward",
		[SCREEN_STRIP] = "strip" };

	print_open(pr, &screen->at, "screen", screen->name);
	if (screen->like != NULL) {
		print_word(pr, "like");
		print_word(pr, screen->like->name);
	}
	out_str(pr->o, " {\n");
	for (size_t i = 0; i < screen->n_rows; i++) {
		print_subject(pr, &screen->rows[i]);
		print_word(pr, actions[screen->rows[i].action]);
		if (screen->rows[i].action_text != NULL)
			print_text(pr, screen->rows[i].action_text);
		print_end(pr);
	}
	print_close(pr);
}

/* ---- certificate, auth ---- */

/* Rows that hold a path carry no place: a path starts at the folder of the file it stands in, and
 * is printed resolved. */
static void print_path(struct print *pr, const char *row, const char *path)
{
	print_row(pr, NULL, row);
	print_text(pr, path);
	print_end(pr);
}

void print_certificate(struct print *pr, const struct certificate *certificate)
{
	print_open(pr, &certificate->at, "certificate", certificate->name);
	out_str(pr->o, " {\n");
	print_path(pr, "chain", certificate->chain);
	print_path(pr, "key", certificate->key);
	print_close(pr);
}

void print_auth(struct print *pr, const struct auth *auth)
{
	static const char *const via[] = { [AUTH_FILE] = "via file",
		[AUTH_DOVECOT] = "via dovecot",
		[AUTH_PAM] = "via pam",
		[AUTH_NEXT_HOP] = "via next-hop" };

	print_open(pr, &auth->at, "auth", auth->name);
	out_str(pr->o, " {\n");
	print_row(pr, NULL, via[auth->via]);
	if (auth->via_text != NULL)
		print_text(pr, auth->via_text);
	print_end(pr);
	print_row(pr, NULL, "mechanisms");
	for (size_t i = 0; i < auth->n_mechanisms; i++) {
		print_comma(pr, i);
		print_word(pr, auth->mechanisms[i]);
	}
	print_end(pr);
	if (auth->lockout_failures != 0) {
		print_row(pr, NULL, "lockout");
		print_value(pr, UNIT_COUNT, auth->lockout_failures);
		print_word(pr, "failures in");
		print_value(pr, UNIT_SECONDS, auth->lockout_in_s);
		print_word(pr, "for");
		print_value(pr, UNIT_SECONDS, auth->lockout_for_s);
		print_end(pr);
	}
	print_close(pr);
}

/* ---- route ---- */

static void print_hop(struct print *pr, const struct next_hop *hop)
{
	if (hop->name == NULL) {
		print_endpoint(pr, &hop->addr, true);
		return;
	}
	print_word(pr, hop->name);
	out_octet(pr->o, ':');
	out_u64(pr->o, hop->addr.addr.port);
}

static void print_next_hop(struct print *pr, const struct route *route)
{
	print_row(pr, route->mx ? NULL : &route->hops[0].addr.at, "next-hop");
	if (route->mx)
		print_word(pr, "mx");
	for (size_t i = 0; i < route->n_hops; i++) {
		print_comma(pr, i);
		print_hop(pr, &route->hops[i]);
	}
	print_end(pr);
}

void print_route(struct print *pr, const struct route *route)
{
	static const char *const tls[] = { [ROUTE_TLS_OPPORTUNISTIC] = "opportunistic",
		[ROUTE_TLS_NONE] = "none",
		[ROUTE_TLS_REQUIRED] = "required",
		[ROUTE_TLS_VERIFY] = "verify" };

	print_open(pr, &route->at, "route", route->name);
	out_str(pr->o, " {\n");
	print_row(pr, &route->domains.at, "domains");
	print_expr(pr, &route->domains, false);
	print_end(pr);
	print_next_hop(pr, route);
	if (route->has_resolver) {
		print_row(pr, NULL, "resolver ");
		ip_port_print(pr->o, &route->resolver);
		print_end(pr);
	}
	if (route->tls != ROUTE_TLS_OPPORTUNISTIC) {
		print_row(pr, NULL, "tls");
		print_word(pr, tls[route->tls]);
		print_end(pr);
	}
	if (route->has_bind) {
		print_row(pr, NULL, "bind ");
		ip_print(pr->o, &route->bind);
		print_end(pr);
	}
	print_close(pr);
}
