/* SPDX-License-Identifier: ISC */
#include "base/role_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/role_row.h"

/* The system's header may be older than the kernel: what versions 3 to 6 added, by our own names.
 */
#define FS_TRUNCATE  (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND     (UINT64_C(1) << 0)
#define NET_CONNECT  (UINT64_C(1) << 1)
#define SCOPE_BOTH   (UINT64_C(3)) /* abstract sockets, signals */
#define RULE_NET     2

struct ruleset {
	uint64_t fs, net, scoped;
};

struct port_rule {
	uint64_t access, port;
};

#define WRITE                                                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |                            \
		LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE)

static uint64_t known_fs(long version)
{
	uint64_t fs = LANDLOCK_ACCESS_FS_REFER - 1; /* all of version 1 */

	if (version >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		fs |= FS_TRUNCATE;
	if (version >= 5)
		fs |= FS_IOCTL_DEV;
	return fs;
}

/* What is named here is forbidden but for rules. An older kernel takes the longer struct while the
 * rest of it is 0. */
static struct ruleset handled(unsigned also, long version)
{
	struct ruleset r = { .fs = known_fs(version) };

	if (version >= 4)
		r.net = NET_BIND | (also & ROLE_MAY_CONNECT ? 0 : NET_CONNECT);
	if (version >= 6)
		r.scoped = SCOPE_BOTH;
	return r;
}

static int add_rule(int set, int type, const void *rule)
{
	return syscall(SYS_landlock_add_rule, set, type, rule, 0) < 0 ? -errno : 0;
}

/* What the system's programs need: themselves and their libraries, names of tables, protocols and
 * services, the time zone; and what the kernel tells below /proc. Nothing is written: iptables-nft
 * needs no lock. A folder that a system has not is no matter. */
static const struct {
	const char *path;
	uint64_t access;
} system_paths[] = {
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN  (READ | LANDLOCK_ACCESS_FS_EXECUTE)
	{ "/usr", RUN },
	{ "/bin", RUN },
	{ "/sbin", RUN },
	{ "/lib", RUN },
	{ "/lib32", RUN },
	{ "/lib64", RUN },
	{ "/etc", READ }, /* as far as its files' modes let somebody who is nobody */
	{ "/proc", READ },
};
static const char settings[] = "/proc/sys/net";

static int add_system_path(int set, const struct ruleset *r, size_t i)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access =
							      system_paths[i].access & r->fs };
	int e;

	beneath.parent_fd = open(system_paths[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	e = add_rule(set, LANDLOCK_RULE_PATH_BENEATH, &beneath);
	close(beneath.parent_fd);
	return e;
}

/* A rule holds an inode, and /proc makes a new one for a folder that was forgotten: what is held
 * open is not. So the descriptor stays; it can be used for nothing. */
static int add_settings(int set, const struct ruleset *r)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = (READ | LANDLOCK_ACCESS_FS_WRITE_FILE) & r->fs,
		.parent_fd = open(settings, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	return beneath.parent_fd < 0 ? -errno : add_rule(set, LANDLOCK_RULE_PATH_BENEATH, &beneath);
}

static int add_system(int set, const struct ruleset *r)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
		e = add_system_path(set, r, i);
	return e;
}

static int add_rules(int set, const struct ruleset *r, unsigned also, int folder)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = WRITE & r->fs,
		.parent_fd = folder,
	};
	const struct port_rule any = { .access = NET_BIND, .port = 0 };
	int e = also & ROLE_MAY_EXECUTE ? add_system(set, r) : 0;

	if (e == 0 && also & ROLE_MAY_SET)
		e = add_settings(set, r);
	if (e == 0 && also & ROLE_MAY_WRITE && folder >= 0)
		e = add_rule(set, LANDLOCK_RULE_PATH_BENEATH, &beneath);
	if (e == 0 && also & ROLE_MAY_BIND && r->net)
		e = add_rule(set, RULE_NET, &any);
	return e;
}

int role_landlock_enter(unsigned also, int folder)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset r;
	int set, e;

	if (version < 0)
		return -errno;
	r = handled(also, version);
	set = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
	if (set < 0)
		return -errno;
	e = add_rules(set, &r, also, folder);
	if (e == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
		e = -errno;
	close(set);
	return e;
}

int role_landlock_held(void)
{
	const int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	close(fd);
	return -EACCES;
}
