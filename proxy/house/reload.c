/* SPDX-License-Identifier: ISC */
#include "proxy/house/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memfd.h"
#include "log/facts.h"
#include "proxy/house/house.h"
#include "proxy/house/unbuilt.h"
#include "proxy/sockets.h"
#include "proxy/transparent.h"
#include "rules/bundle.h"

#define AGAIN_MS 5000 /* between attempts to return */

static void put_line(struct out *o, const char *a, const char *b, const char *c)
{
	out_str(o, a);
	out_str(o, b);
	out_str(o, c);
	out_octet(o, '\n');
}

/* ---- files to bundle ---- */

/* May it change the kernel's rules? A larger buffer than others may have takes the same right. */
static bool may_manage(void)
{
	const int size = 4096, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool may =
		fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0;

	sockets_close(fd);
	return may;
}

/* Where the files do not say which mode, the bundle does, for all who read it. */
static struct ruleset decided(const struct house *h, const struct ruleset *rs)
{
	struct ruleset d = *rs;

	if (d.host.mode == MODE_AUTO)
		d.host.mode = h->as_root && may_manage() ? MODE_MANAGED : MODE_DIRECT;
	return d;
}

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

/* What the rules say that this version, or this start, cannot carry out. Return: 0 or the exit
 * code. */
static int check_unbuilt(const struct house *h, const struct ruleset *rs, struct out *text)
{
	const struct unbuilt_may may = { h->as_root, transparent_allowed() };
	const unsigned n = unbuilt_print(text, rs, &may);

	if (n == 0)
		return 0;
	put_line(text, h->dir, ": ", "");
	text->n--;
	put_count(text, n, "statement");
	out_str(text, " this version cannot carry out; nothing was changed\n");
	return EXIT_CONFIG;
}

/* Return: 0 or the exit code. */
static int check(const struct house *h, const struct load *l, struct out *text)
{
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
	const struct ruleset rs = decided(h, l->ruleset);
	return check_unbuilt(h, &rs, text);
}

