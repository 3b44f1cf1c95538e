# SPDX-License-Identifier: ISC
"""postern doctor beside `mode managed` on a lab (root): healthy is quiet; of one thing broken at a time exactly that is found

Where what it advises is a command, it is typed, and the finding is gone.
"""
import contextlib
import json
import shutil
import socket
import unittest

from fixture import Scratch, main
from gateway import ROLES, Postern
from lab import OTHER_PUBLISHED, PUBLISHED, SERVER, module_lab

MODE = "mode managed\n"
CONF = """version 1
{mode}intercept {how}
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
    pass
}
"""
LATER = """publish third {
    external        198.51.100.20:587
    internal        10.0.0.30:587
    recipients      in protected
}
"""
ACCEPT = "-p tcp -m connmark ! --mark 0x0/0xff000000 -j ACCEPT"
ESTABLISHED = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
# what the host of this test has to answer for, and nobody serves in this lab
NOT_OURS = ("clock", "servers", "folders", "descriptors")

lab = None


def setUpModule():
    global lab
    lab = module_lab()


def examine(gate, *prefix):
    done = lab.gateway.run(*prefix, gate.program("cli/postern"), "-c", gate.dir, "doctor", "--json")
    if "Sanitizer" in done.stderr:
        raise AssertionError(done.stderr)
    found = json.loads(done.stdout)
    if done.returncode != int(any(f["level"] == "fault" for f in found)):
        raise AssertionError(done.stdout + done.stderr)
    return [f for f in found if f["level"] != "ok" and f["check"] not in NOT_OURS]


