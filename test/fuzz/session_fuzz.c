/* SPDX-License-Identifier: ISC */
/*
 * A whole inspected session: both peers hostile, cut in two ways
 *
 * Input: one octet that chooses a rule, then octets of the client and the server. 0xFE is followed
 * by a letter: C or S (whose octets follow), c (the client closes), s (the server closes), i (time
 * is up), or 0xFE itself. Octets of one side without a letter between them come together.
 *
 * What must hold: the same octets come out and the same notes are made when everything arrives
 * octet by octet; every line printed inward reads back as itself; what is refused in mid-message
 * leaves no end of data behind. A strict server (server_model.h) counts the same senders,
 * recipients and messages as the notes tell, each whole message has one outcome, and nothing goes
 * inward behind a reset or the session's end.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/policy/inspect.h"
#include "rules/rules.h"
#include "test/fuzz/server_model.h"

#define RULES_TEXT(table, more)                                                                    \
	"version 1\nset home { members in.test }\ncommands t like " table "\n"                     \
	"publish p { external 198.51.100.2:25; internal 10.0.0.21:25; inspect commands t; "        \
	"recipients in home; " more " }\n"

static const char *const texts[] = {
	RULES_TEXT("internet { verb RCPT limit 50 per message }", "client-address gateway"),
	RULES_TEXT(
		"internet { data bare-newline normalise; data max-line 80; data max-header 4KiB }",
		"client-address gateway; limit message 2KiB; limit errors 3; limit recipients 2 "
		"per message; banner \"hello\""),
	RULES_TEXT("submission { data binary allow; local-part tolerant; verb VRFY, EXPN, ETRN; "
		   "extension ETRN allow }",
		"client-address gateway"),
	RULES_TEXT("internet { extension CHUNKING hide; extension PIPELINING hide }",
		"client-address gateway"),
	RULES_TEXT("internet { verb RSET limit 3 per message }", "client-address xclient"),
	RULES_TEXT("internet { }",
		"client-address gateway; limit errors 9 per 1h per client; limit recipients 5 per "
		"1h per client, 6 per 1h total; limit octets 2KiB per 1h per client"),
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static struct publish rules[N_TEXTS];

static void build(size_t i)
{
	static uint8_t blocks[N_TEXTS][1 << 20];
	const struct source source = {
		.kind = SOURCE_RULES, .name = "fuzz.conf", .text = span_str(texts[i])
	};
	const struct ruleset *rs = NULL;
	struct arena arena;
	struct diags diags;

	arena_init(&arena, blocks[i], sizeof blocks[i]);
	diags_init(&diags, &arena);
	if (rules_build(&arena, &source, 1, &diags, &rs) != RULES_OK) {
		for (const struct diag *d = diags.first; d != NULL; d = d->next)
			fprintf(stderr, "session_fuzz: rules %zu:%u: %s\n", i, d->at.line, d->text);
		abort();
	}
	rules[i] = *rs->rules[0].publish;
	rules[i].smtp.hostname = "gw.in.test";
}

/* ---- one run ---- */

struct record { /* what came out, in order */
	uint8_t *p;
	size_t n, size;
};

static void record(struct record *r, const void *p, size_t n)
{
	if (r->n + n > r->size) {
		r->size = (r->n + n) * 2;
		r->p = realloc(r->p, r->size);
		assert(r->p != NULL);
	}
	if (n > 0)
		memcpy(r->p + r->n, p, n);
	r->n += n;
}

struct run {
	struct inspect inspect;
	struct record in[2]; /* unread octets, from the start that @at gives */
	size_t at[2];
	struct record to_client, to_server, notes;
	uint32_t incidents, dials;
	struct tally_slot of_client, whole;
	struct model model;
	size_t mails, rcpts, outcomes; /* as the notes tell */
};

