/* SPDX-License-Identifier: ISC */
/*
 * DNS answers and the host's texts: nothing beyond them is read, and what is told has its bounds
 *
 * The first octet says what the rest is; the second is the seed of chances.
 */
#include "filter/relay/host_texts.h"
#include "filter/relay/mx.h"
#include "test/fuzz/fuzz.h"

#define DOMAIN "in.test"
#define OWN    "gw.test"

static void check_name(const char *name)
{
	struct dns_name wire;
	char again[DNS_HOST_SIZE];

	HOLDS(strlen(name) < DNS_HOST_SIZE);
	HOLDS(dns_name_of(name, &wire) && dns_host(&wire, again) && strcmp(again, name) == 0);
}

static void check_order(const struct mx_list *l)
{
	HOLDS(l->n <= MX_HOSTS);
	for (size_t i = 0; i < l->n; i++) {
		check_name(l->host[i].name);
		HOLDS(strcmp(l->host[i].name, OWN) != 0);
		HOLDS(!l->own || l->host[i].preference < l->own_preference);
		HOLDS(i == 0 || l->host[i - 1].preference <= l->host[i].preference);
		for (size_t k = 0; k < i; k++)
			HOLDS(strcmp(l->host[k].name, l->host[i].name) != 0);
	}
}

/* Each exchanger gets the addresses that the same message has for the domain. */
static void give_addresses(struct mx_list *l, struct span message)
{
	struct dns_answer a;
	size_t at, n;

	if (!dns_answer_open(&a, message, DOMAIN, DNS_A))
		return;
	while (dns_answer_next(&a, &at, &n)) {
		HOLDS(at <= message.n && n <= message.n - at);
		for (size_t i = 0; n == 4 && i < l->n; i++) {
			const struct ip ip = ip_v4(message.p + at);

			mx_add_address(&l->host[i], &ip, ip.octets[3] == 7);
		}
	}
}

static void exchangers(struct span message, uint64_t seed)
{
	struct mx_target targets[MX_TARGETS];
	struct mx_list l;
	enum mx_result r;
	size_t n = 0;

	mx_init(&l, OWN, seed);
	r = mx_read(&l, message, DOMAIN);
	check_order(&l);
	HOLDS((r == MX_OK) == (l.n > 0));
	if (r != MX_OK)
		return;
	give_addresses(&l, message);
	r = mx_decide(&l, targets, &n);
	HOLDS(n <= MX_TARGETS && (r == MX_OK) == (n > 0));
	for (size_t i = 0; i < n; i++) {
		HOLDS(targets[i].host < l.n && !l.host[targets[i].host].own);
		HOLDS(mx_usable(&targets[i].ip));
	}
}

static void texts(struct span text)
{
	struct ip list[HOST_SERVERS_MAX];
	char anchor[ANCHOR_MAX];

	HOLDS(hosts_find(text, SPAN(DOMAIN), list, HOST_SERVERS_MAX) <= HOST_SERVERS_MAX);
	HOLDS(resolv_servers(text, list) <= HOST_SERVERS_MAX);
	for (size_t at = 0; anchors_next(text, &at, anchor);)
		HOLDS(strlen(anchor) < ANCHOR_MAX && !strchr(anchor, ';'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input inp;
	uint8_t *copy;

	if (!fuzz_open(data, size, &inp))
		return 0;
	copy = fuzz_window(inp.text);
	if (inp.choice & 1)
		texts(span_of(copy, inp.text.n));
	else
		exchangers(span_of(copy, inp.text.n), inp.cuts);
	free(copy);
	return 0;
}
