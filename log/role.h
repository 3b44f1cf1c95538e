/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * How posternd runs the log role
 *
 *     postern-log SANDBOX CONTROL PATH MAX
 *
 * SANDBOX is a role_place (base/role.h); its folder is that of the log. CONTROL is one end of a
 * msg_pair() with posternd. PATH is the log file, whose
 * folder SANDBOX brings; the file is made with mode 0640 when it is not, and refused when it is a
 * symbolic link or no regular file. MAX is its greatest size in octets.
 *
 * When the file is open it says ROLE_READY. When it cannot be opened, one line on standard error
 * says why and the program ends with the exit code posternd should end with: 64 (arguments), 77
 * (permission), 78 (anything else about PATH).
 *
 * Each process that logs has a pair of its own, whose receiving end comes by ROLE_ADD: what it does
 * to it ends nobody else's log. posternd keeps a copy of that end, so that what was sent while
 * postern-log was down is read by its successor.
 *
 * SIGUSR1 makes it open the file again: after it was moved away. SIGINT, SIGTERM and SIGHUP are
 * ignored, since a service manager sends them to every process of a service and the last records
 * must still be written: it ends, with 0, when CONTROL and every sending end are closed.
 */
#define LOG_SENDERS_MAX 1025 /* posternd and as many proxies as there are seats */
