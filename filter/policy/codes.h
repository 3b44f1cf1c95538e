/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Event codes: the one catalogue
 *
 * Every log record carries one of these numbers, and every reply that Postern makes itself comes
 * from here (unless a rule words it). A number is never used again for something else. `postern
 * log code` and postern-codes(7) are made from this list.
 *
 * It stands beside the policy, below log/, because the policy names the codes and log/ only
 * renders them.
 *
 *   PN1xxx  sessions           PN4xxx  limits and time       PN7xxx  configuration
 *   PN2xxx  messages           PN5xxx  out of step           PN8xxx  Postern itself
 *   PN30xx  malformed input    PN60xx  the internal server
 *   PN31xx  refused by a rule  PN61xx  next hops
 *
 * X(number, NAME, severity, reply code or 0, reply text with its enhanced code (RFC 3463), title,
 * clause, advice)
 */
#include "base/incident.h"
#include "base/out.h"

enum code_severity { CODE_DEBUG, CODE_INFO, CODE_WARNING, CODE_ERROR };

/* One row a code, as a table: */
/* clang-format off */
#define CODES_SESSION(X)                                                                           \
	X(1001, SESSION_OPEN, INFO, 0, "", "session opened", "", "")                                \
	X(1002, SESSION_CLOSE, INFO, 0, "", "session closed", "", "")                               \
	X(1003, SESSION_UNPUBLISHED, INFO, 554, "5.7.1 Not published", "no rule matched: default action", \
		"RFC 5321 3.1", "Run \"postern explain\" with the client and address of the record to see why each rule said no.") \
	X(1004, SESSION_PASSED, INFO, 0, "", "session passed uninspected", "", "The rule says pass: nothing of this session is looked at.") \
	X(1005, COMMAND_PASSED, DEBUG, 0, "", "command passed", "", "")                             \
	X(1006, STARTTLS_HIDDEN, INFO, 0, "", "STARTTLS left out of the server's offer", "RFC 3207 6", \
		"The rule inspects: mail goes in clear between client and server. Publish by a rule with \"pass\" where TLS is wanted.") \
	X(1007, SESSION_DIRECT, INFO, 0, "", "connection to the intercept port itself", "", \
		"Nothing diverted it, so what it is for is not known. Let the firewall drop what outsiders send to that port.") \
	X(1008, SESSION_TLS, INFO, 0, "", "the client of a relay listener is inside TLS", "RFC 8446", "") \
	X(1009, LOGIN_OK, INFO, 0, "", "somebody logged in at a relay listener", "RFC 4954", "")

#define CODES_MESSAGE(X)                                                                           \
	X(2001, MESSAGE_DELIVERED, INFO, 0, "", "message accepted by the internal server", "RFC 5321 4.2.5", "") \
	X(2002, MESSAGE_SERVER_REFUSED, INFO, 0, "", "message refused by the internal server", "RFC 5321 4.2.1", \
		"The reply is the internal server's own; look in its log.")                         \
	X(2003, MESSAGE_REFUSED, INFO, 0, "", "message refused by Postern", "", "The record before it says why.") \
	X(2004, MESSAGE_UNKNOWN, WARNING, 451, "4.4.2 Outcome unknown", "server was lost after the end of a message", \
		"RFC 1047", "The internal server may have the message; the client sends it again. Duplicates are possible, loss is not.") \
	X(2005, MESSAGE_ABORTED, INFO, 0, "", "client went away in the middle of a message", "RFC 5321 4.1.1.4", \
		"No end of data was sent inward; nothing was stored.")                              \
	X(2006, MESSAGE_RECIPIENTS, INFO, 0, "", "further recipients of a message", "", "") \
	X(2007, MESSAGE_NONE, INFO, 0, "", "recipients without a message", "RFC 5321 4.1.4", \
		"The transaction was given up after its recipients were answered. Many of them from one client are a search for addresses.")

