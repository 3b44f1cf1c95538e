/* SPDX-License-Identifier: ISC */
/* Doctor: users, sandbox and folders of the programs. */
#include <errno.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/role.h"
#include "cli/doctor.h"
#include "log/place.h"

#define LOG_MAX_USUAL ((uint64_t)1 << 30) /* as posternd has it, unless said */

/* Must all layers be had? As posternd decides, started by who asks. */
static bool is_required(const struct doctor *d)
{
	return d->host->require_sandbox == SAID_YES ||
	       (d->root && d->host->require_sandbox != SAID_NO);
}

static enum doctor_level worse(const struct doctor *d)
{
	return is_required(d) ? DOCTOR_FAULT : DOCTOR_WARNING;
}

/* ---- users ---- */

static void examine_user(struct doctor *d, const char *name, struct rules_at at)
{
	const struct passwd *p = getpwnam(name);
	struct doctor_finding *f;

	if (p != NULL && p->pw_uid != 0 && p->pw_gid != 0) {
		doctor_tell(
			d, DOCTOR_OK, NULL, at, "user %s is there (%u)", name, (unsigned)p->pw_uid);
		return;
	}
	f = doctor_tell(d, worse(d), NULL, at,
		p == NULL ? "there is no user \"%s\"" : "user \"%s\" is root, or in root's group",
		name);
	if (p == NULL)
		doctor_type(f,
			"useradd --system --user-group --no-create-home --shell "
			"/usr/sbin/nologin %s",
			name);
	else
		doctor_advise(f, "name another one by \"user\" in postern.conf");
}

void doctor_users(struct doctor *d)
{
	if (d->host->user != NULL) {
		examine_user(d, d->host->user, d->said->user_at);
		return;
	}
	if (!d->root && !d->runs) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"not started by root, the programs stay the user who starts them");
		return;
	}
	for (enum role_id role = ROLE_LOG; role < ROLE_IDS; role++)
		if (role_user(role))
			examine_user(d, role_user(role), DOCTOR_NOWHERE);
}

/* ---- the kernel ---- */

static void examine_landlock(struct doctor *d)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct doctor_finding *f;

	if (version > 0) {
		doctor_tell(
			d, DOCTOR_OK, NULL, DOCTOR_NOWHERE, "the kernel has Landlock %ld", version);
		return;
	}
	f = doctor_tell(d, worse(d), NULL, d->said->require_sandbox_at,
		"the kernel has no Landlock, or does not let us use it (%s)", strerror(errno));
	doctor_advise(f, "add landlock to \"lsm=\" of the kernel's command line, or say "
			 "\"require-sandbox no\" in postern.conf");
}

void doctor_kernel(struct doctor *d)
{
	struct doctor_finding *f;

	examine_landlock(d);
	if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE, "the kernel has seccomp filters");
		return;
	}
	f = doctor_tell(d, worse(d), NULL, d->said->require_sandbox_at,
		"the kernel has no seccomp filters");
	doctor_advise(f, "use a kernel with CONFIG_SECCOMP_FILTER, or say \"require-sandbox no\" "
			 "in postern.conf");
}

/* ---- folders ---- */

static uint64_t log_max(const struct hostconf *host)
{
	for (size_t i = 0; i < host->n_logs; i++)
		if (host->logs[i].format == LOG_JSON && host->logs[i].max_octets > 0)
			return host->logs[i].max_octets;
	return LOG_MAX_USUAL;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* @file: the log itself, in @folder. */
static void examine_space(struct doctor *d, const char *folder, const char *file)
{
	const uint64_t most = log_max(d->host), have = file_size(file);
	const uint64_t needed = have < most ? most - have : 0;
	struct doctor_finding *f;
	struct statvfs disk;
	uint64_t left;

	if (statvfs(folder, &disk) < 0)
		return;
	left = (uint64_t)disk.f_bavail * disk.f_frsize;
	if (left >= needed) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"%s: %llu MiB left on the disk, the log may take %llu more", folder,
			(unsigned long long)(left >> 20), (unsigned long long)(needed >> 20));
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"%s: %llu MiB left on the disk, the log may take %llu more; what does not fit is "
		"dropped",
		folder, (unsigned long long)(left >> 20), (unsigned long long)(needed >> 20));
	doctor_advise(f, "make room, or say a smaller one: log json max %lluMiB",
		(unsigned long long)((have + left / 2) >> 20));
}

/* Others could put their own files in place of ours. False: it is not usable. */
static bool examine_folder(struct doctor *d, const char *path, const char *what, bool is_made)
{
	struct doctor_finding *f;
	struct stat st;

	if (stat(path, &st) < 0) {
		const int error = errno;

		if (error == ENOENT && is_made)
			doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
				"%s %s is not there yet: posternd makes it", what, path);
		else
			doctor_type(doctor_tell(d, error == EACCES ? DOCTOR_SKIPPED : DOCTOR_FAULT,
					    NULL, DOCTOR_NOWHERE, "%s %s: %s", what, path,
					    strerror(error)),
				error == EACCES ? "sudo postern doctor" : "install -d -m 0750 %s",
				path);
		return false;
	}
	if (S_ISDIR(st.st_mode) && (st.st_mode & S_IWOTH) == 0)
		return true;
	f = doctor_tell(d, DOCTOR_FAULT, NULL, DOCTOR_NOWHERE,
		S_ISDIR(st.st_mode) ? "%s %s: everybody may write there" : "%s %s is no folder",
		what, path);
	if (S_ISDIR(st.st_mode))
		doctor_type(f, "chmod o-w %s", path);
	else
		doctor_advise(f, "name another one in postern.conf");
	return false;
}

void doctor_folders(struct doctor *d)
{
	char state[LOG_PLACE_MAX], file[LOG_PLACE_MAX], folder[LOG_PLACE_MAX], *slash;
	struct out o;

	out_init(&o, state, sizeof(state));
	log_place_state(&o, d->host, d->c->dir);
	out_cstr(&o);
	out_init(&o, file, sizeof(file));
	log_place_file(&o, d->host, d->c->dir);
	out_cstr(&o);
	memcpy(folder, file, sizeof(folder));
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = '\0';
	if (examine_folder(d, state, "state folder", true) &&
		examine_folder(d, folder, "log folder", !log_place_said(d->host)))
		examine_space(d, folder, file);
}
