# SPDX-License-Identifier: ISC
"""A TCP connection made segment by segment, for what no kernel would send (root)

    with lab.client, RawTcp("203.0.113.12", 4000, PUBLISHED[4]) as c:
        c.open()
        c.say(b"EHLO c.test\\r\\n")
        c.send(b"RSET\\r\\n", spoil=True)      # a wrong checksum: our own count does not go on

The host's kernel knows nothing of the connection and would reset it: its resets from that address and port are dropped
by a rule of the host's own firewall, which must be a network namespace of the test.
"""
import random
import socket
import struct
import subprocess
import time

from fixture import PATIENCE_S

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WINDOW = 64240
TTL = 63  # tells ours from those of the kernel


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack("!%dH" % (len(octets) // 2), octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, port, target, target_port, seq, ack, flags, octets=b"", spoil=False):
    """An IPv4 packet; the kernel fills in its length and the checksum of its head."""
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 0, seq & 0xffff, 0, TTL, socket.IPPROTO_TCP, 0) + addresses
    tcp = struct.pack("!HHLLBBHHH", port, target_port, seq & 0xffffffff, ack & 0xffffffff, 5 << 4, flags, WINDOW, 0, 0)
    whole = checksum(addresses + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp) + len(octets)) + tcp + octets)
    return ip + tcp[:16] + struct.pack("!H", whole ^ (0x5555 if spoil else 0)) + tcp[18:] + octets


class RawTcp:
    def __init__(self, source, port, target, target_port=25):
        self.source, self.port, self.target, self.target_port = source, port, target, target_port
        self.rule = ["OUTPUT", "-p", "tcp", "-s", source, "--sport", str(port), "--tcp-flags", "RST", "RST",
                     "-m", "ttl", "!", "--ttl-eq", str(TTL), "-j", "DROP"]
        self.ours, self.theirs = random.getrandbits(32), None
        self.text, self.closed, self.was_reset = b"", False, False

    def __enter__(self):
        subprocess.run(["iptables", "-A", *self.rule], check=True)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.into = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.into.settimeout(0.05)
        return self

    def __exit__(self, *unused):
        self.out.close()
        self.into.close()
        subprocess.run(["iptables", "-D", *self.rule], check=True)

    # -- segments

    def segment(self, flags, octets=b"", seq=None, spoil=False):
        """One segment as it is told; our own count stays."""
        self.out.sendto(packet(self.source, self.port, self.target, self.target_port, self.ours if seq is None else seq,
                               self.theirs or 0, flags, octets, spoil), (self.target, 0))

    def send(self, octets, spoil=False):
        """Octets in their place."""
        self.segment(ACK | PSH, octets, spoil=spoil)
        if not spoil:
            self.ours += len(octets)

    def take(self):
        """One segment of theirs, or None when there is none; what is in its place is taken and acknowledged."""
        try:
            octets = self.into.recv(65536)
        except TimeoutError:
            return None
        tcp = octets[(octets[0] & 15) * 4:]
        port, to, seq, ack, offset, flags = struct.unpack("!HHLLBB", tcp[:14])
        if octets[12:16] != socket.inet_aton(self.target) or (port, to) != (self.target_port, self.port):
            return b""
        text = tcp[(offset >> 4) * 4:]
        if flags & RST:
            self.was_reset = True
        elif flags & SYN:
            self.theirs = seq + 1
        elif self.theirs is not None and seq == self.theirs & 0xffffffff and (text or flags & FIN):
            self.text += text
            self.theirs += len(text) + (flags & FIN)
            self.closed = self.closed or bool(flags & FIN)
            self.segment(ACK)
        return tcp

    def until(self, what, probe, timeout=PATIENCE_S):
        end = time.monotonic() + timeout
        while not probe():
            if time.monotonic() > end or self.was_reset and what != "a reset":
                raise AssertionError(f"no {what}; the other side said {self.text!r}, reset: {self.was_reset}")
            self.take()

    def idle(self, seconds):
        """What comes meanwhile is taken."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.take()

    # -- sessions

    def open(self, octets=b""):
        """The handshake; @octets already in the SYN."""
        self.segment(SYN, octets)
        self.until("SYN-ACK", lambda: self.theirs is not None)
        self.ours += 1
        self.segment(ACK)

    def expect(self, code):
        """The next whole reply."""
        def reply():
            lines = self.text.split(b"\r\n")[:-1]
            return next((i + 1 for i, line in enumerate(lines) if line[3:4] != b"-"), 0)
        self.until(f"reply {code}", reply)
        n = reply()
        lines = self.text.split(b"\r\n")
        got, self.text = b"\r\n".join(lines[:n]), b"\r\n".join(lines[n:])
        if not got.startswith(str(code).encode()):
            raise AssertionError(f"expected {code}, got {got!r}")
        return got

    def say(self, octets, code=250):
        self.send(octets)
        return self.expect(code)