#define CODES_MALFORMED(X)                                                                         \
	X(3001, LINE_LONG, INFO, 500, "5.5.2 Line too long", "command line is too long", "RFC 5321 4.5.3.1.4", \
		"If the client is honest, raise \"max\" of the verb in the rule's command table.") \
	X(3002, LINE_BARE_LF, INFO, 500, "5.5.2 Bare LF in command line", "bare LF in a command line", "RFC 5321 2.3.8", "") \
	X(3003, LINE_BARE_CR, INFO, 500, "5.5.2 Bare CR in command line", "bare CR in a command line", "RFC 5321 2.3.8", "") \
	X(3004, LINE_NUL, INFO, 500, "5.5.2 NUL in command line", "NUL in a command line", "RFC 5321 2.3.8", "") \
	X(3005, LINE_8BIT, INFO, 500, "5.5.2 Illegal character in command line", "control or 8-bit character in a command line", "RFC 5321 2.4", "") \
	X(3006, EMPTY, INFO, 500, "5.5.2 Empty line", "empty command line", "RFC 5321 4.1.1", "")   \
	X(3007, VERB_UNKNOWN, INFO, 500, "5.5.1 Command unrecognized", "verb is unknown", "RFC 5321 4.2.4", "") \
	X(3008, ARGUMENT_MISSING, INFO, 501, "5.5.4 Argument missing", "argument is missing", "RFC 5321 4.1.1", "") \
	X(3009, ARGUMENT_SURPLUS, INFO, 501, "5.5.4 No argument belongs here", "argument where none belongs", "RFC 5321 4.1.1.5", "") \
	X(3010, ARGUMENT_SYNTAX, INFO, 501, "5.5.4 Argument malformed", "argument is malformed", "RFC 5321 4.1.1", "") \
	X(3011, PATH_SYNTAX, INFO, 501, "5.1.3 Address malformed", "address is malformed", "RFC 5321 4.1.2", "") \
	X(3012, PATH_ROUTE, INFO, 553, "5.1.3 Source routes are not accepted", "source route", "RFC 5321 appendix C", "") \
	X(3013, PATH_UNSAFE, INFO, 553, "5.1.3 Local part not accepted", "local part holds a routing or shell character", "RFC 5321 4.1.2", \
		"If the internal server needs such addresses, say \"local-part tolerant\" in the command table.") \
	X(3014, PATH_DOMAIN, INFO, 501, "5.1.3 Domain missing or malformed", "domain is missing or malformed", "RFC 5321 4.1.2", "") \
	X(3015, PATH_LONG, INFO, 501, "5.1.3 Address too long", "address is too long", "RFC 5321 4.5.3.1", "") \
	X(3016, PATH_UTF8, INFO, 553, "5.6.7 Address needs SMTPUTF8 or is ill-formed", "non-ASCII address", "RFC 6531 3.4", "") \
	X(3017, PARAM_SYNTAX, INFO, 501, "5.5.4 Parameter malformed", "parameter is malformed", "RFC 5321 4.1.1.11", "") \
	X(3018, PARAM_UNKNOWN, INFO, 555, "5.5.4 Parameter not offered", "parameter is unknown or was not offered", "RFC 5321 4.1.1.11", "") \
	X(3019, PARAM_DUPLICATE, INFO, 501, "5.5.4 Parameter given twice", "parameter is given twice", "RFC 5321 4.1.1.11", "") \
	X(3020, SEQUENCE, INFO, 503, "5.5.1 Out of sequence", "command is out of sequence", "RFC 5321 4.1.4", "") \
	X(3021, TEXT_BARE_LF, INFO, 554, "5.6.0 Bare LF in message", "bare LF in a message", "RFC 5321 2.3.8, 4.1.1.4", \
		"The usual reason is a program that writes Unix line ends; \"data bare-newline normalise\" mends it safely.") \
	X(3022, TEXT_BARE_CR, INFO, 554, "5.6.0 Bare CR in message", "bare CR in a message", "RFC 5321 2.3.8", "") \
	X(3023, TEXT_NUL, INFO, 554, "5.6.0 NUL in message", "NUL in a message", "RFC 5322 4", "")  \
	X(3024, TEXT_LINE_LONG, INFO, 554, "5.6.0 Line too long in message", "message line is too long", "RFC 5321 4.5.3.1.6", "") \
	X(3025, TEXT_HEADER_LARGE, INFO, 552, "5.3.4 Message header too large", "message header is too large", "", \
		"\"data max-header\" of the command table sets the limit.")                         \
	X(3026, TEXT_HEADER_LINES, INFO, 552, "5.3.4 Too many header lines", "message header has too many lines", "", "") \
	X(3027, TEXT_LARGE, INFO, 552, "5.3.4 Message too large", "message is larger than the rule allows", "RFC 1870 6.1", \
		"\"limit message\" of the rule sets the limit.")                                    \
	X(3028, SASL_SYNTAX, INFO, 501, "5.5.2 Not base64", "authentication response is no base64", "RFC 4954 4", "")

