/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Role, refused calls: what neither a role that executes the system's programs nor these may ask
 *
 * iptables, ip and their libraries inherit the filter. A list of all they call would be right for
 * one version of them and of the C library, and break a firewall at an update; so here is what no
 * such program has reason to call, and what would be worth most to somebody who has taken one:
 * other processes, kernel code, mounts, namespaces, other users' rights, clocks, packet sockets,
 * serving, memory that is written and executed. It is answered with EPERM and not by the end, since
 * a library may try and do without.
 *
 * Callers: base/role_calls.c.
 */

/* Needs no-new-privs, or CAP_SYS_ADMIN. Return: 0; <0 errno. */
int role_refused_enter(void);
