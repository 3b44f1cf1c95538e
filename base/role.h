/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role: what each program of the house may do, and the one way to give everything else up
 *
 * The table in base/role.c is the whole model of privileges: a row a program. role_enter() is the
 * only place that drops them: descriptors, root folder, groups, ids, capabilities, no-new-privs,
 * Landlock, seccomp; then it reads back what the system says and compares.
 *
 * What a role's libraries would open later is opened before. A role that was not started by root
 * keeps its user and its root folder; Landlock takes its files away then.
 *
 * Owns:    nothing.
 * Callers: the main of each role, once, when all is open and before the first octet is read;
 *          posternd for itself.
 */
#include <sys/types.h>

#include "base/out.h"

enum role_id { ROLE_POSTERND, ROLE_LOG, ROLE_SOCKET, ROLE_PROXY, ROLE_IDS };

/* X(NAME, name in messages and the log): what confines a role */
#define ROLE_LAYERS(X)                                                                             \
	X(ROOT, "root folder")                                                                     \
	X(IDS, "user id")                                                                          \
	X(CAPABILITIES, "capabilities")                                                            \
	X(NO_NEW_PRIVS, "no new privileges")                                                       \
	X(LANDLOCK, "Landlock")                                                                    \
	X(SECCOMP, "seccomp")

#define ROLE_LAYER_ENUM(name, text) ROLE_LAYER_##name,
enum role_layer { ROLE_LAYERS(ROLE_LAYER_ENUM) ROLE_LAYER_COUNT };
#undef ROLE_LAYER_ENUM
#define ROLE_LAYER_BIT(layer) (1u << (layer))

/* Where a role is to live; posternd decides, the role is told by its first argument. */
struct role_place {
	bool as_root;  /* posternd has the rights to change root folder and ids */
	uid_t uid;     /* the next three only then */
	gid_t gid;
	int root;      /* descriptor of the directory that becomes the root folder */
	bool required; /* a layer that cannot be had ends the role; else it goes on without */
};

/* "UID:GID:ROOT:required", "-:optional", ...: one argument. */
void role_place_print(struct out *o, const struct role_place *place);
bool role_place_parse(struct span text, struct role_place *placep);

/* The program ("postern-proxy") and the user it runs as unless postern.conf says otherwise. */
const char *role_program(enum role_id role);
const char *role_user(enum role_id role);
const char *role_layer_text(enum role_layer layer);

/* Bits of the layers that this build and kernel can give to a role that is started at @place; one
 * that is missing is told by its name. */
unsigned role_layers_wanted(enum role_id role, const struct role_place *place);

/**
 * role_enter() - give up everything the role's row does not name
 * @place:   its root descriptor is closed
 * @layersp: bits of the layers that hold now
 *
 * Closes every descriptor above those that are open without a gap from 3 on. Where a layer cannot
 * be had, or reads back otherwise, one line on standard error says which and why.
 *
 * Return: 0; <0 errno: a layer is missing and @place says required: the caller ends.
 */
int role_enter(enum role_id role, const struct role_place *place, unsigned *layersp);
