/* SPDX-License-Identifier: ISC */
#include "proxy/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

socklen_t sockets_to_kernel(const struct ip_port *addr, struct sockaddr_storage *sa)
{
	memset(sa, 0, sizeof(*sa));
	if (addr->ip.family == IP_V6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(addr->port);
		memcpy(&in6->sin6_addr, addr->ip.octets, 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)sa;
	in->sin_family = AF_INET;
	in->sin_port = htons(addr->port);
	memcpy(&in->sin_addr, addr->ip.octets, 4);
	return sizeof(*in);
}

struct ip_port sockets_from_kernel(const struct sockaddr_storage *sa)
{
	struct ip_port addr = { 0 };
	uint8_t octets[16];

	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
		memcpy(octets, &in->sin_addr, 4);
		addr.ip = ip_v4(octets);
		addr.port = ntohs(in->sin_port);
	} else if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
		memcpy(octets, &in6->sin6_addr, 16);
		addr.ip = ip_v6(octets);
		addr.port = ntohs(in6->sin6_port);
	}
	return addr;
}

void sockets_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sockets_reset(int fd)
{
	static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
		sizeof(now)); /* should it fail, a FIN will have to do */
	close(fd);
}
