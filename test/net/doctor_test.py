# SPDX-License-Identifier: ISC
"""postern doctor on a lab (root): a healthy gateway has no faults; of one thing broken at a time exactly that is found

Where what it advises is a command, it is typed, and the finding is gone.
"""
import contextlib
import json
import shutil
import socket
import unittest

from fixture import main
from gateway import ROLES, Postern
from lab import CLIENT, OTHER_PUBLISHED, PORT, PUBLISHED, SERVER, module_lab

CONF = """version 1
mode external
intercept {how}
hostname gw.test
state "{dir}/state"
""" + ROLES

RULES = """version 1
set protected { members in.test }
publish first {
    external        198.51.100.2:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    recipients      in protected
}
publish second {
    external        198.51.100.20:25
    internal        10.0.0.30:25
    recipients      in protected
}
"""

lab = None


def setUpModule():
    global lab
    lab = module_lab()


class Examined:
    how = None

    def setUp(self):
        self.addCleanup(lab.clear)
        lab.script(self.how)
        self.gate = self.enterContext(lab.gateway.begin(Postern(RULES, CONF, how=self.how)))

    def examine(self):
        done = lab.gateway.run(self.gate.program("cli/postern"), "-c", self.gate.dir, "doctor", "--json")
        self.assertNotIn("Sanitizer", done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(done.returncode, int(any(f["level"] == "fault" for f in found)), done.stdout + done.stderr)
        # what the host of this test has to answer for, and nobody serves in this lab
        return [f for f in found if f["level"] != "ok" and f["check"] not in ("clock", "servers", "folders", "descriptors")]

    def on(self, *command):
        lab.gateway.must(*command)

    @contextlib.contextmanager
    def broken(self, *command, mended):
        self.on(*command)
        try:
            yield
        finally:
            lab.gateway.run(*mended)

    def find(self, check, level="fault", count=1):
        found = self.examine()
        self.assertEqual([(f["check"], f["level"]) for f in found], [(check, level)] * count, found)
        return found

    def type(self, finding):
        """What it advises, as an administrator would."""
        self.assertTrue(finding["command"], finding)
        self.on("sh", "-c", finding["advice"])

    def test_healthy(self):
        self.assertEqual(self.examine(), [])

    def test_routing_rule_deleted(self):
        rule = ("iif", "int", "fwmark", "0x00500000/0x00f00000", "lookup", "100")
        self.on("ip", "rule", "del", *rule)
        found = self.find("return", count=2)
        self.assertEqual(found[0]["advice"], "ip rule add " + " ".join(rule))
        self.assertEqual(found[0]["at"], "rules.conf:3")
        self.type(found[0])
        self.assertEqual(self.examine(), [])

    def test_local_route_deleted(self):
        self.on("ip", "-6", "route", "flush", "table", "100")
        found, = self.find("return")
        self.assertEqual(found["advice"], "ip -6 route add local ::/0 dev lo table 100")
        self.type(found)
        self.assertEqual(self.examine(), [])

    def test_mark_deleted(self):
        self.on("ip6tables", "-t", "mangle", "-D", "LAB-PREROUTING", "-i", "int", "-p", "tcp", "-m", "socket",
                "--transparent", "-j", "MARK", "--set-xmark", "0x500000/0xf00000")
        found, = self.find("return")
        self.assertIn("-m socket --transparent", found["advice"])
        with self.broken("true", mended=("ip6tables", "-t", "mangle", "-F", "PREROUTING")):
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_forwarding_off(self):
        with self.broken("sysctl", "-w", "net.ipv4.ip_forward=0", mended=("sysctl", "-w", "net.ipv4.ip_forward=1")):
            found, = self.find("forwarding", "warning")
            self.assertEqual(found["advice"], "sysctl -w net.ipv4.ip_forward=1")
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_forward_drop_removed(self):
        """The servers can be reached by whoever has a route to them."""
        self.on("iptables", "-F", "LAB-FORWARD")
        found = self.find("around", "warning", 2)
        self.assertEqual(found[0]["advice"], "iptables -I FORWARD -i ext -d 10.0.0.21 -p tcp --dport 25 -j DROP")
        with self.broken("true", mended=("sh", "-c", "iptables -F FORWARD; iptables -A FORWARD -j LAB-FORWARD")):
            for finding in found:
                self.type(finding)
            self.assertEqual(self.examine(), [])

    def reached(self):
        """Does a client get an answer? It is 421, since nobody serves in this lab."""
        with lab.client:
            try:
                with socket.create_connection((PUBLISHED[4], 25), 1) as s:
                    s.settimeout(10)
                    return s.recv(3) == b"421"
            except TimeoutError:
                return False

    @unittest.skipUnless(shutil.which("nft"), "needs nft")
    def test_nft_chain_drops_everything(self):
        chain = "add table inet guard; add chain inet guard input { type filter hook input priority 0; policy drop; }; " \
                "add rule inet guard input ct state established,related accept"
        with self.broken("nft", chain, mended=("nft", "delete table inet guard")):
            self.assertFalse(self.reached())
            found = self.examine()
            self.assertEqual({(f["check"], f["level"]) for f in found}, {("input", "warning")}, found)
            self.assertIn("nft chain inet guard input drops", found[0]["text"])
            self.type(found[0])
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached())

    def test_input_drops_everything(self):
        with self.broken("iptables", "-P", "INPUT", "DROP", mended=("sh", "-c", "iptables -P INPUT ACCEPT; iptables -F INPUT; iptables -A INPUT -j LAB-INPUT")):
            self.on("iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
            self.assertFalse(self.reached())
            found, = self.find("input")
            self.assertIn("INPUT of iptables drops diverted connections (DROP)", found["text"])
            self.type(found)
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached())

    def test_input_that_accepts_only_some(self):
        self.on("iptables", "-P", "INPUT", "DROP")
        with self.broken("iptables", "-A", "INPUT", "-s", CLIENT[4], "-j", "ACCEPT",
                         mended=("sh", "-c", "iptables -P INPUT ACCEPT; iptables -F INPUT; iptables -A INPUT -j LAB-INPUT")):
            found, = self.find("input", "warning")
            self.assertIn("may drop", found["text"])

    def test_diversion_deleted(self):
        self.on("iptables", "-t", self.table, "-D", "LAB-PREROUTING", "2")
        found, = self.find("divert")
        self.assertEqual((found["rule"], found["at"]), ("second", "rules.conf:9"))
        self.assertIn(f"-i ext -d {OTHER_PUBLISHED} -p tcp --dport 25 -j ", found["advice"])
        with self.broken("true", mended=("iptables", "-t", self.table, "-D", "PREROUTING", "2")):
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_diversion_that_a_rule_before_it_undoes(self):
        self.on("iptables", "-t", self.table, "-I", "LAB-PREROUTING", "-d", OTHER_PUBLISHED, "-p", "tcp", "-j", "ACCEPT")
        found = [f for f in self.examine() if f["check"] == "divert"]
        self.assertEqual([(f["level"], f["rule"], f["command"]) for f in found], [("fault", "second", False)])
        self.assertIn(f'goes elsewhere: iptables rule "-d {OTHER_PUBLISHED}/32 -p tcp -j ACCEPT"', found[0]["text"])

    def test_half_of_ipv6_missing(self):
        self.on("ip6tables", "-t", self.table, "-F", "LAB-PREROUTING")
        if self.table == "mangle":  # the mark is missing, too
            self.assertEqual({f["check"] for f in self.examine()}, {"divert", "return"})
            return
        found, = self.find("divert")
        self.assertTrue(found["advice"].startswith(f"ip6tables -t nat -A PREROUTING -i ext -d {PUBLISHED[6]} "), found)
        with self.broken("true", mended=("ip6tables", "-t", "nat", "-F", "PREROUTING")):
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_local_mail_server_on_the_published_port(self):
        with lab.gateway, socket.create_server((PUBLISHED[4], 25)):
            found, = self.find("local-server")
            self.assertRegex(found["text"], r"listens on 198\.51\.100\.2:25, and takes mail for ")
            with self.broken("true", mended=("sh", "-c", "iptables -F INPUT; iptables -A INPUT -j LAB-INPUT")):
                self.type(found)
                self.assertEqual(self.examine(), [])

    def test_strict_rp_filter_where_the_way_back_is_another(self):
        with self.broken("ip", "route", "add", "default", "via", SERVER[4], "dev", "int",
                         mended=("sh", "-c", "ip route del default; sysctl -w net.ipv4.conf.ext.rp_filter=1")):
            found, = self.find("client-path")
            self.assertEqual(found["advice"], "sysctl -w net.ipv4.conf.ext.rp_filter=2")
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_answers_that_the_kernel_takes_for_forged(self):
        """A rule without interface, and marks that the reverse path filter looks at."""
        self.on("sh", "-c", "ip rule del iif int table 100; ip rule del iif ext table 100; "
                "ip rule add fwmark 0x00500000/0x00f00000 lookup 100")
        with self.broken("sysctl", "-w", "net.ipv4.conf.all.src_valid_mark=1",
                         mended=("sh", "-c", "sysctl -w net.ipv4.conf.all.src_valid_mark=0 net.ipv4.conf.int.rp_filter=1; "
                                 "ip rule del fwmark 0x00500000/0x00f00000 lookup 100")):
            found = self.find("return", count=2)
            self.assertIn("rp_filter", found[0]["text"])
            self.type(found[0])
            self.assertEqual(self.examine(), [])

    def test_address_that_is_forwarded_when_nothing_diverts_it(self):
        with self.broken("ip", "addr", "del", f"{OTHER_PUBLISHED}/32", "dev", "ext",
                         mended=("ip", "addr", "add", f"{OTHER_PUBLISHED}/32", "dev", "ext")):
            self.assertEqual(self.examine(), [])
            self.on("iptables", "-F", "LAB-FORWARD")
            faults = [f for f in self.examine() if f["level"] == "fault"]
            self.assertEqual([(f["check"], f["rule"]) for f in faults], [("around", "second")])


