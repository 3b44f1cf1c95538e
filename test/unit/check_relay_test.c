/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

#define LOGIN(via)                                                                                 \
	ROUTE "certificate c { chain \"a.pem\"; key \"k.pem\" }\n"                                 \
	      "auth a { via " via "; mechanisms PLAIN }\n"

static void relays_and_what_belongs_to_them_are_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "certificate c { chain \"a.pem\" }\n", "2:1: \"key\" is missing in this block, "
							 "as in \"key \"tls/privkey.pem\"\"" },
		{ "certificate c { chain a.pem; key \"k.pem\" }\n",
			"2:23: \"a.pem\": the file of the certificate chain stands in quotes, as "
			"in \"chain \"tls/fullchain.pem\"\"" },
		{ "auth a { via file \"x\" }\n", "2:1: \"mechanisms\" is missing in this block, as "
						 "in \"mechanisms PLAIN, LOGIN\"" },
		{ "auth a { via files \"x\"; mechanisms PLAIN }\n",
			"2:14: \"files\": did you mean \"file\"? Expected \"file\", \"dovecot\", "
			"\"pam\" or \"next-hop\"" },
		{ "auth a { via pam; mechanisms PLAIN }\n",
			"2:17: the PAM service is missing, as in \"via file \"staff.passwd\"\"" },
		{ "auth a { via file \"x\"; mechanisms PLAIN, PLAIN }\n",
			"2:42: \"PLAIN\" stands twice" },
		{ "auth a { via file \"x\"; mechanisms PLANE }\n",
			"2:35: \"PLANE\": expected \"PLAIN\", \"LOGIN\", \"CRAM-MD5\", "
			"\"SCRAM-SHA-1\", \"SCRAM-SHA-256\", \"XOAUTH2\", \"OAUTHBEARER\" or "
			"\"EXTERNAL\"" },
		{ "auth a {\nvia dovecot \"x\nmechanisms SCRAM-SHA-256\n}\n",
			"3:13: text is not closed: \" is missing before the end of the line" },
		{ "auth a { via pam \"x\"; mechanisms SCRAM-SHA-256 }\n",
			"2:1: auth \"a\": mechanism SCRAM-SHA-256 needs \"via dovecot\" or \"via "
			"next-hop\"; files and PAM check PLAIN and LOGIN" },
		{ "auth a { via next-hop; mechanisms PLAIN; lockout 5 failures in 10m }\n",
			"2:67: expected \"for\" here, as in \"lockout 5 failures in 10m for "
			"15m\"" },
		{ "auth a { via next-hop; mechanisms PLAIN; lockout 5 failure in 10m for 10m }\n",
			"2:52: \"failure\": did you mean \"failures\"? Expected \"failures\"" },
		{ "route o { domains any; next-hop mail_x.example.org:25 }\n",
			"2:33: \"mail_x.example.org\" is no host name: labels of letters, digits "
			"and \"-\", as in \"next-hop relay.example.net:587\"" },
		{ "route o { domains any; next-hop a.example, 0x7f.1:25 }\n",
			"2:44: \"0x7f.1\" is no host name: labels of letters, digits and \"-\", as "
			"in \"next-hop relay.example.net:587\"" },
		{ "route o { domains any; next-hop a.example:0 }\n",
			"2:33: \"a.example:0\": a port is a number from 1 to 65535, as in "
			"\"next-hop relay.example.net:587\"" },
		{ "route o { domains any; next-hop a.example: }\n",
			"2:33: \"a.example:\": a port is a number from 1 to 65535, as in "
			"\"next-hop relay.example.net:587\"" },
		{ "route o { domains any; next-hop mxx }\n",
			"2:33: \"mxx\": expected \"mx\", an address or a host name; one of a "
			"single label has its port behind it, as in \"mxx:25\"" },
		{ "route o { domains any; next-hop a.example, MX.:25 }\n",
			"2:44: \"mx\" stands alone and without a port, as in \"next-hop mx\"" },
		{ "route o { domains any; next-hop any:25 }\n",
			"2:33: \"any:25\": expected ADDRESS:PORT (IPv6 as [2001:db8::1]:25), as in "
			"\"next-hop 10.0.0.21:25\"" },
		{ "route o { domains any; next-hop 2001:db8::1 }\n",
			"2:33: \"2001:db8::1\": the port is missing, as in \"[2001:db8::1]:25\"" },
		{ "route o { domains any; next-hop 10.0.0.1 }\n",
			"2:33: \"10.0.0.1\": the port is missing, as in \"10.0.0.1:25\"" },
		{ "route o { domains any; next-hop mx; tls optional }\n",
			"2:41: \"optional\": expected \"opportunistic\", \"none\", \"required\" or "
			"\"verify\"" },
		{ "route o { domains any; next-hop mx; bind 10.0.0.1:25 }\n",
			"2:42: \"10.0.0.1:25\" is no address, as in \"bind 198.51.100.2\"" },
		{ "route o { domains any; next-hop mx; resolver dns }\n",
			"2:46: \"dns\" is a name; write the address itself, as in \"resolver "
			"10.0.0.53\"" },
		{ "route o { domains joe@example.org; next-hop mx }\n",
			"2:19: \"joe@example.org\" is no domain (as in example.org, or "
			"*.example.org for everything below)" },
		{ "route o { next-hop mx }\n", "2:1: \"domains\" is missing in this block, as in "
					       "\"domains hosted-domains\"" },
		{ RELAY("listen 198.51.100.2:587 starttls"),
			"4:95: TLS needs a certificate, as in \"listen 198.51.100.3:587 starttls "
			"required certificate mail\"" },
		{ RELAY("listen 198.51.100.2:587 certificate c"),
			"4:99: undefined certificate \"c\": define it by \"certificate c { ... "
			"}\"" },
		{ "certificate c { chain \"a.pem\"; key \"k.pem\" }\n" RELAY(
			  "listen 198.51.100.2:587 certificate c"),
			"5:99: a certificate needs \"tls\" or \"starttls\" in front of it, as in "
			"\"listen 198.51.100.3:587 starttls required certificate mail\"" },
		{ RELAY("listen 198.51.100.2:587 tls certificate c"),
			"4:103: undefined certificate \"c\": define it by \"certificate c { ... "
			"}\"" },
		{ "certificate c { chain \"a.pem\"; key \"k.pem\" }\n" RELAY(
			  "listen 198.51.100.2:465 tls certificate c, 198.51.100.2:587"),
			"5:106: \"198.51.100.2:587\" is no certificate: give each address a "
			"\"listen\" of its own, as in \"listen 198.51.100.3:587 starttls "
			"required certificate mail\"" },
		{ RELAY("listen 198.51.100.2:587 ssl"),
			"4:87: \"ssl\": expected \"tls\", \"starttls\", \"min\", "
			"\"certificate\", or nothing more" },
		{ "certificate c { chain \"a.pem\"; key \"k.pem\" }\n" RELAY(
			  "listen 198.51.100.2:587 starttls required min 1.1 certificate c"),
			"5:109: \"1.1\": did you mean \"1.2\"? Expected \"1.2\" or \"1.3\"" },
		{ RELAY("listen 198.51.100.2:587 min 1.3"),
			"4:87: \"min\" needs \"tls\" or \"starttls\" in front of it, as in "
			"\"listen 198.51.100.3:587 starttls required certificate mail\"" },
		{ RELAY("listen 198.51.100.2:587 tls min 1.3"),
			"4:98: TLS needs a certificate, as in \"listen 198.51.100.3:587 starttls "
			"required certificate mail\"" },
		{ RELAY("auth required staff"),
			"4:77: undefined auth \"staff\": define it by \"auth staff { ... }\"" },
		{ RELAY("banner pass"), "4:70: \"pass\": a greeting stands in quotes, as in "
					"\"banner \"mail.example.org ESMTP\"\"" },
		{ RELAY("pass"), "4:63: \"pass\": expected \"listen\", \"from\", \"when\", "
				 "\"auth\", \"recipients\", \"inspect\", \"deliver\", \"limit\", "
				 "\"timeout\", \"banner\" or \"log\"" },
		{ "relay r { }\n", "2:1: \"listen\" is missing in this block, as in \"listen "
				   "198.51.100.3:587 starttls required certificate mail\"\n"
				   "2:1: \"recipients\" is missing in this block, as in "
				   "\"recipients in hosted-domains\"\n"
				   "2:1: \"deliver\" is missing in this block, as in \"deliver "
				   "to-exchange, internet\"" },
		{ ROUTE "relay r { listen 198.51.100.2:25; recipients any; deliver o }\n",
			"3:46: open relay: any client may send to any domain without login; add "
			"\"auth required NAME\", or use \"recipients in SET\"" },
		{ ROUTE "relay r { listen 198.51.100.2:25; from any except 192.0.2.1; recipients "
			"any except x.example; deliver o }\n",
			"3:73: open relay: any client may send to any domain without login; add "
			"\"auth required NAME\", or use \"recipients in SET\"" },
		{ ROUTE "set all { members 0.0.0.0/0 }\nrelay r { listen 198.51.100.2:25; from "
			"all; recipients any; deliver o }\n",
			"4:56: open relay: any client may send to any domain without login; add "
			"\"auth required NAME\", or use \"recipients in SET\"" },
		{ ROUTE "relay r { listen 198.51.100.2:25; from ::/0; recipients any; deliver o "
			"}\n",
			"3:57: open relay: any client may send to any domain without login; add "
			"\"auth required NAME\", or use \"recipients in SET\"" },
		{ "auth a { via pam \"x\"; mechanisms PLAIN }\nroute o { domains any; next-hop mx "
		  "}\nrelay r { listen 198.51.100.2:25; auth a; recipients any; deliver o }\n",
			"4:54: open relay: any client may send to any domain without login; add "
			"\"auth required NAME\", or use \"recipients in SET\"" },
		{ ROUTE "relay r { listen 198.51.100.2:25; auth required staf; recipients any; "
			"deliver o }\n",
			"3:49: undefined auth \"staf\": define it by \"auth staf { ... }\"" },
		{ LOGIN("pam \"x\"") "relay r { listen 198.51.100.2:465 tls certificate c; auth "
				     "required a; recipients any; deliver o; inspect commands "
				     "internet }\n",
			"5:54: login is required, but command table \"internet\" does not allow "
			"AUTH; write \"inspect commands submission\"" },
		{ LOGIN("file \"p\"") "relay r { listen 198.51.100.2:465 tls certificate c; listen "
				      "198.51.100.2:587; auth required a; recipients any; "
				      "deliver o }\n",
			"5:61: login is required, and offered inside TLS only, which this address "
			"does not have: nobody could send anything; add \"starttls required "
			"certificate NAME\" behind it, or give the relay for clients without login "
			"a block of its own" },
		{ LOGIN("next-hop") "relay r { listen 198.51.100.2:465 tls certificate c; auth "
				    "required a; recipients any; deliver o }\n",
			"5:54: auth \"a\" asks the next hop, but every route of this relay "
			"delivers by MX; add a route with \"next-hop HOST:PORT\" to \"deliver\"" },
		{ "set d { members example.org }\nroute i { domains any; next-hop h.example:25, "
		  "198.51.100.2:25 }\nrelay r { listen 198.51.100.2:25; recipients in d; deliver i "
		  "}\n",
			"4:52: route \"i\" leads to an address that this relay listens on "
			"itself: a message would come back until its hop count ends it" },
		{ ROUTE "set d { members example.org }\nrelay r { listen 198.51.100.2:25; "
			"recipients in d; deliver p }\n",
			"4:60: undefined route \"p\": define it by \"route p { ... }\"" },
		{ "set d { members example.org }\nroute o { domains d; next-hop mx }\n" PUBLISH(
			  "from d"),
			"4:66: set \"d\" holds domains, as it is used in rules.conf:3; addresses "
			"belong here: make two sets of it" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void screens_are_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "screen s { sender bad delete }\n", "2:19: \"bad\": expected \"any\" or \"in\"" },
		{ "screen s { sender in bad@x.example }\n",
			"2:35: expected \"delete\", \"hold\", \"refuse\", \"forward\" or \"strip\" "
			"here, as in \"sender in bad-senders delete\"" },
		{ "screen s { sender in bad@x.example remove }\n",
			"2:36: \"remove\": expected \"delete\", \"hold\", \"refuse\", \"forward\" "
			"or \"strip\"" },
		{ "screen s { sender in bad@x.example strip }\n",
			"2:36: \"strip\" takes attachments out; here stands none" },
		{ "screen s { attachment nam \"*.exe\" hold }\n",
			"2:23: \"nam\": did you mean \"name\"? Expected \"name\" or \"over\"" },
		{ "screen s { attachment name *.exe hold }\n",
			"2:28: \"*.exe\": a pattern of names stands in quotes, as in \"attachment "
			"name \"*.exe\", \"*.scr\" hold\"" },
		{ "screen s { attachment over 20 hold }\n",
			"2:28: attachment over 20: the unit is missing (B, KiB, MiB or GiB); give "
			"1B to 2GiB, as in \"attachment over 20MiB refuse\"" },
		{ "screen s { keyword \"x\" hold }\n", "2:24: \"hold\": expected \"in\"" },
		{ "screen s { keyword \"x\" in subjct hold }\n",
			"2:27: \"subjct\": did you mean \"subject\"? Expected \"subject\", "
			"\"header\" or \"body\"" },
		{ "screen s { keyword \"x\" in body, body hold }\n",
			"2:33: \"body\" stands twice" },
		{ "screen s { sender in bad@x.example forward \"nobody\" }\n",
			"2:44: \"nobody\" is no mail address, as in \"abuse@example.org\"" },
		{ "screen s { sender in bad@x.example refuse \"go\" }\n",
			"2:43: reply \"go\": give a code from 400 to 599, a blank and up to 400 "
			"letters of text; an enhanced code is of the same class, as in \"550 5.7.1 "
			"Not here\"" },
		{ "screen s like t { }\n",
			"2:15: undefined screen \"t\": define it by \"screen t { ... }\"" },
		{ "screen s like s { }\n", "2:15: \"like s\" leads in a circle" },
		{ "screen s { sender in 192.0.2.1 delete }\n",
			"2:22: \"192.0.2.1\" is no mail address or domain (as in "
			"someone@example.org, example.org or *.example.org)" },
		{ "screen s { attachment name \"\" hold }\n", "2:28: a pattern of names is empty" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relays_and_what_belongs_to_them_are_checked),
		cmocka_unit_test(screens_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
