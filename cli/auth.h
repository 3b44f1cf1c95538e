/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Logins, tried by the tool
 *
 *   auth.c          which users; the password
 *   auth_file.c     those of a password file
 *   auth_running.c  the backends of the posternd that runs: as a relay asks them
 *
 * Callers: cli/auth*.c.
 */
#include "cli/cli.h"
#include "filter/relay/credentials.h"

#define AUTH_PASSWORD_ROOM (CREDENTIAL_PASSWORD_MAX + 2)

/* Without echo where somebody types; @twice: to make sure. Return: enum cli_exit. */
int auth_ask_password(bool twice, char password[static AUTH_PASSWORD_ROOM]);

/* Ask for a password, then write it into the file at @path, or compare. Return: enum cli_exit,
 * after words. */
int auth_set_in_file(const char *path, const char *user);
int auth_test_in_file(const char *path, const char *user);

/* Is @password that of @user, by the auth block @name that posternd has in force? @plain: by PLAIN,
 * else by LOGIN. Return: enum cli_exit, after words either way. */
int auth_ask_running(
	const struct cli *c, const char *name, bool plain, const char *user, const char *password);
