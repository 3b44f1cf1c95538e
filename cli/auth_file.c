/* SPDX-License-Identifier: ISC */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/auth.h"
#include "cli/rewrite.h"
#include "filter/relay/passwords.h"

#define FILE_MAX (8u << 20)
#define METHOD   "$y$" /* yescrypt, as crypt(5) recommends */

/* ---- the file ---- */

/* @textp: to be freed. A file that is not there is empty. */
static int read_file(const char *path, char **textp, size_t *np)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(FILE_MAX);
	ssize_t n = 0, r = 0;

	*textp = text;
	*np = 0;
	if (text == NULL || (fd < 0 && errno != ENOENT))
		r = -1;
	while (fd >= 0 && r == 0 && n < FILE_MAX) {
		const ssize_t got = read(fd, text + n, FILE_MAX - (size_t)n);

		if (got <= 0) {
			r = got;
			break;
		}
		n += got;
	}
	if (fd >= 0)
		close(fd);
	*np = (size_t)n;
	if (r == 0 && n < FILE_MAX)
		return CLI_OK;
	free(text);
	return cli_fail(errno == EACCES ? CLI_PERMISSION : CLI_CONFIG, "%s: %s", path,
		n >= FILE_MAX ? "larger than 8 MiB" : strerror(errno));
}

static int check_file(const char *path, struct span text)
{
	unsigned line;
	const char *why = password_flaw(text, &line);

	return why == NULL ? CLI_OK : cli_fail(CLI_CONFIG, "%s:%u: this line %s", path, line, why);
}

/* ---- auth passwd ---- */

/* Each line but the user's, then his. True: he had one. */
static bool put_all(struct out *o, struct span file, struct span user, const char *hash)
{
	struct password p;
	bool had = false;
	const char *why;
	unsigned line = 0;
	size_t at = 0, from = 0;

	while (password_next(file, &at, &line, &p, &why)) {
		const struct span text = span_sub(file, from, at - from);

		from = at;
		if (p.user.n > 0 && span_eq(p.user, user)) {
			had = true;
			continue;
		}
		out_bytes(o, text);
		if (text.p[text.n - 1] != '\n')
			out_octet(o, '\n');
	}
	out_bytes(o, user);
	out_octet(o, ':');
	out_str(o, hash);
	out_octet(o, '\n');
	return had;
}

/* One that is made is for root alone. */
static int make_file(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno == EEXIST ? CLI_OK
					  : cli_fail(errno == EACCES ? CLI_PERMISSION : CLI_CONFIG,
						    "%s: %s", path, strerror(errno));
}

static int write_user(const char *path, struct span file, const char *user, const char *hash)
{
	const size_t size = file.n + strlen(user) + PASSWORD_HASH_MAX + 8;
	char *block = malloc(size);
	struct out o;
	bool had;
	int r;

	if (block == NULL)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	out_init(&o, block, size);
	had = put_all(&o, file, span_str(user), hash);
	r = make_file(path);
	if (r == CLI_OK)
		r = rewrite_file(path, out_span(&o));
	if (r == CLI_OK)
		printf("%s: user %s %s; \"postern apply\" puts it in force\n", path, user,
			had ? "has another password" : "is new");
	free(block);
	return r;
}

static int set_password(const char *path, struct span file, const char *user)
{
	static struct crypt_data data; /* large */
	char password[AUTH_PASSWORD_ROOM], salt[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;
	int r = auth_ask_password(true, password);

	if (r != CLI_OK)
		return r;
	if (crypt_gensalt_rn(METHOD, 0, NULL, 0, salt, sizeof(salt)) != NULL)
		hash = crypt_rn(password, salt, &data, (int)sizeof(data));
	explicit_bzero(password, sizeof(password));
	if (hash == NULL || hash[0] == '*')
		return cli_fail(CLI_UNAVAILABLE, "crypt(3) cannot hash it: %s", strerror(errno));
	return write_user(path, file, user, hash);
}

/* ---- auth test ---- */

static int test_password(const char *path, struct span file, const char *user)
{
	static struct crypt_data data;
	char password[AUTH_PASSWORD_ROOM], setting[PASSWORD_HASH_MAX + 1] = "";
	struct span hash;
	const char *got;
	int r;

	if (!password_find(file, span_str(user), &hash))
		return cli_fail(CLI_FAULTS, "%s: no user is called \"%s\"", path, user);
	r = auth_ask_password(false, password);
	if (r != CLI_OK)
		return r;
	memcpy(setting, hash.p, hash.n);
	got = crypt_rn(password, setting, &data, (int)sizeof(data));
	explicit_bzero(password, sizeof(password));
	if (got == NULL || got[0] == '*')
		return cli_fail(CLI_FAULTS, "%s: the hash of %s is none that crypt(3) here knows",
			path, user);
	if (strcmp(got, setting) != 0)
		return cli_fail(CLI_FAULTS, "%s: that is not the password of %s", path, user);
	printf("%s: that is the password of %s\n", path, user);
	return CLI_OK;
}

/* ---- the whole ---- */

static int with_file(const char *path, const char *user,
	int (*act)(const char *path, struct span file, const char *user))
{
	char *text;
	size_t n;
	int r = read_file(path, &text, &n);

	if (r != CLI_OK)
		return r;
	r = check_file(path, span_of(text, n));
	if (r == CLI_OK)
		r = act(path, span_of(text, n), user);
	explicit_bzero(text, n);
	free(text);
	return r;
}

int auth_set_in_file(const char *path, const char *user)
{
	return with_file(path, user, set_password);
}

int auth_test_in_file(const char *path, const char *user)
{
	return with_file(path, user, test_password);
}
