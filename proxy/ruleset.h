/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The rule set of a role, out of the bundle posternd sealed
 *
 * Callers: proxy/main.c.
 */
#include "rules/ruleset.h"

/* Lives as long as the process. NULL: no bundle, or not one of ours; standard error says why. */
const struct ruleset *ruleset_from_bundle(int fd);
