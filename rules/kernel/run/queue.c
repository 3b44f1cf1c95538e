/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rules/kernel/plan.h"

/* What one packet takes in a receive buffer: the octets and the attributes around them need less
 * than 512, the kernel counts its own structures as well, and doubles what it is told. */
#define QUEUE_BUFFER  (QUEUE_LENGTH * 1024)
#define EVENTS_BUFFER (16 << 20) /* 100000 connections that begin or end while nobody reads */
#define COPIES_BUFFER (4 << 20)  /* of 100 sessions at least, with long hellos */

static struct nlmsghdr *config(void *block, uint16_t number)
{
	return netlink_request(
		block, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, NLM_F_ACK, AF_UNSPEC, number);
}

static int command(struct netlink *nl, uint16_t number, uint8_t what)
{
	const struct nfqnl_msg_config_cmd cmd = { .command = what };
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = config(block, number);

	mnl_attr_put(m, NFQA_CFG_CMD, sizeof(cmd), &cmd);
	return netlink_ask(nl, m, NULL, NULL);
}

/* EPERM means that somebody else has it, or that we may ask nothing at all: PF_UNBIND does nothing
 * since Linux 3.8, and tells the two apart by a number that is nobody's. */
int queue_claim(struct netlink *nl, uint16_t number)
{
	const int r = command(nl, number, NFQNL_CFG_CMD_BIND);

	if (r == -EPERM && command(nl, UINT16_MAX, NFQNL_CFG_CMD_PF_UNBIND) == 0)
		return -EBUSY;
	return r;
}

/* A line a queue; its number comes first. */
bool queue_is_read(uint16_t number)
{
	FILE *file = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	bool found = false;
	char line[160];

	while (!found && file != NULL && fgets(line, sizeof(line), file) != NULL)
		found = strtoul(line, NULL, 10) == number;
	if (file != NULL)
		fclose(file);
	return found;
}

/* Not NFQA_CFG_F_FAIL_OPEN: what does not fit is dropped. */
static int set_up(struct netlink *nl)
{
	const struct nfqnl_msg_config_params params = { htonl(QUEUE_RANGE), NFQNL_COPY_PACKET };
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = config(block, KERNEL_QUEUE);

	mnl_attr_put(m, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(m, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
	mnl_attr_put_u32(m, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(m, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	return netlink_ask(nl, m, NULL, NULL);
}

/* As it is handed out. Closes it on failure. */
static int hand_out(struct netlink *nl, int r, int buffer)
{
	if (r == 0 &&
		(setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
			fcntl(nl->fd, F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	if (r == 0)
		return nl->fd;
	netlink_close(nl);
	return r < 0 ? r : -EPROTO;
}

int queue_open(void)
{
	struct netlink nl;
	int r = netlink_open(&nl, NETLINK_NETFILTER);

	if (r < 0)
		return r;
	r = queue_claim(&nl, KERNEL_QUEUE);
	if (r == 0)
		r = set_up(&nl);
	return hand_out(&nl, r, QUEUE_BUFFER);
}

int conntrack_open(void)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE,
		NFNLGRP_CONNTRACK_DESTROY };
	struct netlink nl;
	int r = netlink_open(&nl, NETLINK_NETFILTER);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(nl.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0)
			r = -errno;
	return hand_out(&nl, r, EVENTS_BUFFER);
}

/* ---- copies ---- */

static struct nlmsghdr *log_config(void *block)
{
	return netlink_request(
		block, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, NLM_F_ACK, AF_UNSPEC, KERNEL_GROUP);
}

/* EPERM means that another socket has it: that we may ask is shown by the queue, claimed before. */
static int log_claim(struct netlink *nl)
{
	const struct nfulnl_msg_config_cmd cmd = { .command = NFULNL_CFG_CMD_BIND };
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = log_config(block);
	int r;

	mnl_attr_put(m, NFULA_CFG_CMD, sizeof(cmd), &cmd);
	r = netlink_ask(nl, m, NULL, NULL);
	return r == -EPERM ? -EBUSY : r;
}

/* Each at once: the kernel would keep them back for a second, and sessions are shorter. */
static int log_set_up(struct netlink *nl)
{
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(KERNEL_COPY),
		.copy_mode = NFULNL_COPY_PACKET };
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = log_config(block);

	mnl_attr_put(m, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(m, NFULA_CFG_QTHRESH, htonl(1));
	return netlink_ask(nl, m, NULL, NULL);
}

int copies_open(int *problemp)
{
	struct netlink nl;
	int r = netlink_open(&nl, NETLINK_NETFILTER);

	if (r < 0)
		return r;
	*problemp = log_claim(&nl);
	if (*problemp == 0)
		*problemp = log_set_up(&nl);
	if (*problemp > 0)
		*problemp = -EPROTO;
	return hand_out(&nl, 0, COPIES_BUFFER);
}
