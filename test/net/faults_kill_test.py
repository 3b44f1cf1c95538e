# SPDX-License-Identifier: ISC
"""CASES OPS-07, OPS-18, OPS-19, OPS-34: roles that are killed or stopped while messages pass

Each role in turn, under a load whose every message is accounted for; then posternd itself.
"""
import collections
import os
import signal
import socket
import sys
import time
import unittest

from fixture import LOOPBACK, free_port, guard, main, wait_for
from gateway import DELIVERED, PUBLISH, Postern
from servers import Postfix
from traffic import Dialogue, Sink, Traffic, assert_accounted, message

ROOT = os.geteuid() == 0
WORKERS = 2
HUNG_S = 16  # proxy/house/child.h: 10 s without an answer, asked every 2 s, and a busy machine


class Killing(unittest.TestCase):
    def gate(self, sink, workers=WORKERS, **more):
        return self.enterContext(Postern(PUBLISH, conf=Postern.CONF + f"workers {workers}\n", external=free_port(),
                                         internal=sink.port, **more))

    def sink(self, **more):
        return self.enterContext(Sink(**more))

    def killed(self, gate, program, number=signal.SIGKILL, index=0):
        pid = gate.roles(program)[index]
        os.kill(pid, number)
        return pid

    def wait_replaced(self, gate, program, pid, count, timeout=20):
        """Seconds until as many as before are ready, @pid not among them."""
        began = time.monotonic()

        def replaced():
            ready = [r for r in gate.status()["roles"] if r["program"] == program and r["state"] == "ready"]
            return len(ready) == count and pid not in [r["pid"] for r in ready]
        wait_for(f"another {program}", replaced, timeout)
        return time.monotonic() - began

    def ended_or_goes_on(self, clients, in_text):
        """How many sessions ended; the others take a message to its end."""
        ended = 0
        for n, c in enumerate(clients):
            if n < in_text:
                c.say(message(f"open{n}") + b".\r\n")
                code = c.code()
            else:
                code = c.code(b"NOOP\r\n")
            ended += code == 0
            self.assertIn(code, (0, 250))
            c.close()
        return ended

    def clients(self, gate, count, in_text):
        found = [Dialogue(gate.external) for _ in range(count)]
        for n, c in enumerate(found):
            self.assertEqual(c.code(), 220)
            self.assertEqual(c.code(b"EHLO c.test\r\n"), 250)
            if n < in_text:
                for line in (b"MAIL FROM:<a@out.test>", b"RCPT TO:<b@in.test>", b"DATA"):
                    self.assertIn(c.code(line + b"\r\n"), (250, 354))
                c.say(b"Subject: half\r\n")
        return found


