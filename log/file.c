/* SPDX-License-Identifier: ISC */
#include "log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/record.h"
#include "filter/policy/codes.h"
#include "log/batch.h"

#define NOTICE_MAX 512 /* octets of a record of our own; kept back below the greatest size */

static bool write_all(struct log_file *f, struct span octets);

/* What a crash or another program left unended would swallow our first record. */
static bool end_last_line(struct log_file *f)
{
	uint8_t last;

	if (f->size == 0 || (pread(f->fd, &last, 1, (off_t)f->size - 1) == 1 && last == '\n'))
		return true;
	return write_all(f, SPAN("\n"));
}

/* O_NONBLOCK: a FIFO without a reader must not hold us up before we see what it is. */
static int open_path(const struct log_file *f, struct stat *st)
{
	int fd = openat(f->folder, f->name,
		O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -EMEDIUMTYPE;
}

static int open_into(struct log_file *f)
{
	struct stat st = { 0 };
	int fd = open_path(f, &st);

	if (fd == -ELOOP || fd == -EMEDIUMTYPE)
		return LOG_FILE_E_TYPE;
	if (fd < 0)
		return fd;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	f->full = false;
	end_last_line(f); /* on a full disk it is tried no more: one line is lost then */
	return LOG_FILE_OK;
}

int log_file_open(struct log_file *f, int folder, const char *name, uint64_t max)
{
	*f = (struct log_file){ .folder = folder, .name = name, .max = max, .fd = -1 };
	return open_into(f);
}

int log_file_reopen(struct log_file *f)
{
	return open_into(f);
}

/* Somebody else may have emptied the file (copytruncate): the end is where the system says it is.
 */
static void look_at_size(struct log_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == 0)
		f->size = (uint64_t)st.st_size;
}

/* After a partial write: goes back to the end of the last whole line. Lines that stay. */
static void take_back(struct log_file *f, struct span octets, size_t written)
{
	const uint8_t *end = written > 0 ? memrchr(octets.p, '\n', written) : NULL;
	size_t keep = end != NULL ? (size_t)(end + 1 - octets.p) : 0;

	look_at_size(f);
	if (ftruncate(f->fd, (off_t)(f->size - (written - keep))) == 0)
		f->size -= written - keep;
	f->lost += log_batch_lines(span_from(octets, keep));
}

static bool write_all(struct log_file *f, struct span octets)
{
	ssize_t r;

	do
		r = write(f->fd, octets.p, octets.n);
	while (r < 0 && errno == EINTR);
	if (r == (ssize_t)octets.n) {
		f->size += octets.n;
		return true;
	}
	take_back(f, octets, r > 0 ? (size_t)r : 0);
	return false;
}

/* A record of our own. One that cannot be written is not counted among the lost. */
static bool notice(struct log_file *f, enum code code, const char *severity, const char *event,
	int64_t wall_ns)
{
	uint8_t block[NOTICE_MAX];
	char number[7];
	uint64_t lost = f->lost;
	struct record r;
	bool written;

	record_begin(&r, block, sizeof block, wall_ns, code_text(code, number), severity, event);
	if (code == CODE_LOG_DROPPED)
		record_u64(&r, "records", lost);
	else
		record_u64(&r, "max", f->max);
	record_str(&r, "by", "log");
	written = write_all(f, record_end(&r));
	f->lost = lost;
	return written;
}

/* Octets of the lines that fit, with room for two notices behind them. */
static size_t fitting(struct log_file *f, struct span lines)
{
	uint64_t room;
	const uint8_t *end;

	if (f->size + lines.n + 2 * NOTICE_MAX > f->max)
		look_at_size(f);
	room = f->max > f->size + 2 * NOTICE_MAX ? f->max - f->size - 2 * NOTICE_MAX : 0;
	if (lines.n <= room)
		return lines.n;
	end = memrchr(lines.p, '\n', (size_t)room);
	return end != NULL ? (size_t)(end + 1 - lines.p) : 0;
}

/* Once full it stays so until much was taken away: else each line that fits would bring a notice
 * with it. */
static bool still_full(struct log_file *f)
{
	if (f->full) {
		look_at_size(f);
		f->full = f->size > f->max / 2;
	}
	return f->full;
}

static bool tell_lost(struct log_file *f, int64_t wall_ns)
{
	if (f->lost > 0 && !notice(f, CODE_LOG_DROPPED, "warning", "log-dropped", wall_ns))
		return false;
	f->lost = 0;
	return true;
}

void log_file_write(struct log_file *f, struct span lines, int64_t wall_ns)
{
	size_t n;

	if (lines.n == 0)
		return;
	if (still_full(f) || !tell_lost(f, wall_ns)) {
		f->lost += log_batch_lines(lines);
		return;
	}
	n = fitting(f, lines);
	if (n > 0)
		write_all(f, span_sub(lines, 0, n));
	if (n < lines.n) {
		f->lost += log_batch_lines(span_from(lines, n));
		f->full = notice(f, CODE_LOG_FULL, "error", "log-full", wall_ns);
	}
}

void log_file_lost(struct log_file *f, uint64_t records)
{
	f->lost += records;
}
