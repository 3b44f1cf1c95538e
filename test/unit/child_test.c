/* SPDX-License-Identifier: ISC */
#include "proxy/house/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/support.h"

#define LIMIT_S  4.0 /* of one test */
#define LIFE_MAX 8   /* lives of one child that are looked at */

/* What a role of ours does with its end of the pair; it ends when the function returns. */
typedef void play(int control);

struct watched {
	struct child child;
	play *plays[LIFE_MAX]; /* one a life; the last again and again */
	unsigned lives, ready, told, ended;
	unsigned until_ended; /* the loop ends with so many */
	bool again;           /* what ended() answers */
	bool take;            /* what told() answers */
	int start_error; /* what start() answers from the second life on, a few times; 0: none */
	unsigned start_failures;
	int status[LIFE_MAX];
	bool hung[LIFE_MAX];
	uint32_t rest_ms[LIFE_MAX];
	ev_timer limit;
};

static struct watched *watched_of(struct child *c)
{
	return (struct watched *)(void *)((char *)c - offsetof(struct watched, child));
}

static pid_t start(struct child *c, int control)
{
	struct watched *w = watched_of(c);
	unsigned life = w->lives;
	pid_t pid;

	if (life > 0 && w->start_failures > 0) {
		w->start_failures--;
		return w->start_error;
	}
	w->lives++;
	while (life > 0 && !w->plays[life])
		life--;
	pid = fork();
	if (pid == 0) {
		close(c->control);
		for (int fd = 3; fd < 64; fd++) /* as after an exec */
			if (fd != control)
				close(fd);
		w->plays[life](control);
		_exit(3);
	}
	return pid < 0 ? -errno : pid;
}

static void on_ready(struct child *c)
{
	watched_of(c)->ready++;
}

static bool on_told(struct child *c, const struct msg *m)
{
	(void)m;
	watched_of(c)->told++;
	return watched_of(c)->take;
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	struct watched *w = watched_of(c);

	assert_int_equal(c->control, -1);
	assert_in_range(w->ended, 0, LIFE_MAX - 1);
	w->status[w->ended] = status;
	w->hung[w->ended] = c->hung;
	w->rest_ms[w->ended++] = rest_ms;
	if (w->ended < w->until_ended)
		return w->again;
	ev_break(c->loop, EVBREAK_ALL);
	return false;
}

static const struct child_kind kind = { ROLE_PROXY, start, on_ready, on_told, on_ended };

static void on_limit(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)t;
	(void)events;
	fail_msg("it takes too long");
}

/* Until @lives of it have ended. */
static void live(struct watched *w, unsigned lives)
{
	struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV);

	w->until_ended = lives;
	child_init(&w->child, &kind, loop);
	ev_timer_init(&w->limit, on_limit, LIMIT_S, 0);
	ev_timer_start(loop, &w->limit);
	assert_int_equal(child_start(&w->child), 0);
	ev_run(loop, 0);
	ev_timer_stop(loop, &w->limit);
	assert_int_equal(w->child.state, CHILD_NONE);
	assert_false(child_lives(&w->child));
	assert_int_equal(w->ended, lives);
	child_deinit(&w->child);
}

/* ---- what roles do ---- */

static void say(int control, uint16_t type, size_t n, int fd)
{
	static const uint8_t zeros[256];

	msg_send(control, type, span_of(zeros, n), fd);
}

static void say_ready(int control)
{
	say(control, ROLE_READY, sizeof(struct role_ready), -1);
}

/* Answers what it is asked until its pair ends. */
static void serve(int control)
{
	uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct pollfd p = { control, POLLIN, 0 };
	struct msg m;
	int r;

	while (poll(&p, 1, -1) > 0 &&
		((r = msg_recv(control, block, sizeof(block), &m)) == MSG_OK || r == MSG_E_AGAIN))
		if (r == MSG_OK && m.type == ROLE_PING)
			say(control, ROLE_PONG, sizeof(struct role_pong), -1);
	_exit(0);
}

