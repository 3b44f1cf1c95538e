/* SPDX-License-Identifier: ISC */
#include "base/incident.h"

void incident_print(struct out *o, uint32_t incident)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

	for (int shift = INCIDENT_BITS - 5; shift >= 0; shift -= 5)
		out_octet(o, (uint8_t)digits[incident >> shift & 31]);
}
