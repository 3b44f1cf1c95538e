/* SPDX-License-Identifier: ISC */
/* postern auth: users of relay listeners whose passwords are in a file */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/rewrite.h"
#include "filter/relay/credentials.h"
#include "filter/relay/passwords.h"

#define FILE_MAX (8u << 20)
#define METHOD   "$y$" /* yescrypt, as crypt(5) recommends */

/* ---- which file ---- */

/* The only one that the rules name, or that of the auth block @name. */
static int find_file(const struct cli *c, const char *name, char path[static PATH_LENGTH_MAX])
{
	const struct auth *found = NULL;
	struct load l;
	size_t n = 0;
	int r = config_load(c, &l);

	if (r != CLI_OK)
		return r;
	for (size_t i = 0; i < l.ruleset->n_auths; i++) {
		const struct auth *a = l.ruleset->auths[i];

		if (name != NULL ? strcmp(a->name, name) == 0 : a->via == AUTH_FILE) {
			found = a;
			n++;
		}
	}
	if (n == 0)
		r = cli_fail(CLI_USAGE,
			"no auth block %s%s; rules.conf names them, or say \"-f FILE\"",
			name != NULL ? "is called " : "has \"via file\"", name != NULL ? name : "");
	else if (n > 1)
		r = cli_fail(CLI_USAGE,
			"several auth blocks have a file: say which by \"-r NAME\" or \"-f FILE\"");
	else if (found->via != AUTH_FILE)
		r = cli_fail(CLI_UNAVAILABLE,
			"auth %s is not \"via file\": its users are kept elsewhere; log in at a "
			"listener to try one",
			found->name);
	else if (snprintf(path, PATH_LENGTH_MAX, "%s%s%s", found->via_text[0] == '/' ? "" : c->dir,
			 found->via_text[0] == '/' ? "" : "/", found->via_text) >= PATH_LENGTH_MAX)
		r = cli_fail(CLI_CONFIG, "%s: the path is too long", found->via_text);
	load_free(&l);
	return r;
}

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

/* ---- the password ---- */

/* Without echo, where somebody types. False: none came, or too long a one. */
static bool read_line(const char *prompt, char password[static CREDENTIAL_PASSWORD_MAX + 2])
{
	const bool typed = isatty(STDIN_FILENO);
	struct termios before, hidden;
	bool good;

	if (typed) {
		fputs(prompt, stderr);
		tcgetattr(STDIN_FILENO, &before);
		hidden = before;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	good = fgets(password, CREDENTIAL_PASSWORD_MAX + 2, stdin) != NULL;
	if (typed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (good)
		password[strcspn(password, "\n")] = '\0';
	return good && credential_is_password(span_str(password));
}

static int ask_password(bool twice, char password[static CREDENTIAL_PASSWORD_MAX + 2])
{
	char again[CREDENTIAL_PASSWORD_MAX + 2];
	bool same;

	if (!read_line("Password: ", password))
		return cli_fail(CLI_USAGE, "a password has 1 to 511 octets");
	if (!twice || !isatty(STDIN_FILENO))
		return CLI_OK;
	same = read_line("Again: ", again) && strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	return same ? CLI_OK : cli_fail(CLI_USAGE, "they differ; nothing was changed");
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
	char password[CREDENTIAL_PASSWORD_MAX + 2], salt[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;
	int r = ask_password(true, password);

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
	char password[CREDENTIAL_PASSWORD_MAX + 2], setting[PASSWORD_HASH_MAX + 1] = "";
	struct span hash;
	const char *got;
	int r;

	if (!password_find(file, span_str(user), &hash))
		return cli_fail(CLI_FAULTS, "%s: no user is called \"%s\"", path, user);
	r = ask_password(false, password);
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

/* ---- both ---- */

static int with_file(struct cli *c, int argc, char **argv,
	int (*act)(const char *path, struct span file, const char *user))
{
	const char *file = NULL, *name = NULL;
	char path[PATH_LENGTH_MAX], *text;
	size_t n;
	int r = args_value(&argc, argv, "-f", &file);

	if (r == CLI_OK)
		r = args_value(&argc, argv, "-r", &name);
	if (r == CLI_OK)
		r = args_done(&argc, argv, 2, 2);
	if (r == CLI_OK && !credential_is_user(span_str(argv[2])))
		r = cli_fail(CLI_USAGE,
			"\"%s\" is no name: 1 to 255 octets of UTF-8 without controls", argv[2]);
	if (r == CLI_OK && strpbrk(argv[2], ":#") != NULL)
		r = cli_fail(CLI_USAGE, "\"%s\": no name in a file has a \":\" or \"#\"", argv[2]);
	if (r != CLI_OK)
		return r;
	if (file != NULL)
		r = snprintf(path, sizeof(path), "%s", file) < (int)sizeof(path)
			    ? CLI_OK
			    : cli_fail(CLI_USAGE, "the path is too long");
	else
		r = find_file(c, name, path);
	if (r == CLI_OK)
		r = read_file(path, &text, &n);
	if (r != CLI_OK)
		return r;
	r = check_file(path, span_of(text, n));
	if (r == CLI_OK)
		r = act(path, span_of(text, n), argv[2]);
	explicit_bzero(text, n);
	free(text);
	return r;
}

static int passwd(struct cli *c, int argc, char **argv)
{
	return with_file(c, argc, argv, set_password);
}

static int test(struct cli *c, int argc, char **argv)
{
	return with_file(c, argc, argv, test_password);
}

int cli_auth(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "passwd", passwd }, { "test", test } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
