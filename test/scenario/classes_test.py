#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Whole classes of input through the real proxy, where the scenarios hold examples.

Behind it stands a strict server that remembers every octet; each of its connections is put before the oracle. What it
must have received is worked out here from the client's octets alone, read as RFC 5321 says and in no other way.
"""
import itertools
import os
import re
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "oracle")]
import daemon  # noqa: E402
import scenario  # noqa: E402
from fakeserver import FakeServer  # noqa: E402

PATIENCE_S = 20
HELLO = b"EHLO c.test\r\n"
ENVELOPE = b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n"
HEAD = b"Subject: T\r\n\r\nbody"
SMUGGLED = b"MAIL FROM:<boss@in.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\nSubject: SMUGGLED\r\n\r\nx\r\n.\r\n"

# The only lines an inspected rule of these tests may send inward.
CANONICAL = re.compile(
    rb"(EHLO|HELO) [A-Za-z0-9._\[\]:-]+\Z|"
    rb"MAIL FROM:<([!-;=?-~]*)>( [A-Z0-9-]+(=[!-<>-~]+)?)*\Z|"
    rb"RCPT TO:<[!-;=?-~]+>( [A-Z]+=[!-<>-~]+)*\Z|"
    rb"(DATA|RSET|QUIT)\Z|BDAT [0-9]+( LAST)?\Z|(NOOP|HELP)( [!-~]+)*\Z")


class Gateway:
    """posternd between a client here and a fake server; shared by the tests of a class."""

    def __init__(self, table=""):
        with open(os.path.join(HERE, "default.conf"), encoding="utf-8") as f:
            rules = f.read()
        rules = rules.replace("log             sessions, denials, commands, messages",
                              "limit           errors 10000\n    log             none")
        if table:
            rules = rules.replace("publish ", "commands own like internet { %s }\npublish " % table)
            rules = rules.replace("commands internet", "commands own")
        assert scenario.EXTERNAL in rules
        self.server = FakeServer()
        self.daemon = daemon.Daemon(os.environ["POSTERN_BUILD"], rules, inside=self.server)

    def close(self):
        ended, complaints = self.daemon.stop(), self.daemon.complaints()
        if ended != "exit 0" or complaints:
            raise AssertionError("posternd: %s\n%s" % (ended, self.daemon.stderr()))

    def talk(self, *groups):
        """Sends each group when the server side of the talk has answered the one before; all replies."""
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE_S) as s:
            said = b""
            for group, answered in groups:
                s.sendall(group)
                while not answered(said):
                    said += self.receive(s, said)
            s.shutdown(socket.SHUT_WR)
            while octets := self.receive(s, said, at_end=True):
                said += octets
        return said

    def receive(self, s, said, at_end=False):
        try:
            octets = s.recv(65536)
        except ConnectionResetError:
            octets = b""
        if not octets and not at_end:
            raise AssertionError("closed behind %r" % said[-300:])
        return octets

    def connections(self):
        """What the server saw since the last call, each connection agreed upon by all readers."""
        self.server.wait_closed(PATIENCE_S)
        seen, self.server.connections = self.server.connections, []
        messages, self.server.messages = self.server.messages, []
        self.server.judge(seen)
        return seen, messages


def lines_of(text):
    """Message text to its lines with dots unstuffed; None where an octet is not legal in it."""
    if re.search(rb"\0|\r(?!\n)|(?<!\r)\n", text):
        return None
    return tuple(ln[1:] if ln.startswith(b".") else ln for ln in text.split(b"\r\n"))


def split(stream):
    """A client's octets behind 354 as strict reading has them: (text, the messages behind its end)."""
    end = (b"\r\n" + stream).index(b"\r\n.\r\n")
    text, rest = stream[:max(end - 2, 0)], stream[end + 3:]
    own_line = rest.endswith(b"\r\n" + SMUGGLED) or rest == SMUGGLED
    return text, [(b"Subject: SMUGGLED", b"", b"x")] if own_line else []


def refused(stream):
    """The messages that may arrive."""
    text, behind = split(stream)
    return ([] if lines_of(text) is None else [lines_of(text)]) + behind


def mended(stream):
    """The same where LF is a line end of the text, never of its end; a dot behind a bare one was not stuffed."""
    text, behind = split(stream)
    lines, stuffed = [], True
    for line, line_end in re.findall(rb"([^\r\n]*)(\r\n|\n|\Z)", text)[:text.count(b"\n") + 1]:
        dotted = stuffed and line.startswith(b".") and not (line == b"." and line_end == b"\n")
        lines.append(line[1:] if dotted else line)
        stuffed = line_end == b"\r\n"
    return [tuple(lines)] + behind


def replies(count):
    return lambda said: len(re.findall(rb"(?m)^[0-9]{3} .*\n", said)) >= count


def at_once(unused):
    return True


