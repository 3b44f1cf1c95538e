/* SPDX-License-Identifier: ISC */
/* Doctor: do the servers' answers to clients come back by this host? */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "proxy/sockets.h"

#define PATIENCE_MS 1500

/* RFC 5737, RFC 3849: a client that does not exist */
static const struct ip_port nobody[] = {
	{ .ip = { .family = IP_V4, .octets = { 192, 0, 2, 9 } } },
	{ .ip = { .family = IP_V6, .octets = { 0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [15] = 9 } } },
};

/* As the proxies' sockets are. */
static int socket_of(struct doctor *d, const struct ip_port *from)
{
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(from, &sa);
	const bool v6 = from->ip.family == IP_V6;
	const int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd >= 0 && (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &one, sizeof(one)) < 0 ||
			       setsockopt(fd, SOL_SOCKET, SO_MARK, &d->host->mark,
				       sizeof(d->host->mark)) < 0 ||
			       bind(fd, (const struct sockaddr *)&sa, n) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Does it answer, by whatever? @from: NULL: to this host. */
static bool is_answered(struct doctor *d, const struct ip_port *server, const struct ip_port *from)
{
	const struct ip_port any = { .ip = { .family = server->ip.family } };
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(server, &sa);
	const int fd = socket_of(d, from != NULL ? from : &any);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return from != NULL; /* nothing is known then */
	if (connect(fd, (const struct sockaddr *)&sa, n) < 0)
		error = errno;
	if (error == EINPROGRESS && poll(&p, 1, PATIENCE_MS) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	close(fd);
	return error == 0 || error == ECONNREFUSED;
}

/* Only of servers that answer at all; "servers" tells of the others. */
static void examine(struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	char address[DOCTOR_ADDRESS_MAX];
	struct doctor_finding *f;

	if (doctor_is_local(&server->ip) || !is_answered(d, server, NULL))
		return;
	if (is_answered(d, server, &nobody[server->ip.family == IP_V6])) {
		doctor_tell(d, DOCTOR_OK, rule, rule->at,
			"answers of %s to clients come back by this host",
			doctor_ip_port(address, server));
		return;
	}
	f = doctor_tell(d, DOCTOR_FAULT, rule, rule->at,
		"%s answers this host, and its answers to clients do not come back by it: they "
		"take another way, or something on the way drops them",
		doctor_ip_port(address, server));
	doctor_advise(f, "make this host the server's default gateway, or say \"client-address "
			 "gateway\" in the rule");
}

static bool keeps(const struct publish *rule)
{
	return rule->client_address == CLIENT_KEEP;
}

static bool has_fault(const struct doctor *d, const char *check)
{
	for (size_t i = 0; i < d->n && i < DOCTOR_FINDINGS_MAX; i++)
		if (strcmp(d->list[i].check, check) == 0 && d->list[i].level != DOCTOR_OK)
			return true;
	return false;
}

/* What "return" found missing on this host is not to be told as a fault of the servers. */
void doctor_way_back(struct doctor *d)
{
	if (!has_fault(d, "return"))
		doctor_each_internal(d, keeps, examine);
}
