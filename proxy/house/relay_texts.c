/* SPDX-License-Identifier: ISC */
#include "proxy/house/relay_texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memfd.h"
#include "base/texts.h"
#include "proxy/relay/roles.h"

#define ROOTS    "/etc/ssl/certs/ca-certificates.crt"
#define RESOLV   "/etc/resolv.conf"
#define HOSTS    "/etc/hosts"
#define ANCHOR   "root.key" /* beside rules.conf, where the administrator wants DNSSEC */
#define FILE_MAX (8u << 20)

struct texts { /* a block that grows; secrets may stand in it */
	int dir;
	const struct ruleset *rs;
	struct out block;
	struct out *why;
	int exit; /* 0 so far */
};

/* ---- the block ---- */

static void refuse(
	struct texts *t, const char *what, const char *path, const char *fault, const char *advice)
{
	const char *const pieces[] = { what, " ", path, ": ", fault, " (", advice, ")\n" };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		out_str(t->why, pieces[i]);
	t->exit = EXIT_CONFIG;
}

static void refuse_errno(
	struct texts *t, const char *what, const char *path, int error, const char *advice)
{
	refuse(t, what, path, strerror(error), advice);
	if (error == EACCES || error == EPERM)
		t->exit = EXIT_PERMISSION;
}

static void drop(struct out *block)
{
	if (block->p)
		explicit_bzero(block->p, block->size);
	free(block->p);
	*block = (struct out){ 0 };
}

/* realloc(3) would leave what it moves where it was. */
static bool grow(struct out *block, size_t more)
{
	const size_t size = 2 * block->size + more;
	struct out larger;
	uint8_t *p;

	if (more <= out_room(block))
		return true;
	p = size <= TEXTS_MAX ? malloc(size) : NULL;
	if (!p)
		return false;
	out_init(&larger, p, size);
	out_bytes(&larger, out_span(block));
	drop(block);
	*block = larger;
	return true;
}

static void put(struct texts *t, enum relay_text kind, const char *name, struct span text)
{
	const struct text one = { .kind = kind, .name = span_str(name), .text = text };

	if (!grow(&t->block, one.name.n + text.n + 64)) {
		refuse(t, "texts for", "relays", "too large",
			"together they are larger than 64 MiB");
		return;
	}
	if (t->block.n == 0)
		texts_begin(&t->block);
	texts_put(&t->block, &one);
}

/* ---- files ---- */

static ssize_t read_whole(int fd, uint8_t *block, size_t max)
{
	size_t n = 0;
	ssize_t r;

	while (n < max && (r = read(fd, block + n, max - n)) != 0) {
		if (r < 0)
			return -errno;
		n += (size_t)r;
	}
	return n < max ? (ssize_t)n : -EFBIG;
}

