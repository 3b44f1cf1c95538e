/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Talk: one SMTP session of the tool, as a client
 *
 * It waits for each reply, and never longer than TALK_MS for one. What the server says is read
 * within the bounds of filter/smtp/reply.h. Its certificate is not looked at: nothing secret is
 * said to it.
 *
 * Owns:    the connection, from talk_open() to talk_close().
 * Callers: cli/selftest*.c.
 */
#include <openssl/ssl.h>

#include "base/ip.h"
#include "filter/smtp/reply.h"

#define TALK_CONNECT_MS 5000
#define TALK_MS         60000
#define TALK_TEXT       160 /* octets that are kept of a reply */

struct talk {
	int fd;              /* -1: none */
	SSL *ssl;            /* NULL: in clear */
	struct ip_port self; /* our end */
	size_t n;            /* octets read ahead */
	uint8_t in[SMTP_REPLY_MAX];
	unsigned code;        /* of the last reply; 0: none came */
	char text[TALK_TEXT]; /* of its last line, printable ASCII */
	bool starttls;        /* the last reply to EHLO has it */
	bool ended;           /* by the other side: no octet came in time is something else */
	unsigned refused;     /* replies 4xx and 5xx so far */
};

/* @from: NULL, or the address to connect from. Return: 0; <0 errno. */
int talk_open(struct talk *t, const struct ip_port *to, const struct ip *from);
/* The handshake. What was read ahead is an attack, and ends it. */
bool talk_tls(struct talk *t, SSL_CTX *ctx);
/* @line without CRLF; then the reply is read. Return: its code; 0: the session is over. */
unsigned talk_say(struct talk *t, struct span line);
/* The greeting, or what else comes unasked. */
unsigned talk_hear(struct talk *t);
/* May be called again. */
void talk_close(struct talk *t);
