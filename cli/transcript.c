/* SPDX-License-Identifier: ISC */
#include "cli/transcript.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX    (16u << 20)
#define SHOWN_MAX   200         /* octets of a line in a message */
#define WAIT_MAX    86400000    /* ms */
#define PATTERN_MAX (64u << 20) /* octets one step may stand for */

/* ---- files ---- */

char *transcript_slurp(const char *path)
{
	FILE *f = fopen(path, "rbe");
	char *text = f != NULL ? malloc(FILE_MAX + 1) : NULL;
	size_t n;
	int error = 0;

	if (text == NULL) {
		if (f != NULL)
			fclose(f);
		return NULL;
	}
	n = fread(text, 1, FILE_MAX + 1, f);
	if (ferror(f))
		error = errno;
	else if (n > FILE_MAX)
		error = EFBIG;
	else if (memchr(text, '\0', n) != NULL) /* what follows it would be passed over */
		error = EILSEQ;
	fclose(f);
	if (error != 0) {
		free(text);
		errno = error;
		return NULL;
	}
	text[n] = '\0';
	return realloc(text, n + 1);
}

char *transcript_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	const int folder = slash != NULL ? (int)(slash - path) : 1;
	char *beside = NULL;

	for (int above = 0; above < 2; above++) {
		if (asprintf(&beside, "%.*s/%s%s", folder, slash != NULL ? path : ".",
			    above ? "../" : "", name) < 0)
			return NULL;
		if (access(beside, R_OK) == 0)
			return beside;
		free(beside);
	}
	return NULL;
}

static char *keep(struct transcript *t, char *text)
{
	t->texts = reallocarray(t->texts, t->n_texts + 1, sizeof *t->texts);
	if (t->texts == NULL || text == NULL)
		abort();
	t->texts[t->n_texts++] = text;
	return text;
}

/* ---- text with escapes ---- */

struct reading {
	struct step *step;
	const char *at;
	bool stars; /* a star stands for any octets */
	bool open;  /* \c: no CRLF behind it */
	const char *problem;
};

static void put(struct reading *r, uint16_t octet)
{
	struct step *s = r->step;

	if ((s->n & (s->n - 1)) == 0) {
		s->pattern = reallocarray(s->pattern, s->n > 0 ? s->n * 2 : 1, sizeof *s->pattern);
		if (s->pattern == NULL)
			abort();
	}
	s->pattern[s->n++] = octet;
	if (s->n > PATTERN_MAX)
		r->problem = "too many octets in one step";
}

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

static void read_hex(struct reading *r)
{
	const int high = hex(r->at[0]), low = high < 0 ? -1 : hex(r->at[1]);

	if (low < 0) {
		r->problem = "\\x wants two hexadecimal digits";
		return;
	}
	put(r, (uint16_t)(high * 16 + low));
	r->at += 2;
}

static void read_text(struct reading *r, const char *end);

/* \{N:TEXT}: the text N times. */
static void read_repeat(struct reading *r)
{
	char *colon;
	unsigned long times = strtoul(r->at, &colon, 10);
	const char *end = *colon == ':' ? strchr(colon, '}') : NULL;
	const size_t from = r->step->n;
	size_t once;

	if (end == NULL) {
		r->problem = "\\{ wants N:TEXT}";
		return;
	}
	r->at = colon + 1;
	read_text(r, end);
	once = r->step->n - from;
	if (times == 0)
		r->step->n = from;
	for (; times > 1 && r->problem == NULL; times--)
		for (size_t i = 0; i < once; i++)
			put(r, r->step->pattern[from + i]);
	r->at = end + 1;
}

static void read_escape(struct reading *r, const char *end)
{
	static const char letters[] = "rnt0\\*", octets[] = "\r\n\t\0\\*";
	const char c = *r->at++;
	const char *letter = c != '\0' ? strchr(letters, c) : NULL;

	if (letter != NULL)
		put(r, (uint8_t)octets[letter - letters]);
	else if (c == 'x')
		read_hex(r);
	else if (c == '{')
		read_repeat(r);
	else if (c == 'c' && r->at == end)
		r->open = true;
	else
		r->problem = "unknown escape";
}

