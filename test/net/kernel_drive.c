/* SPDX-License-Identifier: ISC */
/*
 * kernel_drive: posternd's part towards postern-kernel, told by lines on standard input
 *
 *     kernel_drive PROGRAM UID:GID|- [yes|no]     starts it; "no": a missing layer is no fault
 *
 *     apply DIR | apply-badly DIR | put-back | open | release | packet | ban CLIENT ADDRESS:PORT
 * SECONDS unban CLIENT ADDRESS:PORT | bans | ping | nonsense | close
 *
 * What the role says is printed as a JSON object a line, and so is how it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/msg.h"
#include "base/role.h"
#include "rules/bundle.h"
#include "rules/kernel/lanes.h"
#include "rules/kernel/run/roles.h"
#include "rules/load/load.h"

#define BLOCK (8 << 20)

static int control, sockets[3] = { -1, -1, -1 };
static pid_t role;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "kernel_drive: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what it says ---- */

static void print_text(const char *type, long number, struct span text)
{
	static char line[4 * KERNEL_TEXT_MAX];
	struct out o;

	out_init(&o, line, sizeof(line));
	out_json(&o, text, SIZE_MAX);
	printf("{\"type\": \"%s\", \"number\": %ld, \"text\": %s}\n", type, number, out_cstr(&o));
}

static void print_ban(const struct kernel_ban *b)
{
	char text[128];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_prefix_print(&o, &b->client);
	out_octet(&o, ' ');
	ip_port_print(&o, &b->published);
	print_text("ban", b->seconds, out_span(&o));
}

static void print_bans(int fd)
{
	const size_t max = 2 * KERNEL_BANS_MAX * sizeof(struct kernel_ban);
	struct span list = { 0 };

	if (fd >= 0 && memfd_map(fd, max, &list) != 0)
		fail("list of bans");
	for (size_t i = 0; i < list.n / sizeof(struct kernel_ban); i++)
		print_ban((const struct kernel_ban *)(const void *)list.p + i);
	print_text("bans", (long)(list.n / sizeof(struct kernel_ban)), (struct span){ 0 });
	if (list.n > 0)
		memfd_unmap(list);
}

static void print_numbered(const char *type, struct span body)
{
	uint32_t number;

	if (body.n < sizeof(number))
		fail(type);
	memcpy(&number, body.p, sizeof(number));
	print_text(type, number, span_from(body, sizeof(number)));
}

/* Of the messages that may fail. */
static const char *name_of(uint32_t type)
{
	switch (type) {
	case KERNEL_OPEN: return "open";
	case KERNEL_BAN: return "ban";
	case KERNEL_BANS: return "bans";
	case KERNEL_COPY_SOCKET: return "copy-socket";
	}
	return "?";
}

/* The name of what failed, and why. */
static void print_trouble(struct span body)
{
	static char text[KERNEL_TEXT_MAX + 64];
	struct out o;
	uint32_t type;

	if (body.n < sizeof(type))
		fail("trouble");
	memcpy(&type, body.p, sizeof(type));
	out_init(&o, text, sizeof(text));
	out_str(&o, name_of(type));
	out_str(&o, ": ");
	out_bytes(&o, span_from(body, sizeof(type)));
	print_text("trouble", 0, out_span(&o));
}

