/* SPDX-License-Identifier: ISC */
#include "proxy/house/managed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "filter/gate/roles.h"
#include "log/facts.h"
#include "proxy/house/house.h"
#include "proxy/sockets.h"
#include "rules/kernel/run/roles.h"

static const struct span nothing = { NULL, 0 };

/* ---- a generation on its way ---- */

static void tell_gate_rules(struct managed *m, const struct generation *g)
{
	child_send(&m->gate, GATE_RULES, g->lanes_text, g->bundle);
}

static void tell_kernel(struct managed *m, const struct generation *g)
{
	m->applying = g;
	child_send(&m->kernel, KERNEL_APPLY, g->lanes_text, g->bundle);
}

/* What the step waits for is asked for, as soon as who is asked is there. Again after whoever was
 * asked has been started anew. */
static void push(struct managed *m)
{
	const bool gate = m->gate.state == CHILD_READY;

	if (m->step == MANAGED_HOLDING && (m->held || !gate))
		m->step = MANAGED_APPLYING; /* a gate that comes later comes held */
	switch (m->step) {
	case MANAGED_IDLE: break;
	case MANAGED_HOLDING: child_send(&m->gate, GATE_HOLD, nothing, -1); break;
	case MANAGED_APPLYING:
		if (m->kernel.state == CHILD_READY && !m->applying)
			tell_kernel(m, m->coming);
		break;
	case MANAGED_RULING:
		if (gate)
			tell_gate_rules(m, m->coming);
		break;
	}
}

void managed_bring_in(struct managed *m, struct generation *g)
{
	m->coming = g;
	m->step = MANAGED_HOLDING;
	push(m);
}

static void arrive(struct managed *m)
{
	struct generation *g = m->coming;

	m->step = MANAGED_IDLE;
	m->coming = NULL;
	if (g == m->house->coming)
		house_generation_ready(m->house, g);
}

/* The kernel is as it was before: so is the gate to be. */
static void go_on(struct managed *m)
{
	m->step = MANAGED_IDLE;
	m->coming = NULL;
	if (!m->house->running)
		return;
	m->held = false;
	child_send(&m->gate, GATE_GO, nothing, -1);
}

void managed_forget(struct managed *m, const struct generation *g)
{
	static const struct generation given_up;
	const enum managed_step step = m->step;

	if (m->applying == g) /* which will be freed, and another may come to stand in its place */
		m->applying = &given_up;
	if (g != m->coming)
		return;
	if (step == MANAGED_HOLDING || !m->house->running) {
		go_on(m);
		return;
	}
	m->coming = m->house->running; /* whose rules the kernel may not have any more */
	m->step = MANAGED_APPLYING;
	push(m);
}

/* ---- which internals are dead ---- */

static void tell_dead(struct managed *m)
{
	if (m->gate.state == CHILD_READY)
		child_send(
			&m->gate, GATE_DEAD, span_of(m->dead, m->n_dead * sizeof(m->dead[0])), -1);
}

/* The first of its generation is as good as any. */
void managed_worker_ready(struct managed *m, struct worker *w)
{
	if (m->gate_on && !w->relay && w->index == 0)
		child_send(&w->child, ROLE_PROBE, nothing, -1);
}

bool managed_dead(struct managed *m, const struct msg *message)
{
	const size_t n = message->body.n / sizeof(m->dead[0]);

	if (!m->gate_on || message->fd >= 0 || n > MANAGED_DEAD_MAX ||
		n * sizeof(m->dead[0]) != message->body.n)
		return false;
	if (n > 0)
		memcpy(m->dead, message->body.p, message->body.n);
	m->n_dead = n;
	tell_dead(m);
	return true;
}

/* ---- what the gate tells ---- */

void managed_gate_ready(struct managed *m)
{
	m->held = true;
	dynamic_tell(&m->house->dynamic, &m->gate);
	tell_dead(m);
	if (m->step != MANAGED_IDLE)
		push(m);
	else if (m->house->running)
		tell_gate_rules(m, m->house->running);
	house_child_ready(m->house, &m->gate);
}

static bool gate_ruled(struct managed *m)
{
	m->held = false;
	if (m->step == MANAGED_RULING)
		arrive(m);
	return true;
}

/* Never of rules that posternd read itself: whatever it is, another gate may know better. */
static bool gate_fault(struct managed *m)
{
	fprintf(stderr, "posternd: postern-gate cannot read the rules: it is started anew\n");
	child_kill(&m->gate, SIGKILL);
	return true;
}

