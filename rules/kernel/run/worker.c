/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/offspring.h"
#include "rules/kernel/run/links.h"
#include "rules/kernel/run/lock.h"
#include "rules/kernel/run/managed.h"
#include "rules/load/unbundle.h"

struct worker {
	int control;
	struct managed managed;
	struct worker_answer answer,
		told; /* the last that was no good news, not to tell it twice */
	size_t n_told;
};

/* ---- rules ---- */

struct ruling {
	struct unbundle rules;
	struct links links;
	struct lanes lanes;
	struct kernel_plan plan;
	struct setting_want settings[SETTINGS];
	void *memory;
};

static void ruling_free(struct ruling *r)
{
	free(r->memory);
	unbundle_free(&r->rules);
}

static enum kernel_result refuse(struct out *text, const char *what, const char *why)
{
	out_str(text, what);
	out_str(text, why);
	out_octet(text, '\n');
	return KERNEL_RULES;
}

/* What the rules want of the kernel. */
static enum kernel_result plan(struct ruling *r, struct span lanes_text, struct out *text)
{
	const struct ruleset *rs = r->rules.ruleset;
	struct arena arena;
	size_t room;
	int e = lanes_read(&r->rules.arena, rs, lanes_text, &r->lanes);

	if (e != LANES_OK)
		return refuse(text, "lanes: ", e == LANES_E_TEXT ? "not of these rules" : "memory");
	settings_want(&r->lanes, r->settings);
	e = links_find(&r->links, rs);
	if (e < 0) {
		out_str(text, "\"ip\" cannot be run (Debian package iproute2)\n");
		return KERNEL_FAILED;
	}
	room = kernel_plan_room(rs);
	r->memory = malloc(room);
	if (r->memory == NULL)
		return refuse(text, "plan: ", "memory");
	arena_init(&arena, r->memory, room);
	if (kernel_plan(&arena, rs, &r->lanes, (const char(*)[KERNEL_LINK_MAX])r->links.name,
		    r->links.n, &r->plan) != RULES_OK)
		return refuse(text, "plan: ", "memory");
	return KERNEL_IS_DONE;
}

static enum kernel_result unpack(struct ruling *r, int bundle, struct span lanes, struct out *text)
{
	const int e = unbundle(&r->rules, bundle);

	if (e == 0)
		return plan(r, lanes, text);
	unbundle_problem(text, &r->rules, e);
	out_octet(text, '\n');
	return KERNEL_RULES;
}

/* ---- jobs ---- */

static enum kernel_result take_lock(struct netlink *lock, struct out *text)
{
	const int r = lock_take(lock, LOCK_PATIENCE_MS);

	if (r == LOCK_OK)
		return KERNEL_IS_DONE;
	out_str(text, r == LOCK_E_HELD ? lock_advice : "lock: ");
	if (r < 0) {
		out_str(text, strerror(-r));
		out_octet(text, '\n');
	}
	return KERNEL_BUSY;
}

static enum kernel_result apply(struct worker *w, const struct msg *m, struct out *text)
{
	struct netlink lock;
	struct ruling r = { 0 };
	enum kernel_result result = unpack(&r, m->fd, m->body, text);

	if (result == KERNEL_IS_DONE)
		result = take_lock(&lock, text);
	if (result == KERNEL_IS_DONE) {
		result = managed_apply(&w->managed, &r.plan, r.settings, text);
		lock_let_go(&lock);
	}
	ruling_free(&r);
	return result;
}

static enum kernel_result put_back(struct worker *w, struct out *text)
{
	struct netlink lock;
	enum kernel_result result = take_lock(&lock, text);

	if (result != KERNEL_IS_DONE)
		return result;
	managed_free(&w->managed); /* whatever is left is not to be brought in again */
	result = managed_put_back(text);
	lock_let_go(&lock);
	return result;
}

/* What is no good news, and the same as the last time, is not told again. */
static void tell_once(struct worker *w, struct out *text)
{
	const bool bad = w->answer.result == KERNEL_UNREPAIRED;
	const bool same =
		bad && w->n_told == text->n && memcmp(w->told.text, w->answer.text, text->n) == 0;

	if (bad && !same)
		w->told = w->answer;
	w->n_told = bad ? text->n : 0;
	if (same)
		text->n = 0;
}

static void look(struct worker *w, struct out *text)
{
	enum kernel_repair repair = KERNEL_REPAIRED;
	struct netlink lock;

	if (take_lock(&lock, text) != KERNEL_IS_DONE) {
		repair = KERNEL_UNREPAIRED;
	} else {
		if (managed_look(&w->managed, &repair, text)) {
			text->n = 0;
			repair = KERNEL_REPAIRED;
		}
		lock_let_go(&lock);
	}
	w->answer.result = repair;
	tell_once(w, text);
}

/* ---- the loop ---- */

/* A program of iptables-legacy fails, since the role is not root. */
static void advise(struct out *text)
{
	const struct span signs[] = { SPAN("ip_tables_names"), SPAN("xtables.lock") };

	for (size_t i = 0; i < 2; i++)
		if (text->n > 0 && memmem(text->p, text->n, signs[i].p, signs[i].n) != NULL) {
			out_str(text,
				"iptables is iptables-legacy here, which needs root; \"mode "
				"managed\" needs iptables-nft: \"update-alternatives --set "
				"iptables /usr/sbin/iptables-nft\", and the same for ip6tables\n");
			return;
		}
}

static bool answer(struct worker *w, uint16_t type, const struct out *text)
{
	const size_t n = offsetof(struct worker_answer, text) + text->n;

	return msg_send(w->control, type, span_of(&w->answer, n), -1) == MSG_OK;
}

static bool work(struct worker *w, const struct msg *m)
{
	struct out text;

	out_init(&text, w->answer.text, sizeof(w->answer.text));
	if (m->type == KERNEL_APPLY)
		w->answer.result = apply(w, m, &text);
	else if (m->type == KERNEL_PUT_BACK)
		w->answer.result = put_back(w, &text);
	else
		look(w, &text);
	advise(&text);
	return answer(w, m->type == WORKER_LOOK ? KERNEL_CHANGED : KERNEL_DONE, &text);
}

static void run(struct worker *w)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct pollfd p = { .fd = w->control, .events = POLLIN };
	bool well = true;

	while (well && (poll(&p, 1, -1) >= 0 || errno == EINTR)) {
		struct msg m;
		const int r = msg_recv(w->control, block, sizeof(block), &m);

		if (r == MSG_E_AGAIN)
			continue;
		well = r == MSG_OK && work(w, &m);
		if (r == MSG_OK && m.fd >= 0)
			close(m.fd);
	}
}

int worker_start(int *controlp)
{
	static struct worker w;
	int pair[2], r = msg_pair(pair);
	pid_t parent, pid;

	if (r < 0)
		return r;
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* of a program that outlives the worker, see below */
	parent = getpid();
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		w.control = pair[0];
		if (offspring_follows(parent))
			run(&w);
		_exit(0);
	}
	r = pid < 0 ? -errno : 0;
	close(pair[0]);
	if (r < 0) {
		close(pair[1]);
		return r;
	}
	*controlp = pair[1];
	return pid;
}

void worker_end(int pid)
{
	offspring_end(pid);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		; /* a program of its, which dies with it, is ours now */
}
