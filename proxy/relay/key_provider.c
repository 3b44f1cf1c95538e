/* SPDX-License-Identifier: ISC */
/* Keys and their one operation, as OpenSSL wants them of a provider: provider-keymgmt(7),
 * provider-signature(7). Whatever is public is answered by the public key. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "proxy/relay/key_inside.h"

/* OpenSSL has its functions without their types. */
#define FN(id, function)                                                                           \
	{                                                                                          \
		(id), (void (*)(void))(function)                                                   \
	}
#define END                                                                                        \
	{                                                                                          \
		0, NULL                                                                            \
	}

/* ---- keys ---- */

static void *key_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct key));
}

static void key_free(void *data)
{
	struct key *key = data;

	EVP_PKEY_free(key->public_key);
	free(key);
}

static int key_has(const void *data, int selection)
{
	(void)data;
	(void)selection;
	return 1;
}

/* What is private is never given away, which OpenSSL would use instead of asking us. */
static int key_export(void *data, int selection, OSSL_CALLBACK *take, void *context)
{
	const struct key *key = data;
	OSSL_PARAM *params = NULL;
	int r;

	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ||
		EVP_PKEY_todata(key->public_key, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return 0;
	r = take(params, context);
	OSSL_PARAM_free(params);
	return r;
}

static const OSSL_PARAM *key_export_types(int selection)
{
	static const OSSL_PARAM none[] = { OSSL_PARAM_END };

	(void)selection;
	return none;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, KEY_PARAM);
	struct key *key = data;

	(void)selection;
	if (!p || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(*key))
		return 0;
	memcpy(key, p->data, sizeof(*key));
	return EVP_PKEY_up_ref(key->public_key);
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_octet_string(KEY_PARAM, NULL, 0),
		OSSL_PARAM_END };

	(void)selection;
	return types;
}

static int key_get(void *data, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct key *)data)->public_key, params);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END };

	(void)provider;
	return list;
}

static int key_match(const void *one, const void *other, int selection)
{
	const struct key *a = one, *b = other;

	(void)selection;
	return EVP_PKEY_eq(a->public_key, b->public_key) == 1;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define KEY_FUNCTIONS                                                                              \
	FN(OSSL_FUNC_KEYMGMT_NEW, key_new), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),                  \
		FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export),      \
		FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),                              \
		FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                          \
		FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                              \
		FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get),                                         \
		FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                               \
		FN(OSSL_FUNC_KEYMGMT_MATCH, key_match)

static const OSSL_DISPATCH keys[] = { KEY_FUNCTIONS, END };
static const OSSL_DISPATCH ec_keys[] = { KEY_FUNCTIONS,
	FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation), END };

/* ---- signatures ---- */

#define UNSIGNED 1 /* reason of an error */

static const ERR_STRING_DATA errors[] = {
	{ ERR_PACK(ERR_LIB_USER, 0, UNSIGNED), "postern-key did not sign" },
	{ 0, NULL },
};

struct signature {
	struct key *key; /* borrowed: OpenSSL holds it */
	char hash[32];   /* "": none */
	bool pss;
};

static void *signature_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return calloc(1, sizeof(struct signature));
}

static void signature_free(void *data)
{
	free(data);
}

/* The only padding with salt is that of RFC 8446: as much of it as the hash has octets. */
static int signature_set(void *data, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signature *s = data;
	int padding;

	if (!p)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
		return s->pss || strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
	}
	if (OSSL_PARAM_get_int(p, &padding) != 1)
		return 0;
	s->pss = padding == RSA_PKCS1_PSS_PADDING;
	return s->pss || padding == RSA_PKCS1_PADDING;
}

static const OSSL_PARAM *signature_settable(void *data, void *provider)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_utf8_string(
						   OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), OSSL_PARAM_END };

	(void)data;
	(void)provider;
	return list;
}

static int signature_begin(void *data, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signature *s = data;
	struct out o;

	s->key = key;
	s->pss = false;
	out_init(&o, s->hash, sizeof(s->hash) - 1);
	out_str(&o, hash);
	s->hash[o.n] = '\0';
	return !o.full && (!params || signature_set(data, params));
}

static int signature_make(void *data, unsigned char *to, size_t *np, size_t size,
	const unsigned char *text, size_t text_n)
{
	const struct signature *s = data;
	const struct signing_scheme *scheme = signing_find(s->key->kind, span_str(s->hash), s->pss);

	if (!to) {
		*np = (size_t)EVP_PKEY_get_size(s->key->public_key);
		return 1;
	}
	*np = scheme ? key_ask(s->key, scheme, span_of(text, text_n), to, size) : 0;
	if (*np == 0)
		ERR_raise(ERR_LIB_USER, UNSIGNED);
	return *np > 0;
}

static const OSSL_DISPATCH signatures[] = { FN(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_begin),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_make),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable), END };

/* ---- the provider ---- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const char ours[] = "provider=postern";
	static const OSSL_ALGORITHM managements[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", ours, keys, "" },
		{ "EC:id-ecPublicKey:1.2.840.10045.2.1", ours, ec_keys, "" },
		{ "ED25519:1.3.101.112", ours, keys, "" },
		{ NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM operations[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", ours, signatures, "" },
		{ "ECDSA", ours, signatures, "" },
		{ "ED25519:1.3.101.112", ours, signatures, "" },
		{ NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT     ? managements
	       : operation == OSSL_OP_SIGNATURE ? operations
						: NULL;
}

int key_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = { FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		END };

	(void)in;
	ERR_load_strings_const(errors);
	*out = functions;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}
