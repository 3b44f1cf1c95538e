/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Incident ids: what a peer is told and the log holds
 *
 * 30 bits as six characters of Crockford's alphabet (no I L O U, so that it can be read out over a
 * telephone).
 *
 * Purity: no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"

#define INCIDENT_BITS 30
#define INCIDENT_TEXT 6

/* @incident holds INCIDENT_BITS bits. */
void incident_print(struct out *o, uint32_t incident);
