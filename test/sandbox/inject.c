/* SPDX-License-Identifier: ISC */
/*
 * inject PID CALL [ARGUMENT]: makes a running process do one system call, and tells what came of it
 *
 * What a sandbox is worth shows from inside the real, running role: this is what an intruder there
 * would try. One line on standard output:
 *
 *     socket-packet: killed by SIGSYS
 *     open: -13 EACCES
 *     getpid: 4711
 *
 * A process that survives goes on as if nothing had happened; what the call opened is closed again.
 * Only one thread is stopped.
 *
 * Exit: 0 the line was written, 64 usage, 69 the process cannot be traced, 77 not for this
 * architecture.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "test/sandbox/registers.h"

#define EXIT_SKIP  77
#define DATA_WORDS 8

/* ---- the menu ---- */

enum arg {
	PLAIN, /* the number beside it */
	DATA,  /* address of the row's data */
	GIVEN, /* the command line's argument */
};

struct item {
	const char *name;
	long number;
	enum arg kind[3];
	uint64_t args[6];
	const void *data; /* put below the process's stack */
	size_t data_n;
	bool opens; /* the result is a descriptor */
};

static struct sockaddr_in port_25 = { .sin_family = AF_INET }; /* the port by main() */

#define TEXT(s) .data = (s), .data_n = sizeof(s)

/* clang-format off */
static const struct item menu[] = {
	{ .name = "getpid", .number = SYS_getpid },
	{ .name = "open", .number = SYS_openat, .kind = { PLAIN, DATA },
		.args = { (uint64_t)AT_FDCWD, 0, O_RDONLY }, TEXT("/etc/passwd"), .opens = true },
	{ .name = "socket-inet", .number = SYS_socket, .args = { AF_INET, SOCK_STREAM },
		.opens = true },
	{ .name = "socket-packet", .number = SYS_socket, .args = { AF_PACKET, SOCK_RAW },
		.opens = true },
	{ .name = "execve", .number = SYS_execve, .kind = { DATA }, TEXT("/bin/true") },
	{ .name = "ptrace", .number = SYS_ptrace, .args = { PTRACE_TRACEME } },
	{ .name = "bind", .number = SYS_bind, .kind = { GIVEN, DATA },
		.args = { 0, 0, sizeof(port_25) }, .data = &port_25, .data_n = sizeof(port_25) },
	{ .name = "kill", .number = SYS_kill, .kind = { GIVEN } },
	{ .name = "io_uring_setup", .number = SYS_io_uring_setup, .args = { 1 } },
};
/* clang-format on */

static const struct item *find_item(const char *name)
{
	for (size_t i = 0; i < sizeof(menu) / sizeof(menu[0]); i++)
		if (strcmp(menu[i].name, name) == 0)
			return &menu[i];
	return NULL;
}

static bool takes_argument(const struct item *item)
{
	return item->kind[0] == GIVEN;
}

static struct registers_call call_of(const struct item *item, uint64_t given, uint64_t data)
{
	struct registers_call call = { .number = item->number };

	memcpy(call.args, item->args, sizeof(call.args));
	for (size_t i = 0; i < 3; i++) {
		if (item->kind[i] == DATA)
			call.args[i] = data;
		else if (item->kind[i] == GIVEN)
			call.args[i] = given;
	}
	return call;
}

/* ---- the process ---- */

/* What was where we write. */
struct saved {
	struct registers registers;
	uint64_t code;
	uint64_t data_at, data[DATA_WORDS];
};

static int peek(pid_t pid, uint64_t at, uint64_t *wordp)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, (void *)at, NULL);
	*wordp = (uint64_t)word;
	return word == -1 ? -errno : 0;
}

static int poke(pid_t pid, uint64_t at, uint64_t word)
{
	return ptrace(PTRACE_POKEDATA, pid, (void *)at, (void *)word) < 0 ? -errno : 0;
}

static int save(pid_t pid, struct saved *s)
{
	int r = registers_get(pid, &s->registers);

	if (r == 0)
		r = peek(pid, registers_pc(&s->registers), &s->code);
	s->data_at = registers_below_stack(&s->registers);
	for (size_t i = 0; r == 0 && i < DATA_WORDS; i++)
		r = peek(pid, s->data_at + 8 * i, &s->data[i]);
	return r;
}

static int put_data(pid_t pid, uint64_t at, const uint64_t *words)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < DATA_WORDS; i++)
		r = poke(pid, at + 8 * i, words[i]);
	return r;
}

static int put_back(pid_t pid, const struct saved *s)
{
	int r = put_data(pid, s->data_at, s->data);

	if (r == 0)
		r = poke(pid, registers_pc(&s->registers), s->code);
	return r ? r : registers_set(pid, &s->registers);
}

