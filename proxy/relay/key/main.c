/* SPDX-License-Identifier: ISC */
/* postern-key: signs TLS handshakes of relay listeners, and nothing else. See proxy/relay/roles.h
 * for how it is started. */
#include "proxy/relay/key/pairs.h"
#include "proxy/relay/roles.h"
#include "proxy/relay/serve.h"

static struct pairs *pairs;

static int open_pairs(struct servant *s, const int *fds, struct out *why)
{
	(void)s;
	pairs = pairs_new(fds[KEY_FD_TEXTS], why);
	return pairs ? 0 : EXIT_CONFIG;
}

static void close_pairs(struct servant *s)
{
	(void)s;
	pairs_free(pairs);
}

static bool asked(struct servant *s, struct servant_client *c, const struct msg *m)
{
	struct {
		struct key_signed head;
		uint8_t signature[KEY_SIGNED_MAX];
	} answer;
	struct key_sign ask;
	size_t n;

	(void)s;
	if (m->type != KEY_SIGN || m->body.n < sizeof(ask))
		return false;
	memcpy(&ask, m->body.p, sizeof(ask));
	if (ask.name_n > m->body.n - sizeof(ask))
		return false;
	answer.head.number = ask.number;
	n = pairs_sign(pairs, span_sub(m->body, sizeof(ask), ask.name_n), ask.scheme,
		span_from(m->body, sizeof(ask) + ask.name_n), answer.signature);
	servant_answer(c, KEY_SIGNED, span_of(&answer, sizeof(answer.head) + n));
	return true;
}

int main(int argc, char **argv)
{
	static const struct servant_kind key = {
		.role = ROLE_KEY,
		.fds = KEY_FDS,
		.open = open_pairs,
		.close = close_pairs,
		.asked = asked,
	};

	return servant_main(&key, argc, argv);
}
