/* SPDX-License-Identifier: ISC */
#include "filter/gate/hello.h"

#define RECORD_HEAD    5 /* type, version, length: RFC 8446 5.1 */
#define TYPE_HANDSHAKE 22
#define MESSAGE_HEAD   4 /* type, length: RFC 8446 4 */
#define TYPE_CLIENT    1
#define TYPE_SERVER    2
#define EXT_NAME       0  /* RFC 6066 3 */
#define EXT_VERSIONS   43 /* RFC 8446 4.2.1 */
#define NAME_TYPE_HOST 0

/* ---- octets with a length in front ---- */

static bool take(struct span *s, size_t n, struct span *partp)
{
	if (s->n < n)
		return false;
	*partp = span_sub(*s, 0, n);
	*s = span_from(*s, n);
	return true;
}

/* A number of @width octets, network order. */
static bool take_number(struct span *s, unsigned width, size_t *vp)
{
	struct span octets;

	if (!take(s, width, &octets))
		return false;
	*vp = 0;
	for (unsigned i = 0; i < width; i++)
		*vp = *vp << 8 | octets.p[i];
	return true;
}

static bool take_vector(struct span *s, unsigned width, struct span *partp)
{
	size_t n;

	return take_number(s, width, &n) && take(s, n, partp);
}

static unsigned version_bit(size_t version)
{
	switch (version) {
	case 0x0300: return HELLO_SSL3;
	case 0x0301: return HELLO_TLS10;
	case 0x0302: return HELLO_TLS11;
	case 0x0303: return HELLO_TLS12;
	case 0x0304: return HELLO_TLS13;
	default: return 0; /* GREASE (RFC 8701), drafts, the future */
	}
}

/* ---- hellos ---- */

/* The first host name. False: malformed. */
static bool read_name(struct span ext, struct hello_client *c)
{
	struct span list, name;
	size_t type;

	if (!take_vector(&ext, 2, &list))
		return false;
	while (list.n > 0) {
		if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
			return false;
		if (type != NAME_TYPE_HOST)
			continue;
		c->long_name = name.n > HELLO_NAME_MAX;
		c->n_name = c->long_name ? HELLO_NAME_MAX : name.n;
		if (c->n_name > 0)
			memcpy(c->name, name.p, c->n_name);
		return true;
	}
	return true;
}

static bool read_versions(struct span ext, struct hello_client *c)
{
	struct span list;
	size_t version;

	if (!take_vector(&ext, 1, &list))
		return false;
	c->offered = 0; /* which says it instead of the field before: RFC 8446 4.2.1 */
	while (take_number(&list, 2, &version))
		c->offered |= version_bit(version);
	return list.n == 0;
}

/* The version that is in front of the extensions: the highest one, where the client says no more,
 * and never above 1.2 (RFC 8446 4.1.2). */
static unsigned highest(size_t version)
{
	return version_bit(version < 0x0303 ? version : 0x0303);
}

/* Of either hello: behind the random number and the session's id. False: malformed. */
static bool begin(struct span *body, size_t *versionp)
{
	struct span part;

	return take_number(body, 2, versionp) && take(body, 32, &part) &&
	       take_vector(body, 1, &part);
}

static bool read_client(struct span body, struct hello_client *c)
{
	struct span part, extensions, ext;
	size_t version, type;

	*c = (struct hello_client){ 0 };
	if (!begin(&body, &version) || !take_vector(&body, 2, &part) ||
		!take_vector(&body, 1, &part))
		return false;
	c->offered = highest(version);
	if (body.n == 0) /* no extensions, RFC 5246 7.4.1.2 */
		return true;
	if (!take_vector(&body, 2, &extensions))
		return false;
	while (extensions.n > 0) {
		if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &ext))
			return false;
		if ((type == EXT_NAME && !read_name(ext, c)) ||
			(type == EXT_VERSIONS && !read_versions(ext, c)))
			return false;
	}
	return true;
}

static bool read_server(struct span body, unsigned *chosenp)
{
	struct span part, extensions, ext;
	size_t version, type;

	if (!begin(&body, &version) || !take(&body, 3, &part)) /* cipher suite, compression */
		return false;
	*chosenp = version_bit(version);
	if (body.n == 0)
		return true;
	if (!take_vector(&body, 2, &extensions))
		return false;
	while (extensions.n > 0) {
		if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &ext))
			return false;
		if (type == EXT_VERSIONS) {
			if (!take_number(&ext, 2, &version) || ext.n != 0)
				return false;
			*chosenp = version_bit(version);
		}
	}
	return true;
}

