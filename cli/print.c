/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define BLOCK_FIRST ((size_t)64 << 10)
#define BLOCK_LAST  ((size_t)1 << 30)

int cli_print_to(FILE *file, void (*print)(struct out *o, void *context), void *context)
{
	struct out o = { .full = true };
	void *block;
	int r = CLI_OK;

	for (size_t size = BLOCK_FIRST; o.full && size <= BLOCK_LAST; size *= 4) {
		block = malloc(size);
		if (block == NULL)
			break;
		out_init(&o, block, size);
		print(&o, context);
		if (!o.full && fwrite(o.p, 1, o.n, file) != o.n)
			r = cli_fail(CLI_FAULTS, "cannot write: %s", strerror(errno));
		free(block);
	}
	return o.full ? cli_fail(CLI_FAULTS, "not enough memory to print it") : r;
}

int cli_print(void (*print)(struct out *o, void *context), void *context)
{
	return cli_print_to(stdout, print, context);
}

void cli_plain(struct out *o, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];

		if ((c >= ' ' && c <= '~') || c == '\n')
			out_octet(o, c);
		else
			out_escaped(o, span_sub(text, i, 1), 1);
	}
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		out_octet(o, '\n');
}
