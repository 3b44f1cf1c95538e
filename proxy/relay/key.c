/* SPDX-License-Identifier: ISC */
#include "proxy/relay/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/relay/key_inside.h"

#define NAME "postern"

/* ---- asking ---- */

static bool say(struct keys *k, const struct key *key, const struct signing_scheme *scheme,
	struct span text)
{
	uint8_t block[sizeof(struct key_sign) + 256 + KEY_TBS_MAX];
	const struct span name = span_str(key->name);
	const struct key_sign head = { k->number, scheme->number, (uint32_t)name.n };
	struct out o;

	out_init(&o, block, sizeof(block));
	out_put(&o, &head, sizeof(head));
	out_bytes(&o, name);
	out_bytes(&o, text);
	return !o.full && msg_send(k->fd, KEY_SIGN, out_span(&o), -1) == MSG_OK;
}

static bool await(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const uint64_t now_ms = clock_steady_ms();

	return now_ms < until_ms && poll(&p, 1, (int)(until_ms - now_ms)) > 0;
}

/* False: the pair is gone. *np: octets of the signature; 0: it was for another question. */
static bool take(struct keys *k, uint8_t *to, size_t size, size_t *np, bool *doneP)
{
	uint8_t block[MSG_HEAD + sizeof(struct key_signed) + KEY_SIGNED_MAX];
	struct key_signed head;
	struct msg m;
	int r = msg_recv(k->fd, block, sizeof(block), &m);

	if (r != MSG_OK)
		return r == MSG_E_AGAIN;
	if (m.fd >= 0)
		close(m.fd);
	if (m.fd >= 0 || m.type != KEY_SIGNED || m.body.n < sizeof(head))
		return false;
	memcpy(&head, m.body.p, sizeof(head));
	if (head.number != k->number) /* of one that was given up */
		return true;
	*doneP = true;
	*np = m.body.n - sizeof(head);
	if (*np > size)
		*np = 0;
	memcpy(to, m.body.p + sizeof(head), *np);
	return true;
}

size_t key_ask(const struct key *key, const struct signing_scheme *scheme, struct span text,
	uint8_t *to, size_t size)
{
	struct keys *k = key->keys;
	const uint64_t now_ms = clock_steady_ms();
	bool done = false;
	size_t n = 0;

	if (now_ms < k->rest_ms)
		return 0;
	k->number++;
	if (say(k, key, scheme, text))
		while (!done && await(k->fd, now_ms + KEY_WAIT_MS))
			if (!take(k, to, size, &n, &done))
				break;
	if (!done)
		k->rest_ms = clock_steady_ms() + KEY_REST_MS;
	return n;
}

/* ---- keys ---- */

static bool is_a(const EVP_PKEY *key, enum signing_key *kindp)
{
	static const struct {
		const char *name;
		enum signing_key kind;
	} kinds[] = { { "RSA", SIGNING_RSA }, { "EC", SIGNING_EC },
		{ "ED25519", SIGNING_ED25519 } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (EVP_PKEY_is_a(key, kinds[i].name)) {
			*kindp = kinds[i].kind;
			return true;
		}
	return false;
}

static const char *name_of(enum signing_key kind)
{
	switch (kind) {
	case SIGNING_RSA: return "RSA";
	case SIGNING_EC: return "EC";
	case SIGNING_ED25519: break;
	}
	return "ED25519";
}

static EVP_PKEY *import(struct keys *k, struct key *key)
{
	EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(k->ctx, name_of(key->kind), "provider=" NAME);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(KEY_PARAM, key, sizeof(*key)),
		OSSL_PARAM_construct_end() };
	EVP_PKEY *made = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return made;
}

EVP_PKEY *keys_private(struct keys *k, const char *name, EVP_PKEY *public_key)
{
	struct key key = { .keys = k, .name = name, .public_key = public_key };

	return is_a(public_key, &key.kind) ? import(k, &key) : NULL;
}

/* ---- the whole ---- */

static bool load(struct keys *k)
{
	k->ctx = OSSL_LIB_CTX_new();
	if (!k->ctx || OSSL_PROVIDER_add_builtin(k->ctx, NAME, key_provider_init) != 1)
		return false;
	k->usual = OSSL_PROVIDER_load(k->ctx, "default");
	k->ours = OSSL_PROVIDER_load(k->ctx, NAME);
	return k->usual && k->ours;
}

struct keys *keys_new(int fd)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->fd = fd;
	if (getrandom(&k->number, sizeof(k->number), 0) == sizeof(k->number) && load(k))
		return k;
	ERR_clear_error();
	keys_free(k);
	return NULL;
}

OSSL_LIB_CTX *keys_ctx(const struct keys *k)
{
	return k->ctx;
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	if (k->ours)
		OSSL_PROVIDER_unload(k->ours);
	if (k->usual)
		OSSL_PROVIDER_unload(k->usual);
	OSSL_LIB_CTX_free(k->ctx);
	free(k);
}