static void hear(void)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;
	size_t n = 0;
	int fds[2] = { -1, -1 }, status;
	int r = msg_recv_fds(control, block, sizeof(block), &m, fds, 2, &n);

	if (r == MSG_E_AGAIN)
		return;
	if (r != MSG_OK) {
		waitpid(role, &status, 0);
		print_text("ended", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status),
			(struct span){ 0 });
		exit(0);
	}
	switch (m.type) {
	case ROLE_READY: print_numbered("ready", m.body); break;
	case ROLE_PONG: print_text("pong", 0, (struct span){ 0 }); break;
	case KERNEL_DONE: print_numbered("done", m.body); break;
	case KERNEL_TROUBLE: print_trouble(m.body); break;
	case KERNEL_CHANGED: print_numbered("changed", m.body); break;
	case KERNEL_BANS: print_bans(fds[0]); break;
	case KERNEL_QUEUE_SOCKET:
	case KERNEL_TRACK_SOCKET:
	case KERNEL_COPY_SOCKET:
		sockets[m.type - KERNEL_QUEUE_SOCKET] = fds[0];
		print_text("socket", m.type - KERNEL_QUEUE_SOCKET, (struct span){ 0 });
		return;
	default: print_text("nonsense", m.type, (struct span){ 0 });
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* ---- what it is told ---- */

static void tell(uint16_t type, struct span body, int fd)
{
	struct pollfd p = { .fd = control, .events = POLLOUT };
	int r;

	while ((r = msg_send(control, type, body, fd)) == MSG_E_AGAIN && poll(&p, 1, 20000) > 0)
		;
	if (r != MSG_OK)
		print_text("deaf", type, (struct span){ 0 });
}

static void apply(const char *dir, bool badly)
{
	static char bundle[BLOCK], memory[BLOCK], lanes_text[LANES_TEXT_MAX];
	struct lanes lanes;
	struct arena arena;
	struct load l;
	struct out o, t;
	int fd;

	if (load_dir(&l, dir) < 0 || l.ruleset == NULL)
		fail("rules have errors");
	arena_init(&arena, memory, sizeof(memory));
	if (lanes_assign(&arena, l.ruleset, (struct span){ 0 }, &lanes) != LANES_OK)
		fail("lanes");
	out_init(&o, bundle, sizeof(bundle));
	out_init(&t, lanes_text, sizeof(lanes_text));
	bundle_write(&o, l.ruleset, l.sources, l.n_sources);
	lanes_print(&t, &lanes);
	fd = memfd_sealed("bundle", out_span(&o));
	tell(KERNEL_APPLY, badly ? SPAN("lanes 1 1\n1 nobody -\n") : out_span(&t), fd);
	close(fd);
	load_free(&l);
}

static void ban(uint16_t type, const char *client, const char *published, const char *seconds)
{
	struct kernel_ban b = { .seconds = seconds ? (uint32_t)strtoul(seconds, NULL, 10) : 0 };

	if (!ip_prefix_parse(span_str(client), &b.client) ||
		!ip_port_parse(span_str(published), &b.published))
		fail("addresses");
	tell(type, span_of(&b, sizeof(b)), -1);
}

static void packet(void)
{
	char block[1024];
	const ssize_t n = recv(sockets[0], block, sizeof(block), 0);

	print_text("packet", n < 0 ? -errno : n, (struct span){ 0 });
}

static void obey(char *line)
{
	char *words[4] = { 0 }, *save;
	unsigned n = 0;

	for (char *w = strtok_r(line, " \n", &save); w && n < 4; w = strtok_r(NULL, " \n", &save))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "apply") == 0 || strcmp(words[0], "apply-badly") == 0)
		apply(words[1], words[0][5] != '\0');
	else if (strcmp(words[0], "put-back") == 0)
		tell(KERNEL_PUT_BACK, (struct span){ 0 }, -1);
	else if (strcmp(words[0], "open") == 0)
		tell(KERNEL_OPEN, (struct span){ 0 }, -1);
	else if (strcmp(words[0], "release") == 0)
		close(sockets[0]), close(sockets[1]), close(sockets[2]);
	else if (strcmp(words[0], "packet") == 0)
		packet();
	else if (strcmp(words[0], "ban") == 0)
		ban(KERNEL_BAN, words[1], words[2], words[3]);
	else if (strcmp(words[0], "unban") == 0)
		ban(KERNEL_UNBAN, words[1], words[2], NULL);
	else if (strcmp(words[0], "bans") == 0)
		tell(KERNEL_BANS, (struct span){ 0 }, -1);
	else if (strcmp(words[0], "ping") == 0)
		tell(ROLE_PING, (struct span){ 0 }, -1);
	else if (strcmp(words[0], "nonsense") == 0)
		tell(999, (struct span){ 0 }, -1);
	else if (strcmp(words[0], "close") == 0)
		shutdown(control, SHUT_RDWR);
	else
		fail(words[0]);
}

/* ---- beginning ---- */

/* An empty folder without a name, as posternd's. */
static int make_folder(void)
{
	char name[] = "/tmp/pn-drive-XXXXXX";
	int fd;

	if (mkdtemp(name) == NULL)
		fail("mkdtemp");
	fd = open(name, O_PATH | O_DIRECTORY);
	rmdir(name);
	return fd;
}

static void start(const char *program, const char *ids, const char *required)
{
	char place[64];
	int pair[2];
	const int folder = make_folder();

	if (msg_pair(pair) < 0)
		fail("pair");
	snprintf(place, sizeof(place), "%s:4:%s", strcmp(ids, "-") == 0 ? "-:-" : ids,
		required && strcmp(required, "no") == 0 ? "optional" : "required");
	role = fork();
	if (role == 0) {
		const int high[2] = { fcntl(pair[0], F_DUPFD, 10), fcntl(folder, F_DUPFD, 10) };

		dup2(high[0], 3);
		dup2(high[1], 4);
		close_range(5, ~0u, 0);
		execl(program, "postern-kernel", place, "3", (char *)NULL);
		fail(program);
	}
	close(pair[0]);
	close(folder);
	control = pair[1];
	printf("{\"type\": \"pid\", \"number\": %d, \"text\": \"\"}\n", role);
}

int main(int argc, char **argv)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	static char line[4096];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll(2) must know of what waits */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 3)
		return 64;
	start(argv[1], argv[2], argv[3]);
	p[1].fd = control;
	for (;;) {
		if (poll(p, 2, -1) < 0)
			return 1;
		if (p[1].revents)
			hear();
		if (p[0].revents && fgets(line, sizeof(line), stdin) == NULL) {
			shutdown(control, SHUT_RDWR); /* the role sees its end */
			waitpid(role, NULL, 0);
			return 0;
		}
		if (p[0].revents)
			obey(line);
	}
}
