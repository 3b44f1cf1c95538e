/* SPDX-License-Identifier: ISC */
/*
 * roles: prints the table of privileges (base/role.c) as JSON, a row a line
 *
 *     {"program": "postern-socket", "user": "postern-socket", "keeps": 8192, "children": 0,
 * "layers": ["root", ...]}
 */
#include <stdio.h>

#include "base/role_row.h"

static void print_layers(unsigned layers)
{
	const char *between = "";

	for (enum role_layer l = 0; l < ROLE_LAYER_COUNT; l++) {
		if (!(layers & ROLE_LAYER_BIT(l)))
			continue;
		printf("%s\"%s\"", between, role_layer_text(l));
		between = ", ";
	}
}

int main(void)
{
	for (enum role_id id = 0; id < ROLE_IDS; id++) {
		const struct role_row *row = role_row(id);

		printf("{\"program\": \"%s\", \"user\": \"%s\", \"keeps\": %llu, \"children\": "
		       "%llu, "
		       "\"layers\": [",
			row->program, row->user ? row->user : "", (unsigned long long)row->keeps,
			(unsigned long long)row->children);
		print_layers(row->layers);
		puts("]}");
	}
	return 0;
}