class Beside:
    how = None

    def begin(self, mode=MODE, enter=None):
        gate = Postern(RULES, CONF, how=self.how, mode=mode)
        self.addCleanup(lab.gateway.must, gate.program("cli/postern"), "-c", "/nonexistent", "firewall", "remove")
        return self.enterContext(lab.gateway.begin(gate))

    def setUp(self):
        self.gate = self.begin()

    def folder(self):
        scratch = Scratch("pn-doctor-")
        self.addCleanup(scratch.remove)
        return scratch.path

    def examine(self, *prefix):
        return examine(self.gate, *prefix)

    def find(self, check, level="fault", count=1):
        found = self.examine()
        self.assertEqual([(f["check"], f["level"]) for f in found], [(check, level)] * count, found)
        return found

    def on(self, *command):
        lab.gateway.must(*command)

    @contextlib.contextmanager
    def broken(self, *command, mended):
        self.on(*command)
        try:
            yield
        finally:
            lab.gateway.run(*mended)

    def type(self, finding):
        """What it advises, as an administrator would."""
        self.assertTrue(finding["command"], finding)
        self.on("sh", "-c", finding["advice"])

    def reached(self, address=PUBLISHED[4]):
        """Does a client get an answer? It is 421, or a reset by the server, since nobody serves in this lab."""
        with lab.client:
            try:
                with socket.create_connection((address, 25), 1) as s:
                    s.settimeout(10)
                    return s.recv(3) == b"421"
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False

    def test_healthy(self):
        self.assertEqual(self.examine(), [])

    # -- the rest of the firewall

    def test_input_drops_everything(self):
        with self.broken("iptables", "-P", "INPUT", "DROP", mended=("sh", "-c", "iptables -P INPUT ACCEPT; iptables -F INPUT")):
            self.on("iptables", "-A", "INPUT", *ESTABLISHED)
            self.assertFalse(self.reached())
            found, = self.find("input")
            self.assertEqual(found["advice"], "iptables -I INPUT 2 " + ACCEPT)
            self.type(found)
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached())
            # the line holds for rules that come later, too
            self.gate.write("rules.conf", RULES + LATER)
            with lab.gateway:
                self.assertEqual(self.gate.tool("apply").returncode, 0)
            self.assertEqual(self.examine(), [])
            self.assert_in_sync()

    def test_forward_drops_everything(self):
        with self.broken("iptables", "-P", "FORWARD", "DROP",
                         mended=("sh", "-c", "iptables -P FORWARD ACCEPT; iptables -F FORWARD")):
            self.assertFalse(self.reached(OTHER_PUBLISHED))
            found = self.find("forward", count=2)
            self.assertEqual({f["advice"] for f in found}, {"iptables -I FORWARD 2 " + ACCEPT})
            self.assertEqual(found[0]["rule"], "second")
            self.type(found[0])
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached(OTHER_PUBLISHED))
            self.assert_in_sync()

    def test_forward_drops_answers(self):
        with self.broken("iptables", "-A", "FORWARD", "-i", "int", "-j", "REJECT", mended=("iptables", "-F", "FORWARD")):
            found, = self.find("forward")
            self.assertIn("drops answers to sessions that pass (-i int -j REJECT", found["text"])
            self.type(found)
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached(OTHER_PUBLISHED))

    def assert_in_sync(self):
        """No line that was typed comes before Postern's."""
        with lab.gateway:
            done = self.gate.tool("firewall", "status")
        self.assertEqual((done.returncode, done.stdout.splitlines()[0]), (0, "in sync"), done.stdout)

    @unittest.skipUnless(shutil.which("nft"), "needs nft")
    def test_nft_chains_drop_everything(self):
        for hook, address in (("input", PUBLISHED[4]), ("forward", OTHER_PUBLISHED)):
            chain = f"add table inet guard; add chain inet guard x {{ type filter hook {hook} priority 0; policy drop; }}; " \
                    "add rule inet guard x ct state established,related accept"
            with self.subTest(hook), self.broken("nft", chain, mended=("nft", "delete table inet guard")):
                self.assertFalse(self.reached(address))
                found, = self.find(hook, "warning")
                self.assertEqual(found["advice"], "nft insert rule inet guard x ct mark and 0xff000000 != 0 accept")
                self.type(found)
                self.assertEqual(self.examine(), [])
                self.assertTrue(self.reached(address))

    def test_ufw_has_lines_of_its_own(self):
        """Its chains alone are enough to be taken for it."""
        with self.broken("sh", "-c", "iptables -N ufw-user-forward; iptables -P FORWARD DROP; iptables -P INPUT DROP",
                         mended=("sh", "-c", "iptables -P FORWARD ACCEPT; iptables -P INPUT ACCEPT; iptables -X ufw-user-forward")):
            advice = [f["advice"] for f in self.examine()]
            self.assertIn("ufw route prepend allow proto tcp to 10.0.0.30 port 25", advice)
            self.assertIn("ufw prepend allow proto tcp to any port " + ("25" if self.how == "tproxy" else "10525:10778"), advice)

    def test_taken_out_of_connection_tracking(self):
        with self.broken("iptables", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "25", "-j", "CT", "--notrack",
                         mended=("sh", "-c", "iptables -t raw -F PREROUTING")):
            self.assertFalse(self.reached())
            found = self.find("tracking", count=2)
            self.assertEqual(found[0]["advice"], "iptables -t raw -I PREROUTING 2 -d 198.51.100.2 -p tcp --dport 25 -j ACCEPT")
            for finding in found:
                self.type(finding)
            self.assertEqual(self.examine(), [])
            self.assertTrue(self.reached())
            self.assert_in_sync()

    # -- marks

    def test_connection_marks_written_over(self):
        rule = ("-t", "mangle", "POSTROUTING", "-j", "CONNMARK", "--save-mark")
        def line(verb, *more):
            return ("iptables", *rule[:2], verb, *rule[2:], *more)
        with self.broken(*line("-A"), mended=("iptables", "-t", "mangle", "-F", "POSTROUTING")):
            found, = self.find("marks")
            self.assertIn("changes bits 0xff000000 of connection marks", found["text"])
            self.on(*line("-D"))
            self.on(*line("-A", "--nfmask", "0xffff", "--ctmask", "0xffff"))
            self.assertEqual(self.examine(), [])

    def test_packet_marks_written_over(self):
        with self.broken("iptables", "-t", "mangle", "-A", "PREROUTING", "-i", "ext", "-j", "MARK", "--set-mark", "7",
                         mended=("iptables", "-t", "mangle", "-D", "PREROUTING", "2")):
            found, = self.find("marks", "warning")
            self.assertIn("changes bits 0xfff00000 of packet marks", found["text"])

    @unittest.skipUnless(shutil.which("nft"), "needs nft")
    def test_marks_written_over_by_nft(self):
        table = "add table inet guard; add chain inet guard x { type filter hook forward priority 0; }; add rule inet guard x ct mark set "
        for value, checks in (("7", ["marks"]), ("ct mark or 0x1000000", ["marks"]), ("ct mark or 0x7", [])):
            with self.subTest(value), self.broken("nft", table + value, mended=("nft", "delete table inet guard")):
                self.assertEqual([f["check"] for f in self.examine()], checks)

    # -- the host

    def test_forwarding_off(self):
        with self.broken("sysctl", "-w", "net.ipv4.ip_forward=0", mended=("sysctl", "-w", "net.ipv4.ip_forward=1")):
            found, = self.find("forwarding")
            self.assertEqual((found["advice"], found["at"]), ("sysctl -w net.ipv4.ip_forward=1", "rules.conf:8"))
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_strict_rp_filter_where_the_way_back_is_another(self):
        with self.broken("sh", "-c", "ip link add other type veth peer name rehto; ip link set rehto up; ip link set other up; ip route add default dev other",
                         mended=("sh", "-c", "ip link del other; sysctl -w net.ipv4.conf.ext.rp_filter=1")):
            found, = self.find("client-path")
            self.assertEqual(found["advice"], "sysctl -w net.ipv4.conf.ext.rp_filter=2")
            self.type(found)
            self.assertEqual(self.examine(), [])

    def test_an_interface_that_leads_elsewhere_now(self):
        """What posternd put in force was right for the interfaces of then."""
        with self.broken("ip", "route", "add", "default", "via", SERVER[4], "dev", "int", mended=("ip", "route", "del", "default")):
            found = [f for f in self.examine() if f["check"] == "divert"]
            self.assertIn("the kernel differs from the rules", found[0]["text"])
            self.type({**found[0], "advice": found[0]["advice"].replace("postern", self.gate.program("cli/postern"), 1)})
            self.assertEqual([f["check"] for f in self.examine()], ["client-path"])

    def test_a_server_whose_answers_go_elsewhere(self):
        lab.server.must("ip", "route", "del", "default")
        self.addCleanup(lab.server.must, "ip", "route", "add", "default", "via", "10.0.0.1")
        lab.server.must("ip", "route", "add", "203.0.113.0/24", "via", "10.0.0.1")  # not all is lost
        self.addCleanup(lab.server.must, "ip", "route", "del", "203.0.113.0/24")
        found = self.find("way-back", count=2)
        self.assertIn("10.0.0.21:25 answers this host, and its answers to clients do not come back", found[0]["text"])

    def test_saved_rules(self):
        """In a mount namespace, since they stand below /etc."""
        etc = self.folder() / "etc"
        shutil.copytree("/etc", etc, symlinks=True)
        (etc / "iptables").mkdir(exist_ok=True)
        for name, program in (("rules.v4", "iptables-save"), ("rules.v6", "ip6tables-save")):
            (etc / "iptables" / name).write_text(lab.gateway.must(program))
        prefix = ("unshare", "-m", "sh", "-c", f"mount --bind {etc} /etc && exec \"$@\"", "sh")
        found = self.examine(*prefix)
        self.assertEqual([(f["check"], f["level"]) for f in found], [("saved", "warning")] * 2, found)
        for finding in found:
            lab.gateway.must(*prefix, "sh", "-c", finding["advice"])
        self.assertEqual(self.examine(*prefix), [])

    # -- programs

    @unittest.skipUnless(shutil.which("iptables-legacy", path="/usr/sbin"), "needs iptables-legacy")
    def test_iptables_legacy(self):
        scratch = self.folder()
        for name in ("iptables", "ip6tables"):
            (scratch / name).symlink_to(f"/usr/sbin/{name}-legacy")
        found = self.examine("env", f"POSTERN_SBIN={scratch}")
        self.assertEqual([(f["check"], f["level"]) for f in found], [("tools", "fault")] * 2, found)
        self.assertEqual(found[0]["advice"], "update-alternatives --set iptables /usr/sbin/iptables-nft")

    def test_a_kernel_without_hashlimit(self):
        scratch = self.folder()
        fake = scratch / "iptables"
        fake.write_text("""#!/bin/sh
case "$*" in
*hashlimit*) echo "iptables v1.8.9 (nf_tables): Couldn't load match `hashlimit':No such file or directory" >&2; exit 2 ;;
esac
exec /usr/sbin/iptables "$@"
""".replace("`", "\\`"))
        fake.chmod(0o755)
        found = self.examine("env", f"POSTERN_SBIN={scratch}")
        self.assertEqual([(f["check"], f["level"]) for f in found], [("tools", "fault")], found)
        self.assertIn("has no hashlimit", found[0]["text"])

    # -- what is left of another mode

    def test_left_by_this_mode(self):
        """In all others its standing drop keeps everybody out."""
        self.gate.stop_daemon()
        for mode in ("mode direct\n", "mode external\n"):
            with self.subTest(mode):
                self.gate.write("postern.conf", CONF.replace("{mode}", mode))
                stale = [f for f in self.examine() if f["check"] == "stale"]
                self.assertEqual([(f["level"], f["advice"]) for f in stale], [("fault", "postern firewall remove")])
        with lab.gateway:
            self.assertEqual(self.gate.tool("firewall", "remove").returncode, 0)
        self.assertEqual([f for f in self.examine() if f["check"] == "stale"], [])

    @unittest.skipUnless(shutil.which("nft"), "needs nft")
    def test_left_by_the_other_backend(self):
        with self.broken("nft", "add table inet postern", mended=("nft", "delete table inet postern")):
            found, = self.find("stale")
            self.assertEqual((found["advice"], found["at"]), ("postern firewall remove --force", "postern.conf:2"))

    # -- without posternd

    def test_without_daemon(self):
        self.gate.stop_daemon()
        self.assertEqual([f["check"] for f in self.examine()], ["daemon"])
        with lab.gateway, socket.create_server(("0.0.0.0", 10526)):
            found = self.examine()
            self.assertEqual([(f["check"], f["level"]) for f in found], [("daemon", "warning"), ("intercept", "fault")], found)
            self.assertEqual(found[1]["rule"], "first")

    def test_without_daemon_and_with_the_numbers_of_a_reload(self):
        """What begins anew would give other ones, and the rest of the firewall is not to be blamed for that."""
        self.gate.write("rules.conf", RULES.replace("publish first", "publish third { external 198.51.100.20:26; "
                                                    "internal 10.0.0.30:26; pass }\npublish first"))
        with lab.gateway:
            self.assertEqual(self.gate.tool("apply").returncode, 0)
        self.assertEqual(self.examine(), [])
        self.gate.stop_daemon()
        self.assertEqual([(f["check"], f["level"]) for f in self.examine()],
                         [("daemon", "warning"), ("divert", "warning"), ("return", "skipped")])

    def test_without_daemon_and_rules(self):
        self.gate.stop_daemon()
        with lab.gateway:
            self.assertEqual(self.gate.tool("firewall", "remove").returncode, 0)
        self.assertEqual([(f["check"], f["level"]) for f in self.examine()],
                         [("daemon", "warning"), ("divert", "warning"), ("return", "skipped")])

    def test_local_mail_server_on_the_published_port(self):
        """The standing drop keeps clients from it; without it nothing does."""
        with lab.gateway, socket.create_server((PUBLISHED[4], 25)):
            self.assertEqual(self.examine(), [])
            self.gate.stop_daemon()
            with lab.gateway:
                self.gate.tool("firewall", "remove")
            self.assertIn("local-server", [f["check"] for f in self.examine()])


class Redirect(Beside, unittest.TestCase):
    how = "redirect"

    def test_mode_unsaid(self):
        """Root's is managed, and doctor knows that also while nothing runs."""
        self.gate.stop_daemon()
        with lab.gateway:
            self.gate.tool("firewall", "remove")
        gate = self.begin(mode="")
        self.assertEqual(examine(gate), [])
        self.on("iptables", "-P", "FORWARD", "DROP")
        self.addCleanup(self.on, "iptables", "-P", "FORWARD", "ACCEPT")
        self.assertEqual({f["check"] for f in examine(gate)}, {"forward"})
        gate.stop_daemon()
        self.assertEqual({f["check"] for f in examine(gate)}, {"daemon", "forward"})


class Tproxy(Beside, unittest.TestCase):
    how = "tproxy"


if __name__ == "__main__":
    main()