class EndOfData(unittest.TestCase):
    """Every sequence of CR, LF, dot, NUL and a letter, up to five of them, where an end of data might be."""

    def run_all(self, gateway, sequences, expect):
        for octets in sequences:
            stream = HEAD + octets + SMUGGLED
            gateway.talk((HELLO, replies(2)), (ENVELOPE + b"DATA\r\n", replies(5)),
                         (stream + b"QUIT\r\n", lambda said: b"\n221 " in said))
            _, messages = gateway.connections()
            self.assertEqual([m.body for m in messages], expect(stream), octets)

    def test_refused(self):
        gateway = Gateway()
        self.addCleanup(gateway.close)
        sequences = (b"".join(s) for n in range(1, 6)
                     for s in itertools.product((b"\r", b"\n", b".", b"\0", b"x"), repeat=n))
        self.run_all(gateway, sequences, refused)

    def test_mended(self):
        gateway = Gateway("data bare-newline normalise")
        self.addCleanup(gateway.close)
        sequences = (b"".join(s) for n in range(1, 6)
                     for s in itertools.product((b"\r\n", b"\n", b".", b"x"), repeat=n))
        self.run_all(gateway, sequences, mended)


class UrgentOctet(unittest.TestCase):
    """TCP's urgent octet is none of the stream's, to the filter as to the server (TCP-05)."""

    def test_it_goes_nowhere(self):
        gateway = Gateway()
        self.addCleanup(gateway.close)
        with socket.create_connection(("127.0.0.1", gateway.daemon.port), PATIENCE_S) as s:
            s.sendall(HELLO + b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b")
            s.send(b"X", socket.MSG_OOB)
            s.sendall(b"@in.test>\r\nQUIT\r\n")
            while s.recv(65536):
                pass
        (connection,), _ = gateway.connections()
        self.assertIn((b"RCPT", b"TO:<b@in.test>"), connection.parser.commands)


class Chunks(unittest.TestCase):
    """BDAT with everything that might be a size: it goes on in step, or ends."""

    PIECES = (b"", b" ", b"\t", b"5", b"0", b"-", b"+", b"0x5", b"LAST", b"last", b"X", b",",
              b"4294967301", b"00000000005", b"\0")
    GOOD = re.compile(rb" +([0-9]{1,10})( +LAST)? *\Z", re.I)

    def test_sizes(self):
        gateway = Gateway()
        self.addCleanup(gateway.close)
        for pieces in itertools.product(self.PIECES, repeat=3):
            argument = b" " + b"".join(pieces)
            good = self.GOOD.match(argument)
            octets = int(good.group(1)) if good else None
            said = gateway.talk((HELLO, replies(2)), (ENVELOPE, replies(4)),
                                (b"BDAT" + argument + b"\r\nabcde", replies(5) if octets in (0, 5) else at_once))
            _, messages = gateway.connections()
            if octets in (0, 5):
                self.assertIn(b"\n250 2.0.0 ", said, argument)
                self.assertEqual([m.body for m in messages],
                                 [b"abcde"[:octets]] if good.group(2) else [], argument)
            else:
                self.assertEqual(messages, [], argument)
                if octets is None:
                    self.assertRegex(said, rb"\n501 [^\n]*\n\Z", argument)


class CommandLines(unittest.TestCase):
    """Every place of every command's line, with each octet that some server reads in a way of its own."""

    LINES = (b"EHLO c.test", b"HELO c.test", b"MAIL FROM:<a@out.test> SIZE=10", b"RCPT TO:<b@in.test>",
             b"DATA", b"BDAT 5 LAST", b"RSET", b"NOOP x y", b"QUIT", b"HELP x", b"VRFY root",
             b"STARTTLS", b"AUTH PLAIN AGEAYg==", b"XCLIENT NAME=x")
    OCTETS = bytes((0, 7, 8, 9, 10, 11, 12, 13, 27, 32, 34, 37, 40, 41, 44, 46, 48, 58, 59, 60, 61, 62,
                    64, 91, 92, 93, 124, 127, 128, 133, 141, 160, 255))

    def variants(self):
        for line in self.LINES:
            for at in range(len(line) + 1):
                for octet in self.OCTETS:
                    yield line[:at] + bytes((octet,)) + line[at:]
                    if at < len(line):
                        yield line[:at] + bytes((octet,)) + line[at + 1:]

    def judge(self, gateway):
        seen, messages = gateway.connections()
        self.assertEqual(messages, [])
        for connection in seen:
            for command in connection.parser.commands:
                line = (command.verb + b" " + command.text).strip()
                self.assertRegex(line, CANONICAL)

    def test_each_line_alone(self):
        gateway = Gateway()
        self.addCleanup(gateway.close)
        variants = self.variants()
        while lines := list(itertools.islice(variants, 40)):
            for line in lines:
                gateway.talk((HELLO + b"MAIL FROM:<a@out.test>\r\n" * (line[:1] in b"RrDB") + line + b"\r\n",
                              at_once))
            self.judge(gateway)


if __name__ == "__main__":
    unittest.main()
