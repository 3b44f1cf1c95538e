/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Reading one file that the administrator trusts and nobody else may write
 *
 * Private to rules/load.
 */
#include "base/arena.h"
#include "rules/source.h"

/**
 * read_source() - the text of a file
 * @path: where it is
 * @max:  octets
 * @s:    text, or error and problem, are filled in; the text lives in the arena
 *
 * Opens nothing that could block, takes only regular files. A file that everybody may write, or a
 * group other than root's, is refused (EPERM): whoever may write the rules is who decides what
 * passes.
 *
 * Return: false when the arena is full.
 */
bool read_source(struct arena *arena, const char *path, size_t max, struct source *s);