class Outbound(unittest.TestCase):
    """external any: both families are brought, and neither goes on by itself."""

    RULES = "version 1\nset inside { members 10.0.0.0/24, fd00:10::/64 }\n" \
            "publish outbound { external any:25; internal original; from inside }\n"

    def examine(self, gate):
        done = lab.gateway.run(gate.program("cli/postern"), "-c", gate.dir, "doctor", "--json")
        return [f for f in json.loads(done.stdout) if f["level"] == "fault"]

    def test_any(self):
        self.addCleanup(lab.clear)
        lab.redirect("-o")
        with lab.gateway.begin(Postern(self.RULES, CONF, how="redirect")) as gate:
            self.assertEqual(self.examine(gate), [])
            lab.gateway.must("ip6tables", "-F", "LAB-FORWARD")
            self.assertEqual([(f["check"], f["rule"]) for f in self.examine(gate)], [("around", "outbound")])
            lab.gateway.must("ip6tables", "-t", "nat", "-F", "LAB-PREROUTING")
            self.assertEqual({f["check"] for f in self.examine(gate)}, {"around", "divert"})


class Redirect(Examined, unittest.TestCase):
    how, table = "redirect", "nat"

    def test_without_daemon_another_program_has_the_port(self):
        self.gate.stop_daemon()
        self.assertEqual([f["check"] for f in self.examine()], ["daemon"])
        with lab.gateway, socket.create_server(("0.0.0.0", PORT)):
            self.assertEqual([(f["check"], f["level"]) for f in self.examine()],
                             [("daemon", "warning"), ("intercept", "fault")])


class Tproxy(Examined, unittest.TestCase):
    how, table = "tproxy", "mangle"

    def test_diversion_deleted(self):
        self.on("iptables", "-t", "mangle", "-D", "LAB-PREROUTING", "3")
        self.find("divert")


if __name__ == "__main__":
    main()
