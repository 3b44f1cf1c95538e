/* SPDX-License-Identifier: ISC */
/*
 * postern-pam: asks PAM whether a password is right
 *
 * Modules are foreign code, and may wait for a network: each question has a child of its own, which
 * is ended when it takes too long. The program runs as who started posternd, since pam_unix(8) and
 * others read their files as root only; it has no capability, gains none by what it executes, and
 * writes no file.
 *
 * See proxy/relay/roles.h for how it is started.
 */
#include <security/pam_appl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/offspring.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/serve.h"

#define CHILDREN_MAX 32
#define CHILD_S      20

/* Exit codes of a child. */
enum { SAID_OK = 10, SAID_WRONG, SAID_TEMPFAIL };

struct child {
	struct servant_client *asker; /* NULL: gone, or the child is free */
	uint64_t number;
	pid_t pid; /* 0: free */
	struct ev_loop *loop;
	ev_child reaper;
	ev_timer late;
};

static struct child children[CHILDREN_MAX];

/* ---- in the child ---- */

struct question {
	char service[PAM_SERVICE_MAX + 1], user[AUTH_USER_MAX + 1], password[512], client[64];
};

/* A prompt that hides what is typed is one for the password; for any other there is no answer. */
static int converse(
	int n, const struct pam_message **messages, struct pam_response **responsesp, void *context)
{
	const struct question *q = context;
	struct pam_response *r;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	r = calloc((size_t)n, sizeof(*r));
	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			r[i].resp = strdup(q->password);
	*responsesp = r; /* PAM frees it */
	return PAM_SUCCESS;
}

static bool is_no(int r)
{
	return r == PAM_AUTH_ERR || r == PAM_USER_UNKNOWN || r == PAM_MAXTRIES ||
	       r == PAM_ACCT_EXPIRED || r == PAM_PERM_DENIED || r == PAM_NEW_AUTHTOK_REQD ||
	       r == PAM_CRED_EXPIRED || r == PAM_AUTHTOK_EXPIRED;
}

static int authenticate(const struct question *q)
{
	const struct pam_conv conv = { converse, (void *)(uintptr_t)q };
	pam_handle_t *pam = NULL;
	int r = pam_start(q->service, q->user, &conv, &pam);

	if (r == PAM_SUCCESS)
		r = pam_set_item(pam, PAM_RHOST, q->client);
	if (r == PAM_SUCCESS)
		r = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	pam_end(pam, r);
	return r == PAM_SUCCESS ? SAID_OK : is_no(r) ? SAID_WRONG : SAID_TEMPFAIL;
}

/* ---- reading ---- */

/* The next @n octets of @text as a string. False: too long, or a NUL within. */
static bool take(struct span *text, size_t n, char *to, size_t size)
{
	const struct span part = span_sub(*text, 0, n);

	if (part.n != n || n >= size || span_chr(part, '\0') != n)
		return false;
	memcpy(to, part.p, n);
	to[n] = '\0';
	*text = span_from(*text, n);
	return true;
}

static bool read_question(struct span body, struct question *q, uint64_t *numberp)
{
	struct pam_ask head;
	struct span rest;

	if (body.n < sizeof(head))
		return false;
	memcpy(&head, body.p, sizeof(head));
	rest = span_from(body, sizeof(head));
	*numberp = head.number;
	return take(&rest, head.service_n, q->service, sizeof(q->service)) &&
	       take(&rest, head.user_n, q->user, sizeof(q->user)) &&
	       take(&rest, head.password_n, q->password, sizeof(q->password)) &&
	       take(&rest, head.client_n, q->client, sizeof(q->client)) && rest.n == 0;
}

/* ---- children ---- */

static void answer(struct servant_client *asker, uint64_t number, enum auth_result result)
{
	const struct pam_said said = { .number = number, .result = result };

	if (asker)
		servant_answer(asker, PAM_SAID, span_of(&said, sizeof(said)));
}

static void on_end(struct ev_loop *loop, ev_child *w, int events)
{
	struct child *c = w->data;
	const int said = WIFEXITED(w->rstatus) ? WEXITSTATUS(w->rstatus) : 0;

	(void)events;
	ev_child_stop(loop, w);
	ev_timer_stop(loop, &c->late);
	answer(c->asker, c->number,
		said == SAID_OK      ? AUTH_OK
		: said == SAID_WRONG ? AUTH_WRONG
				     : AUTH_TEMPFAIL);
	*c = (struct child){ 0 };
}

static void on_late(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	kill(((struct child *)t->data)->pid, SIGKILL);
}

static void watch(struct child *c)
{
	ev_child_init(&c->reaper, on_end, c->pid, 0);
	ev_timer_init(&c->late, on_late, CHILD_S, 0);
	c->reaper.data = c->late.data = c;
	ev_child_start(c->loop, &c->reaper);
	ev_timer_start(c->loop, &c->late);
}

static struct child *find_free(void)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (!children[i].pid)
			return &children[i];
	return NULL;
}

/* False: it could not be begun. */
static bool begin(struct servant_client *asker, uint64_t number, const struct question *q)
{
	struct child *c = find_free();
	const pid_t parent = getpid(), pid = c ? fork() : -1;

	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		_exit(offspring_follows(parent) ? authenticate(q) : SAID_TEMPFAIL);
	}
	if (pid < 0)
		return false;
	*c = (struct child){
		.asker = asker, .number = number, .pid = pid, .loop = asker->servant->loop
	};
	watch(c);
	return true;
}

/* ---- messages ---- */

static bool asked(struct servant *s, struct servant_client *client, const struct msg *m)
{
	static struct question q;
	uint64_t number;

	(void)s;
	if (m->type != PAM_ASK || !read_question(m->body, &q, &number))
		return false;
	if (!begin(client, number, &q))
		answer(client, number, AUTH_TEMPFAIL);
	explicit_bzero(&q, sizeof(q));
	return true;
}

static void gone(struct servant *s, struct servant_client *client)
{
	(void)s;
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (children[i].asker == client)
			children[i].asker = NULL;
}

/* They must not outlive us. */
static void close_all(struct servant *s)
{
	(void)s;
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (children[i].pid)
			offspring_end(children[i].pid);
}

int main(int argc, char **argv)
{
	static const struct servant_kind pam = {
		.role = ROLE_PAM,
		.close = close_all,
		.asked = asked,
		.gone = gone,
	};

	return servant_main(&pam, argc, argv);
}
