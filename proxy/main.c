/* SPDX-License-Identifier: ISC */
/* postern-proxy: see proxy/roles.h for how it is started. */
#include "proxy/begin.h"
#include "proxy/roles.h"

int main(int argc, char **argv)
{
	static const struct worker_kind proxy = { .role = ROLE_PROXY, .fds = FD_LISTENERS };

	return worker_main(&proxy, argc, argv);
}
