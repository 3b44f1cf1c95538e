/* SPDX-License-Identifier: ISC */
/* postern apply, confirm, rollback: from one generation of the rules to another */
#include "cli/args.h"
#include "cli/config.h"
#include "cli/control.h"
#include "cli/running.h"
#include "rules/value.h"

#define CHANGES_SHOWN 20
#define CONFIRM_MAX_S 86400

/* ---- apply ---- */

/* How long to wait for "postern confirm": decimal seconds; "0" when it is not asked for. */
static int read_confirm(const char *value, char text[24])
{
	struct out o;
	bool unit_known;
	uint64_t v = 0;

	if (value != NULL && (!value_parse(span_str(value), UNIT_SECONDS, &v, &unit_known) ||
				     v == 0 || v > CONFIRM_MAX_S))
		return cli_fail(CLI_USAGE,
			"--confirm %s: give 1s to 1d, with a unit (s, m, h or d), as in "
			"\"--confirm "
			"60s\"",
			value);
	out_init(&o, text, 24);
	out_u64(&o, v);
	out_cstr(&o);
	return CLI_OK;
}

static void print_changes(struct out *o, void *context)
{
	const struct running *running = context;

	if (running->diff.n == 0)
		out_str(o, "  the files mean what is in force\n");
	running_print(o, running, CHANGES_SHOWN, "  ");
}

struct applied {
	const struct running *running;
	const struct control_end *end;
};

static void print_json(struct out *o, void *context)
{
	const struct applied *applied = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	running_json(&j, applied->running);
	json_span(&j, "result", span_of(applied->end->text, applied->end->n));
	json_close(&j, '}');
	out_octet(o, '\n');
}

static int apply(const struct cli *c, const struct running *running, const char *seconds)
{
	static struct control_end end;
	struct applied applied = { running, &end };
	int r = CLI_OK;

	if (!c->json)
		r = cli_print(print_changes, (void *)(uintptr_t)running);
	fflush(stdout); /* the change may cut the connection of who types this */
	if (r == CLI_OK)
		r = control_ask(c, CONTROL_APPLY, span_str(seconds), NULL, &end);
	if (r != CLI_OK)
		return r;
	return c->json ? cli_print(print_json, &applied) : control_tell(c, &end);
}

int cli_apply(struct cli *c, int argc, char **argv)
{
	static struct running running;
	const char *confirm = NULL;
	char seconds[24];
	struct load files;
	int r = args_value(&argc, argv, "--confirm", &confirm);

	if (r == CLI_OK)
		r = args_done(&argc, argv, 0, 0);
	if (r == CLI_OK)
		r = read_confirm(confirm, seconds);
	if (r == CLI_OK)
		r = config_check(c, &files);
	if (r != CLI_OK)
		return r;
	r = running_compare(c, &files, &running);
	if (r == CLI_OK)
		r = apply(c, &running, seconds);
	running_free(&running);
	load_free(&files);
	return r;
}

/* ---- confirm, rollback ---- */

int cli_confirm(struct cli *c, int argc, char **argv)
{
	const int r = args_done(&argc, argv, 0, 0);

	return r == CLI_OK ? control_do(c, CONTROL_CONFIRM, SPAN("")) : r;
}

int cli_rollback(struct cli *c, int argc, char **argv)
{
	uint64_t number;
	const int r = args_done(&argc, argv, 0, 1);

	if (r != CLI_OK)
		return r;
	if (argc == 1)
		return control_do(c, CONTROL_ROLLBACK, SPAN("0"));
	if (!span_u64(span_str(argv[1]), UINT32_MAX, &number) || number == 0)
		return cli_fail(CLI_USAGE,
			"rollback %s: give the number of a generation; \"postern show status\" "
			"lists "
			"them",
			argv[1]);
	return control_do(c, CONTROL_ROLLBACK, span_str(argv[1]));
}
