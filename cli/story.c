/* SPDX-License-Identifier: ISC */
#include "cli/story.h"

#include <stdio.h>
#include <string.h>

#include "cli/json.h"

#define SHOWN_MAX 200 /* octets of a server's words */
/* Any fact in any form: escaped octets take five each at most. */
#define FACT_MAX (STORY_LINE_MAX * 5 + 512)

/* One fact is one line, of text or one object of JSON. */
struct fact {
	struct out o;
	struct json json;
	uint8_t block[FACT_MAX];
};

static void begin(struct fact *f)
{
	out_init(&f->o, f->block, sizeof f->block);
	f->json = (struct json){ .o = &f->o };
}

static void tell(struct fact *f)
{
	out_octet(&f->o, '\n');
	fwrite(f->o.p, 1, f->o.n, stdout);
}

static void begin_object(struct fact *f)
{
	begin(f);
	json_open(&f->json, NULL, '{');
}

static void tell_object(struct fact *f)
{
	json_close(&f->json, '}');
	tell(f);
}

/* ---- octets ---- */

static void tell_line(const struct story *s, const struct story_way *way, struct span line)
{
	static struct fact f;

	if (s->json) {
		begin_object(&f);
		json_str(&f.json, "to", way->to);
		json_span(&f.json, "text", line);
		tell_object(&f);
		return;
	}
	begin(&f);
	out_str(&f.o, "   ");
	out_octet(&f.o, (uint8_t)way->mark);
	out_octet(&f.o, ' ');
	out_escaped(&f.o, line, STORY_LINE_MAX);
	tell(&f);
}

static void flush_way(const struct story *s, struct story_way *way)
{
	if (way->n > 0)
		tell_line(s, way, span_of(way->line, way->n));
	way->n = 0;
}

void story_flush(struct story *s)
{
	flush_way(s, &s->ways[0]);
	flush_way(s, &s->ways[1]);
}

static struct story_way *way_of(struct story *s, char side)
{
	return &s->ways[side == '>'];
}

static void tell_octets(void *context, char side, struct span octets)
{
	struct story *s = context;
	struct story_way *way = way_of(s, side);

	for (size_t i = 0; i < octets.n; i++) {
		way->line[way->n++] = octets.p[i];
		if (way->n >= 2 && memcmp(way->line + way->n - 2, "\r\n", 2) == 0) {
			tell_line(s, way, span_of(way->line, way->n - 2));
			way->n = 0;
		} else if (way->n == STORY_LINE_MAX) {
			flush_way(s, way);
		}
	}
}

/* ---- the script, and what happens to connections ---- */

static void tell_step(void *context, const struct step *step)
{
	struct story *s = context;
	static struct fact f;

	story_flush(s);
	if (strchr("CSAw", step->side) == NULL)
		return;
	if (s->json) {
		begin_object(&f);
		json_u64(&f.json, "line", step->line);
		json_span(&f.json, "step", span_sub(span_str(step->source), 0, STORY_LINE_MAX));
		tell_object(&f);
		return;
	}
	begin(&f);
	step_print(&f.o, step, STORY_LINE_MAX);
	tell(&f);
}

static void tell_event(void *context, char side, const char *what)
{
	struct story *s = context;
	const struct story_way *way = way_of(s, side);
	static struct fact f;

	story_flush(s);
	if (s->json) {
		begin_object(&f);
		json_str(&f.json, "to", way->to);
		json_str(&f.json, "event", what);
		tell_object(&f);
	} else {
		printf("   %c [%s]\n", side, what);
	}
}

/* ---- decisions ---- */

static bool worth_telling(enum inspect_note_type type)
{
	return type == INSPECT_NOTE_DENIAL || type == INSPECT_NOTE_FAULT ||
	       type == INSPECT_NOTE_SERVER || type == INSPECT_NOTE_MESSAGE;
}

/* Where the decision comes from: the rule's line, and the clause of the RFC. */
static void tell_reason(const struct inspect_note *note, const struct code_info *info)
{
	if (note->at.line != 0)
		printf(", %s:%u", note->at.file, note->at.line);
	if (info->clause[0] != '\0')
		printf(", %s", info->clause);
	if (note->type == INSPECT_NOTE_DENIAL && note->offset > 0)
		printf(", at octet %zu", note->offset);
}

/* What the server said, or what is known of it. */
static void tell_words(struct span text)
{
	char shown[4 * SHOWN_MAX + 4];
	struct out o;

	out_init(&o, shown, sizeof shown);
	out_escaped(&o, text, SHOWN_MAX);
	printf(": \"%s\"", out_cstr(&o));
}

static void tell_note_json(
	const struct inspect_note *note, const char *code, const struct code_info *info)
{
	static struct fact f;

	begin_object(&f);
	json_str(&f.json, "code", code);
	json_str(&f.json, "title", info->title);
	json_str(&f.json, "clause", info->clause);
	json_u64(&f.json, "offset", note->offset);
	if (note->reply != 0)
		json_u64(&f.json, "reply", note->reply);
	if (note->type == INSPECT_NOTE_SERVER && note->text.n > 0)
		json_span(&f.json, "said", span_sub(note->text, 0, SHOWN_MAX));
	if (note->at.line != 0) {
		json_str(&f.json, "file", note->at.file);
		json_u64(&f.json, "at", note->at.line);
	}
	tell_object(&f);
}

static void tell_note(void *context, const struct inspect_note *note)
{
	struct story *s = context;
	const struct code_info *info = code_info(note->code);
	char code[7];

	if (!worth_telling(note->type))
		return;
	story_flush(s);
	code_text(note->code, code);
	if (s->json) {
		tell_note_json(note, code, info);
		return;
	}
	printf("   = %s %s", code, info->title);
	tell_reason(note, info);
	if (note->type == INSPECT_NOTE_SERVER && note->text.n > 0)
		tell_words(note->text);
	putchar('\n');
}

void story_init(struct story *s, bool json)
{
	memset(s, 0, sizeof *s);
	s->json = json;
	s->ways[0].to = "client";
	s->ways[0].mark = '<';
	s->ways[1].to = "server";
	s->ways[1].mark = '>';
}

struct player_story story_teller(struct story *s)
{
	return (struct player_story){ tell_step, tell_octets, tell_event, tell_note, s };
}
