/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The rule set: what a rules file means
 *
 * Everything is resolved: names are pointers, units are octets, milliseconds and seconds, defaults
 * are filled in. Every thing that a decision can cite knows the file and line it came from.
 * Read-only once built; a reload builds another one. Members of dynamic sets and counters are no
 * part of it: they are facts, see match.h.
 *
 * Owns:    nothing by itself; everything lives in the arena it was built in.
 * Callers: filter/policy, proxy, cli; built by rules/check.c.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "base/span.h"
#include "base/tally.h"
#include "filter/smtp/conf.h"
#include "filter/smtp/verb.h"

#define RULES_VERSION 1

/* Where a thing was written. line 0: nowhere, it is a default or built in. */
struct rules_at {
	const char *
		file; /* as the administrator would name it: relative to the configuration folder */
	uint32_t line, column;
};

/* ---- sets and expressions over them ---- */

enum set_kind { /* follows from the set's use */
	SET_UNUSED,
	SET_ADDRESSES,
	SET_DOMAINS,
	SET_MAIL, /* mail addresses and domains */
};

struct set_member {
	struct span text; /* domain without "*." and root dot, or mail address; any case, compared
			     without */
	struct ip_prefix prefix; /* SET_ADDRESSES */
	bool below;              /* "*.example.org": everything below, not the name itself */
	bool from_file; /* member of a set file: printed by naming the file, not one by one */
};

struct rule_set {
	const char *name;
	struct rules_at at;
	enum set_kind kind;
	unsigned number;                  /* 0, 1, ...: key of its dynamic members in the facts */
	const struct set_member *members; /* sorted by set_finish(), for rules/set.h */
	size_t n_members;
	uint64_t lengths_v4;    /* bit n: a prefix of n bits occurs; set_finish() */
	uint64_t lengths_v6[3]; /* the same, bit n of word n / 64 */
	unsigned idn;           /* set_idn() of all its members; set_finish() */
	const char *const *files;
	const bool *files_optional;
	size_t n_files;
	bool dynamic;
	uint64_t timeout_s; /* of dynamic members; 0: no end */
};

struct expr_item {
	const struct rule_set *set; /* or NULL: a literal */
	struct set_member literal;
	struct rules_at at;
};

/* "any", "any except A, B", "in A, B", "in A except B". Present when @given. */
struct rule_expr {
	bool given, any;
	const struct expr_item *in, *except;
	size_t n_in, n_except;
	struct rules_at at;
};

/* ---- schedules ---- */

struct schedule_span { /* one range of one allow or deny line, local time of the zone */
	bool deny;
	bool dated;                  /* from/to dates instead of weekdays */
	uint8_t weekdays;            /* bit 0 Monday ... bit 6 Sunday; the day a range begins on */
	int32_t first_day, last_day; /* days since 1970-01-01, both included */
	uint16_t from_min, to_min; /* minutes of the day; to <= from crosses midnight; 0-1440 is the
				      whole day */
	struct rules_at at;
};

struct timezone_data; /* rules/tz.h */

struct schedule {
	const char *name;
	struct rules_at at;
	const char *zone;
	const struct timezone_data *tz;
	const struct schedule_span *spans;
	size_t n_spans;
};

/* ---- command tables ---- */

enum verb_action {
	VERB_DENY, /* the default of every verb a table does not name */
	VERB_ALLOW,
	VERB_HIDE, /* as deny, and out of EHLO and HELP */
	VERB_AFTER_TLS,
};

/* A reply an administrator wrote, checked: 4xx or 5xx, enhanced code of the same class if there is
 * one. */
struct rule_reply {
	uint16_t code;    /* 0: none given */
	const char *text; /* behind "CODE "; printable ASCII */
};

struct verb_row {
	enum verb_action action;
	bool given;              /* named in this table or the one it is like */
	uint16_t max;            /* octets, CRLF included */
	uint16_t per_message;    /* `limit N per message`; 0: none */
	struct rule_reply reply; /* of a denied verb */
	struct rules_at at;
};

