/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and postern-kernel agree on
 *
 *     postern-kernel SANDBOX CONTROL
 *
 * As in proxy/roles.h: SANDBOX is a role_place, whose folder is only where the program stands;
 * CONTROL is one end of msg_pair(). When posternd's end closes the role ends at once, and leaves
 * the kernel as it is: the standing drop outlives posternd. A program it runs at that moment is
 * killed, and the next KERNEL_APPLY heals what that left.
 *
 * ROLE_PING and ROLE_FENCE are taken as by a proxy. One change at a time: KERNEL_APPLY and
 * KERNEL_PUT_BACK are answered by KERNEL_DONE before the next of them is sent. Everything else is
 * answered while a change is made.
 *
 * Callers: rules/kernel/run; proxy/house.
 */
#include <stdint.h>

#include "base/ip.h"
#include "base/talk.h"

#define KERNEL_QUEUE_LOCK 5250 /* of the one that nobody fills: rules/kernel/run/lock.h */
#define KERNEL_TEXT_MAX   8192 /* octets of text in a message from the role */

enum kernel_message { /* beyond those of base/talk.h */
	/* to the role */
	KERNEL_APPLY = 64, /* descriptor: the sealed bundle. Body: text of the lanes. Answer
			      KERNEL_DONE */
	KERNEL_PUT_BACK,   /* take everything out: rules, routing, sets, settings. Answer
			      KERNEL_DONE */
	KERNEL_OPEN,       /* answer KERNEL_QUEUE_SOCKET, KERNEL_TRACK_SOCKET and
			      KERNEL_COPY_SOCKET, or KERNEL_TROUBLE */
	KERNEL_BAN,        /* struct kernel_ban; what is there gets the longer time. Nothing is
			      answered but a KERNEL_TROUBLE */
	KERNEL_UNBAN,      /* struct kernel_ban, whose seconds do not matter; one that is not there
			      is well */
	KERNEL_BANS,       /* answer KERNEL_BANS, or KERNEL_TROUBLE */

	/* from the role */
	KERNEL_DONE = 80,    /* uint32_t enum kernel_result, text */
	KERNEL_QUEUE_SOCKET, /* descriptor: netlink, bound to the queue */
	KERNEL_TRACK_SOCKET, /* descriptor: netlink, joined to the events of connection tracking */
	KERNEL_COPY_SOCKET,  /* descriptor: netlink, bound to the packet log, or to nothing after a
				KERNEL_TROUBLE of this type */
	KERNEL_TROUBLE,      /* uint32_t: type of the message that failed, text */
	KERNEL_CHANGED,      /* uint32_t enum kernel_repair, text: somebody changed what is ours */
};
/* KERNEL_BANS from the role: a sealed memfd of struct kernel_ban[]; no descriptor: there are none
 */

/* Texts are for the administrator: lines with an end each, printable ASCII. */

enum kernel_result {
	KERNEL_IS_DONE = 0, /* the text, if any, tells what else there is to know */
	KERNEL_RULES,       /* no bundle, or lanes of other rules: nothing was touched */
	KERNEL_BUSY,        /* somebody else changes the kernel's rules: nothing was touched */
	KERNEL_FAILED,      /* everything is as it was before */
	KERNEL_BROKEN,      /* and could not be taken back: what is there is said in the text */
};

enum kernel_repair {
	KERNEL_REPAIRED = 0,
	KERNEL_LEFT,       /* told and not touched: a sysctl is the administrator's */
	KERNEL_UNREPAIRED, /* tried, and will be tried again after a rest */
	KERNEL_BANS_LOST,  /* repaired, but the sets had to be made anew: ban again */
};

struct kernel_ban {
	struct ip_prefix client; /* not of 0 bits */
	struct ip_port published;
	uint32_t seconds; /* left; 1 ... KERNEL_BAN_MAX */
};
#define KERNEL_BAN_MAX  2147483u /* what ipset can count: IPSET_MAX_TIMEOUT */
#define KERNEL_BANS_MAX 65536u   /* of each family */
