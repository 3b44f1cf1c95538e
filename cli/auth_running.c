/* SPDX-License-Identifier: ISC */
#include "cli/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/control.h"
#include "proxy/relay/asks.h"

#define ANSWER_MS 30000
#define TEXT_MAX  (CREDENTIAL_USER_MAX + CREDENTIAL_PASSWORD_MAX + 4)
#define BASE64(n) (((n) + 2) / 3 * 4 + 1)

struct asking {
	const char *user, *password;
	bool plain;
	uint64_t place; /* in the rules in force; UINT64_MAX: not told */
	int fd;         /* a pair with postern-auth; -1: not given */
};

/* ---- what posternd gives ---- */

static int take_place(void *context, struct span line)
{
	struct asking *a = context;

	if (span_u64(span_sub(line, 0, span_chr(line, '\n')), UINT32_MAX, &a->place))
		return CLI_OK;
	return cli_fail(CLI_UNAVAILABLE, "posternd is of another version; restart it");
}

static int take_end(void *context, int fd)
{
	struct asking *a = context;

	if (a->fd < 0)
		a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return a->fd >= 0 ? CLI_OK : cli_fail(CLI_UNAVAILABLE, "%s", strerror(errno));
}

/* ---- what postern-auth is told ---- */

static bool put_base64(struct out *o, const void *text, size_t n)
{
	uint8_t block[BASE64(TEXT_MAX)];
	const int made = n <= TEXT_MAX ? EVP_EncodeBlock(block, text, (int)n) : -1;

	if (made >= 0)
		out_put(o, block, (size_t)made);
	explicit_bzero(block, sizeof(block));
	return made >= 0 && !o->full;
}

/* RFC 4616 2: no authorization identity, user, password. */
static bool put_plain(struct out *o, const struct asking *a)
{
	char text[TEXT_MAX];
	struct out t;
	bool good;

	out_init(&t, text, sizeof(text));
	out_octet(&t, '\0');
	out_str(&t, a->user);
	out_octet(&t, '\0');
	out_str(&t, a->password);
	good = !t.full && put_base64(o, text, t.n);
	explicit_bzero(text, sizeof(text));
	return good;
}

static bool say(struct asking *a, uint16_t type, const void *head, size_t n, const char *response)
{
	uint8_t block[sizeof(struct auth_begin) + 8 + BASE64(TEXT_MAX)];
	struct out o;
	bool good = true;

	out_init(&o, block, sizeof(block));
	out_put(&o, head, n);
	if (type == AUTH_BEGIN)
		out_str(&o, a->plain ? "PLAIN" : "LOGIN");
	if (type == AUTH_BEGIN && a->plain)
		good = put_plain(&o, a);
	if (response)
		good = put_base64(&o, response, strlen(response));
	good = good && msg_send(a->fd, type, out_span(&o), -1) == MSG_OK;
	explicit_bzero(block, sizeof(block));
	return good;
}

static bool begin(struct asking *a)
{
	const struct auth_begin head = { .number = 1,
		.client = { IP_V4, { 127, 0, 0, 1 } },
		.auth = (uint32_t)a->place,
		.mechanism = 5,
		.has_initial = a->plain };

	return say(a, AUTH_BEGIN, &head, sizeof(head), NULL);
}

static bool answer_challenge(struct asking *a, unsigned nth)
{
	const struct auth_more head = { 1 };

	return !a->plain && nth < 2 &&
	       say(a, AUTH_MORE, &head, sizeof(head), nth == 0 ? a->user : a->password);
}

/* ---- what it answers ---- */

/* False: nothing came, or nonsense. */
static bool hear(const struct asking *a, uint8_t *block, size_t size, struct msg *m)
{
	struct pollfd p = { .fd = a->fd, .events = POLLIN };

	if (poll(&p, 1, ANSWER_MS) <= 0 || msg_recv(a->fd, block, size, m) != MSG_OK)
		return false;
	if (m->fd >= 0)
		close(m->fd);
	return true;
}

/* Return: enum auth_result; AUTH_TEMPFAIL also when no answer comes. */
static uint32_t play(struct asking *a)
{
	static uint8_t block[MSG_HEAD + sizeof(struct auth_done) + AUTH_RESPONSE_MAX];
	struct auth_done done;
	struct msg m;
	bool good = begin(a);

	for (unsigned nth = 0; good && hear(a, block, sizeof(block), &m); nth++) {
		if (m.type == AUTH_CHALLENGE) {
			good = answer_challenge(a, nth);
			continue;
		}
		if (m.type != AUTH_DONE || m.body.n < sizeof(done))
			break;
		memcpy(&done, m.body.p, sizeof(done));
		return done.result;
	}
	return AUTH_TEMPFAIL;
}

static int tell(const char *name, const struct asking *a, uint32_t result)
{
	switch (result) {
	case AUTH_OK: printf("auth %s: that is the password of %s\n", name, a->user); return CLI_OK;
	case AUTH_WRONG:
		return cli_fail(
			CLI_FAULTS, "auth %s: that is not the password of %s", name, a->user);
	case AUTH_LOCKED:
		return cli_fail(CLI_FAULTS,
			"auth %s: %s, or 127.0.0.1, from where the tool asks, is locked out after "
			"too many failures",
			name, a->user);
	case AUTH_UNOFFERED:
		return cli_fail(CLI_UNAVAILABLE,
			"auth %s: the rules in force offer no %s; \"postern diff\" shows what is "
			"not "
			"applied",
			name, a->plain ? "PLAIN" : "LOGIN");
	}
	return cli_fail(CLI_UNAVAILABLE,
		"auth %s: who should know did not answer; what posternd wrote to its standard "
		"error, "
		"or the log of the service behind it, may say why",
		name);
}

int auth_ask_running(
	const struct cli *c, const char *name, bool plain, const char *user, const char *password)
{
	static struct control_end end;
	struct asking a = {
		.user = user, .password = password, .plain = plain, .place = UINT64_MAX, .fd = -1
	};
	const struct control_take take = { .text = take_place, .fd = take_end, .context = &a };
	int r = control_ask(c, CONTROL_AUTH, span_str(name), &take, &end);

	if (r == CLI_OK && (a.fd < 0 || a.place == UINT64_MAX))
		r = cli_fail(CLI_UNAVAILABLE, "posternd is of another version; restart it");
	if (r == CLI_OK)
		r = tell(name, &a, play(&a));
	if (a.fd >= 0)
		close(a.fd);
	return r;
}
