# SPDX-License-Identifier: ISC
"""postern-kernel on the gateway of a lab: what it brings in, guards and takes out again (root)

The rules of others are there throughout; what others do to ours is done by their own tools.
"""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import textwrap
import time
import unittest

from firewall_test import FOREIGN
from fixture import BUILD, Scratch, main, sandboxed, wait_for
from gatekeeper import bound_log
from keeper import Keeper
from lab import IPTABLES, module_lab, rules_of

FAMILIES = (4, 6)
SETTINGS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.netfilter.nf_conntrack_acct",
            "net.netfilter.nf_conntrack_timestamp")
INSPECTED = """publish first {
    external 198.51.100.2:25, [2001:db8:2::2]:25
    internal 10.0.0.21:25, [fd00:10::21]:25
}
"""
PASSED = """publish second {
    external 198.51.100.3:993, [2001:db8:2::3]:993
    internal 10.0.0.22:993, [fd00:10::22]:993
    pass
}
"""
IN_TIME_S = 8  # two seconds (DESIGN 7), and what a busy machine takes

lab = None


def setUpModule():
    global lab
    lab = module_lab()
    with lab.gateway:
        for family in FAMILIES:
            subprocess.run([f"{IPTABLES[family]}-restore"], input=FOREIGN, text=True, check=True)
        for name in SETTINGS:
            subprocess.run(["sysctl", "-qw", f"{name}=0"], check=True)


def sysctl(name):
    return lab.gateway.must("sysctl", "-n", name).strip()


def rules():
    return rules_of(lab.gateway)


def kernel():
    """All that the role may touch, without what counts and dates."""
    return rules() + lab.gateway.must("ipset", "list", "-n").splitlines() + [sysctl(s) for s in SETTINGS]


