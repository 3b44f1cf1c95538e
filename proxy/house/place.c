/* SPDX-License-Identifier: ISC */
/* What must be there before a role is started: rules, users, folders, the lock. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memfd.h"
#include "log/place.h"
#include "proxy/house/house.h"

#define TEXT_MAX (1u << 20)

static int refuse(int exit, const char *what, const char *path, int error, const char *advice)
{
	fprintf(stderr, "posternd: %s%s%s: %s (%s)\n", what, path[0] ? " " : "", path,
		strerror(error), advice);
	return error == EACCES || error == EPERM || error == EROFS ? EXIT_PERMISSION : exit;
}

/* ---- users ---- */

/* @what: is the matter. The role stays root then, where it may. */
static int no_owner(struct house *h, enum role_id role, const char *what)
{
	fprintf(stderr,
		"posternd: %s: %s, or name one for all roles by \"user NAME\" in postern.conf\n",
		h->required ? "error" : "warning", what);
	h->owner[role] = (struct role_owner){ 0 };
	return h->required ? EXIT_CONFIG : 0;
}

static int find_owner(struct house *h, enum role_id role)
{
	const char *said = house_rules(h)->host.user, *name = said ? said : role_user(role);
	const struct passwd *p = getpwnam(name);
	char what[256];

	if (p && p->pw_uid != 0 && p->pw_gid != 0) {
		h->owner[role] = (struct role_owner){ p->pw_uid, p->pw_gid };
		return 0;
	}
	if (p)
		snprintf(what, sizeof(what),
			"user \"%.100s\" is root, or in root's group: give it ids of its own",
			name);
	else
		snprintf(what, sizeof(what),
			"no user \"%.100s\" on this host: make it (the package does; else "
			"\"systemd-sysusers\")",
			name);
	return no_owner(h, role, what);
}

/* Three are for what we keep in the kernel. A relay and its servants may come with any reload. */
static bool runs(enum role_id role, enum host_mode mode)
{
	if (role < ROLE_KERNEL || role >= ROLE_RELAY || mode == MODE_MANAGED)
		return true;
	return role == ROLE_KERNEL && mode == MODE_SETS_ONLY;
}

static int find_owners(struct house *h)
{
	int r = 0;

	for (enum role_id role = ROLE_LOG; h->as_root && role < ROLE_IDS; role++) {
		if (!role_user(role) || !runs(role, house_rules(h)->host.mode))
			continue;
		int one = find_owner(h, role);
		r = r ? r : one;
	}
	return r;
}

/* ---- folders ---- */

/* The last folder of the path is made; those above it are the administrator's. */
static int open_state(struct house *h)
{
	static const char advice[] = "\"state\" of postern.conf names it";
	char path[LOG_PLACE_MAX];
	struct out o;

	out_init(&o, path, sizeof(path));
	log_place_state(&o, &house_rules(h)->host, h->dir);
	out_cstr(&o);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return refuse(EXIT_CONFIG, "state folder cannot be made:", path, errno, advice);
	h->state_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->state_folder < 0)
		return refuse(EXIT_CONFIG, "state folder", path, errno, advice);
	return 0;
}

