#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of packet_fuzz into a folder: first packets, good and bad

    packet_seeds.py FOLDER
"""
import os
import socket
import struct
import sys

TCP = struct.pack("!HHIIBBHHH", 40000, 25, 0x01020304, 0, 5 << 4, 2, 64240, 0, 0)
V4 = [socket.inet_aton(a) for a in ("203.0.113.9", "198.51.100.2")]
V6 = [socket.inet_pton(socket.AF_INET6, a) for a in ("2001:db8:1::9", "2001:db8:2::2")]


def v4(payload=TCP, options=b"", protocol=6, fragment=0x4000, source=V4[0], target=V4[1]):
    head = 20 + len(options)
    return struct.pack("!BBHHHBBH", 0x40 | head // 4, 0, head + len(payload), 1, fragment, 64, protocol, 0) \
        + source + target + options + payload


def v6(payload=TCP, headers=(), source=V6[0], target=V6[1]):
    kinds = [kind for kind, _ in headers] + [6]
    chain = b"".join(bytes([following]) + octets for following, (_, octets) in zip(kinds[1:], headers))
    return struct.pack("!IHBB", 6 << 28, len(chain) + len(payload), kinds[0], 64) + source + target + chain + payload


def extension(units):
    return bytes([units]) + bytes(units * 8 + 6)


SEEDS = {
    "v4": v4(),
    "v4-options": v4(options=b"\x01" * 40),
    "v4-cut-in-tcp": v4(options=b"\x01" * 40)[:64],
    "v4-udp": v4(protocol=17),
    "v4-fragment": v4(fragment=0x2000),
    "v4-later-fragment": v4(fragment=0x0010),
    "v4-loopback": v4(source=socket.inet_aton("127.0.0.1")),
    "v4-tcp-options": v4(TCP[:12] + b"\xf0" + TCP[13:] + b"\x01" * 40),
    "v4-tcp-beyond": v4(TCP[:12] + b"\xf0" + TCP[13:]),
    "v6": v6(),
    "v6-mapped": v6(source=bytes(10) + b"\xff\xff" + V4[0]),
    "v6-headers": v6(headers=[(0, extension(0)), (43, extension(2)), (44, bytes(7)), (60, extension(1))]),
    "v6-many-headers": v6(headers=[(60, extension(0))] * 9),
    "v6-later-fragment": v6(headers=[(44, b"\0\0\x08" + bytes(4))]),
    "v6-esp": v6(headers=[(50, extension(0))]),
    "v6-long-header": v6(headers=[(60, b"\xff" + bytes(6))]),
    "nothing": b"",
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, octets in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(octets)


if __name__ == "__main__":
    main()
