/* SPDX-License-Identifier: ISC */
#include "cli/sides.h"

void sides_tell(struct player *p, const struct step *s)
{
	if (p->story != NULL && p->story->step != NULL)
		p->story->step(p->story->context, s);
}

void sides_give(struct player *p, char side, struct span octets)
{
	struct items *q = side == '<' ? &p->to_client : &p->to_server;

	for (size_t i = 0; i < octets.n; i++)
		items_put(q, octets.p[i]);
	if (octets.n > 0 && p->story != NULL && p->story->octets != NULL)
		p->story->octets(p->story->context, side, octets);
}

void sides_happens(struct player *p, char side, uint16_t item)
{
	static const char *const names[] = { "closed", "reset", "dialled" };

	if (item != ITEM_DIALLED || p->dials > 1)
		items_put(side == '<' ? &p->to_client : &p->to_server, item);
	if (p->story != NULL && p->story->happens != NULL)
		p->story->happens(p->story->context, side, names[item - ITEM_CLOSED]);
}

void sides_note(struct player *p, const struct inspect_note *note)
{
	p->codes[note->code] = true;
	if (p->story != NULL && p->story->note != NULL)
		p->story->note(p->story->context, note);
}

void sides_note_code(struct player *p, enum code code, struct span text)
{
	const struct inspect_note note = {
		.type = INSPECT_NOTE_SERVER, .code = code, .text = text
	};

	sides_note(p, &note);
}

void sides_end_server(struct player *p, uint16_t how)
{
	if (p->server_open)
		sides_happens(p, '>', how);
	p->server_open = false;
}
