# SPDX-License-Identifier: ISC
"""CASES OPS-16, OPS-17, OPS-33: new rules and an orderly end, while messages pass

No session is lost, none is refused that should not be, each ends under the rules it began with, and what is
counted stays right whichever generation counted it.
"""
import collections
import json
import os
import signal
import socket
import time
import unittest

from fixture import LOOPBACK, free_port, main, wait_for
from gateway import DELIVERED, PUBLISH, Postern
from traffic import Dialogue, Sink, Traffic, assert_accounted, message

OTHER = PUBLISH.replace("in protected", "in elsewhere").replace("set protected", "set elsewhere { members other.test }\nset protected")


def limited(text, *limits):
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("    limit "))
    return kept.replace("    client-address", "\n".join(f"    limit {l}" for l in limits) + "\n    client-address") + "\n"


class Reloading(unittest.TestCase):
    def gate(self, sink, rules=PUBLISH, conf="", **more):
        return self.enterContext(Postern(rules, conf=Postern.CONF + conf, external=free_port(), internal=sink.port, **more))

    def sink(self, **more):
        return self.enterContext(Sink(**more))

    def assert_untouched(self, traffic, sink):
        """As if there had been no reload at all."""
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        self.assertEqual(set(traffic.met), {"greeted"}, traffic.show())
        self.assertEqual(traffic.names("cut", "refused"), set(), traffic.show())

    def greeted(self, gate, count):
        """So many connections at once, and the codes of their greetings."""
        clients = [Dialogue(gate.external) for _ in range(count)]
        for c in clients:
            self.addCleanup(c.close)
        return clients, collections.Counter(c.code() for c in clients)

    def serves(self, gate, recipient, code):
        """Under which rules is a new session?"""
        with Dialogue(gate.external) as c:
            return c.code() == 220 and c.code(b"EHLO c.test\r\n") == 250 and c.code(b"MAIL FROM:<a@out.test>\r\n") == 250 and \
                c.code(b"RCPT TO:<%s>\r\n" % recipient) == code


