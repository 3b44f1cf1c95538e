# SPDX-License-Identifier: ISC
"""A DNS server that says what a test tells it: UDP and TCP on loopback, zones from a dict.

    with Dns({"in.test": {"MX": [(10, "mx.in.test")]}, "mx.in.test": {"A": ["192.0.2.1"]}}) as dns: ... dns.port

A name that is not in the dict does not exist; one without the type asked for has no such records. What stands for the
records, or for a whole name, may be a word: see WORDS.
"""
import base64
import socket
import struct
import subprocess
import tempfile
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "AAAA": 28, "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48}
NAMES = {v: k for k, v in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
TC, FLAGS = 0x0200, 0x8180

WORDS = {
    "SERVFAIL": "this is the answer", "REFUSED": "... this", "FORMERR": "... this",
    "SILENCE": "no answer",
    "GARBAGE": "octets that are no message, with the right id in front",
    "WRONG-ID": "an answer with another id, and then none",
    "WRONG-NAME": "an answer to another question, and then none",
}


def wire(name):
    """A name uncompressed; labels may hold any octet but dots (str: UTF-8)."""
    octets = name.encode() if isinstance(name, str) else name
    return b"".join(bytes([len(l)]) + l for l in octets.split(b".") if l) + b"\0"


def rdata(kind, value):
    if isinstance(value, bytes):
        return value
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack(">H", value[0]) + wire(value[1])
    return wire(value)  # CNAME, NS


def record(name, kind, data, ttl=60):
    return wire(name) + struct.pack(">HHIH", TYPES[kind], 1, ttl, len(data)) + data


def question_of(message):
    """Name in lower case, type as a word, and where the question ends."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii", "replace").lower())
        at += 1 + message[at]
    kind, _ = struct.unpack_from(">HH", message, at + 1)
    return ".".join(labels), NAMES.get(kind, str(kind)), at + 5


class Dns:
    def __init__(self, zone, truncate=(), oversize=(), signer=None, host="127.0.0.1", port=0):
        """@truncate: names that are answered by TCP only; @oversize: by UDP also beyond what was asked for."""
        self.zone, self.truncate, self.oversize, self.signer = zone, set(truncate), set(oversize), signer
        self.asked = []  # (name, type, "udp" or "tcp")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        while True:  # one port free for both
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.bind((host, port))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp = socket.create_server((host, self.port), family=family, backlog=64)
                break
            except OSError:
                self.udp.close()
                if port:
                    raise
        self.socks = []
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        for sock in self.socks:
            sock.close()

    def names_asked(self, kind=None):
        return [name for name, k, _ in self.asked if kind in (None, k)]

    # -- what is answered

    def _records(self, name, kind, with_signatures):
        """Octets of the records, how many, and the code."""
        octets, n = b"", 0
        for _ in range(20):
            entry = self.zone.get(name)
            if entry is None:
                return octets, n, NXDOMAIN
            found = kind if kind in entry else "CNAME" if "CNAME" in entry else None
            if found is None:
                return octets, n, NOERROR
            for value in entry[found]:
                octets += record(name, found, rdata(found, value))
                n += 1
            if with_signatures and self.signer and self.signer.covers(name):
                octets += record(name, "RRSIG", self.signer.sign(name, found, [rdata(found, v) for v in entry[found]]))
                n += 1
            if found == kind:
                return octets, n, NOERROR
            name = entry["CNAME"][0]
        return octets, n, NOERROR

    def answer(self, message, transport):
        """What goes back, or None."""
        try:
            name, kind, end = question_of(message)
        except (IndexError, struct.error):
            return None
        self.asked.append((name, kind, transport))
        entry = self.zone.get(name)
        word = entry if isinstance(entry, str) else entry.get(kind) if entry else None
        word = word if isinstance(word, str) else None
        number, question = message[:2], message[12:end]
        if word == "SILENCE":
            return None
        if word == "GARBAGE":
            return number + b"\xff" * 40
        if word in ("SERVFAIL", "REFUSED", "FORMERR"):
            return number + struct.pack(">HHHHH", FLAGS | globals()[word], 1, 0, 0, 0) + question
        if word == "WRONG-ID":
            number = bytes([number[0] ^ 0x55, number[1]])
        if word == "WRONG-NAME":
            question = wire("other.test") + question[-4:]
        if word:
            return number + struct.pack(">HHHHH", FLAGS, 1, 1, 0, 0) + question + record("in.test", "A", b"\1\2\3\4")
        if transport == "udp" and name in self.truncate:
            return number + struct.pack(">HHHHH", FLAGS | TC, 1, 0, 0, 0) + question
        octets, n, code = self._records(name, kind, struct.unpack_from(">H", message, 10)[0] > 0)
        return number + struct.pack(">HHHHH", FLAGS | code, 1, n, 0, 0) + question + octets

    # -- sockets

    def _serve_udp(self):
        while True:
            try:
                message, peer = self.udp.recvfrom(65536)
            except OSError:
                return
            back = self.answer(message, "udp")
            if back is None:
                continue
            name, _, end = question_of(message)
            if len(back) > 1232 and name not in self.oversize:  # what libunbound says that it takes
                back = back[:2] + struct.pack(">HHHHH", FLAGS | TC, 1, 0, 0, 0) + message[12:end]
            try:
                self.udp.sendto(back, peer)
            except OSError:
                pass

    def _serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            self.socks.append(sock)
            threading.Thread(target=self._serve_stream, args=(sock,), daemon=True).start()

    def _serve_stream(self, sock):
        try:
            stream = sock.makefile("rb")
            while head := stream.read(2):
                back = self.answer(stream.read(struct.unpack(">H", head)[0]), "tcp")
                if back is not None:
                    sock.sendall(struct.pack(">H", len(back)) + back)
        except (OSError, ValueError, struct.error):
            pass


class Signer:
    """A zone key (ECDSA P-256, RFC 6605) by openssl(1): signatures of its names, and its anchor."""

    def __init__(self, zone, forge=()):
        self.zone, self.forge = zone, set(forge)  # forge: names whose signatures are over something else
        self.key = tempfile.NamedTemporaryFile(suffix=".pem")
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key.name],
                       check=True, capture_output=True)
        der = subprocess.run(["openssl", "ec", "-in", self.key.name, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.dnskey = struct.pack(">HBB", 257, 3, 13) + der[-64:]
        self.tag = sum(b << 8 if i % 2 == 0 else b for i, b in enumerate(self.dnskey))
        self.tag = (self.tag + (self.tag >> 16)) & 0xffff
        self.anchor = f"{zone}. IN DNSKEY 257 3 13 {base64.b64encode(der[-64:]).decode()}\n"

    def close(self):
        self.key.close()

    def covers(self, name):
        return name == self.zone or name.endswith("." + self.zone)

    def _raw(self, octets):
        """r and s of the signature, from DER."""
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key.name], input=octets, check=True,
                             capture_output=True).stdout
        out, at = b"", 2
        for _ in range(2):
            n = der[at + 1]
            out += der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + n
        return out

    def sign(self, name, kind, values):
        now = int(time.time())
        labels = len([l for l in name.split(".") if l])
        head = struct.pack(">HBBIIIH", TYPES[kind], 13, labels, 60, now + 86400, now - 86400, self.tag) + wire(self.zone)
        rrset = b"".join(wire(name) + struct.pack(">HHIH", TYPES[kind], 1, 60, len(v)) + v for v in sorted(values))
        return head + self._raw(head + (b"forged" if name in self.forge else b"") + rrset)
