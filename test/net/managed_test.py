# SPDX-License-Identifier: ISC
"""`mode managed` on a lab: the gate judges first packets, the kernel carries out what it says (root)

Whatever holds for connections that another firewall diverts (intercept_test.py) holds here, too. Beyond that: who decides
on one address and port, what passes without posternd, what becomes of those who are not listed, and that the gate's end
lets nobody in. CASES OPS-20, OPS-22, TCP-13.
"""
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import intercept_test
from client import RawClient
from fixture import PATIENCE_S, certificate, main, orphans_of, wait_for
from gateway import DELIVERED, ROLES, Postern
from intercept_test import BODY, FAMILIES, OUTBOUND, RULES, reach, send
from lab import CLIENT, GATEWAY_EXT, OTHER_CLIENT, OTHER_PUBLISHED, OTHER_SERVER, PUBLISHED, SERVER, module_lab, rules_of
from servers import Aiosmtpd, Postfix

CONF = """version 1
mode managed
intercept {how}
hostname gw.test
state "{dir}/state"
""" + ROLES

# one address and port, three rules; and one that passes to whichever of two servers is there
SHARED = """version 1
set protected { members in.test }
set partners { members 203.0.113.10 }
set blocked { dynamic timeout 4h }
publish partners {
    external        198.51.100.20:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    from            partners except blocked
    pass
    log             sessions
}
publish everybody {
    external        198.51.100.20:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    from            203.0.113.9, 2001:db8:1::9
    recipients      in protected
    log             sessions, denials, commands, messages
}
publish service {
    external        198.51.100.2:993
    internal        10.0.0.31:25, 10.0.0.21:25
    pass
    log             sessions
}
"""

lab = postfix = second = None


def setUpModule():
    global lab, postfix, second
    lab = module_lab(Postfix)
    intercept_test.lab = lab
    postfix = unittest.enterModuleContext(lab.server.begin(
        Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"])))
    second = unittest.enterModuleContext(lab.server.begin(Aiosmtpd(port=25, address=OTHER_SERVER[4])))
    intercept_test.postfix, intercept_test.second = postfix, second


def kernel():
    """All that posternd may touch on the gateway, without what counts and dates."""
    settings = ("net.netfilter.nf_conntrack_acct", "net.netfilter.nf_conntrack_timestamp", "net.ipv4.ip_forward")
    return (rules_of(lab.gateway) + lab.gateway.must("ipset", "list", "-n").splitlines()
            + [lab.gateway.must("sysctl", name) for name in settings])


def remove(gate):
    lab.gateway.must(Postern.program("cli/postern"), "-c", gate.dir, "firewall", "remove")


def begin(case, how, rules=RULES + OUTBOUND, client_address="keep"):
    """Posternd on the gateway; taken out of the kernel when the case (or its class) is over."""
    gate = Postern(rules, CONF, how=how, client_address=client_address)
    entered = case.enterContext if isinstance(case, unittest.TestCase) else case.enterClassContext
    cleanup = case.addCleanup if isinstance(case, unittest.TestCase) else case.addClassCleanup
    cleanup(lab.clear)
    cleanup(remove, gate)
    return entered(lab.gateway.begin(gate))


def connection(host, address, port, source=None):
    with host:
        return socket.create_connection((address, port), PATIENCE_S, source_address=(source, 0) if source else None)


# ---------------------------------------------------------------- what holds for diverted connections holds here

class Managed(intercept_test.Intercepted):
    @classmethod
    def setUpClass(cls):
        cls.gate = begin(cls, cls.how)

    def test_a_port_of_no_rule_is_refused_by_posternd(self):
        """What nobody publishes is not for posternd: the host answers as if there were none."""
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, PUBLISHED[family], 587, PATIENCE_S), "refused")
                self.assertEqual(self.gate.records(code="PN1003"), [])

    def test_tcp_13_the_gateways_own_address(self):
        """The outbound rule has the gate asked about port 25 of any address: nobody outside is listed."""
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, GATEWAY_EXT[family], 25, PATIENCE_S)[:3], "554")

    def test_outbound_is_for_inside_hosts(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, SERVER[family], 25, PATIENCE_S)[:3], "554")

    def test_a_direct_hit(self):
        for family in FAMILIES:
            for port in (10525, 10526, 10527):
                with self.subTest(family=family, port=port):
                    self.assertEqual(reach(lab.client, GATEWAY_EXT[family], port), "nothing")
                    self.assertEqual(reach(lab.client, PUBLISHED[family], port), "nothing")

    def test_the_kernel_is_in_sync(self):
        done = lab.gateway.run(Postern.program("cli/postern"), "-c", self.gate.dir, "firewall", "status")
        self.assertEqual((done.returncode, done.stdout.splitlines()[:1]), (0, ["in sync"]), done.stdout + done.stderr)

    def test_a_passed_session_in_the_log(self):
        """By the kernel alone, and accounted for."""
        with lab.client, RawClient(587, host=OTHER_PUBLISHED) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("QUIT", 221)
        opened = self.gate.wait_records(code="PN1004")[0]
        self.assertEqual((opened["rule"], opened["client"], opened["to"], opened["to_port"]),
                         ("passed", CLIENT[4], OTHER_PUBLISHED, 587), opened)
        self.assertEqual((opened["internal"], opened["internal_port"]), (SERVER[4], 25), opened)
        closed = self.gate.wait_records(event="session-close")[0]
        self.assertEqual(closed["session"], opened["session"])
        self.assertGreater(closed["c2s"], 0, closed)
        self.assertGreater(closed["s2c"], closed["c2s"], closed)


