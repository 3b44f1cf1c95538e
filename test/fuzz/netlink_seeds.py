#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of netlink_fuzz into a folder: what follows the head of messages of the kernel

    netlink_seeds.py FOLDER
"""
import os
import socket
import struct
import sys


def attribute(kind, octets):
    return struct.pack("=HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def nest(kind, *inner):
    return attribute(kind | 0x8000, b"".join(inner))


def tuple4(kind, source, target, ports):
    return nest(kind, nest(1, attribute(1, socket.inet_aton(source)), attribute(2, socket.inet_aton(target))),
                nest(2, attribute(1, b"\x06"), attribute(2, struct.pack("!H", ports[0])), attribute(3, struct.pack("!H", ports[1]))))


HEAD = struct.pack("!BBH", 2, 0, 525)
QUEUED = HEAD + attribute(1, struct.pack("!IHB", 7, 0x0800, 0)) + attribute(3, b"\0\0\0\1") + attribute(10, b"E" * 60)
COUNTERS = attribute(1, struct.pack("!Q", 9)) + attribute(2, struct.pack("!Q", 900))
TRACKED = HEAD + tuple4(1, "203.0.113.9", "198.51.100.2", (4000, 993)) + tuple4(2, "10.0.0.21", "203.0.113.9", (993, 4000)) \
    + attribute(3, struct.pack("!I", 14)) + attribute(8, b"\3\0\0\0") + attribute(12, b"\0\0\0\7") \
    + nest(4, nest(1, attribute(1, b"\3"), attribute(4, b"\1\0"), attribute(5, b"\1\0"))) \
    + nest(9, COUNTERS) + nest(10, COUNTERS) + nest(20, attribute(1, struct.pack("!Q", 1 << 60)))
SEEDS = {
    "queued": b"\0" + QUEUED,
    "queued-cut": b"\0" + QUEUED[:-8],
    "tracked": b"\1" + TRACKED,
    "destroyed": b"\2" + TRACKED,
    "not-ours": b"\1" + TRACKED.replace(b"\3\0\0\0", b"\0\0\0\3"),
    "length-0": b"\1" + HEAD + b"\0\0\1\0" * 4,
    "long": b"\1" + HEAD + b"\xff\xff\1\x80" + TRACKED[4:],
    "copy": b"\3" + HEAD + attribute(1, struct.pack("!HBx", 0x0800, 2)) + attribute(10, b"\0") + attribute(9, b"\x45" + bytes(39)),
    "copy-elsewhere": b"\3" + HEAD + attribute(1, struct.pack("!HBx", 0x0800, 0)) + attribute(9, b"\x45"),
    "records": b"\0" + struct.pack("=IIHHHHI32x", 7, 0x03000000, 525, 1, 0, 0, 0) * 3
    + struct.pack("=IIHHHHI32x", 1, 0, 0, 4, 4000, 993, 4),
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, octets in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(octets)


if __name__ == "__main__":
    main()
