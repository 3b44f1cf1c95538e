/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The checker: from statements of words to a rule set. Private to rules/check*.c and rules/build.c.
 *
 * A block is a table of rows (struct block_row): the statements it may hold, each with a reader. A
 * reader takes the words of its statement one by one (struct words) and fills in one object. The
 * first mistake in a statement is told, the rest of that statement is not looked at; everything
 * else goes on, so that one pass finds all errors and no error brings another one after it.
 *
 * In order: named blocks are declared, so that names may be used before they are defined; blocks
 * are read, and each use of a set notes its kind; sets are finished; what only several statements
 * together can break is cross-checked.
 *
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "rules/rules.h"
#include "rules/set.h"
#include "rules/tree.h"
#include "rules/value.h"

struct check;

/* ---- words of one statement (check_words.c) ---- */

#define WORDS_TRIED_MAX 8

struct words {
	struct check *c;
	const struct statement *st;
	const struct word *at;     /* the next one, NULL at the end */
	const struct word *before; /* the one before it; the statement's own word at first */
	const char *example;       /* of the whole statement, for messages */
	const char *tried[WORDS_TRIED_MAX]; /* keywords that might stand here: what words_take()
					       asked for in vain */
	size_t n_tried;
	bool bad; /* an error was told: nothing more is said about this statement */
};

/* Behind the word that names the statement. */
struct words words_of(struct check *c, const struct statement *st, const char *example);

/* The next word, consumed. Tells an error and returns NULL when there is none, or a comma. @what:
 * "a name". */
const struct word *words_next(struct words *w, const char *what);
/* Does @word stand without quotes? An error if not. */
bool words_bare(struct words *w, const struct word *word, const char *what);
/* The next word if it is the bare @keyword, consumed. */
bool words_take(struct words *w, const char *keyword);
/* The same, and an error if it is not. */
bool words_need(struct words *w, const char *keyword);
bool words_comma(struct words *w);
/* "FILE:LINE" */
const char *at_text(struct check *c, const struct rules_at *at);
/* Nothing may be left: an error if there is. Return: no error in the whole statement. */
bool words_end(struct words *w);
/* Text in quotes, not empty, printable ASCII. NULL: told. */
const char *words_text(struct words *w, const char *what);
/* A path in quotes, resolved by source_path(). */
const char *words_path(struct words *w, const char *what);
/* Index of the next word in @list, or @n: told, with a suggestion. */
size_t words_choice(struct words *w, const char *const *list, size_t n);
/* What legal words the next one is not: told. */
void words_unknown(struct words *w, const struct word *word, const char *const *list, size_t n);

/* An error about @word; NULL: about what should stand behind the last word. The text is made of
 * spans. */
void words_tell(struct words *w, const struct word *word, const char *help,
	const struct span *pieces, size_t n);
#define WORDS_TELL(w, word, help, ...)                                                             \
	words_tell((w), (word), (help), (const struct span[]){ __VA_ARGS__ },                      \
		sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span))

/* A warning about @word: the statement stands. */
#define WORDS_WARN(w, word, help, ...)                                                             \
	DIAG((w)->c->diags, DIAG_WARNING, (word)->at, (word)->width, (help), __VA_ARGS__)

/* An error at a place of a statement: its first word. */
#define CHECK_TELL(c, st, help, ...)                                                               \
	DIAG((c)->diags, DIAG_ERROR, (st)->first->at, (st)->first->width, (help), __VA_ARGS__)

/* An error at a statement whose place alone is known. */
#define CHECK_TELL_AT(c, place, keyword, help, ...)                                                \
	DIAG((c)->diags, DIAG_ERROR, (place), sizeof(keyword) - 1, (help), __VA_ARGS__)

static inline bool word_is(const struct word *word, const char *text)
{
	return word->kind == WORD_BARE && span_eq(word->text, span_str(text));
}

/* ---- blocks (check_block.c) ---- */

enum block_row_flag {
	ROW_ONCE = 0,
	ROW_MANY = 1, /* may stand more than once */
	ROW_NEEDED = 2,
	ROW_BLOCK = 4, /* has a block */
};

struct block_row {
	const char *name;
	void (*read)(struct words *w, void *object);
	const char *example; /* `external 198.51.100.2:25` */
	unsigned flags;      /* enum block_row_flag */
};

#define BLOCK_ROWS_MAX 32