static int put_call(pid_t pid, const struct saved *s, const struct item *item,
	const struct registers_call *call)
{
	struct registers r = s->registers;
	uint64_t code, words[DATA_WORDS] = { 0 };
	int e;

	memcpy(&code, registers_code, sizeof(code));
	if (item->data_n > 0)
		memcpy(words, item->data, item->data_n);
	registers_prepare(&r, call);
	e = put_data(pid, s->data_at, words);
	if (e == 0)
		e = poke(pid, registers_pc(&s->registers), code);
	return e ? e : registers_set(pid, &r);
}

static bool is_exec(int status)
{
	return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
}

static bool is_trap(pid_t pid, int status, uint64_t pc)
{
	struct registers r;

	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP && status >> 16 == 0 &&
	       registers_get(pid, &r) == 0 && registers_trapped(&r, pc);
}

/* Runs it until the trap, an exec or its end. A signal that comes meanwhile is its own affair. */
static int run(pid_t pid, uint64_t pc, int *statusp)
{
	int number = 0;

	for (;;) {
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)number) < 0 ||
			waitpid(pid, statusp, __WALL) != pid)
			return -errno;
		if (!WIFSTOPPED(*statusp) || is_exec(*statusp) || is_trap(pid, *statusp, pc))
			return 0;
		number = *statusp >> 16 ? 0 : WSTOPSIG(*statusp);
	}
}

static int attach(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACEEXEC) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
		waitpid(pid, &status, __WALL) != pid)
		return -errno;
	while (WIFSTOPPED(status) && status >> 16 != PTRACE_EVENT_STOP) { /* a signal was first */
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)WSTOPSIG(status)) < 0 ||
			waitpid(pid, &status, __WALL) != pid)
			return -errno;
	}
	return WIFSTOPPED(status) ? 0 : -ESRCH;
}

/* ---- one call ---- */

/* One call in the stopped process. *@statusp as of waitpid(2); *@valuep when it survived. */
static int perform(pid_t pid, const struct saved *s, const struct item *item,
	const struct registers_call *call, int *statusp, int64_t *valuep)
{
	struct registers after;
	int r = put_call(pid, s, item, call);

	*valuep = 0;
	if (r == 0)
		r = run(pid, registers_pc(&s->registers), statusp);
	if (r || !WIFSTOPPED(*statusp) || is_exec(*statusp))
		return r;
	r = registers_get(pid, &after);
	if (r == 0)
		*valuep = registers_result(&after);
	return r;
}

static int close_again(pid_t pid, const struct saved *s, int64_t fd)
{
	const struct item nothing = { .name = "close" };
	const struct registers_call call = { SYS_close, { (uint64_t)fd } };
	int status;
	int64_t value;

	return perform(pid, s, &nothing, &call, &status, &value);
}

static void tell(const char *name, int status, int64_t value)
{
	if (WIFSIGNALED(status))
		printf("%s: killed by SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
	else if (WIFEXITED(status))
		printf("%s: ended with %d\n", name, WEXITSTATUS(status));
	else if (value < 0 && value > -4096)
		printf("%s: %lld %s\n", name, (long long)value, strerrorname_np((int)-value));
	else
		printf("%s: %lld\n", name, (long long)value);
}

static int inject(pid_t pid, const struct item *item, uint64_t given)
{
	struct registers_call call;
	struct saved s;
	int64_t value;
	int status, r = attach(pid);

	if (r == 0)
		r = save(pid, &s);
	if (r)
		return r;
	call = call_of(item, given, s.data_at);
	r = perform(pid, &s, item, &call, &status, &value);
	if (r)
		return r;
	tell(item->name, status, value);
	if (!WIFSTOPPED(status))
		return 0;
	if (item->opens && value >= 0)
		r = close_again(pid, &s, value);
	if (r == 0 && !is_exec(status))
		r = put_back(pid, &s);
	if (r == 0 && ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		r = -errno;
	return r;
}

static int usage(void)
{
	fputs("usage: inject PID CALL [ARGUMENT]\ncalls:", stderr);
	for (size_t i = 0; i < sizeof(menu) / sizeof(menu[0]); i++)
		fprintf(stderr, " %s%s", menu[i].name, takes_argument(&menu[i]) ? " ARGUMENT" : "");
	fputs("\n(bind: a descriptor of the process; kill: a process, with signal 0)\n", stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	const struct item *item = argc < 3 ? NULL : find_item(argv[2]);
	int r;

	if (!item || argc != 3 + takes_argument(item))
		return usage();
	if (!registers_known)
		return EXIT_SKIP;
	port_25.sin_port = htons(25);
	r = inject((pid_t)atoi(argv[1]), item, argc > 3 ? (uint64_t)atoi(argv[3]) : 0);
	if (r == 0)
		return 0;
	fprintf(stderr, "inject: process %s: %s\n", argv[1], strerror(-r));
	return EX_UNAVAILABLE;
}
