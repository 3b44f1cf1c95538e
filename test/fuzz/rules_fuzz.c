/* SPDX-License-Identifier: ISC */
/*
 * Any text as rules files: what properties.h says must hold
 *
 * An input is one file, or several parted by lines "%%KIND NAME": rules.conf first, then
 * "%%include FILE LINE NAME" (what the include in that line of FILE gives), "%%host", "%%set NAME",
 * "%%zone NAME". Nothing is opened.
 */
#include "test/fuzz/fuzz.h"
#include "test/rules/properties.h"

#define SOURCES 32

/* The next word of @line, cut off it. */
static struct span word(struct span *line)
{
	size_t n = span_chr(*line, ' ');
	struct span w = span_sub(*line, 0, n);

	*line = span_from(*line, n + 1);
	return w;
}

/* What "%%..." says of the source behind it. False: the word is not known. */
static bool head(struct arena *names, struct span line, struct source *source)
{
	struct span kind = word(&line);
	uint64_t number;

	if (span_eq(kind, SPAN("include"))) {
		source->included_by = arena_str(names, word(&line));
		if (!span_u64(word(&line), UINT32_MAX, &number))
			return false;
		source->included_line = (uint32_t)number;
	} else if (span_eq(kind, SPAN("host"))) {
		source->kind = SOURCE_HOST;
		line = SPAN("postern.conf");
	} else if (span_eq(kind, SPAN("set"))) {
		source->kind = SOURCE_SET;
	} else if (span_eq(kind, SPAN("zone"))) {
		source->kind = SOURCE_TIMEZONE;
	} else {
		return false;
	}
	source->name = arena_str(names, line);
	return source->name != NULL;
}

/* Up to the next line that begins with "%%". */
static struct span body(struct span *rest)
{
	const uint8_t *mark = memmem(rest->p, rest->n, "\n%%", 3);
	size_t n = mark != NULL ? (size_t)(mark - rest->p) + 1 : rest->n;
	struct span text = span_sub(*rest, 0, n);

	*rest = span_from(*rest, n);
	return text;
}

static size_t cut(struct arena *names, struct span rest, struct source *sources)
{
	size_t n = 0;

	sources[n] = (struct source){ .name = "rules.conf" };
	sources[n++].text = body(&rest);
	while (rest.n > 2 && n < SOURCES) {
		struct span line = span_sub(rest, 2, span_chr(rest, '\n') - 2);
		struct source source = { .kind = SOURCE_RULES };
		bool known = head(names, line, &source);

		rest = span_from(rest, span_chr(rest, '\n') + 1);
		source.text = body(&rest);
		if (known)
			sources[n++] = source;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct properties properties;
	static uint8_t block[1 << 20];
	struct source sources[SOURCES];
	uint8_t *windows[SOURCES];
	struct arena names;
	struct diags diags;
	const char *why;
	size_t n;

	if (properties.arenas[0] == NULL)
		properties_init(&properties);
	if (size == 0 || size > 1 << 16)
		return 0;
	arena_init(&names, block, sizeof block);
	n = cut(&names, span_of(data, size), sources);
	for (size_t i = 0; i < n; i++) {
		windows[i] = fuzz_window(sources[i].text);
		sources[i].text.p = windows[i];
	}
	why = properties_hold(&properties, sources, n, &diags);
	if (why != NULL)
		fuzz_broken(why, __FILE__, __LINE__);
	for (size_t i = 0; i < n; i++)
		free(windows[i]);
	return 0;
}