#define CODES_REFUSED(X)                                                                           \
	X(3101, VERB_DENIED, INFO, 502, "5.5.1 Command not available", "verb is not allowed by the rule's command table", "RFC 5321 4.2.4", \
		"\"postern show commands\" prints the table; a \"verb\" row allows it.")            \
	X(3102, STARTTLS_DENIED, INFO, 502, "5.5.1 Command not available", "STARTTLS on an inspected rule", "RFC 3207 6", \
		"Inspection and STARTTLS exclude each other: publish the server by a rule with \"pass\" where TLS is wanted.") \
	X(3103, RECIPIENT_DENIED, INFO, 550, "5.7.1 Recipient not accepted here", "recipient is outside the rule's recipients", "RFC 5321 3.6.2", \
		"\"recipients in\" of the rule lists the domains this server takes mail for.")      \
	X(3104, CHUNKING_DENIED, INFO, 502, "5.5.1 Command not available", "BDAT where CHUNKING was not offered", "RFC 3030 2", "") \
	X(3105, AUTH_DENIED, INFO, 502, "5.5.1 Command not available", "AUTH where it was not offered", "RFC 4954 4", "") \
	X(3106, AFTER_TLS, INFO, 530, "5.7.0 Must issue a STARTTLS command first", "verb is allowed after TLS only", "RFC 3207 4", "") \
	X(3107, SIZE_DECLARED, INFO, 552, "5.3.4 Message too large", "declared size is over the rule's limit", "RFC 1870 6.1", \
		"\"limit message\" of the rule sets the limit, or \"limit octets\" where all that it allows is less.") \
	X(3108, LOGIN_REQUIRED, INFO, 530, "5.7.0 Authentication required", "command before a login, which the relay rule requires", "RFC 4954 6", "") \
	X(3109, TLS_ALREADY, INFO, 503, "5.5.1 TLS is in force already", "STARTTLS inside TLS", "RFC 3207 4.2", "") \
	X(3110, LOGIN_FAILED, INFO, 535, "5.7.8 Authentication credentials invalid", "a login at a relay listener failed", "RFC 4954 6", \
		"\"postern auth test\" tells what is wrong with a user's password.")               \
	X(3111, LOGIN_LOCKED, INFO, 535, "5.7.8 Authentication credentials invalid", "a login while client or account is locked out", "", \
		"\"lockout\" of the auth block says after how many failures, and for how long.")    \
	X(3112, LOGIN_LOCKOUT, INFO, 0, "", "too many failed logins: a lockout begins", "", "")      \
	X(3113, LOGIN_SPRAY, INFO, 0, "", "a client tried several accounts and is locked out", "", \
		"Passwords that many people have are tried for many names: look for logins from the same client that succeeded.")