static void read_text(struct reading *r, const char *end)
{
	while (r->at < end && r->problem == NULL) {
		const char c = *r->at++;

		if (c == '\\')
			read_escape(r, end);
		else if (c == '*' && r->stars)
			put(r, STEP_ANY);
		else
			put(r, (uint8_t)c);
	}
}

/* ---- steps ---- */

static const char *read_word(struct step *s, const char *text)
{
	static const struct {
		const char *text, *sides;
		enum step_word word;
	} words[] = {
		{ "[close]", "CS", WORD_CLOSE },
		{ "[reset]", "CS>", WORD_RESET },
		{ "[down]", "S", WORD_DOWN },
		{ "[closed]", "<>", WORD_CLOSED },
		{ "[dialled]", ">", WORD_DIALLED },
		{ "[text...]", ">", WORD_TEXT },
		{ "[tls]", "CS", WORD_TLS },
		{ "[received]", ">", WORD_RECEIVED },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i].text) == 0 && strchr(words[i].sides, s->side) != NULL) {
			s->word = words[i].word;
			s->kind = s->side == 'C' || s->side == 'S' ? STEP_ACT : STEP_HAPPENS;
			return NULL;
		}
	return "nothing in brackets is known by this name";
}

static bool is_word(const char *text)
{
	const size_t n = strlen(text);

	return n > 2 && text[0] == '[' && text[n - 1] == ']' &&
	       strspn(text + 1, "abcdefghijklmnopqrstuvwxyz.") == n - 2;
}

static const char *read_octets(struct step *s, const char *text)
{
	struct reading r = { .step = s, .at = text, .stars = s->side == '<' || s->side == '=' };

	read_text(&r, text + strlen(text));
	if (!r.open && s->side != '=' && s->side != 'A') {
		put(&r, '\r');
		put(&r, '\n');
	}
	s->kind = s->side == '='                     ? STEP_CODE
		  : s->side == 'A'                   ? STEP_LOGIN
		  : s->side == 'C' || s->side == 'S' ? STEP_SEND
						     : STEP_EXPECT;
	return r.problem;
}

static const char *read_wait(struct step *s, const char *text)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	const size_t digits = strspn(text, "0123456789");
	uint64_t n;

	s->kind = STEP_WAIT;
	s->side = 'w';
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(text + digits, units[i].name) == 0 &&
			span_u64(span_of(text, digits), WAIT_MAX, &n)) {
			s->ms = n * units[i].ms;
			return s->ms <= WAIT_MAX ? NULL : "wait a day at most";
		}
	return "wait wants a time such as 200ms, 3s or 2m";
}

/* NULL, or what is wrong with the line. */
static const char *read_step(struct step *s, const char *line)
{
	const size_t mark = line[0] != '\0' && strchr("CSA", line[0]) != NULL ? 2 : 1;
	const char *text = line + mark;

	if (line[strlen(line) - 1] == '\r')
		return "CR at the end of the line: end lines by LF, and write \\r where it is "
		       "meant";
	if (strncmp(line, "wait ", 5) == 0)
		return read_wait(s, line + 5);
	if (strchr("CSA<>=", line[0]) == NULL || (mark == 2 && line[1] != ':') ||
		(*text != '\0' && *text != ' '))
		return "no step begins like this; C: S: A: < > = wait include only do";
	s->side = line[0];
	if (*text == ' ')
		text++;
	return is_word(text) ? read_word(s, text) : read_octets(s, text);
}

/* The file may be somebody else's: its octets are shown so that they do nothing to a terminal. */
static int complain(const char *file, unsigned line, const char *problem, const char *text)
{
	char shown[4 * SHOWN_MAX + 4];
	struct out o;

	out_init(&o, shown, sizeof shown);
	out_escaped(&o, span_str(text), SHOWN_MAX);
	fprintf(stderr, "%s:%u: error: %s\n", file, line, problem);
	if (text[0] != '\0')
		fprintf(stderr, "    %s\n", out_cstr(&o));
	return 1;
}

