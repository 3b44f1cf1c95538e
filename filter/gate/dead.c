/* SPDX-License-Identifier: ISC */
#include "filter/gate/dead.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct ip_port *x = a, *y = b;
	const int r = ip_cmp(&x->ip, &y->ip);

	return r ? r : (int)x->port - (int)y->port;
}

/* What another process wrote into an enum may be no value of it. */
static bool is_server(const struct ip_port *s)
{
	return (s->ip.family == IP_V4 || s->ip.family == IP_V6) && s->port != 0;
}

int dead_set(struct dead *d, struct span body)
{
	const size_t n = body.n / sizeof(*d->list);
	struct ip_port *list = calloc(n + 1, sizeof(*list));
	bool good = body.n % sizeof(*list) == 0;

	if (!list)
		return -ENOMEM;
	if (n > 0)
		memcpy(list, body.p, n * sizeof(*list));
	for (size_t i = 0; i < n; i++)
		good = good && is_server(&list[i]);
	if (!good) {
		free(list);
		return 1;
	}
	qsort(list, n, sizeof(*list), compare);
	free(d->list);
	*d = (struct dead){ list, n };
	return 0;
}

bool dead_has(const struct dead *d, const struct ip_port *server)
{
	return d->n > 0 && bsearch(server, d->list, d->n, sizeof(*d->list), compare) != NULL;
}

void dead_deinit(struct dead *d)
{
	free(d->list);
	*d = (struct dead){ 0 };
}
