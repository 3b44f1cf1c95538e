# SPDX-License-Identifier: ISC
"""Bans in the kernel, on a lab (root): who goes beyond a limit gets nothing any more, others are served, and it lasts

Whoever counts tells posternd: a proxy for the inspected rule, the gate for the one that passes.
"""
import json
import os
import signal
import socket
import time
import unittest

from fixture import PATIENCE_S, main, wait_for
from gateway import ROLES, Postern
from lab import CLIENT, OTHER_CLIENT, OTHER_PUBLISHED, PUBLISHED, SERVER, Lab
from servers import Aiosmtpd

CONF = """version 1
mode managed
hostname gw.test
state "{dir}/state"
""" + ROLES

BANNING = "limit rate 5 per 1m per client then refuse for 10m"
RULES = f"""version 1
set protected {{ members in.test }}
publish inspected {{
    external        198.51.100.2:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    recipients      in protected
    client-address  gateway
    {BANNING}
    log             sessions, denials
}}
publish passed {{
    external        198.51.100.20:25
    internal        10.0.0.21:25
    pass
    {BANNING}
    log             sessions
}}
"""
SETS = {4: "POSTERN-BANS4", 6: "POSTERN-BANS6"}
ENTRY = {4: "198.51.100.2,tcp:25,203.0.113.9", 6: "2001:db8:2::2,tcp:25,2001:db8:1::/64"}
CLIENT_AS_COUNTED = {4: "203.0.113.9", 6: "2001:db8:1::/64"}

lab = None


def setUpModule():
    global lab
    why = Lab.unusable()
    if why:
        raise unittest.SkipTest(why)
    lab = unittest.enterModuleContext(Lab())
    for family in (4, 6):
        unittest.enterModuleContext(lab.server.begin(Aiosmtpd(port=25, address=SERVER[family])))


def heard(address, source):
    """A connection's first line, "nothing" where no SYN is answered."""
    with lab.client, socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.bind((source, 0))
        s.settimeout(0.5)
        try:
            s.connect((address, 25))
        except TimeoutError:
            return "nothing"
        except ConnectionRefusedError:
            return "refused"
        s.settimeout(PATIENCE_S)
        try:
            return s.recv(1000).decode()
        except ConnectionResetError:
            return "reset"