#define CODES_LIMIT(X)                                                                             \
	X(4001, LIMIT_CONNECTIONS_CLIENT, INFO, 421, "4.7.0 Too many connections from your address", "too many connections from one client", "", "") \
	X(4002, LIMIT_CONNECTIONS_TOTAL, WARNING, 421, "4.3.2 Too many connections", "too many connections for the rule", "", "") \
	X(4003, LIMIT_RATE, INFO, 421, "4.7.0 Too many connections, slow down", "client connects too often", "", "") \
	X(4004, LIMIT_ERRORS, INFO, 421, "4.7.0 Too many errors", "too many refused commands in one session", "", "") \
	X(4005, LIMIT_RECIPIENTS, INFO, 452, "4.5.3 Too many recipients", "too many recipients in one message", "RFC 5321 4.5.3.1.10", "") \
	X(4006, LIMIT_PER_MESSAGE, INFO, 452, "4.5.3 Too many of this command in one message", "verb's limit per message", "", "") \
	X(4007, LIMIT_SLOW, INFO, 421, "4.4.2 Too slow", "client sends slower than the rule allows", "", "") \
	X(4008, LIMIT_JUNK, INFO, 421, "4.7.0 Too many commands without a message", "too many commands without mail", "", "") \
	X(4009, LIMIT_DESCRIPTORS, ERROR, 421, "4.3.2 Try again later", "no file descriptors left", "", "Raise LimitNOFILE, or lower \"limit connections\".") \
	X(4010, LIMIT_MEMORY, ERROR, 421, "4.3.2 Try again later", "no memory left", "", "")         \
	X(4011, LIMIT_RATE_TOTAL, WARNING, 421, "4.3.2 Too many connections, try again later", "clients of the rule connect too often", "", \
		"\"limit rate ... total\" of the rule sets the limit. Where one client brings most of it, a limit \"per client\" keeps the others served.") \
	X(4012, LIMIT_ERRORS_CLIENT, INFO, 421, "4.7.0 Too many errors, try again later", "too many refused commands of one client", "", \
		"\"limit errors ... per client\" of the rule sets the limit; a new connection is refused until enough of its time has passed.") \
	X(4013, LIMIT_RECIPIENTS_CLIENT, INFO, 452, "4.7.0 Too many recipients, try again later", "too many recipients of one client", "RFC 5321 4.2.3", \
		"\"limit recipients ... per client\" of the rule sets the limit. An honest client sends the rest later.") \
	X(4014, LIMIT_RECIPIENTS_TOTAL, WARNING, 452, "4.3.2 Too many recipients, try again later", "too many recipients for the rule", "RFC 5321 4.2.3", \
		"\"limit recipients ... total\" of the rule sets the limit. An honest client sends the rest later.") \
	X(4015, LIMIT_OCTETS_CLIENT, INFO, 452, "4.7.0 Too much mail, try again later", "too much message text of one client", "RFC 1870 6.1", \
		"\"limit octets ... per client\" of the rule sets the limit. An honest client sends the message later.") \
	X(4016, LIMIT_OCTETS_TOTAL, WARNING, 452, "4.3.2 Too much mail, try again later", "too much message text for the rule", "RFC 1870 6.1", \
		"\"limit octets ... total\" of the rule sets the limit. An honest client sends the message later.") \
	X(4101, TIMEOUT_COMMAND, INFO, 421, "4.4.2 Timeout", "client did not finish a command in time", "RFC 5321 4.5.3.2.7", "") \
	X(4102, TIMEOUT_IDLE, INFO, 421, "4.4.2 Idle too long", "client was idle too long", "RFC 5321 4.5.3.2.7", "") \
	X(4103, TIMEOUT_DATA, INFO, 421, "4.4.2 Timeout in message", "client stopped in the middle of a message", "RFC 5321 4.5.3.2.5", "") \
	X(4104, TIMEOUT_TOTAL, INFO, 421, "4.4.2 Session too long", "session exceeded its total time", "", "") \
	X(4105, TIMEOUT_CLIENT_READ, INFO, 0, "", "client does not read its replies", "", "")        \
	X(4107, SESSION_KILLED, INFO, 421, "4.3.2 Session ended by the administrator", "session was ended by \"postern session kill\"", "", "") \
	X(4106, EARLY_TALKER, INFO, 554, "5.5.1 Talked before the greeting", "client sent before it was greeted", "RFC 5321 3.1", "")

