/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and postern-relay agree on
 *
 *     postern-relay SANDBOX SEAT CONTROL LOG BUNDLE COUNTS LEDGER SPARE4 SPARE6 TEXTS LISTENER...
 *
 * All but TEXTS are as for postern-proxy (proxy/roles.h); each LISTENER is one of a relay rule.
 *
 * TEXTS is a sealed memfd with base/texts.h, of the kinds below; "-": the rules need none.
 */
#include "proxy/roles.h"

enum { FD_TEXTS = FD_SPARE6 + 1, FD_RELAY_LISTENERS };

enum relay_text {
	TEXT_ROOTS = 1, /* PEM, the authorities of the host, for `tls verify`. No name */
};