static void on_note(void *context, const struct inspect_note *note)
{
	struct run *run = context;

	run->mails += note->type == INSPECT_NOTE_MAIL;
	run->rcpts += note->type == INSPECT_NOTE_RCPT && note->reply == 0;
	if (note->type == INSPECT_NOTE_MESSAGE) {
		const bool whole = run->outcomes < run->model.messages;

		assert(whole || (note->code != CODE_MESSAGE_DELIVERED &&
					note->code != CODE_MESSAGE_UNKNOWN));
		assert(!whole ||
			(note->code != CODE_MESSAGE_REFUSED && note->code != CODE_MESSAGE_ABORTED));
		run->outcomes += whole;
	}
	const uint32_t facts[] = { (uint32_t)note->type, (uint32_t)note->code, note->incident,
		note->transaction, note->reply, (uint32_t)note->octets, (uint32_t)note->offset };

	record(&run->notes, facts, sizeof facts);
	record(&run->notes, note->text.p, note->text.n);
}

static uint32_t on_incident(void *context)
{
	return ++((struct run *)context)->incidents;
}

static struct limit_answer on_room(void *context, enum tally_what what, uint64_t n, bool take)
{
	struct run *run = context;

	return window_room((struct window_slots){ &run->of_client, &run->whole },
		&run->inspect.rule->limits, what, n, take, 1);
}

static void on_count(void *context, enum tally_what what, uint64_t n)
{
	struct run *run = context;

	window_count((struct window_slots){ &run->of_client, &run->whole },
		&run->inspect.rule->limits, what, n, 1);
}

static const struct inspect_ops ops = {
	.note = on_note,
	.incident = on_incident,
	.room = on_room,
	.count = on_count,
};

/* Each line printed inward is a command that reads back as itself, but our own XCLIENT and a
 * response to 334. */
static void check_printed(const struct run *run, struct span printed)
{
	const struct smtp_conf *conf = run->inspect.smtp.conf;
	const struct command_rules read = { .offered = UINT32_MAX,
		.line_max = conf->line_max,
		.utf8 = true,
		.local_tolerant = true };

	while (printed.n > 0) {
		const size_t end = span_chr(printed, '\n');
		const struct span line = span_sub(printed, 0, end - 1);
		struct smtp_command cmd;
		uint8_t block[SMTP_COMMAND_MAX + 64];
		struct out again;
		size_t at;

		assert(end < printed.n && end > 0 && printed.p[end - 1] == '\r');
		assert(span_chr(line, '\r') == line.n && span_chr(line, '\0') == line.n);
		if (!span_eq(line, SPAN("XCLIENT ADDR=203.0.113.9 PORT=40000")) &&
			!model_expects_response(&run->model)) {
			assert(command_parse(line, &read, &cmd, &at) == SMTP_DEFECT_NONE);
			out_init(&again, block, sizeof block);
			command_print(&again, &cmd);
			assert(span_eq(out_span(&again), span_sub(printed, 0, end + 1)));
		}
		printed = span_from(printed, end + 1);
	}
}

/* What the notes told is what the server had; at the end, each whole message has its outcome. */
static void check_counts(const struct run *run)
{
	assert(run->mails == run->model.mails && run->rcpts == run->model.rcpts);
	assert(run->outcomes == run->model.messages ||
		(run->outcomes + 1 == run->model.messages && !(run->inspect.want & INSPECT_END)));
}

static void fulfil(struct run *run)
{
	check_counts(run);
	if (run->inspect.want & INSPECT_RESET_SERVER) {
		record(&run->to_server, "\xfe[reset]", 8);
		model_reset(&run->model);
		inspect_reset_done(&run->inspect);
	}
	if (run->inspect.want & INSPECT_DIAL && !(run->inspect.want & INSPECT_END)) {
		record(&run->to_server, "\xfe[dial]", 7);
		run->at[SMTP_S2C] = run->in[SMTP_S2C].n;
		run->dials++;
		model_dialled(&run->model);
		inspect_dialled(&run->inspect);
	}
}

