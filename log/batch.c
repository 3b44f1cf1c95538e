/* SPDX-License-Identifier: ISC */
#include "log/batch.h"

#include "base/record.h"

static bool line_ok(struct span line)
{
	if (line.n < 2 || line.n >= RECORD_MAX || line.p[0] != '{' || line.p[line.n - 1] != '}')
		return false;
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < 0x20 || line.p[i] > 0x7e)
			return false;
	return true;
}

bool log_batch_ok(struct span batch)
{
	while (batch.n > 0) {
		size_t n = span_chr(batch, '\n');
		if (n == batch.n || !line_ok(span_sub(batch, 0, n)))
			return false;
		batch = span_from(batch, n + 1);
	}
	return true;
}

uint64_t log_batch_lines(struct span batch)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < batch.n; i++)
		lines += batch.p[i] == '\n';
	return lines;
}
