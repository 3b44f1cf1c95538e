/* SPDX-License-Identifier: ISC */
/* Doctor: can the kernel, and the programs that drive it, do what "mode managed" asks of them? */
#include <string.h>

#include "cli/doctor.h"
#include "rules/kernel/run/program.h"

#define SET_OF_NOBODY "POSTERN-DOCTOR" /* looked for, and not there */

/* Each is asked for a rule that is not there: whoever can tell so knows all words of it. */
static const struct part {
	const char *what;
	const char *argv[20];
} parts[] = {
	{ "NFQUEUE", { "-t", "mangle", "-C", "PREROUTING", "-j", "NFQUEUE", "--queue-num", "1" } },
	{ "connmark", { "-t", "mangle", "-C", "PREROUTING", "-m", "connmark", "--mark", "0x1/0x1",
			      "-j", "CONNMARK", "--save-mark" } },
	{ "hashlimit", { "-t", "mangle", "-C", "PREROUTING", "-m", "hashlimit", "--hashlimit-above",
			       "9/sec", "--hashlimit-mode", "srcip", "--hashlimit-name", "postern0",
			       "-j", "DROP" } },
	{ "conntrack", { "-C", "FORWARD", "-p", "tcp", "-m", "conntrack", "--ctorigdstport", "1",
			       "-j", "REJECT", "--reject-with", "tcp-reset" } },
	{ "REDIRECT", { "-t", "nat", "-C", "PREROUTING", "-p", "tcp", "-j", "REDIRECT",
			      "--to-ports", "1" } },
	{ "TPROXY", { "-t", "mangle", "-C", "PREROUTING", "-p", "tcp", "-j", "TPROXY", "--on-port",
			    "1" } },
	{ "socket", { "-t", "mangle", "-C", "PREROUTING", "-m", "socket", "--transparent", "-j",
			    "MARK", "--set-xmark", "0x1/0x1" } },
	{ "set", { "-t", "raw", "-C", "PREROUTING", "-m", "set", "--match-set", SET_OF_NOBODY,
			 "src", "-j", "DROP" } },
};

static bool says(const struct program *p, const char *text)
{
	return p->err.n > 0 && memmem(p->err.p, p->err.n, text, strlen(text)) != NULL;
}

/* 1: it understood, and there is no such rule. A set that is not there was looked for. */
static bool is_known(const struct program *p)
{
	if (says(p, "missing kernel module") || p->status == PROGRAM_MISSING)
		return false;
	return p->status <= 1 || says(p, "Set " SET_OF_NOBODY " doesn't exist");
}

static bool is_wanted(const struct doctor *d, const struct part *part)
{
	const bool tproxy = d->host->intercept == INTERCEPT_TPROXY;

	if (strcmp(part->what, "REDIRECT") == 0)
		return !tproxy;
	return strcmp(part->what, "TPROXY") != 0 || tproxy;
}

static void tell_unknown(
	struct doctor *d, enum ip_family family, const struct part *part, const struct program *p)
{
	char line[DOCTOR_LINE_MAX];
	struct doctor_finding *f;

	f = doctor_tell(d, DOCTOR_FAULT, NULL, DOCTOR_NOWHERE, "%s or the kernel has no %s: %s",
		doctor_iptables(family), part->what,
		doctor_line(line, span_sub(p->err, 0, span_chr(p->err, '\n'))));
	doctor_advise(f,
		"have the kernel's modules for xt_%s there (\"modprobe xt_%s\" says what is "
		"missing), and Debian's iptables",
		part->what, part->what);
}

static bool examine_part(struct doctor *d, enum ip_family family, const struct part *part)
{
	const char *argv[24] = { doctor_iptables(family) };
	struct program p = { 0 };
	bool known;

	for (size_t i = 0; part->argv[i] != NULL; i++)
		argv[i + 1] = part->argv[i];
	if (program_run(&p, argv, SPAN("")) < 0)
		return false;
	known = is_known(&p);
	if (!known)
		tell_unknown(d, family, part, &p);
	program_free(&p);
	return known;
}

/* Only the one of nf_tables may be used by who is not root, as postern-kernel is. */
static bool examine_version(struct doctor *d, enum ip_family family)
{
	const char *name = doctor_iptables(family);
	const char *const argv[] = { name, "--version", NULL };
	struct program p = { 0 };
	struct doctor_finding *f;
	bool missing, legacy;

	missing = program_run(&p, argv, SPAN("")) < 0 || p.status != 0;
	legacy = !missing && p.out.n > 0 && memmem(p.out.p, p.out.n, "legacy", 6) != NULL;
	program_free(&p);
	if (missing) {
		f = doctor_tell(d, DOCTOR_FAULT, NULL, DOCTOR_NOWHERE, "%s cannot be run", name);
		doctor_type(f, "apt install iptables");
	} else if (legacy) {
		f = doctor_tell(d, DOCTOR_FAULT, NULL, DOCTOR_NOWHERE,
			"%s is iptables-legacy, which \"mode managed\" cannot use", name);
		doctor_type(f, "update-alternatives --set %s /usr/sbin/%s-nft", name, name);
	}
	return !missing && !legacy;
}

void doctor_tools(struct doctor *d)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	bool well = true;

	for (size_t i = 0; i < 2; i++) {
		if (!examine_version(d, families[i])) {
			well = false;
			continue;
		}
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			if (is_wanted(d, &parts[k]) && !examine_part(d, families[i], &parts[k]))
				well = false;
	}
	if (well)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"iptables and the kernel have all that the rules need");
}
