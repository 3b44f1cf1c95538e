/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bundle: a rule set on its way to a role
 *
 * One block of octets: a header, then sections with kind, name and length: canonical rules text
 * with origin marks, canonical host text, set files, time zones. posternd writes it into a sealed
 * memfd; a role maps it and builds the rule set with the same parser. The reader takes it for
 * hostile: every length is checked.
 *
 *   bundle  = "PNBUNDLE" version[4] sections[4] size[8] { section }     numbers little-endian
 *   section = kind[4] error[4] name-size[4] zero[4] text-size[8] name NUL text
 *
 * Purity:  no allocation beyond what is handed in, no clock, no log, no syscall.
 */
#include "rules/rules.h"

#define BUNDLE_MAX      (256u << 20)
#define BUNDLE_NAME_MAX 4096 /* octets of a name */

/**
 * bundle_write() - everything a role needs
 * @sources: those @rs was built from; its set files and time zones are copied, its texts are
 * printed anew
 *
 * o->full: the block is too small, and what was written is of no use.
 */
void bundle_write(
	struct out *o, const struct ruleset *rs, const struct source *sources, size_t n_sources);

/* Sources out of a bundle, spans and names pointing into it, the rules text first. Return: false
 * when it is malformed. */
bool bundle_read(struct span bundle, struct source *sources, size_t max_sources, size_t *np);
