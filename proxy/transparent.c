/* SPDX-License-Identifier: ISC */
#include "proxy/transparent.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool prepare(int fd, enum ip_family family, uint32_t mark)
{
	bool transparent = family == IP_V6 ? set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
					   : set(fd, IPPROTO_IP, IP_TRANSPARENT, 1);

	/* without the third, bind(2) would take one of the host's ports for each client's address,
	 * and a busy client's would run out: connect(2) shares them by their other end */
	return transparent && set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
	       set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) &&
	       (mark == 0 || set(fd, SOL_SOCKET, SO_MARK, (int)mark));
}

int transparent_socket(enum ip_family family, uint32_t mark)
{
	int fd = socket(family == IP_V6 ? AF_INET6 : AF_INET,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (prepare(fd, family, mark))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

bool transparent_allowed(void)
{
	int fd = transparent_socket(IP_V4, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}
