/* SPDX-License-Identifier: ISC */
#include "filter/smtp/ehlo.h"

#include "filter/smtp/sasl.h"

/* One line of the reply behind the first: a keyword and its parameters (RFC 5321 4.1.1.1,
 * ehlo-line). */
struct ehlo_line {
	struct span keyword, params;
	enum smtp_extension
		ext; /* SMTP_EXT_COUNT: unknown, or its parameters are not what its RFC says */
};

/* Cuts the next word off @restp; false when blanks alone are left. */
static bool next_word(struct span *restp, struct span *wordp)
{
	size_t at = 0;

	while (at < restp->n && restp->p[at] == ' ')
		at++;
	*restp = span_from(*restp, at);
	*wordp = span_sub(*restp, 0, span_chr(*restp, ' '));
	*restp = span_from(*restp, wordp->n);
	return wordp->n > 0;
}

static bool no_params(struct span params)
{
	struct span word;

	return !next_word(&params, &word);
}

/* One parameter of the kind @legal, or none. */
static bool one_param(struct span params, bool (*legal)(struct span word))
{
	struct span word;

	return !next_word(&params, &word) || (legal(word) && no_params(params));
}

static bool every_param(struct span params, bool (*legal)(struct span word))
{
	struct span word;
	bool any = false;

	while (next_word(&params, &word)) {
		if (!legal(word))
			return false;
		any = true;
	}
	return any;
}

/* RFC 1870 3: 1*20DIGIT; what exceeds 2^64 is no size either */
static bool size_param(struct span word)
{
	uint64_t size;

	return word.n <= 20 && span_u64(word, UINT64_MAX, &size);
}

/* RFC 2852 3: min-by-time = 1*9DIGIT */
static bool deliverby_param(struct span word)
{
	uint64_t seconds;

	return span_u64(word, 999999999, &seconds) && word.n <= 9;
}

/* RFC 9422 4: three limits are defined, each 1 to 999999. */
static bool limits_param(struct span word)
{
	static const char *const names[] = { "MAILMAX", "RCPTMAX", "RCPTDOMAINMAX" };
	size_t n = span_chr(word, '=');
	struct span value = span_from(word, n + 1);
	uint64_t limit;

	if (value.n == 0 || value.p[0] == '0' || !span_u64(value, 999999, &limit))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (span_ieq(span_sub(word, 0, n), span_str(names[i])))
			return true;
	return false;
}

/* RFC 6710 4.1: the name of a priority profile, 1*20 letters, digits and hyphens */
static bool profile_param(struct span word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!ascii_alpha(word.p[i]) && !ascii_digit(word.p[i]) && word.p[i] != '-')
			return false;
	return word.n <= 20;
}

static bool params_fit(enum smtp_extension ext, struct span params)
{
	switch (ext) {
	case SMTP_EXT_SIZE: return one_param(params, size_param);
	case SMTP_EXT_AUTH: return every_param(params, sasl_mechanism); /* RFC 4954 3 */
	case SMTP_EXT_DELIVERBY: return one_param(params, deliverby_param);
	case SMTP_EXT_LIMITS: return every_param(params, limits_param);
	case SMTP_EXT_MT_PRIORITY: return one_param(params, profile_param);
	case SMTP_EXT_PIPELINING:
	case SMTP_EXT_8BITMIME:
	case SMTP_EXT_BINARYMIME:
	case SMTP_EXT_CHUNKING:
	case SMTP_EXT_SMTPUTF8:
	case SMTP_EXT_DSN:
	case SMTP_EXT_ENHANCEDSTATUSCODES:
	case SMTP_EXT_HELP:
	case SMTP_EXT_ETRN: return no_params(params);
	case SMTP_EXT_COUNT: return false;
	}
	return false;
}

static bool next_line(const struct smtp_reply *reply, size_t *atp, struct ehlo_line *linep)
{
	if (!reply_line(reply, atp, &linep->params))
		return false;
	if (!next_word(&linep->params, &linep->keyword))
		linep->keyword.n = 0;
	linep->ext = smtp_ext_find(linep->keyword);
	if (!params_fit(linep->ext, linep->params))
		linep->ext = SMTP_EXT_COUNT;
	return true;
}

/* The smaller of the server's limit and the rule's; 0 is none (RFC 1870 3). */
static uint64_t offered_size(struct span params, uint64_t max)
{
	struct span word;
	uint64_t size = 0;

	if (next_word(&params, &word))
		(void)span_u64(word, UINT64_MAX, &size); /* checked by size_param() */
	return size == 0 || (max != 0 && max < size) ? max : size;
}

static void read_line(
	const struct ehlo_line *line, const struct ehlo_rules *rules, struct ehlo_offer *offer)
{
	uint32_t bit = line->ext < SMTP_EXT_COUNT ? 1u << line->ext : 0;

	offer->starttls |= span_ieq(line->keyword, SPAN("STARTTLS"));
	offer->xclient |= span_ieq(line->keyword, SPAN("XCLIENT"));
	if (!(bit & rules->allow) ||
		bit & offer->extensions) { /* of two lines with one keyword the first counts */
		offer->hidden++;
		return;
	}
	offer->extensions |= bit;
	if (line->ext == SMTP_EXT_SIZE)
		offer->size = offered_size(line->params, rules->max_size);
}

void ehlo_read(
	const struct smtp_reply *reply, const struct ehlo_rules *rules, struct ehlo_offer *offerp)
{
	struct ehlo_line line;
	struct span greeting;
	size_t at = 0;

	*offerp = (struct ehlo_offer){ 0 };
	(void)reply_line(reply, &at, &greeting);
	while (next_line(reply, &at, &line))
		read_line(&line, rules, offerp);
	if ((offerp->extensions & SMTP_EXT_BIT(BINARYMIME)) &&
		!(offerp->extensions & SMTP_EXT_BIT(CHUNKING))) {
		offerp->extensions &= ~SMTP_EXT_BIT(BINARYMIME);
		offerp->hidden++;
	}
}

static void print_line(struct out *o, const struct ehlo_line *line, uint64_t size, bool last)
{
	struct span params = line->params, word;

	out_str(o, last ? "250 " : "250-");
	out_str(o, smtp_ext_name(line->ext));
	if (line->ext == SMTP_EXT_SIZE && size > 0) {
		out_octet(o, ' ');
		out_u64(o, size);
	}
	while (line->ext != SMTP_EXT_SIZE && next_word(&params, &word)) {
		out_octet(o, ' ');
		out_upper(o, word);
	}
	out_str(o, "\r\n");
}

void ehlo_print(struct out *o, const struct smtp_reply *reply, const struct ehlo_rules *rules)
{
	struct ehlo_offer offer;
	struct ehlo_line line;
	struct span greeting = { 0 };
	uint32_t
		left; /* extensions still to be printed: with the last of them goes the last line */
	size_t at = 0;

	ehlo_read(reply, rules, &offer);
	left = offer.extensions;
	(void)reply_line(reply, &at, &greeting);
	reply_print_line(o, reply->code, left == 0 && !rules->starttls,
		rules->name != NULL ? span_str(rules->name) : greeting);
	if (rules->starttls)
		reply_print_line(o, reply->code, left == 0, SPAN("STARTTLS"));
	while (next_line(reply, &at, &line)) {
		uint32_t bit = line.ext < SMTP_EXT_COUNT ? 1u << line.ext : 0;
		if (!(left & bit))
			continue;
		left &= ~bit;
		print_line(o, &line, offer.size, left == 0);
	}
}
