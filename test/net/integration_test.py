# SPDX-License-Identifier: ISC
"""Other firewall tools reload on the gateway of a lab, and Postern's rules are there again (root)

In "mode managed" by postern-kernel, which hears of it; in "mode external" by the hooks of scripts/integration. ufw and
firewalld themselves, where they are installed; of the others what their reload does to the rules.
"""
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from fixture import BUILD, PATIENCE_S, SRC, Scratch, end_process, main, spawn, wait_for
from keeper import Keeper
from lab import module_lab

SAMPLES = SRC / "scripts/integration"
RULES = """version 1
publish first {
    external 198.51.100.2:25, [2001:db8:2::2]:25
    internal 10.0.0.21:25, [fd00:10::21]:25
}
"""
IN_TIME_S = 2
# what a tool without a place for others loads, of each family
WHOLE = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 9 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
COMMIT
"""

lab = None


def setUpModule():
    global lab
    lab = module_lab()


def needs(tool):
    return unittest.skipUnless(shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"), f"needs {tool}")


class Case(unittest.TestCase):
    def setUp(self):
        self.addCleanup(lab.gateway.must, "nft", "flush", "ruleset")
        self.addCleanup(lab.gateway.must, BUILD / "cli/postern", "-c", "/nonexistent", "firewall", "remove")

    def folder(self, mode):
        scratch = Scratch("pn-tools-")
        self.addCleanup(scratch.remove)
        (scratch.path / "rules.conf").write_text(RULES)
        (scratch.path / "postern.conf").write_text(f"version 1\nmode {mode}\n")
        return scratch.path

    def managed(self):
        keeper = self.enterContext(lab.gateway.begin(Keeper()))
        self.dir = self.folder("managed")
        keeper.apply(self.dir)
        time.sleep(0.8)
        keeper.rest()
        return keeper

    def external(self):
        self.dir = self.folder("external")
        self.assertEqual(self.postern("apply").returncode, 0)
        self.assert_in_sync()

    def postern(self, *words):
        return lab.gateway.run(BUILD / "cli/postern", "-c", self.dir, "firewall", *words)

    def assert_in_sync(self):
        status = self.postern("status")
        self.assertEqual(status.returncode, 0, status.stdout + status.stderr)

    def in_sync_in_time(self):
        wait_for("repair", lambda: self.postern("status").returncode == 0, IN_TIME_S)

    def lost(self):
        status = self.postern("status")
        self.assertEqual(status.returncode, 2, status.stdout + status.stderr)

    def sample(self, name, *words, shell=()):
        with lab.gateway:
            done = subprocess.run([*shell, SAMPLES / name, *words], capture_output=True, text=True, timeout=PATIENCE_S,
                                  env=dict(os.environ, POSTERN=f"{BUILD}/cli/postern -c {self.dir}"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    @staticmethod
    def load_whole():
        with lab.gateway:
            for family in ("iptables", "ip6tables"):
                subprocess.run([f"{family}-restore"], input=WHOLE, text=True, check=True)


class Whole(Case):
    """Shorewall, ferm: tables are loaded whole."""

    def test_managed(self):
        keeper = self.managed()
        self.load_whole()
        self.assertEqual(keeper.wait("changed")["number"], 0)
        self.in_sync_in_time()
        self.assertIn("-P FORWARD DROP", lab.gateway.must("iptables", "-S"))

    def test_shorewall_started(self):
        self.external()
        self.load_whole()
        self.lost()
        self.sample("shorewall/started", shell=["/bin/sh"])
        self.assert_in_sync()


class Nftables(Case):
    """nftables.service: a file that begins with "flush ruleset", and what the drop-in adds."""

    def test_managed(self):
        keeper = self.managed()
        lab.gateway.must("nft", "flush", "ruleset")
        self.assertEqual(keeper.wait("changed")["number"], 0)
        self.in_sync_in_time()

    def test_drop_in(self):
        self.external()
        text = (SAMPLES / "nftables/postern.conf").read_text()
        commands = dict(re.findall(r"^(Exec\w+)=-(.*)$", text, re.M))
        self.assertEqual(set(commands), {"ExecStartPost", "ExecReload"})
        for command in commands.values():
            lab.gateway.must("nft", "flush", "ruleset")
            self.lost()
            program, *words = command.split()
            self.assertEqual(program, "/usr/bin/postern")
            lab.gateway.must(BUILD / "cli/postern", "-c", self.dir, *words)
            self.assert_in_sync()

    @needs("systemd-analyze")
    def test_systemd_takes_the_drop_in(self):
        """And firewalld's unit."""
        scratch = Scratch("pn-unit-")
        self.addCleanup(scratch.remove)
        for unit, sample in (("pn-a.service", "firewalld/postern-firewalld.service"), ("pn-b.service", "nftables/postern.conf")):
            text = (SAMPLES / sample).read_text()
            text = re.sub(r"=(-?)/usr/\S+", r"=\1/bin/true", text)
            if "Unit" not in text:
                text = text.replace("[Service]", "[Service]\nType=oneshot\nExecStart=/bin/true")
            (scratch.path / unit).write_text(text)
            said = subprocess.run(["systemd-analyze", "verify", "--man=no", scratch.path / unit], capture_output=True, text=True)
            self.assertEqual([l for l in said.stderr.splitlines() if unit in l], [])


