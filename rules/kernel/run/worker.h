/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Worker: the half of postern-kernel that waits for programs
 *
 * A process of its own, so that the other half answers posternd whatever iptables is doing. Takes
 * one job at a time and gives one answer to each; holds the lock while it works.
 *
 *   KERNEL_APPLY, KERNEL_PUT_BACK   as of posternd; answer KERNEL_DONE
 *   WORKER_LOOK                     is everything as it should be? answer KERNEL_CHANGED, with an
 *                                   empty text when there is nothing to tell
 *
 * It ends with the other half, and a program it runs ends with it: at once where the other half is
 * killed, and before the other half does where that leaves in order.
 *
 * Callers: rules/kernel/run/main.c.
 */
#include "base/msg.h"
#include "rules/kernel/run/roles.h"

enum { WORKER_LOOK = 128 };

/* Body of KERNEL_DONE and KERNEL_CHANGED. */
struct worker_answer {
	uint32_t result; /* enum kernel_result or kernel_repair */
	char text[KERNEL_TEXT_MAX];
};

/* Starts it. @controlp: our end of a pair of messages. Return: the process; <0 errno. */
int worker_start(int *controlp);

/* Ends it and what it runs, and waits for them: whoever waits for us finds none of us left. */
void worker_end(int pid);
