/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Asks: what relays and their servants say to each other
 *
 * Messages of base/msg.h. Bodies are the structs below, texts behind them where they say so,
 * without a NUL. Who receives checks every size and every number.
 *
 * Each question bears a number that its asker picks (proxy/relay/ask.h), at random to begin with,
 * since an answer may be for a predecessor: one to none of its questions is passed over. The number
 * stands first in every body, but for ASK_LOST.
 */
#include "base/ip.h"
#include "base/msg.h"

/* From posternd in a servant's place: it ended, and with it what it had read. What it had not its
 * successor will answer. */
enum { ASK_LOST = 192 };

struct ask_lost {
	uint64_t unread; /* octets of messages, heads included, that wait in the pair */
};

/* ---- postern-relay and postern-key ---- */

#define KEY_SIGNED_MAX 1024 /* octets of a signature */
#define KEY_TBS_MAX                                                                                \
	1024 /* octets to be signed: TLS 1.3's blanks, context and hash; TLS 1.2's                 \
	       randoms and parameters */

enum { KEY_SIGN = 128, KEY_SIGNED };

struct key_sign {
	uint64_t number;
	uint32_t scheme; /* TLS SignatureScheme, RFC 8446 4.2.3 */
	uint32_t name_n; /* octets: the certificate's name, then what is to be signed */
};

struct key_signed { /* the signature behind it; none: it cannot be */
	uint64_t number;
};

/* ---- postern-relay and postern-auth ---- */

#define AUTH_USER_MAX     255
#define AUTH_RESPONSE_MAX 12288 /* RFC 4954 4: a line, CRLF included */

enum {
	AUTH_BEGIN = 144, /* struct auth_begin */
	AUTH_MORE,        /* struct auth_more, then the client's response as it stood, base64 */
	AUTH_CANCEL,      /* struct auth_more: the exchange is over, no answer */
	AUTH_CHALLENGE,   /* from auth: struct auth_more, then base64 for a 334; may be empty */
	AUTH_DONE,        /* from auth: struct auth_done */
};

struct auth_begin {
	uint64_t number; /* of the exchange */
	struct ip client;
	uint32_t auth;      /* place in ruleset.auths */
	uint32_t mechanism; /* octets of its name, upper case, behind this; then the initial
			       response in base64, "=" when it is an empty one */
	uint32_t has_initial;
};

struct auth_more {
	uint64_t number;
};

enum auth_result {
	AUTH_OK,
	AUTH_WRONG,     /* 535 5.7.8, whatever of it was wrong */
	AUTH_TEMPFAIL,  /* 454 4.7.0: who should know does not answer */
	AUTH_LOCKED,    /* the client or the account is locked out; the client hears AUTH_WRONG's
			   words, so that nobody learns which accounts there are */
	AUTH_MALFORMED, /* 501 5.5.2: no base64, or not what the mechanism says */
	AUTH_UNOFFERED, /* 504 5.5.4 */
};

struct auth_done { /* the user's name behind it: as it was claimed, or as the backend says; it may
		      be empty */
	uint64_t number;
	uint32_t result;   /* enum auth_result */
	uint32_t lockout;  /* seconds: by this failure a lockout began; 0: none did */
	uint32_t account;  /* 1: of the account; 0: of the client */
	uint32_t spraying; /* accounts that this client tried in the time of its lockout statement,
			      when they have become too many; 0: they have not */
};

/* ---- postern-auth and postern-pam ---- */

enum { PAM_ASK = 152, PAM_SAID };
#define PAM_SERVICE_MAX 1024

struct pam_ask { /* service, user, password and client (text) behind it, in this order */
	uint64_t number;
	uint32_t service_n, user_n, password_n, client_n;
};

struct pam_said {
	uint64_t number;
	uint32_t result; /* AUTH_OK, AUTH_WRONG or AUTH_TEMPFAIL */
};

/* ---- postern-relay and postern-resolve ---- */

enum { RESOLVE_ASK = 160, RESOLVE_SAID };

enum resolve_what {
	RESOLVE_MAIL, /* where mail for a domain goes: MX, else the domain itself (RFC 5321 5.1) */
	RESOLVE_HOST, /* the addresses of a host */
};

struct resolve_ask { /* the name behind it: as in a path, U-labels allowed */
	uint64_t number;
	uint32_t route; /* place in ruleset.routes: whose resolver */
	uint32_t what;  /* enum resolve_what */
};

enum resolve_result {
	RESOLVE_OK,
	RESOLVE_NONE,     /* no such name, or nobody there takes mail: 550 5.1.2 */
	RESOLVE_NULL_MX,  /* RFC 7505: 556 5.1.10 */
	RESOLVE_LOOP,     /* the best is this host: 554 5.4.6 */
	RESOLVE_TEMPFAIL, /* no answer, or one that is not to be believed: 451 4.4.3 */
	RESOLVE_BOGUS,    /* DNSSEC says it is forged: 451 4.7.5 */
	RESOLVE_BAD,      /* no name that could be looked up: 553 5.1.2 */
	RESOLVE_UNUSABLE, /* only addresses that no mail server of somebody else has, loopback
			     and the like: 550 5.4.4 */
};

#define RESOLVE_RESULT_MAX RESOLVE_UNUSABLE
#define RESOLVE_ADDRESSES  32
#define RESOLVE_NAMES      16

struct resolve_said { /* sent as far as there are names */
	uint64_t number;
	uint32_t result; /* enum resolve_result */
	uint32_t n, names;
	uint32_t secure;         /* all of it was validated by DNSSEC */
	struct resolve_address { /* in the order in which they are to be tried */
		struct ip ip;
		uint32_t name; /* of the host it belongs to, place in @name: for TLS */
	} address[RESOLVE_ADDRESSES];
	char name[RESOLVE_NAMES][256]; /* A-labels, lower case, no root dot, NUL behind */
};