class Persistent(Case):
    """netfilter-persistent: what was saved is loaded at boot, ours among it."""

    def plugin(self, name):
        self.sample(f"netfilter-persistent/{name}", "start")

    @staticmethod
    def restore(saved):
        with lab.gateway:
            return subprocess.run(["iptables-restore"], input=saved, text=True, capture_output=True).returncode

    @needs("ipset")
    def test_managed(self):
        keeper = self.managed()
        saved = lab.gateway.must("iptables-save")
        keeper.put_back()
        self.assertNotEqual(self.restore(saved), 0, "the sets it names are not there")
        self.plugin("10-postern")
        self.assertEqual(self.restore(saved), 0)
        keeper.apply(self.dir)  # takes the sets as they are
        self.assert_in_sync()

    def test_external(self):
        self.external()
        saved = lab.gateway.must("iptables-save")
        self.postern("remove")
        lab.gateway.must("nft", "flush", "ruleset")
        self.restore(saved.replace("--dport 25", "--dport 26"))  # older ones
        self.lost()
        self.plugin("90-postern")
        self.assert_in_sync()


class Networkd(Case):
    """systemd-networkd: policy routing that is not its own goes."""

    def forget_foreign(self):
        for family in ("-4", "-6"):
            for priority in (5250, 5251, 5252):
                lab.gateway.must("ip", family, "rule", "del", "priority", priority)
            lab.gateway.must("ip", family, "route", "flush", "table", "5250")

    def test_managed(self):
        keeper = self.managed()
        self.forget_foreign()
        self.assertEqual(keeper.wait("changed")["number"], 0)
        self.in_sync_in_time()

    def test_the_drop_in_names_options_there_are(self):
        networkd = pathlib.Path("/lib/systemd/systemd-networkd")
        if not networkd.exists():
            self.skipTest("needs systemd-networkd")
        options = re.findall(r"^(\w+)=no$", (SAMPLES / "systemd-networkd/postern.conf").read_text(), re.M)
        self.assertEqual(len(options), 2)
        for option in options:
            self.assertIn(option.encode(), networkd.read_bytes())


