# SPDX-License-Identifier: ISC
"""Limits of a time: counted over all sessions of a client and over all workers, and what comes of them."""
import collections
import threading
import unittest

from support import FakeServer, RawClient, gateway, main, rules

WORKERS = 2
WORKER_OF_ID = slice(9, 11)  # the digits of a session id that name its worker


class Limits(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(FakeServer())

    def gate(self, *statements, workers=WORKERS, **more):
        return self.enterContext(gateway(rules(*statements), self.server.port, workers=workers, **more))

    def open(self, gate, source=None):
        c = self.enterContext(RawClient(gate.external, source))
        c.expect(220)
        return c

    def one_of_each_worker(self, gate):
        """A client behind each of them, at its EHLO's reply."""
        found = {}
        for _ in range(100):
            c = self.open(gate)
            opened = gate.wait_records(event="session-open", client_port=c.sock.getsockname()[1])
            worker = opened[0]["session"][WORKER_OF_ID]
            if worker in found:
                c.command("QUIT", 221)
                continue
            c.command("EHLO c.test", 250)
            found[worker] = c
            if len(found) == WORKERS:
                return list(found.values())
        self.fail("all connections came to one worker")

    def refused(self, gate, code, source=None):
        """The text in place of a greeting."""
        with RawClient(gate.external, source) as c:
            text = c.expect(code)[1]
            self.assertIsNone(c.reply())
            return text

    def line_of(self, gate, word):
        """Where a statement stands in the rules."""
        lines = (gate.dir / "rules.conf").read_text().split("\n")
        return "rules.conf:%d" % (1 + next(i for i, text in enumerate(lines) if word in text))

    def came_inward(self, verb):
        """Lines with this verb that the server got, of all connections."""
        octets = b"".join(o for c in self.server.connections for side, o in c.chunks if side == "c")
        return [line for line in octets.split(b"\r\n") if line.startswith(verb)]

    def send(self, c, octets):
        c.command("MAIL FROM:<a@out.test>", 250)
        c.command("RCPT TO:<b@in.test>", 250)
        c.command("DATA", 354)
        c.send(b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (octets // 72) + b".\r\n")
        c.expect(250)


class Recipients(Limits):
    def test_are_exact_over_all_workers(self):
        gate = self.gate("limit recipients 100 per message, 100 per 1h per client", "limit errors 100")
        clients = self.one_of_each_worker(gate)
        got = []

        def many(c):
            for i in range(80):
                c.send(b"RCPT TO:<%d@in.test>\r\n" % i)
                got.append(c.reply()[0])
        for c in clients:
            c.command("MAIL FROM:<a@out.test>", 250)
        running = [threading.Thread(target=many, args=(c,)) for c in clients]
        for t in running:
            t.start()
        for t in running:
            t.join()
        self.assertEqual(collections.Counter(got), {250: 100, 452: 60})
        self.assertEqual(len(self.came_inward(b"RCPT")), 100)
        denied = gate.wait_records(60, code="PN4013")
        self.assertEqual({r["at"] for r in denied}, {self.line_of(gate, "limit recipients")})
        for c in clients:  # what was taken before is sent
            c.command("DATA", 354)
            c.command("x\r\n.", 250)
        self.assertEqual(sum(len(m.recipients) for m in self.server.wait_messages(2)), 100)
        self.server.check()

    def test_in_total_are_of_all_clients_and_ban_nobody(self):
        gate = self.gate("limit recipients 100 per 1h per client, 101 per 1h total then refuse for 1h")
        first, second = self.open(gate), self.open(gate, "127.0.0.2")
        for c, n in ((first, 100), (second, 1)):
            c.command("EHLO c.test", 250)
            c.command("MAIL FROM:<a@out.test>", 250)
            for i in range(n):
                c.command("RCPT TO:<%d@in.test>" % i, 250)
        self.assertIn("4.3.2 Too many recipients", second.command("RCPT TO:<c@in.test>", 452)[1])
        self.open(gate, "127.0.0.2").command("QUIT", 221)
        self.assertEqual(gate.wait_records(code="PN4014")[0]["severity"], "warning")

    def test_ban_of_a_client_holds_in_all_workers_and_for_it_alone(self):
        gate = self.gate("limit recipients 100 per 1h per client then refuse for 1h")
        first, second = self.one_of_each_worker(gate)
        for c in (first, second):
            c.command("MAIL FROM:<a@out.test>", 250)
        for i in range(100):
            first.command("RCPT TO:<%d@in.test>" % i, 250)
        second.command("RCPT TO:<b@in.test>", 452)
        self.assertEqual(len(self.came_inward(b"RCPT")), 100)
        for _ in range(8):
            self.assertIn("come not back", self.refused(gate, 554))
        record = gate.wait_records(9, code="PN4013")[-1]
        self.assertEqual((record["reply"], record["at"]), (554, self.line_of(gate, "limit recipients")))
        self.open(gate, "127.0.0.2").command("QUIT", 221)
        first.command("DATA", 354)  # what was under way ends as it does
        first.command("x\r\n.", 250)
        self.assertEqual(len(self.server.wait_messages(1)[0].recipients), 100)


class Octets(Limits):
    STATEMENT = "limit octets 100KiB per 1h per client"

    def test_of_one_worker_count_in_the_other(self):
        gate = self.gate(self.STATEMENT)
        first, second = self.one_of_each_worker(gate)
        self.send(first, 60 << 10)
        self.assertIn("4.7.0 Too much mail", second.command("MAIL FROM:<a@out.test> SIZE=50000", 452)[1])
        second.command("MAIL FROM:<a@out.test> SIZE=200000", 552)
        second.command("RCPT TO:<b@in.test>", 503)
        self.send(second, 60 << 10)  # declares nothing, and something is left
        for c in (first, second):
            c.command("MAIL FROM:<a@out.test>", 452)
        denied = gate.wait_records(3, code="PN4015")
        self.assertEqual({r["at"] for r in denied}, {self.line_of(gate, "limit octets")})
        self.assertEqual(len(self.came_inward(b"MAIL")), 2)
        self.assertEqual(len(self.server.wait_messages(2)), 2)
        self.server.check()

    def test_of_a_message_that_was_broken_off_or_refused_count(self):
        for end in (None, b"bare\nnewline\r\n.\r\n"):
            with self.subTest(end):
                self.server = self.enterContext(FakeServer())
                gate = self.gate(self.STATEMENT)
                c = self.open(gate)
                c.command("EHLO c.test", 250)
                c.command("MAIL FROM:<a@out.test>", 250)
                c.command("RCPT TO:<b@in.test>", 250)
                c.command("DATA", 354)
                c.send(b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 1500)
                if end:
                    c.send(end)
                    c.expect(554)
                c.sock.close()
                gate.wait_sessions_closed()
                c = self.open(gate)
                c.command("EHLO c.test", 250)
                c.command("MAIL FROM:<a@out.test>", 452)
                self.assertEqual(len(self.came_inward(b"MAIL")), 1)
                self.assertEqual(self.server.messages, [])

    def test_ban_begins_when_there_is_nothing_left(self):
        gate = self.gate(self.STATEMENT + " then tempfail for 1h")
        c = self.open(gate)
        c.command("EHLO c.test", 250)
        self.send(c, 60 << 10)
        c.command("MAIL FROM:<a@out.test> SIZE=90000", 452)
        self.open(gate).command("QUIT", 221)
        self.send(c, 60 << 10)
        self.open(gate).command("QUIT", 221)  # it has not asked for more yet
        c.command("MAIL FROM:<a@out.test>", 452)
        self.assertIn("4.7.0 Too much mail", self.refused(gate, 421))
        self.open(gate, "127.0.0.2").command("QUIT", 221)

    def test_stay_counted_when_rules_are_read_anew(self):
        gate = self.gate(self.STATEMENT)
        c = self.open(gate)
        c.command("EHLO c.test", 250)
        self.send(c, 60 << 10)
        text = (gate.dir / "rules.conf").read_text()
        (gate.dir / "rules.conf").write_text(text.replace("100KiB", "90KiB"))
        done = gate.tool("apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        c = self.open(gate)
        c.command("EHLO c.test", 250)
        c.command("MAIL FROM:<a@out.test> SIZE=35000", 452)
        c.command("MAIL FROM:<a@out.test> SIZE=20000", 250)


class Errors(Limits):
    def test_of_all_sessions_end_one_and_shut_the_door(self):
        gate = self.gate("limit errors 10, 3 per 1h per client")
        first, second = self.one_of_each_worker(gate)
        for c in (first, second):
            c.command("VRFY x", 502)
        first.send(b"VRFY x\r\nMAIL FROM:<a@out.test>\r\n")
        self.assertEqual([code for code, _ in first.replies_to_end()], [502, 421])
        self.assertEqual(self.came_inward(b"MAIL"), [])
        for _ in range(6):
            self.assertIn("4.7.0 Too many errors", self.refused(gate, 421))
        second.command("NOOP", 250)  # ends at its next error
        second.command("VRFY x", 502)
        second.expect(421)
        denied = gate.wait_records(8, code="PN4012")
        self.assertEqual({r["at"] for r in denied}, {self.line_of(gate, "limit errors")})
        self.open(gate, "127.0.0.2").command("QUIT", 221)

    def test_of_one_session_ban_its_client_where_the_rule_says_so(self):
        for then, code in (("", 220), (" then refuse for 1h", 554), (" then tempfail for 1s", 421)):
            with self.subTest(then):
                gate = self.gate("limit errors 2" + then)
                c = self.open(gate)
                c.send(b"VRFY x\r\nVRFY x\r\n")
                self.assertEqual([r[0] for r in c.replies_to_end()], [502, 502, 421])
                with RawClient(gate.external) as c:
                    c.expect(code)
                self.open(gate, "127.0.0.2").command("QUIT", 221)


class Rate(Limits):
    def test_in_total_is_exact(self):
        gate = self.gate("limit rate 1000 per 1h per client, 9 per 1h total")
        got = []
        for i in range(20):
            with RawClient(gate.external, "127.0.0.%d" % (1 + i % 3)) as c:
                got.append(c.reply()[0])
        self.assertEqual(got, [220] * 9 + [421] * 11)
        self.assertEqual(len(gate.wait_records(11, code="PN4011")), 11)


if __name__ == "__main__":
    main()
