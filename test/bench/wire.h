/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Wire: the octets of one connection, in clear or inside TLS
 *
 * Certificates are not looked at. Sessions are resumed by the tickets of connections before.
 *
 * Callers: test/bench/smtpload.c.
 */
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wire {
	int fd;   /* -1: closed */
	SSL *ssl; /* NULL: in clear */
};

extern uint64_t wire_shakes, wire_resumed; /* handshakes done, those of them that resumed */

/* Once, before the first wire_begin_tls(). Ends the program where OpenSSL will not. */
void wire_tls_init(int resume);

/* Return: 0, -1: no memory. wire_shake() is to follow. */
int wire_begin_tls(struct wire *w);
/* Return: 1 done, -1 failed, 0 go on: when it is readable, or, with @want_write, writable. */
int wire_shake(struct wire *w, int *want_write);

/* As send(2), recv(2). */
ssize_t wire_send(struct wire *w, const void *p, size_t n);
ssize_t wire_recv(struct wire *w, void *p, size_t n);

/* Records that were read ahead: no descriptor tells of them. */
int wire_pending(const struct wire *w);

void wire_close(struct wire *w);
