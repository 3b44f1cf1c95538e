#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of inner_fuzz: conversations of both sides, each for some rules and offers, and what a fixed
generator makes of them by cutting, joining and mistaking.

    test/fuzz/inner_seeds.py FOLDER
"""
import os
import random
import sys

E, H, LOST, RESET, TLS, NO_HOP = b"\xfeE", b"\xfeH", b"\xfel", b"\xfer", b"\xfet", b"\xfef"
HELLO = E + b"EHLO c.example.net\r\n"
MAIL = E + b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@in.test>\r\n" + H + b"250 ok\r\n250 2.1.5 b\r\n"
DATA = E + b"DATA\r\n" + H + b"354 go\r\n" + E + b"Received: x\r\nSubject: y\r\n\r\n..\r\nhi\r\n.\r\n"
BDAT = E + b"BDAT 5\r\n.a\r\n." + H + b"354 go\r\n"
LAST = E + b"BDAT 3 LAST\r\n\r\nz"
DONE = H + b"250-2.0.0\r\n250 queued\r\n"
AUTH = E + b"AUTH PLAIN Z29vZA==\r\n" + H + b"235 2.7.0 ok\r\n"
LOGIN = E + b"AUTH LOGIN\r\n" + H + b"334 VXNlcjo=\r\n" + E + b"Z29vZA==\r\n" + H + b"235 ok\r\n"
CANCEL = E + b"AUTH LOGIN\r\n" + H + b"334 \r\n" + E + b"*\r\n" + H + b"501 no\r\n"
FULL = (E + b"MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x AUTH=<>\r\n"
        b"RCPT TO:<b@in.test> NOTIFY=NEVER ORCPT=rfc822;b@in.test\r\n" + H + b"250 ok\r\n250 b\r\n")
LOOP = E + b"DATA\r\n" + H + b"354 go\r\n" + E + b"Received: x\r\n" * 101 + b"\r\n.\r\n"
PARTS = [
    HELLO, MAIL, DATA, DONE, BDAT, LAST, AUTH, LOGIN, CANCEL, FULL, LOST, RESET, TLS, NO_HOP, LOOP,
    E + b"HELO c\r\n", E + b"RSET\r\n", E + b"QUIT\r\n", E + b"NOOP\r\nVRFY x\r\nHELP\r\n", E + b"DATA\r\n",
    E + b"RCPT TO:<postmaster>\r\nRCPT TO:<c@mx.in.test>\r\nRCPT TO:<d@example.org>\r\n",
    E + b"MAIL FROM:<>\r\n", E + b"BDAT 0 LAST\r\n", E + b"a\nb\r\n.\r\n", E + b"BDAT 3\r\na\0b",
    H + b"250 ok\r\n", H + b"550 5.1.1 no\r\n", H + b"451-4.3.0 a\r\n451 4.3.0 b\r\n", H + b"421 bye\r\n",
    H + b"354 go\r\n", H + b"250 " + b"x" * 1100, H + b"hello\r\n", H + b"334 \r\n", H + b"235 ok\r\n",
]
TALKS = [
    HELLO + MAIL + DATA + DONE + MAIL + BDAT + LAST + DONE,
    HELLO + MAIL + BDAT + E + b"RSET\r\n" + MAIL + DATA + DONE,
    HELLO + MAIL + BDAT + LOST + LAST + E + b"RSET\r\n" + MAIL,
    HELLO + MAIL + LOOP + E + b"NOOP\r\n" + MAIL,
    HELLO + FULL + DATA + DONE + E + b"QUIT\r\n",
    HELLO + MAIL + E + b"DATA\r\n" + H + b"354 go\r\n" + E + b"half" + RESET + MAIL + DATA + DONE,
    TLS + HELLO + AUTH + MAIL + DATA + DONE + MAIL + E + b"RSET\r\n" + H + b"250 ok\r\n" + MAIL + BDAT + LAST + DONE,
    TLS + HELLO + AUTH + MAIL + LOOP + MAIL,
    TLS + HELLO + AUTH + MAIL + BDAT + RESET + MAIL,
    TLS + HELLO + AUTH + LOST + MAIL,
    TLS + HELLO + CANCEL + LOGIN + MAIL + DATA + DONE,
    HELLO + E + b"MAIL FROM:<>\r\nRCPT TO:<b@in.test>\r\n" + H + b"550 5.7.1 no\r\n250 b\r\n" + E + b"DATA\r\n",
    HELLO + E + b"NOOP " + b"x" * 13000 + b"\r\n" + MAIL,
    TLS + HELLO + E + b"AUTH LOGIN\r\n" + H + b"334 \r\n" + E + b"x" * 13000 + b"\r\n" + MAIL,
    HELLO + NO_HOP + MAIL + NO_HOP + MAIL + DATA + H + b"452 4.2.2 full\r\n",
]
CHOICES = [rule | offer for rule in range(4) for offer in (0, 4, 8, 12, 28, 44)]
MADE = 1500


def mistaken(talk, chance):
    octets = bytearray(talk)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(octets))
        octets[at:at + chance.randrange(3)] = chance.choice([b"", b"\r", b"\n", b".", b"0", b"\xfel", b"\xfer", b" "])
    return bytes(octets)


def seeds():
    chance = random.Random(5)
    for talk in TALKS:
        for choice in CHOICES:
            yield bytes([choice]) + talk
    for _ in range(MADE):
        talk = chance.choice([b"", TLS]) + HELLO + b"".join(chance.choices(PARTS, k=chance.randrange(2, 14)))
        if chance.randrange(2):
            talk = mistaken(talk, chance)
        yield bytes([chance.choice(CHOICES)]) + talk


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for i, octets in enumerate(seeds()):
        with open(os.path.join(sys.argv[1], f"{i:04}"), "wb") as f:
            f.write(octets)


main()
