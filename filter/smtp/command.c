/* SPDX-License-Identifier: ISC */
#include "filter/smtp/command.h"

#include "filter/smtp/sasl.h"

/* What the readers of the single verbs share. Each looks at @line from @at on. */
struct reading {
	struct span line; /* trailing blanks cut off */
	size_t at;        /* offset of what is looked at; on a defect, of what is wrong */
	const struct command_rules *rules;
};

static bool at_end(const struct reading *rd)
{
	return rd->at == rd->line.n;
}

static struct span rest(const struct reading *rd)
{
	return span_from(rd->line, rd->at);
}

static void skip_blanks(struct reading *rd)
{
	while (!at_end(rd) && rd->line.p[rd->at] == ' ')
		rd->at++;
}

/* The octets up to the next blank. */
static struct span take_word(struct reading *rd)
{
	struct span word = rest(rd);

	word.n = span_chr(word, ' ');
	rd->at += word.n;
	return word;
}

static bool name_octet(uint8_t c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-';
}

/*
 * A name that HELO may give: what domain_parse() takes, and underscores, which hosts of some makers
 * have in their names and which harm nobody here, since no mail is routed by them.
 */
static bool helo_name(struct span text, struct span *namep)
{
	uint8_t plain[SMTP_DOMAIN_MAX + 1];
	struct span name;

	if (text.n > sizeof plain)
		return false;
	for (size_t i = 0; i < text.n; i++)
		plain[i] = text.p[i] == '_' ? 'x' : text.p[i];
	if (domain_parse(span_of(plain, text.n), false, &name) != PATH_OK)
		return false;
	*namep = span_sub(text, 0, name.n);
	return true;
}

static enum smtp_defect read_helo(struct reading *rd, struct smtp_command *cmd)
{
	struct span arg = rest(rd);
	struct ip ip;

	if (arg.n == 0)
		return SMTP_DEFECT_ARGUMENT_MISSING;
	cmd->arg = arg;
	if (arg.p[0] == '[' ? literal_parse(arg, &ip) == PATH_OK : helo_name(arg, &cmd->arg))
		return SMTP_DEFECT_NONE;
	return SMTP_DEFECT_ARGUMENT_SYNTAX;
}

static enum smtp_defect path_defect(enum path_error error)
{
	switch (error) {
	case PATH_OK: return SMTP_DEFECT_NONE;
	case PATH_E_SYNTAX:
	case PATH_E_LOCAL: return SMTP_DEFECT_PATH_SYNTAX;
	case PATH_E_ROUTE: return SMTP_DEFECT_PATH_ROUTE;
	case PATH_E_UNSAFE: return SMTP_DEFECT_PATH_UNSAFE;
	case PATH_E_DOMAIN:
	case PATH_E_LITERAL: return SMTP_DEFECT_PATH_DOMAIN;
	case PATH_E_LONG: return SMTP_DEFECT_PATH_LONG;
	case PATH_E_8BIT:
	case PATH_E_UTF8: return SMTP_DEFECT_PATH_UTF8;
	}
	return SMTP_DEFECT_PATH_SYNTAX;
}

static enum smtp_defect param_defect(enum param_error error)
{
	switch (error) {
	case PARAM_OK: return SMTP_DEFECT_NONE;
	case PARAM_E_SYNTAX:
	case PARAM_E_LONG: return SMTP_DEFECT_PARAM_SYNTAX;
	case PARAM_E_UNKNOWN: return SMTP_DEFECT_PARAM_UNKNOWN;
	case PARAM_E_DUPLICATE: return SMTP_DEFECT_PARAM_DUPLICATE;
	}
	return SMTP_DEFECT_PARAM_SYNTAX;
}

static enum smtp_defect read_params(struct reading *rd, bool utf8_ok, struct smtp_command *cmd)
{
	struct span text = rest(rd), bad = { 0 };
	enum param_error r = params_parse(text, cmd->verb, rd->rules->offered, &cmd->params, &bad);

