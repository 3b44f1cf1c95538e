/* SPDX-License-Identifier: ISC */
#include "cli/running.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/control.h"

#define BLOCK_FIRST ((size_t)1 << 20)
#define BLOCK_LAST  ((size_t)8 << 30)
#define BLOCK_STEP  4

struct taking {
	struct unbundle *rules;
	bool came;
};

static int take_bundle(void *context, int fd)
{
	struct taking *t = context;
	int r;

	if (t->came)
		return cli_fail(CLI_UNAVAILABLE, "posternd sent its rules twice");
	t->came = true;
	r = unbundle(t->rules, fd);
	if (r == UNBUNDLE_OK)
		return CLI_OK;
	return cli_fail(CLI_UNAVAILABLE,
		"the rules that posternd runs cannot be read%s%s; is it of another version than "
		"this postern (" POSTERN_VERSION ")?",
		r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
}

int running_rules(const struct cli *c, struct unbundle *rules)
{
	static struct control_end end;
	struct taking t = { .rules = rules };
	const struct control_take take = { .fd = take_bundle, .context = &t };
	const int r = control_ask(c, CONTROL_RULES, SPAN(""), &take, &end);

	if (r == CLI_OK && !t.came)
		return cli_fail(CLI_UNAVAILABLE, "posternd did not send its rules");
	return r;
}

static int take_text(void *context, struct span lines)
{
	struct out *o = context;

	out_bytes(o, lines);
	return o->full ? cli_fail(CLI_UNAVAILABLE, "posternd sent more lanes than there can be")
		       : CLI_OK;
}

int running_lanes(const struct cli *c, struct out *text)
{
	static struct control_end end;
	const struct control_take take = { .text = take_text, .context = text };

	return control_ask(c, CONTROL_LANES, SPAN(""), &take, &end);
}

static int compare(struct running *r, const struct ruleset *files)
{
	struct ruleset told = *files;

	if (told.host.mode == MODE_AUTO) /* which posternd decided, as it did for those it runs */
		told.host.mode = r->rules.ruleset->host.mode;
	for (size_t size = BLOCK_FIRST; size <= BLOCK_LAST; size *= BLOCK_STEP) {
		struct arena arena;

		r->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (r->memory == MAP_FAILED) {
			r->memory = NULL;
			break;
		}
		r->memory_size = size;
		arena_init(&arena, r->memory, size);
		if (rules_diff(&arena, r->rules.ruleset, &told, &r->diff) == RULES_OK)
			return CLI_OK;
		munmap(r->memory, size);
		r->memory = NULL;
	}
	return cli_fail(CLI_UNAVAILABLE, "not enough memory to compare the rules");
}

int running_compare(const struct cli *c, const struct load *files, struct running *r)
{
	int exit;

	*r = (struct running){ 0 };
	exit = running_rules(c, &r->rules);
	return exit == CLI_OK ? compare(r, files->ruleset) : exit;
}

void running_free(struct running *r)
{
	if (r->memory != NULL)
		munmap(r->memory, r->memory_size);
	unbundle_free(&r->rules);
	r->memory = NULL;
}

void running_print(struct out *o, const struct running *r, size_t max, const char *indent)
{
	size_t n = 0;

	for (const struct diff_change *c = r->diff.first; c != NULL && n < max; c = c->next, n++) {
		out_str(o, indent);
		rules_diff_print(o, c);
		out_octet(o, '\n');
	}
	if (n < r->diff.n) {
		out_str(o, indent);
		out_u64(o, r->diff.n - n);
		out_str(o, " more; \"postern diff\" shows all\n");
	}
}

static const char *sign_name(enum diff_sign sign)
{
	switch (sign) {
	case DIFF_ADDED: return "added";
	case DIFF_REMOVED: return "removed";
	case DIFF_CHANGED: return "changed";
	}
	return NULL;
}

void running_json(struct json *j, const struct running *r)
{
	json_open(j, "changes", '[');
	for (const struct diff_change *c = r->diff.first; c != NULL; c = c->next) {
		json_open(j, NULL, '{');
		json_str(j, "change", sign_name(c->sign));
		json_str(j, "kind", c->kind);
		json_str(j, "name", c->name);
		json_str(j, "statement", c->statement);
		json_str(j, "was", c->was);
		json_str(j, "is", c->is);
		if (c->n_added + c->n_removed > 0) {
			json_u64(j, "members_added", c->n_added);
			json_u64(j, "members_removed", c->n_removed);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}
