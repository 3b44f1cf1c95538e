/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sealed memory that is handed from process to process
 *
 * Who receives it may read it without fear that the sender still shrinks it, or, but for rooms,
 * changes it: seals and size are checked before it is mapped.
 *
 * Callers: posternd (writes bundles, makes rooms), roles (map them).
 */
#include "base/span.h"

enum {
	MEMFD_E_UNSEALED = 1, /* no memfd, or somebody could still change it */
	MEMFD_E_SIZE,         /* empty, or larger than allowed; a room: another one than said */
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

/* A room: a file in memory of @size octets, zeroed, that can be written and never changes its size.
 * What was not touched yet takes no memory. Return: its descriptor, closed on exec; <0 errno. */
int memfd_room(const char *name, size_t size);

/* Maps a room for reading, or also for writing. @roomp: until munmap(2); the descriptor may be
 * closed. Others may write there at any time. Return: 0; MEMFD_E_*; <0 errno. */
int memfd_map_room(int fd, size_t size, bool write, void **roomp);
