/* SPDX-License-Identifier: ISC */
#include "log/read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/batch.h"

int log_reader_open(struct log_reader *r, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return LOG_READ_E_TYPE;
	}
	r->path = path;
	r->fd = fd;
	r->from = r->n = 0;
	r->skipping = false;
	r->refused = 0;
	return LOG_READ_OK;
}

void log_reader_close(struct log_reader *r)
{
	close(r->fd);
	r->fd = -1;
}

/* In the block of the file before @end: where the line begins that is the *@leftp-th from the end
 * of the file; -1: before it. */
static off_t tail_in_block(struct log_reader *r, off_t begin, size_t n, uint64_t *leftp)
{
	for (size_t i = n; i-- > 0;)
		if (r->buffer[i] == '\n' && (*leftp)-- == 0)
			return begin + (off_t)i + 1;
	return -1;
}

int log_reader_tail(struct log_reader *r, uint64_t lines)
{
	off_t end = lseek(r->fd, 0, SEEK_END), at = -1;

	while (at < 0 && end > 0) {
		size_t n = end < (off_t)sizeof r->buffer ? (size_t)end : sizeof r->buffer;
		ssize_t got = pread(r->fd, r->buffer, n, end - (off_t)n);
		if (got < 0)
			return -errno;
		if ((size_t)got < n) /* emptied while we look */
			break;
		end -= got;
		at = tail_in_block(r, end, n, &lines);
	}
	r->from = r->n = 0;
	return lseek(r->fd, at > 0 ? at : 0, SEEK_SET) < 0 ? -errno : 0;
}

/* 0; LOG_READ_E_END; <0 errno. */
static int fill(struct log_reader *r)
{
	ssize_t got;

	memmove(r->buffer, r->buffer + r->from, r->n - r->from);
	r->n -= r->from;
	r->from = 0;
	if (r->n == sizeof r->buffer) { /* no record is that long */
		r->skipping = true;
		r->n = 0;
	}
	do
		got = read(r->fd, r->buffer + r->n, sizeof r->buffer - r->n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	r->n += (size_t)got;
	return got > 0 ? 0 : LOG_READ_E_END;
}

int log_reader_next(struct log_reader *r, struct span *line)
{
	for (;;) {
		struct span rest = span_of(r->buffer + r->from, r->n - r->from);
		size_t n = span_chr(rest, '\n');
		int e;

		if (n == rest.n) {
			e = fill(r);
			if (e != 0)
				return e;
			continue;
		}
		r->from += n + 1;
		if (!r->skipping && log_batch_ok(span_sub(rest, 0, n + 1))) {
			*line = span_sub(rest, 0, n);
			return LOG_READ_OK;
		}
		r->skipping = false;
		r->refused++;
	}
}

bool log_reader_moved(const struct log_reader *r)
{
	struct stat now, ours;

	return stat(r->path, &now) == 0 && fstat(r->fd, &ours) == 0 &&
	       (now.st_ino != ours.st_ino || now.st_dev != ours.st_dev);
}

json_t *log_record_parse(struct span line)
{
	json_t *record = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);

	if (log_record_text(record, "time") != NULL && log_record_text(record, "code") != NULL)
		return record;
	json_decref(record);
	return NULL;
}
