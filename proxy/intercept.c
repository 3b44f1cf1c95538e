/* SPDX-License-Identifier: ISC */
#include "proxy/intercept.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "proxy/sockets.h"

/* What connection tracking says the client's first packet was for. ENOENT: it knows no such
 * connection. */
static bool before_nat(int fd, bool v6, struct sockaddr_storage *sa)
{
	socklen_t n = sizeof(*sa);

	if (v6)
		return getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, sa, &n) == 0;
	return getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, sa, &n) == 0;
}

int intercept_asked(enum listen_kind kind, int fd, const struct ip_port *at, struct ip_port *askedp)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	bool told = true;

	*askedp = *at;
	switch (kind) {
	case LISTEN_DIRECT: return INTERCEPT_OK;
	case LISTEN_REDIRECT: told = before_nat(fd, at->ip.family == IP_V6, &sa); break;
	case LISTEN_TPROXY: told = getsockname(fd, (struct sockaddr *)&sa, &n) == 0; break;
	}
	if (!told)
		return INTERCEPT_E_DIRECT;
	*askedp = sockets_from_kernel(&sa);
	return askedp->port == at->port ? INTERCEPT_E_DIRECT : INTERCEPT_OK;
}
