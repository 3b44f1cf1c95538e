# SPDX-License-Identifier: ISC
"""`log tls` on a lab: what the TLS hellos of passed sessions say stands in their records (root)

Nothing waits for who reads them, and nothing is held back when nobody does. CASES TLS-17, TLS-22.
"""
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest

from fixture import PATIENCE_S, SRC, Fixture, certificate, end_process, main, spawn, wait_for
from gatekeeper import bound_log
from gateway import ROLES, Postern
from lab import CLIENT, IPTABLES, OTHER_PUBLISHED, PUBLISHED, SERVER, module_lab
from servers import Postfix

sys.path.insert(0, str(SRC / "test/fuzz"))
import hello_seeds  # noqa: E402

CONF = """version 1
mode managed
hostname gw.test
state "{dir}/state"
""" + ROLES
RULES = """version 1
publish imaps {
    external        198.51.100.2:993, [2001:db8:2::2]:993
    internal        10.0.0.21:993, [fd00:10::21]:993
    pass
    client-address  {client_address}
    log             sessions, tls
}
publish mail {
    external        198.51.100.2:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    pass
    client-address  {client_address}
    log             sessions, tls
}
"""
UNTOLD = """publish untold {
    external        198.51.100.20:993
    internal        10.0.0.21:993
    pass
    client-address  {client_address}
    log             sessions
}
"""
FIELDS = ("tls_name", "tls_offered", "tls_version")

lab = None