static void play_good(int control)
{
	say_ready(control);
	serve(control);
}

static void play_brief(int control)
{
	say_ready(control);
	_exit(7);
}

static void play_nothing(int control)
{
	(void)control;
	_exit(7);
}

static void play_killed(int control)
{
	(void)control;
	raise(SIGKILL);
}

static void play_deaf(int control)
{
	say_ready(control);
	for (;;)
		pause();
}

/* ---- nonsense ---- */

static void raw(int control, const void *octets, size_t n)
{
	if (write(control, octets, n) < 0)
		_exit(9);
	serve(control);
}

static void play_not_a_message(int control)
{
	say_ready(control);
	raw(control, "hello, I am a role", 18);
}

static void play_too_short(int control)
{
	raw(control, "x", 1);
}

static void play_ready_too_long(int control)
{
	say(control, ROLE_READY, sizeof(struct role_ready) + 1, -1);
	serve(control);
}

static void play_ready_twice(int control)
{
	say_ready(control);
	say_ready(control);
	serve(control);
}

static void play_pong_of_wrong_size(int control)
{
	say_ready(control);
	say(control, ROLE_PONG, sizeof(struct role_pong) - 1, -1);
	serve(control);
}

static void play_unknown(int control)
{
	say_ready(control);
	say(control, 999, 0, -1);
	serve(control);
}

static void play_told_before_ready(int control)
{
	say(control, TALK_PROXY, 0, -1);
	serve(control);
}

static void play_many_descriptors(int control)
{
	const int fds[] = { 0, 0, 0 };

	say_ready(control);
	msg_send_fds(control, ROLE_PONG, (struct span){ 0 }, fds, 3);
	serve(control);
}

