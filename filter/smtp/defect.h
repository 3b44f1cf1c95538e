/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Defects and faults: what can be wrong with octets
 *
 * A defect leaves filter and peers in step: it is refused by one reply and skipped to its end. A
 * fault loses step and is final. The words that a peer gets and the codes of the log are the
 * policy's matter.
 */

/* X(enum word, description) */
#define SMTP_DEFECTS(X)                                                                            \
	X(NONE, "nothing is wrong")                                                                \
	/* of a command line */                                                                    \
	X(LINE_LONG, "line is longer than its verb allows")                                        \
	X(LINE_BARE_LF, "line holds a bare LF")                                                    \
	X(LINE_BARE_CR, "line holds a bare CR")                                                    \
	X(LINE_NUL, "line holds a NUL")                                                            \
	X(LINE_8BIT, "line holds an octet over 127 or a control character")                        \
	X(EMPTY, "line is empty")                                                                  \
	X(VERB_UNKNOWN, "verb is unknown")                                                         \
	X(ARGUMENT_MISSING, "argument is missing")                                                 \
	X(ARGUMENT_SURPLUS, "argument where none belongs")                                         \
	X(ARGUMENT_SYNTAX, "argument does not follow the verb's grammar")                          \
	X(PATH_SYNTAX, "path is malformed")                                                        \
	X(PATH_ROUTE, "path holds a source route")                                                 \
	X(PATH_UNSAFE, "local part holds a routing or shell character")                            \
	X(PATH_DOMAIN, "domain is missing or malformed")                                           \
	X(PATH_LONG, "path, local part or domain is too long")                                     \
	X(PATH_UTF8, "path needs SMTPUTF8 or is ill-formed UTF-8")                                 \
	X(PARAM_SYNTAX, "parameter is malformed")                                                  \
	X(PARAM_UNKNOWN, "parameter is unknown or not offered")                                    \
	X(PARAM_DUPLICATE, "parameter is given twice")                                             \
	X(SEQUENCE, "command is out of sequence")                                                  \
	X(SASL_SYNTAX, "authentication response is no base64")                                     \
	/* of message text: the message is refused at its real end */                              \
	X(TEXT_BARE_LF, "message holds a bare LF")                                                 \
	X(TEXT_BARE_CR, "message holds a bare CR")                                                 \
	X(TEXT_NUL, "message holds a NUL")                                                         \
	X(TEXT_LINE_LONG, "message line is longer than the rule allows")                           \
	X(TEXT_HEADER_LARGE, "message header is larger than the rule allows")                      \
	X(TEXT_HEADER_LINES, "message header has more lines than the rule allows")                 \
	X(TEXT_LARGE, "message is larger than the rule allows")

#define SMTP_DEFECT_ENUM(word, text) SMTP_DEFECT_##word,
enum smtp_defect { SMTP_DEFECTS(SMTP_DEFECT_ENUM) SMTP_DEFECT_COUNT };
#undef SMTP_DEFECT_ENUM

/* X(enum word, description); C_ is the client's doing, S_ the server's. */
#define SMTP_FAULTS(X)                                                                             \
	X(NONE, "nothing is wrong")                                                                \
	X(C_LINE_ENDLESS, "a line without end")                                                    \
	X(C_TLS, "TLS handshake octets on an inspected session")                                   \
	X(C_BDAT_SIZE, "BDAT with an unreadable size: the chunk's end is unknown")                 \
	X(C_PAYLOAD, "a command whose payload has no known end")                                   \
	X(C_EARLY_TEXT, "input behind DATA that the server then refused")                          \
	X(S_REPLY_SYNTAX, "server's reply is no reply")                                            \
	X(S_REPLY_LONG, "server's reply exceeds its bounds")                                       \
	X(S_REPLY_CLASS, "server's reply code does not fit the command")                           \
	X(S_REPLY_UNASKED, "server's reply answers nothing")                                       \
	X(S_REPLY_EARLY, "server answered in the middle of a message")

#define SMTP_FAULT_ENUM(word, text) SMTP_FAULT_##word,
enum smtp_fault { SMTP_FAULTS(SMTP_FAULT_ENUM) SMTP_FAULT_COUNT };
#undef SMTP_FAULT_ENUM

/* The word in lower case with hyphens ("line-bare-lf"), and the description; never NULL. */
const char *smtp_defect_name(enum smtp_defect defect);
const char *smtp_defect_text(enum smtp_defect defect);
const char *smtp_fault_name(enum smtp_fault fault);
const char *smtp_fault_text(enum smtp_fault fault);