struct command_table {
	const char *name;
	struct rules_at at;
	const struct command_table *like; /* for explain; everything is copied in already */
	bool built_in;
	struct verb_row verbs[SMTP_VERB_NAMED];
	uint32_t extensions; /* SMTP_EXT_BIT()s allowed */
	struct rules_at extension_at[SMTP_EXT_COUNT];
	bool starttls_offered; /* `extension STARTTLS allow`: legal on relays only */
	struct rules_at starttls_at;
	enum smtp_bare_newline bare_newline;
	bool binary;
	bool local_tolerant;
	uint32_t max_line;   /* 0: off */
	uint32_t max_header; /* octets */
};

/* ---- what limits and timeouts say ---- */

enum limit_then {
	LIMIT_THEN_NOTHING, /* only what exceeds the limit is refused */
	LIMIT_THEN_REFUSE,
	LIMIT_THEN_TEMPFAIL,
};

/* `200MiB per 1h` */
struct limit_window {
	uint64_t n; /* 0: none */
	uint32_t ms;
};

/* What `limit rate`, `errors`, `recipients` or `octets` say of a time. */
struct limit_windows {
	struct limit_window client, total;
	enum limit_then then; /* what becomes of the client's connections ... */
	uint64_t then_ms;     /* ... for so long */
	struct rules_at at;   /* of the statement */
};

struct rule_limits { /* 0: none */
	uint32_t connections_client, connections_total;
	uint32_t errors;     /* refused commands of a session; default 20 */
	uint32_t recipients; /* per message; default 1000 */
	bool errors_given, recipients_given;
	uint64_t message;     /* octets */
	uint32_t slow_octets; /* `limit slow 500B per 1s` */
	uint32_t slow_ms;
	struct limit_windows windows[TALLY_WHATS]; /* of connections: `limit rate` */
	struct rules_at connections_at, message_at, slow_at;
};

static inline bool limit_is_given(const struct limit_windows *w)
{
	return w->at.line != 0;
}

struct rule_timeouts {        /* milliseconds */
	uint32_t connect;     /* default 30 s */
	uint32_t greeting;    /* default 5 min, RFC 5321 4.5.3.2 */
	uint32_t command;     /* a whole command line, or a reply; default 5 min */
	uint32_t data_block;  /* between octets of a message; default 3 min */
	uint32_t data_done;   /* the server's answer to the end of a message; default 10 min */
	uint32_t idle;        /* between commands; default 5 min */
	uint32_t total;       /* a whole session; default 0: none */
	uint32_t greet_delay; /* default 0 */
};

enum rule_log { /* bits */
	RULE_LOG_SESSIONS = 1,
	RULE_LOG_DENIALS = 2,
	RULE_LOG_COMMANDS = 4,
	RULE_LOG_MESSAGES = 8,
	RULE_LOG_TLS = 16, /* of a passed session, in its record: what the hellos say */
};
#define RULE_LOG_DEFAULT (RULE_LOG_SESSIONS | RULE_LOG_DENIALS | RULE_LOG_MESSAGES)

/* ---- rules ---- */

enum client_address {
	CLIENT_KEEP,
	CLIENT_GATEWAY,
	CLIENT_XCLIENT,
	CLIENT_PROXY_V2,
};

enum balance {
	BALANCE_FIRST,
	BALANCE_ROUND_ROBIN,
};

struct rule_endpoint {
	bool any; /* any:PORT */
	struct ip_port addr;
	struct rules_at at;
};

