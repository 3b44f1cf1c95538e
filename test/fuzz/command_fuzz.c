/* SPDX-License-Identifier: ISC */
/*
 * Command lines: what is printed reads back as the same fields, prints the same again, and shows a
 * plain reader the domain that was judged
 */
#include "filter/smtp/command.h"
#include "test/fuzz/fuzz.h"

#define ALL ((1u << SMTP_EXT_COUNT) - 1)

static uint32_t offered(uint8_t choice)
{
	static const uint32_t sets[] = { ALL, 0, ALL & ~SMTP_EXT_BIT(SMTPUTF8),
		SMTP_EXT_BIT(SMTPUTF8) | SMTP_EXT_BIT(DSN) };

	return sets[choice % 4];
}

/* One line: CRLF at the end and nowhere else, no control, one blank between words, UTF-8 where it
 * may stand. */
static void check_line(struct span printed, bool utf8)
{
	struct span line = span_sub(printed, 0, printed.n - 2);

	HOLDS(printed.n >= 2 && printed.n <= SMTP_COMMAND_MAX);
	HOLDS(memcmp(printed.p + printed.n - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < line.n; i++) {
		HOLDS(line.p[i] >= ' ' && line.p[i] != 127 && (utf8 || line.p[i] < 128));
		HOLDS(line.p[i] != ' ' || (i > 0 && i + 1 < line.n));
	}
	HOLDS(utf8_valid(line));
}

static void same_params(const struct smtp_params *a, const struct smtp_params *b)
{
	HOLDS(a->present == b->present && a->size == b->size && a->body == b->body);
	for (unsigned i = 0; i < SMTP_PARAM_COUNT; i++)
		HOLDS(i == SMTP_PARAM_SIZE || span_ieq(a->value[i], b->value[i]));
}

static void same_path(const struct smtp_path *a, const struct smtp_path *b)
{
	HOLDS(span_eq(a->local, b->local) && a->kind == b->kind);
	HOLDS(a->quoted == b->quoted && a->utf8 == b->utf8);
	HOLDS(a->kind != DOMAIN_NAME || span_ieq(a->domain, b->domain));
	HOLDS(a->kind != DOMAIN_LITERAL || ip_eq(&a->ip, &b->ip));
}

static void same_command(const struct smtp_command *a, const struct smtp_command *b)
{
	HOLDS(a->verb == b->verb && a->octets == b->octets && a->last == b->last);
	HOLDS(a->has_initial == b->has_initial && span_eq(a->initial, b->initial));
	same_path(&a->path, &b->path);
	same_params(&a->params, &b->params);
}

/* The simplest way to read a path: between the last at-sign in front of the first ">" and that. */
static void check_domain(struct span printed, const struct smtp_path *path, bool tolerant)
{
	size_t open = span_chr(printed, '<'), close = span_chr(printed, '>'), at = close;

	if (path->quoted && tolerant) /* a quoted local part may hold both */
		return;
	HOLDS(open < close && close < printed.n);
	while (at > open && printed.p[at] != '@')
		at--;
	HOLDS((at == open) == (path->kind == DOMAIN_NONE));
	if (path->kind == DOMAIN_NAME)
		HOLDS(span_ieq(span_sub(printed, at + 1, close - at - 1), path->domain));
	HOLDS(tolerant || span_chr(span_from(printed, at + 1), '@') + at + 1 > close);
}

static void check_offered(const struct smtp_command *cmd, uint32_t ext)
{
	static const uint32_t needs[] = {
#define NEEDS(word, text, ext, verb) SMTP_EXT_BIT(ext),
		SMTP_PARAMS(NEEDS)
#undef NEEDS
	};

	for (unsigned i = 0; i < SMTP_PARAM_COUNT; i++)
		if (cmd->params.present & 1u << i && i != SMTP_PARAM_BODY)
			HOLDS(ext & needs[i]);
}

static void check_command(const struct smtp_command *cmd, const struct command_rules *rules)
{
	uint8_t block[SMTP_COMMAND_MAX + 64], block2[SMTP_COMMAND_MAX + 64];
	struct out o, o2;
	struct smtp_command again;
	size_t at;

	out_init(&o, block, sizeof block);
	out_init(&o2, block2, sizeof block2);
	command_print(&o, cmd);
	HOLDS(!o.full);
	check_line(out_span(&o), rules->utf8 || rules->offered & SMTP_EXT_BIT(SMTPUTF8));
	HOLDS(command_parse(span_sub(out_span(&o), 0, o.n - 2), rules, &again, &at) ==
		SMTP_DEFECT_NONE);
	same_command(cmd, &again);
	command_print(&o2, &again);
	HOLDS(span_eq(out_span(&o), out_span(&o2)));
	check_offered(cmd, rules->offered);
	if (cmd->verb == SMTP_VERB_MAIL || cmd->verb == SMTP_VERB_RCPT)
		check_domain(out_span(&o), &cmd->path, rules->local_tolerant);
}

static void check_response(struct span line)
{
	uint8_t block[SMTP_COMMAND_MAX];
	struct smtp_command cmd;
	struct out o;
	size_t at = 0;

	if (sasl_parse(line, &cmd, &at) != SMTP_DEFECT_NONE) {
		HOLDS(at <= line.n);
		return;
	}
	out_init(&o, block, sizeof block);
	command_print(&o, &cmd);
	HOLDS(!o.full && o.n == line.n + 2);
	HOLDS(span_eq(span_sub(out_span(&o), 0, line.n), line));
	check_line(out_span(&o), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t line_max[SMTP_VERB_NAMED];
	struct command_rules rules = { .line_max = line_max };
	struct fuzz_input in;
	struct smtp_command cmd;
	enum smtp_defect defect;
	struct span line;
	size_t at = SIZE_MAX;

	if (!fuzz_open(data, size, &in) || in.text.n > SMTP_COMMAND_MAX - 2)
		return 0;
	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++)
		line_max[i] = in.choice & 64 ? 512 : SMTP_COMMAND_MAX;
	rules.offered = offered(in.choice);
	rules.utf8 = in.choice & 4 && rules.offered & SMTP_EXT_BIT(SMTPUTF8);
	rules.local_tolerant = in.choice & 8;
	line = span_of(fuzz_window(in.text), in.text.n);
	check_response(line);
	defect = command_parse(line, &rules, &cmd, &at);
	HOLDS(cmd.word.n <= line.n && (unsigned)cmd.verb <= SMTP_VERB_OTHER);
	if (defect != SMTP_DEFECT_NONE)
		HOLDS(at <= line.n &&
			(defect == SMTP_DEFECT_VERB_UNKNOWN || defect == SMTP_DEFECT_EMPTY ||
				cmd.verb != SMTP_VERB_OTHER));
	else if ((unsigned)cmd.verb < SMTP_VERB_MODELLED)
		check_command(&cmd, &rules);
	free((void *)(uintptr_t)line.p);
	return 0;
}
