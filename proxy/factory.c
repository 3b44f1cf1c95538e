/* SPDX-License-Identifier: ISC */
#include "proxy/factory.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ip.h"
#include "proxy/roles.h"
#include "proxy/start.h"

int factory_start(struct factory_role *f, unsigned mark)
{
	char mark_text[12], control_text[12];
	char *argv[] = { (char[]){ "postern-socket" }, (char[]){ "-:optional" }, mark_text,
		control_text, NULL };
	int pair[2], r = msg_pair(pair);
	struct start start = { "postern-socket", ".", argv, &pair[0], 1 };
	pid_t pid;

	if (r < 0)
		return r;
	snprintf(mark_text, sizeof(mark_text), "%x", mark);
	snprintf(control_text, sizeof(control_text), "%d", START_FD);
	pid = start_role(&start);
	close(pair[0]);
	if (pid < 0) {
		close(pair[1]);
		return (int)pid;
	}
	*f = (struct factory_role){ pid, pair[1] };
	return 0;
}

/* Return: 0; <0 errno. */
static int make_channel(const struct factory_role *f, uint32_t family, int *endp)
{
	int pair[2], r = msg_pair(pair);

	if (r < 0)
		return r;
	r = msg_send(
		f->control, ROLE_ADD, span_of((const uint8_t *)&family, sizeof(family)), pair[0]);
	close(pair[0]);
	if (r == MSG_OK) {
		*endp = pair[1];
		return 0;
	}
	close(pair[1]);
	return r < 0 ? r : -EPIPE;
}

int factory_channels(const struct factory_role *f, int ends[2])
{
	int r;

	ends[0] = ends[1] = -1;
	if (!f->pid)
		return 0;
	r = make_channel(f, IP_V4, &ends[0]);
	return r < 0 ? r : make_channel(f, IP_V6, &ends[1]);
}
