/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * JSON, written piece by piece
 *
 * Commas are put where they belong; strings of any octets become valid JSON (out_json()). In an
 * array
 * @key is NULL.
 *
 * Callers: cli.
 */
#include "base/out.h"

struct json {
	struct out *o;
	bool comma; /* something stands before in this object or array */
};

void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                 /* '}' or ']' */
void json_span(struct json *j, const char *key, struct span value);
void json_str(struct json *j, const char *key, const char *value); /* NULL: null */
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
