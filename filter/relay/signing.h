/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Signing: what a TLS server signs in its handshake
 *
 * The schemes a server of ours signs with, and the two forms of what is signed. postern-key signs
 * nothing else, so that a taken relay gets no signature that would be good for another use of the
 * key.
 *
 * Source:  RFC 8446 4.2.3, 4.4.3; RFC 8422 5.4; RFC 5246 7.4.3.
 * Callers: proxy/relay/key (signs), proxy/relay/key_provider.c (asks).
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/* TLS 1.2 binds no hash to a curve (RFC 5246 7.4.1.4.1), and TLS 1.3 does: its scheme names the
 * curve, which the one who picks the scheme looks at. */
enum signing_key { SIGNING_RSA, SIGNING_EC, SIGNING_ED25519 };

struct signing_scheme {
	uint16_t number; /* TLS SignatureScheme */
	enum signing_key key;
	const char *hash; /* OpenSSL's name; NULL: the scheme's own */
	bool pss;         /* RSA: padding with salt; else PKCS#1 1.5, TLS 1.2 only */
};

/* NULL: none that a server of ours signs with. */
const struct signing_scheme *signing_scheme(uint32_t number);
/* @hash: as above, in any case; empty: none. @pss: RSA only. */
const struct signing_scheme *signing_find(enum signing_key key, struct span hash, bool pss);

/* Is @text what a TLS server signs by this scheme, in TLS 1.3 its CertificateVerify, in TLS 1.2 its
 * ServerKeyExchange with a named group? */
bool signing_is_servers(const struct signing_scheme *s, struct span text);
