/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Listen: connections accepted, judged, opened
 *
 * Each gets its rule here (rules/match.h), by what the client asked for, also where a firewall
 * diverted the connection (proxy/intercept.h), unless the gate has judged it; then the limits of
 * that rule. Whoever is refused is
 * told why, where the rule inspects and so speaks SMTP; else the connection is reset.
 *
 * Callers: proxy/main.c.
 */
#include "proxy/proxy.h"

/* @fd is bound and listens already; nothing is accepted before listen_serve(). @rule: LISTEN_JUDGE;
 * 0: all that comes is refused; else the number of the rule it is for. Return: 0; <0 errno. */
int listen_begin(struct proxy *p, struct listener *l, int fd, enum listen_kind kind, int rule);
void listen_serve(struct proxy *p);
void listen_end(struct proxy *p);
