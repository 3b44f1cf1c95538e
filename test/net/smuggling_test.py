# SPDX-License-Identifier: ISC
"""CASES EOD-01 to EOD-21 against two real servers, Postfix set up to fall for them and OpenSMTPD.

Each row sends `[E][M][R][D]`, a text with the octets V in it, and behind V a whole transaction with the
subject SMUGGLED; then waits a moment, then sends CRLF . CRLF. The first class shows that the servers, without a
filter, do take the second message: otherwise the rest would prove nothing. The gateway's address is within
Postfix's mynetworks, which covers EOD-36 too.
"""
import time
import unittest

from client import RawClient, incident
from fixture import free_port, main
from gateway import DELIVERED, PASS, PUBLISH, Postern
from servers import OpenSMTPD, Postfix, best_server, second_server

first = second = None  # the servers


def setUpModule():
    global first, second
    first = unittest.enterModuleContext(best_server())
    second = unittest.enterModuleContext(second_server())


TEXT = b"From: a@out.test\r\nSubject: T\r\n\r\nbody"
TAIL = (b"MAIL FROM:<boss@in.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n"
        b"Subject: SMUGGLED\r\n\r\nx\r\n.\r\n")

# refused at the real end, nothing of it stored
REFUSED = {
    "EOD-01": b"\n.\n",
    "EOD-02": b"\n.\r\n",
    "EOD-03": b"\r\n.\n",
    "EOD-05": b"\r.\n",
    "EOD-07": b"\r.\r\n",
    "EOD-09": b"\r\n.\r\r\n",
    "EOD-13": b"\r\n\0.\r\n",
    "EOD-15": b"\r\n.\0\r\n",
    "EOD-19": b"\n\r.\n\r",
}
# no line ends to any server: one message, these octets within
ORDINARY = {
    "EOD-18 dot blank": b"\r\n. \r\n",
    "EOD-18 blank dot": b"\r\n .\r\n",
    "EOD-20 NEL in ISO 8859-1": b"\x85.\x85",
    "EOD-20 line separator in UTF-8": b"\xe2\x80\xa8.\xe2\x80\xa8",
    "EOD-20 CR and LF with the high bit": b"\x8d\x8a.\x8d\x8a",
    "EOD-20 vertical tab": b"\x0b.\x0b",
}
# what the servers take for an end of data
TAKEN = {Postfix: ("EOD-01", "EOD-02", "EOD-03", "EOD-09"),
         OpenSMTPD: ("EOD-01", "EOD-02", "EOD-03", "EOD-15")}
PAUSE_S = 0.2  # part of the case: the octets before it must reach a server alone


def attack(port, text, tail=b""):
    """Plays the row; the replies after the 354 as (code, text), to the end of the connection

    @tail goes out line by line, each after a pause: OpenSMTPD ends a session that pipelines.
    """
    with RawClient(port) as c:
        c.expect(220)
        c.command("EHLO c.test", 250)
        c.command("MAIL FROM:<a@out.test>", 250)
        c.command("RCPT TO:<b@in.test>", 250)
        c.command("DATA", 354)
        c.send(text)
        for line in tail.splitlines(keepends=True):
            time.sleep(PAUSE_S / 10)
            c.send(line)
        time.sleep(PAUSE_S)
        c.send(b"\r\n.\r\n")
        c.send(b"NOOP\r\nQUIT\r\n")
        return c.replies_to_end(), c.show()


def smuggled(server):
    server.settle(1)
    return [m for m in server.messages()
            if m.header("Subject") == "SMUGGLED" or m.sender == "boss@in.test"]


class WithoutFilter(unittest.TestCase):
    """The tests below are worth something: these servers do fall for it."""

    def test_the_servers_take_the_second_message(self):
        for server in (first, second):
            for case in TAKEN.get(type(server), ()):
                with self.subTest(case, server=type(server).__name__):
                    server.forget()
                    _, dialogue = attack(server.port, TEXT + REFUSED[case], TAIL)
                    self.assertEqual(len(smuggled(server)), 1, dialogue)


