/* SPDX-License-Identifier: ISC */
#include "proxy/house/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/house/house.h"

#define FILE_NAME "members"
#define NEW_NAME  "members.new"
#define HEAD      "postern-members 1"
#define WALL_MAX  253402300799u /* the year 9999 */
#define WORDS_MAX 5

/* ---- text ---- */

static void put_end(struct out *o, uint64_t end_ms, uint64_t now_ms, int64_t wall_s)
{
	const uint64_t left_ms = end_ms > now_ms ? end_ms - now_ms : 0;

	out_octet(o, ' ');
	if (end_ms == 0)
		out_octet(o, '-');
	else
		out_u64(o, (uint64_t)wall_s + (left_ms + 999) / 1000);
	out_octet(o, '\n');
}

static void put_name(struct out *o, const char *what, const char *name, const struct ip_prefix *p)
{
	out_str(o, what);
	out_octet(o, ' ');
	out_str(o, name);
	out_octet(o, ' ');
	ip_prefix_print(o, p);
}

void keep_print(struct out *o, const struct dynamic *d, const struct bans *b, uint64_t now_ms,
	int64_t wall_s)
{
	if (wall_s < 0)
		wall_s = 0;
	out_str(o, HEAD);
	put_end(o, now_ms, now_ms, wall_s);
	for (size_t i = 0; i < d->n; i++) {
		put_name(o, "member", d->list[i].set, &d->list[i].prefix);
		put_end(o, d->list[i].end_ms, now_ms, wall_s);
	}
	for (size_t i = 0; i < b->n; i++) {
		put_name(o, "ban", b->list[i].rule, &b->list[i].client);
		out_octet(o, ' ');
		out_str(o, bans_what(b->list[i].by));
		put_end(o, b->list[i].end_ms, now_ms, wall_s);
	}
}

/* ---- reading it ---- */

struct reading {
	const struct ruleset *rs;
	struct dynamic *d;
	struct bans *b;
	uint64_t now_ms;
	uint64_t written_s, wall_s;
};

/* Words with one blank between them. Return: how many, WORDS_MAX + 1: more. */
static size_t split(struct span line, struct span words[WORDS_MAX])
{
	for (size_t n = 0; n < WORDS_MAX; n++) {
		const size_t at = span_chr(line, ' ');
		words[n] = span_sub(line, 0, at);
		if (at == line.n)
			return n + 1;
		line = span_from(line, at + 1);
	}
	return WORDS_MAX + 1;
}

/* @end_msp: when it is over by our clock, not later than was left when it was written; 0: it is. */
static bool read_end(const struct reading *r, struct span word, uint64_t *end_msp)
{
	uint64_t end_s, from_s = r->wall_s > r->written_s ? r->wall_s : r->written_s;

	if (!span_u64(word, WALL_MAX, &end_s))
		return false;
	*end_msp = end_s > from_s ? r->now_ms + (end_s - from_s) * 1000 : 0;
	return true;
}

static bool copy_name(struct span word, char name[static ROLE_RULE_MAX])
{
	if (word.n == 0 || word.n >= ROLE_RULE_MAX || memchr(word.p, '\0', word.n))
		return false;
	memcpy(name, word.p, word.n);
	name[word.n] = '\0';
	return true;
}

/* "member" SET PREFIX END */
static bool read_member(const struct reading *r, const struct span *words)
{
	const bool for_good = span_eq(words[3], SPAN("-"));
	struct ip_prefix prefix;
	char name[ROLE_RULE_MAX];
	uint64_t end_ms = 0;

	if (!copy_name(words[1], name) || !ip_prefix_parse(words[2], &prefix) ||
		(!for_good && !read_end(r, words[3], &end_ms)))
		return false;
	if (dynamic_has(r->rs, name) && (for_good || end_ms > 0))
		return dynamic_add(r->d, name, &prefix, end_ms) == 0;
	return true;
}

/* "ban" RULE PREFIX LIMIT END */
static bool read_ban(const struct reading *r, const struct span *words)
{
	struct ban ban = { 0 };

	if (!copy_name(words[1], ban.rule) || !ip_prefix_parse(words[2], &ban.client) ||
		!bans_what_find(words[3], &ban.by) || !read_end(r, words[4], &ban.end_ms))
		return false;
	if (bans_check(&ban, r->rs, r->now_ms) == 0)
		return bans_add(r->b, &ban) == 0;
	return true;
}

static bool read_line(const struct reading *r, struct span line)
{
	struct span words[WORDS_MAX];
	const size_t n = split(line, words);

	if (n == 4 && span_eq(words[0], SPAN("member")))
		return read_member(r, words);
	return n == 5 && span_eq(words[0], SPAN("ban")) && read_ban(r, words);
}