static bool step(struct run *run, enum smtp_dir dir)
{
	static uint8_t client[SMTP_OUT_MAX], server[SMTP_OUT_MAX];
	struct inspect_step taken;
	struct out to_client, to_server;
	const size_t n = run->in[dir].n - run->at[dir];
	const bool ended = run->inspect.want & INSPECT_END;
	bool more;

	out_init(&to_client, client, sizeof client);
	out_init(&to_server, server, sizeof server);
	more = inspect_step(&run->inspect, dir, n > 0 ? run->in[dir].p + run->at[dir] : NULL, n,
		&to_client, &to_server, &taken);
	assert(taken.size <= n && !to_client.full && !to_server.full);
	assert(!ended || (!more && to_server.n == 0 && taken.forward.n == 0));
	check_printed(run, out_span(&to_server));
	if (dir == SMTP_S2C && taken.size > 0)
		model_said(&run->model, span_of(run->in[dir].p + run->at[dir], taken.size));
	model_take(&run->model, out_span(&to_server));
	model_take(&run->model, taken.forward);
	record(&run->to_client, to_client.p, to_client.n);
	record(&run->to_server, to_server.p, to_server.n);
	record(&run->to_server, taken.forward.p, taken.forward.n);
	run->at[dir] += taken.size;
	fulfil(run);
	return more;
}

static void pump(struct run *run)
{
	while (step(run, SMTP_C2S) || step(run, SMTP_S2C))
		;
}

/* What a server had sent when its connection was replaced is lost with that. */
static void deliver(struct run *run, enum smtp_dir dir, const uint8_t *p, size_t n, bool singly)
{
	const uint32_t dials = run->dials;

	for (size_t i = 0; singly && i < n && (dir == SMTP_C2S || run->dials == dials); i++) {
		record(&run->in[dir], p + i, 1);
		pump(run);
	}
	if (!singly)
		record(&run->in[dir], p, n);
	pump(run);
}

static void control(struct run *run, uint8_t letter)
{
	static uint8_t block[SMTP_OUT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	if (letter == 'c')
		inspect_client_lost(&run->inspect);
	else if (letter == 's' && run->inspect.dialled)
		inspect_server_lost(&run->inspect, CODE_SERVER_LOST, &o);
	else if (letter == 'i')
		inspect_cut(&run->inspect, CODE_TIMEOUT_IDLE, &o);
	record(&run->to_client, o.p, o.n);
	fulfil(run);
	pump(run);
}

static void play(
	struct run *run, const struct publish *rule, const uint8_t *p, size_t n, bool singly)
{
	const struct ip_port client = { .ip = { .family = IP_V4, .octets = { 203, 0, 113, 9 } },
		.port = 40000 };
	enum smtp_dir dir = SMTP_S2C;

	memset(run, 0, sizeof *run);
	inspect_init(&run->inspect, rule, &ops, run, &client);
	fulfil(run);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && p[end] != 0xfe; end++)
			;
		deliver(run, dir, p + i, end - i, singly);
		if (end + 1 >= n)
			return;
		if (p[end + 1] == 'C' || p[end + 1] == 'S')
			dir = p[end + 1] == 'C' ? SMTP_C2S : SMTP_S2C;
		else if (p[end + 1] == 0xfe)
			deliver(run, dir, p + end, 1, singly);
		else
			control(run, p[end + 1]);
		end += 2;
	}
}

static void same(const struct record *a, const struct record *b)
{
	assert(a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0));
}

static void release(struct run *run)
{
	free(run->in[0].p);
	free(run->in[1].p);
	free(run->to_client.p);
	free(run->to_server.p);
	free(run->notes.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct run whole, cut;
	const struct publish *rule;

	if (rules[0].name == NULL)
		for (size_t i = 0; i < N_TEXTS; i++)
			build(i);
	if (n == 0)
		return 0;
	rule = &rules[p[0] % N_TEXTS];
	play(&whole, rule, p + 1, n - 1, false);
	play(&cut, rule, p + 1, n - 1, true);
	same(&whole.to_client, &cut.to_client);
	same(&whole.to_server, &cut.to_server);
	same(&whole.notes, &cut.notes);
	release(&whole);
	release(&cut);
	return 0;
}
