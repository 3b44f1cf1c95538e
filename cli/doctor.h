/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * postern doctor: what on this host defeats the rules
 *
 * One examination a row of the table in cli/doctor.c. Each looks at one thing, changes nothing, and
 * tells what it found: a value, and what to do. What other programs print is input: the functions
 * that read it (cli/doctor_tables.h, cli/doctor_routes.h, cli/doctor_sockets.h) take text.
 *
 * Limits: of what nft(8) made itself only chains that drop and changes of marks are looked at. What
 * posternd may do is judged by what this process may do, unless posternd runs.
 *
 * Owns:    struct doctor owns what is found and what was read.
 * Callers: cli/doctor*.c.
 */
#include "cli/cli.h"
#include "cli/doctor_routes.h"
#include "cli/doctor_sockets.h"
#include "cli/doctor_tables.h"
#include "rules/kernel/lanes.h"
#include "rules/load/load.h"
#include "rules/load/unbundle.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARNING, /* mail goes on, or nobody can be sure */
	DOCTOR_FAULT,   /* something does not work, or goes past the filter */
	DOCTOR_SKIPPED, /* could not be looked at */
	DOCTOR_LEVELS,
};

#define DOCTOR_FINDINGS_MAX  1000 /* more are counted only */
#define DOCTOR_TEXT_MAX      400
#define DOCTOR_LISTENERS_MAX 256 /* of posternd; more are taken for somebody else's */

struct doctor_finding {
	const char *check; /* name of the examination */
	enum doctor_level level;
	const char *rule;   /* NULL: none is concerned */
	struct rules_at at; /* line 0: nowhere */
	bool command;       /* @advice is a line for a shell, nothing else */
	char text[DOCTOR_TEXT_MAX], advice[DOCTOR_TEXT_MAX];
};

/* The rules that iptables-save told, of one family. */
struct doctor_rules {
	bool looked;
	char *text; /* NULL: @why */
	char why[160];
	struct tables tables;
};

struct doctor {
	struct cli *c;
	const struct load *files;
	struct ruleset own;          /* of the files, with the mode that they have here */
	const struct ruleset *rules; /* those examined: @own, or in `mode managed` those that run */
	const struct hostconf *host; /* of @rules */
	const struct hostconf *said; /* postern.conf itself, for its lines */
	enum host_mode mode;         /* never MODE_AUTO */
	bool root;
	const char *check; /* the examination that runs */
	unsigned told;     /* bits, its own: what it need not tell again */
	bool runs;         /* posternd does */
	struct unbundle running;
	struct lanes lanes; /* of `mode managed` */
	void *lanes_memory;
	bool in_force; /* the kernel has the rules of `mode managed` */
	struct ip_port listeners[DOCTOR_LISTENERS_MAX]; /* its own */
	size_t n_listeners;
	bool sockets_looked;
	struct sockets sockets;
	struct doctor_rules v4, v6;
	size_t counts[DOCTOR_LEVELS], n;
	struct doctor_finding list[DOCTOR_FINDINGS_MAX];
};

/* ---- telling ---- */

