/* SPDX-License-Identifier: ISC */
#include "filter/relay/host_texts.h"

static struct span bounded(struct span text)
{
	return span_sub(text, 0, HOST_TEXT_MAX);
}

/* False: that was the last. */
static bool next_line(struct span text, size_t *at, struct span *line)
{
	if (*at >= text.n)
		return false;
	*line = span_from(text, *at);
	*line = span_sub(*line, 0, span_chr(*line, '\n'));
	*at += line->n + 1;
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The first word of @rest, which goes behind it. Empty: there is none. */
static struct span next_word(struct span *rest)
{
	struct span word;
	size_t n = 0;

	while (n < rest->n && is_blank(rest->p[n]))
		n++;
	*rest = span_from(*rest, n);
	for (n = 0; n < rest->n && !is_blank(rest->p[n]); n++)
		;
	word = span_sub(*rest, 0, n);
	*rest = span_from(*rest, n);
	return word;
}

/* ---- hosts(5) ---- */

static bool has_name(struct span names, struct span name)
{
	struct span word;

	while ((word = next_word(&names)).n > 0) {
		if (word.p[word.n - 1] == '.')
			word.n--;
		if (span_ieq(word, name))
			return true;
	}
	return false;
}

size_t hosts_find(struct span text, struct span name, struct ip *list, size_t max)
{
	struct span line;
	size_t n = 0;

	text = bounded(text);
	for (size_t at = 0; n < max && next_line(text, &at, &line);) {
		struct span rest = span_sub(line, 0, span_chr(line, '#'));
		const struct span address = next_word(&rest);

		if (has_name(rest, name) && ip_parse(address, &list[n]))
			n++;
	}
	return n;
}

/* ---- resolv.conf(5) ---- */

size_t resolv_servers(struct span text, struct ip list[static HOST_SERVERS_MAX])
{
	struct span line;
	size_t n = 0;

	text = bounded(text);
	for (size_t at = 0; n < HOST_SERVERS_MAX && next_line(text, &at, &line);)
		if (span_eq(next_word(&line), SPAN("nameserver")) &&
			ip_parse(next_word(&line), &list[n]))
			n++;
	return n;
}

/* ---- trust anchors ---- */

static bool holds(struct span s, struct span what)
{
	return memmem(s.p, s.n, what.p, what.n) != NULL;
}

/* ";;state=2 [ VALID ]": of a key that Unbound follows; 3 is one that is missing for a time. */
static bool has_served(struct span comment)
{
	return holds(comment, SPAN("state=")) && !holds(comment, SPAN("state=2")) &&
	       !holds(comment, SPAN("state=3"));
}

static bool is_record(struct span record)
{
	struct span word;

	while ((word = next_word(&record)).n > 0)
		if (span_ieq(word, SPAN("DS")) || span_ieq(word, SPAN("DNSKEY")))
			return true;
	return false;
}

bool anchors_next(struct span text, size_t *at, char anchor[static ANCHOR_MAX])
{
	struct span line;

	text = bounded(text);
	while (next_line(text, at, &line)) {
		const size_t n = span_chr(line, ';');

		if (n >= ANCHOR_MAX || span_chr(line, '\0') < n ||
			!is_record(span_sub(line, 0, n)) || has_served(span_from(line, n)))
			continue;
		memcpy(anchor, line.p, n);
		anchor[n] = '\0';
		return true;
	}
	return false;
}
