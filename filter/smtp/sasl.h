/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What AUTH carries, as far as a filter reads it
 *
 * Mechanism names and base64, checked by form alone: nothing is decoded.
 *
 * Owns:    nothing.
 * Callers: filter/smtp/command.c, ehlo.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/* RFC 4422 3.1: 1 to 20 letters, digits, hyphens and underscores; case does not matter (RFC 4954
 * 4). */
bool sasl_mechanism(struct span word);

/**
 * sasl_base64() - is this one or more base64 groups (RFC 4648 4), padded, and nothing else?
 *
 * Bits behind the last octet must be 0 (3.5): decoders that skip this take several texts for one
 * secret.
 */
bool sasl_base64(struct span text);
