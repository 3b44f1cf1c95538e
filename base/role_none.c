/* SPDX-License-Identifier: ISC */
/* A build without the sandbox: nothing is given up. Who requires one is told; who has said to do
 * without finds it in `postern show status`. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/role.h"
#include "base/role_row.h"

int role_enter(enum role_id role, const struct role_place *place, unsigned *layersp)
{
	const int r = role_stand(role, place);

	*layersp = 0;
	if (place->folder >= 0)
		close(place->folder);
	if (!place->required)
		return r;
	fprintf(stderr,
		"%s: this build has no sandbox, and one is required: say \"require-sandbox no\" in "
		"postern.conf to do without\n",
		role_program(role));
	return -ENOTSUP;
}
