/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Values with units, and the schema rows of options
 *
 * Callers: rules/check*.c, rules/print*.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "base/span.h"

enum value_unit {
	UNIT_COUNT,
	UNIT_OCTETS,       /* 20MiB */
	UNIT_MILLISECONDS, /* 250ms, 5m */
	UNIT_SECONDS,      /* 4h, whole seconds */
};

/* A schema row: one option's name, type, range, default and the form in which messages show it. */
struct value_schema {
	const char *name; /* "limit message" */
	enum value_unit unit;
	uint64_t min, max, preset;
	const char *example; /* "limit message 35MiB" */
	size_t offset;       /* of the uint32_t or uint64_t in its object */
	bool wide;           /* it is a uint64_t */
};

void value_put(const struct value_schema *schema, void *object, uint64_t v);
uint64_t value_of(const struct value_schema *schema, const void *object);
/* Puts the defaults of @n rows into their object. */
void value_preset(const struct value_schema *rows, size_t n, void *object);

/* Digits and a unit of the kind. *unit_knownp: false when there is none, or another one. */
bool value_parse(struct span text, enum value_unit unit, uint64_t *vp, bool *unit_knownp);
/* With the largest unit that leaves no rest: 35MiB, 1500ms, 5m. */
void value_print(struct out *o, enum value_unit unit, uint64_t v);

/* The rows of `timeout`, for struct rule_timeouts (check_limits.c). */
#define TIMEOUTS_N 8
extern const struct value_schema timeout_schemas[TIMEOUTS_N];
/* The word behind `timeout`. */
const char *timeout_word(size_t i);
