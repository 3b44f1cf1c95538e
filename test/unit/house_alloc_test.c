/* SPDX-License-Identifier: ISC */
/* What posternd does when the n-th allocation finds no memory: it refuses in words, and goes on. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "test/unit/alloc_fail.h"
#include "test/unit/house_of.h"

static const char rules[] = "version 1\n"
			    "set blocked { dynamic timeout 4h }\n"
			    "publish p {\n"
			    "    external 127.0.0.1:%u\n"
			    "    internal 10.0.0.1:25\n"
			    "    from any except blocked\n"
			    "    client-address gateway\n"
			    "    pass\n"
			    "}\n";

static struct house_of h;
static char text[1024];
static uint16_t port;

static uint16_t free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
	getsockname(fd, (struct sockaddr *)&sa, &n);
	close(fd);
	return ntohs(sa.sin_port);
}

static void write_file(const char *name, const char *content)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", h.dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	port = free_port();
	snprintf(text, sizeof(text), rules, port);
	house_of_init(&h, text, 1);
	write_file("rules.conf", text);
	write_file("postern.conf", "version 1\nmode direct\nworkers 3\n");
	assert_int_equal(server_open(&h.house.server, &h.house), 0);
	server_start(&h.house.server);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	house_of_deinit(&h);
	return 0;
}

/* ---- sockets, generations ---- */

static bool bind_without_memory(unsigned n, bool for_good)
{
	char why[512];
	struct out o;
	struct binds b;
	bool failed;
	int exit;

	out_init(&o, why, sizeof(why));
	alloc_fail_from(n, for_good);
	exit = bind_all(&b, h.rules.rs, NULL, 4, NULL, &o);
	failed = alloc_fail_end();
	if (exit) {
		assert_int_equal(exit, EXIT_UNAVAILABLE);
		assert_true(failed);
		assert_non_null(strstr(out_cstr(&o), "rules.conf:4: cannot listen on"));
		assert_int_equal(b.n, 0);
	} else {
		assert_int_equal(b.n, 4);
	}
	bind_free(&b);
	return failed;
}

static void sockets(void **state)
{
	(void)state;
	alloc_fail_all(bind_without_memory);
}

/* From files to a generation that could start. */
static bool read_without_memory(unsigned n, bool for_good)
{
	static char why[65536];
	struct generation *g = NULL;
	struct out o;
	int exit = 0, bundle;
	bool failed;

	out_init(&o, why, sizeof(why));
	alloc_fail_from(n, for_good);
	bundle = reload_read(&h.house, &o, &exit);
	if (bundle >= 0)
		g = generation_new(&h.house, bundle, &o, &exit);
	failed = alloc_fail_end();
	if (g) {
		assert_int_equal(exit, 0);
		assert_int_equal(g->n_workers, 3);
		assert_int_equal(g->binds.n, 3);
		generation_free(g);
	} else {
		assert_true(failed);
		assert_true(exit == EXIT_UNAVAILABLE || exit == EXIT_CONFIG);
		assert_true(o.n > 0); /* it says why */
	}
	return failed;
}

static void generations(void **state)
{
	(void)state;
	alloc_fail_all(read_without_memory);
}

/* ---- requests ---- */

static struct {
	uint16_t type;
	struct span body;
} asked;

static int connect_to_server(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, h.house.server.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* The exit code of the answer; -1: the connection was closed before; -2: none yet. */
static int answer_of(int fd)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct control_done done;
	struct msg m;
	int r;

	while ((r = msg_recv(fd, block, sizeof(block), &m)) == MSG_OK) {
		if (m.fd >= 0)
			close(m.fd);
		if (m.type != CONTROL_DONE)
			continue;
		memcpy(&done, m.body.p, sizeof(done));
		return (int)done.exit;
	}
	return r == MSG_E_AGAIN ? -2 : -1;
}

/* What a worker was sent is not looked at, and must not fill its pair. */
static void empty_pair(int fd)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;

	while (msg_recv(fd, block, sizeof(block), &m) == MSG_OK)
		if (m.fd >= 0)
			close(m.fd);
}

static void forget_coming(void)
{
	struct generation *g = h.house.coming;

	if (!g)
		return;
	h.house.list = g->next;
	h.house.coming = NULL;
	generation_free(g);
	h.house.reload.under_way = false;
	server_done(&h.house.server, 0, (struct span){ 0 });
}

static bool ask_without_memory(unsigned n, bool for_good)
{
	int fd = connect_to_server(), exit;
	bool failed;

	assert_int_equal(msg_send(fd, asked.type, asked.body, -1), MSG_OK);
	h.house.ready = false; /* so that a generation waits for roles that are not there */
	alloc_fail_from(n, for_good);
	house_of_turn(&h);
	failed = alloc_fail_end();
	forget_coming();
	house_of_fence(&h);
	exit = answer_of(fd);
	if (exit != 0 && !failed)
		fail_msg("request %u: %d", asked.type, exit);
	assert_in_range(exit + 1, 0, EXIT_CONFIG + 1); /* an answer, or closed */
	close(fd);
	house_of_turn(&h);
	assert_int_equal(h.house.server.n_clients, 0);
	assert_null(h.house.server.served);
	dynamic_flush(&h.house.dynamic, "blocked");
	h.house.dynamic.changed = false;
	assert_int_equal(h.workers[0].child.state, CHILD_READY);
	empty_pair(h.ends[0]);
	return failed;
}

static void requests(void **state)
{
	static const struct {
		uint16_t type;
		struct span body;
	} all[] = {
		{ CONTROL_STATUS, OCTETS("") },
		{ CONTROL_SETS, OCTETS("") },
		{ CONTROL_SET_ADD, OCTETS("blocked\0"
					  "192.0.2.1\0"
					  "60") },
		{ CONTROL_SET_FLUSH, OCTETS("blocked") },
		{ CONTROL_RULES, OCTETS("") },
		{ CONTROL_APPLY, OCTETS("0") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		asked.type = all[i].type;
		asked.body = all[i].body;
		alloc_fail_all(ask_without_memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets),
		cmocka_unit_test(generations),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
