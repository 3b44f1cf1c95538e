/* SPDX-License-Identifier: ISC */
#include "base/role.h"

#include <assert.h>
#include <linux/capability.h>
#include <stdio.h>

#include "base/role_row.h"

#define CAP(name)   (UINT64_C(1) << CAP_##name)
#define LAYER(name) ROLE_LAYER_BIT(ROLE_LAYER_##name)

/* What posternd does as long as it runs, and what the roles need of it until they have entered. */
#define ROLES    (CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) | CAP(SYS_CHROOT)) /* their start */
#define SIGNALS  CAP(KILL)                              /* they are other users' */
#define LISTEN   (CAP(NET_BIND_SERVICE) | CAP(NET_RAW)) /* port 25; IP_TRANSPARENT, SO_MARK */
#define FILES    (CAP(DAC_READ_SEARCH) | CAP(CHOWN))    /* rules in a home folder; state, log */
#define RULES    (CAP(NET_ADMIN) | CAP(NET_RAW))        /* iptables asks for sets by a raw socket */
#define POSTERND (ROLES | SIGNALS | LISTEN | FILES)

/* posternd executes the others, which would inherit what cannot be undone. */
#define LIGHT (LAYER(CAPABILITIES) | LAYER(NO_NEW_PRIVS))
#define ALL   (ROLE_LAYER_BIT(ROLE_LAYER_COUNT) - 1)
#define TOOLS (ALL & ~LAYER(ROOT)) /* the system's programs are not found in an empty folder */
#define PAM                                                                                        \
	(TOOLS & ~LAYER(IDS)) /* modules find passwords as root only, who needs no right for it */

/* clang-format off */
static const struct role_row rows[ROLE_IDS] = {
	/*                  program            user               keeps           children  layers also */
	[ROLE_POSTERND] = { "posternd",        NULL,              POSTERND,       POSTERND, LIGHT, 0 },
	[ROLE_POSTERND_MANAGED] = { "posternd", NULL, POSTERND | RULES, POSTERND | RULES,   LIGHT, ROLE_MAY_LEND },
	[ROLE_LOG]      = { "postern-log",     "postern-log",     0,              0,        ALL,   ROLE_MAY_WRITE },
	[ROLE_SOCKET]   = { "postern-socket",  "postern-socket",  CAP(NET_RAW),   0,        ALL,   0 },
	[ROLE_PROXY]    = { "postern-proxy",   "postern-proxy",   0,              0,        ALL,   ROLE_MAY_CONNECT | ROLE_MAY_BIND },
	[ROLE_KERNEL]   = { "postern-kernel",  "postern-kernel",  RULES,          RULES,    TOOLS, ROLE_MAY_EXECUTE | ROLE_MAY_SET },
	[ROLE_GATE]     = { "postern-gate",    "postern-gate",    0,              0,        ALL,   0 },
	[ROLE_VERDICT]  = { "postern-verdict", "postern-verdict", CAP(NET_ADMIN), 0,        ALL,   0 },
	[ROLE_RELAY]    = { "postern-relay",   "postern-relay",   0,              0,        ALL,   ROLE_MAY_CONNECT | ROLE_MAY_BIND },
	[ROLE_KEY]      = { "postern-key",     "postern-key",     0,              0,        ALL,   0 },
	[ROLE_AUTH]     = { "postern-auth",    "postern-auth",    0,              0,        ALL,   0 },
	[ROLE_PAM]      = { "postern-pam",     NULL,              0,              0,        PAM,   ROLE_MAY_EXECUTE },
	[ROLE_RESOLVE]  = { "postern-resolve", "postern-resolve", 0,              0,        ALL,   ROLE_MAY_CONNECT },
};
/* clang-format on */

#define TEXT(name, text) [ROLE_LAYER_##name] = text,
static const char *const layer_texts[ROLE_LAYER_COUNT] = { ROLE_LAYERS(TEXT) };
#undef TEXT

const struct role_row *role_row(enum role_id role)
{
	assert(role < ROLE_IDS);
	return &rows[role];
}

const char *role_program(enum role_id role)
{
	return role_row(role)->program;
}

const char *role_user(enum role_id role)
{
	return role_row(role)->user;
}

const char *role_layer_text(enum role_layer layer)
{
	assert(layer < ROLE_LAYER_COUNT);
	return layer_texts[layer];
}

void role_layers_print(struct out *o, unsigned layers)
{
	const char *between = "";

	for (unsigned i = 0; i < ROLE_LAYER_COUNT; i++) {
		if (!(layers & ROLE_LAYER_BIT(i)))
			continue;
		out_str(o, between);
		out_str(o, layer_texts[i]);
		between = ", ";
	}
	if (!(layers & ALL))
		out_str(o, "none");
}

unsigned role_layers_wanted(enum role_id role, const struct role_place *place)
{
	const unsigned by_root = LAYER(ROOT) | LAYER(IDS);

	return role_row(role)->layers & ~(place->as_root ? 0 : by_root);
}

void role_complain(enum role_id role, enum role_layer layer, const char *why)
{
	fprintf(stderr, "%s: sandbox: no %s: %s\n", role_program(role), role_layer_text(layer),
		why);
}
