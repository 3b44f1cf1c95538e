/* SPDX-License-Identifier: ISC */
#include "proxy/relay/resolve/resolver.h"

#include <stdlib.h>
#include <unbound.h>

#include "filter/relay/host_texts.h"

#define CLASS_IN       1
#define RCODE_NONE     0
#define RCODE_NXDOMAIN 3
#define HEAD_SIZE      12

struct resolver {
	struct ub_ctx *ctx;
};

/* ---- lookups ---- */

static enum lookup_result result_of(int rcode, int security, struct span message)
{
	if (security == 1)
		return LOOKUP_BOGUS;
	if (rcode == RCODE_NONE && message.n >= HEAD_SIZE)
		rcode = message.p[3] & 15;
	if (rcode == RCODE_NXDOMAIN)
		return LOOKUP_NONE;
	return rcode == RCODE_NONE && message.n >= HEAD_SIZE ? LOOKUP_OK : LOOKUP_FAILED;
}

static void on_told(void *context, int rcode, void *packet, int size, int security, char *why_bogus,
	int was_limited)
{
	struct lookup *l = context;
	const struct span message = span_of(packet, packet && size > 0 ? (size_t)size : 0);

	(void)why_bogus;
	(void)was_limited;
	l->resolver = NULL;
	l->told(l, result_of(rcode, security, message), message, security == 2);
}

void lookup_begin(struct lookup *l, struct resolver *r, const char *host, enum dns_type type)
{
	int id = 0;

	l->resolver = r;
	if (ub_resolve_event(r->ctx, host, (int)type, CLASS_IN, l, on_told, &id) == 0) {
		l->id = id;
		return;
	}
	l->resolver = NULL;
	l->told(l, LOOKUP_FAILED, (struct span){ 0 }, false);
}

void lookup_end(struct lookup *l)
{
	if (l->resolver)
		ub_cancel(l->resolver->ctx, l->id);
	l->resolver = NULL;
}

/* ---- contexts ---- */

static const struct option {
	const char *name, *value;
} options[] = {
	{ "do-not-query-localhost:", "no" }, /* where a caching server of the host listens */
	{ "outgoing-range:", RESOLVER_SOCKETS },
	{ "outgoing-num-tcp:", RESOLVER_SOCKETS_TCP },
	{ "msg-cache-size:", RESOLVER_CACHE },
	{ "rrset-cache-size:", RESOLVER_CACHE },
	{ "key-cache-size:", "1m" },
	{ "neg-cache-size:", "1m" },
	{ "infra-cache-numhosts:", "100" },   /* there are a few servers only */
	{ "infra-keep-probing:", "yes" },     /* else one that failed is left alone for minutes */
	{ "cache-max-negative-ttl:", "300" }, /* who has just made his MX waits no hour for us */
	{ "rrset-roundrobin:", "yes" },
	{ "trust-anchor-signaling:", "no" }, /* it would ask questions of its own */
	{ "edns-tcp-keepalive:", "no" },
};

/* Zones that libunbound answers itself unless told: what a server of the operator's says of these
 * counts (RFC 6761 6.2, RFC 8375 4). */
static const char *const answered_zones[] = { "test.", "home.arpa." };

static int set_server(struct ub_ctx *ctx, const struct ip_port *server)
{
	char text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_print(&o, &server->ip);
	out_octet(&o, '@');
	out_u64(&o, server->port);
	return ub_ctx_set_fwd(ctx, out_cstr(&o));
}

static int configure(struct ub_ctx *ctx, const struct resolver_conf *conf, const char **what)
{
	char anchor[ANCHOR_MAX];
	int r = ub_ctx_debugout(ctx, NULL);

	*what = "options";
	for (size_t i = 0; r == 0 && i < sizeof(options) / sizeof(options[0]); i++)
		r = ub_ctx_set_option(ctx, options[i].name, options[i].value);
	if (r == 0)
		*what = "name servers";
	for (size_t i = 0; r == 0 && i < conf->n; i++)
		r = set_server(ctx, &conf->servers[i]);
	if (r == 0)
		*what = "trust anchors";
	for (size_t at = 0; r == 0 && anchors_next(conf->anchors, &at, anchor);)
		r = ub_ctx_add_ta(ctx, anchor);
	/* reads all of this: an anchor that is none is met here */
	for (size_t i = 0; r == 0 && i < sizeof(answered_zones) / sizeof(answered_zones[0]); i++)
		r = ub_ctx_zone_remove(ctx, answered_zones[i]);
	return r;
}

struct resolver *resolver_new(
	struct events *events, const struct resolver_conf *conf, struct out *why)
{
	struct resolver *r = calloc(1, sizeof(*r));
	const char *what = "context";
	int e = UB_NOMEM;

	if (r)
		r->ctx = ub_ctx_create_ub_event(&events->base);
	if (r && r->ctx)
		e = configure(r->ctx, conf, &what);
	if (e == 0)
		return r;
	out_str(why, what);
	out_str(why, ": ");
	out_str(why, ub_strerror(e));
	resolver_free(r);
	return NULL;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->ctx)
		ub_ctx_delete(r->ctx);
	free(r);
}
