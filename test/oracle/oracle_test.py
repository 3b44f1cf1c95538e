#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The oracle must see through raw attack streams, and must be silent on clean ones."""
import os
import smtplib
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle  # noqa: E402
from fakeserver import FakeServer  # noqa: E402

EHLO = [("s", b"220 in.test ESMTP\r\n"), ("c", b"EHLO c.test\r\n"),
        ("s", b"250-in.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n")]
M = [("c", b"MAIL FROM:<a@out.test>\r\n"), ("s", b"250 ok\r\n")]
R = [("c", b"RCPT TO:<b@in.test>\r\n"), ("s", b"250 ok\r\n")]
D = [("c", b"DATA\r\n"), ("s", b"354 go\r\n")]
EMRD = EHLO + M + R + D
HEAD = b"From: a@out.test\r\nSubject: T\r\n\r\nbody"
SM = (b"MAIL FROM:<boss@in.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\nSubject: SMUGGLED\r\n\r\nx\r\n"
      b".\r\n")

# id, what a server was sent behind EMRD
RAW_TEXT = [
    ("EOD-01", HEAD + b"\n.\n" + SM),
    ("EOD-02", HEAD + b"\n.\r\n" + SM),
    ("EOD-03", HEAD + b"\r\n.\n" + SM),
    ("EOD-05", HEAD + b"\r.\n" + SM),
    ("EOD-07", HEAD + b"\r.\r\n" + SM),
    ("EOD-09", HEAD + b"\r\n.\r\r\n" + SM),
    ("EOD-11", HEAD + b"\r\r\n.\r\n" + SM),
    ("EOD-13", HEAD + b"\r\n\0.\r\n" + SM),
    ("EOD-15", HEAD + b"\r\n.\0\r\n" + SM),
    ("EOD-17", HEAD + b"\r\n.\r\n\0" + SM),
    ("EOD-19", HEAD + b"\n\r.\n\r" + SM),
    ("EOD-21", b"Subject: T\nFrom: a@out.test\n\nbody\n.\n" + SM),
    ("EOD-23", b".\n" + SM),
]

# id, what a server was sent behind EHLO
RAW_COMMANDS = [
    ("CMD-01", b"NOOP\nRSET\r\n"),
    ("CMD-04", b"MAIL FROM:<a@out.test>\nRCPT TO:<b@in.test>\r\n"),
    ("CMD-05", b"MAIL FROM:<a@out.test>\rRCPT TO:<b@in.test>\r\n"),
    ("CMD-06", b"MAIL FROM:<a\0b@out.test>\r\n"),
    ("CMD-08", b"\0EHLO c.test\r\n"),
    ("CMD-09", b" EHLO c.test\r\n"),
    ("CMD-11", b"RCPT\tTO:<b@in.test>\r\n"),
    ("CMD-13", b"MAIL FROM : <a@out.test>\r\n"),
    ("CMD-25", b"NOOP " + b"a" * 16379 + b"RSET\r\n"),
    ("CMD-30", b"EHLOx c.test\r\n"),
    ("CMD-30", b"MAILFROM:<a@out.test>\r\n"),
    ("CMD-37", b"RSET x\r\n"),
    ("SEQ-04", b"DATA x\r\n"),
]

# id, what a server was sent behind EHLO, MAIL, RCPT
RAW_BDAT = [
    ("BDT-09", b"BDAT -1 LAST\r\nabcde"),
    ("BDT-10", b"BDAT +5 LAST\r\nabcde"),
    ("BDT-10", b"BDAT 0x5 LAST\r\nabcde"),
    ("BDT-10", b"BDAT 5LAST\r\nabcde"),
    ("BDT-10", b"BDAT 5 LAST X\r\nabcde"),
    ("BDT-11", b"BDAT 4294967301 LAST\r\nabcde"),
    ("BDT-13", b"BDAT 5 X\r\nabc\r\nMAIL FROM:<a@out.test>\r\n"),
]

# id, path of a RCPT
RAW_PATHS = [
    ("RLY-05", b"<t%victim.test@in.test>"),
    ("RLY-07", b'<"t@victim.test">'),
    ("RLY-10", b'<"t@victim.test"@in.test>'),
    ("RLY-15", b"<victim.test!t@in.test>"),
    ("RLY-18", b"<@in.test:t@victim.test>"),
    ("RLY-20", b"<t@victim.test@in.test>"),
    ("RLY-21", b"(x@in.test)<t@victim.test>"),
    ("RLY-23", b"<t@victim.test(@in.test>"),
    ("RLY-25", b"<x@in.test>,<t@victim.test>"),
    ("RLY-27", b"<<x@in.test>t@victim.test>"),
    ("RLY-27", b"<x@in.test> <t@victim.test>"),
]