	if (r != PARAM_OK) {
		rd->at = (size_t)(bad.p - rd->line.p);
		return param_defect(r);
	}
	for (size_t i = 0; i < text.n && !utf8_ok; i++) {
		if (text.p[i] < 128)
			continue;
		rd->at += i;
		return SMTP_DEFECT_LINE_8BIT;
	}
	return SMTP_DEFECT_NONE;
}

/* "FROM:" or "TO:", the path, the parameters. */
static enum smtp_defect read_envelope(struct reading *rd, struct smtp_command *cmd)
{
	bool mail = cmd->verb == SMTP_VERB_MAIL;
	struct span keyword = mail ? SPAN("FROM:") : SPAN("TO:");
	struct path_rules rules = {
		/* MAIL asks for SMTPUTF8 behind the path: what was offered decides first, what was
		   asked for below */
		.utf8 = mail ? (rd->rules->offered & SMTP_EXT_BIT(SMTPUTF8)) != 0 : rd->rules->utf8,
		.tolerant = rd->rules->local_tolerant,
		.null_ok = mail,
		.postmaster = !mail,
	};
	enum smtp_defect defect;
	size_t path_at, used = 0;

	if (at_end(rd))
		return SMTP_DEFECT_ARGUMENT_MISSING;
	if (!span_istarts(rest(rd), keyword))
		return SMTP_DEFECT_ARGUMENT_SYNTAX;
	rd->at += keyword.n;
	skip_blanks(rd);
	path_at = rd->at;
	defect = path_defect(path_parse(rest(rd), &rules, &cmd->path, &used));
	if (defect != SMTP_DEFECT_NONE)
		return defect;
	rd->at += used;
	if (!at_end(rd) && rd->line.p[rd->at] != ' ') /* glued on (CMD-16), or a list (RLY-25) */
		return SMTP_DEFECT_PATH_SYNTAX;
	defect = read_params(rd, rules.utf8, cmd);
	if (defect == SMTP_DEFECT_NONE && mail && cmd->path.utf8 &&
		!(cmd->params.present & SMTP_PARAM_BIT(SMTPUTF8))) {
		rd->at = path_at;
		return SMTP_DEFECT_PATH_UTF8;
	}
	return defect;
}

/* RFC 3030 2. Digits alone make a size: servers read signs, "0x5" and "5LAST" in ways of their own
 * (BDT-10). */
static enum smtp_defect read_bdat(struct reading *rd, struct smtp_command *cmd)
{
	struct span size = take_word(rd);
	uint64_t octets;

	if (size.n > 10 || !span_u64(size, SMTP_BDAT_MAX, &octets))
		return SMTP_DEFECT_ARGUMENT_SYNTAX;
	cmd->octets = (uint32_t)octets;
	skip_blanks(rd);
	cmd->last = span_ieq(rest(rd), SPAN("LAST"));
	return at_end(rd) || cmd->last ? SMTP_DEFECT_NONE : SMTP_DEFECT_ARGUMENT_SYNTAX;
}

static enum smtp_defect read_nothing(struct reading *rd, struct smtp_command *cmd)
{
	(void)cmd;
	return at_end(rd) ? SMTP_DEFECT_NONE : SMTP_DEFECT_ARGUMENT_SURPLUS;
}

/* Controls are gone already; what is left are octets over 127. */
static enum smtp_defect read_text(struct reading *rd, struct smtp_command *cmd)
{
	cmd->arg = rest(rd);
	if (rd->rules->utf8 && utf8_text(cmd->arg))
		return SMTP_DEFECT_NONE;
	for (; !at_end(rd); rd->at++)
		if (rd->line.p[rd->at] > 127)
			return SMTP_DEFECT_LINE_8BIT;
	return SMTP_DEFECT_NONE;
}

static enum smtp_defect read_some_text(struct reading *rd, struct smtp_command *cmd)
{
	return at_end(rd) ? SMTP_DEFECT_ARGUMENT_MISSING : read_text(rd, cmd);
}

/* RFC 1985 5.1: a domain, "@" and one for all below it, or "#" and a queue's name. */
static enum smtp_defect read_etrn(struct reading *rd, struct smtp_command *cmd)
{
	struct span arg = rest(rd), domain;
	bool mark = arg.n > 0 && (arg.p[0] == '@' || arg.p[0] == '#');

