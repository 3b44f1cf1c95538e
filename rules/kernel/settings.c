/* SPDX-License-Identifier: ISC */
#include "rules/kernel/settings.h"

#define VALUE_MAX UINT32_MAX

const struct settings_row settings_rows[SETTINGS] = {
	[SETTING_FORWARD4] = { "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward", true },
	[SETTING_FORWARD6] = { "net.ipv6.conf.all.forwarding",
		"/proc/sys/net/ipv6/conf/all/forwarding", true },
	[SETTING_ACCOUNTING] = { "net.netfilter.nf_conntrack_acct",
		"/proc/sys/net/netfilter/nf_conntrack_acct", false },
	[SETTING_TIMESTAMP] = { "net.netfilter.nf_conntrack_timestamp",
		"/proc/sys/net/netfilter/nf_conntrack_timestamp", false },
};

static void want_one(struct setting_want *w, struct rules_at at)
{
	if (!w->wanted)
		w->at = at;
	w->wanted = true;
}

static void want_family(
	struct setting_want *want, enum ip_family family, bool any, struct rules_at at)
{
	if (any || family == IP_V4)
		want_one(&want[SETTING_FORWARD4], at);
	if (any || family == IP_V6)
		want_one(&want[SETTING_FORWARD6], at);
}

void settings_want(const struct lanes *lanes, struct setting_want want[SETTINGS])
{
	for (size_t i = 0; i < SETTINGS; i++)
		want[i] = (struct setting_want){ 0 };
	for (size_t i = 0; i < lanes->n; i++) {
		const struct lane *l = &lanes->list[i];
		const struct publish *p = l->rule;

		if (l->kind == LANE_PASS)
			want_family(want, p->internal[l->internal].addr.ip.family, false, p->at);
		for (size_t j = 0; l->kind == LANE_ASIS && j < p->n_external; j++)
			want_family(want, p->external[j].addr.ip.family, p->external[j].any, p->at);
		if (l->kind == LANE_PROXY)
			continue;
		want_one(&want[SETTING_ACCOUNTING], p->at);
		want_one(&want[SETTING_TIMESTAMP], p->at);
	}
}

void setting_print(struct out *o, const struct setting_memory *m)
{
	out_str(o, settings_rows[m->setting].name);
	out_octet(o, ' ');
	out_u64(o, m->before);
	out_octet(o, ' ');
	out_u64(o, m->ours);
}

static bool find(struct span name, enum kernel_setting *settingp)
{
	for (enum kernel_setting s = 0; s < SETTINGS; s++)
		if (span_eq(name, span_str(settings_rows[s].name))) {
			*settingp = s;
			return true;
		}
	return false;
}

/* The word before the next blank, and what follows that. */
static struct span word(struct span *rest)
{
	const struct span w = span_sub(*rest, 0, span_chr(*rest, ' '));

	*rest = span_from(*rest, w.n + 1);
	return w;
}

/* As printed: so that what is read is also what would be written. */
static bool number(struct span s, uint64_t *vp)
{
	return span_u64(s, VALUE_MAX, vp) && (s.n == 1 || s.p[0] != '0');
}

bool setting_parse(struct span line, struct setting_memory *m)
{
	struct setting_memory got = { 0 };
	struct span rest = line;
	const struct span name = word(&rest), before = word(&rest);

	if (!find(name, &got.setting) || !number(before, &got.before) || !number(rest, &got.ours))
		return false;
	*m = got;
	return true;
}

struct setting_memory setting_remember(
	const struct setting_memory *m, enum kernel_setting setting, uint64_t now, uint64_t ours)
{
	if (m != NULL && now == m->ours)
		return (struct setting_memory){ setting, m->before, ours };
	return (struct setting_memory){ setting, now, ours };
}

bool setting_value(struct span text, uint64_t *valuep)
{
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	return span_u64(text, VALUE_MAX, valuep);
}
