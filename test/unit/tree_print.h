/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A syntax tree as one line of text, for tests of parsing
 *
 * Words parted by blanks, quoted ones in quotes (escaped), "!" before a faulty statement, ";"
 * behind each, blocks in braces. Places are left out: two texts of one meaning give one line.
 */
#include "rules/tree.h"

void tree_print(struct out *o, const struct statement *list);