#define CODES_FAULT(X)                                                                             \
	X(5001, C_LINE_ENDLESS, INFO, 500, "5.5.2 Line too long", "a line without end from the client", "RFC 5321 4.5.3.1.4", "") \
	X(5002, C_TLS, INFO, 421, "4.7.0 No TLS here", "TLS handshake on an inspected session", "RFC 8314 3.3", \
		"Implicit TLS (port 465) passes only by a rule with \"pass\".")                     \
	X(5003, C_BDAT_SIZE, INFO, 501, "5.5.4 Chunk size malformed", "BDAT whose size cannot be read", "RFC 3030 2", "") \
	X(5004, C_PAYLOAD, INFO, 502, "5.5.1 Command not available", "a command whose payload has no known end", "", "") \
	X(5005, C_EARLY_TEXT, INFO, 421, "4.5.0 Input behind DATA before its reply", "input behind DATA that the server then refused", "RFC 2920 3.1", "") \
	X(5006, C_TLS_INJECTION, INFO, 554, "5.5.1 Input behind STARTTLS before its reply", "input behind STARTTLS: it would be taken for commands inside TLS", "RFC 3207 4", \
		"CVE-2011-0411 is the attack. No client that follows the RFC does this.")         \
	X(5007, C_TLS_FAILED, INFO, 0, "", "TLS handshake with a client failed", "RFC 8446 6.2", \
		"The reason is in the record. \"no shared cipher\" and \"unsupported protocol\" tell of old clients.") \
	X(5101, S_REPLY_SYNTAX, WARNING, 421, "4.3.0 Server error", "server's reply is malformed", "RFC 5321 4.2", "Look at the internal server: it sent octets that are no reply.") \
	X(5102, S_REPLY_LONG, WARNING, 421, "4.3.0 Server error", "server's reply exceeds its bounds", "RFC 5321 4.5.3.1.5", "") \
	X(5103, S_REPLY_CLASS, WARNING, 421, "4.3.0 Server error", "server's reply does not fit the command", "RFC 5321 4.3.2", "") \
	X(5104, S_REPLY_UNASKED, WARNING, 421, "4.3.0 Server error", "server's reply answers nothing", "RFC 5321 4.2", "") \
	X(5105, S_REPLY_EARLY, WARNING, 421, "4.3.0 Server error", "server answered in the middle of a message", "RFC 5321 4.3.2", "") \
	X(5106, S_SHRUNK, WARNING, 421, "4.3.0 Server error", "server offers less than before on a new connection", "", "")

