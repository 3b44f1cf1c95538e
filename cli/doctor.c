/* SPDX-License-Identifier: ISC */
/* postern doctor: the examinations, and what is told of them */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/json.h"

enum needs { /* bits: where an examination matters */
	NEEDS_ROOT = 1,
	NEEDS_KEEP = 2, /* a rule keeps the client's address */
	IN_DIRECT = 4,  /* the modes; none: in all */
	IN_EXTERNAL = 8,
	IN_MANAGED = 16,
	IN_BOTH = IN_EXTERNAL | IN_MANAGED,
};

static const struct examination {
	const char *name;
	unsigned needs;
	void (*run)(struct doctor *d);
} examinations[] = {
	{ "daemon", 0, doctor_daemon }, /* first: others ask whether it is posternd that listens */
	{ "listen", IN_DIRECT, doctor_listen },
	{ "intercept", IN_BOTH, doctor_intercept },
	{ "tools", IN_MANAGED | NEEDS_ROOT, doctor_tools },
	{ "divert", IN_BOTH | NEEDS_ROOT, doctor_divert },
	{ "input", IN_EXTERNAL | NEEDS_ROOT, doctor_input },
	{ "input", IN_MANAGED | NEEDS_ROOT, doctor_input_lanes },
	{ "forward", IN_MANAGED | NEEDS_ROOT, doctor_forward },
	{ "around", IN_EXTERNAL | NEEDS_ROOT, doctor_around },
	{ "tracking", IN_MANAGED | NEEDS_ROOT, doctor_track },
	{ "marks", IN_BOTH | NEEDS_ROOT, doctor_marks },
	{ "saved", IN_MANAGED, doctor_saved },
	{ "stale", NEEDS_ROOT, doctor_stale },
	{ "local-server", IN_BOTH | NEEDS_ROOT, doctor_local_server },
	{ "client-path", IN_BOTH | NEEDS_ROOT, doctor_client_path },
	{ "right", NEEDS_KEEP, doctor_right },
	{ "return", NEEDS_KEEP | NEEDS_ROOT, doctor_return },
	{ "forwarding", 0, doctor_forwarding },
	{ "servers", 0, doctor_servers },
	{ "certificates", 0, doctor_certificates },
	{ "way-back", NEEDS_KEEP | NEEDS_ROOT, doctor_way_back },
	{ "zones", 0, doctor_zones },
	{ "clock", 0, doctor_clock },
	{ "descriptors", 0, doctor_descriptors },
	{ "queues", 0, doctor_queues },
	{ "users", 0, doctor_users },
	{ "kernel", 0, doctor_kernel },
	{ "folders", 0, doctor_folders },
};

static const char *const level_names[DOCTOR_LEVELS] = { "ok", "warning", "fault", "skipped" };

/* ---- telling ---- */

struct doctor_finding *doctor_tell(struct doctor *d, enum doctor_level level,
	const struct publish *rule, struct rules_at at, const char *format, ...)
{
	static struct doctor_finding beyond; /* counted, and its level decides the exit */
	struct doctor_finding *f = d->n < DOCTOR_FINDINGS_MAX ? &d->list[d->n] : &beyond;
	va_list list;

	*f = (struct doctor_finding){ .check = d->check,
		.level = level,
		.rule = rule != NULL ? rule->name : NULL,
		.at = at };
	va_start(list, format);
	vsnprintf(f->text, sizeof(f->text), format, list);
	va_end(list);
	d->n++;
	d->counts[level]++;
	return f;
}

void doctor_advise(struct doctor_finding *f, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(f->advice, sizeof(f->advice), format, list);
	va_end(list);
}

void doctor_type(struct doctor_finding *f, const char *format, ...)
{
	va_list list;

	f->command = true;
	va_start(list, format);
	vsnprintf(f->advice, sizeof(f->advice), format, list);
	va_end(list);
}

/* ---- printing ---- */

static size_t kept(const struct doctor *d)
{
	return d->n < DOCTOR_FINDINGS_MAX ? d->n : DOCTOR_FINDINGS_MAX;
}

static void print_at(struct out *o, const struct doctor_finding *f)
{
	if (f->at.line > 0) {
		out_str(o, f->at.file != NULL ? f->at.file : "postern.conf");
		out_octet(o, ':');
		out_u64(o, f->at.line);
	}
}

static void print_place(struct out *o, const struct doctor_finding *f)
{
	if (f->at.line == 0 && f->rule == NULL)
		return;
	out_str(o, " [");
	print_at(o, f);
	if (f->rule != NULL) {
		out_str(o, f->at.line > 0 ? " publish " : "publish ");
		out_str(o, f->rule);
	}
	out_octet(o, ']');
}

