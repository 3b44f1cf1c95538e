# SPDX-License-Identifier: ISC
"""Segments that no honest kernel sends: overlaps, bad checksums, resets from elsewhere, text in a SYN (root, on a lab)

CASES TCP-01, 03, 06, 07, 14. The proxy ends the client's TCP, so whatever the kernel makes of such segments, the server
sees one stream, and that is the one that was judged.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))

from fakeserver import FakeServer  # noqa: E402
from fixture import main, wait_for  # noqa: E402
from gateway import ROLES, Postern  # noqa: E402
from lab import PUBLISHED, SERVER, module_lab  # noqa: E402
from rawtcp import ACK, FIN, PSH, RST, RawTcp  # noqa: E402

SOURCE = "203.0.113.12"  # one of the client's

CONF = """version 1
mode external
intercept {how}
hostname gw.test
state "{dir}/state"
""" + ROLES

RULES = """version 1
publish first {
    external    198.51.100.2:25
    internal    10.0.0.21:25
    recipients  in in.test
    log         sessions, denials, commands, messages
}
"""

lab = inside = gate = None
port = 4100


def setUpModule():
    global lab, inside, gate
    lab = module_lab()
    with lab.server:
        inside = unittest.enterModuleContext(FakeServer(port=25, host=SERVER[4]))
    gate = unittest.enterModuleContext(lab.gateway.begin(Postern(RULES, CONF, how="redirect")))
    lab.redirect()


class Segments(unittest.TestCase):
    def setUp(self):
        global port
        port += 1
        gate.forget()
        unittest.TestCase.enterContext(self, lab.client)
        self.c = self.enterContext(RawTcp(SOURCE, port, PUBLISHED[4]))
        self.before = len(inside.connections)

    def tearDown(self):
        self.c.segment(RST | ACK)
        inside.check()

    def begin(self):
        self.c.open()
        self.c.expect(220)
        self.c.say(b"EHLO c.test\r\n")

    def commands(self):
        """What the server was sent in the newest session, line by line."""
        octets = b"".join(text for who, text in inside.connections[-1].chunks if who == "c")
        return octets.split(b"\r\n")[:-1]

    def deliver(self):
        self.c.say(b"DATA\r\n", 354)
        self.c.say(b"Subject: T\r\n\r\nx\r\n.\r\n")

    def test_tcp_01_overlapping_segments(self):
        self.begin()
        self.c.say(b"MAIL FROM:<a@out.test>\r\n")
        line, other = b"RCPT TO:<b@in.test>\r\n", b"RCPT TO:<x@in.test>\r\n"
        # the end first, out of order; then the whole line twice, with another name in it
        self.c.segment(ACK | PSH, line[10:], seq=self.c.ours + 10)
        self.c.segment(ACK | PSH, other[:15], seq=self.c.ours)
        self.c.segment(ACK | PSH, other, seq=self.c.ours)
        self.c.ours += len(line)
        self.c.expect(250)
        self.deliver()
        seen = self.commands()[2]
        self.assertIn(seen + b"\r\n", (line, other))
        message = gate.wait_records(code="PN2001")[0]
        self.assertEqual(seen.decode(), "RCPT TO:<%s>" % message["recipients"][0]["to"], "judged is what was sent")

    def test_tcp_03_a_bad_checksum(self):
        self.begin()
        self.c.say(b"MAIL FROM:<a@out.test>\r\n")
        self.c.say(b"RCPT TO:<b@in.test>\r\n")
        self.c.send(b"RSET\r\n", spoil=True)
        self.c.idle(0.3)
        self.deliver()
        self.assertNotIn(b"RSET", self.commands())

    def test_tcp_06_a_reset_out_of_the_window(self):
        self.begin()
        self.c.segment(RST, seq=self.c.ours + (1 << 30))
        self.c.idle(0.3)
        self.c.say(b"NOOP\r\n")

    def test_tcp_06_text_with_the_end_and_behind_it(self):
        self.begin()
        self.c.segment(ACK | PSH | FIN, b"NOOP\r\n")
        self.c.ours += len(b"NOOP\r\n") + 1
        self.c.segment(ACK | PSH, b"MAIL FROM:<a@out.test>\r\n")
        self.c.expect(250)
        gate.wait_records(event="session-close")
        wait_for("the server's session to end", lambda: inside.connections[-1].ended)
        self.assertEqual(len(inside.connections), self.before + 1)
        self.assertNotIn(b"MAIL FROM:<a@out.test>", self.commands())

    def test_tcp_07_text_in_a_syn(self):
        self.c.segment(2, b"EHLO early.test\r\n")
        self.c.idle(0.3)
        self.assertEqual(gate.records(event="session-open"), [], "nobody is there before the handshake")
        self.c.open()
        self.c.expect(220)
        self.c.say(b"EHLO c.test\r\n")
        self.assertEqual(self.commands(), [b"EHLO c.test"])

    def test_tcp_14_the_same_ports_again(self):
        self.begin()
        self.c.say(b"MAIL FROM:<a@out.test>\r\n")
        self.c.segment(RST | ACK)
        gate.wait_records(event="session-close")
        self.c.theirs, self.c.was_reset, self.c.text = None, False, b""
        self.c.ours += 1 << 20
        self.begin()
        self.c.say(b"RCPT TO:<b@in.test>\r\n", 503)
        self.assertEqual(len({r["session"] for r in gate.wait_records(2, event="session-open")}), 2)


if __name__ == "__main__":
    main()
