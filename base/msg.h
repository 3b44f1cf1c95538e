/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Msg: typed messages between roles
 *
 * One message is one packet of a SOCK_SEQPACKET pair: a head (mark, type, size), a body, and
 * descriptors (SCM_RIGHTS): one at most, but for those who ask for more. A message from another
 * role is input too: mark, size and number of descriptors are checked here, the type and the body
 * by the caller. Nothing here waits.
 *
 * Owns:    nothing. Received descriptors are the caller's, close-on-exec.
 * Callers: proxy/house and the roles it starts.
 */
#include "base/span.h"

#define MSG_BODY_MAX 65536
#define MSG_FDS_MAX  32 /* descriptors of one message */

enum {
	MSG_OK = 0,
	MSG_E_AGAIN,  /* send: no room in the socket; receive: nothing has come */
	MSG_E_CLOSED, /* the other side is gone */
	MSG_E_BAD, /* receive: a packet that is no message, or larger than the block; dropped with
		      its descriptors */
};

struct msg {
	uint16_t type;
	struct span body; /* in the caller's block */
	int fd;           /* -1: none */
};

/* Both ends non-blocking and close-on-exec. Return: 0; <0 errno. */
int msg_pair(int fds[2]);

/**
 * msg_send() - send one message
 * @type: the caller's own number
 * @body: at most MSG_BODY_MAX octets
 * @fd:   a descriptor to pass on, which stays open here; -1: none
 *
 * Return: MSG_OK; MSG_E_AGAIN; MSG_E_CLOSED; <0 errno.
 */
int msg_send(int socket, uint16_t type, struct span body, int fd);

/**
 * msg_recv() - receive one message
 * @block: takes head and body: MSG_HEAD octets more than the largest body expected
 *
 * Return: MSG_OK; MSG_E_AGAIN; MSG_E_CLOSED; MSG_E_BAD; <0 errno. @m is set on MSG_OK only.
 */
#define MSG_HEAD 8
int msg_recv(int socket, void *block, size_t size, struct msg *m);

/* The same with up to MSG_FDS_MAX descriptors, which stay open here. */
int msg_send_fds(int socket, uint16_t type, struct span body, const int *fds, size_t n);

/* The same with up to @max descriptors, put into @fds; *np: how many came. A message with more is
 * MSG_E_BAD, as is one whose descriptors found no place in this process. @m->fd is not set. */
int msg_recv_fds(
	int socket, void *block, size_t size, struct msg *m, int *fds, size_t max, size_t *np);
