/* SPDX-License-Identifier: ISC */
#include "filter/relay/credentials.h"

#include "filter/smtp/sasl.h"

static uint32_t value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0' + 52);
	return c == '+' ? 62 : 63;
}

bool credential_decode(struct out *o, struct span base64)
{
	if (span_eq(base64, SPAN("=")))
		return true;
	if (!sasl_base64(base64))
		return false;
	for (size_t i = 0; i < base64.n; i += 4) {
		const uint8_t *p = base64.p + i;
		const unsigned octets = p[2] == '=' ? 1 : p[3] == '=' ? 2 : 3;
		const uint32_t bits = value_of(p[0]) << 18 | value_of(p[1]) << 12 |
				      (octets > 1 ? value_of(p[2]) << 6 : 0) |
				      (octets > 2 ? value_of(p[3]) : 0);

		for (unsigned k = 0; k < octets; k++)
			out_octet(o, (uint8_t)(bits >> (16 - 8 * k)));
	}
	return !o->full;
}

/* Octets of a character of UTF-8 (RFC 3629 4) at @p; 0: it is none. */
static size_t utf8_size(const uint8_t *p, size_t n)
{
	const size_t size = p[0] < 0x80                    ? 1
			    : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
			    : (p[0] & 0xf0) == 0xe0        ? 3
			    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
							   : 0;

	if (size > n)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return size;
}

bool credential_is_user(struct span user)
{
	size_t at = 0;

	if (user.n == 0 || user.n > CREDENTIAL_USER_MAX)
		return false;
	while (at < user.n) {
		const uint8_t *p = user.p + at;
		const size_t size = utf8_size(p, user.n - at);

		if (size == 0 || p[0] < ' ' || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
			return false;
		at += size;
	}
	return true;
}

bool credential_is_password(struct span password)
{
	return password.n > 0 && password.n <= CREDENTIAL_PASSWORD_MAX &&
	       span_chr(password, '\0') == password.n;
}

bool credential_plain(struct span message, struct span *userp, struct span *passwordp)
{
	const size_t first = span_chr(message, '\0');
	const struct span as = span_sub(message, 0, first), rest = span_from(message, first + 1);
	const size_t second = span_chr(rest, '\0');

	if (first == message.n || second == rest.n)
		return false;
	*userp = span_sub(rest, 0, second);
	*passwordp = span_from(rest, second + 1);
	return credential_is_user(*userp) && credential_is_password(*passwordp) &&
	       (as.n == 0 || span_eq(as, *userp));
}
