/* SPDX-License-Identifier: ISC */
#include "proxy/house/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memfd.h"
#include "log/facts.h"
#include "proxy/clock.h"
#include "proxy/house/house.h"
#include "proxy/house/unbuilt.h"
#include "proxy/transparent.h"
#include "rules/bundle.h"

static void put_line(struct out *o, const char *a, const char *b, const char *c)
{
	out_str(o, a);
	out_str(o, b);
	out_str(o, c);
	out_octet(o, '\n');
}

/* ---- files to bundle ---- */

/* A file that may not be read is a matter of rights, not of what it says. */
static int exit_of_errors(const struct load *l)
{
	for (size_t i = 0; i < l->n_sources; i++)
		if (l->sources[i].error == EACCES || l->sources[i].error == EPERM)
			return EXIT_PERMISSION;
	return EXIT_CONFIG;
}

static void put_count(struct out *o, unsigned n, const char *what)
{
	out_u64(o, n);
	out_octet(o, ' ');
	out_str(o, what);
	if (n != 1)
		out_octet(o, 's');
}

/* Return: 0 or the exit code. */
static int check(const struct house *h, const struct load *l, struct out *text)
{
	const struct unbuilt_may may = { h->as_root, transparent_allowed() };
	unsigned n;

	for (const struct diag *d = l->diags.first; d; d = d->next)
		if (d->level != DIAG_NOTE)
			diag_print(text, d, l->sources, l->n_sources, false);
	if (!l->ruleset) {
		put_line(text, h->dir, ": ", "");
		text->n--;
		put_count(text, l->diags.errors, "error");
		out_str(text, ", ");
		put_count(text, l->diags.warnings, "warning");
		out_str(text, "; nothing was changed\n");
		return exit_of_errors(l);
	}
	n = unbuilt_print(text, l->ruleset, &may);
	if (n == 0)
		return 0;
	put_line(text, h->dir, ": ", "");
	text->n--;
	put_count(text, n, "statement");
	out_str(text, " this version cannot carry out; nothing was changed\n");
	return EXIT_CONFIG;
}

/* Return: descriptor; <0 errno. */
static int make_bundle(const struct load *l)
{
	for (size_t size = (size_t)1 << 20; size <= BUNDLE_MAX; size *= 4) {
		struct out o;
		uint8_t *block = malloc(size);
		int fd;

		if (!block)
			return -ENOMEM;
		out_init(&o, block, size);
		bundle_write(&o, l->ruleset, l->sources, l->n_sources);
		fd = o.full ? -E2BIG : memfd_sealed("postern-rules", out_span(&o));
		free(block);
		if (fd != -E2BIG)
			return fd;
	}
	return -E2BIG;
}

int reload_read(const struct house *h, struct out *text, int *exitp)
{
	struct load l;
	int r = load_dir(&l, h->dir), fd = -1;

	*exitp = EXIT_UNAVAILABLE;
	if (r < 0) {
		put_line(text, h->dir, ": ", strerror(-r));
		return -1;
	}
	*exitp = check(h, &l, text);
	if (*exitp == 0)
		fd = make_bundle(&l);
	if (*exitp == 0 && fd < 0) {
		*exitp = EXIT_UNAVAILABLE;
		put_line(text, h->dir, ": ", strerror(-fd));
	}
	load_free(&l);
	return fd < 0 ? -1 : fd;
}

/* ---- what only a restart changes ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_logs(const struct hostconf *a, const struct hostconf *b)
{
	if (a->n_logs != b->n_logs)
		return false;
	for (size_t i = 0; i < a->n_logs; i++)
		if (!same_text(a->logs[i].path, b->logs[i].path) ||
			a->logs[i].max_octets != b->logs[i].max_octets)
			return false;
	return true;
}

static void tell_fixed(struct out *o, const struct hostconf *old, const struct hostconf *new)
{
	const struct {
		const char *statement;
		bool same;
	} list[] = {
		{ "state", same_text(old->state, new->state) },
		{ "log", same_logs(old, new) },
		{ "control", same_text(old->control, new->control) &&
				     same_text(old->control_group, new->control_group) },
		{ "user", same_text(old->user, new->user) },
		{ "require-sandbox", old->require_sandbox == new->require_sandbox },
		{ "mark", old->mark == new->mark && old->mark_mask == new->mark_mask },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (!list[i].same)
			put_line(o, "warning: \"", list[i].statement,
				"\" of postern.conf has changed: restart posternd for it");
}

/* ---- one reload ---- */

/* Its end, for whoever asked. */
static void answer(struct house *h, int exit)
{
	struct reload *r = &h->reload;

	r->under_way = false;
	if (r->asked)
		server_done(&h->server, exit, out_span(&r->text));
	else
		fprintf(stderr, "posternd: reload: %.*s", (int)r->text.n, r->text.p);
	notify_say(&h->notify, "READY=1\nSTATUS=generation %u%s", h->number,
		exit ? "; the last reload was refused" : "");
	if (r->again)
		house_look(h);
}

