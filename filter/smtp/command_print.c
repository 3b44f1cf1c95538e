/* SPDX-License-Identifier: ISC */
#include "filter/smtp/command.h"

/* Words parted by one blank. */
static void print_text(struct out *o, struct span text)
{
	for (size_t at = 0, n; at < text.n; at += n + 1) {
		struct span word = span_from(text, at);

		n = word.n = span_chr(word, ' ');
		if (n == 0)
			continue;
		out_octet(o, ' ');
		out_bytes(o, word);
	}
}

static void print_helo(struct out *o, struct span name)
{
	struct ip ip;

	out_octet(o, ' ');
	if (name.p[0] == '[' && literal_parse(name, &ip) == PATH_OK)
		literal_print(o, &ip);
	else
		out_bytes(o, name);
}

static void print_auth(struct out *o, const struct smtp_command *cmd)
{
	out_octet(o, ' ');
	out_upper(o, cmd->arg);
	if (!cmd->has_initial)
		return;
	out_octet(o, ' ');
	if (cmd->initial.n > 0)
		out_bytes(o, cmd->initial);
	else
		out_octet(o, '=');
}

static void print_arguments(struct out *o, const struct smtp_command *cmd)
{
	switch (cmd->verb) {
	case SMTP_VERB_HELO:
	case SMTP_VERB_EHLO: print_helo(o, cmd->arg); break;
	case SMTP_VERB_MAIL:
	case SMTP_VERB_RCPT:
		out_str(o, cmd->verb == SMTP_VERB_MAIL ? " FROM:" : " TO:");
		path_print(o, &cmd->path);
		params_print(o, &cmd->params);
		break;
	case SMTP_VERB_BDAT:
		out_octet(o, ' ');
		out_u64(o, cmd->octets);
		out_str(o, cmd->last ? " LAST" : NULL);
		break;
	case SMTP_VERB_VRFY:
	case SMTP_VERB_EXPN:
	case SMTP_VERB_HELP:
	case SMTP_VERB_NOOP:
	case SMTP_VERB_ETRN: print_text(o, cmd->arg); break;
	case SMTP_VERB_AUTH: print_auth(o, cmd); break;
	case SMTP_VERB_SASL: out_bytes(o, cmd->initial); break;
	case SMTP_VERB_DATA:
	case SMTP_VERB_RSET:
	case SMTP_VERB_QUIT: break;
#define NEVER(word, text) case SMTP_VERB_##word:
		SMTP_VERBS_NEVER(NEVER)
#undef NEVER
	case SMTP_VERB_OTHER:
	case SMTP_VERB_BANNER:
	case SMTP_VERB_DOT:
	case SMTP_VERB_COUNT: break; /* see below: never printed */
	}
}

void command_print(struct out *o, const struct smtp_command *cmd)
{
	bool modelled = (unsigned)cmd->verb < SMTP_VERB_MODELLED;

	if (!modelled && cmd->verb != SMTP_VERB_SASL) {
		o->full = true; /* no verb without a grammar goes inward, not even half of it */
		return;
	}
	if (modelled)
		out_str(o, smtp_verb_name(cmd->verb));
	print_arguments(o, cmd);
	out_str(o, "\r\n");
}
