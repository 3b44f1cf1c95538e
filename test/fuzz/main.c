/* SPDX-License-Identifier: ISC */
/*
 * Replays corpora: what a fuzz target is without libFuzzer
 *
 *     x_fuzz FILE|FOLDER...     runs the target on each file; an empty run is an error
 *
 * The file that is being run is told when it ends the program.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/fuzz/fuzz.h"

static const char *volatile running; /* for the handler */
static unsigned files;

static void on_abort(int sig)
{
	static const char words[] = ": this input ended the program\n";

	if (write(STDERR_FILENO, running, strlen(running)) < 0 ||
		write(STDERR_FILENO, words, sizeof words - 1) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static int fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return 1;
}

static int run_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size + 1);
	FILE *f = fopen(path, "rb");

	if (data == NULL || f == NULL) {
		free(data);
		if (f != NULL)
			fclose(f);
		return fail(path);
	}
	size = fread(data, 1, size, f);
	fclose(f);
	running = path;
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	files++;
	return 0;
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), r = n < 0 ? fail(path) : 0;

	for (int i = 0; i < n; i++) {
		char inner[4096];

		snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			r |= run_path(inner);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return r;
}

static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fail(path);
	return S_ISDIR(st.st_mode) ? run_folder(path) : run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int r = 0;

	signal(SIGABRT, on_abort);
	for (int i = 1; i < argc; i++)
		r |= run_path(argv[i]);
	printf("%u inputs\n", files);
	if (files == 0)
		fprintf(stderr, "%s: no inputs; give files or folders\n", argv[0]);
	return r != 0 || files == 0;
}
