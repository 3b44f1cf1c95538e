/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Find: which records an administrator asked for
 *
 * Owns:    nothing; the texts are borrowed.
 * Callers: cli/log.c.
 * Purity:  no clock, no system call (jansson allocates).
 */
#include <jansson.h>

#include "base/ip.h"
#include "filter/policy/codes.h"

struct log_find {       /* what is not given, NULL or zeroed, is not asked for */
	char since[32]; /* RFC 3339 in UTC, as records have it; "" */
	bool has_code, has_client;
	enum code code;
	struct ip_prefix client;
	const char *rule, *session, *incident;
	const char *mail; /* an address, or "@domain" */
	const char *text; /* anywhere in the record's human form; letter case does not matter */
};

/**
 * log_find_since() - read a time
 * @text:   "10m" (s, m, h, d ago), "2026-11-22", "2026-11-22T09:14", "...:05", with or without a Z;
 * all in UTC
 * @now_ns: the time of day
 *
 * Return: false when @text is none of these.
 */
bool log_find_since(struct log_find *f, const char *text, int64_t now_ns);

/* May this line be asked for? Looked at before it is parsed: false is sure, true is not. */
bool log_find_line(const struct log_find *f, struct span line);

bool log_find_record(const struct log_find *f, const json_t *record);
