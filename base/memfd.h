/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sealed memory that is handed from process to process
 *
 * Who receives it may read it without fear that the sender still changes or shrinks it: seals and
 * size are checked before it is mapped.
 *
 * Callers: posternd (writes bundles), roles (map them).
 */
#include "base/span.h"

enum {
	MEMFD_E_UNSEALED = 1, /* no memfd, or somebody could still change it */
	MEMFD_E_SIZE,         /* empty, or larger than allowed */
};

/**
 * memfd_sealed() - a file in memory that holds @content and can no longer be changed
 * @name: shown in /proc
 *
 * Return: its descriptor, closed on exec; <0 errno.
 */
int memfd_sealed(const char *name, struct span content);

/**
 * memfd_map() - map what came by a descriptor, read-only
 * @max:      octets
 * @contentp: until memfd_unmap(); the descriptor may be closed
 *
 * Return: 0; MEMFD_E_*; <0 errno.
 */
int memfd_map(int fd, size_t max, struct span *contentp);

void memfd_unmap(struct span content);
