/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define OWN_ERRORS   4096        /* those below are of errno */
#define ANSWER_BLOCK (64u << 10) /* a message of a dump is one page, or what was asked for */

int netlink_open(struct netlink *nl, int bus)
{
	const struct timeval patience = { 2, 0 };
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };

	*nl = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus) };
	if (nl->fd < 0)
		return -errno;
	if (bind(nl->fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
		setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		const int r = -errno;

		netlink_close(nl);
		return r;
	}
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

struct nlmsghdr *netlink_request(void *block, uint16_t subsystem, uint8_t command, uint16_t flags,
	uint8_t family, uint16_t resource)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(block);
	struct nfgenmsg *head;

	m->nlmsg_type = (uint16_t)(subsystem << 8 | command);
	m->nlmsg_flags = NLM_F_REQUEST | flags;
	head = mnl_nlmsg_put_extra_header(m, sizeof(*head));
	*head = (struct nfgenmsg){ family, NFNETLINK_V0, htons(resource) };
	return m;
}

static int failure(void)
{
	return errno >= OWN_ERRORS ? errno : -errno;
}

struct taking {
	int (*each)(const struct nlmsghdr *message, void *context);
	void *context;
	int result;
};

static int take(const struct nlmsghdr *message, void *context)
{
	struct taking *t = context;

	if (t->each != NULL && t->result == 0)
		t->result = t->each(message, t->context);
	return MNL_CB_OK; /* to the end in any case: nothing of it may be left for the next one */
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *request,
	int (*each)(const struct nlmsghdr *message, void *context), void *context)
{
	static uint8_t block[ANSWER_BLOCK];
	struct taking t = { each, context, 0 };
	int more = MNL_CB_OK;

	request->nlmsg_seq = ++nl->sequence;
	if (send(nl->fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		const ssize_t n = recv(nl->fd, block, sizeof(block), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		more = mnl_cb_run(block, (size_t)n, nl->sequence, 0, take, &t);
	}
	return more < 0 ? failure() : t.result;
}
