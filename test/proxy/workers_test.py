# SPDX-License-Identifier: ISC
"""Several workers: each takes part, all count together, and they end together."""
import collections
import os
import signal
import socket
import threading
import unittest

from support import LOOPBACK, FakeServer, Postern, RawClient, gateway, main, rules, wait_for

WORKERS = 3
WORKER_OF_ID = slice(9, 11)  # the digits of a session id that name its worker

server = None


def setUpModule():
    global server
    server = unittest.enterModuleContext(FakeServer())


def greeting(port):
    """(socket, reply code) of one connection; the socket stays open."""
    sock = socket.create_connection((LOOPBACK, port), 10)
    return sock, sock.recv(1000)[:3].decode("ascii")


def many(port, n, threads=8):
    """@n connections as fast as @threads can make them: [(socket, reply code)]."""
    got, lock = [], threading.Lock()

    def some():
        while True:
            with lock:
                if some.left == 0:
                    return
                some.left -= 1
            one = greeting(port)
            with lock:
                got.append(one)
    some.left = n
    running = [threading.Thread(target=some) for _ in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    return got


def count(got):
    return collections.Counter(code for _, code in got)


def workers_of(records):
    return {r["session"][WORKER_OF_ID] for r in records}


class Counts(unittest.TestCase):
    def gate(self, *statements):
        return self.enterContext(gateway(rules(*statements), server.port, workers=WORKERS))

    def close(self, got):
        for sock, _ in got:
            sock.close()

    def test_each_takes_part(self):
        gate = self.gate()
        self.assertEqual(len(gate.roles("postern-proxy")), WORKERS)
        for _ in range(60):
            with RawClient(gate.external) as c:
                c.expect(220)
                c.command("QUIT", 221)
        opened = gate.wait_records(60, event="session-open")
        self.assertEqual(len(workers_of(opened)), WORKERS)
        self.assertEqual(len({r["session"] for r in opened}), 60)

    def test_connections_of_one_client_are_exact(self):
        gate = self.gate("limit connections 17 per client, 1000 total", "limit rate 10000 per 1s per client")
        for _ in range(3):  # what was let go may be taken again, and no more
            got = many(gate.external, 60)
            self.assertEqual(count(got), {"220": 17, "421": 43})
            self.close(got)
            gate.wait_sessions_closed()
        self.assertEqual(len(workers_of(gate.wait_records(51, event="session-open"))), WORKERS)

    def test_connections_in_total_are_exact(self):
        gate = self.gate("limit connections 1000 per client, 23 total", "limit rate 10000 per 1s per client")
        got = many(gate.external, 60)
        self.assertEqual(count(got), {"220": 23, "421": 37})
        self.assertEqual(len(gate.wait_records(37, code="PN4002")), 37)
        self.close(got)

    def test_rate_is_exact(self):
        gate = self.gate("limit rate 31 per 1h per client")
        got = many(gate.external, 60)
        self.assertEqual(count(got), {"220": 31, "421": 29})
        self.close(got)

    def test_many_that_come_and_go_leave_nothing_counted(self):
        gate = self.gate("limit connections 10 per client, 10 total", "limit rate 100000 per 1s per client")

        def come_and_go():
            for _ in range(60):
                greeting(gate.external)[0].close()
        running = [threading.Thread(target=come_and_go) for _ in range(6)]
        for t in running:
            t.start()
        for t in running:
            t.join()
        gate.wait_sessions_closed()
        got = many(gate.external, 30)
        self.assertEqual(count(got), {"220": 10, "421": 20})
        self.close(got)


class Ends(unittest.TestCase):
    def test_one_that_is_killed_ends_its_own_sessions_only(self):
        with gateway(rules(), server.port, workers=WORKERS) as gate:
            clients = [RawClient(gate.external) for _ in range(24)]
            for c in clients:
                c.expect(220)
            opened = gate.wait_records(24, event="session-open")  # those it has not sent die with it
            victim = gate.roles("postern-proxy")[1]
            os.kill(victim, signal.SIGKILL)
            self.assertEqual(len(gate.wait_records(code="PN8003", role="postern-proxy", signal=9)), 1)
            wait_for("its successor", lambda: len(gate.ready("postern-proxy")) == WORKERS and victim not in gate.ready("postern-proxy"))
            self.assertIn("postern-proxy (process %d) ended unexpectedly: signal 9" % victim, gate.stderr())
            ended = 0
            for c in clients:
                c.send(b"NOOP\r\n")
                ended += c.reply() is None
                c.sock.close()
            self.assertTrue(0 < ended < 24, ended)
            closed = gate.wait_records(24 - ended, event="session-close")
            self.assertEqual(len(workers_of(opened)) - len(workers_of(closed)), 1, "the others told the end of their sessions")

    def test_sigterm_ends_all_with_a_reply(self):
        with gateway(rules(), server.port, workers=WORKERS) as gate:
            clients = [RawClient(gate.external) for _ in range(12)]
            for c in clients:
                c.expect(220)
            gate.process.terminate()
            for c in clients:
                c.expect(421)
                c.sock.close()
            self.assertEqual(gate.process.wait(20), 0)
            self.assertEqual(len(gate.wait_records(12, event="session-close")), 12)

    def test_a_second_house_does_not_share_the_port(self):
        with gateway(rules(), server.port, workers=WORKERS) as gate:
            second = Postern(rules(), conf=Postern.CONF + "workers %d\n" % WORKERS, external=gate.external, internal=server.port)
            code, said = second.run_to_end()
            second.scratch.remove()
            self.assertEqual(code, 69, said)
            self.assertIn("another program listens there", said)

    def test_more_than_it_runs_is_refused(self):
        gate = gateway(rules(), server.port, workers=65)
        code, said = gate.run_to_end()
        gate.scratch.remove()
        self.assertEqual(code, 78)
        self.assertIn("at most 64 workers", said)


class Log(unittest.TestCase):
    def test_one_that_is_gone_does_not_end_the_log_of_others(self):
        """A worker that is stopped and one that goes on: what the second logs arrives."""
        with gateway(rules(), server.port, workers=2) as gate:
            stopped = gate.roles("postern-proxy")[0]
            os.kill(stopped, signal.SIGSTOP)
            try:
                seen = 0
                for _ in range(40):
                    with socket.create_connection((LOOPBACK, gate.external), 10) as c:
                        c.settimeout(0.2)
                        try:
                            seen += c.recv(100)[:3] == b"220"
                        except TimeoutError:
                            pass
                        if seen == 5:
                            break
                self.assertEqual(seen, 5)
                wait_for("its records", lambda: len(gate.records(event="session-close")) >= 5)
            finally:
                os.kill(stopped, signal.SIGCONT)


if __name__ == "__main__":
    main()
