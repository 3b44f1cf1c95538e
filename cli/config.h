/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The configuration folder, for the verbs that need its rules
 *
 * Callers: cli.
 */
#include "cli/cli.h"
#include "rules/load/load.h"

/* The least that is shown. */
enum config_show {
	CONFIG_SHOW_ALL,
	CONFIG_SHOW_ERRORS,
};

/* What was found, on stderr, one below the other. */
void config_tell(const struct cli *c, const struct diags *diags, const struct source *sources,
	size_t n_sources, enum config_show show);

/* What a configuration with these errors is worth: CLI_OK, CLI_CONFIG, or CLI_PERMISSION when a
 * file may not be read. */
int config_exit(const struct load *l);

/**
 * config_load() - the rules of c->dir, for a verb that needs them right
 *
 * Return: CLI_OK, then load_free() is due; or an exit code after the errors were told.
 */
int config_load(const struct cli *c, struct load *l);

/* The same, and everything that was found is told, as `postern check` does. */
int config_check(const struct cli *c, struct load *l);

/**
 * config_host() - postern.conf alone, for verbs that must work while the rules have errors
 * @hostp: the defaults, after a warning, when postern.conf is faulty; its texts live in @l
 *
 * Return: CLI_OK, then load_free() is due; or an exit code after a message.
 */
int config_host(const struct cli *c, struct load *l, struct hostconf *hostp);

/* The mode that a posternd of this host has, started by who asks: where the file does not say one,
 * root's with CAP_NET_ADMIN is managed. */
enum host_mode config_mode(const struct hostconf *host);
