/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/managed.h"

#include <stdio.h>
#include <string.h>

#include "rules/kernel/run/sets.h"
#include "rules/kernel/run/sysctl.h"

/* What apply.h's functions return beside their text. */
static void tell_errno(struct out *text, int r)
{
	if (r >= 0)
		return;
	out_str(text, strerror(-r));
	out_octet(text, '\n');
}

static int open_kernel(struct netlink *nl, struct out *text)
{
	const int r = netlink_open(nl, NETLINK_NETFILTER);

	if (r < 0)
		out_str(text, "netlink: ");
	tell_errno(text, r);
	return r;
}

static int make_sets(struct netlink *nl, unsigned *madep, struct out *text)
{
	const int r = sets_make(nl, madep);

	if (r == 0)
		return 0;
	out_str(text, "sets POSTERN-BANS4 and POSTERN-BANS6: ");
	out_str(text, sets_problem(r));
	out_octet(text, '\n');
	return r;
}

/* ---- apply ---- */

struct step {
	struct netlink *nl;
	struct apply_seen seen;
	struct apply_wanted wanted;
	struct sysctl_change sysctl;
	unsigned made;         /* sets */
	bool tables, settings; /* as far as it came */
};

static int bring(struct step *s, const struct setting_want want[SETTINGS], struct out *text)
{
	int r = make_sets(s->nl, &s->made, text);

	if (r == 0)
		r = sysctl_see(s->nl, &s->sysctl);
	if (r == 0) { /* a line with connbytes turns accounting on: its old value is seen before */
		s->settings = true;
		r = sysctl_bring(s->nl, want, false, &s->sysctl, text);
	}
	if (r == 0) {
		s->tables = true;
		r = apply_bring_in(&s->seen, &s->wanted, text);
	}
	if (r == 0)
		r = apply_remove_nft(text); /* of "mode external" */
	if (r == 0)
		r = sysctl_bring(s->nl, want, true, &s->sysctl, text);
	return r;
}

static enum kernel_result take_back(struct step *s, struct out *text)
{
	if (s->settings)
		sysctl_undo(s->nl, &s->sysctl, text);
	if (s->tables && apply_take_back(&s->seen, text) != 0)
		return KERNEL_BROKEN;
	if (!s->tables)
		out_str(text, "everything is as it was before\n");
	if (s->made == 2) /* the rules of before did without */
		sets_unmake(s->nl);
	return KERNEL_FAILED;
}

static enum kernel_result apply(struct step *s, const struct kernel_plan *plan,
	const struct setting_want want[SETTINGS], struct out *text)
{
	int r = apply_see(&s->seen, text);

	if (r == 0)
		r = apply_want(&s->seen, plan, &s->wanted);
	if (r != 0) {
		tell_errno(text, r);
		out_str(text, "nothing was changed\n");
		return KERNEL_FAILED;
	}
	r = bring(s, want, text);
	tell_errno(text, r);
	return r == 0 ? KERNEL_IS_DONE : take_back(s, text);
}

static void put_in_force(
	struct managed *m, struct step *s, const struct setting_want want[SETTINGS])
{
	managed_free(m);
	m->in_force = true;
	m->wanted = s->wanted;
	s->wanted = (struct apply_wanted){ 0 };
	for (size_t i = 0; i < SETTINGS; i++)
		m->settings[i] = want[i];
}

static enum kernel_result apply_once(struct managed *m, const struct kernel_plan *plan,
	const struct setting_want want[SETTINGS], struct out *text)
{
	struct netlink nl;
	struct step s = { .nl = &nl };
	enum kernel_result result;

	if (open_kernel(&nl, text) < 0)
		return KERNEL_FAILED;
	result = apply(&s, plan, want, text);
	if (result == KERNEL_IS_DONE)
		put_in_force(m, &s, want);
	apply_wanted_free(&s.wanted);
	apply_unsee(&s.seen);
	netlink_close(&nl);
	return result;
}

