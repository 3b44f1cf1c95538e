/* SPDX-License-Identifier: ISC */
#include "cli/explain.h"

#include "rules/view.h"

const char *explain_listen(const struct explain *e)
{
	static const char *const names[] = { [LISTEN_CLEAR] = "",
		[LISTEN_STARTTLS] = "starttls",
		[LISTEN_STARTTLS_REQUIRED] = "starttls required",
		[LISTEN_TLS] = "tls" };
	const struct relay_listen *listen = relay_listen(e->rule->relay, &e->facts.to);

	return listen != NULL ? names[listen->tls] : "";
}

void explain_hop(struct out *o, const struct next_hop *hop)
{
	if (hop->name == NULL) {
		ip_port_print(o, &hop->addr.addr);
		return;
	}
	out_str(o, hop->name);
	out_octet(o, ':');
	out_u64(o, hop->addr.addr.port);
}

void explain_way(struct out *o, const struct explain_line *l)
{
	if (l->route == NULL) {
		out_str(o, "refused: 550 5.7.1, no route of \"deliver\" has this domain");
		return;
	}
	out_str(o, "by route ");
	out_str(o, l->route->name);
	out_str(o, ": ");
	if (l->route->mx) {
		out_str(o, "MX of ");
		out_str(o, l->domain);
		return;
	}
	for (size_t i = 0; i < l->route->n_hops; i++) {
		out_str(o, i > 0 ? ", " : NULL);
		explain_hop(o, &l->route->hops[i]);
	}
}
