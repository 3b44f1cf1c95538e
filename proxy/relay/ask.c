/* SPDX-License-Identifier: ISC */
#include "proxy/relay/ask.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static struct ask **bucket(struct asks *a, uint64_t number)
{
	return &a->open[number % ASK_BUCKETS];
}

static struct ask *find(struct asks *a, struct span body)
{
	uint64_t number;
	struct ask *k;

	if (body.n < sizeof(number))
		return NULL;
	memcpy(&number, body.p, sizeof(number));
	k = *bucket(a, number);
	while (k && k->number != number)
		k = k->next;
	return k;
}

/* ---- what is due ---- */

static void await(struct ask *k, double s)
{
	ev_timer_stop(k->asks->loop, &k->timer);
	ev_timer_set(&k->timer, s, 0);
	ev_timer_start(k->asks->loop, &k->timer);
}

static bool is_due(const struct ask *k)
{
	return ev_is_active(&k->timer);
}

/* Its answer is not its exchange's end: who asked may take his time before he asks on. */
static void answered(struct ask *k, const struct msg *m)
{
	ev_timer_stop(k->asks->loop, &k->timer);
	k->answered(k, m);
}

static void on_late(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	answered(t->data, NULL);
}

/* Those that were read. None of them is told from here: one may end others. */
static void lose(struct asks *a, struct span body)
{
	struct ask_lost lost;

	if (body.n != sizeof(lost))
		return;
	memcpy(&lost, body.p, sizeof(lost));
	for (size_t i = 0; i < ASK_BUCKETS; i++)
		for (struct ask *k = a->open[i]; k; k = k->next)
			if (is_due(k) && a->sent - k->at > lost.unread)
				await(k, 0);
}

/* ---- answers ---- */

static void on_answer(struct ev_loop *loop, ev_io *w, int events)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct asks *a = w->data;
	struct ask *k;
	struct msg m;
	int r = msg_recv(w->fd, block, sizeof(block), &m);

	(void)events;
	if (r == MSG_E_AGAIN)
		return;
	if (r != MSG_OK) { /* posternd is gone, and with it the servant; questions run out */
		if (r == MSG_E_CLOSED)
			ev_io_stop(loop, w);
		return;
	}
	k = m.fd < 0 ? find(a, m.body) : NULL;
	if (m.fd >= 0)
		close(m.fd);
	if (m.type == ASK_LOST)
		lose(a, m.body);
	else if (k && is_due(k))
		answered(k, &m);
	explicit_bzero(block, MSG_HEAD + m.body.n);
}

/* ---- questions ---- */

void ask_begin(struct asks *a, struct ask *k)
{
	k->asks = a;
	k->number = a->next++;
	k->next = *bucket(a, k->number);
	*bucket(a, k->number) = k;
	ev_timer_init(&k->timer, on_late, 0, 0);
	k->timer.data = k;
}

void ask_say(struct ask *k, uint16_t type, void *body, size_t n)
{
	struct asks *a = k->asks;
	int r;

	assert(a);
	memcpy(body, &k->number, sizeof(k->number));
	k->at = a->sent;
	r = a->io.fd < 0 ? MSG_E_CLOSED : msg_send(a->io.fd, type, span_of(body, n), -1);
	if (r == MSG_OK)
		a->sent += MSG_HEAD + n;
	await(k, r == MSG_OK ? ASK_MS / 1000.0 : 0);
}

void ask_end(struct ask *k)
{
	struct ask **at;

	if (!k->asks)
		return;
	at = bucket(k->asks, k->number);
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	ev_timer_stop(k->asks->loop, &k->timer);
	k->asks = NULL;
}

/* ---- the whole ---- */

int asks_init(struct asks *a, struct ev_loop *loop, int fd)
{
	*a = (struct asks){ .loop = loop };
	if (getrandom(&a->next, sizeof(a->next), 0) != sizeof(a->next))
		return -errno;
	ev_io_init(&a->io, on_answer, fd, EV_READ);
	a->io.data = a;
	if (fd >= 0)
		ev_io_start(loop, &a->io);
	return 0;
}

void asks_deinit(struct asks *a)
{
	ev_io_stop(a->loop, &a->io);
}