struct block_seen {
	const struct statement
		*first[BLOCK_ROWS_MAX]; /* of each row, NULL: not there; faulty ones too */
	uint32_t faulty;                /* bit: an error was told about a statement of this row */
	bool unknown; /* some statement was none of the rows, or the block is faulty: something may
			 seem missing that is not */
};

/* Reads each statement of @list by its row. @place: NULL, or the block whose needed rows are asked
 * for. */
void block_read(struct check *c, const struct statement *list, const struct statement *place,
	const struct block_row *rows, size_t n, void *object, struct block_seen *seen);

/* The name in front of a block; what is wrong with it was told when it was declared. False: say
 * nothing more. */
bool block_name(struct words *w);
/* The same for a block that has a name and nothing else there. */
void block_head(struct words *w);

size_t statements_count(const struct statement *list);

/* ---- values (check_value.c) ---- */

/* The next word as a value of @schema. Return: false when told. */
bool value_read(struct words *w, const struct value_schema *schema, uint64_t *vp);
/* The same, put into @object. */
bool value_store(struct words *w, const struct value_schema *schema, void *object);

/* ---- names (check_name.c) ---- */

enum named_kind {
	NAMED_SET,
	NAMED_SCHEDULE,
	NAMED_COMMANDS,
	NAMED_SCREEN,
	NAMED_CERTIFICATE,
	NAMED_AUTH,
	NAMED_ROUTE,
	NAMED_PUBLISH,
	NAMED_RELAY,
	NAMED_COUNT,
};

enum like_state {
	LIKE_NEW,
	LIKE_OPEN, /* being read: meeting it again is a loop */
	LIKE_DONE,
};

struct named {
	const char *name;
	const struct statement *st;
	void *object;            /* struct rule_set, struct publish ... */
	enum like_state state;   /* tables and screens */
	struct block_seen *seen; /* publish and relay: what its block said */
};

struct named_list {
	struct named *items;
	size_t n;
	uint32_t *slots; /* by the hash of a name: number of its item from 1, 0: free */
	size_t n_slots;  /* a power of two, twice the items at least */
};

/* Declares every named block of @list; objects are zeroed but for name and place. */
void names_declare(struct check *c, const struct statement *list);
/* The next word as the name of a @kind. NULL: told, unless the block it means is itself faulty. */
struct named *name_use(struct words *w, enum named_kind kind);
struct named *name_find(struct check *c, enum named_kind kind, struct span name);
/* Behind `like @word`: reads @named first, unless that leads in a circle (told, false). */
bool like_follow(struct words *w, const struct word *word, struct named *named,
	void (*read)(struct check *c, struct named *named));
/* The next word as a command table, built in or not. */
const struct command_table *table_use(struct words *w);
/* Objects of a kind in written order. */
void *names_objects(struct check *c, enum named_kind kind, size_t *np);

/* ---- expressions and endpoints (check_expr.c) ---- */

/* "any [except LIST]" or "LIST [except LIST]"; with @in the word "in" stands before a list. */
void expr_read(struct words *w, enum set_kind kind, bool in, struct rule_expr *expr);
/* Does it let everyone or everything in, exceptions aside? Sets must be finished. */
bool expr_is_open(const struct rule_expr *expr);

/* ADDRESS:PORT; with @any also any:PORT; without a port when @port_given is not NULL. */
bool endpoint_read(struct words *w, bool any, struct rule_endpoint *ep, bool *port_given);
/* 1 to 65535, in digits. */
bool port_parse(struct span text, uint16_t *portp);

/* ---- sets (check_set.c) ---- */

void set_read(struct check *c, struct named *named);
/* A use as @kind at @word; a second use that contradicts the first is told. */
void set_use(struct words *w, const struct word *word, struct rule_set *set, enum set_kind kind);
/* After all uses: reads members and files, sorts. */
void sets_finish(struct check *c);

/* ---- one reader a kind of block ---- */

void schedule_read(struct check *c, struct named *named);    /* check_schedule.c */
void table_read(struct check *c, struct named *named);       /* check_commands.c */
void screen_read(struct check *c, struct named *named);      /* check_screen.c */
void certificate_read(struct check *c, struct named *named); /* check_route.c */
void auth_read(struct check *c, struct named *named);
void route_read(struct check *c, struct named *named);
void publish_read(struct check *c, struct named *named);       /* check_publish.c */
void relay_read(struct check *c, struct named *named);         /* check_relay.c */
void host_read(struct check *c, const struct statement *list); /* check_host.c */
void host_preset(struct hostconf *host);

