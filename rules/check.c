/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

/* ---- what stands outside of blocks ---- */

static void read_version(struct words *w, void *object)
{
	struct ruleset *rs = object;
	const struct word *word = words_next(w, "the version of the language");

	if (word == NULL)
		return;
	rs->version = RULES_VERSION;
	if (!word_is(word, "1"))
		WORDS_TELL(w, word, NULL, SPAN("version "), word->text,
			SPAN(" is not known; this program reads \"version 1\""));
}

static void read_default(struct words *w, void *object)
{
	static const char *const list[] = { "refuse", "reset", "drop" };
	struct ruleset *rs = object;
	size_t i = words_choice(w, list, 3);

	rs->default_at = w->st->first->at;
	if (i == 3)
		return;
	rs->default_action = (enum default_action)i;
	if (i == DEFAULT_REFUSE && w->at != NULL)
		reply_read(w, &rs->default_reply);
}

/* Blocks with a name are read by their kind, not in written order. */
static void read_later(struct words *w, void *object)
{
	(void)w;
	(void)object;
}

enum { ROW_VERSION, ROW_DEFAULT };

static const struct block_row rows[] = {
	[ROW_VERSION] = { "version", read_version, "version 1", ROW_ONCE },
	[ROW_DEFAULT] = { "default", read_default, "default refuse \"554 5.7.1 Not published\"",
		ROW_ONCE },
	{ "set", read_later, "set NAME { members 192.0.2.0/24 }", ROW_MANY | ROW_BLOCK },
	{ "schedule", read_later, "schedule NAME { timezone \"UTC\"; allow mon-fri 07:00-19:00 }",
		ROW_MANY | ROW_BLOCK },
	{ "commands", read_later, "commands NAME like internet { verb VRFY deny }",
		ROW_MANY | ROW_BLOCK },
	{ "screen", read_later, "screen NAME { attachment over 20MiB refuse }",
		ROW_MANY | ROW_BLOCK },
	{ "certificate", read_later, "certificate NAME { chain \"chain.pem\"; key \"key.pem\" }",
		ROW_MANY | ROW_BLOCK },
	{ "auth", read_later, "auth NAME { via file \"staff.passwd\"; mechanisms PLAIN, LOGIN }",
		ROW_MANY | ROW_BLOCK },
	{ "route", read_later, "route NAME { domains any; next-hop mx }", ROW_MANY | ROW_BLOCK },
	{ "publish", read_later, "publish NAME { external 198.51.100.2:25; internal 10.0.0.21:25 }",
		ROW_MANY | ROW_BLOCK },
	{ "relay", read_later,
		"relay NAME { listen 198.51.100.2:25; recipients in SET; deliver ROUTE }",
		ROW_MANY | ROW_BLOCK },
};

/* ---- kinds of block ---- */

static const struct {
	enum named_kind kind;
	void (*read)(struct check *c, struct named *named);
} readers[] = {
	{ NAMED_SET, set_read },
	{ NAMED_SCHEDULE, schedule_read },
	{ NAMED_COMMANDS, table_read },
	{ NAMED_SCREEN, screen_read },
	{ NAMED_CERTIFICATE, certificate_read },
	{ NAMED_AUTH, auth_read },
	{ NAMED_ROUTE, route_read },
	{ NAMED_PUBLISH, publish_read },
	{ NAMED_RELAY, relay_read },
};

static void for_each(
	struct check *c, enum named_kind kind, void (*read)(struct check *c, struct named *named))
{
	for (size_t i = 0; i < c->names[kind].n; i++)
		read(c, &c->names[kind].items[i]);
}

static void number_sets(struct check *c)
{
	struct named_list *l = &c->names[NAMED_SET];

	c->sets = ARENA_ARRAY(c->arena, struct set_work, l->n);
	for (size_t i = 0; i < l->n; i++)
		((struct rule_set *)l->items[i].object)->number = (unsigned)i;
}

/* Rules of both kinds, in written order. */
static void collect_rules(struct check *c, const struct statement *list)
{
	const struct named_list *publish = &c->names[NAMED_PUBLISH],
				*relay = &c->names[NAMED_RELAY];
	struct rule *rules = ARENA_ARRAY(c->arena, struct rule, publish->n + relay->n);
	size_t i = 0, j = 0, n = 0;

	for (const struct statement *st = list; rules != NULL && st != NULL; st = st->next) {
		if (i < publish->n && publish->items[i].st == st) {
			struct publish *p = publish->items[i++].object;
			rules[n++].publish = p;
			p->number = (unsigned)n;
		} else if (j < relay->n && relay->items[j].st == st) {
			struct relay *r = relay->items[j++].object;
			rules[n++].relay = r;
			r->front.number = (unsigned)n;
		}
	}
	c->rs->rules = rules;
	c->rs->n_rules = n;
}

static void collect(struct check *c, const struct statement *list)
{
	struct ruleset *rs = c->rs;

	rs->sets = names_objects(c, NAMED_SET, &rs->n_sets);
	rs->schedules = names_objects(c, NAMED_SCHEDULE, &rs->n_schedules);
	rs->tables = names_objects(c, NAMED_COMMANDS, &rs->n_tables);
	rs->screens = names_objects(c, NAMED_SCREEN, &rs->n_screens);
	rs->certificates = names_objects(c, NAMED_CERTIFICATE, &rs->n_certificates);
	rs->auths = names_objects(c, NAMED_AUTH, &rs->n_auths);
	rs->routes = names_objects(c, NAMED_ROUTE, &rs->n_routes);
	collect_rules(c, list);
}

static void cross(struct check *c)
{
	for (size_t i = 0; i < c->names[NAMED_PUBLISH].n; i++)
		cross_publish(c, &c->names[NAMED_PUBLISH].items[i]);
	for (size_t i = 0; i < c->names[NAMED_RELAY].n; i++)
		cross_relay(c, &c->names[NAMED_RELAY].items[i]);
}

static void check_version(
	struct check *c, const struct statement *list, const struct block_seen *seen)
{
	struct rules_at at = {
		.file = c->n_sources > 0 ? c->sources[0].name : "", .line = 1, .column = 1
	};

	if (list != NULL)
		at = list->first->at;
	if (seen->first[ROW_VERSION] == NULL ? seen->unknown || c->diags->errors != 0
					     : seen->first[ROW_VERSION] == list)
		return;
	DIAG(c->diags, DIAG_ERROR, at, list != NULL ? list->first->width : 1, NULL,
		SPAN("\"version 1\" must open the file"));
}

void check_rules(struct check *c, const struct statement *list)
{
	struct block_seen seen;

	c->rs->default_reply = (struct rule_reply){ 554, "5.7.1 Not published" };
	names_declare(c, list);
	number_sets(c);
	if (c->arena->full)
		return;
	block_read(c, list, NULL, rows, sizeof(rows) / sizeof(rows[0]), c->rs, &seen);
	check_version(c, list, &seen);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]) && !c->arena->full; i++)
		for_each(c, readers[i].kind, readers[i].read);
	if (c->arena->full)
		return;
	sets_finish(c);
	cross(c);
	collect(c, list);
}
