/* SPDX-License-Identifier: ISC */
#include "filter/smtp/clean.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define STEP 64

/* Bit i tells of octet i. */
struct masks {
	uint64_t cr, lf, nul, dot;
};

typedef struct masks masks_fn(const uint8_t *p);

/* Eight octets as a number, the first lowest, whatever the machine's own order. */
static inline uint64_t load_8(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* Bit i is set when octet i of @v is @c. The sum cannot carry from one octet into the next, so it
 * is exact. */
static inline uint64_t equal_8(uint64_t v, uint8_t c)
{
	const uint64_t ones = 0x0101010101010101u, sevens = 0x7f * ones;
	uint64_t x = v ^ c * ones;
	uint64_t zero = ~(((x & sevens) + sevens) | x | sevens); /* 0x80 where @x is 0 */

	return (zero >> 7) * 0x0102040810204080u >> 56;
}

static inline struct masks masks_portable(const uint8_t *p)
{
	struct masks m = { 0 };

	for (unsigned i = 0; i < STEP; i += 8) {
		uint64_t v = load_8(p + i);

		m.cr |= equal_8(v, '\r') << i;
		m.lf |= equal_8(v, '\n') << i;
		m.nul |= equal_8(v, '\0') << i;
		m.dot |= equal_8(v, '.') << i;
	}
	return m;
}

#if defined(__SSE2__)
static inline uint64_t equal_64(const __m128i v[static 4], char c)
{
	const __m128i want = _mm_set1_epi8(c);
	uint64_t m = 0;

	for (unsigned i = 0; i < 4; i++)
		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], want)) << 16 * i;
	return m;
}

static inline struct masks masks_sse2(const uint8_t *p)
{
	__m128i v[4];

	for (unsigned i = 0; i < 4; i++)
		v[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
	return (struct masks){ equal_64(v, '\r'), equal_64(v, '\n'), equal_64(v, '\0'),
		equal_64(v, '.') };
}
#define masks_best masks_sse2
#else
#define masks_best masks_portable
#endif

/*
 * The masks of the next step, at most 64 octets from @at on. The last step of a window looks once
 * more at octets before @at, so that none behind the window is read; a window shorter than a step
 * is padded.
 */
static inline struct masks masks_at(const uint8_t *win, size_t n, size_t at, masks_fn *masks)
{
	uint8_t padded[STEP];
	struct masks m;
	unsigned back;

	if (n - at >= STEP)
		return masks(win + at);
	if (n < STEP) {
		memset(padded, 'x', sizeof padded);
		memcpy(padded, win, n);
		return masks(padded);
	}
	back = (unsigned)(STEP - (n - at)); /* below 64: callers have octets left */
	m = masks(win + n - STEP);
	return (struct masks){ m.cr >> back, m.lf >> back, m.nul >> back, m.dot >> back };
}

static inline size_t text(const uint8_t *win, size_t n, bool dots, masks_fn *masks)
{
	uint64_t after_cr = 0, after_lf = 0; /* of the step before, as bit 0 */

	for (size_t at = 0; at < n; at += STEP) {
		struct masks m = masks_at(win, n, at, masks);
		uint64_t behind_cr = m.cr << 1 | after_cr, behind_lf = m.lf << 1 | after_lf;
		uint64_t odd = behind_cr ^
			       m.lf; /* a CR without LF behind it, an LF without CR before it */
		uint64_t stop = odd | m.nul | (dots ? m.dot & behind_lf : 0);

		if (stop != 0) {
			unsigned i = (unsigned)__builtin_ctzll(stop);
			return at + i -
			       (behind_cr >> i & 1 &&
				       odd >> i & 1); /* a bare CR stands one before */
		}
		after_cr = m.cr >> (STEP - 1);
		after_lf = m.lf >> (STEP - 1);
	}
	return n > 0 && win[n - 1] == '\r' ? n - 1 : n;
}

static inline size_t line(const uint8_t *win, size_t n, masks_fn *masks)
{
	for (size_t at = 0; at < n; at += STEP) {
		struct masks m = masks_at(win, n, at, masks);
		uint64_t stop = m.cr | m.lf | m.nul;

		if (stop != 0)
			return at + (unsigned)__builtin_ctzll(stop);
	}
	return n;
}

size_t clean_text(const uint8_t *win, size_t n, bool dots)
{
	return text(win, n, dots, masks_best);
}

size_t clean_line(const uint8_t *win, size_t n)
{
	return line(win, n, masks_best);
}

size_t clean_text_portable(const uint8_t *win, size_t n, bool dots)
{
	return text(win, n, dots, masks_portable);
}

size_t clean_line_portable(const uint8_t *win, size_t n)
{
	return line(win, n, masks_portable);
}
