/* SPDX-License-Identifier: ISC */
#include "proxy/house/ends.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int free_place(struct ends *e)
{
	struct end *more;

	for (size_t i = 0; i < e->n; i++)
		if (e->list[i].fd < 0)
			return (int)i;
	more = realloc(e->list, (e->n + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	e->list = more;
	e->list[e->n] = (struct end){ .fd = -1 };
	return (int)e->n++;
}

static void drop(struct end *end)
{
	close(end->fd);
	*end = (struct end){ .fd = -1 };
}

static void give(struct ends *e, struct end *end)
{
	child_send(e->role, ROLE_ADD, span_of(&end->word, end->word != 0 ? sizeof(end->word) : 0),
		end->fd);
}

int ends_add(struct ends *e, uint32_t word, int kept, int *otherp)
{
	int pair[2], i = free_place(e), r;

	if (i < 0)
		return i;
	r = msg_pair(pair);
	if (r < 0)
		return r;
	e->list[i] = (struct end){ .fd = pair[kept], .word = word };
	*otherp = pair[!kept];
	if (e->role->state == CHILD_READY)
		give(e, &e->list[i]);
	return i;
}

void ends_remove(struct ends *e, int number, bool read_on)
{
	if (number < 0 || (size_t)number >= e->n || e->list[number].fd < 0)
		return;
	if (read_on)
		e->list[number].orphan = true;
	else
		drop(&e->list[number]);
}

/* Nothing waits, and nothing will come. */
static bool read_to_end(int fd)
{
	uint8_t octet;

	return recv(fd, &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT) == 0;
}

void ends_look(struct ends *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->list[i].orphan && read_to_end(e->list[i].fd))
			drop(&e->list[i]);
}

/* Who reads nothing misses it, as he would have missed the answer. */
static void say_unread(int fd, uint16_t type)
{
	uint64_t unread;
	int n;

	if (fd < 0 || ioctl(fd, SIOCINQ, &n) < 0) /* all that waits, unix(7) */
		return;
	unread = (uint64_t)n;
	msg_send(fd, type, span_of(&unread, sizeof(unread)), -1);
}

void ends_say_unread(struct ends *e, uint16_t type)
{
	for (size_t i = 0; i < e->n; i++)
		say_unread(e->list[i].fd, type);
}

void ends_give(struct ends *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->list[i].fd >= 0)
			give(e, &e->list[i]);
}

void ends_deinit(struct ends *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->list[i].fd >= 0)
			drop(&e->list[i]);
	free(e->list);
	*e = (struct ends){ 0 };
}
