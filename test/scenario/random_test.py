#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Random sessions through the real proxy: pipelined, cut anywhere, with refusals on both sides.

Every command gets exactly one reply, and it is that command's own (replies of the server name what they answer);
every message the client got 250 for is stored once, with the envelope that was accepted and the text that was sent;
nothing else is stored. Each connection inward is put before the oracle. A failure names its seed.
"""
import os
import random
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "oracle")]
import daemon  # noqa: E402
from fakeserver import FakeServer  # noqa: E402

PATIENCE_S = 20
SESSIONS = int(os.environ.get("POSTERN_RANDOM_SESSIONS", "400"))
SEED = int(os.environ.get("POSTERN_RANDOM_SEED", "1"))


class Moody:
    """Answers of the server: now and then a refusal; every reply names what it answers."""

    def __init__(self, rng):
        self.rng, self.opened, self.broken = rng, False, False

    def __call__(self, verb, text):
        if verb in (b"RSET", b"MAIL"):
            self.broken = False
        if verb not in (b"MAIL", b"RCPT", b"DATA", b"*END", b"BDAT", b"NOOP"):
            return None
        name = text.split(b" ")[0].partition(b":")[2] or verb
        code = self.rng.choice((b"450 4.3.0", b"550 5.1.1")) if self.rng.random() < 0.12 else b"250 2.0.0"
        if verb == b"RCPT" and not self.opened:
            code = b"503 5.5.1"
        if verb == b"BDAT":  # RFC 3030 2: behind a chunk that failed none succeeds
            code = b"503 5.5.1" if self.broken else code
            self.broken = code[:1] != b"2"
        if verb == b"MAIL":
            self.opened = code[:1] == b"2"
        if code[:1] == b"2" and verb in (b"DATA", b"*END", b"BDAT"):
            return None
        return b"%s %s\r\n" % (code, name)


class Session:
    """A client that says what the dice say and keeps account of what must have arrived."""

    def __init__(self, port, rng, number):
        self.rng, self.number = rng, number
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbuf, self.names = b"", 0
        self.expected = []  # (sender, recipients, lines)

    def send(self, octets):
        while octets:
            n = self.rng.choice((1, 2, 3, 7, 40, 1000, len(octets)))
            self.sock.sendall(octets[:n])
            octets = octets[n:]

    def reply(self):
        """The next reply: (code, text of its last line)."""
        while True:
            while b"\n" not in self.inbuf:
                octets = self.sock.recv(65536)
                if not octets:
                    raise AssertionError("closed; left over: %r" % self.inbuf)
                self.inbuf += octets
            line, _, self.inbuf = self.inbuf.partition(b"\n")
            if line[3:4] != b"-":
                return int(line[:3]), line[4:].strip()

    def address(self, domain):
        self.names += 1
        return b"<s%dn%d@%s>" % (self.number, self.names, domain)

    def asked(self, name):
        """Reads the reply to the command that named @name. Return: was it a success?"""
        code, text = self.reply()
        if b"[" not in text and not text.endswith(name):  # ours bear an incident id
            raise AssertionError("%r answered by %d %r" % (name, code, text))
        return code == 250

    def noise(self):
        """Commands that change nothing, each with what its reply must be."""
        kinds = ((b"NOOP\r\n", None), (b"VRFY root\r\n", 502), (b"GARBAGE\r\n", 500), (b"NOOP a\nb\r\n", 500),
                 (b"RSET x\r\n", 501), (b"MAIL FROM:<" + b"x" * 700 + b">\r\n", 500), (b"STARTTLS\r\n", 502))
        return [self.rng.choice(kinds) for _ in range(self.rng.choice((0, 0, 0, 1, 3)))]

    def check_noise(self, noise):
        for line, want in noise:
            code, text = self.reply()
            if code != want and not (want is None and (code == 250 or text.endswith(b"NOOP"))):
                raise AssertionError("%r answered by %d %r" % (line, code, text))

    def text(self):
        """(octets, lines or None where they are defective)"""
        words = (b"", b".", b"..", b".x", b"text", b"MAIL FROM:<boss@in.test>", b"RSET", b"y" * 5000, b"\xff \x85")
        lines = [self.rng.choice(words) for _ in range(self.rng.randrange(12))]
        octets = b"".join((b"." + ln if ln[:1] == b"." else ln) + b"\r\n" for ln in lines)
        if self.rng.random() < 0.15:
            at = self.rng.choice([i for i, o in enumerate(octets + b"\n") if o == 10]) + 1
            octets = octets[:at] + self.rng.choice((b"a\nb", b".\n", b"\r.\r", b"\0", b"\n.\n")) + b"\r\n" + octets[at:]
            lines = None
        return octets, lines

    def envelope(self, last):
        """MAIL, RCPTs, noise and @last in one group. Return: (sender, recipients) as accepted, or None."""
        sender = self.address(b"out.test")
        noise = self.noise()
        rcpts = [self.address(self.rng.choice((b"in.test", b"in.test", b"victim.test")))
                 for _ in range(self.rng.randrange(5))]
        self.send(b"MAIL FROM:%s\r\n" % sender + b"".join(line for line, _ in noise)
                  + b"".join(b"RCPT TO:%s\r\n" % r for r in rcpts) + last)
        opened = self.asked(sender)
        self.check_noise(noise)
        taken = [r for r in rcpts if self.asked(r)]
        if (taken and not opened) or any(b"victim" in r for r in taken):
            raise AssertionError("accepted: %r" % taken)
        return opened, sender, taken

    def deliver(self, sender, taken, lines, code):
        if code == 250:
            if lines is None:
                raise AssertionError("250 for a defective message")
            self.expected.append((b"FROM:" + sender, tuple(b"TO:" + r for r in taken), lines))

    def by_data(self):
        opened, sender, taken = self.envelope(b"DATA\r\n")
        code = self.reply()[0]
        if code != 354:
            return opened
        octets, lines = self.text()
        noise = self.noise()
        self.send(octets + b".\r\n" + b"".join(line for line, _ in noise))
        code = self.reply()[0]
        self.deliver(sender, taken, None if lines is None else tuple(lines), code)
        self.check_noise(noise)
        return False

    def by_bdat(self):
        opened, sender, taken = self.envelope(b"")
        octets, lines = self.text()
        octets = octets.replace(b"\r\n..", b"\r\n.")  # nothing is stuffed in chunks; what is, is text
        cuts = sorted(self.rng.randrange(len(octets) + 1) for _ in range(self.rng.randrange(4)))
        parts = [octets[a:b] for a, b in zip([0] + cuts, cuts + [len(octets)])]
        self.send(b"".join(b"BDAT %d%s\r\n%s" % (len(p), b" LAST" * (i == len(parts) - 1), p)
                           for i, p in enumerate(parts)))
        codes = [self.reply()[0] for _ in parts]
        self.deliver(sender, taken, None if lines is None else octets, codes[-1])
        if codes[-1] == 250 and codes != [250] * len(codes):
            raise AssertionError("a message with a chunk missing: %r" % codes)
        return codes[-1] != 250  # what is left of it, only RSET clears

    def run(self):
        self.reply()
        self.send(b"EHLO c.test\r\n")
        self.reply()
        for _ in range(self.rng.randrange(1, 6)):
            if self.rng.choice((self.by_data, self.by_bdat))():
                self.send(b"RSET\r\n")
                if self.reply()[0] != 250:
                    raise AssertionError("RSET refused")
        if self.rng.random() < 0.3:  # an unfinished message is none
            self.send(b"RSET\r\n" + b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nBDAT 9 LAST\r\nhalf")
        else:
            self.send(b"QUIT\r\n")
            if self.reply()[0] != 221 or self.sock.recv(100):
                raise AssertionError("QUIT did not end it")
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(65536):
            pass
        self.sock.close()


class RandomSessions(unittest.TestCase):
    def test_replies_messages_and_envelopes_belong_together(self):
        with open(os.path.join(HERE, "default.conf"), encoding="utf-8") as f:
            rules = f.read().replace("log   ", "limit           errors 10000\n    log   ")
        server = FakeServer()
        gateway = daemon.Daemon(os.environ["POSTERN_BUILD"], rules, inside=server)
        self.addCleanup(gateway.stop)
        stored = 0
        for number in range(SESSIONS):
            with self.subTest(seed=SEED, session=number):
                rng = random.Random("%d.%d" % (SEED, number))
                server.override = Moody(random.Random(rng.random()))
                server.connections, server.messages = [], []
                session = Session(gateway.port, rng, number)
                session.run()
                server.wait_closed(PATIENCE_S)
                self.assertEqual([tuple(m[:2]) + (m.body,) for m in server.messages], session.expected)
                server.check()
                stored += len(server.messages)
        self.assertGreater(stored, SESSIONS // 2)
        self.assertEqual((gateway.stop(), gateway.complaints()), ("exit 0", []))


if __name__ == "__main__":
    unittest.main()
