#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of hop_hello_fuzz: what next hops say, for each wish of a route, and what a fixed generator makes of it.

    test/fuzz/hop_hello_seeds.py FOLDER
"""
import os
import random
import sys

BANNER, OFFERS, PLAIN = b"220 next ESMTP\r\n", b"250-next\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 SIZE 1000\r\n", b"250-next\r\n250 8BITMIME\r\n"
WELL, BADLY, LOST = b"\xfe+", b"\xfe-", b"\xfel"
TALKS = [
    BANNER + OFFERS + b"220 go\r\n" + WELL + OFFERS,
    BANNER + OFFERS + b"220 go\r\n" + BADLY + BANNER + OFFERS,
    BANNER + OFFERS + b"454 4.7.0 later\r\n",
    BANNER + OFFERS + b"220 go\r\n250 x\r\n",
    BANNER + PLAIN,
    BANNER + b"502 5.5.1 what\r\n250 next\r\n",
    BANNER + b"421 4.3.2 busy\r\n",
    b"554-no\r\n554 5.3.2 service\r\n",
    BANNER + LOST,
    b"220-a\r\n" * 20 + b"220 b\r\n" + PLAIN,
    b"250 x\r\n" + BANNER,
    b"220 a\n", b"220", b"hello\r\n", b"220-a\r\n221 b\r\n", b"220 " + b"x" * 2000 + b"\r\n",
]


def spoil(talk, chance):
    """One octet is lost, doubled, another, or two parts change places."""
    at = chance.randrange(len(talk))
    return chance.choice((talk[:at] + talk[at + 1:], talk[:at] + talk[at:at + 1] + talk[at:],
                          talk[:at] + bytes([chance.randrange(256)]) + talk[at + 1:], talk[at:] + talk[:at]))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    chance = random.Random(1)
    for tls in range(4):
        for n, talk in enumerate(TALKS):
            made = [talk] + [spoil(talk, chance) for _ in range(4)]
            for m, text in enumerate(made):
                with open(os.path.join(folder, "%d-%02d-%d" % (tls, n, m)), "wb") as f:
                    f.write(bytes([tls, n]) + text)


if __name__ == "__main__":
    main(sys.argv[1])