class Rows:
    """The rows, through an inspected rule."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.choose()
        cls.gate = cls.enterClassContext(Postern(PUBLISH, external=free_port(), internal=cls.server.port))

    def setUp(self):
        self.server.forget()
        self.gate.forget()

    def assert_all_accounted(self, dialogue):
        """What Postfix stored is what the log calls delivered."""
        self.gate.wait_sessions_closed()
        delivered = self.gate.records(code=DELIVERED)
        self.assertEqual(sum(len(r["recipients"]) for r in delivered), len(self.server.messages()),
                         dialogue + "\n" + self.gate.show_log())

    def assert_refused_once(self, replies, dialogue):
        """One 5xx with an incident at the real end; the junk behind it refused; the session in step."""
        self.assertEqual(replies[0][0] // 100, 5, dialogue)
        self.assertTrue(incident(replies[0][1]), dialogue)
        # then an empty line and a dot, which are no commands, NOOP and QUIT
        self.assertEqual([code // 100 for code, _ in replies], [5, 5, 5, 2, 2], dialogue)
        self.gate.wait_sessions_closed()
        self.assertTrue(self.gate.records(incident=incident(replies[0][1])), self.gate.show_log())

    def test_refused_rows(self):
        for case, octets in REFUSED.items():
            with self.subTest(case):
                self.setUp()
                replies, dialogue = attack(self.gate.external, TEXT + octets + TAIL)
                self.assertEqual(smuggled(self.server), [], dialogue)
                self.assertEqual(self.server.messages(), [], dialogue)
                self.assert_refused_once(replies, dialogue)
                self.assert_all_accounted(dialogue)

    def test_eod_11_two_cr_before_a_real_end(self):
        replies, dialogue = attack(self.gate.external, TEXT + b"\r\r\n.\r\n" + TAIL)
        self.assertEqual(replies[0][0] // 100, 5, dialogue)
        self.server.settle(1)
        # the text holds a real end, so what follows is a transaction of its own, judged as such;
        # the first message is refused either way
        self.assertEqual([m for m in self.server.messages() if m.header("Subject") == "T"], [], dialogue)
        accepted = [m for m in self.server.messages() if m.sender == "boss@in.test"]
        self.assertLessEqual(len(accepted), 1, dialogue)
        self.assert_all_accounted(dialogue)

    def test_eod_17_nul_before_the_next_verb(self):
        replies, dialogue = attack(self.gate.external, TEXT + b"\r\n.\r\n\0" + TAIL)
        self.assertEqual(smuggled(self.server), [], dialogue)
        self.assertEqual([m.header("Subject") for m in self.server.messages()], ["T"], dialogue)
        self.assertEqual(replies[0][0], 250, dialogue)
        self.assertEqual(replies[1][0] // 100, 5, dialogue)
        self.assert_all_accounted(dialogue)

    def test_ordinary_octets_are_delivered_as_they_are(self):
        for case, octets in ORDINARY.items():
            with self.subTest(case):
                self.setUp()
                text = TEXT + octets + TAIL  # whose own CRLF . CRLF is the real end
                replies, dialogue = attack(self.gate.external, text)
                self.assertEqual(smuggled(self.server), [], dialogue)
                self.assertEqual(replies[0][0], 250, dialogue)
                stored = self.server.wait_messages(1)
                self.assertEqual(len(stored), 1, dialogue)
                body = text[text.index(b"\r\nbody"):-len(b".\r\n")].replace(b"\r\n.", b"\r\n").replace(b"\r\n", b"\n")
                self.assertEqual(stored[0].raw[-len(body):], body)
                self.assert_all_accounted(dialogue)

    def test_eod_21_head_of_bare_line_feeds(self):
        replies, dialogue = attack(self.gate.external, b"Subject: T\nFrom: a@out.test\n\nbody\n.\n" + TAIL)
        self.assertEqual(smuggled(self.server), [], dialogue)
        self.assertEqual(self.server.messages(), [], dialogue)
        self.assert_refused_once(replies, dialogue)
        self.assert_all_accounted(dialogue)

    def test_every_line_end_around_the_dot(self):
        """The class of EOD-01: every pair of what some server may take for a line end."""
        ends = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "LFCR": b"\n\r", "NUL": b"\r\n\0"}
        for before, b in ends.items():
            for after, a in ends.items():
                if (before, after) == ("CRLF", "CRLF") or a == b"\r\n\0":
                    continue
                if b.endswith(b"\r\n") and after == "CRLF":
                    continue  # holds a real end: EOD-11
                with self.subTest(before=before, after=after):
                    self.setUp()
                    replies, dialogue = attack(self.gate.external, TEXT + b + b"." + a + TAIL)
                    self.assertEqual(smuggled(self.server), [], dialogue)
                    self.assertEqual(self.server.messages(), [], dialogue)
                    self.assertNotIn(250, [code for code, _ in replies[:1]], dialogue)

    def test_the_session_still_serves_a_clean_message(self):
        with RawClient(self.gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            for text, code in ((TEXT + b"\n.\n" + TAIL[:-len(b".\r\n")], 5), (TEXT + b"\r\n", 250)):
                c.command("MAIL FROM:<a@out.test>", 250)
                c.command("RCPT TO:<b@in.test>", 250)
                c.command("DATA", 354)
                c.send(text + b".\r\n")
                c.expect(code)
            c.command("QUIT", 221)
        self.assertEqual([m.header("Subject") for m in self.server.wait_messages(1)], ["T"])
        self.assertEqual(smuggled(self.server), [])
        self.assert_all_accounted("")


class ThroughToFirst(Rows, unittest.TestCase):
    @staticmethod
    def choose():
        return first


class ThroughToSecond(Rows, unittest.TestCase):
    @staticmethod
    def choose():
        return second


class Normalised(unittest.TestCase):
    """EOD-31: `data bare-newline normalise` makes one message of it, the dot line stuffed."""

    RULES = PUBLISH.replace("publish inspected", "commands lenient like internet { data bare-newline normalise }\n"
                            "publish inspected").replace("commands internet\n", "commands lenient\n")

    def test_eod_31(self):
        with Postern(self.RULES, external=free_port(), internal=first.port) as gate:
            for case in ("EOD-01", "EOD-02", "EOD-03"):
                with self.subTest(case):
                    first.forget()
                    replies, dialogue = attack(gate.external, TEXT + REFUSED[case] + TAIL)
                    self.assertEqual(smuggled(first), [], dialogue)
                    self.assertEqual(replies[0][0], 250, dialogue)
                    stored = first.wait_messages(1)
                    self.assertEqual(len(stored), 1, dialogue)
                    self.assertIn(b"body\n.\nMAIL FROM:<boss@in.test>\n", stored[0].text)


@unittest.skipUnless(Postfix.usable(), "aiosmtpd does not fall for it")
class Uninspected(unittest.TestCase):
    """EOD-35: a pass rule passes the octets unchanged, for better or worse."""

    def test_eod_35(self):
        with Postern(PASS, external=free_port(), internal=first.port) as gate:
            first.forget()
            _, dialogue = attack(gate.external, TEXT + REFUSED["EOD-01"] + TAIL)
            self.assertEqual(len(smuggled(first)), 1, dialogue)


if __name__ == "__main__":
    main()