#define CODES_SERVER(X)                                                                            \
	X(6001, SERVER_DOWN, WARNING, 421, "4.3.2 Service not available", "internal server does not accept connections", "RFC 5321 3.8", \
		"Check that the internal server runs and that this host may reach it.")             \
	X(6002, SERVER_GREETING, WARNING, 421, "4.3.2 Service not available", "internal server did not greet in time", "RFC 5321 4.5.3.2.1", "") \
	X(6003, SERVER_LOST, WARNING, 421, "4.4.2 Connection to server lost", "internal server closed the connection", "RFC 5321 3.8", "") \
	X(6004, SERVER_SILENT, WARNING, 421, "4.4.2 Server does not answer", "internal server did not reply in time", "RFC 5321 4.5.3.2", "") \
	X(6005, SERVER_NO_XCLIENT, WARNING, 421, "4.3.0 Server error", "internal server refuses XCLIENT", "", \
		"Let the server accept XCLIENT from this host (Postfix: smtpd_authorized_xclient_hosts), or change \"client-address\".") \
	X(6006, SERVER_CLOSING, INFO, 0, "", "internal server ended the session with 421", "RFC 5321 3.8", "") \
	X(6007, SERVER_FAMILY, WARNING, 421, "4.3.2 Service not available", "no internal server of the client's address family", "", \
		"The rule keeps the client's address: it needs an internal server with an IPv6 address for IPv6 clients, one with an IPv4 address for IPv4 clients.") \
	X(6009, SERVER_NONE_LIVE, WARNING, 0, "", "no internal server of a passing rule is live", "", \
		"All of them failed their probes: check that they run and that this host may reach them. The client got a TCP reset.") \
	X(6008, SERVER_OWN, WARNING, 421, "4.4.6 Routing loop", "the address asked for is this host's own", "RFC 3463 3.5", \
		"\"internal original\" dials what the client asked for. Publish addresses of this host by a rule that names the server.") \
	X(6101, HOP_DOWN, WARNING, 451, "4.4.1 Next hop does not answer", "a next hop of a relay rule's route takes no mail", "RFC 5321 4.2.4.2", \
		"The record names it and what it said. The next one is tried; where none is left, the sender tries again, and nothing is lost.") \
	X(6102, HOP_TLS, WARNING, 451, "4.7.4 Next hop speaks no TLS that will do", "next hop offers no TLS, or none that the route accepts", "RFC 3207 4.1", \
		"\"tls\" of the route says what it must be. The record says why it was not.") \
	X(6103, HOP_LOST, WARNING, 451, "4.4.2 Connection to next hop lost", "next hop closed the connection, or did not answer in time", "RFC 5321 3.8", \
		"The client was told to send again; where the end of the message had gone out, the next hop may have it twice then (RFC 1047).") \
	X(6104, HOP_NAME, WARNING, 451, "4.4.3 Next hop cannot be looked up", "a next hop's name cannot be looked up", "", \
		"The record names it. Check \"next-hop\" of the route, and the name servers: \"resolver\" of the route, or those of /etc/resolv.conf.") \
	X(6105, HOP_NO_DOMAIN, INFO, 550, "5.1.2 No mail server for this domain", "the recipient's domain does not exist, or has no mail server", "RFC 5321 5.1", "") \
	X(6106, HOP_NULL_MX, INFO, 556, "5.1.10 Domain takes no mail", "the recipient's domain says that it takes no mail", "RFC 7505", "") \
	X(6107, HOP_BAD_DOMAIN, INFO, 553, "5.1.2 Domain cannot be looked up", "the recipient's domain is no name that can be looked up", "RFC 5321 4.1.2", "") \
	X(6108, HOP_LOOP, INFO, 554, "5.4.6 Routing loop", "the best mail server of the recipient's domain is this host", "RFC 5321 5.1", \
		"Mail would come back for ever. Give the domain a route in front of this one that names its server.") \
	X(6109, HOP_UNUSABLE, INFO, 550, "5.4.4 Domain's mail servers have no usable address", "the recipient's domain has mail servers at loopback, link-local or like addresses only", "RFC 6890 2.2", \
		"Whoever owns a domain says where its mail goes; services of this host that listen on loopback are none of his.") \
	X(6110, HOP_NO_ANSWER, INFO, 451, "4.4.3 Domain cannot be looked up now", "the recipient's domain cannot be looked up now", "RFC 5321 5.1", \
		"Where it is so for all domains, look at the name servers: \"resolver\" of the route, or those of /etc/resolv.conf.") \
	X(6111, HOP_BOGUS, INFO, 451, "4.7.5 DNSSEC validation failed", "what the DNS says of the recipient's domain is forged, or wrongly signed", "RFC 4035 5.5", "") \
	X(6112, LOGIN_UNKNOWN, WARNING, 454, "4.7.0 Temporary authentication failure", "who checks logins does not answer", "RFC 4954 4.7", \
		"Look at what \"via\" of the auth block names: Dovecot's socket, the PAM service. Or postern-auth ended just then: PN8003.") \
	X(6113, HOP_WRONG, WARNING, 451, "4.3.0 Next hop answers wrongly", "next hop said what is no reply, or none to what it was asked", "RFC 5321 4.2", \
		"The record has what it said. Its connection was reset, the client was told to send again.") \
	X(6114, MAIL_LOOP, INFO, 554, "5.4.6 Too many hops: a loop", "a message has come round too often", "RFC 5321 6.3", \
		"It bears more than a hundred traces (Received:). Look which servers send its recipients' domain to each other.")

#define CODES_CONFIG(X)                                                                            \
	X(7001, CONFIG_STARTED, INFO, 0, "", "started with these rules", "", "")                    \
	X(7002, CONFIG_STOPPED, INFO, 421, "4.3.2 Service shutting down", "stopped", "", "")        \
	X(7003, CONFIG_APPLIED, INFO, 0, "", "new rules are in force", "", "Sessions that are open end under the rules they began with.") \
	X(7004, CONFIG_REFUSED, WARNING, 0, "", "new rules were refused, the old ones stay in force", "", \
		"\"postern check\" shows each error with its line.")                                \
	X(7005, CONFIG_ROLLED_BACK, INFO, 0, "", "rules of an earlier generation are in force again", "", \
		"The files are as they were: \"postern diff\" shows how they differ, \"postern apply\" brings them back.") \
	X(7006, SET_CHANGED, INFO, 0, "", "a dynamic set was changed", "", "") \
	X(7007, CLIENT_BANNED, INFO, 0, "", "a client was banned", "", \
		"It went beyond a limit with \"then\". \"postern set list bans\" shows who is banned, \"postern set del bans CLIENT\" lifts it.")

