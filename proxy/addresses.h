/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Addresses: those of this host, for ROLE_ADDRESSES
 *
 * Callers: posternd.
 */
#include "base/ip.h"

#define ADDRESSES_MAX 3000 /* what one message holds */

/* Return: how many are in @list; <0 errno. More than there is room for are left out. */
int addresses_read(struct ip list[static ADDRESSES_MAX]);