@needs("ufw")
class Ufw(Case):
    """ufw itself, with a copy of its files."""

    def setUp(self):
        super().setUp()
        self.etc = Scratch("pn-ufw-")
        self.addCleanup(self.etc.remove)
        self.addCleanup(self.ufw, "disable")
        shutil.copytree("/etc/ufw", self.etc.path / "ufw")
        shutil.copy("/etc/default/ufw", self.etc.path / "default")
        for path in self.etc.path.rglob("*"):
            os.chown(path, 0, 0)

    def builtins(self):
        path = self.etc.path / "default"
        path.write_text(path.read_text().replace("MANAGE_BUILTINS=no", "MANAGE_BUILTINS=yes"))

    def ufw(self, *words):
        with lab.gateway:
            done = subprocess.run(
                ["unshare", "-m", "/bin/sh", "-ec",
                 f'mount --bind {self.etc.path}/ufw /etc/ufw; mount --bind {self.etc.path}/default /etc/default/ufw; exec "$@"',
                 "sh", "ufw", *(["--force"] if words[0] == "enable" else []), *words],
                capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                env=dict(os.environ, POSTERN=f"{BUILD}/cli/postern -c {getattr(self, 'dir', '/nonexistent')}"))
        return done

    def must(self, *words):
        done = self.ufw(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ufw-before-input", lab.gateway.must("iptables", "-S") + " ufw-before-input" * (words[0] == "disable"))

    def test_it_leaves_ours_alone(self):
        self.external()
        for words in (("enable",), ("reload",), ("allow", "25/tcp"), ("disable",)):
            self.must(*words)
            self.assert_in_sync()

    def test_managed(self):
        keeper = self.managed()
        self.builtins()
        self.must("enable")
        wait_for("repair", lambda: self.postern("status").returncode == 0, IN_TIME_S + 1)
        self.must("reload")
        wait_for("repair", lambda: self.postern("status").returncode == 0, IN_TIME_S + 1)
        self.assertTrue(any(t["type"] == "changed" for t in keeper.rest()))

    def test_after_init(self):
        self.external()
        self.builtins()
        self.must("enable")
        self.lost()
        hook = self.etc.path / "ufw/after.init"
        shutil.copy(SAMPLES / "ufw/after.init", hook)
        hook.chmod(0o755)
        self.must("reload")
        self.assert_in_sync()


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path={path}/bus</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""


@needs("firewalld")
@needs("dbus-daemon")
class Firewalld(Case):
    """firewalld itself, on a bus of its own."""

    def setUp(self):
        super().setUp()
        self.scratch = Scratch("pn-fwd-")
        self.addCleanup(self.scratch.remove)
        bus = self.scratch.path / "bus.conf"
        bus.write_text(BUS.format(path=self.scratch.path))
        self.env = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.scratch.path}/bus")
        shutil.copytree("/etc/firewalld", self.scratch.path / "etc")
        self.begin("dbus-daemon", f"--config-file={bus}", "--nofork", "--nopidfile")
        wait_for("the bus", (self.scratch.path / "bus").exists)

    def begin(self, *command):
        with lab.gateway:
            process = spawn([*map(str, command)], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(end_process, process)
        return process

    def firewalld(self):
        self.begin("unshare", "-m", "/bin/sh", "-ec",
                   f'mount --bind {self.scratch.path}/etc /etc/firewalld; mount -t tmpfs none /run; exec "$@"',
                   "sh", "firewalld", "--nofork", "--nopid")
        wait_for("firewalld", lambda: self.command("--state").returncode == 0, 30)

    def command(self, *words):
        with lab.gateway:
            return subprocess.run(["firewall-cmd", *words], env=self.env, capture_output=True, text=True, timeout=60)

    def reload(self):
        done = self.command("--reload")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_managed(self):
        keeper = self.managed()
        self.firewalld()
        wait_for("repair", lambda: self.postern("status").returncode == 0, 10)
        self.reload()
        wait_for("repair", lambda: self.postern("status").returncode == 0, IN_TIME_S + 1)
        self.assertTrue(any(t["type"] == "changed" for t in keeper.rest()))
        self.assertIn("inet firewalld", lab.gateway.must("nft", "list", "tables"))

    @needs("dbus-monitor")
    def test_the_service(self):
        self.external()
        self.firewalld()
        self.lost()
        self.env["POSTERN"] = f"{BUILD}/cli/postern -c {self.dir}"
        self.begin("/bin/sh", SAMPLES / "firewalld/postern-firewalld")
        wait_for("its start", lambda: self.postern("status").returncode == 0)
        time.sleep(0.5)  # until the bus knows it as a listener
        for _ in range(2):
            self.reload()
            wait_for("repair", lambda: self.postern("status").returncode == 0, 10)


if __name__ == "__main__":
    main()
