/* SPDX-License-Identifier: ISC */
#include "filter/smtp/param.h"

#include "filter/smtp/utf8.h"

#define ENVID_MAX      100 /* RFC 3461 4.4 */
#define ORCPT_MAX      500 /* 4.2 */
#define AUTH_VALUE_MAX 500 /* what RFC 4954 3 (5) adds to a MAIL line */

/* Reads the value of one parameter into @params; @v is not empty. */
typedef enum param_error value_fn(struct span v, uint32_t offered, struct smtp_params *params);

static int hex_digit(uint8_t c)
{
	if (ascii_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; /* upper case only, RFC 3461 4 */
}

/* RFC 3461 4. What is encoded must be text: a server decodes it into header fields and log lines.
 */
static bool xtext(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '+') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
			int octet = high * 16 + low;
			if (high < 0 || low < 0 || octet < ' ' || octet > '~')
				return false;
			i += 2;
		} else if (c <= ' ' || c > '~' || c == '=') {
			return false;
		}
	}
	return s.n > 0;
}

/* RFC 6533 3, utf-8-addr-unitext: only for type "utf-8", and only to servers that know SMTPUTF8. */
static bool unitext(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '+' || s.p[i] == '=')
			return false;
	return s.n > 0 && utf8_text(s);
}

static enum param_error ok_if(bool right)
{
	return right ? PARAM_OK : PARAM_E_SYNTAX;
}

static enum param_error read_size(struct span v, uint32_t offered, struct smtp_params *params)
{
	(void)offered;
	return ok_if(v.n <= 20 && span_u64(v, UINT64_MAX, &params->size));
}

/* Extensions that bring BODY: RFC 6152 and, standing on its own feet, RFC 3030. */
#define BODY_EXTENSIONS (SMTP_EXT_BIT(8BITMIME) | SMTP_EXT_BIT(BINARYMIME))

static enum param_error read_body(struct span v, uint32_t offered, struct smtp_params *params)
{
	static const uint32_t needs[] = {
		[SMTP_BODY_7BIT] = BODY_EXTENSIONS,
		[SMTP_BODY_8BITMIME] = SMTP_EXT_BIT(8BITMIME),
		[SMTP_BODY_BINARYMIME] = SMTP_EXT_BIT(BINARYMIME),
	};

	if (span_ieq(v, SPAN("7BIT")))
		params->body = SMTP_BODY_7BIT;
	else if (span_ieq(v, SPAN("8BITMIME")))
		params->body = SMTP_BODY_8BITMIME;
	else if (span_ieq(v, SPAN("BINARYMIME")))
		params->body = SMTP_BODY_BINARYMIME;
	else
		return PARAM_E_SYNTAX;
	return offered & needs[params->body] ? PARAM_OK : PARAM_E_UNKNOWN;
}

static enum param_error read_auth(struct span v, uint32_t offered, struct smtp_params *params)
{
	(void)offered, (void)params;
	if (v.n > AUTH_VALUE_MAX)
		return PARAM_E_LONG;
	return ok_if(span_eq(v, SPAN("<>")) || xtext(v));
}

static enum param_error read_ret(struct span v, uint32_t offered, struct smtp_params *params)
{
	(void)offered, (void)params;
	return ok_if(span_ieq(v, SPAN("FULL")) || span_ieq(v, SPAN("HDRS")));
}

static enum param_error read_envid(struct span v, uint32_t offered, struct smtp_params *params)
{
	(void)offered, (void)params;
	if (v.n > ENVID_MAX)
		return PARAM_E_LONG;
	return ok_if(xtext(v));
}

/* Each word once: a list that says a thing twice has no meaning of its own. */
static enum param_error read_notify(struct span v, uint32_t offered, struct smtp_params *params)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	unsigned seen = 0;

	(void)offered, (void)params;
	if (span_ieq(v, SPAN("NEVER")))
		return PARAM_OK;
	for (size_t at = 0, n; at <= v.n; at += n + 1) {
		struct span word = span_from(v, at);
		unsigned i = 0;

		n = word.n = span_chr(word, ',');
		while (i < 3 && !span_ieq(word, span_str(words[i])))
			i++;
		if (i == 3 || seen & 1u << i)
			return PARAM_E_SYNTAX;
		seen |= 1u << i;
	}
	return PARAM_OK;
}

/* RFC 3461 4.2. Address types are registered: letters, digits and hyphens cover them all. */
static enum param_error read_orcpt(struct span v, uint32_t offered, struct smtp_params *params)
{
	size_t n = span_chr(v, ';');
	struct span type = span_sub(v, 0, n), address = span_from(v, n + 1);

	(void)params;
	if (v.n > ORCPT_MAX)
		return PARAM_E_LONG;
	if (n == 0)
		return PARAM_E_SYNTAX;
	for (size_t i = 0; i < n; i++)
		if (!ascii_alpha(type.p[i]) && !ascii_digit(type.p[i]) && type.p[i] != '-')
			return PARAM_E_SYNTAX;
	if (xtext(address))
		return PARAM_OK;
	return ok_if((offered & SMTP_EXT_BIT(SMTPUTF8)) && span_ieq(type, SPAN("utf-8")) &&
		     unitext(address));
}

/* RFC 2852 4: ["+" / "-"] 1*9DIGIT ";" ("N" / "R") ["T"]; R needs time left. */
static enum param_error read_by(struct span v, uint32_t offered, struct smtp_params *params)
{
	bool sign = v.p[0] == '+' || v.p[0] == '-';
	size_t n = span_chr(v, ';');
	struct span digits = span_sub(v, sign, n - sign), mode = span_from(v, n + 1);
	uint64_t seconds;