	if (arg.n == 0)
		return SMTP_DEFECT_ARGUMENT_MISSING;
	cmd->arg = arg;
	if (!mark || arg.p[0] == '@') {
		if (domain_parse(span_from(arg, mark), false, &domain) != PATH_OK)
			return SMTP_DEFECT_ARGUMENT_SYNTAX;
		cmd->arg.n = domain.n + mark;
		return SMTP_DEFECT_NONE;
	}
	for (size_t i = 1; i < arg.n; i++)
		if (!name_octet(arg.p[i]) && arg.p[i] != '.' && arg.p[i] != '_')
			return SMTP_DEFECT_ARGUMENT_SYNTAX;
	return arg.n > 1 && arg.n <= SMTP_DOMAIN_MAX ? SMTP_DEFECT_NONE
						     : SMTP_DEFECT_ARGUMENT_SYNTAX;
}

/* RFC 4954 4; mechanism names: RFC 4422 3.1. */
static enum smtp_defect read_auth(struct reading *rd, struct smtp_command *cmd)
{
	if (at_end(rd))
		return SMTP_DEFECT_ARGUMENT_MISSING;
	cmd->arg = take_word(rd);
	if (!sasl_mechanism(cmd->arg)) {
		rd->at -= cmd->arg.n;
		return SMTP_DEFECT_ARGUMENT_SYNTAX;
	}
	skip_blanks(rd);
	cmd->has_initial = !at_end(rd);
	if (cmd->has_initial && !span_eq(rest(rd), SPAN("="))) { /* "=": empty, but there */
		cmd->initial = rest(rd);
		if (!sasl_base64(cmd->initial))
			return SMTP_DEFECT_SASL_SYNTAX;
	}
	return SMTP_DEFECT_NONE;
}

static const struct row {
	enum smtp_defect (*read)(struct reading *rd, struct smtp_command *cmd);
	bool text; /* octets over 127 are the reader's matter */
} rows[SMTP_VERB_NAMED] = {
	[SMTP_VERB_HELO] = { read_helo, false },
	[SMTP_VERB_EHLO] = { read_helo, false },
	[SMTP_VERB_MAIL] = { read_envelope, true },
	[SMTP_VERB_RCPT] = { read_envelope, true },
	[SMTP_VERB_DATA] = { read_nothing, false },
	[SMTP_VERB_BDAT] = { read_bdat, false },
	[SMTP_VERB_RSET] = { read_nothing, false },
	[SMTP_VERB_VRFY] = { read_some_text, true },
	[SMTP_VERB_EXPN] = { read_some_text, true },
	[SMTP_VERB_HELP] = { read_text, true },
	[SMTP_VERB_NOOP] = { read_text, true },
	[SMTP_VERB_QUIT] = { read_nothing, false },
	[SMTP_VERB_AUTH] = { read_auth, false },
	[SMTP_VERB_ETRN] = { read_etrn, false },
	[SMTP_VERB_STARTTLS] = { read_nothing, false }, /* RFC 3207 4 */
};

uint32_t command_line_max(enum smtp_verb verb, uint32_t max, uint32_t offered)
{
	static const struct {
		uint32_t extensions; /* any of them */
		uint32_t octets;
	} more[] = {
		{ SMTP_EXT_BIT(SIZE), 26 }, /* RFC 1870 3 */
		{ SMTP_EXT_BIT(8BITMIME) | SMTP_EXT_BIT(BINARYMIME),
			17 },                      /* RFC 6152 2, RFC 3030 */
		{ SMTP_EXT_BIT(AUTH), 500 },       /* RFC 4954 3 */
		{ SMTP_EXT_BIT(SMTPUTF8), 10 },    /* RFC 6531 3.1 */
		{ SMTP_EXT_BIT(DSN), 107 },        /* RFC 3461 4: RET, ENVID */
		{ SMTP_EXT_BIT(DELIVERBY), 17 },   /* RFC 2852 2 */
		{ SMTP_EXT_BIT(MT_PRIORITY), 15 }, /* RFC 6710 3 */
	};

	if (verb == SMTP_VERB_RCPT && offered & SMTP_EXT_BIT(DSN))
		max += 500; /* RFC 3461 3: NOTIFY, ORCPT */
	for (size_t i = 0; verb == SMTP_VERB_MAIL && i < sizeof more / sizeof more[0]; i++)
		if (offered & more[i].extensions)
			max += more[i].octets;
	return max < SMTP_COMMAND_MAX ? max : SMTP_COMMAND_MAX;
}

