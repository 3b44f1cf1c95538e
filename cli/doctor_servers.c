/* SPDX-License-Identifier: ISC */
/* Doctor: do the internal servers answer, and is there one for each family of clients? */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "proxy/sockets.h"

#define AT_ONCE     128 /* servers asked at a time */
#define PATIENCE_MS 2000

struct asked {
	const struct publish *rule;
	struct ip_port server;
	int fd, error; /* -1: nothing is under way */
};

static struct asking {
	struct asked list[AT_ONCE];
	size_t n;
} asking;

/* ---- connections, without an octet sent ---- */

static void begin(struct asked *a)
{
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(&a->server, &sa);

	a->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd >= 0 && connect(a->fd, (const struct sockaddr *)&sa, n) == 0)
		a->error = 0;
	else
		a->error = errno;
}

static void conclude(struct asked *a)
{
	socklen_t n = sizeof(a->error);

	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &a->error, &n) < 0)
		a->error = errno;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t list_open(struct asking *q, struct pollfd list[static AT_ONCE])
{
	size_t open = 0;

	for (size_t i = 0; i < q->n; i++) {
		const bool waits = q->list[i].fd >= 0 && q->list[i].error == EINPROGRESS;

		list[i] = (struct pollfd){ .fd = waits ? q->list[i].fd : -1, .events = POLLOUT };
		open += waits;
	}
	return open;
}

static void wait_for_all(struct asking *q)
{
	const int64_t until = now_ms() + PATIENCE_MS;
	struct pollfd list[AT_ONCE];

	while (list_open(q, list) > 0) {
		const int64_t left = until - now_ms();

		if (left <= 0 || (poll(list, q->n, (int)left) < 0 && errno != EINTR))
			return;
		for (size_t i = 0; i < q->n; i++)
			if (list[i].revents != 0)
				conclude(&q->list[i]);
	}
}

static void tell(struct doctor *d, const struct asked *a)
{
	char address[DOCTOR_ADDRESS_MAX];
	struct doctor_finding *f;

	doctor_ip_port(address, &a->server);
	if (a->error == 0) {
		doctor_tell(d, DOCTOR_OK, a->rule, a->rule->at, "%s answers", address);
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, a->rule, a->rule->at, "%s does not answer (%s)", address,
		a->error == EINPROGRESS ? "nothing came in 2 s" : strerror(a->error));
	doctor_advise(
		f, "start the server, or correct \"internal\", or the \"next-hop\" of a route");
}

static void ask_all(struct doctor *d)
{
	wait_for_all(&asking);
	for (size_t i = 0; i < asking.n; i++) {
		tell(d, &asking.list[i]);
		if (asking.list[i].fd >= 0)
			close(asking.list[i].fd);
	}
	asking.n = 0;
}

static void add(struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	struct asked *a = &asking.list[asking.n++];

	*a = (struct asked){ .rule = rule, .server = *server };
	begin(a);
	if (asking.n == AT_ONCE)
		ask_all(d);
}

static bool every_rule(const struct publish *rule)
{
	(void)rule;
	return true;
}

/* ---- clients of one family, servers of another ---- */

static void examine_family(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const enum ip_family family = external->addr.ip.family;
	char address[DOCTOR_ADDRESS_MAX];
	struct doctor_finding *f;

	if (external->any || rule->internal_original || rule->client_address != CLIENT_KEEP)
		return;
	for (size_t i = 0; i < rule->n_internal; i++)
		if (rule->internal[i].addr.ip.family == family)
			return;
	f = doctor_tell(d, DOCTOR_FAULT, rule, external->at,
		"no internal server of IPv%d: clients of %s get 421, since their address is to be "
		"kept",
		(int)family, doctor_ip_port(address, &external->addr));
	doctor_advise(f, "add such a server to \"internal\", or say \"client-address gateway\"");
}

/* Those that are named are asked for when mail goes there: who they are now says nothing. */
static void add_hops(struct doctor *d, const struct relay *relay)
{
	for (size_t i = 0; i < relay->n_deliver; i++)
		for (size_t j = 0; j < relay->deliver[i]->n_hops; j++)
			if (relay->deliver[i]->hops[j].name == NULL)
				add(d, &relay->front, &relay->deliver[i]->hops[j].addr.addr);
}

void doctor_servers(struct doctor *d)
{
	doctor_each_external(d, examine_family);
	doctor_each_internal(d, every_rule, add);
	for (size_t i = 0; i < d->rules->n_rules; i++)
		if (d->rules->rules[i].relay != NULL)
			add_hops(d, d->rules->rules[i].relay);
	ask_all(d);
}