static void nonsense_kills_who_says_it(void **state)
{
	static const struct {
		const char *name;
		play *play;
		unsigned told;
	} cases[] = {
		{ "not a message", play_not_a_message, 0 },
		{ "too short for a head", play_too_short, 0 },
		{ "ready, too long", play_ready_too_long, 0 },
		{ "ready twice", play_ready_twice, 1 },
		{ "pong of a wrong size", play_pong_of_wrong_size, 1 },
		{ "unknown", play_unknown, 1 },
		{ "told before it was ready", play_told_before_ready, 0 },
		{ "three descriptors", play_many_descriptors, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct watched w = { .plays = { cases[i].play } };

		live(&w, 1);
		if (!WIFSIGNALED(w.status[0]) || WTERMSIG(w.status[0]) != SIGKILL)
			fail_msg("%s: status %#x", cases[i].name, (unsigned)w.status[0]);
		assert_int_equal(w.told, cases[i].told);
		assert_false(w.hung[0]);
	}
}

/* ---- descriptors ---- */

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void play_pongs_with_descriptors(int control)
{
	say(control, ROLE_READY, sizeof(struct role_ready), 0);
	for (int i = 0; i < 50; i++)
		say(control, ROLE_PONG, sizeof(struct role_pong), 0);
	for (int i = 0; i < 50; i++)
		say(control, TALK_PROXY, 0, 0);
	_exit(0);
}

static void descriptors_nobody_asked_for_are_closed(void **state)
{
	struct watched w = { .plays = { play_pongs_with_descriptors }, .take = true };
	unsigned before;

	(void)state;
	ev_default_loop(EVFLAG_NOENV);
	live(&w, 1); /* what the loop opens for itself is open now */
	before = open_descriptors();
	w = (struct watched){ .plays = { play_pongs_with_descriptors }, .take = true };
	live(&w, 1);
	assert_int_equal(w.ready, 1);
	assert_int_equal(open_descriptors(), before);
}

/* ---- lives ---- */

static void one_that_ends_is_started_again(void **state)
{
	struct watched w = { .plays = { play_nothing, play_killed, play_brief }, .again = true };

	(void)state;
	live(&w, 4);
	assert_int_equal(w.lives, 4);
	assert_int_equal(w.child.restarts, 3);
	assert_int_equal(w.ready, 2);
	assert_int_equal(WEXITSTATUS(w.status[0]), 7);
	assert_int_equal(WTERMSIG(w.status[1]), SIGKILL);
	assert_int_equal(w.rest_ms[0], 0);
	assert_int_equal(w.rest_ms[1], 100);
	assert_int_equal(w.rest_ms[2], 200);
	assert_int_equal(w.rest_ms[3], 400);
}

static void rests_are_bounded_and_a_good_life_ends_the_row(void **state)
{
	struct watched w = { .plays = { play_nothing } };

	(void)state;
	live(&w, 1);
	for (unsigned failures = 9; failures < 40; failures += 10) {
		w = (struct watched){ .plays = { play_nothing } };
		child_init(&w.child, &kind, ev_default_loop(EVFLAG_NOENV));
		w.until_ended = 1;
		w.child.failures = failures;
		assert_int_equal(child_start(&w.child), 0);
		ev_run(w.child.loop, 0);
		assert_int_equal(w.rest_ms[0], failures == 9 ? 25600 : CHILD_REST_MAX);
		child_deinit(&w.child);
	}
}

static void a_start_that_fails_is_tried_again(void **state)
{
	struct watched w = {
		.plays = { play_brief }, .again = true, .start_error = -EAGAIN, .start_failures = 2
	};

	(void)state;
	live(&w, 2);
	assert_int_equal(w.lives, 2);
	assert_int_equal(w.child.restarts, 3);
}

static void a_first_start_that_fails_leaves_nothing(void **state)
{
	struct watched w = { .plays = { play_brief }, .start_error = -EAGAIN };
	unsigned before = open_descriptors();

	(void)state;
	child_init(&w.child, &kind, ev_default_loop(EVFLAG_NOENV));
	w.lives = 1;
	w.start_failures = 1;
	assert_int_equal(child_start(&w.child), -EAGAIN);
	assert_int_equal(w.child.state, CHILD_NONE);
	assert_int_equal(open_descriptors(), before);
	child_send(&w.child, ROLE_PING, (struct span){ 0 }, -1); /* to nobody */
	child_kill(&w.child, SIGKILL);
	child_look(&w.child);
	child_dismiss(&w.child);
	child_deinit(&w.child);
}

/* ---- hung ---- */

static ev_timer looker;

static void on_look(struct ev_loop *loop, ev_timer *t, int events)
{
	struct watched *w = t->data;

	(void)loop;
	(void)events;
	if (w->child.state == CHILD_READY)
		child_look(&w->child);
	if (w->child.unheard > CHILD_UNHEARD || w->ended > 0)
		ev_timer_stop(w->child.loop, t);
}

static void look_often(struct watched *w)
{
	ev_timer_init(&looker, on_look, 0.02, 0.02);
	looker.data = w;
	ev_timer_start(ev_default_loop(EVFLAG_NOENV), &looker);
}

static void one_that_does_not_answer_is_killed(void **state)
{
	struct watched w = { .plays = { play_deaf } };

	(void)state;
	look_often(&w);
	live(&w, 1);
	assert_true(w.hung[0]);
	assert_int_equal(WTERMSIG(w.status[0]), SIGKILL);
}

static void on_enough(struct ev_loop *loop, ev_timer *t, int events)
{
	struct watched *w = t->data;

	(void)loop;
	(void)events;
	assert_int_equal(w->child.state, CHILD_READY);
	assert_in_range(w->child.unheard, 0, CHILD_UNHEARD);
	ev_timer_stop(loop, &looker);
	child_dismiss(&w->child);
}

static void one_that_answers_lives(void **state)
{
	struct watched w = { .plays = { play_good } };
	ev_timer enough;

	(void)state;
	ev_timer_init(&enough, on_enough, 0.4, 0);
	enough.data = &w;
	ev_timer_start(ev_default_loop(EVFLAG_NOENV), &enough);
	look_often(&w);
	live(&w, 1);
	assert_false(w.hung[0]);
	assert_int_equal(w.status[0], 0);
}

/* posternd was stopped for an hour: nobody was asked, so nobody is hung. */
static void time_alone_kills_nobody(void **state)
{
	struct watched w = { .plays = { play_good } };
	ev_timer enough;

	(void)state;
	ev_timer_init(&enough, on_enough, 0.2, 0);
	enough.data = &w;
	ev_timer_start(ev_default_loop(EVFLAG_NOENV), &enough);
	ev_timer_init(&looker, on_look, 0.1, 0);
	looker.data = &w;
	ev_timer_start(ev_default_loop(EVFLAG_NOENV), &looker);
	live(&w, 1);
	assert_int_equal(w.status[0], 0);
}

static void one_that_is_never_ready_is_killed_when_time_is_over(void **state)
{
	struct watched w = { .plays = { serve } };
	struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV);

	(void)state;
	w.until_ended = 1;
	child_init(&w.child, &kind, loop);
	assert_int_equal(child_start(&w.child), 0);
	assert_true(ev_timer_remaining(loop, &w.child.timer) > CHILD_READY_MS / 1000.0 - 5);
	ev_feed_event(loop, &w.child.timer, EV_TIMER); /* now */
	ev_run(loop, 0);
	assert_true(w.hung[0]);
	assert_int_equal(WTERMSIG(w.status[0]), SIGKILL);
	child_deinit(&w.child);
}

