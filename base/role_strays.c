/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/role.h"

void role_close_strays(void)
{
	unsigned end = STDERR_FILENO + 1;

	while (fcntl((int)end, F_GETFD) >= 0)
		end++;
	close_range(end, UINT_MAX, 0); /* fails on a kernel before 5.9 only */
}