struct publish {
	const char *name;
	struct rules_at at;
	unsigned number; /* in written order over publish and relay, from 1 */
	const struct rule_endpoint *external;
	size_t n_external;
	bool internal_original;
	struct rules_at internal_at;
	const struct rule_endpoint
		*internal;               /* never any; port filled in from the first external's */
	const bool *internal_port_given; /* false: with several externals, the port the client asked
					    for */
	size_t n_internal;
	enum balance balance;
	struct rule_expr from; /* not given: any */
	const struct schedule *when;
	struct rules_at when_at;
	bool pass, gate_fail_open;
	struct rules_at pass_at, gate_at;
	const struct command_table *commands; /* inspected rules: never NULL */
	const struct screen *screen;
	struct rules_at inspect_at;
	struct rule_expr recipients;
	enum client_address client_address;
	struct rules_at client_address_at; /* line 0: the default, keep */
	struct rule_limits limits;
	struct rule_timeouts timeouts;
	unsigned log; /* enum rule_log bits */
	bool log_given;
	struct rules_at log_at;
	const char *banner; /* NULL: pass */
	struct rules_at banner_at;
	struct smtp_conf
		smtp; /* what the engine needs of all this; hostname is filled in by the daemon */
};

/* ---- parsed and checked now, carried out by later issues ---- */

enum screen_kind {
	SCREEN_SENDER,
	SCREEN_RECIPIENT,
	SCREEN_ATTACHMENT_NAME,
	SCREEN_ATTACHMENT_OVER,
	SCREEN_KEYWORD
};
enum screen_action { SCREEN_DELETE, SCREEN_HOLD, SCREEN_REFUSE, SCREEN_FORWARD, SCREEN_STRIP };
enum screen_part { SCREEN_IN_SUBJECT = 1, SCREEN_IN_HEADER = 2, SCREEN_IN_BODY = 4 }; /* bits */

struct screen_row {
	enum screen_kind kind;
	struct rule_expr expr;    /* SENDER, RECIPIENT */
	const char *const *names; /* ATTACHMENT_NAME patterns, KEYWORD texts */
	size_t n_names;
	uint64_t over;  /* ATTACHMENT_OVER, octets */
	unsigned parts; /* KEYWORD, enum screen_part bits */
	enum screen_action action;
	const char *action_text; /* forward "address", refuse "reply" or NULL */
	struct rules_at at;
};

struct screen {
	const char *name;
	struct rules_at at;
	const struct screen *like;
	const struct screen_row *rows; /* own rows; those of @like come after them */
	size_t n_rows;
};

struct certificate {
	const char *name, *chain, *key; /* paths, resolved */
	struct rules_at at;
};

enum auth_via { AUTH_FILE, AUTH_DOVECOT, AUTH_PAM, AUTH_NEXT_HOP };

struct auth {
	const char *name;
	struct rules_at at;
	enum auth_via via;
	const char *via_text; /* path or service */
	struct rules_at via_at;
	const char *const *mechanisms;
	size_t n_mechanisms;
	uint32_t lockout_failures, lockout_in_s, lockout_for_s; /* 0: none */
};

enum route_tls {
	ROUTE_TLS_OPPORTUNISTIC, /* when the next hop offers it, with any certificate */
	ROUTE_TLS_NONE,
	ROUTE_TLS_REQUIRED, /* with any certificate */
	ROUTE_TLS_VERIFY, /* with a certificate of its name that an authority of the host signed */
};

struct next_hop {
	const char *name; /* to be looked up: its addresses, no MX; lower case, U-labels allowed,
			     no root dot; NULL: an address is given */
	struct rule_endpoint addr; /* with a name only its port counts */
};

struct route {
	const char *name;
	struct rules_at at;
	struct rule_expr domains;
	bool mx;
	const struct next_hop *hops; /* unless mx; in the order in which they are tried */
	size_t n_hops;
	bool has_resolver, has_bind;
	struct ip_port resolver;
	enum route_tls tls;
	struct ip bind;
};

enum listen_tls { LISTEN_CLEAR, LISTEN_STARTTLS, LISTEN_STARTTLS_REQUIRED, LISTEN_TLS };

