/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The first rule of a rules text, for tests that need one; of a relay its front
 *
 * Callers: test/unit.
 */
#include "rules/ruleset.h"

/* Built anew at each call; the last one stays valid. A text that does not build fails the test. */
const struct publish *rule_of(struct span text);
