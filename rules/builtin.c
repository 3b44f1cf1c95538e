/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"

#define ALLOW(octets)                                                                              \
	{                                                                                          \
		.action = VERB_ALLOW, .given = true, .max = (octets)                               \
	}

/* RULES.md's table of verbs. MAIL and RCPT grow by what extensions add when those are offered: the
 * engine does that. */
#define ROWS_INTERNET                                                                              \
	[SMTP_VERB_HELO] = ALLOW(512), [SMTP_VERB_EHLO] = ALLOW(512), /* RFC 5321 4.5.3.1.4 */     \
		[SMTP_VERB_MAIL] = ALLOW(512), [SMTP_VERB_RCPT] = ALLOW(512),                      \
	[SMTP_VERB_DATA] = ALLOW(6), [SMTP_VERB_RSET] = ALLOW(6), /* 4.1.1: no argument */         \
		[SMTP_VERB_QUIT] = ALLOW(6), [SMTP_VERB_BDAT] = ALLOW(32), /* RFC 3030 2 */        \
		[SMTP_VERB_NOOP] = ALLOW(512), [SMTP_VERB_HELP] = ALLOW(512)

#define EXTENSIONS_INTERNET                                                                        \
	(SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(8BITMIME) |                  \
		SMTP_EXT_BIT(CHUNKING) | SMTP_EXT_BIT(SMTPUTF8) | SMTP_EXT_BIT(DSN) |              \
		SMTP_EXT_BIT(ENHANCEDSTATUSCODES))

#define MAX_HEADER (100u << 10)

static const struct command_table tables[] = {
	{
		.name = "internet",
		.built_in = true,
		.verbs = { ROWS_INTERNET },
		.extensions = EXTENSIONS_INTERNET,
		.max_header = MAX_HEADER,
	},
	{
		.name = "submission",
		.built_in = true,
		.verbs = { ROWS_INTERNET, [SMTP_VERB_AUTH] = ALLOW(12288) }, /* RFC 4954 4 */
		.extensions = EXTENSIONS_INTERNET | SMTP_EXT_BIT(AUTH),
		.max_header = MAX_HEADER,
	},
	{
		/* The lengths that ISA Server 2000 came with: below what RFC 5321 obliges, for those who migrate. */
		.name = "isa2000",
		.built_in = true,
		.verbs = {
			[SMTP_VERB_HELO] = ALLOW(71),  [SMTP_VERB_EHLO] = ALLOW(71),
			[SMTP_VERB_MAIL] = ALLOW(266), [SMTP_VERB_RCPT] = ALLOW(266),
			[SMTP_VERB_DATA] = ALLOW(6),   [SMTP_VERB_RSET] = ALLOW(6),
			[SMTP_VERB_QUIT] = ALLOW(6),   [SMTP_VERB_NOOP] = ALLOW(6),
			[SMTP_VERB_HELP] = ALLOW(6),   [SMTP_VERB_AUTH] = ALLOW(1024),
			[SMTP_VERB_VRFY] = ALLOW(266), [SMTP_VERB_EXPN] = ALLOW(266),
			[SMTP_VERB_ETRN] = ALLOW(266),
		},
		.extensions = SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(8BITMIME) |
			SMTP_EXT_BIT(DSN) | SMTP_EXT_BIT(ENHANCEDSTATUSCODES) | SMTP_EXT_BIT(AUTH) |
			SMTP_EXT_BIT(HELP) | SMTP_EXT_BIT(ETRN),
		.max_header = MAX_HEADER,
	},
};

const struct command_table *command_table_builtin(struct span name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (span_eq(span_str(tables[i].name), name))
			return &tables[i];
	return NULL;
}

uint16_t verb_max_usual(enum smtp_verb verb)
{
	const struct command_table *submission = &tables[1]; /* the one with AUTH */

	return submission->verbs[verb].given ? submission->verbs[verb].max : 512;
}

void table_preset(struct command_table *table)
{
	table->max_header = MAX_HEADER;
}

enum smtp_verb extension_verb(enum smtp_extension ext)
{
	static const struct {
		enum smtp_extension ext;
		enum smtp_verb verb;
	} pairs[] = {
		{ SMTP_EXT_CHUNKING, SMTP_VERB_BDAT },
		{ SMTP_EXT_AUTH, SMTP_VERB_AUTH },
		{ SMTP_EXT_HELP, SMTP_VERB_HELP },
		{ SMTP_EXT_ETRN, SMTP_VERB_ETRN },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].ext == ext)
			return pairs[i].verb;
	return SMTP_VERB_OTHER;
}