class Kill(Killing):
    def test_ops_18_proxy_under_load(self):
        """Its sessions end without an end of data, others go on, it is back within a second."""
        sink = self.sink()
        gate = self.gate(sink)
        with Traffic(gate.external, threads=4, pause_s=0.005) as traffic:
            traffic.wait_accepted(20)
            for n in range(3):
                open_before = self.clients(gate, 12, 0)
                pid = self.killed(gate, "postern-proxy", index=n % WORKERS)
                took = self.wait_replaced(gate, "postern-proxy", pid, WORKERS)
                print(f"OPS-18: a proxy was replaced in {took:.2f} s", file=sys.stderr)  # under 1 s where nothing else runs
                ended = self.ended_or_goes_on(open_before, 0)
                self.assertTrue(0 < ended < 12, f"{ended} of 12 sessions ended: only one of two proxies was killed")
                traffic.wait_accepted(20)
        self.assertEqual(traffic.met["refused"], 0, "the listener stays open for so short a time")
        assert_accounted(self, traffic, sink)
        self.assertEqual(len(gate.wait_records(3, code="PN8003", role="postern-proxy")), 3)

    def test_half_a_message_of_a_killed_proxy_is_none(self):
        sink = self.sink()
        gate = self.gate(sink, workers=1)
        clients = self.clients(gate, 6, 6)
        self.killed(gate, "postern-proxy")
        self.assertEqual([c.code() for c in clients], [0] * 6)
        wait_for("the sink's connections to end", lambda: sink.open == 0)
        self.assertEqual((sink.taken, sink.broken), (collections.Counter(), []))

    def test_ops_07_log_under_load(self):
        """Nobody waits for it, and what was sent while it was dead is read by its successor."""
        sink = self.sink()
        gate = self.gate(sink)
        with Traffic(gate.external, threads=3, pause_s=0.005) as traffic:
            for _ in range(3):
                traffic.wait_accepted(20)
                began = time.monotonic()
                pid = self.killed(gate, "postern-log")
                self.wait_replaced(gate, "postern-log", pid, 1)
                traffic.wait_accepted(20)
                self.assertLess(traffic.longest_gap_s(began), 5, "a client waited for the log")
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        self.assertEqual(traffic.names("refused", "cut"), set(), traffic.show())
        gate.wait_records(3, code="PN8003", role="postern-log")
        accepted = traffic.count("accepted")
        # what a killed one had read and not yet written is all that may be missing: one batch each time
        wait_for(lambda: f"records of {accepted} messages; {len(gate.records(code=DELIVERED))}",
                 lambda: len(gate.records(code=DELIVERED)) >= accepted - 3 * 20)

    def test_records_sent_while_no_log_runs_are_all_written(self):
        sink = self.sink()
        gate = self.gate(sink)
        for _ in range(4):  # so that it rests for a while
            pid = self.killed(gate, "postern-log")
            self.wait_replaced(gate, "postern-log", pid, 1)
        self.killed(gate, "postern-log")  # 0.8 s
        with Traffic(gate.external, threads=3) as traffic:
            traffic.wait_accepted(50)
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        gate.wait_records(traffic.count("accepted"), code=DELIVERED)
        gate.wait_sessions_closed()
        self.assertEqual(len(gate.records(code=DELIVERED)), traffic.count("accepted"))
        self.assertEqual(gate.records(code="PN8001"), [])

    def test_records_of_a_proxy_that_ended_while_no_log_ran(self):
        """A log that is stopped reads nothing; what a proxy said before its own end must outlive both."""
        sink = self.sink()
        gate = self.gate(sink, workers=1)
        log = self.killed(gate, "postern-log", signal.SIGSTOP)
        with Traffic(gate.external, threads=2) as traffic:
            traffic.wait_accepted(20)
        self.assertEqual(gate.tool("apply").returncode, 0)  # the proxy drains, and ends
        wait_for("one proxy", lambda: len(gate.roles("postern-proxy")) == 1)
        os.kill(log, signal.SIGKILL)
        gate.wait_records(traffic.count("accepted"), code=DELIVERED)
        gate.wait_sessions_closed()

    @unittest.skipUnless(ROOT, "without root proxies make their own sockets")
    def test_socket_role_under_load(self):
        sink = self.sink()
        gate = self.gate(sink)
        with Traffic(gate.external, threads=4) as traffic:
            for n in range(3):
                traffic.wait_accepted(20)
                pid = self.killed(gate, "postern-socket")
                self.wait_replaced(gate, "postern-socket", pid, 1)
                traffic.wait_accepted(20)
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        self.assertEqual(traffic.count("cut"), 0, traffic.show())
        self.assertEqual(len(gate.wait_records(3, code="PN8003", role="postern-socket")), 3)

    @unittest.skipUnless(Postfix.usable(), "Postfix needs root")
    def test_to_postfix_each_message_once(self):
        with Postfix() as server:
            gate = self.gate(server)
            with Traffic(gate.external, threads=4, pause_s=0.01) as traffic:
                for n in range(3):
                    traffic.wait_accepted(15)
                    pid = self.killed(gate, "postern-proxy", index=n % WORKERS)
                    self.wait_replaced(gate, "postern-proxy", pid, WORKERS)
                traffic.wait_accepted(15)
            server.settle(1)
            kept = collections.Counter(m.header("Subject") for m in server.messages())
            self.assertEqual(traffic.names("accepted") - set(kept), set(), "250 for a message Postfix has not")
            self.assertEqual(set(kept) - traffic.names("accepted", "unknown"), set())
            self.assertEqual([name for name, n in kept.items() if n > 1], [])