CLEAN = [
    ("one message", EMRD + [("c", HEAD + b"\r\n.\r\n"), ("s", b"250 stored\r\n")]),
    ("any cut of it", EMRD + [("c", bytes([o])) for o in HEAD + b"\r\n.\r\n"]),
    ("stuffed dots", EMRD + [("c", b"..\r\n.x\r\n...\r\n. \r\n .\r\n.\r\n")]),
    ("high octets", EMRD + [("c", b"a\x85.\x85b\xe2\x80\xa8.\x8d\x8a.\x8d\x8a\x0b.\x0b\r\n.\r\n")]),
    ("empty message", EMRD + [("c", b".\r\n"), ("s", b"250 stored\r\n")]),
    ("cut in mid-message", EMRD + [("c", HEAD)]),
    ("pipelining", EHLO + [("c", M[0][1] + R[0][1] + D[0][1]),
                           ("s", b"250 ok\r\n250 ok\r\n354 go\r\n"), ("c", HEAD + b"\r\n.\r\n"),
                           ("s", b"250 stored\r\n")]),
    ("next MAIL behind the end", EMRD + [("c", HEAD + b"\r\n.\r\n" + M[0][1]),
                                         ("s", b"250 stored\r\n250 ok\r\n")]),
    ("DATA refused, session goes on", EHLO + [("c", b"DATA\r\n"), ("s", b"503 no\r\n"),
                                              ("c", b"NOOP\r\n"), ("s", b"250 ok\r\n")]),
    ("BDAT", EHLO + M + R + [("c", b"BDAT 4\r\nab\r\n"), ("s", b"250 ok\r\n"),
                             ("c", b"BDAT 5 LAST\r\n.\r\n.x"), ("s", b"250 ok\r\n")]),
    ("BDAT of binary octets", EHLO + M + R + [("c", b"BDAT 7 LAST\r\n\0\n.\n\r.\r"),
                                              ("s", b"250 ok\r\n")]),
    ("BDAT 0 LAST", EHLO + M + R + [("c", b"BDAT 0 LAST\r\n" + M[0][1]),
                                    ("s", b"250 ok\r\n250 ok\r\n")]),
    ("all in one segment with BDAT", EHLO + [("c", M[0][1] + R[0][1] + b"BDAT 2 LAST\r\nabNOOP\r\n"),
                                             ("s", b"250 ok\r\n" * 4)]),
    ("paths", EHLO + [("c", b"MAIL FROM:<> SIZE=10 RET=HDRS\r\n"), ("s", b"250 ok\r\n")] + [
        ("c", b"RCPT TO:%s\r\n" % path) for path in (
            b"<b@in.test>", b"<postmaster>", b"<b@[192.0.2.1]>", b"<b@[IPv6:2001:db8::1]>",
            b'<"b..c"@in.test>', b"<b+c=d@in.test> NOTIFY=NEVER ORCPT=rfc822;b+40c@in.test",
            b"<b\xc3\xa9@in.test>")]),
    ("SASL answer that reads QUIT", EHLO + [("c", b"AUTH LOGIN\r\n"), ("s", b"334 VXNlcg==\r\n"),
                                            ("c", b"QUIT\r\n"), ("s", b"235 ok\r\n")]),
]