class Reload(Reloading):
    def test_ops_17_sighup_many_times_under_load(self):
        sink = self.sink()
        gate = self.gate(sink, conf="workers 2\n")
        with Traffic(gate.external, threads=4) as traffic:
            for n in range(15):
                gate.write("rules.conf", PUBLISH + f"# {n}\n")
                gate.process.send_signal(signal.SIGHUP)
                traffic.wait_accepted(4)
        self.assert_untouched(traffic, sink)
        gate.wait_records(traffic.count("accepted"), code=DELIVERED)
        gate.wait_sessions_closed()
        self.assertEqual(sum(r["messages"] for r in gate.records(event="session-close")), traffic.count("accepted"))
        wait_for("the old generations to end", lambda: len(gate.roles("postern-proxy")) == 2)
        self.assertEqual(gate.records(severity="error"), [])

    def test_apply_many_times_under_load(self):
        sink = self.sink()
        gate = self.gate(sink, conf="workers 2\n")
        with Traffic(gate.external, threads=4) as traffic:
            for n in range(10):
                gate.write("rules.conf", PUBLISH.replace("200 per client", f"{200 + n} per client"))
                done = gate.tool("apply")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(f"generation {n + 1} is in force", done.stdout)
                traffic.wait_accepted(4)
        self.assert_untouched(traffic, sink)

    def test_a_change_during_a_reload_is_not_forgotten(self):
        """The second SIGHUP comes while the first is carried out, which has read its files already."""
        gate = self.gate(self.sink(), conf="workers 4\n")
        for n in range(5):
            first, last = (OTHER, PUBLISH) if n % 2 else (PUBLISH, OTHER)
            self.assertEqual(gate.tool("apply").returncode, 0)
            gate.write("rules.conf", first)
            gate.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)  # enough to read them, too little to start four proxies
            gate.write("rules.conf", last)
            gate.process.send_signal(signal.SIGHUP)
            recipient = b"b@other.test" if last is OTHER else b"b@in.test"
            wait_for("the rules written last", lambda: self.serves(gate, recipient, 250), 5)

    def test_old_sessions_end_under_old_rules(self):
        sink = self.sink()
        gate = self.gate(sink)
        with Dialogue(gate.external) as idle, Dialogue(gate.external) as busy:
            for c in (idle, busy):
                self.assertEqual((c.code(), c.code(b"EHLO c.test\r\n")), (220, 250))
            for line, code in ((b"MAIL FROM:<a@out.test>", 250), (b"RCPT TO:<b@in.test>", 250), (b"DATA", 354)):
                self.assertEqual(busy.code(line + b"\r\n"), code)
            gate.write("rules.conf", OTHER)
            self.assertEqual(gate.tool("apply").returncode, 0)
            self.assertEqual(sorted(g["state"] for g in gate.status()["generations"]), ["draining", "running"])
            self.assertEqual(busy.code(message("old") + b".\r\n"), 250)
            for line, code in ((b"MAIL FROM:<a@out.test>", 250), (b"RCPT TO:<b@other.test>", 550), (b"RCPT TO:<b@in.test>", 250)):
                self.assertEqual(idle.code(line + b"\r\n"), code)
            self.assertTrue(self.serves(gate, b"b@other.test", 250))
            self.assertTrue(self.serves(gate, b"b@in.test", 550))
            self.assertEqual((idle.code(b"QUIT\r\n"), busy.code(b"QUIT\r\n")), (221, 221))
        wait_for("the old generation to end", lambda: len(gate.status()["generations"]) == 1)
        self.assertEqual(sink.taken, {"old": 1})

    def test_what_is_left_when_the_drain_is_over_gets_421(self):
        gate = self.gate(self.sink(), conf="drain 1s\n")
        with Dialogue(gate.external) as c:
            self.assertEqual(c.code(), 220)
            gate.write("rules.conf", OTHER)
            self.assertEqual(gate.tool("apply").returncode, 0)
            self.assertEqual((c.code(), c.code()), (421, 0))
        wait_for("the old generation to end", lambda: len(gate.status()["generations"]) == 1)

    def test_ops_16_rules_with_errors_change_nothing(self):
        sink = self.sink()
        gate = self.gate(sink)
        taken = self.enterContext(socket.create_server((LOOPBACK, 0))).getsockname()[1]
        bad = {
            "a syntax error": (PUBLISH.replace("{external}\n    internal", "{external\n    internal", 1) + "}", 78, r"rules\.conf:\d+:\d+: error: "),
            "an unknown key": (PUBLISH + "publsh x { }\n", 78, r"rules\.conf:\d+:\d+: error: (.*\n)*.*nothing was changed"),
            "no version, nothing at all": ("", 78, "error"),
            "what this version cannot do": (PUBLISH + "set l { members o.test }\nroute r { domains any; next-hop mx }\n"
                                            "relay x { listen 127.0.0.1:{external}; recipients in l; deliver r }\n", 78, "published, too"),
            "a port that is taken": (PUBLISH + PUBLISH[PUBLISH.index("publish"):].replace("inspected", "second", 1).replace("{external}", str(taken)),
                                     69, "cannot listen on"),
        }
        before = gate.status()
        with Traffic(gate.external, threads=2, pause_s=0.01) as traffic:
            for name, (rules, code, pattern) in bad.items():
                with self.subTest(name):
                    gate.write("rules.conf", rules)
                    gate.forget()
                    done = gate.tool("apply")
                    self.assertEqual(done.returncode, code, done)
                    self.assertRegex(done.stdout + done.stderr, pattern)
                    gate.process.send_signal(signal.SIGHUP)
                    gate.wait_records(1, code="PN7004")
                    traffic.wait_accepted(2)
        self.assert_untouched(traffic, sink)
        self.assertEqual([{k: r[k] for k in ("program", "pid")} for r in before["roles"]],
                         [{k: r[k] for k in ("program", "pid")} for r in gate.status()["roles"]])
        self.assertEqual(gate.status()["daemon"]["generation"], before["daemon"]["generation"])
        self.assertTrue(self.serves(gate, b"b@in.test", 250))

    def test_workers_2_1_3_with_connections_that_wait(self):
        """Who waits in the queue of a listener is served, whichever proxy that queue belongs to then."""
        sink = self.sink()
        gate = self.gate(sink, conf="workers 2\n")
        conf = (gate.dir / "postern.conf").read_text()
        for workers in (1, 3, 2):
            for pid in gate.roles("postern-proxy"):
                os.kill(pid, signal.SIGSTOP)  # so that nobody accepts
            waiting = [Dialogue(gate.external) for _ in range(12)]
            (gate.dir / "postern.conf").write_text(conf.replace("workers 2", f"workers {workers}"))
            stopped = gate.roles("postern-proxy")
            done = gate.tool("apply")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({c.code() for c in waiting}, {220})
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            for c in waiting:
                self.assertEqual((c.code(b"EHLO c.test\r\n"), c.code(b"QUIT\r\n")), (250, 221))
                c.close()
            wait_for(f"{workers} proxies", lambda: len(gate.roles("postern-proxy")) == workers)

    def test_a_reload_does_not_wait_for_a_log_that_rests(self):
        sink = self.sink()
        gate = self.gate(sink)
        for n in range(8):
            pid = (wait_for("a log", lambda: gate.ready("postern-log")))[0]
            os.kill(pid, signal.SIGKILL)
            wait_for("its end", lambda: gate.ready("postern-log") != [pid])
        began = time.monotonic()
        gate.write("rules.conf", OTHER)
        self.assertEqual(gate.tool("apply").returncode, 0)
        self.assertTrue(self.serves(gate, b"b@other.test", 250))
        self.assertLess(time.monotonic() - began, 6, "its rest is 6.4 s")
        self.assertEqual(gate.ready("postern-log"), [])
        gate.wait_records(1, code="PN7003")

    def test_a_role_killed_during_a_reload(self):
        """Whatever dies then, the rules are either all in force or not at all, and messages pass."""
        sink = self.sink()
        gate = self.gate(sink, conf="workers 2\n")
        with Traffic(gate.external, threads=2) as traffic:
            for n in range(6):
                program = ("postern-log", "postern-proxy", "postern-socket")[n % 3]
                gate.write("rules.conf", PUBLISH + f"# {n}\n")
                gate.process.send_signal(signal.SIGHUP)
                time.sleep(0.01 * n)
                for pid in gate.roles(program)[:1]:
                    os.kill(pid, signal.SIGKILL)
                traffic.wait_accepted(4)
            done = gate.tool("apply")
            self.assertIn(done.returncode, (0, 69), done)
            traffic.wait_accepted(4)
        assert_accounted(self, traffic, sink)
        wait_for("two ready proxies", lambda: len(gate.ready("postern-proxy")) == 2)


