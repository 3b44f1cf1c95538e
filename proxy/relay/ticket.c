/* SPDX-License-Identifier: ISC */
#include "proxy/relay/ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/clock.h"
#include "proxy/relay/roles.h"

/* ---- keys ---- */

static bool hash(const uint8_t chain[32], const char *label, uint8_t to[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
			  EVP_DigestUpdate(ctx, chain, 32) == 1 &&
			  EVP_DigestUpdate(ctx, label, strlen(label)) == 1 &&
			  EVP_DigestFinal_ex(ctx, to, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static void make_key(const struct tickets *t, struct ticket_key *key)
{
	uint8_t name[32];

	key->is_set = hash(t->chain, "name", name) && hash(t->chain, "cipher", key->cipher) &&
		      hash(t->chain, "mac", key->mac);
	memcpy(key->name, name, sizeof(key->name));
}

/* One period on. */
static void advance(struct tickets *t)
{
	uint8_t next[32];

	t->before = t->now;
	t->now.is_set = false;
	t->period++;
	if (!hash(t->chain, "next", next))
		return; /* no tickets in this period */
	memcpy(t->chain, next, sizeof(next));
	OPENSSL_cleanse(next, sizeof(next));
	make_key(t, &t->now);
}

static uint64_t period_of(int64_t wall_s)
{
	return wall_s > 0 ? (uint64_t)wall_s / TICKET_PERIOD_S : 0;
}

/* A clock that went back makes nothing old again; one that leapt far ahead costs a while once. */
static void follow(struct tickets *t, int64_t wall_s)
{
	while (t->period < period_of(wall_s))
		advance(t);
}

bool tickets_init(struct tickets *t, struct span secret, int64_t wall_s)
{
	int64_t drawn_s;

	if (secret.n != TICKET_SECRET)
		return false;
	*t = (struct tickets){ 0 };
	memcpy(t->chain, secret.p, sizeof(t->chain));
	memcpy(&drawn_s, secret.p + sizeof(t->chain), sizeof(drawn_s));
	t->period = period_of(drawn_s);
	make_key(t, &t->now);
	follow(t, wall_s);
	return t->now.is_set;
}

/* ---- OpenSSL ---- */

static struct ticket_key *find(struct tickets *t, const uint8_t name[16])
{
	if (t->now.is_set && memcmp(t->now.name, name, 16) == 0)
		return &t->now;
	if (t->before.is_set && memcmp(t->before.name, name, 16) == 0)
		return &t->before;
	return NULL;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0: no such key, go on without; 2: it is a good ticket,
 * and another is due: its key is an old one, or the client uses none twice (RFC 8446 C.4). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int making)
{
	struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_key *key;

	follow(t, clock_wall_ns() / 1000000000);
	key = making ? &t->now : find(t, name);
	if (!key || !key->is_set)
		return 0;
	if (making) {
		memcpy(name, key->name, sizeof(key->name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
	}
	if (!set_mac(mac, key) ||
		EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, making) != 1)
		return -1;
	return !making && (key == &t->before || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

bool tickets_use(SSL_CTX *ctx, struct tickets *t)
{
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_timeout(ctx, TICKET_PERIOD_S);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* no memory a session */
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;
}
