/* SPDX-License-Identifier: ISC */
#include "filter/relay/signing.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is older, SHA-1 first of all, is not offered. */
static const struct signing_scheme schemes[] = {
	{ 0x0403, SIGNING_EC, "SHA256", false },
	{ 0x0503, SIGNING_EC, "SHA384", false },
	{ 0x0603, SIGNING_EC, "SHA512", false },
	{ 0x0807, SIGNING_ED25519, NULL, false },
	{ 0x0804, SIGNING_RSA, "SHA256", true },
	{ 0x0805, SIGNING_RSA, "SHA384", true },
	{ 0x0806, SIGNING_RSA, "SHA512", true },
	{ 0x0401, SIGNING_RSA, "SHA256", false },
	{ 0x0501, SIGNING_RSA, "SHA384", false },
	{ 0x0601, SIGNING_RSA, "SHA512", false },
};

const struct signing_scheme *signing_scheme(uint32_t number)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (schemes[i].number == number)
			return &schemes[i];
	return NULL;
}

static bool has_hash(const struct signing_scheme *s, struct span hash)
{
	if (!s->hash)
		return hash.n == 0;
	/* "SHA2-256" is the same hash by its newer name */
	if (hash.n == 8 && span_ieq(span_sub(hash, 0, 5), SPAN("SHA2-")))
		return span_eq(span_from(hash, 5), span_from(span_str(s->hash), 3));
	return span_ieq(hash, span_str(s->hash));
}

const struct signing_scheme *signing_find(enum signing_key key, struct span hash, bool pss)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (schemes[i].key == key && has_hash(&schemes[i], hash) &&
			(key != SIGNING_RSA || schemes[i].pss == pss))
			return &schemes[i];
	return NULL;
}

/* ---- TLS 1.3 ---- */

#define BLANKS 64

/* RFC 8446 4.4.3: blanks, what it is for, a NUL, and the hash of what was said: SHA-256 or SHA-384,
 * as the cipher suites have it. */
static bool is_certificate_verify(struct span text)
{
	static const char context[] = "TLS 1.3, server CertificateVerify"; /* its NUL counts */
	const struct span said = span_from(text, BLANKS + sizeof(context));

	if (text.n < BLANKS + sizeof(context) || (said.n != 32 && said.n != 48))
		return false;
	for (size_t i = 0; i < BLANKS; i++)
		if (text.p[i] != ' ')
			return false;
	return span_eq(span_sub(text, BLANKS, sizeof(context)), span_of(context, sizeof(context)));
}

/* ---- TLS 1.2 ---- */

#define RANDOMS     64
#define NAMED_CURVE 3

/* Octets of a point of the group; 0: it is not offered. */
static size_t point_size(unsigned group)
{
	switch (group) {
	case 23: return 65; /* secp256r1 */
	case 24: return 97;
	case 25: return 133;
	case 29: return 32; /* x25519 */
	case 30: return 56;
	default: return 0;
	}
}

/* RFC 8422 5.4: both randoms, the kind of curve, its number, and a point with its size. */
static bool is_key_exchange(struct span text)
{
	size_t n;

	if (text.n < RANDOMS + 4 || text.p[RANDOMS] != NAMED_CURVE)
		return false;
	n = point_size((unsigned)text.p[RANDOMS + 1] << 8 | text.p[RANDOMS + 2]);
	return n > 0 && text.p[RANDOMS + 3] == n && text.n == RANDOMS + 4 + n;
}

bool signing_is_servers(const struct signing_scheme *s, struct span text)
{
	const bool only_12 = s->key == SIGNING_RSA && !s->pss;

	return is_key_exchange(text) || (!only_12 && is_certificate_verify(text));
}
