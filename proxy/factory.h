/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Factory: postern-socket as posternd sees it
 *
 * Started before the workers, whose ends of the channels it is handed. XXX For as long as posternd
 * restarts nothing: then both ends of each channel are kept, and given to the next postern-socket.
 *
 * Callers: proxy/house.c.
 */
#include <sys/types.h>

struct factory_role {
	pid_t pid;   /* 0: none, each proxy makes its own */
	int control; /* our end */
};

/* @mark: of what the sockets send. Return: 0, it was started; <0 errno. */
int factory_start(struct factory_role *f, unsigned mark);

/* Makes a worker's channels, and hands their sending ends over: *ends are the receiving ones. -1
 * each without postern-socket. Return: 0; <0 errno. */
int factory_channels(const struct factory_role *f, int ends[2]);