class Bans(unittest.TestCase):
    def setUp(self):
        self.gate = Postern(RULES, CONF)
        self.addCleanup(lab.clear)
        self.addCleanup(self.remove)
        self.enterContext(lab.gateway.begin(self.gate))

    def remove(self):
        lab.gateway.must(Postern.program("cli/postern"), "-c", self.gate.dir, "firewall", "remove")

    def tool(self, *words):
        with lab.gateway:
            done = self.gate.tool(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def restart(self, between=lambda: None):
        self.gate.stop_daemon()
        between()
        with lab.gateway:
            self.gate.start()

    @staticmethod
    def entries(family=4):
        listed = lab.gateway.run("ipset", "list", SETS[family]).stdout
        return sorted(line.split()[0] for line in listed.split("Members:\n")[-1].splitlines() if " timeout " in line)

    def wait_entries(self, want, family=4):
        wait_for(lambda: f"{want} in {SETS[family]}, which holds {self.entries(family)}; posternd said:\n" + self.gate.stderr(),
                 lambda: self.entries(family) == want)

    def ban(self, family=4):
        got = [heard(PUBLISHED[family], CLIENT[family])[:3] for _ in range(6)]
        self.assertEqual(got, ["220"] * 5 + ["554"])
        self.wait_entries([ENTRY[family]], family)
        self.assertEqual(heard(PUBLISHED[family], CLIENT[family]), "nothing")

    def test_one_client_gets_nothing_and_the_others_are_served(self):
        with lab.client:
            old = self.enterContext(socket.create_connection((PUBLISHED[4], 25), PATIENCE_S, (CLIENT[4], 0)))
        self.assertEqual(old.recv(1000)[:3], b"220")
        got = [heard(PUBLISHED[4], CLIENT[4])[:3] for _ in range(5)]
        self.assertEqual(got, ["220"] * 4 + ["554"])
        self.wait_entries([ENTRY[4]])
        self.assertEqual(heard(PUBLISHED[4], CLIENT[4]), "nothing")
        self.assertEqual(heard(PUBLISHED[4], OTHER_CLIENT)[:3], "220")
        self.assertEqual(heard(OTHER_PUBLISHED, CLIENT[4])[:3], "220")  # it was banned by another rule
        old.sendall(b"EHLO c.test\r\n")
        self.assertEqual(old.recv(1000)[:3], b"250")  # what is open goes on
        (record,) = self.gate.wait_records(code="PN7007")
        self.assertEqual((record["client"], record["rule"]), (CLIENT[4], "inspected"))
        (ban,) = json.loads(self.tool("--json", "set", "list", "bans"))
        self.assertEqual((ban["member"], ban["to"]), (CLIENT[4], "198.51.100.2:25"))

    def test_ipv6_clients_by_their_prefix(self):
        self.ban(6)
        self.assertEqual(self.entries(4), [])
        self.tool("set", "del", "bans", CLIENT[6])
        self.assertEqual(heard(PUBLISHED[6], CLIENT[6])[:3], "220")
        self.assertEqual(self.entries(6), [])

    def test_del_lets_in_at_once(self):
        self.ban()
        for words in (("del", "bans", CLIENT[4]), ("flush", "bans")):
            self.tool("set", *words)
            self.assertEqual(self.entries(), [])
            self.ban()

    def test_the_gate_bans_for_what_passes(self):
        got = [heard(OTHER_PUBLISHED, CLIENT[4])[:3] for _ in range(6)]
        self.assertEqual(got, ["220"] * 6)  # the handshake that is one too many begins it
        self.wait_entries(["198.51.100.20,tcp:25,203.0.113.9"])
        self.assertEqual(heard(OTHER_PUBLISHED, CLIENT[4]), "nothing")
        self.assertEqual(heard(OTHER_PUBLISHED, OTHER_CLIENT)[:3], "220")
        self.assertEqual(self.gate.wait_records(code="PN7007")[0]["rule"], "passed")
        self.tool("set", "del", "bans", CLIENT[4])
        self.assertEqual(heard(OTHER_PUBLISHED, CLIENT[4])[:3], "220")

    def test_a_restart_and_a_boot(self):
        self.ban()
        for between in (lambda: None, self.remove):  # which takes the sets away, too
            self.restart(between)
            self.wait_entries([ENTRY[4]])
            self.assertEqual(heard(PUBLISHED[4], CLIENT[4]), "nothing")
            self.assertEqual(heard(PUBLISHED[4], OTHER_CLIENT)[:3], "220")
        self.tool("set", "del", "bans", CLIENT[4])
        self.assertEqual(heard(PUBLISHED[4], CLIENT[4])[:3], "220")

    def test_sets_that_were_made_anew_are_filled_again(self):
        self.ban()
        lab.gateway.must("iptables", "-t", "raw", "-F")
        lab.gateway.must("ipset", "destroy", SETS[4])
        self.wait_entries([ENTRY[4]])
        self.assertEqual(heard(PUBLISHED[4], CLIENT[4]), "nothing")

    def test_the_list_is_what_counts(self):
        """postern-kernel is gone, and somebody changes the sets meanwhile."""
        self.ban()
        lab.gateway.must("ipset", "flush", SETS[4])
        lab.gateway.must("ipset", "add", SETS[4], "198.51.100.2,tcp:25,203.0.113.10", "timeout", 600)
        for pid in self.gate.roles("postern-kernel"):
            os.kill(pid, signal.SIGKILL)
        self.wait_entries([ENTRY[4]])
        self.assertEqual(heard(PUBLISHED[4], OTHER_CLIENT)[:3], "220")

    def test_very_many_come_back_after_a_boot(self):
        """More than one look at the sets mends: they are told in steps, and none is lost."""
        wanted = [f"10.{i >> 8}.{i & 255}.1" for i in range(3000)]
        end = int(time.time()) + 500
        self.restart(lambda: (self.gate.dir / "state/members").write_text(
            f"postern-members 1 {end - 500}\n" + "".join(f"ban inspected {c} rate {end}\n" for c in wanted)))
        wait_for("all of them", lambda: len(self.entries()) == len(wanted))
        self.assertEqual(self.entries(), sorted(f"198.51.100.2,tcp:25,{c}" for c in wanted))
        self.assertEqual(len(json.loads(self.tool("--json", "set", "list", "bans"))), len(wanted))
        self.tool("set", "flush", "bans")
        self.wait_entries([])
        self.assertEqual(len(self.gate.ready("postern-kernel")), 1)
        self.assertNotIn("ended unexpectedly", self.gate.stderr())

    def test_other_rules(self):
        """A ban follows what its rule publishes, and goes with what its rule says of the limit."""
        self.ban()
        self.gate.write("rules.conf", RULES.replace("198.51.100.2:25,", "198.51.100.2:25, 198.51.100.2:26,"))
        self.tool("apply")
        self.wait_entries([ENTRY[4], ENTRY[4].replace(":25", ":26")])
        self.gate.write("rules.conf", RULES.replace(" then refuse for 10m", ""))
        self.tool("apply")
        self.wait_entries([])


if __name__ == "__main__":
    main()
