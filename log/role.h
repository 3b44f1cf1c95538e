/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * How posternd runs the log role
 *
 *     postern-log FD PATH MAX [FD...]
 *
 * FD is the receiving end of a SOCK_SEQPACKET pair (msg_pair() of base/msg.h), which no other
 * process keeps open. Each process that logs has the sending end of its own: what it does to it
 * ends nobody else's log. The first is posternd's. PATH is the log file: its folder must be there;
 * the file is made with mode 0640 when it is not, and refused when it is a symbolic link or no
 * regular file. MAX is its greatest size in octets.
 *
 * When the file is open, postern-log sends the one packet LOG_READY, to be read by posternd before
 * it starts anything that logs. When it cannot be opened, one line on standard error says why and
 * the program ends with the exit code posternd should end with: 64 (arguments), 77 (permission), 78
 * (anything else about PATH).
 *
 * SIGUSR1 makes it open PATH again: after the file was moved away. SIGINT, SIGTERM and SIGHUP are
 * ignored, since a service manager sends them to every process of a service and the last records
 * must still be written: it ends, with 0, when every sending end is closed.
 */
#define LOG_SENDERS_MAX 65 /* posternd and its workers */
#define LOG_READY       "ready\n"