class Stop(Killing):
    """SIGSTOP: what does not answer is killed, and replaced."""

    def stopped(self, program, gate):
        pid = self.killed(gate, program, signal.SIGSTOP)
        self.addCleanup(self.end, pid)
        return pid

    @staticmethod
    def end(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def test_each_role_that_hangs_is_replaced_and_others_go_on(self):
        """All three at once, in two houses, since it takes so long: a proxy here, log and socket there."""
        sink = self.sink()
        one, two = self.gate(sink), self.gate(sink)
        with Traffic(one.external, threads=2, prefix="one", pause_s=0.02) as first, \
                Traffic(two.external, threads=2, prefix="two", pause_s=0.02) as second:
            first.wait_accepted(10)
            second.wait_accepted(10)
            pids = [(one, "postern-proxy", self.stopped("postern-proxy", one), WORKERS),
                    (two, "postern-log", self.stopped("postern-log", two), 1)]
            if ROOT:
                pids.append((two, "postern-socket", self.stopped("postern-socket", two), 1))
            began = time.monotonic()
            second.wait_accepted(50)  # OPS-07: nobody waits for the log; of sockets there is a store
            self.assertLess(time.monotonic() - began, 9, "before the log was replaced")
            for gate, program, pid, count in pids:
                self.wait_replaced(gate, program, pid, count, HUNG_S + 5)
            took = time.monotonic() - began
            self.assertTrue(8 <= took <= HUNG_S, took)
            first.wait_accepted(10)
            second.wait_accepted(10)
        for traffic in (first, second):
            accounted = Sink()
            accounted.taken = {n: c for n, c in sink.taken.items() if n.startswith(traffic.prefix)}
            accounted.listener.close()
            assert_accounted(self, traffic, accounted)
        for gate, program, _, _ in pids:
            gate.wait_records(1, code="PN8004", role=program)
        two.wait_records(second.count("accepted"), code=DELIVERED)

    def test_posternd_that_was_stopped_kills_nobody(self):
        """Whoever was not asked cannot have answered."""
        sink = self.sink()
        gate = self.gate(sink)
        before = gate.status()["roles"]
        os.kill(gate.process.pid, signal.SIGSTOP)
        time.sleep(12)  # what is tested is the time itself
        os.kill(gate.process.pid, signal.SIGCONT)
        with Traffic(gate.external, threads=2) as traffic:
            traffic.wait_accepted(10)
            time.sleep(3)  # it has looked at them
        self.assertEqual({r.get("pid") for r in before}, {r.get("pid") for r in gate.status()["roles"]})
        self.assertEqual(gate.records(code="PN8004"), [])


class Loop(Killing):
    def test_ops_19_one_that_dies_again_and_again(self):
        """The rests double; while one is long its listener refuses; the others serve; then it is back."""
        sink = self.sink()
        gate = self.gate(sink)
        rests = []
        for n in range(6):
            pid = self.seat(gate, 1)
            os.kill(pid, signal.SIGKILL)
            rests = [r["restart_ms"] for r in gate.wait_records(n + 1, code="PN8003")]
            if n < 5:
                wait_for("it to come up", lambda: self.seat(gate, 1) not in (None, pid), 10)
        self.assertEqual(rests, [0, 100, 200, 400, 800, 1600])
        # it rests: no connection may end up in a queue that nobody empties
        began = time.monotonic()
        with Traffic(gate.external, threads=3) as traffic:
            traffic.wait_accepted(30)
            self.assertLess(time.monotonic() - began, 10)
            wait_for("it to come up", lambda: self.seat(gate, 1) not in (None, pid), 10)
            traffic.wait_accepted(30)
        self.assertEqual(set(traffic.met), {"greeted"}, traffic.show())
        assert_accounted(self, traffic, sink, may_be_unknown=0)

    @staticmethod
    def seat(gate, number):
        for r in gate.status()["roles"]:
            if r.get("seat") == number and r["state"] == "ready":
                return r["pid"]
        return None

    def test_a_single_one_that_rests_long_refuses(self):
        gate = self.gate(self.sink(), workers=1)
        for n in range(6):
            pid = self.seat(gate, 0)
            os.kill(pid, signal.SIGKILL)
            gate.wait_records(n + 1, code="PN8003")
            if n < 5:
                wait_for("it to come up", lambda: self.seat(gate, 0) not in (None, pid), 10)
        with self.assertRaises(ConnectionRefusedError):
            Dialogue(gate.external)
        self.assertEqual(gate.status()["roles"][1]["state"], "waiting")

        def served():
            try:
                with Dialogue(gate.external) as c:
                    return c.code() == 220
            except ConnectionRefusedError:
                return False
        wait_for("it to be served again", served, 10)


class House(Killing):
    def test_ops_34_a_second_instance_touches_nothing(self):
        sink = self.sink()
        gate = self.gate(sink)
        control = gate.dir / "control"
        before = control.stat().st_ino
        with Traffic(gate.external, threads=2) as traffic:
            traffic.wait_accepted(10)
            code, said = gate.run_to_end()
            self.assertEqual(code, 69, said)
            self.assertIn("Address already in use", said)
            with socket.create_server((LOOPBACK, 0)) as other:  # also with rules that do not meet the first one's
                port = other.getsockname()[1]
            rules = (gate.dir / "rules.conf").read_text()
            (gate.dir / "rules.conf").write_text(rules.replace(str(gate.external), str(port)))
            code, said = gate.run_to_end()
            self.assertEqual(code, 69, said)
            self.assertIn("another posternd runs with this state folder", said)
            (gate.dir / "rules.conf").write_text(rules)
            traffic.wait_accepted(10)
        self.assertEqual(control.stat().st_ino, before)
        self.assertEqual(gate.tool("show", "status").returncode, 0)
        self.assertEqual(gate.records(code="PN8003"), [])
        assert_accounted(self, traffic, sink, may_be_unknown=0)

    def test_posternd_killed_and_started_again_at_once(self):
        """Nothing is left of it: its roles end, its control socket is replaced, its ports are free."""
        sink = self.sink()
        gate = self.gate(sink)
        with Traffic(gate.external, threads=3) as traffic:
            for _ in range(4):
                traffic.wait_accepted(10)
                group = gate.process.pid
                gate.process.kill()
                gate.abandon()
                guard.tell(f"+{group}")
                gate.start()
                wait_for("the roles to end", lambda: self.gone(group))
                guard.tell(f"-{group}")
                self.assertEqual(gate.tool("show", "status").returncode, 0)
            traffic.wait_accepted(10)
        assert_accounted(self, traffic, sink)
        self.assertEqual(len(gate.wait_records(5, code="PN7001")), 5)

    @staticmethod
    def gone(group):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False


if __name__ == "__main__":
    main()
