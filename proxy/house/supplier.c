/* SPDX-License-Identifier: ISC */
#include "proxy/house/supplier.h"

#include <stdio.h>

#include "proxy/house/house.h"

static struct supplier *supplier_of(struct child *c)
{
	return (struct supplier *)(void *)((char *)c - offsetof(struct supplier, child));
}

static void on_ready(struct child *c)
{
	struct supplier *s = supplier_of(c);

	ends_give(&s->ends);
	house_child_ready(s->house, c);
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	return house_child_ended(supplier_of(c)->house, c, status, rest_ms);
}

/* postern-socket SANDBOX MARK CONTROL */
static pid_t start(struct child *c, int control)
{
	struct supplier *supplier = supplier_of(c);
	struct house *h = supplier->house;
	char sandbox[ROLE_PLACE_TEXT], mark[12], text[12];
	char *argv[] = { (char[]){ "postern-socket" }, sandbox, mark, text, NULL };
	int fds[2];
	struct start s = { .program = "postern-socket", .folder = ".", .argv = argv, .fds = fds };

	fds[s.n_fds++] = control;
	snprintf(text, sizeof(text), "%u", START_FD);
	snprintf(mark, sizeof(mark), "%x", supplier->mark);
	house_place(h, ROLE_SOCKET, h->empty_folder, fds, &s.n_fds, sandbox);
	return start_role(&s);
}

static const struct child_kind kind = { ROLE_SOCKET, start, on_ready, NULL, on_ended };

void supplier_init(struct supplier *s, struct house *house)
{
	*s = (struct supplier){ .house = house, .mark = house_rules(house)->host.mark };
	child_init(&s->child, &kind, house->loop);
	s->ends.role = &s->child;
}

int supplier_start(struct supplier *s)
{
	return child_start(&s->child);
}

int supplier_add(struct supplier *s, uint32_t family, int *fdp)
{
	return ends_add(&s->ends, family, 1, fdp);
}

void supplier_remove(struct supplier *s, int number)
{
	ends_remove(&s->ends, number, false);
}

void supplier_deinit(struct supplier *s)
{
	ends_deinit(&s->ends);
	child_deinit(&s->child);
}