class TlsServer(Fixture):
    """Speaks TLS 1.2 and 1.3 on a port, and says nothing else."""

    def __init__(self, port):
        self.port = port

    def start(self):
        cert, key = certificate()
        self.process = spawn(["openssl", "s_server", "-accept", f"{self.port}", "-cert", cert, "-key", key, "-quiet"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the TLS server", self.answers)

    def answers(self):
        with lab.server, socket.socket() as s:
            return s.connect_ex((SERVER[4], self.port)) == 0

    def stop(self):
        end_process(self.process)
        self.process.stdin.close()


def setUpModule():
    global lab
    lab = module_lab(Postfix)
    unittest.enterModuleContext(lab.server.begin(Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"])))
    unittest.enterModuleContext(lab.server.begin(TlsServer(993)))


def begin(case, rules=RULES + UNTOLD, client_address="keep"):
    gate = Postern(rules, CONF, client_address=client_address)
    by_class = isinstance(case, type)
    cleanup = case.addClassCleanup if by_class else case.addCleanup
    cleanup(lab.gateway.must, Postern.program("cli/postern"), "-c", gate.dir, "firewall", "remove")
    return (case.enterClassContext if by_class else case.enterContext)(lab.gateway.begin(gate))


def connect(port, address=PUBLISHED[4]):
    with lab.client:
        s = socket.create_connection((address, port), PATIENCE_S)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def s_client(*options, port=993, address=PUBLISHED[4]):
    """A session of openssl's client, to its end."""
    host = f"[{address}]" if ":" in address else address
    with lab.client:
        done = subprocess.run(["openssl", "s_client", "-min_protocol", "TLSv1.2", "-connect", f"{host}:{port}", *options],
                              input="QUIT\n" if port == 25 else "Q\n", capture_output=True, text=True, timeout=PATIENCE_S)
    if "BEGIN CERTIFICATE" not in done.stdout:
        raise AssertionError(f"no TLS: {done.stdout}{done.stderr}")


def marks(family=4):
    return [line for line in lab.gateway.must(f"{IPTABLES[family]}-save", "-t", "mangle").splitlines() if "NFLOG" in line]


class Case(unittest.TestCase):
    gate = None

    def told(self, count=1):
        records = self.gate.wait_records(count, event="session-close")
        self.assertEqual(len(records), count, records)
        return [tuple(r.get(f) for f in FIELDS) for r in records]


class Recorded(Case):
    client_address = "keep"

    @classmethod
    def setUpClass(cls):
        cls.gate = begin(cls, client_address=cls.client_address)

    def setUp(self):
        self.gate.forget()

    def test_from_the_first_octet(self):
        for family in (4, 6):
            for most, offered, chosen in (("TLSv1.3", "1.2,1.3", "1.3"), ("TLSv1.2", "1.2", "1.2")):
                with self.subTest(family=family, most=most):
                    self.gate.forget()
                    s_client("-servername", "imap.example.org", "-max_protocol", most, address=PUBLISHED[family])
                    self.assertEqual(self.told(), [("imap.example.org", offered, chosen)])

    def test_behind_starttls(self):
        for family in (4, 6):
            with self.subTest(family=family):
                self.gate.forget()
                s_client("-starttls", "smtp", "-servername", "mail.example.org", port=25, address=PUBLISHED[family])
                self.assertEqual(self.told(), [("mail.example.org", "1.2,1.3", "1.3")])

    def test_without_a_name(self):
        s_client("-noservername")
        self.assertEqual(self.told(), [(None, "1.2,1.3", "1.3")])

    def test_without_tls(self):
        with connect(25) as s:
            s.recv(1000)
            s.sendall(b"EHLO c.test\r\n")
            s.recv(4000)
            s.sendall(b"QUIT\r\n")
            s.recv(1000)
        self.assertEqual(self.told(), [(None, None, None)])

    def test_where_the_rule_does_not_say_so(self):
        s_client("-servername", "imap.example.org", address=OTHER_PUBLISHED)
        self.assertEqual(self.told(), [(None, None, None)])
        self.assertEqual([["publish untold" in line for line in marks(f)] for f in (4, 6)], [[False] * 2] * 2)


class FromTheGateway(Recorded):
    client_address = "gateway"


class Hostile(Case):
    """What no TLS library says."""

    @classmethod
    def setUpClass(cls):
        cls.gate = begin(cls)

    def setUp(self):
        self.gate.forget()

    def say(self, octets, pieces=None, port=993):
        with connect(port) as s:
            for piece in pieces or [octets]:
                s.sendall(piece)
                time.sleep(0.02 if pieces else 0)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        (record,) = self.gate.wait_records(event="session-close")
        return record

    def test_tls_17_names_that_are_none(self):
        for name, shown in ((b"a" * 300, "a" * 255), (b"a\\", "a\\\\"), (b"a\0b", "a\\0b"), (b'"\r\nx', '\\"\\r\\nx')):
            with self.subTest(name):
                self.gate.forget()
                record = self.say(hello_seeds.records(hello_seeds.client(name)))
                self.assertEqual(record.get("tls_name_cut", False), len(name) > 255, record)
                if len(name) > 255 or name == b"a\\":
                    self.assertEqual(record["tls_name"], shown)
                else:
                    self.assertTrue(record["tls_name"].isprintable(), record)
                self.assertEqual(record["tls_offered"], "1.2,1.3")

    def test_in_pieces(self):
        whole = hello_seeds.records(hello_seeds.client(b"pieces.example.org"))
        record = self.say(whole, [whole[:6], whole[6:7], whole[7:40], whole[40:]])
        self.assertEqual(record.get("tls_name"), "pieces.example.org", record)

    def test_tls_22_in_records_of_one_octet(self):
        record = self.say(hello_seeds.records(hello_seeds.client(b"records.example.org"), 1))
        self.assertEqual(record.get("tls_name"), "records.example.org", record)

    def test_a_long_one(self):
        """As those with keys for times to come: two packets and more."""
        padding = b"\0\x15" + hello_seeds.vector(bytes(3400))
        record = self.say(hello_seeds.records(hello_seeds.client(b"long.example.org", extensions=padding)))
        self.assertEqual(record.get("tls_name"), "long.example.org", record)

    def test_one_that_is_too_long(self):
        record = self.say(hello_seeds.records(hello_seeds.client(b"x", extensions=b"\0\x15" + hello_seeds.vector(bytes(5000)))))
        self.assertNotIn("tls_name", record)

    def test_each_has_its_own(self):
        """A hundred at a time, ended at once."""
        whole = [hello_seeds.records(hello_seeds.client(b"n%d.example.org" % n)) for n in range(100)]
        sockets = [connect(993) for _ in whole]
        want = {s.getsockname()[1]: f"n{n}.example.org" for n, s in enumerate(sockets)}
        for s, octets in zip(sockets, whole):
            s.sendall(octets)
        for s in sockets:
            s.close()
        got = {r["client_port"]: r.get("tls_name") for r in self.gate.wait_records(100, event="session-close")}
        self.assertEqual(got, want)


class NothingWaits(Case):
    def setUp(self):
        self.gate = begin(self)

    def pids(self):
        return self.gate.roles("postern-gate")

    def test_while_nobody_reads(self):
        """A session that the gate has judged goes on without it, and is told of when it is back."""
        context = ssl.create_default_context(cafile=certificate()[0])
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with connect(993) as s:
            self.gate.wait_records(event="session-passed")
            for pid in self.pids():
                os.kill(pid, signal.SIGSTOP)
            with context.wrap_socket(s, server_hostname="localhost"):
                pass
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.told(), [("localhost", "1.2,1.3", "1.3")])

    def test_many_at_once_when_it_is_back(self):
        """More have begun to speak and have ended than one round of anything holds."""
        hello = hello_seeds.records(hello_seeds.client(b"many.example.org"))
        sockets = [connect(993) for _ in range(150)]
        self.gate.wait_records(len(sockets), event="session-passed")
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)
        for s in sockets:
            s.sendall(hello)
        for s in sockets:
            s.close()
        time.sleep(0.5)
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)
        self.assertEqual({name for name, _, _ in self.told(len(sockets))}, {"many.example.org"})

    def test_a_gate_that_comes_after(self):
        with connect(993):
            self.gate.wait_records(event="session-passed")
            before = self.pids()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_for("another gate", lambda: self.pids() not in ([], before))
            self.gate.wait_records(code="PN8103")
        self.gate.forget()
        s_client("-servername", "after.example.org")
        self.assertIn(("after.example.org", "1.2,1.3", "1.3"), self.told(len(self.gate.wait_records(event="session-close"))))


class Kernel(unittest.TestCase):
    ACCOUNTING = "/proc/sys/net/netfilter/nf_conntrack_acct"

    def accounting(self, value=None):
        with lab.gateway:
            if value is not None:
                pathlib.Path(self.ACCOUNTING).write_text(value)
            return pathlib.Path(self.ACCOUNTING).read_text().strip()

    def test_no_rule_says_so(self):
        begin(self, "version 1\n" + UNTOLD)
        self.assertEqual(marks(4) + marks(6), [])
        self.assertNotIn("POSTERN-FORWARD", lab.gateway.must("iptables-save", "-t", "mangle"))

    def test_one_line_a_lane(self):
        gate = begin(self)
        for family in (4, 6):
            self.assertEqual(len(marks(family)), 2)
        with lab.gateway:
            self.assertEqual(gate.tool("firewall", "status").stdout.splitlines()[0], "in sync")

    def test_accounting_is_put_back(self):
        """A line with connbytes turns it on by itself."""
        self.accounting("0")
        gate = Postern(RULES, CONF, client_address="keep")
        with lab.gateway.begin(gate):
            self.assertEqual(self.accounting(), "1")
        lab.gateway.must(Postern.program("cli/postern"), "-c", gate.dir, "firewall", "remove")
        self.assertEqual(self.accounting(), "0")

    def test_the_log_is_another_programs(self):
        """Told, and sessions pass."""
        with lab.gateway:
            other = bound_log()
        with other:
            gate = begin(self)
            self.assertIn("nfnetlink_log", gate.stderr())
            s_client("-servername", "imap.example.org")
            record, = gate.wait_records(event="session-close")
            self.assertNotIn("tls_name", record)


if __name__ == "__main__":
    main()
