# SPDX-License-Identifier: ISC
"""Postfix's own load generator through an inspected rule: every message is accounted for, once.

smtp-source numbers the recipients (-N), so that a message lost, doubled or mixed up shows by name: at the
server, and in the log.
"""
import collections
import os
import pathlib
import re
import subprocess
import unittest

from fixture import LOOPBACK, Fixture, Scratch, end_process, free_port, listening, main, spawn, wait_for
from gateway import DELIVERED, PUBLISH, Postern
from servers import Postfix

SOURCE = "/usr/sbin/smtp-source"
SINK = "/usr/sbin/smtp-sink"


class Sink(Fixture):
    """smtp-sink, which writes each transaction to a file of its own."""

    def start(self):
        self.scratch = Scratch("pn-sk-")
        self.port = free_port()
        # without root it would not be asked for a user
        user = ["-u", "root"] if os.geteuid() == 0 else []
        self.process = spawn([SINK, *user, "-d", str(self.scratch.path / "m."), f"{LOOPBACK}:{self.port}", "200"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for("smtp-sink to listen", lambda: listening(self.port, lambda: self.process.poll() is None))
        if self.process.poll() is not None:
            raise AssertionError("smtp-sink did not start: " + self.process.stderr.read().decode())

    def stop(self):
        end_process(self.process)
        self.process.stderr.close()
        self.scratch.remove()

    def recipients(self):
        """address -> how many transactions named it"""
        found = collections.Counter()
        for file in pathlib.Path(self.scratch.path).iterdir():
            head = file.read_bytes().split(b"\nReceived: ")[0]
            found.update(m.decode() for m in re.findall(rb"^X-Rcpt-Args: <([^>]*)>", head, re.M))
        return found


def load(port, messages, sessions, *more):
    done = subprocess.run([SOURCE, "-N", "-s", str(sessions), "-m", str(messages), "-f", "a@out.test",
                           "-t", "b@in.test", "-M", "c.test", *more, f"{LOOPBACK}:{port}"],
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"smtp-source ended with {done.returncode}: {done.stdout}{done.stderr}")


class Load(unittest.TestCase):
    def assert_logged(self, gate, expected):
        wait_for(lambda: "each message in the log",
                 lambda: len(gate.records(code=DELIVERED)) >= sum(expected.values()))
        gate.wait_sessions_closed()
        logged = collections.Counter()
        for record in gate.records(code=DELIVERED):
            logged.update(r["to"] for r in record["recipients"])
        self.assertEqual(logged, expected)
        self.assertEqual(gate.records(code="PN8001"), [], "records were dropped")
        opened, closed = gate.records(event="session-open"), gate.records(event="session-close")
        self.assertEqual({r["session"] for r in opened}, {r["session"] for r in closed})
        self.assertEqual(len({r["session"] for r in opened}), len(opened), "a session id came twice")
        self.assertEqual(sum(r["messages"] for r in closed), sum(expected.values()))

    def through_sink(self, messages, sessions, *more):
        with Sink() as sink, Postern(PUBLISH, external=free_port(), internal=sink.port) as gate:
            load(gate.external, messages, sessions, *more)
            expected = collections.Counter(f"{n}b@in.test" for n in range(1, messages + 1))
            wait_for(lambda: f"{messages} messages at the sink; there are {len(sink.recipients())}",
                     lambda: sum(sink.recipients().values()) >= messages)
            self.assertEqual(sink.recipients(), expected)
            self.assert_logged(gate, expected)

    def test_2000_messages_in_20_sessions_at_a_time(self):
        self.through_sink(2000, 20, "-l", "4096")

    def test_300_messages_over_sessions_that_go_on(self):
        self.through_sink(300, 10, "-d", "-l", "20000")

    @unittest.skipUnless(Postfix.usable(), "Postfix needs root")
    def test_300_messages_to_postfix(self):
        with Postfix() as server, Postern(PUBLISH, external=free_port(), internal=server.port) as gate:
            load(gate.external, 300, 20, "-l", "10000")
            server.settle(1)
            expected = collections.Counter(f"{n}b@in.test" for n in range(1, 301))
            self.assertEqual(collections.Counter(m.recipient for m in server.messages()), expected)
            self.assert_logged(gate, expected)


if __name__ == "__main__":
    main()
