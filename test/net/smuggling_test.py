# SPDX-License-Identifier: ISC
"""CASES EOD-01 to EOD-21 against two real servers, Postfix set up to fall for them and OpenSMTPD.

Each row sends `[E][M][R][D]`, a text with the octets V in it, and behind V a whole transaction with the
subject SMUGGLED; then waits a moment, then sends CRLF . CRLF. The first class shows that the servers, without a
filter, do take the second message: otherwise the rest would prove nothing. The gateway's address is within
Postfix's mynetworks, which covers EOD-36 too.
"""
import concurrent.futures
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


# every row has a recipient of its own (%s), so that several can be under way at once
TEXT = b"From: a@out.test\r\nSubject: T\r\n\r\nbody"
TAIL = (b"MAIL FROM:<boss@in.test>\r\nRCPT TO:<%s@in.test>\r\nDATA\r\n"
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


class Row:
    """One row: its octets, and what became of it."""

    def __init__(self, number, text, tail=b""):
        """@text may hold the tail already; a tail given apart goes out line by line, each after a pause:
        OpenSMTPD ends a session that pipelines."""
        self.recipient = b"row%d" % number
        self.text, self.tail = (octets.replace(b"%s", self.recipient) for octets in (text, tail))
        self.replies, self.dialogue, self.stored = [], "", []

    def play(self, port):
        with RawClient(port) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("MAIL FROM:<a@out.test>", 250)
            c.command(f"RCPT TO:<{self.recipient.decode()}@in.test>", 250)
            c.command("DATA", 354)
            c.send(self.text)
            for line in self.tail.splitlines(keepends=True):
                time.sleep(PAUSE_S / 10)
                c.send(line)
            time.sleep(PAUSE_S)
            c.send(b"\r\n.\r\n")
            c.send(b"NOOP\r\nQUIT\r\n")
            self.replies = c.replies_to_end()  # after the 354
            self.dialogue = c.show()

    @property
    def codes(self):
        return [code for code, _ in self.replies]

    @property
    def smuggled(self):
        return [m for m in self.stored if m.header("Subject") == "SMUGGLED" or m.sender == "boss@in.test"]


def attack(server, port, texts, tail=b""):
    """Plays texts (name -> octets), several at once; name -> Row, when the server has come to rest."""
    server.forget()
    rows = {name: Row(number, text, tail) for number, (name, text) in enumerate(texts.items())}
    with concurrent.futures.ThreadPoolExecutor(server.at_once) as threads:
        for done in [threads.submit(row.play, port) for row in rows.values()]:
            done.result()
    server.settle(len(rows))
    for row in rows.values():
        row.stored = [m for m in server.messages() if m.recipient == row.recipient.decode() + "@in.test"]
    return rows


class WithoutFilter(unittest.TestCase):
    """The tests below are worth something: these servers do fall for it."""

    def test_the_servers_take_the_second_message(self):
        for server in (first, second):
            texts = {case: TEXT + REFUSED[case] for case in TAKEN.get(type(server), ())}
            for case, row in attack(server, server.port, texts, TAIL).items():
                with self.subTest(case, server=type(server).__name__):
                    self.assertEqual(len(row.smuggled), 1, row.dialogue)


class Rows:
    """The rows, through an inspected rule."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.choose()
        cls.gate = cls.enterClassContext(Postern(PUBLISH, external=free_port(), internal=cls.server.port))

    def setUp(self):
        self.server.forget()
        self.gate.forget()

    def attack(self, texts):
        """(name, row) of each, every one as a sub-test; what the server stored is what the log calls delivered."""
        self.gate.forget()
        for name, row in attack(self.server, self.gate.external, texts).items():
            with self.subTest(name):
                yield row
        self.assert_all_accounted(len(texts))

    def assert_all_accounted(self, sessions):
        self.gate.wait_sessions_closed(sessions)
        delivered = self.gate.records(code=DELIVERED)
        self.assertEqual(sum(len(r["recipients"]) for r in delivered), len(self.server.messages()),
                         self.gate.show_log())

    def assert_refused(self, row):
        """One 5xx with an incident at the real end; nothing stored; the session in step."""
        self.assertEqual(row.stored, [], row.dialogue)
        self.assertEqual(row.codes[0] // 100, 5, row.dialogue)
        self.assertTrue(incident(row.replies[0][1]), row.dialogue)
        # then an empty line and a dot, which are no commands, NOOP and QUIT
        self.assertEqual([code // 100 for code in row.codes], [5, 5, 5, 2, 2], row.dialogue)
        self.gate.wait_records(incident=incident(row.replies[0][1]))

    def test_refused_rows(self):
        for row in self.attack({case: TEXT + octets + TAIL for case, octets in REFUSED.items()}):
            self.assert_refused(row)

    def test_eod_11_two_cr_before_a_real_end(self):
        for row in self.attack({"EOD-11": TEXT + b"\r\r\n.\r\n" + TAIL}):
            self.assertEqual(row.codes[0] // 100, 5, row.dialogue)
            # the text holds a real end, so what follows is a transaction of its own, judged as such;
            # the first message is refused either way
            self.assertEqual([m for m in row.stored if m.header("Subject") == "T"], [], row.dialogue)
            self.assertLessEqual(len(row.smuggled), 1, row.dialogue)

    def test_eod_17_nul_before_the_next_verb(self):
        for row in self.attack({"EOD-17": TEXT + b"\r\n.\r\n\0" + TAIL}):
            self.assertEqual(row.smuggled, [], row.dialogue)
            self.assertEqual([m.header("Subject") for m in row.stored], ["T"], row.dialogue)
            self.assertEqual(row.codes[0], 250, row.dialogue)
            self.assertEqual(row.codes[1] // 100, 5, row.dialogue)

    def test_ordinary_octets_are_delivered_as_they_are(self):
        # the tail's own CRLF . CRLF is the real end
        for row in self.attack({case: TEXT + octets + TAIL for case, octets in ORDINARY.items()}):
            self.assertEqual(row.smuggled, [], row.dialogue)
            self.assertEqual(row.codes[0], 250, row.dialogue)
            self.assertEqual(len(row.stored), 1, row.dialogue)
            body = row.text[row.text.index(b"\r\nbody"):-len(b".\r\n")]
            body = body.replace(b"\r\n.", b"\r\n").replace(b"\r\n", b"\n")
            self.assertEqual(row.stored[0].raw[-len(body):], body)

    def test_eod_21_head_of_bare_line_feeds(self):
        for row in self.attack({"EOD-21": b"Subject: T\nFrom: a@out.test\n\nbody\n.\n" + TAIL}):
            self.assert_refused(row)

    def test_eod_23_dot_first_of_all(self):
        for row in self.attack({"EOD-23": b".\n" + TAIL}):
            self.assert_refused(row)

    def test_every_line_end_around_the_dot(self):
        """The class of EOD-01: every pair of what some server may take for a line end."""
        ends = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "LFCR": b"\n\r", "CRLFNUL": b"\r\n\0"}
        texts = {}
        for before, b in ends.items():
            for after, a in ends.items():
                if after == "CRLFNUL" or after == "CRLF" and b.endswith(b"\r\n"):
                    continue  # holds a real end: EOD-11
                texts[f"{before} . {after}"] = TEXT + b + b"." + a + TAIL
        for row in self.attack(texts):
            self.assertEqual(row.stored, [], row.dialogue)
            self.assertNotEqual(row.codes[0] // 100, 2, row.dialogue)

    def test_the_session_still_serves_a_clean_message(self):
        bad = TEXT + b"\n.\n" + TAIL[:-len(b".\r\n")].replace(b"%s", b"b")
        with RawClient(self.gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            for text, code in ((bad, 5), (TEXT + b"\r\n", 250)):
                c.command("MAIL FROM:<a@out.test>", 250)
                c.command("RCPT TO:<b@in.test>", 250)
                c.command("DATA", 354)
                c.send(text + b".\r\n")
                c.expect(code)
            c.command("QUIT", 221)
        self.assertEqual([m.header("Subject") for m in self.server.wait_messages(1)], ["T"])
        self.server.settle(1)
        self.assertEqual(len(self.server.messages()), 1)
        self.assert_all_accounted(1)


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
            texts = {case: TEXT + REFUSED[case] + TAIL for case in ("EOD-01", "EOD-02", "EOD-03")}
            for case, row in attack(first, gate.external, texts).items():
                with self.subTest(case):
                    self.assertEqual(row.smuggled, [], row.dialogue)
                    self.assertEqual(row.codes[0], 250, row.dialogue)
                    self.assertEqual(len(row.stored), 1, row.dialogue)
                    self.assertIn(b"body\n.\nMAIL FROM:<boss@in.test>\n", row.stored[0].text)


@unittest.skipUnless(Postfix.usable(), "aiosmtpd does not fall for it")
class Uninspected(unittest.TestCase):
    """EOD-35: a pass rule passes the octets unchanged, for better or worse."""

    def test_eod_35(self):
        with Postern(PASS, external=free_port(), internal=first.port) as gate:
            for row in attack(first, gate.external, {"EOD-35": TEXT + REFUSED["EOD-01"] + TAIL}).values():
                self.assertEqual(len(row.smuggled), 1, row.dialogue)


if __name__ == "__main__":
    main()