/* ---- from packets to a hello ---- */

static bool looks_like(struct span payload, uint8_t type)
{
	return payload.n > RECORD_HEAD && payload.p[0] == TYPE_HANDSHAKE && payload.p[1] == 3 &&
	       payload.p[RECORD_HEAD] == type;
}

/* What continues the octets there are, as far as there is room; anything else is left out. Behind a
 * hello may stand more, as a server's certificate does. False: no room at all. */
static bool gather(struct hello_reader *r, uint32_t seq, struct span payload)
{
	const uint32_t known = r->seq + r->n - seq; /* octets of it that are here already */

	if (known > payload.n) /* before or beyond: a gap, or all known */
		return true;
	payload = span_from(payload, known);
	if (r->n == HELLO_MAX)
		return false;
	payload = span_sub(payload, 0, (size_t)HELLO_MAX - r->n);
	if (payload.n > 0)
		memcpy(r->block + r->n, payload.p, payload.n);
	r->n = (uint16_t)(r->n + payload.n);
	return true;
}

static enum hello_result look(struct span message, struct span *bodyp)
{
	size_t type, length;

	if (!take_number(&message, 1, &type) || !take_number(&message, 3, &length))
		return HELLO_MORE;
	if (length > HELLO_MAX - MESSAGE_HEAD)
		return HELLO_NONE;
	return take(&message, length, bodyp) ? HELLO_DONE : HELLO_MORE;
}

/* The handshake message out of its records, which may cut it anywhere, put together in @message. */
static enum hello_result unpack(const struct hello_reader *r, uint8_t *message, struct span *bodyp)
{
	struct span rest = span_of(r->block, r->n), record;
	enum hello_result result;
	size_t n = 0;
	bool whole;

	do {
		size_t type, version, size;

		if (!take_number(&rest, 1, &type) || !take_number(&rest, 2, &version) ||
			!take_number(&rest, 2, &size))
			return HELLO_MORE;
		if (type != TYPE_HANDSHAKE || version >> 8 != 3 || size == 0)
			return HELLO_NONE;
		whole = take(&rest, size, &record);
		if (!whole)
			record = rest;
		if (record.n > 0)
			memcpy(message + n, record.p, record.n);
		n += record.n;
		result = look(span_of(message, n), bodyp);
	} while (result == HELLO_MORE && whole);
	return result;
}

static enum hello_result add(struct hello_reader *r, uint8_t type, uint32_t seq,
	struct span payload, uint8_t *message, struct span *bodyp)
{
	if (payload.n == 0)
		return HELLO_MORE;
	if (r->n == 0 && looks_like(payload, type))
		r->seq = seq;
	else if (r->n == 0)
		return ++r->packets < HELLO_PACKETS ? HELLO_MORE : HELLO_NONE;
	if (!gather(r, seq, payload))
		return HELLO_NONE;
	const enum hello_result result = unpack(r, message, bodyp);
	return result == HELLO_MORE && ++r->packets >= HELLO_PACKETS ? HELLO_NONE : result;
}

enum hello_result hello_from_client(
	struct hello_reader *r, uint32_t seq, struct span payload, struct hello_client *client)
{
	uint8_t message[HELLO_MAX];
	struct span body;
	const enum hello_result result = add(r, TYPE_CLIENT, seq, payload, message, &body);

	if (result != HELLO_DONE)
		return result;
	return read_client(body, client) ? HELLO_DONE : HELLO_NONE;
}

enum hello_result hello_from_server(
	struct hello_reader *r, uint32_t seq, struct span payload, unsigned *chosenp)
{
	uint8_t message[HELLO_MAX];
	struct span body;
	const enum hello_result result = add(r, TYPE_SERVER, seq, payload, message, &body);

	if (result != HELLO_DONE)
		return result;
	return read_server(body, chosenp) ? HELLO_DONE : HELLO_NONE;
}

void hello_print_versions(struct out *o, unsigned versions)
{
	static const char *const names[] = { "ssl3", "1.0", "1.1", "1.2", "1.3" };
	bool any = false;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(versions & 1u << i))
			continue;
		if (any)
			out_octet(o, ',');
		out_str(o, names[i]);
		any = true;
	}
}
