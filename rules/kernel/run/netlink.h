/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Netlink: one question to the kernel, and its answer
 *
 * Waits two seconds at most, which the kernel never needs.
 *
 * Owns:    the socket.
 * Callers: rules/kernel/run.
 */
#include <libmnl/libmnl.h>
#include <stdint.h>

#define NETLINK_BLOCK 8192 /* octets, more than any of our requests */

struct netlink {
	int fd;
	uint32_t sequence;
};

/* @bus: NETLINK_NETFILTER. Return: 0; <0 errno. */
int netlink_open(struct netlink *nl, int bus);
void netlink_close(struct netlink *nl);

/* A request to nfnetlink in @block, which holds NETLINK_BLOCK octets: attributes go behind it.
 * @flags: beside NLM_F_REQUEST. */
struct nlmsghdr *netlink_request(void *block, uint16_t subsystem, uint8_t command, uint16_t flags,
	uint8_t family, uint16_t resource);

/**
 * netlink_ask() - send it and take what comes
 * @request: asks for NLM_F_ACK or NLM_F_DUMP, else there would be no end
 * @each:    for each message of the answer; NULL: none is expected
 *
 * Return: 0; <0 errno; >0: a number of 4096 and more, which the subsystem defines.
 */
int netlink_ask(struct netlink *nl, struct nlmsghdr *request,
	int (*each)(const struct nlmsghdr *message, void *context), void *context);

/* The attributes of a message behind a head of @head octets, and those in an attribute. As libmnl's
 * mnl_attr_for_each(), which hands a long to an int. */
#define NETLINK_EACH(a, from, end)                                                                 \
	for ((a) = (from); mnl_attr_ok((a), (int)((const char *)(end) - (const char *)(a)));       \
		(a) = mnl_attr_next(a))
#define NETLINK_EACH_OF(a, message, head)                                                          \
	NETLINK_EACH(a, mnl_nlmsg_get_payload_offset(message, head),                               \
		mnl_nlmsg_get_payload_tail(message))
#define NETLINK_EACH_IN(a, nest)                                                                   \
	NETLINK_EACH(a, mnl_attr_get_payload(nest),                                                \
		(const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest))
