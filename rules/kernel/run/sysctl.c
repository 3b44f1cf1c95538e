/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "rules/kernel/run/sets.h"

#define OURS 1 /* of all of them */

static int get(enum kernel_setting s, uint64_t *valuep)
{
	const int fd = open(settings_rows[s].path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && setting_value(span_of(text, (size_t)n), valuep) ? 0 : -EIO;
}

static int set(enum kernel_setting s, uint64_t value)
{
	const int fd = open(settings_rows[s].path, O_WRONLY | O_CLOEXEC);
	char text[32];
	struct out o;
	int r;

	if (fd < 0)
		return -errno;
	out_init(&o, text, sizeof(text));
	out_u64(&o, value);
	r = write(fd, o.p, o.n) == (ssize_t)o.n ? 0 : -errno;
	close(fd);
	return r;
}

bool sysctl_is_right(enum kernel_setting s, const struct setting_want *want)
{
	uint64_t now;

	return !want->wanted || get(s, &now) < 0 || now == OURS;
}

/* ---- what is told ---- */

static void tell_change(struct out *o, enum kernel_setting s, uint64_t from, uint64_t to)
{
	out_str(o, settings_rows[s].name);
	out_str(o, ": ");
	out_u64(o, from);
	out_str(o, " -> ");
	out_u64(o, to);
}

static void tell_rule(struct out *o, const struct rules_at *at)
{
	if (at->line == 0)
		return;
	out_str(o, ", for the rule at ");
	out_escaped(o, span_str(at->file), 200);
	out_octet(o, ':');
	out_u64(o, at->line);
}

static void tell_brought(
	struct out *o, enum kernel_setting s, uint64_t from, const struct setting_want *want)
{
	tell_change(o, s, from, OURS);
	tell_rule(o, &want->at);
	if (s == SETTING_FORWARD6)
		out_str(o, " (interfaces with accept_ra 1 take no router advertisements any more: "
			   "give them accept_ra 2 where the route comes by these)");
	out_octet(o, '\n');
}

static void tell_failure(
	struct out *o, enum kernel_setting s, int r, const struct setting_want *want)
{
	out_str(o, settings_rows[s].name);
	out_str(o, " cannot be set to 1");
	tell_rule(o, &want->at);
	out_str(o, ": ");
	out_str(o, strerror(-r));
	out_str(o, settings_rows[s].needed
			   ? " (set it in /etc/sysctl.d, where a container or its host allows)\n"
			   : ": the log will not say how much passed sessions carried\n");
}

/* ---- bringing ---- */

static int remember(struct netlink *nl, const struct before *b, enum kernel_setting s, uint64_t now)
{
	const struct setting_memory m =
		setting_remember(b->has[s] ? &b->memory[s] : NULL, s, now, OURS);
	const int r = before_make(nl);

	return r ? r : before_put(nl, &m);
}

static int bring_one(struct netlink *nl, enum kernel_setting s, const struct setting_want *want,
	struct sysctl_change *c, struct out *text)
{
	uint64_t now;
	int r = get(s, &now), e;

	if (r == 0 && now == OURS)
		return 0;
	if (r == 0) {
		e = remember(nl, &c->before, s, now);
		if (e != 0) {
			out_str(text, "set POSTERN-BEFORE: ");
			out_str(text, sets_problem(e));
			out_octet(text, '\n');
			return e;
		}
		c->old[s] = now;
		c->changed[s] = true;
		r = set(s, OURS);
	}
	if (r == 0) {
		tell_brought(text, s, now, want);
		return 0;
	}
	tell_failure(text, s, r, want);
	return settings_rows[s].needed && r != -ENOENT ? SYSCTL_E_NEEDED : 0;
}

static int put_back_one(struct netlink *nl, const struct setting_memory *m, struct sysctl_change *c,
	struct out *text)
{
	const enum kernel_setting s = m->setting;
	uint64_t now;
	int r = get(s, &now);

	if (r == -ENOENT) /* its module is gone, and the value with it */
		return before_drop(nl, s);
	if (r == 0 && now != m->ours) {
		out_str(text, settings_rows[s].name);
		out_str(text, " is left as it is: somebody has set it to ");
		out_u64(text, now);
		out_octet(text, '\n');
		return before_drop(nl, s);
	}
	if (r == 0)
		r = set(s, m->before);
	if (r < 0) {
		out_str(text, settings_rows[s].name);
		out_str(text, " cannot be put back to ");
		out_u64(text, m->before);
		out_str(text, ": ");
		out_str(text, strerror(-r));
		out_octet(text, '\n');
		return r;
	}
	tell_change(text, s, now, m->before);
	out_str(text, ", as it was before\n");
	c->old[s] = now;
	c->changed[s] = true;
	return before_drop(nl, s);
}

int sysctl_see(struct netlink *nl, struct sysctl_change *c)
{
	*c = (struct sysctl_change){ 0 };
	return before_read(nl, &c->before);
}

int sysctl_bring(struct netlink *nl, const struct setting_want want[SETTINGS], bool needed,
	struct sysctl_change *c, struct out *text)
{
	int r = 0;

	for (enum kernel_setting s = 0; r == 0 && s < SETTINGS; s++) {
		if (settings_rows[s].needed != needed)
			continue;
		if (want[s].wanted)
			r = bring_one(nl, s, &want[s], c, text);
		else if (c->before.has[s])
			r = put_back_one(nl, &c->before.memory[s], c, text);
	}
	return r;
}

/* In the order opposite to that of the changes; the memory last, as it came first. */
void sysctl_undo(struct netlink *nl, const struct sysctl_change *c, struct out *text)
{
	for (unsigned i = SETTINGS; i-- > 0;) {
		const enum kernel_setting s = i;
		int r;

		if (!c->changed[s])
			continue;
		r = set(s, c->old[s]);
		if (r < 0)
			tell_failure(text, s, r, &(struct setting_want){ 0 });
		else if (c->before.has[s])
			before_put(nl, &c->before.memory[s]);
		else
			before_drop(nl, s);
	}
}

int sysctl_put_back(struct netlink *nl, struct out *text)
{
	struct sysctl_change c = { 0 };
	int first = before_read(nl, &c.before);

	for (enum kernel_setting s = 0; s < SETTINGS; s++) {
		const int r = c.before.has[s] ? put_back_one(nl, &c.before.memory[s], &c, text) : 0;

		first = first ? first : r;
	}
	return first ? first : before_unmake(nl);
}
