/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A house from a rules text, without roles: what serves the control socket, with proxies played by
 * the test
 *
 * Its folder is a new one below /tmp. A played proxy is ready; killing it ends a process that
 * sleeps.
 *
 * Callers: test/unit, in any program of its own: everything here is static.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memfd.h"
#include "proxy/house/house.h"
#include "test/unit/rules_of.h"

#define HOUSE_OF_WORKERS 2

struct house_of {
	struct house house;
	char dir[64];
	struct rules_of rules;
	struct generation generation;
	struct worker workers[HOUSE_OF_WORKERS];
	int ends[HOUSE_OF_WORKERS]; /* the proxies' own */
};

static bool house_of_told(struct child *c, const struct msg *m)
{
	struct worker *w = (struct worker *)(void *)((char *)c - offsetof(struct worker, child));

	return survey_answered(&w->generation->house->server, c, m);
}

static bool house_of_ended(struct child *c, int status, uint32_t rest_ms)
{
	struct worker *w = (struct worker *)(void *)((char *)c - offsetof(struct worker, child));

	(void)status;
	(void)rest_ms;
	survey_gone(&w->generation->house->server, c);
	return false;
}

static void house_of_ready(struct child *c)
{
	(void)c;
}

/* The process of the one that is started next. */
static pid_t house_of_start(struct child *c, int control)
{
	struct worker *w = (struct worker *)(void *)((char *)c - offsetof(struct worker, child));
	struct house_of *h = (struct house_of *)(void *)((char *)w->generation -
							 offsetof(struct house_of, generation));
	pid_t pid = fork();

	if (pid == 0) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		for (;;)
			pause();
	}
	h->ends[w - h->workers] = fcntl(control, F_DUPFD_CLOEXEC, 0);
	return pid;
}

static const struct child_kind house_of_kind = { ROLE_PROXY, house_of_start, house_of_ready,
	house_of_told, house_of_ended };

static inline void house_of_turn(struct house_of *h)
{
	for (int i = 0; i < 8; i++)
		ev_run(h->house.loop, EVRUN_NOWAIT);
}

/* The proxies do what they were told, up to the fence behind it. */
static inline void house_of_fence(struct house_of *h)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;

	for (unsigned i = 0; i < h->generation.n_workers; i++)
		while (msg_recv(h->ends[i], block, sizeof(block), &m) == MSG_OK) {
			if (m.fd >= 0)
				close(m.fd);
			if (m.type == ROLE_FENCE)
				msg_send(h->ends[i], ROLE_FENCED, (struct span){ 0 }, -1);
		}
	house_of_turn(h);
}

static inline void house_of_begin_worker(struct house_of *h, unsigned i)
{
	const struct role_ready ready = { 0 };
	struct worker *w = &h->workers[i];

	*w = (struct worker){ .generation = &h->generation, .index = i, .seat = i };
	child_init(&w->child, &house_of_kind, h->house.loop);
	assert_int_equal(child_start(&w->child), 0);
	msg_send(h->ends[i], ROLE_READY, span_of((const uint8_t *)&ready, sizeof(ready)), -1);
	house_of_turn(h);
	assert_int_equal(w->child.state, CHILD_READY);
}

static inline void house_of_init(struct house_of *h, const char *rules, unsigned workers)
{
	*h = (struct house_of){ .dir = "/tmp/postern-house-XXXXXX" };
	assert_non_null(mkdtemp(h->dir));
	rules_of_init(&h->rules, rules);
	h->house.dir = h->dir;
	h->house.counts = shared_make();
	assert_int_equal(shared_map(&h->house.shared, h->house.counts, SEATS_MAX), 0);
	h->house.loop = ev_default_loop(EVFLAG_NOENV);
	h->house.history.folder = h->house.notify.socket = h->house.reload.before_bundle = -1;
	h->house.server.socket = h->house.addresses.socket = -1;
	log_sender_init(&h->house.log, -1);
	h->generation = (struct generation){ .house = &h->house,
		.state = GENERATION_RUNNING,
		.number = 1,
		.rules.ruleset = h->rules.rs,
		.workers = h->workers,
		.n_workers = workers };
	h->generation.bundle = memfd_sealed("bundle", SPAN("a bundle"));
	h->house.list = h->house.running = &h->generation;
	h->house.number = 1;
	h->house.ready = true;
	logger_init(&h->house.logger, &h->house);
	supplier_init(&h->house.supplier, &h->house);
	for (unsigned i = 0; i < workers; i++)
		house_of_begin_worker(h, i);
}

static inline void house_of_remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

static inline void house_of_deinit(struct house_of *h)
{
	server_close(&h->house.server);
	for (unsigned i = 0; i < h->generation.n_workers; i++) {
		child_kill(&h->workers[i].child, SIGKILL);
		close(h->ends[i]);
		while (h->workers[i].child.state != CHILD_NONE)
			ev_run(h->house.loop, EVRUN_ONCE);
		child_deinit(&h->workers[i].child);
	}
	dynamic_deinit(&h->house.dynamic);
	bans_deinit(&h->house.bans);
	shared_unmap(&h->house.shared);
	close(h->house.counts);
	close(h->generation.bundle);
	rules_of_deinit(&h->rules);
	house_of_remove_folder(h->dir);
}
