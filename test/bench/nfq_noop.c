/* SPDX-License-Identifier: ISC */
/*
 * nfq_noop - a packet-queue program that accepts everything (floor cost of NFQUEUE inspection).
 *
 *   -q NUM    queue number (0)
 *   -c BYTES  octets of each packet copied to user space; 0: metadata only (65535)
 *   -g        take GSO packets whole (NFQA_CFG_F_GSO), no software segmentation, no checksum work
 *   -b N      read up to N packets per wake-up with recvmmsg() and answer with one batch verdict
 *   -M MARK   put this mark into the verdict (0: none)
 *   -t        touch every copied octet (sum), so that the copy is really used
 *
 * Needs Debian packages libmnl-dev and libnetfilter-queue-dev to build.
 * Prints counters on SIGTERM/SIGINT or after -T seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOT (0xffff + 4096)
#define MAXB 64

static volatile sig_atomic_t stop_flag;
static unsigned qnum, mark, batch = 1, touch;
static uint32_t crange = 0xffff;
static uint64_t n_pkt, n_bytes, n_recv, n_verdict, n_err, sum;
static uint32_t last_id;

static void on_sig(int s)
{
	(void)s;
	stop_flag = 1;
}

static int cb(const struct nlmsghdr *nlh, void *data)
{
	struct nlattr *a[NFQA_MAX + 1] = { 0 };
	(void)data;

	if (nfq_nlmsg_parse(nlh, a) < 0 || !a[NFQA_PACKET_HDR])
		return MNL_CB_OK;
	struct nfqnl_msg_packet_hdr *h = mnl_attr_get_payload(a[NFQA_PACKET_HDR]);
	last_id = ntohl(h->packet_id);
	n_pkt++;
	if (a[NFQA_PAYLOAD]) {
		size_t n = mnl_attr_get_payload_len(a[NFQA_PAYLOAD]);
		n_bytes += n;
		if (touch) {
			const unsigned char *p = mnl_attr_get_payload(a[NFQA_PAYLOAD]);
			uint64_t s = 0;
			for (size_t i = 0; i < n; i++)
				s += p[i];
			sum += s;
		}
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *put_hdr(char *b, int type)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(b);
	n->nlmsg_type = (uint16_t)((NFNL_SUBSYS_QUEUE << 8) | type);
	n->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(n, sizeof *g);
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons((uint16_t)qnum);
	return n;
}

static void verdict(struct mnl_socket *nl, int type, uint32_t id)
{
	char b[256];
	struct nlmsghdr *n = put_hdr(b, type);
	struct nfqnl_msg_verdict_hdr v = { .verdict = htonl(NF_ACCEPT), .id = htonl(id) };
	mnl_attr_put(n, NFQA_VERDICT_HDR, sizeof v, &v);
	if (mark)
		mnl_attr_put_u32(n, NFQA_MARK, htonl(mark));
	n_verdict++;
	if (mnl_socket_sendto(nl, n, n->nlmsg_len) < 0)
		n_err++;
}

int main(int argc, char **argv)
{
	int o, gso = 0, maxs = 600, one = 1, rcvbuf = 64 << 20;
	char cfg[512];

	while ((o = getopt(argc, argv, "q:c:gb:M:tT:h")) != -1)
		switch (o) {
		case 'q': qnum = (unsigned)atoi(optarg); break;
		case 'c': crange = (uint32_t)atoi(optarg); break;
		case 'g': gso = 1; break;
		case 'b': batch = (unsigned)atoi(optarg); break;
		case 'M': mark = (unsigned)strtoul(optarg, NULL, 0); break;
		case 't': touch = 1; break;
		case 'T': maxs = atoi(optarg); break;
		default:
			fputs("usage: nfq_noop [-q NUM] [-c BYTES] [-g] [-b N] [-M MARK] [-t] [-T "
			      "MAXSECONDS]\n",
				stderr);
			return 2;
		}
	if (batch < 1 || batch > MAXB)
		return 2;
	struct sigaction act = { .sa_handler = on_sig };
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
	alarm((unsigned)maxs);

	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		perror("nfq_noop: netlink");
		return 1;
	}
	int fd = mnl_socket_get_fd(nl);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof rcvbuf);
	mnl_socket_setsockopt(nl, NETLINK_NO_ENOBUFS, &one, sizeof one);

	struct nlmsghdr *n = put_hdr(cfg, NFQNL_MSG_CONFIG);
	nfq_nlmsg_cfg_put_cmd(n, AF_INET, NFQNL_CFG_CMD_BIND);
	if (mnl_socket_sendto(nl, n, n->nlmsg_len) < 0) {
		perror("nfq_noop: bind queue");
		return 1;
	}
	n = put_hdr(cfg, NFQNL_MSG_CONFIG);
	if (crange)
		nfq_nlmsg_cfg_put_params(n, NFQNL_COPY_PACKET, (int)crange);
	else
		nfq_nlmsg_cfg_put_params(n, NFQNL_COPY_META, 0);
	nfq_nlmsg_cfg_put_qmaxlen(n, 65536);
	mnl_attr_put_u32(n, NFQA_CFG_FLAGS, htonl(gso ? NFQA_CFG_F_GSO : 0));
	mnl_attr_put_u32(n, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
	if (mnl_socket_sendto(nl, n, n->nlmsg_len) < 0) {
		perror("nfq_noop: configure queue");
		return 1;
	}

	char *mem = malloc((size_t)batch * SLOT);
	struct mmsghdr mm[MAXB];
	struct iovec iv[MAXB];
	if (!mem)
		return 1;
	memset(mm, 0, sizeof mm);
	for (unsigned i = 0; i < batch; i++) {
		iv[i] = (struct iovec){ mem + (size_t)i * SLOT, SLOT };
		mm[i].msg_hdr.msg_iov = &iv[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	unsigned port = mnl_socket_get_portid(nl);
	while (!stop_flag) {
		if (batch == 1) {
			ssize_t r = recv(fd, mem, SLOT, 0);
			n_recv++;
			if (r <= 0) {
				if (r < 0 && errno != EINTR)
					n_err++;
				continue;
			}
			uint64_t before = n_pkt;
			mnl_cb_run(mem, (size_t)r, 0, port, cb, NULL);
			if (n_pkt != before)
				verdict(nl, NFQNL_MSG_VERDICT, last_id);
		} else {
			int k = recvmmsg(fd, mm, batch, MSG_WAITFORONE, NULL);
			n_recv++;
			if (k <= 0) {
				if (k < 0 && errno != EINTR)
					n_err++;
				continue;
			}
			uint64_t before = n_pkt;
			for (int i = 0; i < k; i++)
				mnl_cb_run(iv[i].iov_base, mm[i].msg_len, 0, port, cb, NULL);
			/* ids of one queue rise: "all up to last_id" covers what was read */
			if (n_pkt - before == 1)
				verdict(nl, NFQNL_MSG_VERDICT, last_id);
			else if (n_pkt != before)
				verdict(nl, NFQNL_MSG_VERDICT_BATCH, last_id);
		}
	}
	printf("nfq packets=%llu bytes=%llu recvs=%llu verdicts=%llu errs=%llu sum=%llu\n",
		(unsigned long long)n_pkt, (unsigned long long)n_bytes, (unsigned long long)n_recv,
		(unsigned long long)n_verdict, (unsigned long long)n_err, (unsigned long long)sum);
	mnl_socket_close(nl);
	return 0;
}
