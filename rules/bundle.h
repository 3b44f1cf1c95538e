/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bundle: a rule set on its way to a role
 *
 * One block of octets: a header, then sections with kind, name and length: canonical rules text with origin marks, canonical
 * host text, set files, time zones. posternd writes it into a sealed memfd; a role maps it and builds the rule set
 * with the same parser. The reader takes it for hostile: every length is checked.
 *
 * Purity:  no allocation beyond what is handed in, no clock, no log, no syscall.
 */
#include "rules/rules.h"

#define BUNDLE_MAX (256u << 20)

/* Writes everything a role needs of @rs and @sources. o->full: the block is too small. */
void bundle_write(struct out *o, const struct ruleset *rs, const struct source *sources, size_t n_sources);

/* Sources out of a bundle, spans pointing into it. Return: false when it is malformed. */
bool bundle_read(struct span bundle, struct source *sources, size_t max_sources, size_t *np);
