/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Doctor in `mode managed`: lanes, and whether the kernel has their ways
 *
 * Where posternd runs its rules and numbers are examined, else those of the files with the numbers
 * that a posternd gives which starts anew.
 *
 * Callers: cli/doctor*.c.
 */
#include "cli/doctor.h"

/* Where it runs it has been asked. Decides d->mode where the files do not say one. */
void doctor_take_lanes(struct doctor *d);

/* Compares the kernel with the rules; sets d->in_force. */
void doctor_in_force(struct doctor *d);
