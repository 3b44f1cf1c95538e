/* SPDX-License-Identifier: ISC */
/* Doctor: does this host forward, for who needs it? */
#include "cli/doctor.h"
#include "rules/kernel/settings.h"

static const struct {
	const char *name, *what;
} families[] = { { "net.ipv4.ip_forward", "IPv4" }, { "net.ipv6.conf.all.forwarding", "IPv6" } };

/* Once for each family. @needed: by the sessions of a rule, else by what servers send besides. */
static void examine(struct doctor *d, enum kernel_setting setting, const struct publish *rule,
	struct rules_at at, bool needed)
{
	const char *name = families[setting].name, *what = families[setting].what;
	struct doctor_finding *f;
	uint64_t on = 0;

	if (d->told & 1u << setting)
		return;
	d->told |= 1u << setting;
	doctor_proc_number(settings_rows[setting].path, &on);
	if (on != 0) {
		doctor_tell(d, DOCTOR_OK, rule, at, "%s forwarding is on (%s %u)", what, name,
			(unsigned)on);
		return;
	}
	if (needed)
		f = doctor_tell(d, DOCTOR_FAULT, rule, at,
			"sessions that pass are not forwarded (%s 0)", name);
	else
		f = doctor_tell(d, DOCTOR_WARNING, rule, at,
			"servers whose default route is this host reach nobody else (%s 0)", name);
	doctor_type(f, "sysctl -w %s=1", name);
}

/* A posternd that starts turns it on by itself, and leaves alone what somebody turns off later. */
static void examine_passing(struct doctor *d)
{
	static const enum kernel_setting settings[] = { SETTING_FORWARD4, SETTING_FORWARD6 };
	struct setting_want want[SETTINGS];

	settings_want(&d->lanes, want);
	for (size_t i = 0; i < 2; i++)
		if (want[settings[i]].wanted && d->runs)
			examine(d, settings[i], NULL, want[settings[i]].at, true);
		else if (want[settings[i]].wanted)
			d->told |= 1u << settings[i];
}

static bool keeps(const struct publish *rule)
{
	return rule->client_address == CLIENT_KEEP;
}

static void examine_server(
	struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	examine(d, server->ip.family == IP_V6 ? SETTING_FORWARD6 : SETTING_FORWARD4, rule, rule->at,
		false);
}

void doctor_forwarding(struct doctor *d)
{
	d->told = 0;
	if (d->mode == MODE_MANAGED)
		examine_passing(d);
	doctor_each_internal(d, keeps, examine_server);
}