static void refuse(struct house *h, int exit)
{
	const struct span why = out_span(&h->reload.text);

	log_reload(&h->log, clock_wall_ns(), CODE_CONFIG_REFUSED, h->dir, h->number,
		span_sub(why, 0, span_chr(why, '\n')));
	answer(h, exit);
}

static bool begin(struct house *h, bool asked)
{
	struct reload *r = &h->reload;
	struct timespec now;

	if (r->under_way || h->stopping || !h->running) {
		if (asked)
			server_done(&h->server, EXIT_UNAVAILABLE,
				SPAN("busy with another reload, or with its end; try again\n"));
		return false;
	}
	out_init(&r->text, r->block, sizeof(r->block));
	r->under_way = true;
	r->asked = asked;
	r->back = false;
	r->confirm_s = 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_say(&h->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	return true;
}

/* @bundle is taken over. */
static void come(struct house *h, int bundle)
{
	int exit;
	struct generation *g = generation_new(h, bundle, &h->reload.text, &exit);

	if (!g) {
		refuse(h, exit);
		return;
	}
	tell_fixed(&h->reload.text, &h->running->rules.ruleset->host, &g->rules.ruleset->host);
	house_come(h, g);
}

void reload_apply(struct house *h, uint32_t confirm_s, bool asked)
{
	int exit, bundle;

	if (!asked && (h->reload.under_way || !h->running)) {
		h->reload.again = true;
		return;
	}
	if (!begin(h, asked))
		return;
	h->reload.again = false;
	h->reload.confirm_s = confirm_s;
	bundle = reload_read(h, &h->reload.text, &exit);
	if (bundle < 0)
		refuse(h, exit);
	else
		come(h, bundle);
}

void reload_back(struct house *h, unsigned number, bool asked)
{
	int bundle;

	if (!begin(h, asked))
		return;
	h->reload.back = true;
	h->reload.from = number ? number : history_before(&h->history, h->number);
	bundle = history_bundle(&h->history, h->reload.from);
	if (bundle >= 0) {
		come(h, bundle);
		return;
	}
	put_line(&h->reload.text, "no such generation is kept; ",
		"\"postern show status\" tells how many are", "");
	refuse(h, EXIT_USAGE);
}

static void put_result(struct out *o, const struct house *h)
{
	const struct reload *r = &h->reload;

	out_str(o, "generation ");
	out_u64(o, h->number);
	out_str(o, " is in force");
	if (r->back) {
		out_str(o, ": the rules of generation ");
		out_u64(o, r->from);
	}
	if (r->confirm_ms) {
		out_str(o, "; type \"postern confirm\" within ");
		out_u64(o, r->confirm_s);
		out_str(o, " s or generation ");
		out_u64(o, r->before);
		out_str(o, " returns");
	}
	out_octet(o, '\n');
}

void reload_done(struct house *h, const struct generation *g)
{
	struct reload *r = &h->reload;
	unsigned before = h->number;
	int kept = history_keep(&h->history, g->rules.bundle, &h->number);

	if (kept < 0)
		put_line(&r->text, "warning: this generation cannot be kept for rolling back: ",
			strerror(-kept), "");
	if (!r->under_way) /* the first of all */
		return;
	if (r->confirm_s && !r->confirm_ms)
		r->before = before;
	r->confirm_ms = r->confirm_s ? clock_steady_ms() + r->confirm_s * (uint64_t)1000 : 0;
	log_reload(&h->log, clock_wall_ns(),
		r->back ? CODE_CONFIG_ROLLED_BACK : CODE_CONFIG_APPLIED, h->dir, h->number,
		(struct span){ 0 });
	put_result(&r->text, h);
	answer(h, 0);
}

void reload_failed(struct house *h, int exit)
{
	put_line(
		&h->reload.text, "the new rules could not be started; ", "nothing was changed", "");
	refuse(h, exit);
}

/* ---- confirming ---- */

void reload_confirm(struct house *h)
{
	char text[80];
	int n;

	if (!h->reload.confirm_ms) {
		server_done(&h->server, 1, SPAN("nothing waits to be confirmed\n"));
		return;
	}
	h->reload.confirm_ms = 0;
	n = snprintf(text, sizeof(text), "generation %u is confirmed\n", h->number);
	server_done(&h->server, 0, span_of(text, (size_t)n));
}

uint32_t reload_left_s(const struct house *h)
{
	uint64_t now = clock_steady_ms(), end = h->reload.confirm_ms;

	return end > now ? (uint32_t)((end - now + 999) / 1000) : 0;
}

void reload_look(struct house *h)
{
	struct reload *r = &h->reload;

	if (r->again && !r->under_way && h->running)
		reload_apply(h, 0, false);
	if (!r->confirm_ms || r->under_way || clock_steady_ms() < r->confirm_ms)
		return;
	r->confirm_ms = 0;
	fprintf(stderr, "posternd: generation %u was not confirmed: generation %u returns\n",
		h->number, r->before);
	reload_back(h, r->before, false);
}
