/* SPDX-License-Identifier: ISC */
#include "filter/smtp/reply.h"

void reply_init(struct reply_reader *r)
{
	*r = (struct reply_reader){ 0 };
}

static bool is_last(struct span line)
{
	return line.n == 3 || line.p[3] == ' ';
}

/* The code of a line without its CRLF; 0 when it is no reply line (RFC 5321 4.2). */
static unsigned line_code(struct span line)
{
	uint64_t code;

	if (line.n < 3 || !span_u64(span_sub(line, 0, 3), 599, &code) || code < 200)
		return 0;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return 0;
	if (span_chr(line, '\r') < line.n || span_chr(line, '\0') < line.n)
		return 0;
	return (unsigned)code;
}

/*
 * The line that begins at @text, without its CRLF. The bounds decide before the syntax does: how
 * much of a line without end had come must not change the answer.
 */
static enum reply_end next_line(
	const struct reply_reader *r, struct span text, struct span *linep, enum smtp_fault *faultp)
{
	size_t left = SMTP_REPLY_MAX - r->seen;
	size_t max = left < SMTP_REPLY_LINE_MAX ? left : SMTP_REPLY_LINE_MAX;
	size_t lf = span_chr(span_sub(text, 0, max), '\n');

	if (lf >= max) {
		*faultp = SMTP_FAULT_S_REPLY_LONG;
		return REPLY_FAULT;
	}
	if (lf == text.n)
		return REPLY_MORE;
	if (lf == 0 || text.p[lf - 1] != '\r') { /* SRV-05 */
		*faultp = SMTP_FAULT_S_REPLY_SYNTAX;
		return REPLY_FAULT;
	}
	*linep = span_sub(text, 0, lf - 1);
	return REPLY_WHOLE;
}

/* Takes a whole line in; REPLY_WHOLE when it was the last. */
static enum reply_end take_line(struct reply_reader *r, struct span line, enum smtp_fault *faultp)
{
	unsigned code = line_code(line);

	if (code == 0 || (r->lines > 0 && code != r->code)) {
		*faultp = SMTP_FAULT_S_REPLY_SYNTAX;
		return REPLY_FAULT;
	}
	r->code = (uint16_t)code;
	r->lines++;
	r->seen += (uint32_t)line.n + 2;
	if (is_last(line))
		return REPLY_WHOLE;
	if (r->lines < SMTP_REPLY_LINES)
		return REPLY_MORE;
	*faultp = SMTP_FAULT_S_REPLY_LONG;
	return REPLY_FAULT;
}

enum reply_end reply_next(struct reply_reader *r, const uint8_t *win, size_t n,
	struct smtp_reply *replyp, enum smtp_fault *faultp)
{
	enum reply_end end = REPLY_MORE;
	struct span line;

	*faultp = SMTP_FAULT_NONE;
	while (end == REPLY_MORE) {
		end = next_line(r, span_from(span_of(win, n), r->seen), &line, faultp);
		if (end != REPLY_WHOLE)
			return end;
		end = take_line(r, line, faultp);
	}
	if (end == REPLY_WHOLE) {
		*replyp = (struct smtp_reply){ r->code, r->lines, { win, r->seen } };
		reply_init(r);
	}
	return end;
}

bool reply_line(const struct smtp_reply *reply, size_t *atp, struct span *textp)
{
	struct span line = span_from(reply->octets, *atp);

	if (line.n == 0)
		return false;
	line.n = span_chr(line, '\n') - 1; /* in front of the CR */
	*atp += line.n + 2;
	*textp = span_from(line, 4);
	return true;
}

struct span reply_first_line(const struct smtp_reply *reply)
{
	struct span text = { 0 };
	size_t at = 0;

	reply_line(reply, &at, &text);
	return text;
}

void reply_print(struct out *o, const struct smtp_reply *reply)
{
	struct span text;
	size_t at = 0;

	for (unsigned i = 1; reply_line(reply, &at, &text); i++)
		reply_print_line(o, reply->code, i == reply->lines, text);
}

void reply_print_line(struct out *o, unsigned code, bool last, struct span text)
{
	out_u64w(o, code, 3);
	/* RFC 5321 4.2: a last line has no blank without text; but RFC 4954 8, continue-req, has */
	if (!last || text.n > 0 || code == 334)
		out_octet(o, last ? ' ' : '-');
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		out_octet(o, c == '\t' || (c >= ' ' && c <= '~') ? c : '?');
	}
	out_str(o, "\r\n");
}

/*
 * What a server may say besides "no" (4yz, 5yz), which it may always say: RFC 5321 4.3.2. A code
 * from another row would put client and server into different states (SRV-09, TLS-05).
 */
static const uint16_t yes[SMTP_VERB_COUNT][4] = {
	[SMTP_VERB_BANNER] = { 220 },
	[SMTP_VERB_HELO] = { 250 },
	[SMTP_VERB_EHLO] = { 250 },
	[SMTP_VERB_MAIL] = { 250 },
	[SMTP_VERB_RCPT] = { 250, 251 },
	[SMTP_VERB_DATA] = { 354 },
	[SMTP_VERB_DOT] = { 250 },
	[SMTP_VERB_BDAT] = { 250 }, /* RFC 3030 2 */
	[SMTP_VERB_RSET] = { 250 },
	[SMTP_VERB_VRFY] = { 250, 251, 252 },
	[SMTP_VERB_EXPN] = { 250, 252 },
	[SMTP_VERB_HELP] = { 211, 214, 250 }, /* 250: aiosmtpd */
	[SMTP_VERB_NOOP] = { 250 },
	[SMTP_VERB_QUIT] = { 221 },
	[SMTP_VERB_AUTH] = { 235, 334 }, /* RFC 4954 4 */
	[SMTP_VERB_SASL] = { 235, 334 },
	[SMTP_VERB_ETRN] = { 250, 251, 252, 253 }, /* RFC 1985 5.3 */
	[SMTP_VERB_XCLIENT] = { 220 },
};

bool reply_fits(enum smtp_verb verb, unsigned code)
{
	if (code >= 400)
		return code <= 599;
	for (size_t i = 0; i < sizeof yes[verb] / sizeof yes[verb][0]; i++)
		if (yes[verb][i] == code)
			return code != 0;
	return false;
}