/* Once more, since somebody may have been in the middle of a change of his own. */
enum kernel_result managed_apply(struct managed *m, const struct kernel_plan *plan,
	const struct setting_want want[SETTINGS], struct out *text)
{
	const size_t begun = text->n;
	const enum kernel_result first = apply_once(m, plan, want, text);

	if (first != KERNEL_FAILED)
		return first;
	text->n = begun;
	text->full = false;
	return apply_once(m, plan, want, text);
}

/* ---- look ---- */

static bool look_at_settings(struct managed *m, struct out *text)
{
	bool told = false;

	for (enum kernel_setting s = 0; s < SETTINGS; s++) {
		const bool right = sysctl_is_right(s, &m->settings[s]);

		if (!right && !m->left[s]) {
			out_str(text, settings_rows[s].name);
			out_str(text,
				": not 1 any more; left so, \"postern apply\" sets it again\n");
			told = true;
		}
		m->left[s] = !right;
	}
	return told;
}

static enum kernel_repair repair(
	struct managed *m, struct netlink *nl, const struct apply_seen *seen, struct out *text)
{
	unsigned made = 0;
	int r = make_sets(nl, &made, text);

	if (r == 0)
		r = apply_bring_in(seen, &m->wanted, text);
	tell_errno(text, r);
	if (r != 0)
		return KERNEL_UNREPAIRED;
	return made > 0 ? KERNEL_BANS_LOST : KERNEL_REPAIRED;
}

/* Somebody who is in the middle of his own change takes away what was just seen: so a repair that
 * fails begins anew, with what is there now. */
#define ATTEMPTS 3

/* Return: all is well. */
static bool attempt(
	struct managed *m, struct netlink *nl, enum kernel_repair *repairp, struct out *text)
{
	struct apply_seen seen;
	const int r = apply_see(&seen, text);
	bool well = false;

	*repairp = KERNEL_LEFT;
	if (r != 0) {
		tell_errno(text, r);
		*repairp = KERNEL_UNREPAIRED;
	} else {
		well = !apply_differ(&seen, &m->wanted, text);
		if (!well)
			*repairp = repair(m, nl, &seen, text);
	}
	apply_unsee(&seen);
	return well;
}

static bool look_at_rules(
	struct managed *m, struct netlink *nl, enum kernel_repair *repairp, struct out *text)
{
	const size_t begun = text->n;
	bool well = attempt(m, nl, repairp, text);

	for (int i = 1; !well && *repairp == KERNEL_UNREPAIRED && i < ATTEMPTS; i++) {
		text->n = begun;
		text->full = false;
		well = attempt(m, nl, repairp, text);
	}
	return well;
}

bool managed_look(struct managed *m, enum kernel_repair *repairp, struct out *text)
{
	struct netlink nl;
	bool told, well;

	if (!m->in_force)
		return true;
	*repairp = KERNEL_UNREPAIRED;
	if (open_kernel(&nl, text) < 0)
		return false;
	told = look_at_settings(m, text);
	well = look_at_rules(m, &nl, repairp, text);
	netlink_close(&nl);
	return well && !told;
}

/* ---- out ---- */

enum kernel_result managed_put_back(struct out *text)
{
	struct netlink nl;
	int settings, rules, nft, sets;

	if (open_kernel(&nl, text) < 0)
		return KERNEL_BROKEN;
	settings = sysctl_put_back(&nl, text);
	rules = apply_remove_iptables(text);
	tell_errno(text, rules);
	nft = apply_remove_nft(text);
	tell_errno(text, nft);
	sets = rules == 0 ? sets_unmake(&nl) : 0;
	if (sets != 0) {
		out_str(text, "sets POSTERN-BANS4 and POSTERN-BANS6: ");
		out_str(text, sets_problem(sets));
		out_octet(text, '\n');
	}
	netlink_close(&nl);
	return settings == 0 && rules == 0 && nft == 0 && sets == 0 ? KERNEL_IS_DONE
								    : KERNEL_BROKEN;
}

void managed_free(struct managed *m)
{
	apply_wanted_free(&m->wanted);
	*m = (struct managed){ 0 };
}
