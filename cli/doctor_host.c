/* SPDX-License-Identifier: ISC */
/* Doctor: clocks and bounds of this host. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/doctor.h"

#define BACKLOG           4096 /* of posternd's listeners */
#define DESCRIPTORS_OTHER 100  /* of a proxy beside its sessions */

/* ---- schedules ---- */

/* Those of schedules are read with the rules: without them there would be errors. */
void doctor_zones(struct doctor *d)
{
	struct doctor_finding *f;

	for (size_t i = 0; i < d->rules->n_schedules; i++)
		doctor_tell(d, DOCTOR_OK, NULL, d->rules->schedules[i]->at,
			"schedule %s: the data of zone %s is there", d->rules->schedules[i]->name,
			d->rules->schedules[i]->zone);
	if (d->rules->n_schedules == 0)
		return;
	if (getenv("TZ") != NULL || access("/etc/localtime", R_OK) == 0)
		return;
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"the host's own zone is not known (/etc/localtime): \"explain --at\" takes UTC");
	doctor_advise(f, "say which, as in: timedatectl set-timezone Europe/London");
}

void doctor_clock(struct doctor *d)
{
	struct timex t = { .modes = 0 };
	const int state = adjtimex(&t);
	struct doctor_finding *f;

	if (state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE, "the clock is synchronised");
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"the clock is not synchronised: schedules, log times");
	doctor_type(f, "timedatectl set-ntp true");
}

/* ---- bounds ---- */

/* What the rules let in altogether; 0: a rule has no bound. */
static uint64_t sessions_allowed(const struct ruleset *rules)
{
	uint64_t all = 0;

	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct publish *p = rules->rules[i].publish;

		if (p != NULL && p->limits.connections_total == 0)
			return 0;
		all += p != NULL ? p->limits.connections_total : 0;
	}
	return all;
}

void doctor_descriptors(struct doctor *d)
{
	const uint64_t sessions = sessions_allowed(d->rules);
	const uint64_t needed = 2 * sessions + DESCRIPTORS_OTHER;
	struct rlimit limit = { 0 };
	struct doctor_finding *f;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= needed) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"descriptors are enough for %llu sessions of each proxy",
			(unsigned long long)(limit.rlim_max / 2));
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"the rules allow %llu sessions, and a proxy started from here may have %llu "
		"descriptors, two a session",
		(unsigned long long)sessions, (unsigned long long)limit.rlim_max);
	doctor_advise(f, "\"ulimit -Hn %llu\" before posternd, or LimitNOFILE=%llu in its unit",
		(unsigned long long)needed, (unsigned long long)needed);
}

static void examine_conntrack(struct doctor *d)
{
	uint64_t most, now = 0;
	struct doctor_finding *f;

	if (d->mode == MODE_DIRECT ||
		!doctor_proc_number("/proc/sys/net/netfilter/nf_conntrack_max", &most))
		return;
	doctor_proc_number("/proc/sys/net/netfilter/nf_conntrack_count", &now);
	if (most > 0 && now < most / 10 * 8 && most >= 2 * sessions_allowed(d->rules)) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"connection tracking holds %llu of %llu connections",
			(unsigned long long)now, (unsigned long long)most);
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"connection tracking is short: %llu of %llu connections, the rules allow %llu "
		"sessions",
		(unsigned long long)now, (unsigned long long)most,
		(unsigned long long)sessions_allowed(d->rules));
	doctor_type(f, "sysctl -w net.netfilter.nf_conntrack_max=%llu",
		(unsigned long long)(2 * most + 4 * sessions_allowed(d->rules)));
}

void doctor_queues(struct doctor *d)
{
	uint64_t most = 0;
	struct doctor_finding *f;

	examine_conntrack(d);
	doctor_proc_number("/proc/sys/net/core/somaxconn", &most);
	if (most >= BACKLOG) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"queues of new connections are as long as posternd asks "
			"(net.core.somaxconn %llu)",
			(unsigned long long)most);
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"queues of new connections are cut (net.core.somaxconn %llu, %d asked for)",
		(unsigned long long)most, BACKLOG);
	doctor_type(f, "sysctl -w net.core.somaxconn=%d", BACKLOG);
}
