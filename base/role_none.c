/* SPDX-License-Identifier: ISC */
/* A build without the sandbox: nothing is given up, and that is told. */
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
	fprintf(stderr, "%s: this build has no sandbox%s\n", role_program(role),
		place->required ? ", and one is required" : "");
	return place->required ? -ENOTSUP : r;
}
