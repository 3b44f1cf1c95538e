/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * UTF-8, as far as addresses and arguments need it
 *
 * Well-formedness is RFC 3629: no overlong form, no surrogate, nothing past U+10FFFF. Beyond that,
 * characters are refused that are no text: they end lines, hide, or turn round what a reader sees.
 *
 * Owns:    nothing.
 * Callers: filter/smtp/path.c, param.c, command.c; rules (quoted texts).
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/* Octets of the character at @at (< s.n), its number in *pointp; 0 when it is ill-formed or cut
 * off. */
size_t utf8_next(struct span s, size_t at, uint32_t *pointp);

/* Is @s well-formed UTF-8? */
bool utf8_valid(struct span s);

/* Well-formed, and every character utf8_is_text()? */
bool utf8_text(struct span s);

/* No control (C0, DEL, C1), line or paragraph separator, bidirectional control, or noncharacter. */
bool utf8_is_text(uint32_t point);

/**
 * utf8_in_domain() - may a U-label hold this character?
 *
 * The domain that was compared must be the one the next hop looks up. Servers map labels before
 * they do (UTS 46), and some mappings make ASCII or a dot of what was neither, or nothing at all.
 */
bool utf8_in_domain(uint32_t point);
