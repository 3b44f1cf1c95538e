/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Control: what the administrator's tool and posternd say to each other
 *
 * Over a SOCK_SEQPACKET socket in the file system, in messages of base/msg.h. The tool sends one
 * request. posternd answers with any number of CONTROL_TEXT and CONTROL_FILE messages and ends
 * with one CONTROL_DONE; the tool then closes. Who may connect is a matter of the file's owner,
 * group and mode.
 *
 * Facts are JSON: one object a line. Whoever shows them escapes them: a taken proxy may have
 * written what stands in a CONTROL_FILE of sessions.
 *
 * Callers: proxy/house/server.c serves; cli/control.c asks.
 */
#include "base/msg.h"

/*
 * The keys of the lines. Times are RFC 3339 in UTC, as in the log; what is not known is left out.
 *
 *   CONTROL_STATUS
 *     what=daemon      version, pid, folder, since, generation, generations_kept; confirm_left_s
 *                      while a generation waits for CONTROL_CONFIRM
 *     what=generation  number, state (running, draining, waiting), since, rules; left_s of one that
 *                      drains
 *     what=listener    address, port, kind
 *     what=role        program, pid, seat, generation, state (starting, ready, waiting), restarts,
 *                      sandbox (its layers and those missing, in words); of a proxy sessions,
 * opened, refused, messages, log_dropped, lent_octets CONTROL_SESSIONS   session, client,
 * client_port, to, to_port, internal, internal_port, rule, rule_at, inspected, phase, age_ms, c2s,
 * s2c (octets), hello CONTROL_SETS       set, member, left_s (left out: no end); or set, members=0.
 * Bans are the set "bans" (left out when all are asked for and there are none), and have also rule,
 * limit (rate, errors, recipients, octets) and to: what the rule publishes, in words.
 *
 * Text of CONTROL_DONE is one line for each of CONTROL_KILL, CONTROL_SET_*, CONTROL_APPLY,
 * CONTROL_CONFIRM and CONTROL_ROLLBACK, in words that stand alone: "generation 43 is in force", or
 * while it waits:
 *
 *   generation 43 is in force; type "postern confirm" within 60 s or generation 42 returns
 *
 * Each answer comes within CONTROL_ANSWER_MS of the one before it, or the tool gives up.
 */
enum control_request {
	CONTROL_STATUS = 1, /* -> CONTROL_TEXT */
	CONTROL_SESSIONS,   /* -> CONTROL_FILE, one for each proxy that has sessions: sealed, a line
			       a session */
	CONTROL_KILL,       /* body: id of a session */
	CONTROL_SETS,       /* body: name of a set, or nothing: all dynamic sets -> CONTROL_FILE, if
			       there is any: a line a member, or one for a set without members */
	CONTROL_SET_ADD,    /* body: NAME NUL MEMBER NUL SECONDS ("0": the set's own timeout) */
	CONTROL_SET_DEL,    /* body: NAME NUL MEMBER */
	CONTROL_SET_FLUSH,  /* body: NAME */
	CONTROL_APPLY,      /* body: seconds to wait for CONTROL_CONFIRM, decimal; "0": none */
	CONTROL_CONFIRM,
	CONTROL_ROLLBACK, /* body: number of a generation, decimal; "0": the one before */
	CONTROL_RULES,    /* -> CONTROL_FILE: the sealed bundle of the running rules */
	CONTROL_LANES,    /* -> CONTROL_TEXT: their lanes (rules/kernel/lanes.h); nothing where the
			     mode is not managed */
	CONTROL_AUTH,     /* body: name of an auth block -> CONTROL_TEXT: its place, decimal;
			     CONTROL_FILE: an end of a pair with postern-auth, to ask as a relay
			     does (proxy/relay/asks.h). For root and posternd's own user only: who
			     has it may guess passwords for any client */
};

enum control_answer {
	CONTROL_TEXT = 100, /* whole lines */
	CONTROL_FILE,       /* a descriptor, sealed; the body is empty */
	CONTROL_DONE,       /* struct control_done, then text for the administrator, perhaps of
			       several lines, perhaps none */
};

#define CONTROL_BODY_MAX  4096  /* octets of a request */
#define CONTROL_TEXT_MAX  60000 /* of one CONTROL_TEXT, or of the text of CONTROL_DONE */
#define CONTROL_LINE_MAX  8192  /* of one line */
#define CONTROL_FILE_MAX  (256u << 20)
#define CONTROL_ANSWER_MS 30000

struct control_done {
	uint32_t exit; /* the tool's exit code: 0, 1, 64, 69, 77 or 78 */
};