	(void)offered, (void)params;
	if (digits.n > 9 || !span_u64(digits, UINT64_MAX, &seconds))
		return PARAM_E_SYNTAX;
	if (mode.n == 2 && ascii_upper(mode.p[1]) == 'T')
		mode.n = 1;
	if (span_ieq(mode, SPAN("N")))
		return PARAM_OK;
	return ok_if(span_ieq(mode, SPAN("R")) && seconds > 0 && v.p[0] != '-');
}

/* RFC 6710 4.1 */
static enum param_error read_mt_priority(
	struct span v, uint32_t offered, struct smtp_params *params)
{
	bool minus = v.p[0] == '-';

	(void)offered, (void)params;
	return ok_if(v.n == 1u + minus && ascii_digit(v.p[minus]) && !(minus && v.p[1] == '0'));
}

static const struct row {
	const char *name;
	enum smtp_extension ext;
	enum smtp_verb verb;
	value_fn *read; /* NULL: takes no value */
} rows[] = {
#define read_SIZE        read_size
#define read_BODY        read_body
#define read_AUTH        read_auth
#define read_SMTPUTF8    NULL
#define read_RET         read_ret
#define read_ENVID       read_envid
#define read_NOTIFY      read_notify
#define read_ORCPT       read_orcpt
#define read_BY          read_by
#define read_MT_PRIORITY read_mt_priority
#define PARAM_ROW(word, text, ext, verb)                                                           \
	[SMTP_PARAM_##word] = { text, SMTP_EXT_##ext, SMTP_VERB_##verb, read_##word },
	SMTP_PARAMS(PARAM_ROW)
#undef PARAM_ROW
};

const char *smtp_param_name(enum smtp_param param)
{
	return rows[param].name;
}

static unsigned find(struct span key)
{
	unsigned i = 0;

	while (i < SMTP_PARAM_COUNT && !span_ieq(key, span_str(rows[i].name)))
		i++;
	return i;
}

static bool known(unsigned i, enum smtp_verb verb, uint32_t offered)
{
	if (i == SMTP_PARAM_COUNT || rows[i].verb != verb)
		return false;
	return offered & (i == SMTP_PARAM_BODY ? BODY_EXTENSIONS : 1u << rows[i].ext);
}

/* RFC 5321 4.1.2 esmtp-keyword */
static bool keyword(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && !(s.p[i] == '-' && i > 0))
			return false;
	return s.n > 0;
}

static enum param_error param_read(
	struct span text, enum smtp_verb verb, uint32_t offered, struct smtp_params *params)
{
	size_t n = span_chr(text, '=');
	struct span key = span_sub(text, 0, n), value = span_from(text, n + 1);
	unsigned i;

	if (!keyword(key))
		return PARAM_E_SYNTAX;
	i = find(key);
	if (!known(i, verb, offered))
		return PARAM_E_UNKNOWN;
	if (params->present & 1u << i)
		return PARAM_E_DUPLICATE;
	params->present |= 1u << i;
	if (rows[i].read == NULL)
		return ok_if(n == text.n);
	if (value.n == 0)
		return PARAM_E_SYNTAX;
	params->value[i] = value;
	return rows[i].read(value, offered, params);
}

enum param_error params_parse(struct span text, enum smtp_verb verb, uint32_t offered,
	struct smtp_params *paramsp, struct span *badp)
{
	*paramsp = (struct smtp_params){ 0 };
	for (size_t at = 0; at < text.n;) {
		struct span one = span_from(text, at);
		enum param_error r = PARAM_OK;

		if (text.p[at] == ' ') {
			at++;
			continue;
		}
		one.n = span_chr(one, ' ');
		if (at == 0) /* glued to the path (CMD-16) */
			r = PARAM_E_SYNTAX;
		if (r == PARAM_OK)
			r = param_read(one, verb, offered, paramsp);
		if (r != PARAM_OK) {
			*badp = one;
			return r;
		}
		at += one.n;
	}
	return PARAM_OK;
}

static void value_print(struct out *o, const struct smtp_params *params, enum smtp_param param)
{
	static const char *const bodies[] = { "7BIT", "8BITMIME", "BINARYMIME" };

	switch (param) {
	case SMTP_PARAM_SIZE: out_u64(o, params->size); break;
	case SMTP_PARAM_BODY: out_str(o, bodies[params->body]); break;
	case SMTP_PARAM_RET:
	case SMTP_PARAM_NOTIFY:
	case SMTP_PARAM_BY: out_upper(o, params->value[param]); break;
	case SMTP_PARAM_AUTH:
	case SMTP_PARAM_SMTPUTF8:
	case SMTP_PARAM_ENVID:
	case SMTP_PARAM_ORCPT:
	case SMTP_PARAM_MT_PRIORITY:
	case SMTP_PARAM_COUNT: out_bytes(o, params->value[param]); break;
	}
}

void params_print(struct out *o, const struct smtp_params *params)
{
	for (unsigned i = 0; i < SMTP_PARAM_COUNT; i++) {
		if (!(params->present & 1u << i))
			continue;
		out_octet(o, ' ');
		out_str(o, rows[i].name);
		if (rows[i].read == NULL)
			continue;
		out_octet(o, '=');
		value_print(o, params, (enum smtp_param)i);
	}
}