class Counts(Reloading):
    def test_connections_are_counted_across_generations_and_deaths(self):
        limits = limited(PUBLISH, "connections 10 per client, 400 total", "rate 10000 per 1s per client")
        gate = self.gate(self.sink(), limits, conf="workers 2\n")
        first, codes = self.greeted(gate, 6)
        self.assertEqual(codes, {220: 6})
        gate.write("rules.conf", limits.replace("publish inspected", "\n\nset y { members y.test }\n# moved down\npublish inspected"))
        done = gate.tool("apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        second, codes = self.greeted(gate, 8)
        self.assertEqual(codes, {220: 4, 421: 4})
        for pid in gate.roles("postern-proxy"):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual({c.code() for c in first}, {0})
        wait_for("two new ones", lambda: len(gate.ready("postern-proxy")) == 2)
        _, codes = self.greeted(gate, 15)
        self.assertEqual(codes, {220: 10, 421: 5})

    def test_total_is_right_after_one_proxy_died(self):
        gate = self.gate(self.sink(), limited(PUBLISH, "connections 400 per client, 20 total", "rate 10000 per 1s per client"), conf="workers 3\n")
        for n in range(4):
            clients, codes = self.greeted(gate, 25)
            self.assertEqual(codes, {220: 20, 421: 5})
            victim = gate.roles("postern-proxy")[n % 3]
            os.kill(victim, signal.SIGKILL)
            wait_for("its successor", lambda: victim not in [r.get("pid") for r in gate.status()["roles"]] and
                     all(r["state"] == "ready" for r in gate.status()["roles"]))
            left = 0
            for c in clients:  # a refused one is at its end, as one of the killed proxy is
                left += c.code(b"NOOP\r\n") == 250
            again, codes = self.greeted(gate, 25)
            self.assertEqual(codes, collections.Counter({220: 20 - left, 421: 5 + left}))
            for c in clients + again:
                c.close()
            gate.wait_records(1, code="PN8003")
            wait_for("all to be gone", lambda: sum(r.get("sessions", 0) for r in gate.status()["roles"]) == 0)


class Term(Reloading):
    def test_ops_33_sigterm_under_load(self):
        sink = self.sink(pause_s=0.02)
        gate = self.gate(sink, conf="workers 2\n")
        with Traffic(gate.external, threads=6, largest=200000) as traffic:
            traffic.wait_accepted(20)
            gate.process.send_signal(signal.SIGTERM)
            self.assertEqual(gate.process.wait(20), 0, gate.stderr())
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        self.assertLessEqual(set(traffic.answers), {421, 0}, traffic.show())
        self.assertEqual(len(gate.records(code="PN7002", folder=str(gate.dir))), 1)
        self.assertEqual(len(gate.records(code=DELIVERED)), traffic.count("accepted"), "the log tells of each")
        opened, closed = ({r["session"] for r in gate.records(event=e)} for e in ("session-open", "session-close"))
        self.assertEqual(opened, closed)

    def test_sigterm_while_no_log_runs(self):
        """What waits to be written is written all the same."""
        sink = self.sink()
        gate = self.gate(sink)
        for n in range(4):  # so that the next rest is one of 0.8 s
            pid, = gate.ready("postern-log")
            os.kill(pid, signal.SIGKILL)
            wait_for("another", lambda: gate.ready("postern-log") not in ([], [pid]))
        os.kill(gate.ready("postern-log")[0], signal.SIGKILL)
        with Traffic(gate.external, threads=2) as traffic:
            traffic.wait_accepted(10)
        gate.process.send_signal(signal.SIGTERM)
        self.assertEqual(gate.process.wait(20), 0, gate.stderr())
        self.assertEqual(len(gate.records(code=DELIVERED)), traffic.count("accepted"))
        self.assertEqual(len(gate.records(code="PN7002", folder=str(gate.dir))), 1)

    def test_log_killed_after_sigterm(self):
        sink = self.sink(pause_s=0.5)
        gate = self.gate(sink)
        with Traffic(gate.external, threads=6) as traffic:
            wait_for("messages under way", lambda: sink.open == 6)
            time.sleep(0.1)
            gate.process.send_signal(signal.SIGTERM)
            os.kill(gate.roles("postern-log")[0], signal.SIGKILL)
            self.assertEqual(gate.process.wait(20), 0, gate.stderr())
        assert_accounted(self, traffic, sink, may_be_unknown=0)
        self.assertEqual(len(gate.records(code="PN7002", folder=str(gate.dir))), 1, gate.show_log())
        self.assertEqual(len(gate.records(code=DELIVERED)), traffic.count("accepted"))


if __name__ == "__main__":
    main()