/* ---- what publish and relay share (check_limits.c) ---- */

void limits_preset(struct rule_limits *limits);
void limit_read(struct words *w, struct rule_limits *limits);
/* Behind `limit rate`, `errors`, `recipients`, `octets` (check_windows.c). */
void windows_read(struct words *w, enum tally_what what, struct rule_limits *limits);
void timeouts_preset(struct rule_timeouts *timeouts);
struct timeouts_reading {
	struct rule_timeouts *timeouts;
	const struct word *given[TIMEOUTS_N]; /* where timeout_schemas[i] was given, or NULL */
};
void timeout_read(struct words *w, struct timeouts_reading *t);
/* Of a rule with `pass`: tells each timeout that only an inspected session has. */
void timeouts_check_pass(struct check *c, const struct timeouts_reading *t);
/* Return: where "tls" stands, or NULL. */
const struct word *log_read(struct words *w, unsigned *logp);
/* @tls: of log_read(), which may have found none. @passed: it is of a rule with `pass`. */
void log_check_tls(struct check *c, const struct word *tls, unsigned log, bool passed);

/* What publish and relay are being read into: the object of these rows, in both. */
struct front_reading {
	struct publish *p;
	struct timeouts_reading timeouts;
	const struct word *log_tls; /* where it stands, or NULL */
};
void front_read_from(struct words *w, void *object);
void front_read_when(struct words *w, void *object);
void front_read_inspect(struct words *w, void *object);
void front_read_recipients(struct words *w, void *object);
void front_read_limit(struct words *w, void *object);
void front_read_timeout(struct words *w, void *object);
void front_read_log(struct words *w, void *object);
/* Of the statement, from here on: how long a list can be. */
size_t count_commas(const struct words *w);
/* What the engine needs of the command table and limits, once all is read. */
void smtp_fill(struct publish *p, bool tls);

/* A reply an administrator wrote, "502 5.5.1 Not available" (check_reply.c). */
bool reply_read(struct words *w, struct rule_reply *reply);

/* The rows of `publish`, for what asks which were given. */
enum publish_row {
	PUBLISH_EXTERNAL,
	PUBLISH_INTERNAL,
	PUBLISH_FROM,
	PUBLISH_WHEN,
	PUBLISH_INSPECT,
	PUBLISH_PASS,
	PUBLISH_GATE,
	PUBLISH_RECIPIENTS,
	PUBLISH_CLIENT_ADDRESS,
	PUBLISH_LIMIT,
	PUBLISH_TIMEOUT,
	PUBLISH_BANNER,
	PUBLISH_LOG,
	PUBLISH_ROWS,
};

enum relay_row {
	RELAY_LISTEN,
	RELAY_FROM,
	RELAY_WHEN,
	RELAY_AUTH,
	RELAY_RECIPIENTS,
	RELAY_INSPECT,
	RELAY_DELIVER,
	RELAY_LIMIT,
	RELAY_TIMEOUT,
	RELAY_BANNER,
	RELAY_LOG,
	RELAY_ROWS,
};

/* What only several statements together can break (check_cross*.c); sets are finished. */
void cross_publish(struct check *c, const struct named *named);
void cross_relay(struct check *c, const struct named *named);
bool cross_same_endpoint(const struct rule_endpoint *a, const struct rule_endpoint *b);
/* Columns of an endpoint as it is usually written, for the caret. */
uint32_t cross_width(const struct rule_endpoint *e);
/* The same for both files together, once postern.conf is read. */
void cross_host(struct check *c);
void cross_gate(struct check *c);

/* ---- the state ---- */

struct set_work {                       /* what messages about a set need */
	enum set_kind kind;             /* as it was first used ... */
	const struct word *use;         /* ... and where */
	const struct word **file_words; /* where each of its files is named */
};

struct check {
	struct arena *arena;
	struct diags *diags;
	const struct source *sources;
	size_t n_sources;
	struct ruleset *rs;
	struct named_list names[NAMED_COUNT];
	struct set_work *sets; /* by set number */
	unsigned like_depth;
};

/* Checks the statements of rules.conf into c->rs. */
void check_rules(struct check *c, const struct statement *list);
