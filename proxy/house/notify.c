/* SPDX-License-Identifier: ISC */
#include "proxy/house/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/span.h"

#define TEXT_MAX 512
#define HOUR_MS  3600000u

/* A path, or "@NAME" for a socket without a file. False: neither, or too long. */
static bool address_of(const char *name, struct sockaddr_un *sa, socklen_t *np)
{
	const size_t n = strlen(name);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof(sa->sun_path))
		return false;
	memcpy(sa->sun_path, name, n);
	if (name[0] == '@')
		sa->sun_path[0] = '\0';
	*np = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

static int connect_to(const char *name)
{
	struct sockaddr_un sa;
	socklen_t n;
	int fd;

	if (!address_of(name, &sa, &n))
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, n) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* systemd says which process is meant, where there may be several. */
static bool for_us(void)
{
	const char *text = getenv("WATCHDOG_PID");
	uint64_t pid;

	return text == NULL ||
	       (span_u64(span_str(text), INT32_MAX, &pid) && (pid_t)pid == getpid());
}

/* Two may be late. One that is due in days may as well come every hour. */
static uint32_t watchdog_ms(uint64_t us)
{
	const uint64_t ms = us / 1000 / 3;

	return ms < HOUR_MS ? (uint32_t)ms : HOUR_MS;
}

void notify_init(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
	uint64_t us;

	*n = (struct notify){ .socket = name != NULL ? connect_to(name) : -1 };
	if (usec != NULL && for_us() && span_u64(span_str(usec), UINT64_MAX, &us))
		n->watchdog_ms = watchdog_ms(us);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_deinit(struct notify *n)
{
	if (n->socket >= 0)
		close(n->socket);
	n->socket = -1;
}

void notify_say(const struct notify *n, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list list;
	int size;

	if (n->socket < 0)
		return;
	va_start(list, format);
	size = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (size > 0) /* a manager that does not listen must not hold us up */
		send(n->socket, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1,
			MSG_NOSIGNAL | MSG_DONTWAIT);
}
