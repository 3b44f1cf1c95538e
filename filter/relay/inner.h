/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inner: the SMTP server behind a relay listener, in memory
 *
 * What an inspected session has for a server (filter/policy/inspect.h): it greets, answers EHLO,
 * takes MAIL, and becomes a client of the next hop with the first RCPT. What comes in was printed
 * by the engine and is parsed here again all the same. It says yes to a recipient or a message only
 * after the next hop has.
 *
 * One transaction goes to one next hop. It is chosen by the first recipient: the first of `deliver`
 * whose domains have his domain; a recipient of another one is put off (452 4.5.3).
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
