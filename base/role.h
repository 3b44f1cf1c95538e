/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role: what each program of the house may do, and the one way to give everything else up
 *
 * The table in base/role.c is the whole model of privileges: a row a program; base/role_calls.c
 * has the system calls. role_enter() is the only place that drops them: root folder, groups, ids,
 * capabilities, no-new-privs, Landlock, seccomp; it reads back what the system says and compares.
 *
 * What a role's libraries would open later is opened before. A role that was not started by root
 * keeps its user and its root folder; Landlock takes its files away then. A build without the
 * sandbox (meson option "sandbox") confines nothing and says so.
 *
 * Limits: no thread is made before or after; a role that must make threads or map code needs a row
 * and a list of its own. One that executes the system's programs (postern-kernel) cannot have a
 * list of what they may call, which changes with their versions: base/role_refused.c has what they
 * may not.
 *
 * Owns:    nothing.
 * Callers: the main of each role; posternd for itself.
 */
#include <sys/types.h>

#include "base/out.h"

enum role_id {
	ROLE_POSTERND,
	ROLE_POSTERND_MANAGED, /* the same program in `mode managed`, whose roles need more */
	ROLE_LOG,
	ROLE_SOCKET,
	ROLE_PROXY,
	ROLE_KERNEL,
	ROLE_GATE,
	ROLE_VERDICT,
	ROLE_RELAY,
	ROLE_KEY,
	ROLE_AUTH,
	ROLE_PAM,
	ROLE_RESOLVE,
	ROLE_IDS
};

/* X(NAME, name in messages and the log): what confines a role, in the order it is entered */
#define ROLE_LAYERS(X)                                                                             \
	X(ROOT, "root")                                                                            \
	X(IDS, "ids")                                                                              \
	X(CAPABILITIES, "capabilities")                                                            \
	X(NO_NEW_PRIVS, "no-new-privs")                                                            \
	X(LANDLOCK, "Landlock")                                                                    \
	X(SECCOMP, "seccomp")

#define ROLE_LAYER_ENUM(name, text) ROLE_LAYER_##name,
enum role_layer { ROLE_LAYERS(ROLE_LAYER_ENUM) ROLE_LAYER_COUNT };
#undef ROLE_LAYER_ENUM
#define ROLE_LAYER_BIT(layer) (1u << (layer))

/* Where a role is to live; posternd decides, the role is told by its first argument. */
struct role_place {
	bool as_root; /* posternd has the rights to change root folder and ids */
	uid_t uid;    /* the next two only then; never 0 */
	gid_t gid;
	int folder;    /* -1: none. As root it becomes the root folder: an unlinked empty one, but
			  for a role that writes files the one it may write into; one that
			  executes programs keeps the system's and only stands in it */
	bool required; /* a layer that cannot be had ends the role; else it goes on without */
};

/* "UID:GID:FOLDER:required" as root, else "-:-:FOLDER:optional"; FOLDER may be "-" then. What
 * cannot be a place is not read: @placep is set on success only. */
void role_place_print(struct out *o, const struct role_place *place);
bool role_place_parse(struct span text, struct role_place *placep);

/* The program ("postern-proxy"), and the user it runs as unless postern.conf says otherwise (NULL:
 * who started it). */
const char *role_program(enum role_id role);
const char *role_user(enum role_id role);
const char *role_layer_text(enum role_layer layer);

/* The names of the layers whose bits are set, with commas; "none". */
void role_layers_print(struct out *o, unsigned layers);

/* Bits of the layers that the role is to have at @place, whatever build and kernel can give. What
 * role_enter() does not report of these is missing. */
unsigned role_layers_wanted(enum role_id role, const struct role_place *place);

/* First of all in main, before anything is opened: closes every descriptor above those that are
 * open without a gap from 3 on, which are the ones a role is started with (proxy/house/start.h). */
void role_close_strays(void);

/**
 * role_enter() - give up everything the role's row does not name
 * @place:   its folder becomes the working directory and is closed; no other may be open
 * @layersp: bits of the layers that hold now
 *
 * Once, when all is open and before the first octet is read. Where a layer cannot be had, or reads
 * back otherwise, one line on standard error says which and why.
 *
 * Return: 0; <0 errno: a layer is missing and @place says required, or the folder cannot be
 * entered: the caller ends.
 */
int role_enter(enum role_id role, const struct role_place *place, unsigned *layersp);
