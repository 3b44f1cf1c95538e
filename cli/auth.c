/* SPDX-License-Identifier: ISC */
/* postern auth: users of relay listeners */
#include "cli/auth.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/rewrite.h"

/* ---- which file ---- */

/* An auth block, or a file that is named instead. */
struct users {
	enum auth_via via;
	bool plain; /* it offers PLAIN */
	char name[PATH_LENGTH_MAX], path[PATH_LENGTH_MAX];
};

/* The one called @name, else the only one with a file, else the only one. */
static const struct auth *choose(const struct ruleset *rs, const char *name)
{
	const struct auth *filed = NULL;
	size_t n_filed = 0;

	for (size_t i = 0; i < rs->n_auths; i++) {
		const struct auth *a = rs->auths[i];

		if (name != NULL && strcmp(a->name, name) == 0)
			return a;
		if (a->via == AUTH_FILE) {
			filed = a;
			n_filed++;
		}
	}
	if (name != NULL)
		return NULL;
	if (n_filed > 0)
		return n_filed == 1 ? filed : NULL;
	return rs->n_auths == 1 ? rs->auths[0] : NULL;
}

static int complain(const struct ruleset *rs, const char *name)
{
	if (name != NULL)
		return cli_fail(CLI_USAGE,
			"no auth block is called %s; rules.conf names them, or say \"-f FILE\"",
			name);
	if (rs->n_auths == 0)
		return cli_fail(
			CLI_USAGE, "the rules have no auth block; say which file by \"-f FILE\"");
	return cli_fail(CLI_USAGE,
		"several auth blocks have users: say which by \"-r NAME\" or \"-f FILE\"");
}

static int keep(const struct cli *c, const struct auth *auth, struct users *u)
{
	const char *path = auth->via_text != NULL ? auth->via_text : "";
	const bool whole = path[0] == '/';

	u->via = auth->via;
	for (size_t i = 0; i < auth->n_mechanisms; i++)
		u->plain = u->plain || strcmp(auth->mechanisms[i], "PLAIN") == 0;
	if (snprintf(u->name, sizeof(u->name), "%s", auth->name) >= (int)sizeof(u->name) ||
		snprintf(u->path, sizeof(u->path), "%s%s%s", whole ? "" : c->dir, whole ? "" : "/",
			path) >= (int)sizeof(u->path))
		return cli_fail(CLI_CONFIG, "%s: the path is too long", path);
	return CLI_OK;
}

static int find_users(const struct cli *c, const char *name, struct users *u)
{
	const struct auth *found;
	struct load l;
	int r = config_load(c, &l);

	if (r != CLI_OK)
		return r;
	found = choose(l.ruleset, name);
	r = found != NULL ? keep(c, found, u) : complain(l.ruleset, name);
	load_free(&l);
	return r;
}

/* ---- the password ---- */

/* Without echo, where somebody types. False: none came, or too long a one. */
static bool read_line(const char *prompt, char password[static AUTH_PASSWORD_ROOM])
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
	good = fgets(password, AUTH_PASSWORD_ROOM, stdin) != NULL;
	if (typed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (good)
		password[strcspn(password, "\n")] = '\0';
	return good && credential_is_password(span_str(password));
}

int auth_ask_password(bool twice, char password[static AUTH_PASSWORD_ROOM])
{
	char again[AUTH_PASSWORD_ROOM];
	bool same;

	if (!read_line("Password: ", password))
		return cli_fail(CLI_USAGE, "a password has 1 to 511 octets");
	if (!twice || !isatty(STDIN_FILENO))
		return CLI_OK;
	same = read_line("Again: ", again) && strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	return same ? CLI_OK : cli_fail(CLI_USAGE, "they differ; nothing was changed");
}

/* ---- both ---- */

static int check_user(const char *user, bool filed)
{
	if (!credential_is_user(span_str(user)))
		return cli_fail(CLI_USAGE,
			"\"%s\" is no name: 1 to 255 octets of UTF-8 without controls", user);
	if (filed && strpbrk(user, ":#") != NULL)
		return cli_fail(CLI_USAGE, "\"%s\": no name in a file has a \":\" or \"#\"", user);
	return CLI_OK;
}

static int read_arguments(struct cli *c, int *argcp, char **argv, struct users *u)
{
	const char *file = NULL, *name = NULL;

	if (args_value(argcp, argv, "-f", &file) != CLI_OK ||
		args_value(argcp, argv, "-r", &name) != CLI_OK ||
		args_done(argcp, argv, 2, 2) != CLI_OK)
		return CLI_USAGE;
	*u = (struct users){ .via = AUTH_FILE };
	if (file == NULL)
		return find_users(c, name, u);
	return snprintf(u->path, sizeof(u->path), "%s", file) < (int)sizeof(u->path)
		       ? CLI_OK
		       : cli_fail(CLI_USAGE, "the path is too long");
}

static int with_running(const struct cli *c, const struct users *u, const char *user)
{
	char password[AUTH_PASSWORD_ROOM];
	int r;

	if (u->via == AUTH_NEXT_HOP)
		return cli_fail(CLI_UNAVAILABLE,
			"auth %s asks the next hop: log in at a listener to try a password",
			u->name);
	r = auth_ask_password(false, password);
	if (r == CLI_OK)
		r = auth_ask_running(c, u->name, u->plain, user, password);
	explicit_bzero(password, sizeof(password));
	return r;
}

static int passwd(struct cli *c, int argc, char **argv)
{
	struct users u;
	int r = read_arguments(c, &argc, argv, &u);

	if (r == CLI_OK)
		r = check_user(argv[2], true);
	if (r != CLI_OK)
		return r;
	if (u.via != AUTH_FILE)
		return cli_fail(CLI_UNAVAILABLE,
			"auth %s is not \"via file\": its users are kept elsewhere", u.name);
	return auth_set_in_file(u.path, argv[2]);
}

static int test(struct cli *c, int argc, char **argv)
{
	struct users u;
	int r = read_arguments(c, &argc, argv, &u);

	if (r == CLI_OK)
		r = check_user(argv[2], u.via == AUTH_FILE);
	if (r != CLI_OK)
		return r;
	return u.via == AUTH_FILE ? auth_test_in_file(u.path, argv[2])
				  : with_running(c, &u, argv[2]);
}

int cli_auth(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "passwd", passwd }, { "test", test } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
