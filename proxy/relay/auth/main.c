/* SPDX-License-Identifier: ISC */
/* postern-auth: checks who logs in at relay listeners. See proxy/relay/roles.h for how it is
 * started. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "filter/relay/passwords.h"
#include "proxy/relay/auth/exchange.h"
#include "proxy/relay/roles.h"
#include "proxy/ruleset.h"

static struct auths auths;

/* ---- lockouts ---- */

/* The room begins with the seed of its table; all 0: nobody has used it yet. */
struct room {
	uint64_t seed[2];
	uint8_t rest_of_page[4096 - 16];
	struct tally_slot slots[];
};
#define SLOTS 16384
static_assert(sizeof(struct room) + SLOTS * sizeof(struct tally_slot) <= LOCKOUT_ROOM,
	"the room holds the table");

/* Return: 0 or errno. */
static int open_room(struct auths *a, int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	void *mapped;
	struct room *room;
	int r = memfd_map_room(fd, LOCKOUT_ROOM, true, &mapped);

	if (r)
		return r < 0 ? -r : EINVAL;
	room = mapped;
	a->room = fd;
	fcntl(fd, F_SETLKW, &lock);
	if (!room->seed[0] && !room->seed[1] &&
		getrandom(room->seed, sizeof(room->seed), 0) != (ssize_t)sizeof(room->seed))
		r = errno;
	lock.l_type = F_UNLCK;
	fcntl(fd, F_SETLKW, &lock);
	tally_init(&a->lockouts, room->slots, SLOTS, room->seed);
	return r;
}

/* ---- PAM ---- */

static void on_pam(struct ask *k, const struct msg *m)
{
	struct exchange *e =
		(struct exchange *)(void *)((char *)k - offsetof(struct exchange, pam));
	struct pam_said said = { .result = AUTH_TEMPFAIL };

	ask_end(k);
	if (m && m->type == PAM_SAID && m->body.n == sizeof(said))
		memcpy(&said, m->body.p, sizeof(said));
	if (said.result != AUTH_OK && said.result != AUTH_WRONG)
		said.result = AUTH_TEMPFAIL;
	exchange_checked(e, (enum auth_result)said.result, (struct span){ 0 });
}

void pam_check(struct auths *a, struct exchange *e)
{
	uint8_t block[sizeof(struct pam_ask) + PAM_SERVICE_MAX + CREDENTIAL_USER_MAX +
		      CREDENTIAL_PASSWORD_MAX + 64];
	const struct span service = span_sub(span_str(e->auth->via_text), 0, PAM_SERVICE_MAX);
	struct pam_ask head = {
		.service_n = (uint32_t)service.n, .user_n = e->user_n, .password_n = e->password_n
	};
	uint8_t client[64];
	struct out o, address;

	out_init(&address, client, sizeof(client));
	ip_print(&address, &e->client);
	head.client_n = (uint32_t)address.n;
	out_init(&o, block, sizeof(block));
	out_put(&o, &head, sizeof(head));
	out_bytes(&o, service);
	out_put(&o, e->user, e->user_n);
	out_put(&o, e->password, e->password_n);
	out_bytes(&o, out_span(&address));
	e->pam.answered = on_pam;
	ask_begin(&a->pam, &e->pam);
	ask_say(&e->pam, PAM_ASK, block, o.n);
	explicit_bzero(block, sizeof(block));
}

/* ---- messages ---- */

static bool asked(struct servant *s, struct servant_client *c, const struct msg *m)
{
	(void)s;
	switch (m->type) {
	case AUTH_BEGIN: return exchange_begin(&auths, c, m->body);
	case AUTH_MORE: return exchange_more(&auths, c, m->body);
	case AUTH_CANCEL: return exchange_cancel(&auths, c, m->body);
	default: return false;
	}
}

static void gone(struct servant *s, struct servant_client *c)
{
	(void)s;
	exchange_forget(&auths, c);
}

static bool told(struct servant *s, const struct msg *m)
{
	uint32_t place;

	(void)s;
	if (m->type != AUTH_CONNECTED || m->body.n != sizeof(place))
		return false;
	memcpy(&place, m->body.p, sizeof(place));
	if (place >= auths.rules->n_auths || !auths.dovecots[place])
		return false;
	dovecot_connected(auths.dovecots[place], m->fd);
	return true;
}

/* ---- beginning and end ---- */

/* Return: false, and a line in @why. */
static bool read_file(const struct auths *a, const struct auth *auth, struct out *why)
{
	struct span file = { 0 };
	const char *flaw;
	unsigned line;

	texts_find(a->passwords, TEXT_PASSWORDS, span_str(auth->name), &file);
	flaw = password_flaw(file, &line);
	if (!flaw)
		return true;
	out_str(why, auth->via_text);
	out_octet(why, ':');
	out_u64(why, line);
	out_str(why, ": this line ");
	out_str(why, flaw);
	out_octet(why, '\n');
	return false;
}

static bool open_backends(struct auths *a, struct out *why)
{
	bool good = true;

	for (uint32_t i = 0; good && i < a->rules->n_auths; i++) {
		if (a->rules->auths[i]->via == AUTH_FILE)
			good = read_file(a, a->rules->auths[i], why);
		if (a->rules->auths[i]->via == AUTH_DOVECOT)
			good = (a->dovecots[i] = dovecot_new(a, i)) != NULL;
	}
	return good;
}

static int open_auths(struct servant *s, const int *fds, struct out *why)
{
	struct auths *a = &auths;

	a->servant = s;
	a->rules = ruleset_from_bundle(fds[AUTH_FD_BUNDLE]);
	if (!a->rules)
		return EXIT_CONFIG;
	if (fds[AUTH_FD_TEXTS] >= 0 &&
		(memfd_map(fds[AUTH_FD_TEXTS], TEXTS_MAX, &a->passwords) != 0 ||
			!texts_valid(a->passwords)))
		return EXIT_UNAVAILABLE;
	a->hashes = hashes_new(a);
	a->dovecots = calloc(a->rules->n_auths + 1, sizeof(struct dovecot *));
	if (!a->hashes || !a->dovecots || open_room(a, fds[AUTH_FD_LOCKOUTS]) ||
		asks_init(&a->pam, s->loop, fds[AUTH_FD_PAM]) < 0)
		return EXIT_UNAVAILABLE;
	return open_backends(a, why) ? 0 : EXIT_CONFIG;
}

static void close_auths(struct servant *s)
{
	(void)s;
	for (uint32_t i = 0; auths.dovecots && i < auths.rules->n_auths; i++)
		dovecot_free(auths.dovecots[i]);
	free(auths.dovecots);
	hashes_free(auths.hashes);
	if (auths.passwords.n)
		memfd_unmap(auths.passwords);
}

int main(int argc, char **argv)
{
	static const struct servant_kind auth = {
		.role = ROLE_AUTH,
		.fds = AUTH_FDS,
		.open = open_auths,
		.close = close_auths,
		.asked = asked,
		.gone = gone,
		.told = told,
	};

	return servant_main(&auth, argc, argv);
}
