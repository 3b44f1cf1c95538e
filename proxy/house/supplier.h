/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Supplier: postern-socket as posternd sees it, and the channels it fills
 *
 * posternd keeps the sending end of every channel, so that a successor goes on filling it. A
 * channel goes when the proxy that reads it is gone.
 *
 * Callers: proxy/house.
 */
#include "proxy/house/ends.h"

struct house;

struct supplier {
	struct child child;
	struct house *house;
	struct ends ends;
	uint32_t mark; /* of the first rules */
};

/* The house has rules. */
void supplier_init(struct supplier *s, struct house *house);
int supplier_start(struct supplier *s);

/* A new channel. Return: its number, @fdp the receiving end; <0 errno. */
int supplier_add(struct supplier *s, uint32_t family, int *fdp);
/* Its reader is gone. */
void supplier_remove(struct supplier *s, int number);

void supplier_deinit(struct supplier *s);
