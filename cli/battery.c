/* SPDX-License-Identifier: ISC */
#include "cli/battery.h"

/* $v victim, $e the same as Exchange encapsulates it, $i hosted, $n near, $g gateway, $l literal */
static const struct battery_row rows[] = {
	{ "RLY-01", "<>", "<t@$v>", "no sender", false },
	{ "RLY-02", "<antispam@$v>", "<t@$v>", "a sender there", false },
	{ "RLY-03", "<antispam@$g>", "<t@$v>", "a sender of the gateway", false },
	{ "RLY-04", "<antispam@$l>", "<t@$v>", "a sender of its address", false },
	{ "RLY-05", "<antispam@$l>", "<t%$v@$l>", "percent", false },
	{ "RLY-06", "<antispam@$l>", "<t%$v@$g>", "percent", false },
	{ "RLY-07", "<antispam@$l>", "<\"t@$v\">", "quoted whole", false },
	{ "RLY-08", "<antispam@$l>", "<\"t%$v\">", "percent, quoted whole", false },
	{ "RLY-09", "<antispam@$l>", "<t@$v@$l>", "two at-signs", false },
	{ "RLY-10", "<antispam@$l>", "<\"t@$v\"@$l>", "quoted local part", false },
	{ "RLY-11", "<antispam@$l>", "<t@$v@$g>", "two at-signs", false },
	{ "RLY-12", "<antispam@$l>", "<@$l:t@$v>", "source route", false },
	{ "RLY-13", "<antispam@$l>", "<@$g:t@$v>", "source route", false },
	{ "RLY-14", "<antispam@$l>", "<$v!t>", "bang path", false },
	{ "RLY-15", "<antispam@$l>", "<$v!t@$l>", "bang path", false },
	{ "RLY-16", "<antispam@$l>", "<$v!t@$g>", "bang path", false },
	{ "RLY-10", "<s@$v>", "<\"t@$v\"@$i>", "quoted local part of a hosted domain", false },
	{ "RLY-16", "<s@$v>", "<$v!t@$i>", "bang path of a hosted domain", false },
	{ "RLY-17", "<s@$v>", "<t%$v@$i>", "percent of a hosted domain", false },
	{ "RLY-17", "<s@$v>", "<\"t%$v\"@$i>", "the same, quoted", false },
	{ "RLY-18", "<s@$v>", "<@$i:t@$v>", "source route by a hosted domain", false },
	{ "RLY-20", "<s@$v>", "<t@$v@$i>", "two at-signs", false },
	{ "RLY-20", "<s@$v>", "<t@$i@$v>", "two at-signs", false },
	{ "RLY-21", "<s@$v>", "(x@$i)<t@$v>", "comment before the path", false },
	{ "RLY-23", "<s@$v>", "<t@$v(@$i>", "comment in the domain", false },
	{ "RLY-25", "<s@$v>", "<x@$i>,<t@$v>", "list of paths", false },
	{ "RLY-27", "<s@$v>", "<<x@$i>t@$v>", "brackets in brackets", false },
	{ "RLY-27", "<s@$v>", "<x@$i> <t@$v>", "two paths", false },
	{ "RLY-30", "<s@$v>", "<t@x$n>", "ends like a hosted domain", true },
	{ "RLY-30", "<s@$v>", "<t@$n.$v>", "begins like a hosted domain", true },
	{ "RLY-30", "<s@$v>", "<t@victim-$n>", "ends like a hosted domain", true },
	{ "RLY-34", "<s@$v>", "<IMCEASMTP-t+40$e@$i>", "encapsulated address", false },
	{ "RLY-36", "<s@$v>", "<t@[10.9.8.7]>", "address literal", true },
	{ "RLY-36", "<s@$v>", "<t@2130706433>", "number for an address", true },
	{ "RLY-36", "<s@$v>", "<t@0x7f.1>", "number for an address", true },
	{ "RLY-37", "<s@$v>", "<t>", "no domain", true },
};

const struct battery_row *battery_rows(size_t *np)
{
	*np = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

/* As IMCEASMTP has it: "+" and two digits for what is neither letter nor digit. */
static void put_encapsulated(struct out *o, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text; text++) {
		const uint8_t c = (uint8_t)*text;

		if (ascii_alpha(c) || ascii_digit(c)) {
			out_octet(o, c);
			continue;
		}
		out_octet(o, '+');
		out_octet(o, (uint8_t)digits[c >> 4]);
		out_octet(o, (uint8_t)digits[c & 15]);
	}
}

bool battery_print(struct out *o, const char *pattern, const struct battery_names *names)
{
	for (const char *p = pattern; *p; p++) {
		if (*p != '$') {
			out_octet(o, (uint8_t)*p);
			continue;
		}
		switch (*++p) {
		case 'v': out_str(o, names->victim); break;
		case 'e': put_encapsulated(o, names->victim); break;
		case 'g': out_str(o, names->gateway); break;
		case 'l': out_str(o, names->literal); break;
		default:
			if (!names->hosted)
				return false;
			out_str(o, *p == 'n' ? names->near : names->hosted);
		}
	}
	return !o->full;
}