/* ---- sending, dismissing ---- */

static void one_that_reads_nothing_is_killed(void **state)
{
	static const uint8_t much[MSG_BODY_MAX];
	struct watched w = { .plays = { play_deaf } };
	struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV);

	(void)state;
	w.until_ended = 1;
	child_init(&w.child, &kind, loop);
	assert_int_equal(child_start(&w.child), 0);
	for (int i = 0; i < 100; i++)
		child_send(&w.child, 99, span_of(much, sizeof(much)), -1);
	ev_run(loop, 0);
	assert_int_equal(WTERMSIG(w.status[0]), SIGKILL);
	child_deinit(&w.child);
}

static void one_that_rests_is_not_started_when_it_is_dismissed(void **state)
{
	struct watched w = { .plays = { play_nothing }, .again = true, .until_ended = 9 };
	struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV);

	(void)state;
	child_init(&w.child, &kind, loop);
	w.child.failures = 5;
	assert_int_equal(child_start(&w.child), 0);
	while (w.child.state != CHILD_RESTING)
		ev_run(loop, EVRUN_ONCE);
	child_dismiss(&w.child);
	assert_int_equal(w.child.state, CHILD_NONE);
	assert_false(ev_is_active(&w.child.timer));
	child_deinit(&w.child);
	assert_int_equal(w.lives, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_kills_who_says_it),
		cmocka_unit_test(descriptors_nobody_asked_for_are_closed),
		cmocka_unit_test(one_that_ends_is_started_again),
		cmocka_unit_test(rests_are_bounded_and_a_good_life_ends_the_row),
		cmocka_unit_test(a_start_that_fails_is_tried_again),
		cmocka_unit_test(a_first_start_that_fails_leaves_nothing),
		cmocka_unit_test(one_that_does_not_answer_is_killed),
		cmocka_unit_test(one_that_answers_lives),
		cmocka_unit_test(time_alone_kills_nobody),
		cmocka_unit_test(one_that_is_never_ready_is_killed_when_time_is_over),
		cmocka_unit_test(one_that_reads_nothing_is_killed),
		cmocka_unit_test(one_that_rests_is_not_started_when_it_is_dismissed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