/* One posternd for a state folder: two would take each other's sockets and history. */
static int take_lock(struct house *h)
{
	h->lock = openat(h->state_folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (h->lock < 0)
		return refuse(EXIT_CONFIG, "state/lock", "", errno, "in the state folder");
	if (flock(h->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	fprintf(stderr,
		"posternd: another posternd runs with this state folder; nothing was started\n");
	return EXIT_UNAVAILABLE;
}

/* A folder that nobody can put anything into: it has no name any more. */
static int make_empty(struct house *h)
{
	if (mkdirat(h->state_folder, "empty", 0755) < 0 && errno != EEXIST)
		return refuse(EXIT_CONFIG, "empty folder", "", errno, "in the state folder");
	h->empty_folder =
		openat(h->state_folder, "empty", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (h->empty_folder < 0 || unlinkat(h->state_folder, "empty", AT_REMOVEDIR) < 0)
		return refuse(EXIT_CONFIG, "folder state/empty", "", errno, "it must be empty");
	return 0;
}

/* The folder of the log is the log role's. The default one is made for it; another one is the
 * administrator's to make. */
static int open_log_folder(struct house *h)
{
	const struct hostconf *host = &house_rules(h)->host;
	char path[LOG_PLACE_MAX], *slash;
	struct out o;

	out_init(&o, path, sizeof(path));
	log_place_file(&o, host, h->dir);
	out_cstr(&o);
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = '\0';
	if (!log_place_said(host) && mkdir(path, 0750) < 0 && errno != EEXIST)
		return refuse(EXIT_CONFIG, "log folder cannot be made:", path, errno,
			"in the state folder");
	h->log_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->log_folder < 0)
		return refuse(EXIT_CONFIG, "log folder", path, errno,
			"\"log\" of postern.conf names it; make it");
	if (h->as_root && !log_place_said(host) &&
		fchown(h->log_folder, h->owner[ROLE_LOG].uid, (gid_t)-1) < 0)
		return refuse(
			EXIT_PERMISSION, "log folder", path, errno, "it is to be the log role's");
	return 0;
}

/* ---- the whole ---- */

static int first_generation(struct house *h)
{
	static char text[TEXT_MAX];
	struct out o;
	int exit, bundle;

	out_init(&o, text, sizeof(text));
	bundle = reload_read(h, &o, &exit);
	h->coming = bundle >= 0 ? generation_new(h, bundle, &o, &exit) : NULL;
	fwrite(text, 1, o.n, stderr);
	if (!h->coming)
		return exit;
	h->list = h->coming;
	if (!h->coming->rules.ruleset->n_rules)
		fputs("posternd: warning: no rule publishes anything: nothing is accepted until "
		      "rules.conf has one, as rules.conf(5) shows\n",
			stderr);
	return 0;
}

static int open_counts(struct house *h)
{
	int r;

	h->counts = shared_make();
	r = h->counts < 0 ? h->counts : shared_map(&h->shared, h->counts, SEATS_MAX);
	if (r == 0) {
		h->lockouts = memfd_room("postern-lockouts", LOCKOUT_ROOM);
		r = h->lockouts < 0 ? h->lockouts : 0;
	}
	return r == 0 ? 0
		      : refuse(EXIT_UNAVAILABLE, "shared counters", "", r < 0 ? -r : EINVAL,
				"memory");
}

/* Without it nothing can be rolled back, and all else goes on. */
static int open_history(struct house *h)
{
	int r = history_open(&h->history, h->state_folder);

	if (r < 0)
		fprintf(stderr, "posternd: warning: generations cannot be kept: %s\n",
			strerror(-r));
	return 0;
}

/* Without it they live until the end. */
static int open_members(struct house *h)
{
	keep_read(h);
	return 0;
}

static int open_server(struct house *h)
{
	return server_open(&h->server, h);
}

/* From here on without the rights that only the beginning needed. */
static int confine(struct house *h)
{
	const struct role_place place = {
		.as_root = h->as_root, .folder = -1, .required = h->required
	};
	const enum role_id role = runs(ROLE_KERNEL, house_rules(h)->host.mode)
					  ? ROLE_POSTERND_MANAGED
					  : ROLE_POSTERND;
	unsigned layers;

	return role_enter(role, &place, &layers) < 0 ? EXIT_UNAVAILABLE : 0;
}

int house_open(struct house *h, const char *dir)
{
	static int (*const steps[])(struct house *) = { find_owners, open_state, take_lock,
		make_empty, open_log_folder, open_counts, open_history, open_members, open_server,
		confine };
	int r;

	*h = (struct house){ .dir = dir,
		.loop = ev_default_loop(EVFLAG_NOENV),
		.as_root = geteuid() == 0,
		.empty_folder = -1,
		.log_folder = -1,
		.state_folder = -1,
		.lock = -1,
		.lockouts = -1,
		.log_end = -1 };
	h->reload.before_bundle = -1;
	h->server.socket = h->addresses.socket = h->history.folder = h->notify.socket = -1;
	if (!h->loop)
		return refuse(EXIT_UNAVAILABLE, "event loop", "", errno, "libev");
	r = first_generation(h);
	if (r)
		return r;
	h->required = house_rules(h)->host.require_sandbox == SAID_YES ||
		      (h->as_root && house_rules(h)->host.require_sandbox != SAID_NO);
	notify_init(&h->notify);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](h);
	return r;
}
