/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * ESMTP parameters of MAIL and RCPT
 *
 * Every known parameter is parsed by its own grammar, printed again in canonical form, and legal
 * only where its extension was offered to this client. Unknown and repeated parameters are errors.
 *
 * Owns:    nothing; spans point into the line.
 * Callers: filter/smtp/command.c, test/fuzz.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "base/span.h"
#include "filter/smtp/verb.h"

/* X(enum word, keyword, extension, verb that takes it) */
#define SMTP_PARAMS(X)                                                                             \
	X(SIZE, "SIZE", SIZE, MAIL) /* RFC 1870 4: 1*20DIGIT */                                    \
	X(BODY, "BODY", 8BITMIME,                                                                  \
		MAIL)               /* RFC 6152 2, RFC 3030 3 (BINARYMIME: its own extension) */   \
	X(AUTH, "AUTH", AUTH, MAIL) /* RFC 4954 5: xtext of a mailbox, or <> */                    \
	X(SMTPUTF8, "SMTPUTF8", SMTPUTF8, MAIL) /* RFC 6531 3.4: no value */                       \
	X(RET, "RET", DSN, MAIL)                /* RFC 3461 4.3 */                                 \
	X(ENVID, "ENVID", DSN, MAIL)            /* 4.4: xtext, at most 100 octets */               \
	X(NOTIFY, "NOTIFY", DSN, RCPT)          /* 4.1 */                                          \
	X(ORCPT, "ORCPT", DSN, RCPT)            /* 4.2: addr-type ; xtext, at most 500 octets */   \
	X(BY, "BY", DELIVERBY, MAIL)            /* RFC 2852 4 */                                   \
	X(MT_PRIORITY, "MT-PRIORITY", MT_PRIORITY, MAIL) /* RFC 6710 4.1: -9 to 9 */

#define SMTP_PARAM_ENUM(word, text, ext, verb) SMTP_PARAM_##word,
enum smtp_param { SMTP_PARAMS(SMTP_PARAM_ENUM) SMTP_PARAM_COUNT };
#undef SMTP_PARAM_ENUM

#define SMTP_PARAM_BIT(word) (1u << SMTP_PARAM_##word)

enum smtp_body {
	SMTP_BODY_7BIT,
	SMTP_BODY_8BITMIME,
	SMTP_BODY_BINARYMIME,
};

enum param_error {
	PARAM_OK = 0,
	PARAM_E_SYNTAX,  /* the value does not follow the parameter's grammar */
	PARAM_E_UNKNOWN, /* no such parameter, or of another verb, or its extension was not offered
			    (555) */
	PARAM_E_DUPLICATE,
	PARAM_E_LONG,
};

struct smtp_params {
	uint32_t present; /* SMTP_PARAM_BIT()s */
	uint64_t size;    /* SIZE, octets */
	enum smtp_body body;
	/* the others, as they stood after "=" (checked); empty for SMTPUTF8 */
	struct span value[SMTP_PARAM_COUNT];
};

/**
 * params_parse() - read every parameter of a MAIL or RCPT line
 * @text:    what stands behind the path: empty, or one blank before each parameter (RFC
 * 5321 4.1.1.11); several blanks are taken as one, since printing removes them
 * @verb:    SMTP_VERB_MAIL or SMTP_VERB_RCPT
 * @offered: SMTP_EXT_BIT()s this client was offered
 * @badp:    the parameter that is wrong, for the log; set only on error
 */
enum param_error params_parse(struct span text, enum smtp_verb verb, uint32_t offered,
	struct smtp_params *paramsp, struct span *badp);

/* " KEY=VALUE" for each, in the order of SMTP_PARAMS. */
void params_print(struct out *o, const struct smtp_params *params);

const char *smtp_param_name(enum smtp_param param);
