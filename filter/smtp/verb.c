/* SPDX-License-Identifier: ISC */
#include "filter/smtp/verb.h"

#include <assert.h>

#define TEXT(word, text) text,
static const char *const verbs[] = { SMTP_VERBS_MODELLED(TEXT) SMTP_VERBS_NEVER(TEXT)
		SMTP_VERBS_PSEUDO(TEXT) };
static const char *const extensions[] = { SMTP_EXTENSIONS(TEXT) };
#undef TEXT

/* Index of @word in the first @n of @list, or @n. */
static unsigned find(const char *const *list, unsigned n, struct span word)
{
	unsigned i = 0;

	while (i < n && !span_ieq(span_str(list[i]), word))
		i++;
	return i;
}

const char *smtp_verb_name(enum smtp_verb verb)
{
	assert((unsigned)verb < SMTP_VERB_COUNT);
	return verbs[verb];
}

enum smtp_verb smtp_verb_find(struct span word)
{
	return (enum smtp_verb)find(verbs, SMTP_VERB_NAMED, word);
}

const char *smtp_ext_name(enum smtp_extension ext)
{
	assert((unsigned)ext < SMTP_EXT_COUNT);
	return extensions[ext];
}

enum smtp_extension smtp_ext_find(struct span word)
{
	return (enum smtp_extension)find(extensions, SMTP_EXT_COUNT, word);
}
