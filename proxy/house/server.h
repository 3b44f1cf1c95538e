/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Server: the control socket
 *
 * proxy/control.h is what is said. One request at a time: while one is carried out, which may mean
 * to ask every proxy or to start a generation, the others wait in their sockets. A client that does
 * not read its answers, or says nonsense, is dropped; one that says nothing is when another wants
 * its place.
 *
 * Callers: proxy/house.
 */
#include <ev.h>

#include "base/out.h"
#include "proxy/control.h"

#define SERVER_CLIENTS_MAX 16

struct house;
struct child;

struct server_client {
	struct server *server;
	struct server_client *next;
	int fd; /* -1: it went away while it was served */
	ev_io io;
};

struct server {
	struct house *house;
	int socket; /* -1: none */
	ev_io io;
	ev_timer patience; /* with the proxies */
	struct server_client *clients;
	unsigned n_clients;
	struct server_client *served; /* NULL: nobody */
	uint16_t awaits;              /* role_message from the proxies; 0: nothing */
	unsigned killed;
	bool bound; /* the file is ours to remove */
	char path[108];
	struct out lines; /* for the one that is served, not sent yet */
	uint8_t block[CONTROL_TEXT_MAX];
};

/* Makes the socket where postern.conf says; a stale one is removed, but neither another file nor
 * one that is served. Return: 0, or the exit code after a line on standard error. */
int server_open(struct server *s, struct house *house);
void server_start(struct server *s);

/* To the one that is served. Lines are gathered: each message takes room of its own. */
void server_text(struct server *s, struct span lines);
void server_file(struct server *s, int fd);
void server_done(struct server *s, int exit, struct span text);
/* server_done() with @why and @what, escaped, as its text. */
void server_fail(struct server *s, int exit, const char *why, const char *what);

void server_close(struct server *s);

/* ---- requests.c ---- */

#define REQUEST_MAX CONTROL_BODY_MAX

/* Carries out what the one that is served asks; it is answered now or, where others are asked
 * first, later. */
void requests_serve(struct server *s, const struct msg *m);

/* ---- survey.c ---- */

/* Every proxy is asked, and the gate; when each has answered with @awaits the one that is served
 * is, too. */
void survey_ask(struct server *s, uint16_t type, struct span body, uint16_t awaits);
/* As server_done(s, 0, text), once every proxy has done what it was told before: what the tool
 * hears then holds for the next connection. */
void survey_done(struct server *s, struct span text);
/* A proxy's answer. False: nobody asked for that. */
bool survey_answered(struct server *s, struct child *c, const struct msg *m);
void survey_gone(struct server *s, struct child *c);
void survey_give_up(struct server *s);

/* ---- status.c ---- */

void status_tell(struct server *s);
/* Return: 0; <0 errno. */
int status_sets(struct server *s, const char *name);
