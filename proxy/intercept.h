/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Intercept: what a client asked for whose connection a firewall diverted to us
 *
 * Callers: proxy/listen.c; proxy/house (bind.c, worker.c) for the kinds.
 */
#include "base/ip.h"

enum listen_kind {
	LISTEN_DIRECT,   /* bound to the published address */
	LISTEN_REDIRECT, /* the REDIRECT target brings connections, connection tracking knows */
	LISTEN_TPROXY,   /* the TPROXY target does, and the socket's own address is the answer */
};

#define LISTEN_JUDGE (-1) /* instead of a rule's number: nobody has judged what comes */

enum {
	INTERCEPT_OK = 0,
	INTERCEPT_E_DIRECT, /* it came to the listener itself: nothing was diverted */
};

/**
 * intercept_asked() - the address and port a client asked for
 * @fd:   the accepted socket
 * @at:   the listener's address
 * @askedp: set in any case; @at itself where nothing better is known
 *
 * One system call where connections are diverted, none where they are not. Nobody publishes the
 * listener's port (rules/check_cross.c), so whoever asks for it was not diverted.
 *
 * Return: INTERCEPT_OK; INTERCEPT_E_DIRECT, also when the kernel says nothing.
 */
int intercept_asked(
	enum listen_kind kind, int fd, const struct ip_port *at, struct ip_port *askedp);