#define CODES_OWN(X)                                                                               \
	X(8001, LOG_DROPPED, WARNING, 0, "", "log records were dropped", "", "The log was full or too slow; mail went on. The record says how many.") \
	X(8002, LOG_FULL, ERROR, 0, "", "log has reached its size limit", "", "Rotate or delete old logs, or raise \"max\" of the log statement.") \
	X(8003, ROLE_FAILED, ERROR, 0, "", "a role ended unexpectedly", "", \
		"It is started again, after \"restart_ms\"; its sessions ended without an end of data. Signal 31 means that it tried what its sandbox forbids.") \
	X(8004, ROLE_HUNG, ERROR, 0, "", "a role did not answer and was killed", "", "It is started again, as for PN8003.") \
	X(8005, NO_SOCKET, ERROR, 421, "4.3.2 Try again later", "postern-socket gives no sockets to dial with", "", \
		"It says why on standard error, in the journal of the service; raise LimitNOFILE where descriptors are short.") \
	X(8006, LOG_FLOOD, WARNING, 0, "", "records of refused connections were held back", "", \
		"Of each code 1,000 are written in ten seconds; the record says of which, and how many more there were.") \
	X(8007, KERNEL_REPAIRED, WARNING, 0, "", "kernel rules were changed by others, and repaired", "", \
		"The record says what was found. Another tool that manages the packet filter is to leave chains named POSTERN alone: scripts/integration has samples.") \
	X(8008, KERNEL_CHANGED, ERROR, 0, "", "kernel rules were changed by others, and are not repaired", "", \
		"The record says what was found; it is tried again. \"postern firewall status\" shows what is missing.") \
	X(8101, GATE_LOST, WARNING, 0, "", "the gate lost first packets of connections", "", \
		"More came than could be read; nobody was let in for it, clients send again. A hashlimit in front of the queue keeps floods out.") \
	X(8102, GATE_EVENTS_LOST, WARNING, 0, "", "the gate lost events of connection tracking", "", \
		"It asks for all connections there are and mends its list of passed sessions, see PN8103; times of sessions that ended meanwhile are late.") \
	X(8103, GATE_RESYNCED, INFO, 0, "", "the gate has looked through all connections", "", \
		"After its start, or after PN8102: \"found\" passed sessions were not known, \"gone\" ones had ended unseen.") \
	X(8104, GATE_MALFORMED, INFO, 0, "", "first packets were dropped as malformed", "", \
		"No TCP header within the octets looked at, an impossible address, or no SYN: counted, not told one by one.") \
	X(8105, GATE_FULL, WARNING, 0, "", "passed sessions are too many to be counted", "", \
		"They go on, outside of limits and without records.") \
	X(8106, GATE_COPIES_LOST, INFO, 0, "", "copies of passed sessions' packets were lost", "", \
		"More came than could be read. The packets themselves went on; records of \"log tls\" tell less.")

#define CODES(X)                                                                                   \
	CODES_SESSION(X) CODES_MESSAGE(X) CODES_MALFORMED(X) CODES_REFUSED(X) CODES_LIMIT(X)       \
	CODES_FAULT(X) CODES_SERVER(X) CODES_CONFIG(X) CODES_OWN(X)
/* clang-format on */

#define CODE_ENUM(number, name, ...) CODE_##name,
enum code { CODES(CODE_ENUM) CODE_COUNT };
#undef CODE_ENUM

struct code_info {
	uint16_t number;
	enum code_severity severity;
	uint16_t reply;                      /* SMTP reply code, 0: none */
	const char *reply_text;              /* enhanced code and words */
	const char *name;                    /* NAME of the list */
	const char *title, *clause, *advice; /* "" when there is none */
};

const struct code_info *code_info(enum code code);

/* "PN3021". @text holds at least 7 octets. */
const char *code_text(enum code code, char text[7]);

/* "PN3021" or "3021" to code; CODE_COUNT when there is none. */
enum code code_find(struct span text);
