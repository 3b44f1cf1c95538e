/* SPDX-License-Identifier: ISC */
#include "proxy/relay/resolve/name.h"

#include <idn2.h>

#include "filter/smtp/path.h"

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 128)
			return false;
	return true;
}

/* What it makes is read again: characters of no label may have become ones of two. */
static bool take(struct span name, char host[static DNS_HOST_SIZE])
{
	struct dns_name wire;
	struct span domain;
	struct out o;

	if (domain_parse(name, false, &domain) != PATH_OK)
		return false;
	out_init(&o, host, DNS_HOST_SIZE - 1);
	out_lower(&o, domain);
	host[o.n] = '\0';
	return !o.full && dns_name_of(host, &wire);
}

static bool take_unicode(struct span domain, char host[static DNS_HOST_SIZE])
{
	char text[SMTP_DOMAIN_MAX + 1];
	uint8_t *made = NULL;
	bool good;

	if (domain.n >= sizeof(text))
		return false;
	memcpy(text, domain.p, domain.n);
	text[domain.n] = '\0';
	good = idn2_lookup_u8((const uint8_t *)text, &made,
		       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES) ==
		       IDN2_OK &&
	       take(span_str((const char *)made), host);
	idn2_free(made);
	return good;
}

bool name_host(struct span name, char host[static DNS_HOST_SIZE])
{
	struct span domain;

	if (is_ascii(name))
		return take(name, host);
	return domain_parse(name, true, &domain) == PATH_OK && take_unicode(domain, host);
}
