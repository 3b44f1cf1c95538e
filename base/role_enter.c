/* SPDX-License-Identifier: ISC */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/role.h"
#include "base/role_calls.h"
#include "base/role_landlock.h"
#include "base/role_row.h"

#define LOCKED(bit) ((bit) | (bit) << 1) /* each bit's lock stands beside it */
#define CAPS_MAX    64

struct entry {
	const struct role_row *row;
	enum role_id role;
	const struct role_place *place;
	struct stat root; /* what is to be the root folder */
	uint64_t keeps;   /* capabilities of the row that we had */
	bool may_bound;   /* CAP_SETPCAP: bounding set and securebits are ours to change */
};

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

/* Those that are set already may be locked. */
static int add_securebits(int bits)
{
	const int now = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	return result(now < 0 ? now : prctl(PR_SET_SECUREBITS, now | bits, 0, 0, 0));
}

/* ---- root folder ---- */

static int root_enter(struct entry *e)
{
	if (fstat(e->place->folder, &e->root) < 0 || chroot(".") < 0) /* we stand in it */
		return -errno;
	return result(chdir("/"));
}

/* The folder may be one that the role cannot search: nothing in it can be looked at, not even ".".
 */
static int root_held(const struct entry *e)
{
	struct stat st;

	if (stat("/", &st) < 0)
		return -errno;
	return st.st_dev == e->root.st_dev && st.st_ino == e->root.st_ino ? 0 : -EXDEV;
}

/* ---- ids ---- */

static int ids_enter(struct entry *e)
{
	const uid_t uid = e->place->uid;
	const gid_t gid = e->place->gid;

	/* the capabilities outlive the change, and are dropped by the next layer */
	if (e->may_bound)
		add_securebits(SECBIT_NO_SETUID_FIXUP);
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0)
		return -errno;
	return result(setresuid(uid, uid, uid));
}

static int ids_held(const struct entry *e)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return -errno;
	if (ruid != e->place->uid || euid != ruid || suid != ruid)
		return -EPERM;
	if (rgid != e->place->gid || egid != rgid || sgid != rgid || getgroups(0, NULL) != 0)
		return -EPERM;
	return setuid(0) == 0 || setgid(0) == 0 ? -EPERM : 0; /* no way back */
}

/* ---- capabilities ---- */

struct caps {
	uint64_t effective, permitted, inheritable;
};

/* By the kernel's own call, so that what libcap-ng did is read back without it. */
static int caps_read(struct caps *c)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct half[2] = { 0 };

	if (syscall(SYS_capget, &head, half) < 0)
		return -errno;
	c->effective = half[0].effective | (uint64_t)half[1].effective << 32;
	c->permitted = half[0].permitted | (uint64_t)half[1].permitted << 32;
	c->inheritable = half[0].inheritable | (uint64_t)half[1].inheritable << 32;
	return 0;
}

static uint64_t bit(int cap)
{
	return UINT64_C(1) << cap;
}

static int caps_know(struct entry *e)
{
	struct caps c;
	const int r = caps_read(&c);

	if (r < 0)
		return r;
	e->keeps = e->row->keeps & c.permitted;
	e->may_bound = c.effective & bit(CAP_SETPCAP);
	return 0;
}

/* What the programs it executes are to have in spite of their user. */
static uint64_t ambient(const struct entry *e)
{
	return e->row->also & ROLE_MAY_EXECUTE ? e->keeps & e->row->children : 0;
}

/* Who starts the roles, as root, must leave root its meaning; else user 0 is nobody special, also
 * behind an exec. */
static int securebits(const struct entry *e)
{
	if (e->row->also & ROLE_MAY_LEND)
		return 0;
	if (e->row->children && !(e->row->also & ROLE_MAY_EXECUTE))
		return LOCKED(SECBIT_NO_CAP_AMBIENT_RAISE);
	return LOCKED(SECBIT_NO_CAP_AMBIENT_RAISE) | LOCKED(SECBIT_NOROOT) |
	       LOCKED(SECBIT_NO_SETUID_FIXUP) | SECBIT_KEEP_CAPS_LOCKED;
}

static int update(int cap, capng_type_t sets)
{
	return capng_update(CAPNG_ADD, sets, (unsigned)cap);
}