static void print_finding(struct out *o, const struct doctor_finding *f)
{
	const char *name = level_names[f->level];

	out_str(o, name);
	for (size_t n = strlen(name); n < sizeof("skipped"); n++)
		out_octet(o, ' ');
	out_str(o, f->check);
	out_str(o, ": ");
	out_str(o, f->text);
	print_place(o, f);
	if (f->advice[0] != '\0') {
		out_str(o, f->command ? "; type: " : "; ");
		out_str(o, f->advice);
	}
	out_octet(o, '\n');
}

static void print_text(struct out *o, void *context)
{
	const struct doctor *d = context;

	for (size_t i = 0; i < kept(d); i++)
		print_finding(o, &d->list[i]);
	if (d->n > kept(d)) {
		out_u64(o, d->n - kept(d));
		out_str(o, " more are not shown\n");
	}
}

static void json_finding(struct json *j, const struct doctor_finding *f)
{
	char at[512];
	struct out o;

	out_init(&o, at, sizeof(at) - 1);
	print_at(&o, f);
	at[o.n] = '\0';
	json_open(j, NULL, '{');
	json_str(j, "check", f->check);
	json_str(j, "level", level_names[f->level]);
	json_str(j, "text", f->text);
	json_str(j, "advice", f->advice[0] != '\0' ? f->advice : NULL);
	json_bool(j, "command", f->command);
	json_str(j, "rule", f->rule);
	json_str(j, "at", o.n > 0 ? at : NULL);
	json_close(j, '}');
}

static void print_json(struct out *o, void *context)
{
	const struct doctor *d = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < kept(d); i++)
		json_finding(&j, &d->list[i]);
	json_close(&j, ']');
	out_octet(o, '\n');
}

/* ---- the verb ---- */

static bool keeps_clients(const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].publish != NULL &&
			rules->rules[i].publish->client_address == CLIENT_KEEP)
			return true;
	return false;
}

/* Where others write the rules, they are examined the same, whoever fills the sets. */
static enum host_mode mode_of(const struct hostconf *host)
{
	const enum host_mode mode = config_mode(host);

	return mode == MODE_SETS_ONLY ? MODE_EXTERNAL : mode;
}

static unsigned mode_bit(enum host_mode mode)
{
	return mode == MODE_EXTERNAL ? IN_EXTERNAL : mode == MODE_MANAGED ? IN_MANAGED : IN_DIRECT;
}

static void examine(struct doctor *d, const struct examination *e)
{
	const unsigned modes = e->needs & (IN_DIRECT | IN_BOTH);

	if ((modes != 0 && (modes & mode_bit(d->mode)) == 0) ||
		(e->needs & NEEDS_KEEP && !keeps_clients(d->rules)))
		return;
	d->check = e->name;
	if (e->needs & NEEDS_ROOT && !d->root) {
		struct doctor_finding *f = doctor_tell(
			d, DOCTOR_SKIPPED, NULL, DOCTOR_NOWHERE, "only root may look at this");
		doctor_type(f, "sudo postern doctor -c %s", d->c->dir);
		return;
	}
	e->run(d);
}

static void begin(struct doctor *d, struct cli *c, const struct load *files)
{
	*d = (struct doctor){ .c = c,
		.files = files,
		.own = *files->ruleset,
		.mode = mode_of(&files->ruleset->host),
		.root = geteuid() == 0 };
	d->own.host.mode = d->mode;
	d->rules = &d->own;
	d->host = &d->own.host;
	d->said = &files->ruleset->host;
}

static void end(struct doctor *d)
{
	free(d->lanes_memory);
	unbundle_free(&d->running);
	sockets_free(&d->sockets);
	tables_free(&d->v4.tables);
	tables_free(&d->v6.tables);
	free(d->v4.text);
	free(d->v6.text);
}

int cli_doctor(struct cli *c, int argc, char **argv)
{
	static struct doctor d;
	struct load files;
	int r;

	if (args_done(&argc, argv, 0, 0) != CLI_OK)
		return CLI_USAGE;
	r = config_load(c, &files);
	if (r != CLI_OK)
		return r;
	begin(&d, c, &files);
	for (size_t i = 0; i < sizeof(examinations) / sizeof(examinations[0]); i++)
		examine(&d, &examinations[i]);
	r = cli_print(c->json ? print_json : print_text, &d);
	if (r == CLI_OK && d.counts[DOCTOR_FAULT] > 0)
		r = CLI_FAULTS;
	end(&d);
	load_free(&files);
	return r;
}