/* Return: descriptor; <0 errno. */
static int make_bundle(const struct house *h, const struct load *l)
{
	const struct ruleset rs = decided(h, l->ruleset);

	for (size_t size = (size_t)1 << 20; size <= BUNDLE_MAX; size *= 4) {
		struct out o;
		uint8_t *block = malloc(size);
		int fd;

		if (!block)
			return -ENOMEM;
		out_init(&o, block, size);
		bundle_write(&o, &rs, l->sources, l->n_sources);
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
		fd = make_bundle(h, &l);
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
	if (r->asked && exit)
		server_done(&h->server, exit, out_span(&r->text));
	else if (r->asked)
		survey_done(&h->server, out_span(&r->text));
	else
		fprintf(stderr, "posternd: reload: %.*s", (int)r->text.n, r->text.p);
	notify_say(&h->notify, "READY=1\nSTATUS=generation %u%s", h->number,
		exit ? "; the last reload was refused" : "");
	if (r->again)
		house_look(h);
}

/* Nothing waits to be confirmed. */
static void settle(struct reload *r)
{
	r->confirm_ms = 0;
	sockets_close(r->before_bundle);
	r->before_bundle = -1;
}

static bool has(struct span line, const char *word)
{
	return memmem(line.p, line.n, word, strlen(word)) != NULL;
}

/* The first line of @text that no warning or note has to do with: what these quote is indented. */
static struct span reason_of(struct span text)
{
	struct span line;

	for (; text.n; text = span_from(text, line.n + 1)) {
		line = span_sub(text, 0, span_chr(text, '\n'));
		if (line.n && line.p[0] != ' ' && !has(line, ": warning: ") &&
			!has(line, ": note: "))
			return line;
	}
	return (struct span){ 0 };
}

static void refuse(struct house *h, int exit)
{
	if (!h->reload.confirm_ms)
		settle(&h->reload);

	log_reload(&h->log, clock_wall_ns(), CODE_CONFIG_REFUSED, h->dir, h->number,
		reason_of(out_span(&h->reload.text)));
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

static bool is_kept_by_us(enum host_mode mode)
{
	return mode == MODE_MANAGED || mode == MODE_SETS_ONLY;
}

/* The kernel's rules come and go with `mode managed`, and the gate with them; connections carry
 * marks by the mask they began under. */
static bool same_house(struct house *h, const struct hostconf *new)
{
	const struct managed *m = &h->managed;
	const bool mode =
		is_kept_by_us(new->mode) == m->on && (new->mode == MODE_MANAGED) == m->gate_on;
	const bool mask =
		!m->gate_on || new->lane_mask == h->running->rules.ruleset->host.lane_mask;

	if (!mode || !mask)
		put_line(&h->reload.text, "postern.conf: \"", mode ? "connection-mark" : "mode",
			"\" changes to or from this one by a restart of posternd only; nothing was "
			"changed");
	return mode && mask;
}

/* @bundle is taken over. */
static void come(struct house *h, int bundle)
{
	int exit;
	struct generation *g = generation_new(h, bundle, &h->reload.text, &exit);

	if (g && !same_house(h, &g->rules.ruleset->host)) {
		generation_free(g);
		g = NULL;
		exit = EXIT_CONFIG;
	}
	if (!g) {
		refuse(h, exit);
		return;
	}
	tell_fixed(&h->reload.text, &h->running->rules.ruleset->host, &g->rules.ruleset->host);
	house_come(h, g);
}

void reload_signal(struct house *h)
{
	if (h->reload.under_way || !h->running)
		h->reload.again = true;
	else
		reload_apply(h, 0, false);
}

/* So that it can return. Return: 0; <0 errno. */
static int keep_running(struct house *h)
{
	struct reload *r = &h->reload;

	if (r->before_bundle >= 0) /* what runs is not confirmed itself */
		return 0;
	r->before_bundle = fcntl(h->running->bundle, F_DUPFD_CLOEXEC, 0);
	return r->before_bundle < 0 ? -errno : 0;
}

void reload_apply(struct house *h, uint32_t confirm_s, bool asked)
{
	int exit, bundle;

	if (!begin(h, asked))
		return;
	h->reload.again = false;
	h->reload.confirm_s = confirm_s;
	if (confirm_s && keep_running(h) < 0) {
		put_line(&h->reload.text, "the rules in force cannot be kept: ", strerror(errno),
			"");
		refuse(h, EXIT_UNAVAILABLE);
		return;
	}
	bundle = reload_read(h, &h->reload.text, &exit);
	if (bundle < 0)
		refuse(h, exit);
	else
		come(h, bundle);
}

/* Of another version, or of a start with other rights: what is asked of files is asked of it, too.
 */
static int check_kept(const struct house *h, int bundle, struct out *text)
{
	struct unbundle kept;
	int exit = unbundle(&kept, bundle) == 0 ? check_unbuilt(h, kept.ruleset, text) : 0;

	unbundle_free(&kept);
	return exit; /* one that cannot be read is told by whoever wants to use it */
}

/* @bundle is taken over. */
static void come_back(struct house *h, int bundle)
{
	int exit = check_kept(h, bundle, &h->reload.text);

	if (!exit) {
		come(h, bundle);
		return;
	}
	close(bundle);
	refuse(h, exit);
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
		come_back(h, bundle);
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
	if (r->confirm_s)
		r->confirm_ms = clock_steady_ms() + r->confirm_s * (uint64_t)1000;
	else
		settle(r);
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

bool reload_told(struct house *h, struct span lines)
{
	struct reload *r = &h->reload;
	char text[1024];
	struct out o;

	out_init(&o, text, sizeof(text));
	for (size_t i = 0; i < lines.n; i++)
		out_octet(&o, (lines.p[i] >= ' ' && lines.p[i] < 0x7f) || lines.p[i] == '\n'
				      ? lines.p[i]
				      : '?');
	if (r->under_way)
		out_bytes(&r->text, out_span(&o));
	else
		fprintf(stderr, "posternd: %.*s", (int)o.n, text);
	return true;
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
	settle(&h->reload);
	n = snprintf(text, sizeof(text), "generation %u is confirmed\n", h->number);
	server_done(&h->server, 0, span_of(text, (size_t)n));
}

uint32_t reload_left_s(const struct house *h)
{
	uint64_t now = clock_steady_ms(), end = h->reload.confirm_ms;

	return end > now ? (uint32_t)((end - now + 999) / 1000) : 0;
}

/* What was in force before returns. As long as it cannot, that is tried again. */
static void go_back(struct house *h)
{
	struct reload *r = &h->reload;
	int bundle;

	if (!begin(h, false))
		return;
	fprintf(stderr, "posternd: generation %u was not confirmed: generation %u returns\n",
		h->number, r->before);
	r->confirm_ms = clock_steady_ms() + AGAIN_MS;
	r->back = true;
	r->from = r->before;
	bundle = fcntl(r->before_bundle, F_DUPFD_CLOEXEC, 0);
	if (bundle >= 0) {
		come_back(h, bundle);
		return;
	}
	put_line(&r->text, "the rules before cannot be read: ", strerror(errno), "");
	refuse(h, EXIT_UNAVAILABLE);
}

void reload_look(struct house *h)
{
	struct reload *r = &h->reload;
	const uint64_t now = clock_steady_ms();

	if (!h->running || r->under_way)
		return;
	if (r->confirm_ms && now >= r->confirm_ms) {
		go_back(h);
	} else if (r->again) {
		r->again = false;
		reload_apply(h, 0, false);
	}
}

void reload_deinit(struct reload *r)
{
	settle(r);
}
