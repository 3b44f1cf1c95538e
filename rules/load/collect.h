/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Which files make up a configuration, and their text
 *
 * Private to rules/load.
 */
#include "rules/rules.h"

/**
 * collect() - the sources of rules_build()
 * @dir: configuration folder
 * @top: rules text that is in memory already, or NULL: rules.conf of @dir
 * @host: postern.conf of @dir, too; it may be missing
 *
 * What cannot be read is among them all the same, with its error. Every file is read once; the list
 * ends at SOURCES_MAX.
 *
 * Return: RULES_OK, RULES_E_ARENA.
 */
int collect(struct arena *arena, const char *dir, const struct source *top, bool host,
	const struct source **sourcesp, size_t *np);
