# SPDX-License-Identifier: ISC
"""`mode managed` on a lab: the kernel facts it is built on, and that no door opens when something of it is missing (root)

Whatever of our rules somebody takes out, until it is repaired, what is published goes nowhere: the standing drop. The order of
hooks that NF_REPEAT is needed for. A listener of its own for each rule. docs/examples/C, as it is written, and at the edge
of its schedule.
"""
import contextlib
import datetime
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

import intercept_test
import managed_test
from fixture import PATIENCE_S, SRC, main, wait_for
from gateway import ROLES, Postern
from intercept_test import FAMILIES, reach
from lab import CLIENT, OTHER_CLIENT, OTHER_PUBLISHED, PUBLISHED, SERVER, Lab
from managed_test import CONF, IPTABLES, SHARED, begin, remove
from servers import Aiosmtpd, Postfix

lab = postfix = None


def setUpModule():
    global lab, postfix
    why = Lab.unusable() or (None if Postfix.usable() else "needs Postfix")
    if why:
        raise unittest.SkipTest(why)
    lab = intercept_test.lab = managed_test.lab = unittest.enterModuleContext(Lab())
    postfix = unittest.enterModuleContext(lab.server.begin(
        Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25", "10.0.0.31:25"])))


@contextlib.contextmanager
def nobody_repairs(gate):
    """postern-kernel stands still meanwhile."""
    pids = gate.roles("postern-kernel")  # it has a process more while it works
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def knock(source, address, port=25):
    """What becomes of a connection from one of the client's addresses: "connected", "refused" or "nothing"."""
    with lab.client, socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.bind((source, 0))
        s.settimeout(0.5)
        try:
            s.connect((address, port))
        except TimeoutError:
            return "nothing"
        except (ConnectionRefusedError, ConnectionResetError):
            return "refused"
        return "connected"


# ---------------------------------------------------------------- the standing drop

class Standing:
    how = None
    # what somebody may take out, each alone
    MISSING = {"ways": ("-t", "nat", "-F", "POSTERN-PREROUTING"), "jump to the ways": ("-t", "nat", "-D", "PREROUTING", "-j", "POSTERN-PREROUTING"),
               "gate": ("-t", "mangle", "-F", "POSTERN-PREROUTING"),
               "jump to the gate": ("-t", "mangle", "-D", "PREROUTING", "-j", "POSTERN-PREROUTING")}

    def setUp(self):
        self.gate = begin(self, self.how, SHARED + "default drop\n")

    def test_whatever_is_taken_out_opens_no_door(self):
        """Of an inspected rule and of one that passes; the server is never reached but by the way of its lane."""
        for what, words in self.MISSING.items():
            with self.subTest(what):
                time.sleep(1)  # what came before is in the server's log
                with nobody_repairs(self.gate):
                    for family in FAMILIES:
                        lab.gateway.must(IPTABLES[family], *words)
                    postfix.forget()
                    for source, address in ((CLIENT[4], OTHER_PUBLISHED), (OTHER_CLIENT, OTHER_PUBLISHED),
                                            (CLIENT[6], PUBLISHED[6]), (CLIENT[4], SERVER[4]), (CLIENT[6], SERVER[6])):
                        if self.how == "tproxy" and "ways" in what and address != SERVER[4] and source != OTHER_CLIENT:
                            continue  # TPROXY stands in mangle: those ways are there
                        self.assertNotEqual(knock(source, address), "connected", (source, address))
                    time.sleep(0.2)
                    self.assertNotRegex(postfix.log_since(), r"connect from [^\n]*(203\.0\.113\.|2001:db8:1)")
                self.gate.wait_records(code="PN8007")
                wait_for("the repair", lambda: knock(CLIENT[4], OTHER_PUBLISHED) == "connected", timeout=10)
                self.gate.forget()

    def test_a_foreign_flush_is_repaired_and_told(self):
        for family in FAMILIES:
            lab.gateway.must(IPTABLES[family], "-F")
            lab.gateway.must(IPTABLES[family], "-t", "mangle", "-F")
        before = time.monotonic()
        wait_for("the repair", lambda: knock(OTHER_CLIENT, OTHER_PUBLISHED) == "connected", timeout=10)
        self.assertLess(time.monotonic() - before, 8)  # two seconds, and what a busy machine takes
        self.assertIn("POSTERN", self.gate.wait_records(code="PN8007")[0]["found"])
        done = lab.gateway.run(Postern.program("cli/postern"), "-c", self.gate.dir, "firewall", "status")
        self.assertEqual(done.stdout.splitlines()[0], "in sync", done.stdout)

    def test_a_translation_of_somebody_else(self):
        """One that comes first and leads to the server past the gate: what it translates has no lane."""
        with nobody_repairs(self.gate):
            lab.gateway.must("iptables", "-t", "mangle", "-F", "POSTERN-PREROUTING")
            lab.gateway.must("iptables", "-t", "nat", "-I", "PREROUTING", "-d", OTHER_PUBLISHED, "-p", "tcp", "--dport", 25,
                             "-j", "DNAT", "--to-destination", SERVER[4])
            self.addCleanup(lab.gateway.run, "iptables", "-t", "nat", "-D", "PREROUTING", "-d", OTHER_PUBLISHED, "-p", "tcp",
                            "--dport", 25, "-j", "DNAT", "--to-destination", SERVER[4])
            postfix.forget()
            self.assertEqual(knock(CLIENT[4], OTHER_PUBLISHED), "nothing")
            self.assertNotRegex(postfix.log_since(), r"connect from [^\n]*203\.0\.113\.")

    def test_the_gate_stands_still(self):
        pid, = self.gate.roles("postern-gate")
        os.kill(pid, signal.SIGSTOP)
        try:
            for source in (CLIENT[4], OTHER_CLIENT):
                self.assertEqual(knock(source, OTHER_PUBLISHED), "nothing")
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for("the gate", lambda: knock(CLIENT[4], OTHER_PUBLISHED) == "connected")

    def test_a_hung_gate_is_replaced(self):
        pid, = self.gate.roles("postern-gate")
        os.kill(pid, signal.SIGSTOP)
        wait_for("its successor", lambda: pid not in self.gate.roles("postern-gate"), timeout=60)
        wait_for("a session", lambda: knock(OTHER_CLIENT, OTHER_PUBLISHED) == "connected")
        self.gate.wait_records(code="PN8004")


class StandingRedirect(Standing, unittest.TestCase):
    how = "redirect"


class StandingTproxy(Standing, unittest.TestCase):
    how = "tproxy"


# ---------------------------------------------------------------- a rule that may fail open

class FailOpen(unittest.TestCase):
    RULES = SHARED + """publish open {
    external        198.51.100.2:587, [2001:db8:2::2]:587
    internal        10.0.0.21:25, [fd00:10::21]:25
    pass
    gate fail-open
}
default drop
"""

    def test_it_passes_without_posternd_and_no_other_rule_does(self):
        gate = begin(self, "redirect", self.RULES)
        for family in FAMILIES:
            self.assertEqual(reach(lab.client, PUBLISHED[family], 587, PATIENCE_S)[:3], "220")
        gate.wait_records(2, code="PN1004", rule="open")
        gate.stop_daemon()
        for family in FAMILIES:
            self.assertEqual(reach(lab.client, PUBLISHED[family], 587, PATIENCE_S)[:3], "220")
            self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")
        for source in (CLIENT[4], OTHER_CLIENT):
            self.assertEqual(knock(source, OTHER_PUBLISHED), "nothing")

    def test_what_pretends_to_be_in_the_middle_of_a_connection_gets_nowhere(self):
        begin(self, "redirect", self.RULES).stop_daemon()
        self.assertEqual(scan(CLIENT[4], PUBLISHED[4], 587, NO_SYN), [])


SYN, NO_SYN = 0x02, (0x10, 0x11, 0x01, 0x00, 0x29)  # ACK, FIN and ACK, FIN, none, FIN PSH URG


def scan(source, address, port, kinds):
    """Segments with these flags from an address of the client's; what answered."""
    answers = []
    with lab.client, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as s:
        s.bind((source, 0))
        s.settimeout(0.5)
        for flags in kinds:
            s.sendto(segment(source, address, 40000 + flags, port, flags), (address, 0))
        with contextlib.suppress(TimeoutError):
            while True:
                answer = s.recv(200)
                if answer[12:16] == socket.inet_aton(address):
                    answers.append(answer.hex())
    return answers


class Scan(unittest.TestCase):
    """Of a published address, from a client whom no rule lists, under `default drop`."""

    def test_it_finds_nothing(self):
        for how in ("redirect", "tproxy"):
            gate = Postern(SHARED + "default drop\n", CONF, how=how)
            with self.subTest(how), lab.gateway.begin(gate):
                for port in (25, 10525, 10526, 10527):
                    self.assertEqual(scan("203.0.113.11", OTHER_PUBLISHED, port, (SYN, *NO_SYN)), [], port)
                self.assertEqual(len(scan(CLIENT[4], OTHER_PUBLISHED, 25, (SYN,))), 1)  # else it shows nothing
            remove(gate)


def segment(source, destination, port, to, flags):
    """A TCP header alone, with its checksum."""
    def checksum(octets):
        total = sum(int.from_bytes(octets[i:i + 2], "big") for i in range(0, len(octets), 2))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        return ~total & 0xffff
    header = struct.pack("!HHIIBBHHH", port, to, 1000, 2000, 5 << 4, flags, 1000, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, 6, len(header))
    return header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]


# ---------------------------------------------------------------- facts

class Facts(unittest.TestCase):
    def test_accept_skips_what_repeat_does_not(self):
        """Why the gate answers NF_REPEAT: behind NFQUEUE an accepted packet sees no later rule of its table."""
        gate = begin(self, "redirect", SHARED + "default drop\n")
        lab.gateway.must("iptables", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", 25, "--syn", "-m", "comment",
                         "--comment", "behind the gate")
        self.addCleanup(lab.gateway.run, "iptables", "-t", "mangle", "-D", "PREROUTING", "-p", "tcp", "--dport", 25, "--syn",
                        "-m", "comment", "--comment", "behind the gate")
        self.assertEqual(knock(OTHER_CLIENT, OTHER_PUBLISHED), "connected")
        saved = lab.gateway.must("iptables-save", "-c", "-t", "mangle")
        packets, = re.findall(r"\[(\d+):\d+\] .*behind the gate", saved)
        self.assertEqual(packets, "1")
        self.assertEqual(gate.records(code="PN8007"), [])  # what stands behind ours is nobody's business

    def test_each_rule_has_its_port(self):
        gate = begin(self, "redirect", SHARED + "publish more { external 198.51.100.2:587; internal 10.0.0.21:25; recipients any\n"
                     "client-address xclient }\ndefault reset\n")
        ports = {l["port"] for l in gate.status()["listeners"]}
        self.assertEqual(len(ports), 3, ports)  # of two inspected rules, and of those that are refused

    def test_bits_of_others_stay(self):
        """Marks are written with their masks."""
        gate = begin(self, "redirect", SHARED + "default drop\n")
        self.addCleanup(lab.gateway.run, "iptables", "-t", "raw", "-D", "PREROUTING", "-p", "tcp", "--dport", 25, "-j", "MARK",
                        "--set-xmark", "0x42/0xff")
        lab.gateway.must("iptables", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", 25, "-j", "MARK", "--set-xmark", "0x42/0xff")
        for words in (("-t", "mangle", "-A", "FORWARD"), ("-t", "mangle", "-A", "POSTROUTING")):
            lab.gateway.must("iptables", *words, "-p", "tcp", "--dport", 25, "-m", "mark", "--mark", "0x42/0xffffffff")
        self.addCleanup(lab.gateway.run, "iptables", "-t", "mangle", "-F", "FORWARD")
        self.addCleanup(lab.gateway.run, "iptables", "-t", "mangle", "-F", "POSTROUTING")
        self.assertEqual(knock(OTHER_CLIENT, OTHER_PUBLISHED), "connected")
        saved = lab.gateway.must("iptables-save", "-c", "-t", "mangle")
        for packets in re.findall(r"\[(\d+):\d+\] -A (?:FORWARD|POSTROUTING) .*0x42", saved):
            self.assertGreater(int(packets), 0, saved)
        self.assertEqual(gate.records(code="PN8007"), [])


# ---------------------------------------------------------------- example C

class ExampleC(unittest.TestCase):
    RULES = (SRC / "docs/examples/C/rules.conf").read_text()

    def setUp(self):
        postfix.forget()
        self.everyone = self.enterContext(lab.server.begin(Aiosmtpd(port=25, address="10.0.0.32")))

    def offers_starttls(self):
        with lab.client, socket.create_connection((OTHER_PUBLISHED, 25), PATIENCE_S) as s:
            s.recv(1000)
            s.sendall(b"EHLO c.test\r\n")
            return b"STARTTLS" in s.recv(4000)

    def test_as_written(self):
        """Whatever day it is: a partner passes in office hours of London, and is inspected else, by the server that is there."""
        gate = begin(self, "redirect", self.RULES)
        told = subprocess.run([Postern.program("cli/postern"), "-c", gate.dir, "explain", "--client", CLIENT[4], "--to", f"{OTHER_PUBLISHED}:25"],
                              capture_output=True, text=True, timeout=PATIENCE_S).stdout
        passes = re.search(r"^1 partners-with-tls .*YES", told, re.M) is not None
        self.assertEqual(self.offers_starttls(), passes, told)
        self.assertEqual(knock("203.0.113.11", OTHER_PUBLISHED), "connected")

    def test_at_the_edge_of_the_schedule(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        edge = (now + datetime.timedelta(seconds=75)).replace(second=0, microsecond=0)
        if (edge - now).total_seconds() < 12:
            edge += datetime.timedelta(minutes=1)
        window = f"{edge:%H:%M}-{edge + datetime.timedelta(minutes=30):%H:%M}"
        rules = re.sub(r"schedule office-hours \{.*\}", f'schedule office-hours {{ timezone "Etc/UTC"; allow mon-sun {window} }}', self.RULES)
        begin(self, "redirect", rules)
        self.assertFalse(self.offers_starttls())
        time.sleep(max(0, (edge - datetime.datetime.now(datetime.timezone.utc)).total_seconds() + 0.2))
        self.assertTrue(self.offers_starttls())


if __name__ == "__main__":
    main()
