#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of dns_fuzz into a folder: answers about exchangers, good and bad, and texts of a host

    dns_seeds.py FOLDER
"""
import os
import struct
import sys

POINTER = b"\xc0\x0c"  # to the question's name


def name(text):
    return b"".join(bytes([len(l)]) + l for l in text.encode().split(b".") if l) + b"\0"


def record(owner, kind, data):
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def mx(preference, exchanger, owner=POINTER):
    return record(owner, 15, struct.pack("!H", preference) + exchanger)


def answer(*records, question="in.test", count=None):
    head = struct.pack("!HHHHHH", 1, 0x8180, 1, len(records) if count is None else count, 0, 0)
    return head + name(question) + struct.pack("!HH", 15, 1) + b"".join(records)


def alias(owner, target):
    return record(owner, 5, target)


ANSWERS = {
    "two": answer(mx(10, name("a.in.test")), mx(20, b"\1b" + POINTER), record(POINTER, 1, bytes([192, 0, 2, 1]))),
    "none": answer(),
    "null": answer(mx(0, b"\0")),
    "own": answer(mx(10, name("gw.test")), mx(20, name("b.test")), mx(5, name("c.test"))),
    "alias": answer(alias(POINTER, name("x.test")), mx(1, name("y.test"), name("x.test"))),
    "circle": answer(alias(POINTER, POINTER)),
    "loopback": answer(mx(1, name("a.test")), record(POINTER, 1, bytes([127, 0, 0, 1])), record(POINTER, 1, bytes([1, 2, 3, 7]))),
    "many": answer(*(mx(i % 7, name("m%d.test" % i)) for i in range(40))),
    "short": answer(mx(1, b""), count=9),
    "forwards": answer(mx(1, b"\xc0\xff")),
    "odd": answer(mx(1, name("a b.test"))),
}
TEXTS = {
    "hosts": b"127.0.0.1 localhost\n192.0.2.1\tin.test mail # x\n",
    "resolv": b"search a\nnameserver 192.0.2.53\nnameserver fe80::1%1\noptions x\n",
    "anchor": b". IN DS 20326 8 2 E06D44 ; x\n. 86400 IN DNSKEY 257 3 8 AwE= ;{id = 1} ;;state=4 [ REVOKED ]\n",
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for first, seeds in ((b"\0", ANSWERS), (b"\1", TEXTS)):
        for seed, octets in seeds.items():
            with open(os.path.join(folder, seed), "wb") as f:
                f.write(first + b"\7" + octets)


if __name__ == "__main__":
    main()