bool managed_gate_told(struct managed *m, const struct msg *message)
{
	if (message->fd >= 0)
		return false;
	switch (message->type) {
	case GATE_HELD:
		m->held = true;
		push(m);
		return true;
	case GATE_RULED: return gate_ruled(m);
	case GATE_FAULT: return gate_fault(m);
	default: return false;
	}
}

/* ---- what postern-kernel tells ---- */

/* Lines of a role are its own words. */
static void complain(struct span text)
{
	fwrite("posternd: kernel: ", 1, 18, stderr);
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = text.p[i];
		fputc(c == '\n' || (c >= ' ' && c < 0x7f) ? c : '?', stderr);
		if (c == '\n' && i + 1 < text.n)
			fputs("posternd: kernel: ", stderr);
	}
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		fputc('\n', stderr);
}

void managed_kernel_ready(struct managed *m)
{
	m->applying = NULL;
	if (!m->gate_on)
		child_send(&m->kernel, KERNEL_SETS, nothing, -1);
	else if (m->queue < 0)
		child_send(&m->kernel, KERNEL_OPEN, nothing, -1);
	else if (m->step != MANAGED_IDLE)
		push(m);
	else if (m->house->running)
		tell_kernel(m, m->house->running); /* what its predecessor left half done */
}

static bool word_and_text(const struct msg *message, uint32_t *wordp, struct span *textp)
{
	if (message->body.n < sizeof(*wordp) || message->fd >= 0)
		return false;
	memcpy(wordp, message->body.p, sizeof(*wordp));
	*textp = span_from(message->body, sizeof(*wordp));
	return true;
}

static int *place_of(struct managed *m, uint16_t type)
{
	if (type == KERNEL_QUEUE_SOCKET)
		return &m->queue;
	return type == KERNEL_TRACK_SOCKET ? &m->track : &m->copies;
}

static bool socket_came(struct managed *m, const struct msg *message)
{
	int *place = place_of(m, message->type);

	if (*place >= 0 || message->fd < 0)
		return false;
	*place = fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
	if (*place < 0)
		return false;
	house_child_ready(m->house, &m->kernel);
	return true;
}

static void refused(struct managed *m, struct span text)
{
	struct house *h = m->house;
	struct generation *g = m->coming;
	const bool new = g == h->coming;

	go_on(m);
	if (!new || !h->ready) {
		complain(text);
	} else {
		out_bytes(&h->reload.text, span_sub(text, 0, out_room(&h->reload.text) / 2));
	}
	if (new)
		house_generation_failed(h, g, NULL, 0);
}

/* Of "mode sets-only". Without them bans live in userspace alone, which is no reason to end later.
 */
static bool sets_done(struct managed *m, uint32_t result, struct span text)
{
	if (result != KERNEL_IS_DONE)
		complain(text);
	if (result != KERNEL_IS_DONE && !m->house->ready) {
		house_end(m->house, EXIT_UNAVAILABLE);
		return true;
	}
	m->sets = result == KERNEL_IS_DONE;
	barrier_doubt(m);
	house_child_ready(m->house, &m->kernel);
	return true;
}

static bool kernel_done(struct managed *m, const struct msg *message)
{
	struct span text;
	uint32_t result;

	if (!m->gate_on)
		return word_and_text(message, &result, &text) && sets_done(m, result, text);
	if (!m->applying || !word_and_text(message, &result, &text))
		return false;
	const bool awaited = m->step == MANAGED_APPLYING && m->applying == m->coming;
	m->applying = NULL;
	if (!awaited) { /* what runs, once more, or what was given up meanwhile */
		if (result != KERNEL_IS_DONE)
			complain(text);
		barrier_doubt(m);
		push(m);
	} else if (result != KERNEL_IS_DONE) {
		refused(m, text);
	} else {
		m->step = MANAGED_RULING;
		push(m);
	}
	return true;
}

static bool kernel_trouble(struct managed *m, const struct msg *message)
{
	struct span text;
	uint32_t type;

	if (!word_and_text(message, &type, &text))
		return false;
	complain(text);
	if (type == KERNEL_BANS)
		barrier_unanswered(m);
	if (type == KERNEL_OPEN)
		house_end(m->house, EXIT_UNAVAILABLE);
	return true;
}

