/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sockets: addresses to and from the kernel's form, and the ways to end a connection
 *
 * Callers: proxy.
 */
#include <sys/socket.h>

#include "base/ip.h"

/* Return: length of the address in @sa. */
socklen_t sockets_to_kernel(const struct ip_port *addr, struct sockaddr_storage *sa);
/* An IPv4-mapped address becomes the IPv4 one; a family that is neither gives IP_NONE. */
struct ip_port sockets_from_kernel(const struct sockaddr_storage *sa);

/* Closes; what the kernel still holds for the peer is sent. */
void sockets_close(int fd);
/* Closes with RST: nothing that was not yet sent will be. */
void sockets_reset(int fd);
