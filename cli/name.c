/* SPDX-License-Identifier: ISC */
#include "cli/name.h"

const char *name_client_address(enum client_address how)
{
	switch (how) {
	case CLIENT_KEEP: return "keep";
	case CLIENT_GATEWAY: return "gateway";
	case CLIENT_XCLIENT: return "xclient";
	case CLIENT_PROXY_V2: return "proxy-v2";
	}
	return NULL;
}

const char *name_default(enum default_action action)
{
	switch (action) {
	case DEFAULT_REFUSE: return "refuse";
	case DEFAULT_RESET: return "reset";
	case DEFAULT_DROP: return "drop";
	}
	return NULL;
}

const char *name_verb_action(enum verb_action action)
{
	switch (action) {
	case VERB_DENY: return "deny";
	case VERB_ALLOW: return "allow";
	case VERB_HIDE: return "hide";
	case VERB_AFTER_TLS: return "after-tls";
	}
	return NULL;
}

const char *name_set_kind(enum set_kind kind)
{
	switch (kind) {
	case SET_UNUSED: return "unused";
	case SET_ADDRESSES: return "addresses";
	case SET_DOMAINS: return "domains";
	case SET_MAIL: return "mail";
	}
	return NULL;
}
