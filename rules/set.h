/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sets: members read, sorted and found
 *
 * A member is an address or prefix, a domain ("example.org" is that name alone, "*.example.org"
 * everything below it and not the name itself), or a mail address. set_finish() sorts once; finding
 * is a binary search, for addresses one for each prefix length that occurs.
 *
 * What is compared: domains in ASCII without case and without the root dot. A local part without
 * case and without quoting too: RFC 5321 2.4 lets a server tell "Joe" from "joe", but a list that
 * blocks one must not let the other by, and "joe" in quotes is the same mailbox (4.1.2). Octets
 * over 127 are compared as they stand: a name written as A-label and as U-label is two members. A
 * domain literal ("[192.0.2.1]") is no member.
 *
 * Owns:    nothing; a member's text points into the text it was read from.
 * Callers: rules/check*.c, rules/match.c, cli.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/diag.h"
#include "rules/ruleset.h"

enum set_error { /* 0 is success */
	SET_OK = 0,
	SET_E_ADDRESS,   /* no address and no prefix */
	SET_E_HOST_BITS, /* ADDRESS/BITS with octets set behind the prefix */
	SET_E_DOMAIN,    /* no domain name */
	SET_E_WILDCARD,  /* a "*" anywhere but in front, as in "*.example.org" */
	SET_E_MAIL,      /* neither mail address nor domain */
	SET_E_LITERAL,   /* address literal where a domain belongs */
};

/* What was expected, to follow "WORD: ": "is no address or prefix (as in 192.0.2.1 or
 * 192.0.2.0/24)". */
const char *set_error_text(enum set_error error);

/**
 * set_member_parse() - read one member
 * @text: the word or line, no blanks around it
 * @kind: SET_UNUSED takes what any kind takes, since an unused set has no type yet
 *
 * Fills in everything but from_file (false).
 */
enum set_error set_member_parse(struct span text, enum set_kind kind, struct set_member *memberp);

/* Forms of internationalised labels (RFC 5890 2.3.2) in a domain, or in that of a mail address.
 * What one is in the other form is not known here. */
enum { SET_IDN_A = 1 /* "xn--..." */, SET_IDN_U = 2 /* octets over 127 */ };
unsigned set_idn(struct span text);

/* The order of a finished set; 0: the same member. */
int set_member_cmp(const struct set_member *a, const struct set_member *b);

/* As written in a rules file: prefix, "*." and domain, mail address. */
void set_member_print(struct out *o, const struct set_member *member);

/* At most so many members does a set file hold: what set_file_parse() needs room for. */
size_t set_file_lines(struct span text);

/**
 * set_file_parse() - read a set file: one member a line, blanks around it, empty lines and "#
 * comments" allowed
 * @file:    its name, for messages
 * @members: room for @max members, from_file set in each
 * @diags:   each line that is no member
 *
 * Return: members read.
 */
size_t set_file_parse(struct span text, const char *file, enum set_kind kind,
	struct set_member *members, size_t max, struct diags *diags);

/**
 * set_finish() - make a set of members ready for finding
 * @set:     kind is set; members, n_members and the prefix lengths are filled in here
 * @members: all of them, from words and files in any order; sorted and freed of doubles in place (a
 * member that stands in the rules file stays, its double from a set file goes). Those of SET_UNUSED
 * are left as they are
 */
void set_finish(struct rule_set *set, struct set_member *members, size_t n);

/* The member that covers what is asked (of several prefixes or domains the narrowest), or NULL. */
const struct set_member *set_has_ip(const struct rule_set *set, const struct ip *ip);
const struct set_member *set_has_domain(const struct rule_set *set, struct span domain);
/* SET_MAIL or SET_DOMAINS: the address itself first, then its domain. @local as it stood, quotes
 * included. */
const struct set_member *set_has_mailbox(
	const struct rule_set *set, struct span local, struct span domain);

/* The same questions to a single member: a literal in an expression. */
bool set_member_has_ip(const struct set_member *member, const struct ip *ip);
bool set_member_has_domain(const struct set_member *member, struct span domain);
bool set_member_has_mailbox(const struct set_member *member, struct span local, struct span domain);

/* Does @a cover everything that @b covers? For lints: both of one kind. */
bool set_member_covers(const struct set_member *a, const struct set_member *b);
