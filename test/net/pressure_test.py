# SPDX-License-Identifier: ISC
"""CASES DOS-01, 02, 05, 13, 15 and 17, OPS-06: more of everything than a rule allows.

In each, what is too much is refused by a reply and a record, memory stays within its bound, and another
client is served meanwhile.
"""
import os
import select
import socket
import threading
import time
import unittest

from client import RawClient, incident
from fixture import LOOPBACK, free_port, main, wait_for
from gateway import PUBLISH, Postern
from servers import Aiosmtpd

ROOT = os.geteuid() == 0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
# what the programs need by themselves, and one block in which octets wait for each session (proxy/pool.h)
RESIDENT_KIB = 40 << 10
WAITING_KIB = 340

server = None


def setUpModule():
    global server
    server = unittest.enterModuleContext(Aiosmtpd())


def limited(*limits):
    kept = "\n".join(line for line in PUBLISH.splitlines() if not line.startswith("    limit "))
    return kept.replace("    client-address", "\n".join(f"    limit {text}" for text in limits) + "\n    client-address")


class Deaf:
    """A server that greets, answers up to DATA, and then reads nothing any more."""

    def __init__(self, recipient=b"250 ok\r\n"):
        self.replies = {b"EHLO": b"250-deaf.in.test\r\n250-PIPELINING\r\n250 SIZE 20000000\r\n",
                        b"RCPT": recipient, b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}

    def __enter__(self):
        self.listener = socket.create_server((LOOPBACK, 0), backlog=1000)
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.close()
        for sock in self.kept:
            sock.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.kept.append(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            sock.sendall(b"220 deaf.in.test\r\n")
            with sock.makefile("rb", buffering=0) as octets:
                verb = b""
                while verb != b"DATA" and (line := octets.readline()):
                    verb = line[:4]
                    sock.sendall(self.replies.get(verb, b"250 ok\r\n"))
        except OSError:
            pass


class Pressure(unittest.TestCase):
    def gate(self, rules, **more):
        gate = self.enterContext(Postern(rules, external=free_port(), internal=more.pop("internal", server.port), **more))
        return gate

    def connect(self, gate, source=LOOPBACK, count=1):
        clients = []
        for _ in range(count):
            clients.append(RawClient(gate.external, source))
            self.addCleanup(clients[-1].sock.close)
        return clients

    def assert_served(self, gate, source="127.0.0.99"):
        with RawClient(gate.external, source) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("QUIT", 221)

    def greeted(self, clients):
        """Those who got a 220; of the others the reply, each with an incident in the log."""
        replies = [c.reply() for c in clients]
        return [c for c, r in zip(clients, replies) if r[0] == 220], [r for r in replies if r[0] != 220]

    def test_dos_01_idle_connections_of_one_client(self):
        gate = self.gate(limited("connections 20 per client, 400 total"))
        within, beyond = self.greeted(self.connect(gate, count=300))
        self.assertEqual((len(within), len(beyond)), (20, 280))
        self.assertEqual({code for code, _ in beyond}, {421})
        self.assert_served(gate)
        records = gate.wait_records(280, code="PN4001")
        self.assertEqual({r["incident"] for r in records}, {incident(text) for _, text in beyond})
        within.pop().sock.close()
        wait_for("the place of a client that left", lambda: self.greeted(self.connect(gate))[0])

    def test_dos_02_connections_of_many_clients(self):
        gate = self.gate(limited("connections 20 per client, 50 total"))
        clients = [self.connect(gate, f"127.0.1.{n}")[0] for n in range(1, 101)]
        within, beyond = self.greeted(clients)
        self.assertEqual((len(within), len(beyond)), (50, 50))
        self.assertEqual({code for code, _ in beyond}, {421})
        gate.wait_records(50, code="PN4002")
        within.pop().sock.close()
        wait_for("the place of a client that left", lambda: self.greeted(self.connect(gate))[0])

    def test_rate_of_one_client(self):
        gate = self.gate(limited("rate 5 per 1m per client"))
        within, beyond = self.greeted(self.connect(gate, count=8))
        self.assertEqual((len(within), [code for code, _ in beyond]), (5, [421] * 3))
        self.assertEqual(len(gate.wait_records(3, code="PN4003")), 3)
        self.assert_served(gate)

    def test_dos_05_commands_without_mail(self):
        gate = self.gate(PUBLISH)
        with RawClient(gate.external) as c:
            c.expect(220)
            c.send(b"NOOP\r\n" * 100000)
            replies = c.replies_to_end()
        self.assertEqual(replies[-1][0], 421, replies[-3:])
        self.assertLess(len(replies), 300)
        self.assertEqual(len(gate.wait_records(code="PN4008")), 1)

    def test_ops_06_many_identical_refusals(self):
        refused = 1500
        gate = self.gate(limited("connections 1 per client, 400 total"), conf=Postern.CONF + "workers 1\n")
        self.connect(gate)[0].expect(220)
        for _ in range(refused):
            with RawClient(gate.external) as c:
                c.expect(421)
        self.assert_served(gate)
        gate.process.terminate()
        self.assertEqual(gate.process.wait(20), 0)
        written, held = gate.records(code="PN4001"), gate.records(code="PN8006")
        self.assertEqual((len(written), [(r["of"], r["records"]) for r in held]), (1000, [("PN4001", refused - 1000)]))

    def test_dos_13_no_descriptors_left(self):
        gate = self.gate(limited("connections 400 per client, 400 total"), prefix=[] if ROOT else ["prlimit", "--nofile=80:80"])
        if ROOT:
            gate.limit_descriptors(80)
        clients = self.connect(gate, count=300)
        wait_for("a record", lambda: gate.records(code="PN4009"))
        self.assertLess(self.cpu_percent(gate), 10, "it spins")
        self.assertLess(len(gate.records(code="PN4009")), 100, "one record for each try would be a flood")
        for c in clients:
            c.sock.close()
        wait_for("a session", lambda: self.try_session(gate))

    def try_session(self, gate):
        try:
            self.assert_served(gate)
            return True
        except (AssertionError, OSError):
            return False

    def cpu_percent(self, gate):
        began, before = time.monotonic(), gate.cpu_ticks()
        time.sleep(1)  # what is measured is the time itself
        return (gate.cpu_ticks() - before) / CLOCK_TICKS / (time.monotonic() - began) * 100

    def test_dos_15_client_that_never_reads(self):
        """The server's replies are long; what the client does not read is not read from the server."""
        reply = b"250-" + b"x" * 400 + b"\r\n"
        with Deaf(reply * 30 + b"250 ok\r\n") as talkative:
            gate = self.gate(limited("connections 100 per client, 400 total", "recipients 100000 per message"),
                             internal=talkative.port)
            before = gate.resident_kib()
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect((LOOPBACK, gate.external))
                deaf.sendall(b"EHLO c.test\r\nMAIL FROM:<a@out.test>\r\n")
                deaf.setblocking(False)
                sent = self.send_all_it_takes([deaf], b"RCPT TO:<b@in.test>\r\n" * 1000, most=20 << 20)
                self.assertLess(sent, 20 << 20, "it read without end")
                self.assert_served(gate)
                # of 12 MiB that the server would say; a sanitizer keeps some freed blocks too
                self.assertLess(gate.resident_kib() - before, 4 * WAITING_KIB)

    @staticmethod
    def send_all_it_takes(socks, octets, most):
        """Octets sent, until no socket has taken more for a while, or @most."""
        poll, sent = select.poll(), 0
        for sock in socks:
            poll.register(sock, select.POLLOUT)
        by_number = {sock.fileno(): sock for sock in socks}
        while sent < most and (ready := poll.poll(500)):
            for number, _ in ready:
                try:
                    sent += by_number[number].send(octets)
                except BlockingIOError:
                    pass
                except OSError:
                    poll.unregister(number)
        return sent

    def test_dos_17_large_messages_that_the_server_does_not_take(self):
        sessions = 40
        with Deaf() as deaf:
            gate = self.gate(limited("connections 400 per client, 400 total"), internal=deaf.port)
            clients = self.connect(gate, count=sessions)
            for c in clients:
                c.expect(220)
                c.command("EHLO c.test", 250)
                c.send(b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n")
                for code in (250, 250, 354):
                    c.expect(code)
                c.sock.setblocking(False)
            self.send_all_it_takes([c.sock for c in clients], (b"x" * 76 + b"\r\n") * 1000, most=sessions * 10 << 20)
            self.assertLess(gate.resident_kib(), RESIDENT_KIB + sessions * WAITING_KIB)
            for c in clients:
                c.sock.close()
            gate.wait_sessions_closed(sessions)


if __name__ == "__main__":
    main()