/* @rule: NULL: none. Return: where doctor_advise() and doctor_type() add to. */
struct doctor_finding *doctor_tell(struct doctor *d, enum doctor_level level,
	const struct publish *rule, struct rules_at at, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* What to do, in words; or the line to type. */
void doctor_advise(struct doctor_finding *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_type(struct doctor_finding *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define DOCTOR_NOWHERE ((struct rules_at){ 0 })

/* Address, and address with port, as C text. */
#define DOCTOR_ADDRESS_MAX 64
const char *doctor_ip(char block[static DOCTOR_ADDRESS_MAX], const struct ip *ip);
const char *doctor_ip_port(char block[static DOCTOR_ADDRESS_MAX], const struct ip_port *port);

/* ---- what several examinations ask ---- */

/* Calls @one for each external address of each rule that publishes. */
void doctor_each_external(
	struct doctor *d, void (*one)(struct doctor *d, const struct publish *rule,
				  const struct rule_endpoint *external));

/* Each internal server of the rules that @wants, once for each address and port. */
void doctor_each_internal(struct doctor *d, bool (*wants)(const struct publish *rule),
	void (*one)(struct doctor *d, const struct publish *rule, const struct ip_port *server));

/* Is it an address of this host? */
bool doctor_is_local(const struct ip *ip);
/* The interface that has it; "": none, or lo. */
void doctor_interface_of(const struct ip *ip, char name[static ROUTES_NAME_MAX]);
/* The interface of the default route; "": there is none. */
void doctor_default_interface(enum ip_family family, char name[static ROUTES_NAME_MAX]);

/* Who listens at @at, or at all addresses of its port; NULL: nobody. */
const struct sockets_listener *doctor_listener(struct doctor *d, const struct ip_port *at);
/* Is it posternd, as it says itself or as the process is called? */
bool doctor_is_ours(struct doctor *d, const struct sockets_listener *l);

/* iptables-save of a family, run once; NULL: it could not be had, why stands in @whyp. */
const struct tables *doctor_tables(struct doctor *d, enum ip_family family, const char **whyp);

/* What diverts connections for @to to posternd, if it does; in tables_end.found. */
struct tables_end doctor_diversion(
	struct doctor *d, const struct tables *t, const struct ip_port *to);

/* The interface by which clients of @to come, fit to be typed, as what diverts them names it; in
 * `mode managed` the one that has the address, else the one of the default route. "": not known. */
void doctor_interface(struct doctor *d, const struct tables *t, const struct ip_port *to,
	char name[static ROUTES_NAME_MAX]);

/* " -i ext", of what diverts any published address: for lines that are typed. "": none names one.
 */
#define DOCTOR_OPTION_MAX 40
void doctor_clients_option(struct doctor *d, char option[static DOCTOR_OPTION_MAX]);

bool doctor_drops(struct tables_end end);

/* Where a line that is typed belongs: behind our jump, which is to stay the first of its hook. */
unsigned doctor_place(const struct tables *t, const char *table, const char *hook);

/* The head of a rule, escaped. */
#define DOCTOR_LINE_MAX 640
const char *doctor_line(char block[static DOCTOR_LINE_MAX], struct span line);

/* The interface of the route to an address. */
enum doctor_route { DOCTOR_ROUTE_NONE, DOCTOR_ROUTE_LOCAL, DOCTOR_ROUTE_OUT, DOCTOR_ROUTE_NO_TOOL };
enum doctor_route doctor_route(const struct ip *to, char name[static ROUTES_NAME_MAX]);

/* "iptables" or "ip6tables"; "" or "-6 " behind "ip ". */
const char *doctor_iptables(enum ip_family family);
const char *doctor_ip_option(enum ip_family family);

/* A number in a file below /proc; false: there is none. */
bool doctor_proc_number(const char *path, uint64_t *vp);

/* ---- the examinations ---- */

void doctor_daemon(struct doctor *d); /* first: others ask who listens for posternd */
void doctor_listen(struct doctor *d);
void doctor_intercept(struct doctor *d);
void doctor_tools(struct doctor *d);
void doctor_divert(struct doctor *d);
void doctor_input(struct doctor *d);
void doctor_input_lanes(struct doctor *d);
void doctor_forward(struct doctor *d);
void doctor_track(struct doctor *d);
void doctor_marks(struct doctor *d);
void doctor_saved(struct doctor *d);
void doctor_stale(struct doctor *d);
void doctor_around(struct doctor *d);
void doctor_local_server(struct doctor *d);
void doctor_client_path(struct doctor *d);
void doctor_right(struct doctor *d);
void doctor_return(struct doctor *d);
void doctor_forwarding(struct doctor *d);
void doctor_servers(struct doctor *d);
void doctor_certificates(struct doctor *d);
void doctor_way_back(struct doctor *d);
void doctor_zones(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_descriptors(struct doctor *d);
void doctor_queues(struct doctor *d);
void doctor_users(struct doctor *d);
void doctor_kernel(struct doctor *d);
void doctor_folders(struct doctor *d);
