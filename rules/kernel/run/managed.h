/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Managed: everything that "mode managed" keeps in the kernel, as one
 *
 * Sets, tables, routing and settings go in together or not at all, in the order in which each
 * finds what it needs and no door opens before the standing drop is there: sets, accounting, drop,
 * routing, ways, forwarding. They are taken out the other way round.
 *
 * Owns:    the texts that are in force, until managed_free().
 * Callers: rules/kernel/run/worker.c; cli/firewall.c takes out. Who calls holds the lock.
 */
#include "rules/kernel/run/apply.h"
#include "rules/kernel/run/roles.h"
#include "rules/kernel/settings.h"

struct managed {
	bool in_force;
	struct apply_wanted wanted;
	struct setting_want settings[SETTINGS];
	bool left[SETTINGS]; /* told to be another one's, and left so */
};

/* @want: of settings_want(). What was in force stays what managed_look() goes by unless it is
 * KERNEL_IS_DONE. */
enum kernel_result managed_apply(struct managed *m, const struct kernel_plan *plan,
	const struct setting_want want[SETTINGS], struct out *text);

/**
 * managed_look() - is it still so? If not, it is made so again
 * @text: what differed; each setting that differs once
 *
 * A setting is not written: whoever changed it may have had a reason, and says so to
 * `postern apply` if not.
 *
 * Return: true, and nothing in @text: all is well, or what is not was told before.
 */
bool managed_look(struct managed *m, enum kernel_repair *repairp, struct out *text);

/* Takes everything out: of @m's or anybody's. */
enum kernel_result managed_put_back(struct out *text);

void managed_free(struct managed *m);
