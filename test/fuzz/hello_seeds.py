#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Writes the seeds of hello_fuzz into a folder: hellos of both sides, good and bad

    hello_seeds.py FOLDER
"""
import os
import ssl
import struct
import sys


def vector(octets, width=2):
    return len(octets).to_bytes(width, "big") + octets


def records(message, size=16384):
    return b"".join(b"\x16\x03\x01" + vector(message[i:i + size]) for i in range(0, len(message), size))


def client(name=b"mail.example.org", versions=(0x0304, 0x0303), extensions=b""):
    if name is not None:
        extensions += b"\0\0" + vector(vector(b"\0" + vector(name)))
    if versions:
        extensions += b"\0\x2b" + vector(vector(b"".join(struct.pack("!H", v) for v in versions), 1))
    body = b"\x03\x03" + bytes(32) + vector(b"", 1) + vector(b"\x13\x01") + vector(b"\0", 1)
    return b"\x01" + vector(body + vector(extensions), 3)


def server(extensions=b"\0\x2b\0\x02\x03\x04"):
    return b"\x02" + vector(b"\x03\x03" + bytes(32) + vector(b"", 1) + b"\x13\x01\0" + vector(extensions), 3)


def real():
    """What the TLS library of this host says."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="mail.example.org")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


SEEDS = {
    "client": records(client()),
    "client-real": real(),
    "client-cut-by-records": records(client(), 1),
    "client-long-name": records(client(b"a" * 300)),
    "client-backslash": records(client(b"a\\")),
    "client-nul": records(client(b"a\0b")),
    "client-no-name": records(client(None)),
    "client-two-names": records(client(extensions=b"\0\0" + vector(vector(b"\0" + vector(b"x"))))),
    "client-odd-versions": records(client(versions=None, extensions=b"\0\x2b" + vector(vector(b"\3\4\3", 1)))),
    "client-too-long": records(client(extensions=b"\0\x15" + vector(bytes(5000)))),
    "server": records(server()),
    "server-old": records(server(b"")),
    "empty-records": b"\x16\x03\x01\0\0" * 100,
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, octets in SEEDS.items():
        for size in (0, 5):
            with open(os.path.join(folder, f"{name}-{size}"), "wb") as f:
                f.write(bytes([size]) + octets)


if __name__ == "__main__":
    main()