static bool read_head(struct reading *r, struct span line)
{
	const struct span head = SPAN(HEAD " ");

	return line.n > head.n && span_eq(span_sub(line, 0, head.n), head) &&
	       span_u64(span_from(line, head.n), WALL_MAX, &r->written_s);
}

struct keep_found keep_parse(struct span text, const struct ruleset *rs, struct dynamic *d,
	struct bans *b, uint64_t now_ms, int64_t wall_s)
{
	struct reading r = { .rs = rs,
		.d = d,
		.b = b,
		.now_ms = now_ms,
		.wall_s = wall_s > 0 ? (uint64_t)wall_s : 0 };
	struct keep_found found = { 0 };
	size_t at = 0;

	for (size_t number = 1; at < text.n; number++) {
		const size_t n = span_chr(span_from(text, at), '\n');
		const struct span line = span_sub(text, at, n);

		at += n + 1; /* beyond the text where its last line has no end */
		if (number == 1 && (at > text.n || !read_head(&r, line)))
			return (struct keep_found){ .not_ours = true };
		if (number == 1 || (at <= text.n && read_line(&r, line)))
			continue;
		if (found.lines++ == 0)
			found.first = number;
	}
	found.not_ours = text.n == 0;
	return found;
}

/* ---- the file ---- */

static void tell(const char *what, const char *why)
{
	fprintf(stderr, "posternd: warning: state/" FILE_NAME ": %s: %s\n", what, why);
}

/* What is read is ours; what it is, is looked at: the folder is root's, but the disk may be old.
 * Return: a block; NULL: there is none, or it was told why not. */
static uint8_t *load(int folder, size_t *np)
{
	const int fd = openat(folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t *block = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0) {
		if (errno != ENOENT)
			tell("cannot be read, and nobody is banned or blocked by it",
				strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= KEEP_MAX)
		block = malloc((size_t)st.st_size + 1);
	if (block)
		n = read(fd, block, (size_t)st.st_size);
	if (n < 0) {
		tell("nobody is banned or blocked by it", block ? strerror(errno)
								: "no such file "
								  "is ours");
		free(block);
		block = NULL;
	}
	close(fd);
	*np = n > 0 ? (size_t)n : 0;
	return block;
}

static void tell_found(const struct keep_found *found)
{
	char text[64];

	if (found->not_ours)
		tell("nobody is banned or blocked by it",
			"it does not begin with \"" HEAD " \" and a time");
	if (found->lines == 0)
		return;
	snprintf(text, sizeof(text), "%zu, the first of them line %zu", found->lines, found->first);
	tell("lines that were not understood, or had no room, are left out", text);
}

void keep_read(struct house *h)
{
	size_t n = 0;
	uint8_t *block = load(h->state_folder, &n);
	struct keep_found found;

	if (!block)
		return;
	found = keep_parse(span_of(block, n), house_rules(h), &h->dynamic, &h->bans,
		clock_steady_ms(), clock_wall_ns() / 1000000000);
	free(block);
	tell_found(&found);
	lockout_restore(h);
}

static int write_all(int fd, struct span s)
{
	while (s.n > 0) {
		const ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			s = span_from(s, (size_t)n);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_file(int folder, struct span text)
{
	const int fd = openat(
		folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	close(fd);
	if (r == 0 && renameat(folder, NEW_NAME, folder, FILE_NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, NEW_NAME, 0);
	return r;
}

static int write_now(const struct house *h)
{
	uint8_t *block = malloc(KEEP_MAX);
	struct out o;
	int r;

	if (!block)
		return -ENOMEM;
	out_init(&o, block, KEEP_MAX);
	keep_print(&o, &h->dynamic, &h->bans, clock_steady_ms(), clock_wall_ns() / 1000000000);
	r = o.full ? -E2BIG : write_file(h->state_folder, out_span(&o));
	free(block);
	return r;
}

static void write_if_due(struct house *h)
{
	int r;

	if (!h->dynamic.unkept && !h->bans.unkept)
		return;
	r = write_now(h);
	if (r < 0 && !h->keep.failed)
		tell("cannot be written, which is tried again", strerror(-r));
	h->keep.failed = r < 0;
	if (r == 0)
		h->dynamic.unkept = h->bans.unkept = false;
}

void keep_look(struct house *h, uint64_t now_ms)
{
	if (!h->ready || now_ms < h->keep.next_ms)
		return; /* rules that cannot be carried out have not made members others' */
	if (h->dynamic.unkept || h->bans.unkept)
		h->keep.next_ms = now_ms + KEEP_MS;
	write_if_due(h);
}

void keep_end(struct house *h)
{
	if (h->ready)
		write_if_due(h);
}