def claim(number):
    """A socket on the gateway that has a number of NFQUEUE."""
    with lab.gateway:
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    body = struct.pack("BBH", 0, 0, socket.htons(number)) + struct.pack("HHBBH", 8, 1, 1, 0, 0)
    s.send(struct.pack("IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) + body)
    error = struct.unpack_from("i", s.recv(4096), 16)[0]
    if error:
        raise AssertionError(os.strerror(-error))
    return s


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.before = kernel()
        self.addCleanup(lambda: self.assertEqual(kernel(), self.before))
        self.addCleanup(lab.gateway.must, BUILD / "cli/postern", "-c", "/nonexistent", "firewall", "remove")

    def folder(self, rules=INSPECTED + PASSED, conf="mode managed\n"):
        scratch = Scratch("pn-keep-")
        self.addCleanup(scratch.remove)
        (scratch.path / "rules.conf").write_text("version 1\n" + rules)
        (scratch.path / "postern.conf").write_text("version 1\n" + conf)
        return scratch.path

    def keeper(self, **more):
        return self.enterContext(lab.gateway.begin(Keeper(**more)))

    def applied(self, *rules):
        keeper = self.keeper()
        keeper.apply(self.folder(*rules))
        return keeper


class Whole(Case):
    def test_in_and_out(self):
        keeper = self.keeper()
        self.assertEqual(keeper.layers, 0b111110 if sandboxed() else 0, "every layer but an empty root")
        told = keeper.apply(self.folder())
        for name in SETTINGS:
            self.assertEqual(sysctl(name), "1")
            self.assertIn(f"{name}: 0 -> 1, for the rule at rules.conf:6", told)
        self.assertIn("--match-set POSTERN-BANS6 dst,dst,src", "\n".join(rules()))
        told = keeper.put_back()
        self.assertIn("net.ipv4.ip_forward: 1 -> 0, as it was before", told)
        self.assertEqual(kernel(), self.before)
        self.assertEqual(keeper.put_back(), "")

    def test_taken_out_without_the_role(self):
        keeper = self.applied()
        keeper.kill(signal.SIGKILL)
        self.assertNotEqual(kernel(), self.before)  # what holds is in Case

    def test_twice_is_the_same_and_nothing_of_others_is_touched(self):
        keeper = self.applied()
        once = kernel()
        self.assertEqual(keeper.apply(self.folder()), "")
        self.assertEqual(kernel(), once)
        self.assertEqual([line for line in self.before[:-len(SETTINGS)] if line not in once], [])

    def test_a_setting_no_rule_wants_any_more_is_put_back(self):
        keeper = self.applied()
        keeper.apply(self.folder(INSPECTED))
        self.assertEqual({sysctl(s) for s in SETTINGS}, {"0"})
        self.assertEqual(lab.gateway.must("ipset", "save", "POSTERN-BEFORE").count("\n"), 1)

    def test_forwarding_is_turned_on_for_the_family_that_needs_it(self):
        self.applied("publish one { external 198.51.100.3:993; internal 10.0.0.22:993; pass }\n")
        self.assertEqual((sysctl(SETTINGS[0]), sysctl(SETTINGS[1])), ("1", "0"))

    def test_lanes_of_other_rules_are_refused(self):
        keeper = self.keeper()
        keeper.tell("apply-badly", self.folder())
        done = keeper.wait("done")
        self.assertEqual((done["number"], done["text"]), (1, "lanes: not of these rules\n"))
        self.assertEqual(kernel(), self.before)

    def test_it_answers_while_programs_run(self):
        slow = slowly(self, 2)
        keeper = self.keeper(prefix=slow)
        keeper.tell("apply", self.folder())
        for _ in range(5):
            begin = time.monotonic()
            keeper.tell("ping")
            keeper.wait("pong")
            self.assertLess(time.monotonic() - begin, 1.5, "before the first of them ended")
            time.sleep(0.05)
        self.assertEqual(keeper.wait("done")["number"], 0)

    def test_nonsense_ends_it(self):
        keeper = self.applied()
        keeper.tell("nonsense")
        self.assertEqual(keeper.wait("ended")["number"], 69)

    def test_a_second_change_before_the_first_is_done_ends_it(self):
        keeper = self.keeper()
        keeper.tell("apply", self.folder())
        keeper.tell("put-back")
        self.assertEqual(keeper.wait("ended")["number"], 69)

    def test_the_end_of_posternd_is_its_own(self):
        keeper = self.applied()
        keeper.tell("close")
        self.assertEqual(keeper.wait("ended")["number"], 0)
        self.assertIn("-A FORWARD -j POSTERN-FORWARD", rules())

    def test_somebody_else_is_at_it(self):
        folder, keeper = self.folder(), self.keeper()
        with claim(5250) as lock:
            keeper.tell("apply", folder)
            done = keeper.wait("done")
            self.assertEqual(done["number"], 2, done)
            self.assertIn("nfnetlink_queue", done["text"])
            begun = time.monotonic()
            waiting = subprocess.Popen(["ip", "netns", "exec", lab.gateway.name, BUILD / "cli/postern", "-c", folder,
                                        "firewall", "apply"], stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            self.assertIsNone(waiting.poll())
            lock.close()
            self.assertEqual(waiting.wait(), 0)
            self.assertGreaterEqual(time.monotonic() - begun, 0.5)

    def test_a_set_of_another_kind(self):
        lab.gateway.must("ipset", "create", "POSTERN-BANS4", "hash:ip")
        try:
            told = self.keeper().apply(self.folder(), result=3)
            self.assertIn("of another kind", told)
        finally:
            lab.gateway.must("ipset", "destroy", "POSTERN-BANS4")


def slowly(case, seconds):
    """What to put before a command, for which each of iptables' programs takes longer."""
    scratch = Scratch("pn-slow-")
    case.addCleanup(scratch.remove)
    real = pathlib.Path("/usr/sbin/iptables-restore").resolve()
    (scratch.path / "tool").write_bytes(real.read_bytes())
    (scratch.path / "tool").chmod(0o755)
    for name in ("iptables", "ip6tables"):
        for what in ("", "-save", "-restore"):
            (scratch.path / (name + what)).symlink_to("tool")
    script = scratch.path / "slow"
    script.write_text(textwrap.dedent(f"""\
        #!/bin/sh
        sleep {seconds}
        exec /usr/local/sbin/"${{0##*/}}" "$@"
        """))
    script.chmod(0o755)
    return ["unshare", "-m", "/bin/sh", "-ec",
            f'mount --bind {scratch.path} /usr/local/sbin; mount --bind {script} {real}; exec "$@"', "sh"]


class Killed(Case):
    def test_in_the_middle_of_a_change(self):
        """Whenever that is: the next one heals, and is all there is."""
        keeper = self.keeper()
        folder = self.folder()
        keeper.apply(folder)
        whole = kernel()
        keeper.put_back()
        slow = slowly(self, 0.05)
        for n in range(14):
            with self.subTest(n):
                with lab.gateway.begin(Keeper(prefix=slow)) as victim:
                    victim.tell("apply", folder)
                    time.sleep(0.06 * n)
                    self.assertEqual(victim.kill(signal.SIGKILL), -9)
                keeper.apply(folder)
                self.assertEqual(kernel(), whole)
                keeper.rest()
                keeper.put_back()
                self.assertEqual(kernel(), self.before)

    def test_a_program_ends_with_it(self):
        keeper = self.keeper(prefix=slowly(self, 30))
        keeper.tell("apply", self.folder())
        slow = wait_for("a program that takes long", lambda: self.sleepers(keeper.pid))
        running = set(self.descendants(keeper.pid)) - set(slow)
        try:
            self.assertTrue(running)
            keeper.kill(signal.SIGKILL)
            wait_for("their ends", lambda: not any(map(self.runs, running)))
        finally:
            for pid in slow:  # the program's own child, which it has in this test only
                os.kill(pid, signal.SIGKILL)

    def sleepers(self, pid):
        """Those of its descendants that are sleep(1)."""
        found = []
        for child in self.descendants(pid):
            try:
                if pathlib.Path(f"/proc/{child}/comm").read_text() == "sleep\n":
                    found.append(child)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    @staticmethod
    def runs(pid):
        """One that is dead, and whose new parent has not asked yet, does not."""
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    @staticmethod
    def descendants(pid):
        found, todo = [], [pid]
        while todo:
            try:
                children = pathlib.Path(f"/proc/{todo[0]}/task/{todo[0]}/children").read_text().split()
            except FileNotFoundError:
                children = []
            todo = todo[1:] + [int(c) for c in children]
            found += map(int, children)
        return found[1:]


class Bans(Case):
    A = ("203.0.113.0/24", "198.51.100.2:25")
    B = ("2001:db8:1::/64", "[2001:db8:2::2]:25")

    def test_in_and_out(self):
        keeper = self.applied()
        self.assertEqual(keeper.bans(), {})
        keeper.tell("ban", *self.A, 60)
        keeper.tell("ban", *self.B, 2147483)
        keeper.tell("ban", "203.0.113.9", self.A[1], 5)
        bans = keeper.bans()
        self.assertEqual(set(bans), {self.A, self.B, ("203.0.113.9", self.A[1])})
        self.assertIn(bans[self.A], (58, 59, 60))
        listed = lab.gateway.must("ipset", "list", "POSTERN-BANS4")
        self.assertRegex(listed, r"198\.51\.100\.2,tcp:25,203\.0\.113\.0/24 timeout (58|59|60) packets 0")
        keeper.tell("unban", *self.A)
        keeper.tell("unban", *self.A)
        self.assertEqual(set(keeper.bans()), {self.B, ("203.0.113.9", self.A[1])})
        self.assertEqual(keeper.rest(), [])

    def test_the_longer_time_counts(self):
        keeper = self.applied()
        for seconds in (60, 30, 600, 5):
            keeper.tell("ban", *self.A, seconds)
        self.assertIn(keeper.bans()[self.A], (598, 599, 600))

    def test_it_ends_by_itself(self):
        keeper = self.applied()
        keeper.tell("ban", *self.A, 1)
        wait_for("its end", lambda: not keeper.bans())
        keeper.tell("ban", *self.A, 60)
        self.assertEqual(set(keeper.bans()), {self.A})

    def test_what_the_kernel_does_with_them(self):
        keeper = self.applied()
        address, port = self.A[1].split(":")
        keeper.tell("ban", "203.0.113.9/32", self.A[1], 60)
        keeper.bans()
        with lab.client, socket.socket() as s:
            s.bind(("203.0.113.9", 0))
            s.settimeout(0.3)
            with self.assertRaises(OSError):
                s.connect((address, int(port)))
        self.assertRegex(lab.gateway.must("ipset", "list", "POSTERN-BANS4"), "packets [1-9]")

    def test_they_outlive_other_rules(self):
        keeper = self.applied()
        keeper.tell("ban", *self.A, 60)
        keeper.apply(self.folder(INSPECTED))
        self.assertEqual(set(keeper.bans()), {self.A})

    def test_many(self):
        keeper = self.applied()
        for i in range(3000):
            keeper.tell("ban", f"203.0.{i >> 8}.{i & 255}", self.A[1], 600)
        self.assertEqual(len(keeper.bans()), 3000)

    def test_without_sets(self):
        keeper = self.keeper()
        keeper.tell("ban", *self.A, 60)
        self.assertIn("a ban is not in the kernel", keeper.wait("trouble")["text"])
        keeper.tell("unban", *self.A)
        keeper.tell("bans")
        self.assertRegex(keeper.wait("trouble")["text"], "^bans: ")


class Sockets(Case):
    def test_all_are_handed_out(self):
        keeper = self.applied()
        keeper.tell("open")
        self.assertEqual([keeper.wait("socket")["number"] for _ in range(3)], [0, 1, 2])
        with lab.client, socket.socket() as s:
            s.settimeout(0.3)
            with self.assertRaises(OSError):
                s.connect(("198.51.100.2", 25))
        keeper.tell("packet")
        self.assertGreater(keeper.wait("packet")["number"], 60)
        keeper.tell("open")  # posternd holds what it was given, also for a role that came later
        self.assertIn("another program has it", keeper.wait("trouble")["text"])

    def test_the_role_keeps_none(self):
        keeper = self.keeper()
        for _ in range(2):
            keeper.tell("open")
            self.assertEqual([keeper.wait("socket")["number"] for _ in range(3)], [0, 1, 2])
            keeper.tell("release")

    def test_the_queue_is_taken(self):
        keeper = self.keeper()
        with claim(525):
            keeper.tell("open")
            trouble = keeper.wait("trouble")
            self.assertRegex(trouble["text"], "^open: .*nfnetlink_queue")
        keeper.tell("open")
        keeper.wait("socket")


    def test_the_log_is_taken(self):
        """Told, and all else goes on."""
        keeper = self.keeper()
        with lab.gateway:
            other = bound_log()
        with other:
            keeper.tell("open")
            trouble = keeper.wait("trouble")
            self.assertRegex(trouble["text"], "^copy-socket: .*nfnetlink_log")
            self.assertEqual([keeper.wait("socket")["number"] for _ in range(3)], [0, 1, 2])


class Watched(Case):
    def setUp(self):
        super().setUp()
        self.role = self.applied()
        self.whole = rules()
        time.sleep(1.2)  # the look after its own change
        self.assertEqual(self.role.rest(), [], "its own change is nobody's")

    def repaired(self, *said, result=0):
        """It was, in time, and told once."""
        begun = time.monotonic()
        told = self.role.wait("changed", 20)
        self.assertLess(time.monotonic() - begun, IN_TIME_S)
        self.assertEqual(told["number"], result, told)
        for line in said:
            self.assertIn(line + "\n", told["text"])
        self.assertEqual([r for r in rules() if r in self.whole and r not in FOREIGN],
                         [r for r in self.whole if r not in FOREIGN])
        time.sleep(1.2)
        self.assertEqual(self.role.rest(), [])
        return told["text"]

    def foreign_again(self):
        with lab.gateway:
            for family in FAMILIES:
                subprocess.run([f"{IPTABLES[family]}-restore"], input=FOREIGN, text=True, check=True)

    def test_a_flush(self):
        lab.gateway.must("iptables", "-F")
        self.addCleanup(self.foreign_again)
        self.repaired("IPv4 filter POSTERN-INPUT: missing", "IPv4 filter POSTERN-FORWARD: missing")

    def test_a_restore_of_everything(self):
        self.foreign_again()
        self.repaired("IPv4 nat POSTERN-PREROUTING: missing", "IPv6 filter POSTERN-FORWARD: missing")

    def test_nft_flush_ruleset(self):
        lab.gateway.must("nft", "flush", "ruleset")
        self.addCleanup(self.foreign_again)
        self.repaired("IPv4 filter POSTERN-INPUT: missing", "IPv6 mangle POSTERN-PREROUTING: missing")

    def test_a_line_taken_out(self):
        lab.gateway.must("ip6tables", "-D", "POSTERN-FORWARD", "1")
        self.assertEqual(self.repaired("IPv6 filter POSTERN-FORWARD: changed").count("\n"), 1)

    def test_something_put_before_ours(self):
        lab.gateway.must("iptables", "-I", "FORWARD", "-p", "udp", "-j", "ACCEPT")
        self.addCleanup(lab.gateway.must, "iptables", "-D", "FORWARD", "-p", "udp", "-j", "ACCEPT")
        self.repaired("IPv4 filter POSTERN-FORWARD: not first in its hook")

    def test_policy_routing(self):
        lab.gateway.must("ip", "-6", "rule", "del", "priority", "5251")
        self.repaired("IPv6 routing: changed")
        lab.gateway.must("ip", "route", "flush", "table", "5250")
        self.repaired("IPv4 routing: changed")

    def test_all_rules_of_policy_routing(self):
        """As a systemd-networkd that manages what it finds."""
        for priority in (5250, 5251, 5252):
            lab.gateway.must("ip", "rule", "del", "priority", priority)
        self.repaired("IPv4 routing: changed")

    def test_sets_and_all(self):
        self.role.tell("ban", *Bans.A, 60)
        self.role.bans()
        lab.gateway.must("nft", "flush", "ruleset")
        lab.gateway.must("ipset", "destroy", "POSTERN-BANS4")
        self.addCleanup(self.foreign_again)
        self.repaired("IPv4 filter POSTERN-INPUT: missing", result=3)

    def test_what_is_not_ours_is_nobodys_business(self):
        lab.gateway.must("iptables", "-A", "THEIRS", "-p", "udp", "-j", "ACCEPT")
        lab.gateway.must("iptables", "-F", "THEIRS")
        lab.gateway.must("nft", "add", "table", "inet", "theirs")
        lab.gateway.must("nft", "delete", "table", "inet", "theirs")
        lab.gateway.must("ip", "rule", "add", "priority", "99", "lookup", "main")
        lab.gateway.must("ip", "rule", "del", "priority", "99")
        time.sleep(1.5)
        self.assertEqual(self.role.rest(), [])

    def test_a_setting_is_the_administrators(self):
        lab.gateway.must("sysctl", "-qw", "net.ipv4.ip_forward=0")
        told = self.role.wait("changed", 20)
        self.assertEqual((told["number"], told["text"].split(":")[0]), (1, "net.ipv4.ip_forward"), told)
        time.sleep(1.2)
        self.assertEqual((sysctl("net.ipv4.ip_forward"), self.role.rest()), ("0", []))
        lab.gateway.must("ip", "rule", "del", "priority", "5251")
        self.assertNotIn("ip_forward", self.role.wait("changed")["text"])
        self.assertIn("net.ipv4.ip_forward: 0 -> 1", self.role.apply(self.folder()))
        # and what he sets in between is what is put back
        lab.gateway.must("sysctl", "-qw", "net.netfilter.nf_conntrack_acct=0")
        self.assertIn("nf_conntrack_acct", self.role.put_back())

    def test_a_fight_is_given_time(self):
        """Somebody undoes each repair: it goes on, slower and slower, and each one is told."""
        end, undone, when = time.monotonic() + 16, 0, []
        while time.monotonic() < end:
            if "-A FORWARD -j POSTERN-FORWARD" in lab.gateway.must("iptables-save"):
                lab.gateway.must("iptables", "-D", "FORWARD", "-j", "POSTERN-FORWARD")
                undone += 1
            when += [time.monotonic()] * sum(1 for t in self.role.rest() if t["type"] == "changed")
            time.sleep(0.02)
        self.assertIn(undone - len(when), (0, 1, 2))
        self.assertTrue(8 <= len(when) <= 14, when)
        self.assertGreater(when[-1] - when[-2], 1.5)

    def test_one_that_cannot_be_repaired_is_told_and_tried_again(self):
        lab.gateway.must("ip", "link", "set", "lo", "down")
        try:
            lab.gateway.must("ip", "-6", "rule", "del", "priority", "5251")
            told = self.role.wait("changed", 20)
            self.assertEqual(told["number"], 2, told)
            self.assertIn("ip failed", told["text"])
            time.sleep(5)
            self.assertLessEqual(len(self.role.rest()), 1)  # from where the first one stopped it fails elsewhere
        finally:
            lab.gateway.must("ip", "link", "set", "lo", "up")
        self.assertEqual(self.role.wait("changed", 30)["number"], 0)


if __name__ == "__main__":
    main()
