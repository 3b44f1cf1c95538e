# SPDX-License-Identifier: ISC
"""postern-gate and postern-verdict against a real kernel: decisions, their way out, passed sessions, deaths."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import gatekeeper
import rawtcp
from fixture import BUILD, main, sandboxed, wait_for
from gatekeeper import Gatekeeper, GO, HELD, HOLD, KILL, KILLED, PING, PONG, REFUSE, RESET
from lab import CLIENT, OTHER_CLIENT, OTHER_SERVER, PUBLISHED, SERVER, module_lab
from rawtcp import SYN, RawTcp

FAMILIES = (4, 6)
INTERCEPT = 10525
THIRD_CLIENT = "203.0.113.11"
RULES = """version 1
set blocked { dynamic timeout 4h }
publish imaps {
    external 198.51.100.2:993, [2001:db8:2::2]:993
    internal 10.0.0.21:993, [fd00:10::21]:993
    from any except blocked, 203.0.113.11
    pass
    limit connections 3 per client
}
publish mail {
    external 198.51.100.2:25, [2001:db8:2::2]:25
    internal 10.0.0.21:25, [fd00:10::21]:25
    from any except blocked
}
publish pair {
    external 198.51.100.20:993
    internal 10.0.0.21:993, 10.0.0.22:993 balance round-robin
    pass
}
"""

lab = None


def setUpModule():
    global lab
    lab = module_lab()
    with lab.gateway:
        for name in "acct", "timestamp":
            with open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "w") as f:
                f.write("1")


class Server(contextlib.AbstractContextManager):
    """Says its name to each client, then echoes; at "bye" it hangs up."""

    def __init__(self, address, port, name):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family)
        self.name = name
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, sock):
        with sock, contextlib.suppress(OSError):
            sock.send(self.name)
            while (octets := sock.recv(65536)) not in (b"", b"bye"):
                sock.sendall(octets)

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def reach(address, port, source=None, timeout=2.0):
    """What a client meets: the socket after its greeting, "refused" or "nothing"."""
    with lab.client:
        try:
            sock = socket.create_connection((address, port), timeout, (source, 0) if source else None)
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "nothing"
    sock.settimeout(20)
    return sock


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        for family in FAMILIES:
            for port, name in ((993, b"imap"), (25, b"mail")):
                with lab.server:
                    self.enterContext(Server(SERVER[family], port, name))
        with lab.server:
            self.enterContext(Server("10.0.0.22", 993, b"second"))

    def keeper(self, rules=RULES + "default reset\n", **more):
        gate = self.enterContext(lab.gateway.begin(Gatekeeper(lab.gateway, rules, **more)))
        with lab.gateway:
            ways = {f: {gate.lane("imaps", f"{a}:993"): ["-j", "DNAT", "--to", f"{a}:993"]}
                    for f, a in ((4, "10.0.0.21"), (6, "[fd00:10::21]"))}
            gate.divert(PUBLISHED, 993, ways)
            gate.divert({4: "198.51.100.20"}, 993, {4: {
                gate.lane("pair", f"{a}:993"): ["-j", "DNAT", "--to", f"{a}:993"] for a in ("10.0.0.21", "10.0.0.22")}})
            mail = {f: {lane: ["-j", "REDIRECT", "--to-ports", INTERCEPT + to]
                        for lane, to in ((gate.lane("mail"), gate.lane("mail")), (REFUSE, 0))} for f in FAMILIES}
            gate.divert(PUBLISHED, 25, mail)
            for lane, name in (gate.lane("mail"), b"proxy"), (0, b"refuser"):
                for address in "0.0.0.0", "::":
                    gate_server = Server.__new__(Server)
                    gate_server.listener = self.listener(address, INTERCEPT + lane)
                    gate_server.name = name
                    threading.Thread(target=gate_server.accept, daemon=True).start()
                    self.addCleanup(gate_server.__exit__)
        return gate

    @staticmethod
    def listener(address, port):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen()
        return sock

    @staticmethod
    def forget():
        """Connection tracking would wait for two minutes."""
        lab.gateway.run("conntrack", "-D", "-p", "tcp", "--dport", "993")

    def greeted(self, address, port, name, source=None):
        sock = reach(address, port, source)
        self.assertIsInstance(sock, socket.socket, sock)
        self.addCleanup(sock.close)
        self.assertEqual(sock.recv(100), name)
        return sock


class Decisions(Case):
    def test_lanes(self):
        gate = self.keeper()
        for family in FAMILIES:
            with self.subTest(family=family):
                self.greeted(PUBLISHED[family], 993, b"imap")
                self.greeted(PUBLISHED[family], 25, b"proxy")
        self.assertEqual(reach(PUBLISHED[4], 993, THIRD_CLIENT), "refused")
        told = gate.wait_records(code="PN1003")[0]
        self.assertEqual((told["client"], told["to"], told["to_port"], told["action"]),
                         (THIRD_CLIENT, PUBLISHED[4], 993, "reset"))
        gate.wait_records(2, code="PN1004")
        self.assertEqual(gate.gate.pong()["refused"], 1)

    def test_drop_and_the_same_packet_again(self):
        gate = self.keeper(RULES + "default drop\n")
        with lab.client, RawTcp(THIRD_CLIENT, 4001, PUBLISHED[4], 993) as c:
            for _ in range(3):
                c.segment(SYN)
                c.idle(0.2)
            self.assertIsNone(c.theirs)
            self.assertFalse(c.was_reset)
        gate.wait_records(code="PN1003", action="drop")
        self.assertEqual(gate.gate.pong()["refused"], 1)
        self.assertEqual(len(gate.records(code="PN1003")), 1)

    def test_refuse(self):
        gate = self.keeper(RULES + "default refuse\n")
        self.greeted(PUBLISHED[4], 25, b"proxy", THIRD_CLIENT)
        gate.members("blocked " + THIRD_CLIENT + "/32")
        gate.gate.pong()
        self.greeted(PUBLISHED[4], 25, b"refuser", THIRD_CLIENT)
        self.assertEqual(gate.records(code="PN1003"), [])  # that listener tells

    def test_members_hold_for_rules_that_come_later(self):
        gate = self.keeper()
        gate.members("blocked " + OTHER_CLIENT + "/32")
        gate.judge_by(RULES + "default reset\n")
        self.assertEqual(reach(PUBLISHED[4], 993, OTHER_CLIENT), "refused")

    def test_turns_and_the_dead(self):
        gate = self.keeper()
        names = []
        for _ in range(4):
            sock = reach("198.51.100.20", 993)
            names.append(sock.recv(100))
            sock.close()
        self.assertEqual(names, [b"imap", b"second"] * 2)
        gate.dead(("10.0.0.21", 993))
        gate.gate.pong()
        for _ in range(3):
            self.greeted("198.51.100.20", 993, b"second")
        gate.dead(("10.0.0.22", 993), ("10.0.0.21", 993))
        gate.gate.pong()
        self.assertEqual(reach("198.51.100.20", 993), "refused")
        self.assertEqual(gate.wait_records(code="PN6009")[0]["rule"], "pair")
        gate.dead()
        gate.gate.pong()
        self.greeted("198.51.100.20", 993, b"imap")

    def test_held(self):
        gate = self.keeper()
        gate.gate.ask(HOLD, HELD)
        gate.writer.ask(PING, PONG)
        self.assertEqual(reach(PUBLISHED[4], 993, timeout=1.5), "nothing")
        gate.gate.send(GO)
        self.greeted(PUBLISHED[4], 993, b"imap")

    def test_faulty_rules_change_nothing(self):
        gate = self.keeper()
        gate.gate.ask(gatekeeper.RULES, gatekeeper.FAULT, b"lanes 1 0\n", gate.bundle)
        gate.gate.ask(gatekeeper.RULES, gatekeeper.FAULT, gate.lanes, gate.counts)
        gate.gate.ask(gatekeeper.RULES, gatekeeper.FAULT, gate.lanes)
        self.greeted(PUBLISHED[4], 993, b"imap")

    def test_tcp_09_options_hide_the_ports(self):
        """What was copied ends before TCP: dropped, counted, and the next client is served."""
        gate = self.keeper(copy=48)
        plain = rawtcp.packet(OTHER_CLIENT, 4002, PUBLISHED[4], 993, 1, 0, SYN)
        options = bytes([plain[0] & 0xf0 | 15]) + plain[1:20] + b"\1" * 40 + plain[20:]
        with lab.client, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
            for _ in range(3):
                out.sendto(options, (PUBLISHED[4], 0))
        self.assertEqual(gate.wait_records(code="PN8104")[0]["count"], 3)
        self.assertEqual(gate.gate.pong()["opened"], 0)
        self.greeted(PUBLISHED[4], 993, b"imap")


class Sessions(Case):
    def test_records_of_a_session(self):
        gate = self.keeper()
        for family in FAMILIES:
            for ender in "client", "server":
                with self.subTest(family=family, ender=ender):
                    gate.lines.clear()
                    sock = self.greeted(PUBLISHED[family], 993, b"imap")
                    opened = gate.wait_records(code="PN1004")[0]
                    self.assertEqual((opened["client"], opened["client_port"]), sock.getsockname()[:2])
                    self.assertEqual((opened["to"], opened["internal"], opened["internal_port"]),
                                     (PUBLISHED[family], SERVER[family], 993))
                    sock.sendall(b"x" * 10000)
                    got = 0
                    while got < 10000:
                        got += len(sock.recv(65536))
                    listed = gate.sessions()
                    self.assertEqual([s["session"] for s in listed], [opened["session"]])
                    self.assertEqual((listed[0]["phase"], listed[0]["inspected"]), ("passed", False))
                    if ender == "client":
                        sock.shutdown(socket.SHUT_WR)
                    else:
                        sock.sendall(b"bye")
                    self.assertEqual(sock.recv(100), b"")
                    sock.close()
                    wait_for("the end", lambda: gate.gate.pong()["sessions"] == 0)
                    closed = gate.wait_records(code="PN1002", session=opened["session"])[0]
                    self.assertEqual((closed["ended_by"], closed["how"], closed["rule"]), (ender, "closed", "imaps"))
                    self.assertGreater(closed["c2s"], 10000)
                    self.assertGreater(closed["s2c"], 10000)
                    self.assertGreater(closed["packets_c2s"], 4)
                    self.assertLess(closed["duration_ms"], 20000)

    def test_reset(self):
        gate = self.keeper()
        sock = self.greeted(PUBLISHED[4], 993, b"imap")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        wait_for("the end", lambda: gate.gate.pong()["sessions"] == 0)
        closed = gate.wait_records(code="PN1002")[0]
        self.assertEqual(closed["how"], "reset")
        self.assertGreater(closed["c2s"], 100)
        self.assertNotIn("ended_by", closed)

    def test_limit(self):
        gate = self.keeper()
        socks = [self.greeted(PUBLISHED[4], 993, b"imap") for _ in range(3)]
        gate.wait_records(3, code="PN1004")
        self.assertEqual(reach(PUBLISHED[4], 993), "refused")
        refused = gate.wait_records(code="PN4001")[0]
        self.assertEqual((refused["client"], refused["rule"]), (CLIENT[4], "imaps"))
        self.greeted(PUBLISHED[4], 993, b"imap", OTHER_CLIENT)
        gate.wait_records(4, code="PN1004")
        socks.pop().close()
        wait_for("the end", lambda: gate.gate.pong()["sessions"] == 3)
        self.greeted(PUBLISHED[4], 993, b"imap")

    def test_syns_alone_count_nothing(self):
        gate = self.keeper()
        with lab.client:
            for port in range(4100, 4120):
                with RawTcp(THIRD_CLIENT[:-2] + "12", port, PUBLISHED[4], 993) as c:
                    c.segment(SYN)
        self.assertEqual(gate.gate.pong()["opened"], 0)
        self.greeted(PUBLISHED[4], 993, b"imap", "203.0.113.12")

    def test_the_rules_change_under_a_session(self):
        gate = self.keeper()
        sock = self.greeted(PUBLISHED[4], 993, b"imap")
        opened = gate.wait_records(code="PN1004")[0]
        for n in range(3):
            gate.judge_by("version 1\ndefault drop\n")
            gate.judge_by(f"version 1\npublish other{n} {{ external 198.51.100.2:993; internal 10.0.0.9:1; pass }}\n"
                          "default drop\n")
        self.assertEqual([s["rule"] for s in gate.sessions()], ["imaps"])
        sock.close()
        wait_for("the end", lambda: gate.gate.pong()["sessions"] == 0)
        closed = gate.wait_records(code="PN1002")[0]
        self.assertEqual((closed["session"], closed["rule"]), (opened["session"], "imaps"))

    def test_nothing_is_killed(self):
        gate = self.keeper()
        self.greeted(PUBLISHED[4], 993, b"imap")
        opened = gate.wait_records(code="PN1004")[0]
        self.assertEqual(gate.gate.ask(KILL, KILLED, opened["session"].encode())[0], b"\0\0\0\0")


class Deaths(Case):
    def test_the_writer_is_killed(self):
        gate = self.keeper()
        self.assertEqual(os.WTERMSIG(gate.writer.kill()), signal.SIGKILL)
        self.assertEqual(reach(PUBLISHED[4], 993, timeout=1.5), "nothing")
        with lab.gateway:
            gate.start_writer()
        self.greeted(PUBLISHED[4], 993, b"imap")
        gate.gate.pong()

    def test_ops_22_the_gate_is_killed(self):
        gate = self.keeper()
        sock = self.greeted(PUBLISHED[4], 993, b"imap")
        opened = gate.wait_records(code="PN1004")[0]
        gate.gate.kill()
        self.assertEqual(reach(PUBLISHED[4], 993, timeout=3), "nothing")
        sock.sendall(b"still here")  # open sessions go on
        self.assertEqual(sock.recv(100), b"still here")
        with lab.gateway:
            gate.start_gate()
        told = gate.wait_records(2, code="PN8103")[-1]
        self.assertEqual((told["found"], told["gone"]), (1, 0))
        found = gate.records(code="PN1004")[-1]
        self.assertEqual(found["client_port"], opened["client_port"])
        self.assertNotEqual(found["session"], opened["session"])
        self.assertGreaterEqual(gate.sessions()[0]["age_ms"], 2900)
        self.assertGreater(gate.sessions()[0]["c2s"], 10)
        self.greeted(PUBLISHED[4], 993, b"imap")

    def test_what_had_no_answer_leaves_the_queue(self):
        gate = self.keeper()
        gate.writer.kill()
        for _ in range(3):
            reach(PUBLISHED[4], 993, timeout=0.2)
        gate.gate.kill()
        while True:  # what the gate said to nobody
            try:
                gate.verdicts[1].recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
        self.assertGreaterEqual(self.waiting(), 3)
        with lab.gateway:
            gate.start_writer()
            gate.start_gate()
        self.greeted(PUBLISHED[4], 993, b"imap")
        wait_for("an empty queue", lambda: self.waiting() == 0)

    @staticmethod
    def waiting():
        with lab.gateway:
            fields = lab.gateway.must("cat", "/proc/net/netfilter/nfnetlink_queue").split()
        return int(fields[2])

    def test_events_are_lost(self):
        """They are missed, and the table is mended by a look through all connections."""
        gate = self.keeper(track_room=4096)
        socks = [self.greeted("198.51.100.20", 993, b"second" if n % 2 else b"imap") for n in range(40)]
        gate.wait_records(40, code="PN1004", rule="pair")
        gate.wait_records(code="PN8103")
        gate.lines.clear()
        os.kill(gate.gate.pid, signal.SIGSTOP)
        try:
            for sock in socks[:30]:
                sock.close()
            time.sleep(0.5)
        finally:
            os.kill(gate.gate.pid, signal.SIGCONT)
        gate.wait_records(code="PN8102")
        told = gate.wait_records(code="PN8103")[0]
        self.assertEqual((told["found"], told["gone"]), (0, 0))  # TIME_WAIT says how they ended
        self.assertEqual(gate.gate.pong()["sessions"], 10)
        os.kill(gate.gate.pid, signal.SIGSTOP)
        try:
            self.forget()
        finally:
            os.kill(gate.gate.pid, signal.SIGCONT)
        gate.wait_records(40, code="PN1002")
        self.assertEqual(gate.gate.pong()["sessions"], 0)
        self.assertGreater(len(gate.records(code="PN1002", how="closed")), 0)

    def test_more_packets_than_can_be_read(self):
        """What is lost is told; the others have their answers, and nothing stays in the queue."""
        gate = self.keeper(RULES + "default drop\n", queue_room=32768)
        self.greeted(PUBLISHED[4], 993, b"imap")
        os.kill(gate.gate.pid, signal.SIGSTOP)
        try:
            with lab.client, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
                for port in range(5000, 5400):
                    out.sendto(rawtcp.packet(THIRD_CLIENT, port, PUBLISHED[4], 993, port, 0, SYN), (PUBLISHED[4], 0))
        finally:
            os.kill(gate.gate.pid, signal.SIGCONT)
        refused = wait_for("answers", lambda: gate.gate.pong()["refused"])
        self.greeted(PUBLISHED[4], 993, b"imap", OTHER_CLIENT)  # its id tells how many are missing
        lost = wait_for("the loss", lambda: sum(r["count"] for r in gate.records(code="PN8101", what="packets")))
        wait_for("an empty queue", lambda: self.waiting() == 0)
        refused = gate.gate.pong()["refused"]
        self.assertGreater(refused, 10)
        # the greeting's own first packets are lost too while the queue is full, and sent again
        wait_for(lambda: f"400 packets: {refused} {gate.records(code='PN8101')}",
                 lambda: 400 <= refused + sum(r["count"] for r in gate.records(code="PN8101")) <= 404, 5)

    @unittest.skipUnless(sandboxed(), "this build has no sandbox")
    def test_sandboxes(self):
        gate = self.keeper()
        for role, caps in (gate.gate, 0), (gate.writer, 1 << 12):
            with open(f"/proc/{role.pid}/status") as f:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            self.assertEqual({int(status["Cap" + kind], 16) for kind in ("Eff", "Prm")}, {caps})
            self.assertEqual({int(status["Cap" + kind], 16) for kind in ("Inh", "Bnd", "Amb")}, {0})
            self.assertEqual(status["Uid"].split(), ["61010"] * 4)
            self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"))
        self.greeted(PUBLISHED[4], 993, b"imap")

    @unittest.skipUnless(sandboxed(), "this build has no sandbox")
    def test_what_an_intruder_would_try(self):
        gate = self.keeper()
        inject = BUILD / "test/sandbox/inject"
        for call in ["open"], ["socket-inet"], ["socket-packet"], ["execve"], ["ptrace"], ["kill", str(os.getpid())], ["bind", "5"]:
            for name in "gate", "writer":
                with self.subTest(role=name, call=call[0]):
                    role = getattr(gate, name)
                    done = subprocess.run([inject, str(role.pid), *call], capture_output=True, text=True)
                    if done.returncode in (69, 77):
                        self.skipTest(done.stderr)
                    self.assertEqual(done.stdout, call[0] + ": killed by SIGSYS\n")
                    role.wait()
                    with lab.gateway:
                        gate.start_gate() if name == "gate" else gate.start_writer()
        self.greeted(PUBLISHED[4], 993, b"imap")


if __name__ == "__main__":
    main()