static bool kernel_changed(struct managed *m, const struct msg *message)
{
	struct span text;
	uint32_t repair;

	if (!word_and_text(message, &repair, &text))
		return false;
	complain(text);
	if (repair == KERNEL_BANS_LOST)
		barrier_doubt(m);
	log_kernel(&m->house->log, clock_wall_ns(),
		repair == KERNEL_REPAIRED || repair == KERNEL_BANS_LOST ? CODE_KERNEL_REPAIRED
									: CODE_KERNEL_CHANGED,
		span_sub(text, 0, span_chr(text, '\n')));
	return true;
}

bool managed_kernel_told(struct managed *m, const struct msg *message)
{
	switch (message->type) {
	case KERNEL_QUEUE_SOCKET:
	case KERNEL_TRACK_SOCKET:
	case KERNEL_COPY_SOCKET: return socket_came(m, message);
	case KERNEL_DONE: return kernel_done(m, message);
	case KERNEL_TROUBLE: return kernel_trouble(m, message);
	case KERNEL_CHANGED: return kernel_changed(m, message);
	case KERNEL_BANS: return barrier_answer(m, message);
	default: return false;
	}
}

/* ---- the whole ---- */

int managed_init(struct managed *m, struct house *house)
{
	const enum host_mode mode = house_rules(house)->host.mode;

	*m = (struct managed){ .house = house,
		.on = mode == MODE_MANAGED || mode == MODE_SETS_ONLY,
		.gate_on = mode == MODE_MANAGED,
		.queue = -1,
		.track = -1,
		.copies = -1,
		.verdicts = { -1, -1 },
		.log = -1,
		.held = true };
	if (!m->on)
		return 0;
	keeper_init(m);
	gate_init(m);
	if (!m->gate_on)
		return 0;
	m->seat = house_take_seat(house);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, m->verdicts) <
			       0
		       ? -errno
		       : 0;
}

/* Return: 0; <0 errno. */
static int start_if_none(struct child *c)
{
	return c->state == CHILD_NONE && !c->unwanted ? child_start(c) : 0;
}

int managed_start(struct managed *m)
{
	int r = start_if_none(&m->kernel);

	if (!m->gate_on)
		return r;
	if (r == 0 && m->queue >= 0 && m->track >= 0 && m->copies >= 0)
		r = start_if_none(&m->verdict);
	if (r == 0 && m->verdict.state == CHILD_READY)
		r = start_if_none(&m->gate);
	return r;
}

bool managed_ready(const struct managed *m)
{
	return !m->on || (m->gate_on ? m->gate.state == CHILD_READY : m->sets);
}

void managed_tell_members(struct managed *m, int fd)
{
	if (m->gate.state == CHILD_READY)
		child_send(&m->gate, ROLE_MEMBERS, nothing, fd);
}

void managed_stale(struct managed *m)
{
	m->stale = true;
}

static void look_at_ways(struct managed *m)
{
	if (!m->gate_on || !m->stale || m->step != MANAGED_IDLE || m->applying ||
		!m->house->running || m->kernel.state != CHILD_READY)
		return;
	m->stale = false;
	tell_kernel(m, m->house->running);
}

void managed_look(struct managed *m)
{
	if (!m->on)
		return;
	look_at_ways(m);
	child_look(&m->kernel);
	child_look(&m->gate);
	child_look(&m->verdict);
}

void managed_stop(struct managed *m)
{
	struct child *const children[] = { &m->gate, &m->verdict, &m->kernel };

	for (size_t i = 0; m->on && i < sizeof(children) / sizeof(children[0]); i++)
		child_dismiss(children[i]);
}

bool managed_lives(const struct managed *m)
{
	return m->on &&
	       (child_lives(&m->kernel) || child_lives(&m->gate) || child_lives(&m->verdict));
}

void managed_kill(struct managed *m)
{
	child_kill(&m->gate, SIGKILL);
	child_kill(&m->verdict, SIGKILL);
	child_kill(&m->kernel, SIGKILL);
}

void managed_deinit(struct managed *m)
{
	if (!m->on)
		return;
	child_deinit(&m->gate);
	child_deinit(&m->verdict);
	child_deinit(&m->kernel);
	ledger_unmap(&m->ledger);
	sockets_close(m->queue);
	sockets_close(m->track);
	sockets_close(m->copies);
	sockets_close(m->verdicts[0]);
	sockets_close(m->verdicts[1]);
}
