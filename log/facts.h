/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Facts: what happened, as log records
 *
 * One function for each kind of fact; each builds one record and leaves it with the sender. Which
 * facts a rule wants logged (`log sessions, denials, commands, messages`) is decided here: callers
 * report all of them. Records of severity warning and above are written whatever the rule says.
 *
 * Fields stand in a fixed order: time code severity event, session client client_port rule rule_at,
 * then those of the fact. Where a row or statement decided, "at" names its file and line;
 * "incident" is the id the client was shown. Octets of peers are escaped and shortened; octets of
 * an AUTH exchange never come here.
 *
 * Owns:    nothing.
 * Callers: proxy (flows, accept), posternd.
 * Purity:  no allocation, no clock; no system call but the sender's.
 */
#include "base/ident.h"
#include "filter/policy/inspect.h"
#include "log/mail.h"
#include "log/sender.h"

struct log_session {
	char id[IDENT_SESSION + 1];
	struct ip_port client, to;
	struct ip_port internal;    /* the server in use; IP_NONE: none yet */
	const char *internal_tls;   /* version spoken with it; NULL: in clear */
	const struct publish *rule; /* borrowed; NULL: no rule matched */
	struct span hello; /* borrowed: the name the client gave in HELO or EHLO; empty: none */
};

/* Accepted: PN1001, or PN1004 where the rule says pass. */
void log_open(struct log_sender *s, int64_t wall_ns, const struct log_session *session);

enum log_end_by {
	LOG_END_CLIENT,
	LOG_END_SERVER,
	LOG_END_FILTER,
	LOG_END_SHUTDOWN,
	LOG_END_UNKNOWN, /* of sessions the kernel carries: nobody saw who */
};

/* How a session ended that the kernel carried, as its connection tracking tells. */
enum log_end_how {
	LOG_HOW_UNTOLD, /* others */
	LOG_HOW_CLOSED, /* in order, by FIN */
	LOG_HOW_RESET,
	LOG_HOW_TIMEOUT, /* nothing came for as long as the kernel waits, or its entry was removed
			  */
	LOG_HOW_UNSEEN,  /* events were lost: it is gone */
};

struct log_close {
	enum log_end_by by;
	enum code why;     /* the fault, limit or server code that ended it; CODE_COUNT: none */
	uint64_t c2s, s2c; /* octets: read from the client, written to it */
	uint64_t duration_ms;
	uint32_t commands, messages, denials; /* of inspected sessions */
	/* of those the kernel carried, whose octets are counted with their IP and TCP headers */
	enum log_end_how how;
	bool uncounted; /* nobody counted octets and packets */
	uint64_t packets_c2s, packets_s2c;
	/* what their TLS hellos said, borrowed; empty: not heard of */
	struct span tls_name, tls_offered, tls_version;
	bool tls_name_cut; /* it was longer */
};
void log_close(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct log_close *close);

/* A relay's client is inside TLS: PN1008. */
struct log_tls {
	const char *version, *cipher, *name; /* @name: that the client asked for; "": none */
	bool resumed;
};
void log_tls(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct log_tls *tls);
/* ... or its handshake failed: PN5007. @why: in words. */
void log_tls_failed(
	struct log_sender *s, int64_t wall_ns, const struct log_session *session, const char *why);

/* Somebody tried to log in at a relay listener: PN1009, PN3110 to PN3113, PN6112. */
struct log_login {
	struct span user;   /* as claimed, or as the backend says; empty: not known */
	const char *auth;   /* whose name */
	uint32_t lockout_s; /* that began by it; 0: none */
	bool account;       /* ... of the account, not of the client */
	uint32_t tried;     /* names this client tried, when they are many; 0 */
};
void log_login(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, const struct log_login *login);

/* No rule matched: PN1003. @incident 0: none was shown. */
void log_unpublished(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct ruleset *ruleset, uint32_t incident);

/**
 * log_note() - any note of an inspected session
 * @mail: where the transactions of this session gather; NULL when there was no memory for it:
 * sender and recipients are left out then. Needed from INSPECT_NOTE_MAIL on, until
 * log_mail_empty().
 *
 * Sender and recipients wait in @mail for the message's outcome and become one record with it,
 * PN2001 to PN2005. When @mail is full, or the recipients exceed one record, PN2006 records precede
 * it.
 */
void log_note(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	struct log_mail *mail, const struct inspect_note *note);

/* Refused or ended outside of inspection: a limit at accept, a timeout of a passed session. @reply:
 * 0: that of the code. @at may be NULL. */
void log_refused(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, uint16_t reply, uint32_t incident, const struct rules_at *at);

/* One internal server or next hop (session->internal) failed where no note says so: another is
 * tried, or the rule says pass. @error: errno or 0. @said: its words, or empty. */
void log_server(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	enum code code, int error, struct span said);

/* PN8006 for each code of which records were held back (log/flood.h) and whose time is over. */
void log_flood_tell(struct log_sender *s, int64_t wall_ns);

/* Something that belongs to no session: descriptors or memory are short. @error: errno or 0. */
void log_host(struct log_sender *s, int64_t wall_ns, enum code code, int error);

/* PN7001 or PN7002. @folder: of the configuration. */
void log_config(struct log_sender *s, int64_t wall_ns, enum code code, const char *folder,
	const struct ruleset *ruleset);

/* PN7003 to PN7005: what a reload came to. @generation: in force now. @text: why it was refused,
 * lines for the administrator; else empty. */
void log_reload(struct log_sender *s, int64_t wall_ns, enum code code, const char *folder,
	unsigned generation, struct span text);

/* PN7006: a member of a dynamic set. @prefix NULL: all of them. @what: "added", "deleted",
 * "flushed". */
void log_member(struct log_sender *s, int64_t wall_ns, const char *set,
	const struct ip_prefix *prefix, const char *what);

/* PN7007: @client went beyond what @rule says at @at of @what ("rate", "errors", ...), and is
 * banned until @until_ns. */
struct log_ban {
	const char *rule;
	struct ip_prefix client;
	const char *what;
	int64_t until_ns;
	struct rules_at at;
};
void log_ban(struct log_sender *s, int64_t wall_ns, const struct log_ban *ban);

/* PN8007 or PN8008: others changed the kernel's rules. @text: what was found, one line. */
void log_kernel(struct log_sender *s, int64_t wall_ns, enum code code, struct span text);
/* PN8101 to PN8106: what the gate lost, found or could not read. @what: of which kind, or NULL; of
 * PN8103 @n sessions were found and @gone are gone. */
void log_gate(struct log_sender *s, int64_t wall_ns, enum code code, const char *what, uint64_t n,
	uint64_t gone);

struct log_role {
	const char *program;
	uint64_t pid;
	int status;       /* of waitpid(2) */
	bool hung;        /* it was killed since it did not answer */
	uint32_t rest_ms; /* until it is started again */
};
/* PN8003, or PN8004 where it was hung. */
void log_role_failed(struct log_sender *s, int64_t wall_ns, const struct log_role *role);
