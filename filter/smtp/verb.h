/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Verbs and extensions: the vocabulary of SMTP
 *
 * The lists stand here once; enums, names and tables everywhere else are made from them.
 *
 * Owns:    nothing.
 * Callers: everything that speaks of SMTP.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/*
 * Verbs a rule may let through: the engine knows their grammar and what they do to a session.
 * X(enum word, text on the wire)
 */
#define SMTP_VERBS_MODELLED(X)                                                                     \
	X(HELO, "HELO") /* RFC 5321 4.1.1.1 */                                                     \
	X(EHLO, "EHLO")                                                                            \
	X(MAIL, "MAIL") /* 4.1.1.2 */                                                              \
	X(RCPT, "RCPT") /* 4.1.1.3 */                                                              \
	X(DATA, "DATA") /* 4.1.1.4 */                                                              \
	X(BDAT, "BDAT") /* RFC 3030 2 */                                                           \
	X(RSET, "RSET") /* RFC 5321 4.1.1.5 */                                                     \
	X(VRFY, "VRFY") /* 4.1.1.6 */                                                              \
	X(EXPN, "EXPN") /* 4.1.1.7 */                                                              \
	X(HELP, "HELP") /* 4.1.1.8 */                                                              \
	X(NOOP, "NOOP") /* 4.1.1.9 */                                                              \
	X(QUIT, "QUIT") /* 4.1.1.10 */                                                             \
	X(AUTH, "AUTH") /* RFC 4954 4 */                                                           \
	X(ETRN, "ETRN") /* RFC 1985 5 */

/* Verbs known by name so that a table can deny them in words of its own; never passed on when
 * inspecting. */
#define SMTP_VERBS_NEVER(X)                                                                        \
	X(STARTTLS, "STARTTLS") /* RFC 3207: what follows would be opaque */                       \
	X(XEXCH50, "XEXCH50")   /* binary payload follows: no way back into step */                \
	X(X_LINK2STATE, "X-LINK2STATE")                                                            \
	X(X_EXPS, "X-EXPS")                                                                        \
	X(XCLIENT, "XCLIENT")                                                                      \
	X(XFORWARD, "XFORWARD")                                                                    \
	X(BURL, "BURL")                                                                            \
	X(TURN, "TURN")                                                                            \
	X(ATRN, "ATRN")                                                                            \
	X(SEND, "SEND")                                                                            \
	X(SOML, "SOML")                                                                            \
	X(SAML, "SAML")

/* What else a server's reply may answer. */
#define SMTP_VERBS_PSEUDO(X)                                                                       \
	X(OTHER, "other")                  /* a word in no list above */                           \
	X(BANNER, "greeting")              /* the connection itself */                             \
	X(DOT, "end of message")           /* CRLF . CRLF */                                       \
	X(SASL, "authentication response") /* a line after 334 */

#define SMTP_VERB_ENUM(word, text) SMTP_VERB_##word,
enum smtp_verb {
	SMTP_VERBS_MODELLED(SMTP_VERB_ENUM) SMTP_VERBS_NEVER(SMTP_VERB_ENUM)
		SMTP_VERBS_PSEUDO(SMTP_VERB_ENUM) SMTP_VERB_COUNT
};
#undef SMTP_VERB_ENUM

/* Rows a command table may hold: those of the first two lists. */
#define SMTP_VERB_NAMED ((unsigned)SMTP_VERB_OTHER)
/* Rows a command table may allow. */
#define SMTP_VERB_MODELLED ((unsigned)SMTP_VERB_STARTTLS)

/* Extensions the engine understands (the list of DESIGN 4): X(enum word, EHLO keyword) */
#define SMTP_EXTENSIONS(X)                                                                         \
	X(PIPELINING, "PIPELINING")                   /* RFC 2920 */                               \
	X(SIZE, "SIZE")                               /* RFC 1870 */                               \
	X(8BITMIME, "8BITMIME")                       /* RFC 6152 */                               \
	X(BINARYMIME, "BINARYMIME")                   /* RFC 3030 */                               \
	X(CHUNKING, "CHUNKING")                       /* RFC 3030 */                               \
	X(SMTPUTF8, "SMTPUTF8")                       /* RFC 6531 */                               \
	X(DSN, "DSN")                                 /* RFC 3461 */                               \
	X(ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES") /* RFC 2034 */                               \
	X(AUTH, "AUTH")                               /* RFC 4954 */                               \
	X(HELP, "HELP")                                                                            \
	X(ETRN, "ETRN")               /* RFC 1985 */                                               \
	X(DELIVERBY, "DELIVERBY")     /* RFC 2852 */                                               \
	X(LIMITS, "LIMITS")           /* RFC 9422 */                                               \
	X(MT_PRIORITY, "MT-PRIORITY") /* RFC 6710 */

#define SMTP_EXT_ENUM(word, text) SMTP_EXT_##word,
enum smtp_extension { SMTP_EXTENSIONS(SMTP_EXT_ENUM) SMTP_EXT_COUNT };
#undef SMTP_EXT_ENUM

/* Extensions as a set: bit SMTP_EXT_x. */
#define SMTP_EXT_BIT(word) (1u << SMTP_EXT_##word)

/* The word as on the wire, or the description of a pseudo verb; never NULL. */
const char *smtp_verb_name(enum smtp_verb verb);

/* SMTP_VERB_OTHER when @word is none of the named ones; case does not matter (RFC 5321 2.4). */
enum smtp_verb smtp_verb_find(struct span word);

const char *smtp_ext_name(enum smtp_extension ext);

/* SMTP_EXT_COUNT when @word is unknown; case does not matter. */
enum smtp_extension smtp_ext_find(struct span word);
