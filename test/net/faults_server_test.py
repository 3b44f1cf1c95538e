# SPDX-License-Identifier: ISC
"""CASES SEQ-18, SRV-12, OPS-18: who dies at which step of a transaction, and what the three books say then

Client, log and server each count messages; whoever dies, their counts add up. Only where the server took a message
and could not say so may it have one that the client was not told of (RFC 1047), and the log says so (PN2004).
test/net/loss_test.py does the same by chance and with clients that try again.
"""
import collections
import os
import signal
import unittest

from fixture import free_port, main, wait_for
from gateway import DELIVERED, PUBLISH, Postern
from traffic import Dialogue, Sink, message

UNKNOWN, REFUSED_BY_SERVER, ABORTED = "PN2004", "PN2002", "PN2005"
# where the server ends its connection -> what the client may be told, and whether the server has the message
STEPS = {
    "accepted": ({4}, 0), "greeting": ({4}, 0), "EHLO": ({4}, 0), "MAIL": ({4}, 0), "RCPT": ({4}, 0), "DATA": ({4}, 0),
    "354": ({4}, 0), "text": ({4}, 0), "taken": ({4}, 1), "said 250": ({2, 4}, 1), "QUIT": ({2}, 1),
}


def transaction(port, name, octets):
    """The first digits of what was said to it: the last reply before QUIT; 0 when there was none."""
    with Dialogue(port) as c:
        code = c.code()
        for line in (b"EHLO c.test", b"MAIL FROM:<a@out.test>", b"RCPT TO:<b@in.test>", b"DATA"):
            if code // 100 not in (2, 3):
                return code // 100
            code = c.code(line + b"\r\n")
        if code == 354:
            code = c.code(message(name, octets) + b".\r\n")
        c.code(b"QUIT\r\n")
        return code // 100


class Server(unittest.TestCase):
    def assert_step(self, step, reset):
        with Sink(plan=lambda n: (step, reset)) as sink, Postern(PUBLISH, external=free_port(), internal=sink.port) as gate:
            answers, has = STEPS[step]
            told = collections.Counter(transaction(gate.external, f"n{n}", 30000 if n % 2 else 300) for n in range(6))
            gate.wait_sessions_closed(6)
            self.assertLessEqual(set(told), answers, told)
            self.assertEqual(sum(sink.taken.values()), 6 * has)
            self.assertEqual((sink.broken, max(sink.taken.values(), default=0)), ([], has))
            records = collections.Counter(r["code"] for r in gate.records())
            self.assertEqual(records[DELIVERED], told[2], "delivered in the log is 250 at the client")
            self.assertEqual(told[2] + records[UNKNOWN], sum(sink.taken.values()) if has else records[UNKNOWN])
            if step in ("354", "text"):
                self.assertLessEqual(records[UNKNOWN], 6)  # the dot may have left before the end was seen
            elif not has:
                self.assertEqual(records[UNKNOWN], 0)
            if step == "taken":
                self.assertEqual(records[UNKNOWN], 6)
            self.assertEqual({r["code"] for r in gate.records(severity="error")}, set())

    def test_at_each_step_in_order_and_by_a_reset(self):
        for step in STEPS:
            for reset in (False, True):
                with self.subTest(step, reset=reset):
                    self.assert_step(step, reset)


class Client(unittest.TestCase):
    STEPS = ("connected", b"EHLO c.test\r\n", b"MAIL FROM:<a@out.test>\r\n", b"RCPT TO:<b@in.test>\r\n", b"DATA\r\n",
             message("whole", 30000)[:20000], message("whole", 30000)[20000:], b".\r")

    def test_seq_18_client_gone_at_each_step(self):
        """Nothing is taken, and the log counts what was begun."""
        with Sink() as sink, Postern(PUBLISH, external=free_port(), internal=sink.port) as gate:
            for last in range(len(self.STEPS)):
                with Dialogue(gate.external) as c:
                    self.assertEqual(c.code(), 220)
                    for what in self.STEPS[1:last + 1]:
                        c.say(what)
                        if what[-2:] == b"\r\n" and len(what) < 100:
                            self.assertIn(c.code(), (250, 354))
            gate.wait_sessions_closed(len(self.STEPS))
            wait_for("the server's sessions to end", lambda: sink.open == 0)
            self.assertEqual((sink.taken, sink.broken), ({}, []))
            self.assertEqual(len(gate.records(code=ABORTED)), 4, "after DATA, in text twice, before the last octet")
            self.assertEqual(gate.records(code=DELIVERED), [])


class Proxy(unittest.TestCase):
    def test_proxy_killed_at_each_step(self):
        """OPS-18: no end of data is sent for what was not ended; what was acknowledged is there."""
        steps = Client.STEPS[1:] + (b"\n",)
        with Sink() as sink, Postern(PUBLISH, conf=Postern.CONF + "workers 1\n", external=free_port(), internal=sink.port) as gate:
            clients = []
            for last in range(len(steps) + 1):
                c = self.enterContext(Dialogue(gate.external))
                self.assertEqual(c.code(), 220)
                for what in steps[:last]:
                    c.say(what)
                    if what[-2:] == b"\r\n" and len(what) < 100:
                        self.assertIn(c.code(), (250, 354))
                if last == len(steps):
                    self.assertEqual(c.code(), 250)
                clients.append(c)
            os.kill(gate.roles("postern-proxy")[0], signal.SIGKILL)
            self.assertEqual({c.code() for c in clients}, {0})
            wait_for("the server's sessions to end", lambda: sink.open == 0)
            self.assertEqual((sink.taken, sink.broken), ({"whole": 1}, []))


if __name__ == "__main__":
    main()