/* A pipe or a terminal would keep us waiting. */
static int open_regular(int dir, const char *path)
{
	const int fd = openat(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

struct wanted {
	enum relay_text kind;
	const char *name, *path, *what;
	const char *advice; /* NULL: it may be missing */
	bool secret;
};

/* Who may write to it says who is let in; who may read a key can be us. */
static bool is_ours_alone(struct texts *t, const struct wanted *w, int fd)
{
	struct stat st;
	const char *fault = NULL, *advice = NULL;

	if (fstat(fd, &st) < 0)
		fault = strerror(errno), advice = "fstat";
	else if (st.st_mode & S_IWOTH)
		fault = "everybody may write to it", advice = "run \"chmod o-w\" on it";
	else if (st.st_mode & S_IWGRP && st.st_gid != 0)
		fault = "its group may write to it", advice = "run \"chmod g-w\" on it";
	else if (w->secret && st.st_mode & S_IROTH)
		fault = "everybody may read it", advice = "run \"chmod o-r\" on it";
	if (fault)
		refuse(t, w->what, w->path, fault, advice);
	return !fault;
}

static void put_open(struct texts *t, const struct wanted *w, int fd)
{
	uint8_t *block = malloc(FILE_MAX);
	const ssize_t n = block ? read_whole(fd, block, FILE_MAX) : -ENOMEM;

	if (n >= 0)
		put(t, w->kind, w->name, span_of(block, (size_t)n));
	else
		refuse_errno(t, w->what, w->path, (int)-n, w->advice ? w->advice : "to be read");
	if (n > 0)
		explicit_bzero(block, (size_t)n);
	free(block);
}

static void put_file(struct texts *t, const struct wanted *w)
{
	const int fd = open_regular(t->dir, w->path);

	if (fd == -ENOENT && !w->advice)
		return;
	if (fd < 0) {
		refuse_errno(t, w->what, w->path, -fd,
			w->advice ? w->advice : "it must be a regular file");
		return;
	}
	if (is_ours_alone(t, w, fd))
		put_open(t, w, fd);
	close(fd);
}

/* ---- what each role gets ---- */

static bool needs_roots(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_routes; i++)
		if (rs->routes[i]->tls == ROUTE_TLS_VERIFY)
			return true;
	return false;
}

static void put_chain(struct texts *t, const struct certificate *c)
{
	put_file(t, &(struct wanted){ TEXT_CHAIN, c->name, c->chain, "certificate",
			    "the PEM chain of a certificate", false });
}

static void put_key(struct texts *t, const struct certificate *c)
{
	put_file(t, &(struct wanted){ TEXT_KEY, c->name, c->key, "key",
			    "the PEM key of a certificate", true });
}

static void put_secret(struct texts *t)
{
	const int64_t now_s = clock_wall_ns() / 1000000000;
	uint8_t secret[TICKET_SECRET];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		refuse_errno(t, "random octets", "of the kernel", errno, "for session tickets");
	memcpy(secret + sizeof(secret) - sizeof(now_s), &now_s, sizeof(now_s));
	put(t, TEXT_TICKETS, NULL, span_of(secret, sizeof(secret)));
	explicit_bzero(secret, sizeof(secret));
}

static void put_relay(struct texts *t)
{
	if (needs_roots(t->rs))
		put_file(t, &(struct wanted){ TEXT_ROOTS, NULL, ROOTS, "authorities of this host",
				    "\"tls verify\" needs them: package ca-certificates", false });
	for (size_t i = 0; i < t->rs->n_certificates; i++)
		put_chain(t, t->rs->certificates[i]);
	if (t->rs->n_certificates)
		put_secret(t);
}

static void put_keys(struct texts *t)
{
	for (size_t i = 0; i < t->rs->n_certificates; i++) {
		put_chain(t, t->rs->certificates[i]);
		put_key(t, t->rs->certificates[i]);
	}
}

static void put_passwords(struct texts *t)
{
	for (size_t i = 0; i < t->rs->n_auths; i++)
		if (t->rs->auths[i]->via == AUTH_FILE)
			put_file(t, &(struct wanted){ TEXT_PASSWORDS, t->rs->auths[i]->name,
					    t->rs->auths[i]->via_text, "password file",
					    "\"postern auth passwd\" makes one", true });
}

static void put_names(struct texts *t)
{
	static const struct wanted names[] = {
		{ TEXT_RESOLV, NULL, RESOLV, "servers of DNS", NULL, false },
		{ TEXT_HOSTS, NULL, HOSTS, "names of hosts", NULL, false },
		{ TEXT_ANCHOR, NULL, ANCHOR, "trust anchor", NULL, false },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put_file(t, &names[i]);
}

int texts_make(
	const char *dir, const struct ruleset *rs, enum texts_of role, int *fdp, struct out *why)
{
	struct texts t = {
		.dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), .rs = rs, .why = why
	};

	*fdp = -1;
	switch (role) {
	case TEXTS_NONE: break;
	case TEXTS_RELAY: put_relay(&t); break;
	case TEXTS_KEY: put_keys(&t); break;
	case TEXTS_AUTH: put_passwords(&t); break;
	case TEXTS_RESOLVE: put_names(&t); break;
	}
	if (t.exit == 0 && t.block.n)
		*fdp = memfd_sealed("postern-texts", out_span(&t.block));
	if (t.exit == 0 && t.block.n && *fdp < 0)
		refuse_errno(&t, "texts for", "relays", -*fdp, "memory");
	drop(&t.block);
	if (t.dir >= 0)
		close(t.dir);
	if (t.exit)
		*fdp = -1;
	return t.exit;
}
