/* SPDX-License-Identifier: ISC */
#include "filter/smtp/queue.h"

#include <assert.h>

#include "base/incident.h"

void smtp_local_print(struct out *o, const struct smtp_local *local)
{
	out_u64w(o, local->code, 3);
	out_octet(o, ' ');
	out_str(o, local->text);
	if (local->incident != 0) {
		out_str(o, " [");
		incident_print(o, local->incident);
		out_octet(o, ']');
	}
	out_str(o, "\r\n");
}

static struct smtp_entry *push(struct smtp_queue *q)
{
	assert(!queue_full(q));
	return &q->entry[(q->at + q->n++) % SMTP_QUEUE_MAX];
}

static const struct smtp_entry *first(const struct smtp_queue *q)
{
	return &q->entry[q->at];
}

static void drop_first(struct smtp_queue *q)
{
	q->at = (uint8_t)((q->at + 1) % SMTP_QUEUE_MAX);
	q->n--;
}

static void print_entry(struct out *o, const struct smtp_entry *e)
{
	smtp_local_print(o, &(struct smtp_local){ e->text, e->incident, e->code });
}

void queue_remote(struct smtp_queue *q, enum smtp_verb verb, uint8_t transaction)
{
	*push(q) = (struct smtp_entry){ .verb = (uint8_t)verb, .transaction = transaction };
	q->remote_n++;
}

void queue_local(struct smtp_queue *q, struct smtp_local local, struct out *to_client)
{
	if (q->n == 0)
		smtp_local_print(to_client, &local);
	else
		*push(q) = (struct smtp_entry){ local.text, local.incident, local.code,
			SMTP_VERB_OTHER, 0 };
}

void queue_unpush(struct smtp_queue *q)
{
	assert(q->n > 0 && q->remote_n > 0);
	q->n--;
	q->remote_n--;
}

const struct smtp_entry *queue_head(const struct smtp_queue *q)
{
	return q->remote_n > 0 ? first(q) : NULL;
}

void queue_pop(struct smtp_queue *q, struct out *to_client)
{
	assert(q->remote_n > 0 && first(q)->code == 0);
	drop_first(q);
	q->remote_n--;
	for (; q->n > 0 && first(q)->code != 0; drop_first(q))
		print_entry(to_client, first(q));
}

void queue_abandon(struct smtp_queue *q, struct smtp_local local, struct out *to_client)
{
	for (; q->n > 0; drop_first(q))
		if (first(q)->code != 0)
			print_entry(to_client, first(q));
		else
			smtp_local_print(to_client, &local);
	q->remote_n = 0;
}
