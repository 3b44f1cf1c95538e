/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Paths, mailboxes, domains and address literals
 *
 * The grammar of RFC 5321 4.1.2 and 4.1.3, cut down to the forms in which all servers see the same
 * mailbox: no source route, comment, nested bracket, list, second at-sign outside quotes, or blank
 * (DESIGN 4: "a recipient's domain is the one the next hop will use").
 *
 * Owns:    nothing; spans point into the line.
 * Callers: filter/smtp/command.c, rules (members of mail-address and domain sets), test/fuzz.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "base/out.h"
#include "base/span.h"
#include "filter/smtp/utf8.h"

#define SMTP_LOCAL_MAX  64  /* octets, RFC 5321 4.5.3.1.1 */
#define SMTP_DOMAIN_MAX 255 /* 4.5.3.1.2 */
#define SMTP_PATH_MAX   256 /* 4.5.3.1.3, brackets included */

enum path_error { /* 0 is success */
	PATH_OK = 0,
	PATH_E_SYNTAX,  /* no path at all: missing brackets, blanks, stray text */
	PATH_E_ROUTE,   /* source route, RFC 5321 appendix C */
	PATH_E_LOCAL,   /* local part is neither dot-atom nor plainly quoted */
	PATH_E_UNSAFE,  /* local part that routes, runs or hides something: see path.c (local-part
			   strict) */
	PATH_E_DOMAIN,  /* no domain, or not LDH labels, or labels too long, or all-numeric last
			   label */
	PATH_E_LITERAL, /* [...] that is no address */
	PATH_E_LONG,    /* over one of the limits above */
	PATH_E_8BIT,    /* octets over 127 where SMTPUTF8 was not asked for */
	PATH_E_UTF8, /* ill-formed UTF-8 (RFC 3629), or characters that are no text or no domain's
		      */
};

enum domain_kind {
	DOMAIN_NONE, /* <> and <postmaster> */
	DOMAIN_NAME,
	DOMAIN_LITERAL, /* [192.0.2.1] or [IPv6:2001:db8::1] */
};

struct smtp_path {
	struct span local;  /* as it stood, quotes included; empty for <> */
	struct span domain; /* as it stood, without a root dot; with brackets for a literal; empty
			       for <> and <postmaster> */
	enum domain_kind kind;
	bool quoted;  /* local part was a quoted-string */
	bool utf8;    /* some octet over 127 */
	struct ip ip; /* of a literal */
};

struct path_rules {
	bool utf8;       /* SMTPUTF8 is in force for this path */
	bool tolerant;   /* local-part tolerant: PATH_E_UNSAFE is not raised */
	bool null_ok;    /* <> is legal: MAIL */
	bool postmaster; /* <postmaster> without a domain is legal: RCPT (RFC 5321 4.5.1) */
};

/**
 * path_parse() - read "<...>" from the start of @text
 * @usedp: octets of @text the path took, brackets included; set only on success
 *
 * Return: PATH_OK or the first error.
 */
enum path_error path_parse(
	struct span text, const struct path_rules *rules, struct smtp_path *pathp, size_t *usedp);

/* Canonical form with brackets: octets of the local part as they stood, domain in lower case, no
 * root dot, an address literal printed from its address. */
void path_print(struct out *o, const struct smtp_path *path);

/* A domain name by itself (EHLO argument, member of a set): LDH labels, root dot allowed, U-labels
 * when @utf8. */
enum path_error domain_parse(struct span text, bool utf8, struct span *domainp);

/* "[...]" as RFC 5321 4.1.3 has it; only IPv4 and IPv6, no general literals. */
enum path_error literal_parse(struct span text, struct ip *ipp);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]": the one form for each address. */
void literal_print(struct out *o, const struct ip *ip);
