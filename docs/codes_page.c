/* SPDX-License-Identifier: ISC */
/*
 * Prints postern-codes(7): the template on standard input, with the catalogue of event codes in
 * place of its line ".\" CODES". Runs when Postern is built.
 */
#include <stdio.h>
#include <string.h>

#include "filter/policy/codes.h"
#include "log/begin.h"

#define MARK  ".\\\" CODES\n"
#define WIDTH 45 /* a line ends at the next blank */

/* One word of running text: no backslash of its own is an escape. Returns its octets. */
static size_t put_word(const char *word)
{
	size_t n = 0;

	for (; word[n] != '\0' && word[n] != ' '; n++)
		if (word[n] == '\\')
			fputs("\\e", stdout);
		else
			putchar(word[n]);
	return n;
}

/* Running text as mdoc wants it: short lines, a new one for each sentence, none that begins as a
 * request does. */
static void put_text(const char *text, const char *after)
{
	size_t column = 0, n;

	while (*text != '\0') {
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		n = put_word(text);
		column += n + 1;
		text += n;
		if (*text == '\0')
			break;
		if (column > WIDTH || text[-1] == '.') {
			putchar('\n');
			column = 0;
		} else
			putchar(' ');
		text++;
	}
	printf("%s\n", after);
}

static void put_code(enum code code)
{
	const struct code_info *info = code_info(code);
	char number[7];

	printf(".It Sy %s\n", code_text(code, number));
	put_text(info->title, ".");
	printf("Severity\n.Sy %s .\n", log_severity_text(info->severity));
	if (info->reply != 0) {
		printf("Reply\n\\(lq%u\n", info->reply);
		put_text(info->reply_text, "\\(rq.");
	}
	if (info->clause[0] != '\0')
		put_text(info->clause, ".");
	if (info->advice[0] != '\0')
		put_text(info->advice, "");
}

static void put_catalogue(void)
{
	puts(".Bl -tag -width \"PN0000\"");
	for (unsigned c = 0; c < CODE_COUNT; c++)
		put_code((enum code)c);
	puts(".El");
}

int main(void)
{
	char line[512];
	int marks = 0;

	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, MARK) == 0) {
			put_catalogue();
			marks++;
		} else
			fputs(line, stdout);
	}
	return marks == 1 && fflush(stdout) == 0 ? 0 : 1;
}
