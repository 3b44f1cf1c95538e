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
 * Callers: proxy/house*.c serves; cli/control.c asks.
 */
#include "base/msg.h"

enum control_request {
	CONTROL_STATUS = 1, /* -> CONTROL_TEXT: lines {"what":"daemon"...}, {"what":"role"...},
			       {"what":"generation"...} */
	CONTROL_SESSIONS,   /* -> CONTROL_FILE, one for each proxy: sealed, a line a session */
	CONTROL_KILL,       /* body: id of a session */
	CONTROL_SETS,       /* body: name of a set, or nothing: all dynamic sets -> CONTROL_TEXT, a
			       line a member: {"set":,"member":,"left_s":}; a set without members:
			       {"set":,"members":0} */
	CONTROL_SET_ADD,    /* body: NAME NUL MEMBER NUL SECONDS ("0": the set's own timeout) */
	CONTROL_SET_DEL,    /* body: NAME NUL MEMBER */
	CONTROL_SET_FLUSH,  /* body: NAME */
	CONTROL_APPLY,      /* body: seconds to wait for CONTROL_CONFIRM, decimal; "0": none */
	CONTROL_CONFIRM,
	CONTROL_ROLLBACK, /* body: number of a generation, decimal; "0": the one before */
	CONTROL_RULES,    /* -> CONTROL_FILE: the sealed bundle of the running rules */
};

enum control_answer {
	CONTROL_TEXT = 100, /* whole lines */
	CONTROL_FILE,       /* a descriptor, sealed */
	CONTROL_DONE,       /* struct control_done, then text for the administrator, perhaps of
			       several lines, perhaps none */
};

#define CONTROL_TEXT_MAX 60000 /* octets of one message */

struct control_done {
	uint32_t exit; /* the tool's exit code: 0, 1, 64, 69, 77 or 78 */
};
