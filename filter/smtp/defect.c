/* SPDX-License-Identifier: ISC */
#include "filter/smtp/defect.h"

#include <assert.h>

/*
 * The name of a word, made by the compiler: LINE_BARE_LF becomes "line-bare-lf". A letter of a
 * string literal is a constant to gcc and clang, though not to the standard: hence __extension__.
 */
#define NAME_SIZE 24
#define LETTER(c) ((c) == '_' ? '-' : (c) >= 'A' && (c) <= 'Z' ? (c) + ('a' - 'A') : (c))
#define AT(s, i)  (__extension__(char) LETTER((s)[(i) < sizeof(s) ? (i) : sizeof(s) - 1]))
#define AT_6(s, i)                                                                                 \
	AT(s, i), AT(s, (i) + 1), AT(s, (i) + 2), AT(s, (i) + 3), AT(s, (i) + 4), AT(s, (i) + 5)
#define NAME(word, text) { AT_6(#word, 0), AT_6(#word, 6), AT_6(#word, 12), AT_6(#word, 18) },
#define FITS(word, text) _Static_assert(sizeof #word <= NAME_SIZE, "raise NAME_SIZE");
#define TEXT(word, text) text,

SMTP_DEFECTS(FITS)
SMTP_FAULTS(FITS)

static const char defect_names[][NAME_SIZE] = { SMTP_DEFECTS(NAME) };
static const char *const defect_texts[] = { SMTP_DEFECTS(TEXT) };
static const char fault_names[][NAME_SIZE] = { SMTP_FAULTS(NAME) };
static const char *const fault_texts[] = { SMTP_FAULTS(TEXT) };

const char *smtp_defect_name(enum smtp_defect defect)
{
	assert((unsigned)defect < SMTP_DEFECT_COUNT);
	return defect_names[defect];
}

const char *smtp_defect_text(enum smtp_defect defect)
{
	assert((unsigned)defect < SMTP_DEFECT_COUNT);
	return defect_texts[defect];
}

const char *smtp_fault_name(enum smtp_fault fault)
{
	assert((unsigned)fault < SMTP_FAULT_COUNT);
	return fault_names[fault];
}

const char *smtp_fault_text(enum smtp_fault fault)
{
	assert((unsigned)fault < SMTP_FAULT_COUNT);
	return fault_texts[fault];
}
