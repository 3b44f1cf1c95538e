/* SPDX-License-Identifier: ISC */
/* Doctor: what "mode managed" has in force, and by which numbers. */
#include "cli/doctor_managed.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/firewall.h"
#include "cli/running.h"

#define MENDED_MS 2500 /* by posternd, when others change its rules */

/* ---- rules and their lanes ---- */

/* As a posternd gives them that starts anew. */
static bool assign(struct doctor *d)
{
	const size_t room = lanes_room(d->rules);
	struct arena arena;

	d->lanes_memory = malloc(room);
	if (d->lanes_memory == NULL)
		return false;
	arena_init(&arena, d->lanes_memory, room);
	return lanes_assign(&arena, d->rules, SPAN(""), &d->lanes) == LANES_OK;
}

static bool read_told(struct doctor *d)
{
	static char text[LANES_TEXT_MAX];
	const size_t room = lanes_room(d->rules);
	struct arena arena;
	struct out o;

	out_init(&o, text, sizeof(text));
	d->lanes_memory = malloc(room);
	if (d->lanes_memory == NULL || running_lanes(d->c, &o) != CLI_OK)
		return false;
	arena_init(&arena, d->lanes_memory, room);
	return lanes_read(&arena, d->rules, out_span(&o), &d->lanes) == LANES_OK;
}

static void decide(struct doctor *d, enum host_mode mode)
{
	d->mode = mode;
	d->own.host.mode = mode;
}

/* What counts is what posternd has in force, not what the files say. */
static void take_running(struct doctor *d)
{
	if (running_rules(d->c, &d->running) != CLI_OK)
		return;
	decide(d, d->running.ruleset->host.mode);
	if (d->mode != MODE_MANAGED)
		return;
	d->rules = d->running.ruleset;
	d->host = &d->rules->host;
}

void doctor_take_lanes(struct doctor *d)
{
	bool have;

	if (d->runs)
		take_running(d);
	if (d->mode != MODE_MANAGED)
		return;
	have = d->rules == d->running.ruleset ? read_told(d) : assign(d);
	if (!have) {
		d->lanes.n = 0;
		doctor_advise(
			doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
				"the numbers of the rules cannot be told: what has to do with "
				"them is not looked at"),
			"try again; perhaps posternd has just got new rules");
	}
}

/* ---- are they in the kernel? ---- */

static struct span first_line(const struct out *o)
{
	const struct span all = out_span(o);

	return span_sub(all, 0, span_chr(all, '\n'));
}

static void tell_different(struct doctor *d, struct span how)
{
	char line[DOCTOR_LINE_MAX];
	struct doctor_finding *f;

	if (!d->runs) {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"the kernel does not have the rules that posternd puts in when it starts "
			"(%s)",
			doctor_line(line, how));
		doctor_advise(f, "start it; \"postern firewall status\" tells all");
		return;
	}
	f = doctor_tell(d, DOCTOR_FAULT, NULL, DOCTOR_NOWHERE,
		"the kernel differs from the rules, and posternd does not mend it (\"postern log "
		"find "
		"--code PN8008\" may tell why): %s",
		doctor_line(line, how));
	doctor_type(f, "postern -c %s apply", d->c->dir);
}

/* What others have just changed is mended while we wait; what is left is not, such as lines about
 * interfaces that have changed since the rules came into force. */
static int look(struct doctor *d, bool *differsp, struct out *text)
{
	int exit = firewall_differs(d->c, differsp, text);

	if (exit != CLI_OK || !*differsp || !d->runs)
		return exit;
	usleep(MENDED_MS * 1000);
	text->n = 0;
	*differsp = false;
	return firewall_differs(d->c, differsp, text);
}

void doctor_in_force(struct doctor *d)
{
	static char text[4096];
	bool differs = false;
	struct out o;

	out_init(&o, text, sizeof(text) - 1);
	if (look(d, &differs, &o) != CLI_OK) {
		doctor_tell(d, DOCTOR_SKIPPED, NULL, DOCTOR_NOWHERE,
			"the kernel rules cannot be compared with the rules");
		return;
	}
	d->in_force = !differs;
	if (differs)
		tell_different(d, first_line(&o));
	else
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"the kernel rules are in force, the standing drop among them");
}