class Redirect(Managed, unittest.TestCase):
    how = "redirect"


class Tproxy(Managed, unittest.TestCase):
    how = "tproxy"


# ---------------------------------------------------------------- one address and port, several rules

class Shared:
    how = None

    @classmethod
    def setUpClass(cls):
        cls.gate = begin(cls, cls.how, SHARED + "default drop\n")

    def setUp(self):
        postfix.forget()
        second.forget()
        self.gate.forget()

    def test_partners_pass_with_tls_and_everybody_else_is_inspected(self):
        for source, tls in ((OTHER_CLIENT, True), (CLIENT[4], False)):
            with self.subTest(source), connection(lab.client, OTHER_PUBLISHED, 25, source) as s:
                s.settimeout(PATIENCE_S)
                s.recv(1000)
                s.sendall(b"EHLO c.test\r\n")
                self.assertEqual(b"STARTTLS" in s.recv(4000), tls)
        rules = {r["client"]: r["rule"] for r in
                 self.gate.wait_records(event="session-open") + self.gate.wait_records(event="session-passed")}
        self.assertEqual(rules, {OTHER_CLIENT: "partners", CLIENT[4]: "everybody"})

    def test_tls_end_to_end(self):
        with lab.client:
            done = subprocess.run(
                ["openssl", "s_client", "-starttls", "smtp", "-crlf", "-ign_eof", "-verify_return_error",
                 "-CAfile", certificate()[0], "-bind", f"{OTHER_CLIENT}:0", "-connect", f"{OTHER_PUBLISHED}:25"],
                input="EHLO c.test\nMAIL FROM:<a@out.test>\nRCPT TO:<b@in.test>\nDATA\nSubject: over TLS\n\nx\n.\nQUIT\n",
                capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([m.header("Subject") for m in postfix.wait_messages(1)], ["over TLS"])
        self.assertEqual(postfix.clients(), [OTHER_CLIENT])

    def test_default_drop_shows_nothing_to_those_who_are_not_listed(self):
        """A scan by SYN, and by what pretends to be the middle of a connection."""
        for port in (25,):
            self.assertEqual(self.knock("203.0.113.11", OTHER_PUBLISHED, port), "nothing")
        done = lab.client.run("nmap", "-Pn", "-n", "-S", "203.0.113.11", "-e", "eth0", "--max-retries", 1, "-sA", "-p", 25,
                              OTHER_PUBLISHED) if shutil.which("nmap") else None
        if done:
            self.assertIn("filtered", done.stdout)
        record = self.gate.wait_records(code="PN1003")[0]
        self.assertEqual((record["client"], record["to"], record["to_port"]),
                         ("203.0.113.11", OTHER_PUBLISHED, 25), record)

    def knock(self, source, address, port):
        with lab.client, socket.socket() as s:
            s.bind((source, 0))
            s.settimeout(0.5)
            try:
                s.connect((address, port))
            except TimeoutError:
                return "nothing"
            except ConnectionRefusedError:
                return "refused"
            return "connected"

    def test_a_dynamic_member_is_judged_at_once(self):
        self.assertEqual(self.knock(OTHER_CLIENT, OTHER_PUBLISHED, 25), "connected")
        with lab.gateway:
            self.assertEqual(self.gate.tool("set", "add", "blocked", OTHER_CLIENT).returncode, 0)
        self.addCleanup(self.gate.tool, "set", "flush", "blocked")
        self.assertEqual(self.knock(OTHER_CLIENT, OTHER_PUBLISHED, 25), "nothing")

    def test_a_dead_internal_is_passed_over_within_seconds(self):
        """10.0.0.31 is no mail server; the second of the rule is."""
        wait_for("the living internal", lambda: self.heard(993), timeout=15)
        self.assertIn("220", self.heard(993))

    def heard(self, port):
        try:
            with connection(lab.client, PUBLISHED[4], port) as s:
                s.settimeout(2)
                return s.recv(100).decode()
        except OSError:
            return ""

    def test_ops_22_gate_killed(self):
        """New sessions wait or are refused, those that are open go on, and its successor serves again."""
        with connection(lab.client, OTHER_PUBLISHED, 25, OTHER_CLIENT) as old:
            old.settimeout(PATIENCE_S)
            old.recv(1000)
            for pid in self.gate.roles("postern-gate"):
                os.kill(pid, signal.SIGSTOP)
                stopped = pid
            self.assertEqual(reach(lab.client, OTHER_PUBLISHED, 25), "nothing")
            old.sendall(b"EHLO c.test\r\n")
            self.assertIn(b"250", old.recv(4000))
            os.kill(stopped, signal.SIGKILL)
            self.assertEqual(reach(lab.client, OTHER_PUBLISHED, 25, PATIENCE_S)[:3], "220")
            old.sendall(b"QUIT\r\n")
            self.assertIn(b"221", old.recv(4000))


class SharedRedirect(Shared, unittest.TestCase):
    how = "redirect"


class SharedTproxy(Shared, unittest.TestCase):
    how = "tproxy"


# ---------------------------------------------------------------- beginning, reload, end

class Alone(unittest.TestCase):
    how = "redirect"

    def setUp(self):
        postfix.forget()

    def test_nothing_is_left_by_remove(self):
        before = kernel()
        gate = Postern(RULES + OUTBOUND, CONF, how=self.how, client_address="keep")
        with lab.gateway.begin(gate):
            self.assertTrue(kernel() != before)
            send(lab.client, PUBLISHED[4])
            gate.stop_daemon()
            self.assertEqual(reach(lab.client, PUBLISHED[4], 25), "nothing")  # the standing drop stays
            remove(gate)
            self.assertEqual(kernel(), before)

    def test_remove_beside_a_running_posternd(self):
        """Which would put back at once what is taken out."""
        gate = begin(self, self.how)
        before = kernel()
        with lab.gateway:
            done = gate.tool("firewall", "remove")
            self.assertEqual(done.returncode, 69, done.stdout)
            self.assertIn("end it first", done.stderr)
            self.assertEqual(kernel(), before)
            self.assertEqual(gate.tool("firewall", "remove", "--force").returncode, 0)
            wait_for("the rules to be back", lambda: gate.tool("firewall", "status").returncode == 0)

    def test_reload_keeps_what_passes_and_what_is_inspected(self):
        gate = begin(self, self.how, SHARED + "default reset\n")
        with connection(lab.client, OTHER_PUBLISHED, 25, OTHER_CLIENT) as passed, \
                connection(lab.client, OTHER_PUBLISHED, 25, CLIENT[4]) as inspected:
            for s in (passed, inspected):
                s.settimeout(PATIENCE_S)
                s.recv(1000)
            gate.write("rules.conf", "version 1\n" + "publish new { external 198.51.100.2:26; internal 10.0.0.21:25; pass }\n"
                       + SHARED.removeprefix("version 1\n"))
            with lab.gateway:
                done = gate.tool("apply")
            self.assertEqual(done.returncode, 0, done.stderr)
            for s in (passed, inspected):
                s.sendall(b"NOOP\r\n")
                self.assertEqual(s.recv(1000)[:3], b"250")
            self.assertEqual(reach(lab.client, PUBLISHED[4], 26, PATIENCE_S)[:3], "220")

    def test_an_interface_that_comes_later(self):
        """The ways to the internals are looked up anew: what goes around the filter by the new one is dropped, too."""
        gate = begin(self, self.how)
        self.assertFalse([line for line in kernel() if "-o later" in line])
        self.addCleanup(lab.gateway.run, "ip", "link", "del", "later")
        lab.gateway.must("ip", "link", "add", "later", "type", "veth", "peer", "name", "later-peer")
        lab.gateway.must("ip", "addr", "add", "10.0.7.1/24", "dev", "later")
        lab.gateway.must("ip", "link", "set", "later", "up")
        lab.gateway.must("ip", "route", "add", "10.0.0.30/32", "dev", "later")
        self.addCleanup(lab.gateway.run, "ip", "route", "del", "10.0.0.30/32", "dev", "later")
        lab.gateway.must("ip", "addr", "add", "10.0.7.2/24", "dev", "later")
        wait_for("the new way", lambda: [line for line in kernel() if "-o later" in line], timeout=15)
        self.assertEqual(gate.records(code="PN8007"), [])

    def test_an_answer_for_a_port_of_the_listeners(self):
        """The kernel may give a proxy's own connection such a port: what the server answers there is no direct hit."""
        before = lab.gateway.must("sysctl", "-n", "net.ipv4.ip_local_port_range").split()
        self.addCleanup(lab.gateway.must, "sysctl", "-qw", "net.ipv4.ip_local_port_range=" + " ".join(before))
        begin(self, self.how, client_address="gateway")
        lab.gateway.must("sysctl", "-qw", "net.ipv4.ip_local_port_range=10530 10560")
        for _ in range(5):
            send(lab.client, PUBLISHED[4])
        postfix.wait_messages(5)
        self.assertEqual(reach(lab.client, PUBLISHED[4], 10526), "nothing")

    def test_default_reset_and_default_refuse(self):
        for default, said in (("reset", "refused"), ('refuse "554 5.7.1 Not here"', "554 5.7.1 Not here")):
            with self.subTest(default):
                gate = Postern(SHARED + f"default {default}\n", CONF, how=self.how)
                with lab.gateway.begin(gate):
                    with lab.client, socket.socket() as s:
                        s.bind(("203.0.113.11", 0))
                        s.settimeout(PATIENCE_S)
                        try:
                            s.connect((OTHER_PUBLISHED, 25))
                            heard = s.recv(1000).decode() or "refused"
                        except ConnectionRefusedError:
                            heard = "refused"
                    self.assertTrue(heard.startswith(said), heard)
                remove(gate)

    def test_nothing_is_left_to_init(self):
        """posternd has ended when all have that it started: the half of postern-kernel that runs iptables, too."""
        gate = begin(self, self.how)
        self.assertEqual(orphans_of(gate.process), [], gate.stderr())

    def test_the_kernel_refuses(self):
        """A rule set that the kernel does not take changes nothing: a program fails in the middle."""
        gate = begin(self, self.how)
        before = kernel()
        gate.write("rules.conf", RULES + "publish x { external 198.51.100.2:27; internal 10.0.0.21:25; pass }\n")
        for pid in gate.roles("postern-kernel"):
            os.kill(pid, signal.SIGKILL)  # its successor does it
        with lab.gateway:
            done = gate.tool("apply")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(kernel() != before, done.stdout + gate.stderr())
        self.assertEqual(reach(lab.client, PUBLISHED[4], 27, PATIENCE_S)[:3], "220")


class AloneTproxy(Alone):
    how = "tproxy"


if __name__ == "__main__":
    main()
