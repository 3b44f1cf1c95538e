/* SPDX-License-Identifier: ISC */
#include "base/record.h"

#include <assert.h>

#include "base/civil.h"

#define CUT ",\"cut\":true"

/* Octets that end a record which is cut: kept back from the beginning. */
#define ENDING (sizeof CUT "}\n")

static void separate(struct record *r)
{
	if (r->comma)
		out_octet(&r->o, ',');
	r->comma = true;
}

/* A field is written whole or not at all: *@markp is where to go back to. False: no field fits any
 * more. */
static bool field_begin(struct record *r, size_t *markp, const char *key)
{
	if (r->cut)
		return false;
	*markp = r->o.n;
	separate(r);
	out_octet(&r->o, '"');
	out_str(&r->o, key);
	out_str(&r->o, "\":");
	return true;
}

static bool field_end(struct record *r, size_t mark)
{
	if (!r->o.full)
		return true;
	r->o.n = mark;
	r->o.full = false;
	r->cut = true;
	return false;
}

void record_open(struct record *r, void *block, size_t size)
{
	assert(size >= 256 && size <= RECORD_MAX);
	*r = (struct record){ 0 };
	out_init(&r->o, block, size - ENDING);
	out_octet(&r->o, '{');
}

void record_begin(struct record *r, void *block, size_t size, int64_t wall_ns, const char *code,
	const char *severity, const char *event)
{
	record_open(r, block, size);
	out_str(&r->o, "\"time\":\"");
	civil_print_utc(&r->o, wall_ns);
	out_octet(&r->o, '"');
	r->comma = true;
	record_str(r, "code", code);
	record_str(r, "severity", severity);
	record_str(r, "event", event);
	assert(!r->cut);
}

void record_str(struct record *r, const char *key, const char *value)
{
	if (value != NULL)
		record_octets(r, key, span_str(value), SIZE_MAX);
}

void record_octets(struct record *r, const char *key, struct span value, size_t max)
{
	size_t mark;

	if (!field_begin(r, &mark, key))
		return;
	out_json(&r->o, value, max);
	field_end(r, mark);
}

void record_u64(struct record *r, const char *key, uint64_t value)
{
	size_t mark;

	if (!field_begin(r, &mark, key))
		return;
	out_u64(&r->o, value);
	field_end(r, mark);
}

void record_bool(struct record *r, const char *key, bool value)
{
	size_t mark;

	if (!field_begin(r, &mark, key))
		return;
	out_str(&r->o, value ? "true" : "false");
	field_end(r, mark);
}

void record_ip(struct record *r, const char *key, const struct ip *ip)
{
	size_t mark;

	if (ip->family == IP_NONE || !field_begin(r, &mark, key))
		return;
	out_octet(&r->o, '"');
	ip_print(&r->o, ip);
	out_octet(&r->o, '"');
	field_end(r, mark);
}

/* Each open level keeps back the octet that closes it, so that closing cannot fail. */
static void level_begin(struct record *r, size_t mark, char opening)
{
	assert(r->depth < RECORD_DEPTH);
	out_octet(&r->o, (uint8_t)opening);
	if (!r->o.full && out_room(&r->o) == 0)
		r->o.full = true;
	if (!field_end(r, mark))
		return;
	r->o.size--;
	if (opening == '[')
		r->arrays |= 1u << r->depth;
	else
		r->arrays &= ~(1u << r->depth);
	r->depth++;
	r->comma = false;
}

static void level_end(struct record *r)
{
	assert(r->depth > 0);
	r->depth--;
	r->o.size++;
	out_octet(&r->o, r->arrays >> r->depth & 1 ? ']' : '}');
	r->comma = true;
}

void record_array(struct record *r, const char *key)
{
	size_t mark;

	if (field_begin(r, &mark, key))
		level_begin(r, mark, '[');
}

void record_object(struct record *r)
{
	size_t mark = r->o.n;

	if (r->cut)
		return;
	separate(r);
	level_begin(r, mark, '{');
}

void record_close(struct record *r)
{
	if (!r->cut) /* else levels that are not open may be closed: record_end() closes those that
			are */
		level_end(r);
}

struct span record_end(struct record *r)
{
	while (r->depth > 0)
		level_end(r);
	r->o.size += ENDING;
	if (r->cut)
		out_str(&r->o, CUT);
	out_str(&r->o, "}\n");
	assert(!r->o.full);
	return out_span(&r->o);
}