/* The verb, and the blanks behind it. */
static enum smtp_defect read_verb(struct reading *rd, struct smtp_command *cmd)
{
	struct span line = rd->line;

	while (rd->at < line.n && name_octet(line.p[rd->at]))
		rd->at++;
	cmd->word = span_sub(line, 0, rd->at);
	if (line.n == 0)
		return SMTP_DEFECT_EMPTY;
	if (!at_end(rd) && line.p[rd->at] != ' ')
		return SMTP_DEFECT_VERB_UNKNOWN; /* "MAIL:", "RCPT\tTO:" (CMD-11) */
	cmd->verb = smtp_verb_find(cmd->word);
	skip_blanks(rd);
	if (cmd->verb != SMTP_VERB_OTHER)
		return SMTP_DEFECT_NONE;
	rd->at = 0;
	return SMTP_DEFECT_VERB_UNKNOWN;
}

/*
 * What may stand in a line at all: no control, so no tab, which servers take for a blank (CMD-11)
 * or do not; no octet over 127 but in paths and texts.
 */
static enum smtp_defect check_octets(struct reading *rd, bool text)
{
	for (size_t i = rd->at; i < rd->line.n; i++) {
		uint8_t c = rd->line.p[i];
		if (c >= ' ' && c != 127 && (text || c < 128))
			continue;
		rd->at = i;
		return SMTP_DEFECT_LINE_8BIT;
	}
	return SMTP_DEFECT_NONE;
}

static enum smtp_defect check_length(struct reading *rd, enum smtp_verb verb, size_t came)
{
	uint32_t max = command_line_max(verb, rd->rules->line_max[verb], rd->rules->offered);
	/* Six octets of QUIT leave no room for blanks that are dropped anyway. */
	size_t n = rows[verb].read == read_nothing ? rd->line.n : came;

	if (n + 2 <= max)
		return SMTP_DEFECT_NONE;
	rd->at = max > 2 ? max - 2 : 0;
	return SMTP_DEFECT_LINE_LONG;
}

static enum smtp_defect read_line(struct reading *rd, size_t came, struct smtp_command *cmd)
{
	enum smtp_defect defect = read_verb(rd, cmd);
	const struct row *row;

	if (defect != SMTP_DEFECT_NONE)
		return defect;
	row = &rows[cmd->verb];
	if (row->read ==
		NULL) /* no rule lets it through: what follows the word is nobody's matter */
		return SMTP_DEFECT_NONE;
	if (row->read == read_nothing && !at_end(rd))
		return SMTP_DEFECT_ARGUMENT_SURPLUS;
	defect = check_length(rd, cmd->verb, came);
	if (defect == SMTP_DEFECT_NONE)
		defect = check_octets(rd, row->text);
	return defect == SMTP_DEFECT_NONE ? row->read(rd, cmd) : defect;
}

enum smtp_defect command_parse(
	struct span line, const struct command_rules *rules, struct smtp_command *cmdp, size_t *atp)
{
	struct reading rd = { .line = line, .rules = rules };
	enum smtp_defect defect;

	*cmdp = (struct smtp_command){ .verb = SMTP_VERB_OTHER };
	while (rd.line.n > 0 && rd.line.p[rd.line.n - 1] == ' ')
		rd.line.n--;
	defect = read_line(&rd, line.n, cmdp);
	if (defect == SMTP_DEFECT_NONE)
		return defect;
	*atp = rd.at;
	/* Whatever is wrong with it, the size of what follows is not known. */
	return cmdp->verb == SMTP_VERB_BDAT ? SMTP_DEFECT_ARGUMENT_SYNTAX : defect;
}
