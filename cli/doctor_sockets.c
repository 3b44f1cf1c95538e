/* SPDX-License-Identifier: ISC */
#include "cli/doctor_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATE_LISTEN "0A"

/* ---- text ---- */

static struct span next_field(struct span *line)
{
	struct span field;

	while (line->n > 0 && line->p[0] == ' ')
		*line = span_from(*line, 1);
	field = span_sub(*line, 0, span_chr(*line, ' '));
	*line = span_from(*line, field.n);
	return field;
}

static bool hex(struct span text, uint32_t *vp)
{
	uint32_t v = 0;

	if (text.n == 0 || text.n > 8)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t c = ascii_lower(text.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f'))
			return false;
		v = v << 4 | (uint32_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*vp = v;
	return true;
}

/* Words of 32 bits, each as this machine holds what stands there in network order. */
static bool read_address(struct span text, struct ip *ipp)
{
	uint32_t words[4] = { 0 };

	if (text.n != 8 && text.n != 32)
		return false;
	for (size_t i = 0; i < text.n / 8; i++)
		if (!hex(span_sub(text, 8 * i, 8), &words[i]))
			return false;
	*ipp = text.n == 8 ? ip_v4((const uint8_t *)words) : ip_v6((const uint8_t *)words);
	return true;
}

/* "0100007F:0019" */
static bool read_place(struct span field, struct ip_port *at)
{
	const size_t colon = span_chr(field, ':');
	uint32_t port;

	if (!read_address(span_sub(field, 0, colon), &at->ip) ||
		!hex(span_from(field, colon + 1), &port) || port > 65535)
		return false;
	at->port = (uint16_t)port;
	return true;
}

/* "sl local remote st queues timer retransmits uid timeout inode ..." */
static bool read_listener(struct span line, struct sockets_listener *l)
{
	struct span fields[10];

	for (size_t i = 0; i < 10; i++)
		fields[i] = next_field(&line);
	return span_eq(fields[3], SPAN(STATE_LISTEN)) && read_place(fields[1], &l->at) &&
	       span_u64(fields[9], UINT64_MAX, &l->inode);
}

static bool keep(struct sockets *s, struct sockets_listener l)
{
	if (s->n >= SOCKETS_MAX)
		return true;
	if (s->n == s->room) {
		const size_t room = s->room > 0 ? s->room * 2 : 64;
		struct sockets_listener *list = realloc(s->list, room * sizeof(*list));

		if (list == NULL)
			return false;
		s->list = list;
		s->room = room;
	}
	s->list[s->n++] = l;
	return true;
}

int sockets_read(struct sockets *s, struct span text)
{
	while (text.n > 0) {
		const size_t n = span_chr(text, '\n');
		struct sockets_listener l;

		if (read_listener(span_sub(text, 0, n), &l) && !keep(s, l))
			return -ENOMEM;
		text = span_from(text, n + 1);
	}
	return 0;
}

void sockets_free(struct sockets *s)
{
	free(s->list);
	*s = (struct sockets){ 0 };
}

/* ---- who is in the way of an address? ---- */

static bool is_all(const struct ip *ip)
{
	return ip_eq(ip, &(struct ip){ .family = ip->family });
}

const struct sockets_listener *sockets_find(const struct sockets *s, const struct ip_port *at)
{
	const struct sockets_listener *all = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct sockets_listener *l = &s->list[i];

		if (l->at.port != at->port)
			continue;
		if (ip_eq(&l->at.ip, &at->ip))
			return l;
		if (is_all(&l->at.ip) &&
			(l->at.ip.family == IP_V6 || l->at.ip.family == at->ip.family))
			all = l;
	}
	return all;
}

/* ---- the process ---- */

static bool has_open(const char *pid, const char *socket)
{
	char path[64], link[64];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	folder = opendir(path);
	while (!found && folder != NULL && (entry = readdir(folder)) != NULL) {
		const ssize_t n = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		found = strcmp(link, socket) == 0;
	}
	if (folder != NULL)
		closedir(folder);
	return found;
}

/* A process may call itself anything. */
static void read_name(const char *pid, char name[static SOCKETS_NAME_MAX])
{
	char path[64];
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		n = fread(name, 1, SOCKETS_NAME_MAX - 1, file);
		fclose(file);
	}
	while (n > 0 && name[n - 1] == '\n')
		n--;
	name[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~')
			name[i] = '?';
}

bool sockets_process(uint64_t inode, long *pidp, char name[static SOCKETS_NAME_MAX])
{
	char socket[64];
	struct dirent *entry;
	bool found = false;
	DIR *folder = opendir("/proc");

	snprintf(socket, sizeof(socket), "socket:[%llu]", (unsigned long long)inode);
	while (!found && folder != NULL && (entry = readdir(folder)) != NULL) {
		if (!ascii_digit((uint8_t)entry->d_name[0]) || !has_open(entry->d_name, socket))
			continue;
		found = true;
		*pidp = strtol(entry->d_name, NULL, 10);
		read_name(entry->d_name, name);
	}
	if (folder != NULL)
		closedir(folder);
	return found;
}
