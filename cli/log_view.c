/* SPDX-License-Identifier: ISC */
#include "cli/log_view.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "cli/args.h"
#include "cli/config.h"
#include "log/text.h"

#define FOLLOW_NS 200000000 /* between two looks at a log that is followed */

/* Also while the rules are being edited and have errors. */
static int find_place(const struct cli *c, char place[LOG_PLACE_MAX])
{
	struct hostconf host;
	struct load l;
	struct out o;
	int r = config_host(c, &l, &host);

	if (r != CLI_OK)
		return r;
	out_init(&o, place, LOG_PLACE_MAX);
	log_place_file(&o, &host, c->dir);
	out_cstr(&o);
	load_free(&l);
	return o.full ? cli_fail(CLI_CONFIG, "the path of the log is too long") : CLI_OK;
}

static int cannot_open(const char *path, int r)
{
	if (r == LOG_READ_E_TYPE)
		return cli_fail(CLI_UNAVAILABLE, "%s: not a regular file", path);
	if (r == -ENOENT)
		return cli_fail(CLI_UNAVAILABLE,
			"%s: there is no log; posternd writes it once it runs, and \"--file PATH\" "
			"reads another",
			path);
	return cli_fail(
		r == -EACCES ? CLI_PERMISSION : CLI_UNAVAILABLE, "%s: %s", path, strerror(-r));
}

static int open_reader(struct log_view *v, const char *path)
{
	int r = log_reader_open(&v->reader, path);

	return r != 0 ? cannot_open(path, r) : CLI_OK;
}

int log_view_open(struct log_view *v, const struct cli *c, int *argcp, char **argv)
{
	const char *path = NULL;
	int r = args_value(argcp, argv, "--file", &path);

	v->json = c->json;
	v->shown = 0;
	if (r == CLI_OK && path == NULL) {
		r = find_place(c, v->place);
		path = v->place;
	}
	return r == CLI_OK ? open_reader(v, path) : r;
}

int log_view_close(struct log_view *v, int r)
{
	if (v->reader.refused > 0)
		fprintf(stderr,
			"postern: %s: lines passed over because they are no records: %" PRIu64 "\n",
			v->reader.path, v->reader.refused);
	log_reader_close(&v->reader);
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(CLI_FAULTS, "cannot write: %s", strerror(errno));
	return r;
}

int log_view_rewind(struct log_view *v)
{
	const char *path = v->reader.path;

	log_reader_close(&v->reader);
	return open_reader(v, path);
}

int log_view_each(
	struct log_view *v, const struct log_find *find, log_view_take *take, void *context)
{
	struct span line;
	json_t *record;
	bool more = true;
	int r = 0;

	while (more && (r = log_reader_next(&v->reader, &line)) == LOG_READ_OK) {
		if (!log_find_line(find, line))
			continue;
		record = log_record_parse(line);
		if (record == NULL)
			v->reader.refused++;
		else if (log_find_record(find, record))
			more = take(v, line, record, context);
		json_decref(record);
	}
	return r < 0 ? cli_fail(CLI_UNAVAILABLE, "%s: %s", v->reader.path, strerror(-r)) : CLI_OK;
}

bool log_view_show(struct log_view *v, struct span line, const json_t *record, void *context)
{
	static uint8_t block[LOG_TEXT_MAX];
	struct out o;

	(void)context;
	if (!v->json) {
		out_init(&o, block, sizeof block);
		log_text_print(&o, record);
		line = out_span(&o);
	}
	v->shown++;
	return fwrite(line.p, 1, line.n, stdout) == line.n && putchar('\n') != EOF;
}

/* The file was moved away: what it still got is shown before the new one is. */
static int change_files(struct log_view *v, const struct log_find *all)
{
	const char *path = v->reader.path;
	int r = log_view_each(v, all, log_view_show, NULL);

	if (r != CLI_OK)
		return r;
	log_reader_close(&v->reader);
	return open_reader(v, path);
}

int log_view_follow(struct log_view *v)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_NS };
	const struct log_find all = { 0 };
	int r = CLI_OK;

	while (r == CLI_OK && fflush(stdout) == 0) {
		nanosleep(&pause, NULL);
		r = log_reader_moved(&v->reader) ? change_files(v, &all) : CLI_OK;
		if (r == CLI_OK)
			r = log_view_each(v, &all, log_view_show, NULL);
	}
	return r;
}