class OracleTest(unittest.TestCase):
    def disagrees(self, name, chunks):
        with self.subTest(name):
            ok, why = oracle.agree(chunks)
            self.assertFalse(ok, "%s: all personalities read the same" % name)
            self.assertTrue(why)

    def test_attacks_on_message_text_are_seen(self):
        for name, raw in RAW_TEXT:
            self.disagrees(name, EMRD + [("c", raw), ("s", b"250 stored\r\n" * 3)])

    def test_attacks_on_commands_are_seen(self):
        for name, raw in RAW_COMMANDS:
            self.disagrees(name, EHLO + [("c", raw)])

    def test_attacks_on_paths_are_seen(self):
        for name, path in RAW_PATHS:
            self.disagrees(name, EHLO + M + [("c", b"RCPT TO:%s\r\n" % path)])

    def test_attacks_on_bdat_are_seen(self):
        for name, raw in RAW_BDAT:
            self.disagrees(name, EHLO + M + R + [("c", raw), ("s", b"250 ok\r\n")])

    def test_a_breach_of_order_is_seen(self):
        self.disagrees("SEQ-01", EHLO + [("c", b"DATA\r\n"), ("c", b"VRFY root\r\n"),
                                         ("s", b"503 no\r\n")])
        self.disagrees("SEQ-01 one segment", EHLO + [("c", b"DATA\r\nVRFY root\r\n.\r\n"),
                                                     ("s", b"503 no\r\n")])
        self.disagrees("BDT-01", [("s", b"220 x\r\n"), ("c", b"EHLO c.test\r\n"),
                                  ("s", b"250 in.test\r\n"), ("c", b"BDAT 2 LAST\r\nab")])

    def test_octets_before_the_greeting_are_seen(self):
        self.disagrees("SEQ-15", [("c", b"EHLO c.test\r\n")] + EHLO[:1])

    def test_clean_streams_agree(self):
        for name, chunks in CLEAN:
            with self.subTest(name):
                self.assertEqual(oracle.agree(chunks), (True, ""))

    def test_clean_streams_agree_at_every_cut(self):
        for name, chunks in CLEAN:
            for i, (direction, octets) in enumerate(chunks):
                if direction == "s" or b"DATA\r\n" in octets:
                    continue
                for cut in range(1, len(octets)):
                    two = [("c", octets[:cut]), ("c", octets[cut:])]
                    with self.subTest(name, cut=cut):
                        self.assertEqual(oracle.agree(chunks[:i] + two + chunks[i + 1:]),
                                         (True, ""))

    def test_messages_carry_envelope_and_unstuffed_body(self):
        reading = oracle.read(CLEAN[2][1])
        self.assertEqual(reading.messages, [oracle.Message(None, (), "data", (
            b".", b"x", b"..", b" ", b" ."))])
        reading = oracle.read(CLEAN[0][1])
        self.assertEqual(reading.messages[0][:3], (b"FROM:<a@out.test>", (b"TO:<b@in.test>",),
                                                   "data"))

    def test_in_message(self):
        self.assertTrue(oracle.in_message(EMRD))
        self.assertTrue(oracle.in_message(EMRD + [("c", HEAD)]))
        self.assertTrue(oracle.in_message(EHLO + M + R + [("c", b"BDAT 9\r\nab")]))
        self.assertFalse(oracle.in_message(EMRD + [("c", HEAD + b"\r\n.\r\n")]))
        self.assertFalse(oracle.in_message(EHLO + M))

    def test_unanswered(self):
        self.assertTrue(oracle.unanswered(EMRD + [("c", HEAD + b"\r\n.\r\n")]))
        self.assertFalse(oracle.unanswered(EMRD + [("c", HEAD)]))
        self.assertFalse(oracle.unanswered(CLEAN[0][1]))


class FakeServerTest(unittest.TestCase):
    def test_a_real_client_is_served_and_recorded(self):
        with FakeServer() as server:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
                client.sendmail("a@out.test", ["b@in.test"], b"Subject: T\r\n\r\n.dot\r\n")
            message = server.wait_messages(1)[0]
            server.check()
        self.assertEqual(message.body, (b"Subject: T", b"", b".dot"))
        self.assertEqual(message.recipients, (b"TO:<b@in.test>",))

    def test_pipelined_bdat_messages_are_told_apart(self):
        one = b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nBDAT 2\r\nabBDAT 1 LAST\r\n%s"
        with FakeServer() as server:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
                client.ehlo("c.test")
                client.send(one % b"1" + one % b"2")
                replies = [client.getreply()[0] for _ in range(8)]
            bodies = [m.body for m in server.wait_messages(2)]
        self.assertEqual(replies, [250] * 8)
        self.assertEqual(bodies, [b"ab1", b"ab2"])

    def test_override_changes_one_answer(self):
        def no_rcpt(verb, unused):
            return b"550 5.1.1 no\r\n" if verb == b"RCPT" else None
        with FakeServer(override=no_rcpt) as server:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
                client.ehlo("c.test")
                client.mail("a@out.test")
                self.assertEqual(client.rcpt("b@in.test")[0], 550)


if __name__ == "__main__":
    unittest.main()