/* Before it is forbidden to raise any; what is not kept later falls out of the set by itself. */
static int raise_ambient(const struct entry *e)
{
	errno = EPERM; /* libcap-ng has error numbers of its own */
	if (capng_get_caps_process() < 0)
		return -errno;
	for (int cap = 0; cap < CAPS_MAX; cap++)
		if (ambient(e) & bit(cap) && update(cap, CAPNG_INHERITABLE) < 0)
			return -EINVAL;
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -errno;
	for (int cap = 0; cap < CAPS_MAX; cap++)
		if (ambient(e) & bit(cap) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

static capng_select_t selected(const struct entry *e)
{
	if (ambient(e))
		return e->may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS;
	return e->may_bound ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
}

static int caps_enter(struct entry *e)
{
	int r = ambient(e) ? raise_ambient(e) : 0;

	if (r == 0 && e->may_bound)
		r = add_securebits(securebits(e));
	if (r < 0)
		return r;
	capng_clear(CAPNG_SELECT_ALL);
	for (int cap = 0; cap < CAPS_MAX; cap++) {
		if (e->keeps & bit(cap) && update(cap, CAPNG_EFFECTIVE | CAPNG_PERMITTED) < 0)
			return -EINVAL;
		if (e->keeps & e->row->children & bit(cap) && update(cap, CAPNG_BOUNDING_SET) < 0)
			return -EINVAL;
		if (ambient(e) & bit(cap) && update(cap, CAPNG_INHERITABLE) < 0)
			return -EINVAL;
	}
	errno = EPERM; /* it has error numbers of its own */
	return result(capng_apply(selected(e)));
}

/* Asks the kernel for each capability it knows; -1: the first it does not. */
static bool bounded(const struct entry *e)
{
	int in;

	for (int cap = 0; (in = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
		if (in && !(e->keeps & e->row->children & bit(cap)))
			return false;
	return (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & securebits(e)) == securebits(e);
}

static bool ambient_held(const struct entry *e)
{
	int is = 0;

	for (int cap = 0; (is = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0)) >= 0;
		cap++)
		if (is != ((ambient(e) & bit(cap)) != 0))
			return false;
	return true;
}

static int caps_held(const struct entry *e)
{
	struct caps c;
	const int r = caps_read(&c);

	if (r < 0)
		return r;
	if (c.effective != e->keeps || c.permitted != e->keeps || c.inheritable != ambient(e) ||
		!ambient_held(e))
		return -EPERM;
	return e->may_bound && !bounded(e) ? -EPERM : 0;
}

/* ---- no new privileges, no memory on disk ---- */

static int privs_enter(struct entry *e)
{
	const struct rlimit none = { 0, 0 };

	(void)e;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return result(setrlimit(RLIMIT_CORE, &none));
}

static int privs_held(const struct entry *e)
{
	(void)e;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -EPERM;
	return 0;
}

/* ---- Landlock, seccomp ---- */

static int landlock_enter(struct entry *e)
{
	return role_landlock_enter(e->row->also, e->place->folder);
}

static int landlock_held(const struct entry *e)
{
	(void)e;
	return role_landlock_held();
}

static int seccomp_enter(struct entry *e)
{
	return role_calls_enter(e->role, e->place->as_root);
}

static int seccomp_held(const struct entry *e)
{
	(void)e;
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 0 : -EPERM; /* 2: a filter */
}

/* ---- all ---- */

static const struct step {
	int (*enter)(struct entry *e);
	int (*held)(const struct entry *e);
} steps[ROLE_LAYER_COUNT] = {
	[ROLE_LAYER_ROOT] = { root_enter, root_held },
	[ROLE_LAYER_IDS] = { ids_enter, ids_held },
	[ROLE_LAYER_CAPABILITIES] = { caps_enter, caps_held },
	[ROLE_LAYER_NO_NEW_PRIVS] = { privs_enter, privs_held },
	[ROLE_LAYER_LANDLOCK] = { landlock_enter, landlock_held },
	[ROLE_LAYER_SECCOMP] = { seccomp_enter, seccomp_held },
};

/* Takes the layer out of *@layersp when it failed. Return: as role_enter(). */
static int judge(const struct entry *e, enum role_layer layer, int r, unsigned *layersp)
{
	if (r == 0)
		return 0;
	role_complain(e->role, layer, strerror(-r));
	*layersp &= ~ROLE_LAYER_BIT(layer);
	if (!e->place->required)
		return 0;
	fprintf(stderr,
		"%s: sandbox: where kernel or container cannot give it, \"require-sandbox no\" in "
		"postern.conf goes on without\n",
		role_program(e->role));
	return r;
}

static int enter(struct entry *e, enum role_layer layer, unsigned *layersp)
{
	if (!(*layersp & ROLE_LAYER_BIT(layer)))
		return 0;
	return judge(e, layer, steps[layer].enter(e), layersp);
}

static int held(const struct entry *e, enum role_layer layer, unsigned *layersp)
{
	if (!(*layersp & ROLE_LAYER_BIT(layer)))
		return 0;
	return judge(e, layer, steps[layer].held(e), layersp);
}

/* Reading the others back takes more calls than a role has under seccomp. */
static int enter_all(struct entry *e, unsigned *layersp)
{
	int r = 0;

	for (enum role_layer l = 0; r == 0 && l < ROLE_LAYER_SECCOMP; l++)
		r = enter(e, l, layersp);
	if (e->place->folder >= 0)
		close(e->place->folder);
	for (enum role_layer l = 0; r == 0 && l < ROLE_LAYER_SECCOMP; l++)
		r = held(e, l, layersp);
	if (r == 0)
		r = enter(e, ROLE_LAYER_SECCOMP, layersp);
	return r ? r : held(e, ROLE_LAYER_SECCOMP, layersp);
}

int role_enter(enum role_id role, const struct role_place *place, unsigned *layersp)
{
	struct entry e = { .row = role_row(role), .role = role, .place = place };
	unsigned layers = role_layers_wanted(role, place);
	int r = caps_know(&e);

	if (r == 0)
		r = role_stand(role, place);
	if (r == 0)
		r = enter_all(&e, &layers);
	*layersp = r == 0 ? layers : 0;
	return r;
}