enum tls_min { TLS_MIN_1_2, TLS_MIN_1_3 };

struct relay_listen {
	struct rule_endpoint addr;
	enum listen_tls tls;
	enum tls_min tls_min;
	/* chosen by the name the client asks for; the first, where it asks for none of theirs */
	const struct certificate *const *certificates;
	size_t n_certificates;
};

struct relay {
	/* What a client sees of it, so that its sessions are those of an inspected rule: externals
	 * are the addresses listened on, internals there are none, the client's address is not
	 * kept. */
	struct publish front;
	const struct relay_listen *listen; /* n_external of @front, in its order */
	size_t n_listen;
	const struct auth *auth;
	bool auth_required;
	struct rules_at auth_at;
	const struct route *const *deliver;
	size_t n_deliver;
	struct rules_at deliver_at;
};

/* A rule in written order: exactly one pointer is set. */
struct rule {
	const struct publish *publish;
	const struct relay *relay;
};

enum default_action {
	DEFAULT_REFUSE,
	DEFAULT_RESET,
	DEFAULT_DROP,
};

/* ---- postern.conf ---- */

enum host_mode { MODE_AUTO, MODE_DIRECT, MODE_MANAGED, MODE_SETS_ONLY, MODE_EXTERNAL };
enum host_intercept { INTERCEPT_REDIRECT, INTERCEPT_TPROXY };
enum log_format { LOG_JSON, LOG_W3C, LOG_SYSLOG, LOG_JOURNAL };
enum yes_no { SAID_NOTHING, SAID_YES, SAID_NO };

struct log_sink {
	enum log_format format;
	const char *path; /* resolved; NULL: the default place */
	uint64_t max_octets;
	uint64_t keep_s;
	bool required;
	struct rules_at at;
};

struct hostconf {
	enum host_mode mode;
	struct rules_at mode_at;
	enum host_intercept intercept;
	uint32_t intercept_port; /* where intercepted connections arrive; 10525 */
	struct rules_at intercept_at;
	uint32_t mark, mark_mask;
	struct rules_at mark_at;
	uint32_t lane_mask; /* bits of marks that say the gate's decision: rules/kernel/lanes.h */
	struct rules_at lane_mask_at;
	uint32_t first_packets; /* of one client in a second that reach the gate; 100 */
	struct rules_at first_packets_at;
	uint32_t workers; /* 0: one a core */
	struct rules_at workers_at;
	uint32_t drain_ms;
	enum yes_no require_sandbox;
	const char *user;                            /* NULL: per role */
	const char *hostname;                        /* NULL: the host's */
	const char *postmaster;                      /* NULL: none */
	unsigned client_prefix;                      /* IPv6 bits that make one client; 64 */
	const char *control, *control_group, *state; /* NULL: default */
	const struct log_sink *logs;
	size_t n_logs;
	const char *metrics_socket, *metrics_textfile, *shared_redis;
	struct rules_at metrics_at, shared_at, control_at, user_at, require_sandbox_at;
};

struct ruleset {
	unsigned version;
	const struct rule *rules; /* publish and relay in written order */
	size_t n_rules;
	const struct rule_set *const *sets;
	size_t n_sets;
	const struct schedule *const *schedules;
	size_t n_schedules;
	const struct command_table *const
		*tables; /* those of the file; built-in ones by command_table_builtin() */
	size_t n_tables;
	const struct screen *const *screens;
	size_t n_screens;
	const struct certificate *const *certificates;
	size_t n_certificates;
	const struct auth *const *auths;
	size_t n_auths;
	const struct route *const *routes;
	size_t n_routes;
	enum default_action default_action;
	struct rule_reply default_reply; /* of DEFAULT_REFUSE: 554 5.7.1 unless said otherwise */
	struct rules_at default_at;
	struct hostconf host;
};

/* "internet", "submission", "isa2000", or NULL. */
const struct command_table *command_table_builtin(struct span name);
