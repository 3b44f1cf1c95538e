/* SPDX-License-Identifier: ISC */
/* Doctor: rules that another mode has left behind, the standing drop among them. */
#include <stdlib.h>

#include "cli/doctor.h"
#include "cli/doctor_run.h"
#include "rules/kernel/plan.h"

/* Asks the gate, which only `mode managed` has. */
static bool asks_the_gate(const struct tables_line *l)
{
	const struct span number = tables_option(l->rest, "--queue-num");
	uint64_t v;

	return span_u64(number, UINT16_MAX, &v) && v == KERNEL_QUEUE;
}

static bool is_stale(const struct doctor *d, const struct tables_line *l)
{
	if (!span_istarts(l->chain, SPAN("POSTERN-")))
		return false;
	return d->mode == MODE_EXTERNAL ? l->rule && asks_the_gate(l) : d->mode != MODE_MANAGED;
}

static bool has_stale_chain(struct doctor *d, enum ip_family family)
{
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);

	for (size_t i = 0; t != NULL && i < t->n; i++)
		if (is_stale(d, &t->lines[i]))
			return true;
	return false;
}

/* "--backend nft" is for who keeps rules by hand, in `mode external`. */
static bool has_stale_table(const struct doctor *d)
{
	static const char *const argv[] = { "nft", "list", "table", "inet", "postern", NULL };
	char *text;
	size_t n;
	const bool there = run_program(argv, &text, &n) == RUN_OK;

	free(text);
	return there && d->mode != MODE_EXTERNAL;
}

static void tell(struct doctor *d, const char *what)
{
	struct doctor_finding *f;

	f = doctor_tell(d, DOCTOR_FAULT, NULL, d->said->mode_at,
		"%s of another mode of Postern's are left in the kernel, and drop what is "
		"published",
		what);
	doctor_type(f, "postern firewall remove%s", d->mode == MODE_MANAGED ? " --force" : "");
}

void doctor_stale(struct doctor *d)
{
	if (has_stale_chain(d, IP_V4) || has_stale_chain(d, IP_V6))
		tell(d, "chains");
	if (has_stale_table(d))
		tell(d, "rules of nft");
}
