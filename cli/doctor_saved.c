/* SPDX-License-Identifier: ISC */
/* Doctor: rules of ours in a file that is loaded when the host starts, before there are our sets.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/doctor_run.h"
#include "rules/kernel/plan.h"

#define PLUGIN "/usr/share/netfilter-persistent/plugins.d/10-postern" /* makes the sets first */

static void examine_file(struct doctor *d, const char *path)
{
	size_t n;
	char *text = run_read(path, &n);
	const bool names_sets = text != NULL && memmem(text, n, "POSTERN-BANS", 12) != NULL;
	struct doctor_finding *f;

	free(text);
	if (!names_sets || access(PLUGIN, X_OK) == 0)
		return;
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"%s holds saved rules of Postern's that name its sets: when the host starts there "
		"are none yet, and netfilter-persistent loads no rule of that file; "
		"scripts/integration has a plugin that makes them first",
		path);
	doctor_type(f, "sed -i.bak /POSTERN-/d %s", path);
}

void doctor_saved(struct doctor *d)
{
	examine_file(d, "/etc/iptables/rules.v4");
	examine_file(d, "/etc/iptables/rules.v6");
}