static int add_step(struct transcript *t, const char *file, unsigned number, const char *line)
{
	struct step s = { .file = file, .line = number, .source = strdup(line) };
	const char *problem = read_step(&s, line);

	if (problem != NULL) {
		free(s.source);
		free(s.pattern);
		return complain(file, number, problem, line);
	}
	t->steps = reallocarray(t->steps, t->n + 1, sizeof *t->steps);
	if (t->steps == NULL || s.source == NULL)
		abort();
	t->steps[t->n++] = s;
	t->expects = t->expects || s.kind == STEP_EXPECT || s.kind == STEP_HAPPENS ||
		     s.kind == STEP_CODE;
	return 0;
}

/* ---- lines ---- */

static int read_lines(
	struct transcript *t, const char *path, char *text, unsigned number, bool part);

static int read_part(
	struct transcript *t, const char *path, unsigned number, const char *name, bool in_part)
{
	char *relative, *found, *text;

	if (in_part)
		return complain(path, number, "a part includes no part", name);
	if (asprintf(&relative, "parts/%s.part", name) < 0)
		abort();
	found = transcript_beside(path, relative);
	text = found != NULL ? transcript_slurp(found) : NULL;
	free(relative);
	if (text == NULL) {
		free(found);
		return complain(path, number,
			"cannot read this part; it is looked for in parts/ beside the file", name);
	}
	return read_lines(t, keep(t, found), keep(t, text), 1, true);
}

static int read_line(struct transcript *t, const char *path, unsigned number, char *line, bool part)
{
	if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
		return 0;
	if (strncmp(line, "include ", 8) == 0)
		return read_part(t, path, number, line + 8, part);
	if (strncmp(line, "only ", 5) == 0) {
		t->only = line + 5;
		return 0;
	}
	return add_step(t, path, number, line);
}

static int read_lines(
	struct transcript *t, const char *path, char *text, unsigned number, bool part)
{
	int faults = 0;

	for (char *line = text, *end; *line != '\0'; line = end, number++) {
		end = strchrnul(line, '\n');
		if (*end != '\0')
			*end++ = '\0';
		faults |= read_line(t, path, number, line, part);
	}
	return faults;
}

/* Rules of its own: from `version` to the line "---". What follows them is returned, with its line
 * number. */
static char *take_rules(struct transcript *t, char *text, unsigned *numberp)
{
	char *start = text, *end;

	while (*start == '#' || *start == '\n')
		start = *start == '\n' ? start + 1 : strchrnul(start, '\n');
	end = strncmp(start, "version", 7) == 0 ? strstr(start, "\n---\n") : NULL;
	*numberp = 1;
	if (end == NULL)
		return text;
	t->rules = strndup(start, (size_t)(end + 1 - start));
	for (const char *p = text; p < end + 5; p++)
		*numberp += *p == '\n';
	return end + 5;
}

static const char *why_unread(int error)
{
	switch (error) {
	case EFBIG: return "larger than 16 MiB";
	case EILSEQ: return "it holds a NUL: write that as \\0";
	default: return strerror(error);
	}
}

int transcript_read(struct transcript *t, const char *path)
{
	char *text = transcript_slurp(path);
	unsigned number;

	*t = (struct transcript){ 0 };
	if (text == NULL) {
		fprintf(stderr, "postern: %s: %s\n", path, why_unread(errno));
		return 1;
	}
	keep(t, text);
	text = take_rules(t, text, &number);
	if (read_lines(t, path, text, number, false) != 0)
		return 1;
	if (t->n == 0)
		return complain(path, 1,
			"no step in this file; write lines such as \"C: EHLO client.example.org\"",
			"");
	return 0;
}

void step_print(struct out *o, const struct step *s, size_t max)
{
	size_t n = 0;

	for (const char *c = s->source; *c != '\0' && n < max; c++, n++)
		if (*c >= ' ' && *c <= '~')
			out_octet(o, (uint8_t)*c);
		else
			out_escaped(o, span_of(c, 1), 1);
	if (s->source[n] != '\0')
		out_str(o, "...");
}

void transcript_free(struct transcript *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->steps[i].pattern);
		free(t->steps[i].source);
	}
	for (size_t i = 0; i < t->n_texts; i++)
		free(t->texts[i]);
	free(t->texts);
	free(t->steps);
	free(t->rules);
}
