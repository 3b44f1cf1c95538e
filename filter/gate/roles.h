/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and the two roles of the gate agree on
 *
 *     postern-gate    SANDBOX SEAT CONTROL LOG COUNTS LEDGER QUEUE TRACK VERDICTS
 *     postern-verdict SANDBOX CONTROL QUEUE TRACK VERDICTS
 *
 * As in proxy/roles.h, whose messages both roles know, too.
 */
#include "base/talk.h"

enum gate_message { /* beyond those of base/talk.h */
	/* to the gate */
	GATE_HOLD = 96, /* answer nothing from the queue until GATE_RULES or GATE_GO. Answer
			   GATE_HELD */
	GATE_RULES, /* descriptor: the sealed bundle. Body: text of the lanes. Answer GATE_RULED or
		       GATE_FAULT */
	GATE_GO,    /* go on with the rules there are */
	GATE_DEAD,  /* struct ip_port[]: the internals that do not answer now, all of them */

	/* from the gate */
	GATE_HELD = 112,
	GATE_RULED,
	GATE_FAULT, /* it cannot read them, and keeps the old ones */
};
