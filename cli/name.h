/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Words of the rules language for what a rule set holds, as JSON and explain say them
 *
 * Callers: cli/show_json.c, cli/explain*.c.
 */
#include "rules/ruleset.h"

const char *name_client_address(enum client_address how); /* "keep" */
const char *name_default(enum default_action action);     /* "refuse" */
const char *name_verb_action(enum verb_action action);    /* "deny" */
const char *name_set_kind(enum set_kind kind);            /* "addresses" */
