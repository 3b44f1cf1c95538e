/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/lock.h"

#include <errno.h>
#include <linux/netlink.h>
#include <time.h>

#include "rules/kernel/run/queue.h"
#include "rules/kernel/run/roles.h"

#define REST_MS 20

const char lock_advice[] =
	"another \"postern firewall\", or postern-kernel, is changing the kernel's rules: try "
	"again; \"cat /proc/net/netfilter/nfnetlink_queue\" shows its process in the second "
	"column of queue 5250\n";

static void rest(void)
{
	const struct timespec t = { 0, REST_MS * 1000000L };

	nanosleep(&t, NULL);
}

int lock_take(struct netlink *lock, unsigned patience_ms)
{
	int r = netlink_open(lock, NETLINK_NETFILTER);

	if (r < 0)
		return r;
	for (unsigned waited = 0;; waited += REST_MS) {
		r = queue_claim(lock, KERNEL_QUEUE_LOCK);
		if (r != -EBUSY || waited >= patience_ms)
			break;
		rest();
	}
	if (r == 0 || r == -EINVAL) /* EINVAL: no such subsystem */
		return LOCK_OK;
	lock_let_go(lock);
	return r == -EBUSY ? LOCK_E_HELD : r;
}

void lock_let_go(struct netlink *lock)
{
	netlink_close(lock);
}
