# SPDX-License-Identifier: ISC
"""postern-kernel, running: what the system says of it and of the programs it runs, and what an intruder in it could do.

    POSTERN_BUILD=build kernel_test.py INJECT ROLES

Needs root. It runs in a network namespace of its own.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "net"))

from fixture import BUILD, Scratch, main, sandboxed  # noqa: E402
from keeper import GID, UID, Keeper  # noqa: E402
from lab import Host, Lab  # noqa: E402

INJECT, ROLES = (os.path.abspath(p) for p in sys.argv[1:3])
del sys.argv[1:3]

RULES = """version 1
publish one { external 198.51.100.2:25; internal 10.0.0.21:25 }
"""
host = None


def setUpModule():
    global host
    why = Lab.unusable() or (None if sandboxed() else "this build has no sandbox")
    if not why and subprocess.run([INJECT, "0", "getpid"], capture_output=True).returncode == 77:
        why = "inject does not know this architecture"
    if why:
        raise unittest.SkipTest(why)
    host = Host(f"pn{os.getpid()}-kernel")
    subprocess.run(["ip", "netns", "add", host.name], check=True)
    unittest.addModuleCleanup(subprocess.run, ["ip", "netns", "del", host.name])
    host.must("ip", "link", "set", "lo", "up")


def row():
    for line in subprocess.run([ROLES], capture_output=True, text=True, check=True).stdout.splitlines():
        if json.loads(line)["program"] == "postern-kernel":
            return json.loads(line)
    raise AssertionError("no row")


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Running(unittest.TestCase):
    def setUp(self):
        self.keeper = self.enterContext(host.begin(Keeper()))
        self.worker, = children(self.keeper.pid)

    def test_privileges(self):
        """Of both halves."""
        keeps = row()["keeps"]
        have = int(status(os.getpid())["CapPrm"], 16)
        for pid in (self.keeper.pid, self.worker):
            s = status(pid)
            self.assertEqual(s["Uid"].split(), [str(UID)] * 4)
            self.assertEqual(s["Gid"].split(), [str(GID)] * 4)
            self.assertEqual(s["Groups"].split(), [])
            for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(s[which], 16), keeps & have, which)
            self.assertEqual(s["NoNewPrivs"].strip(), "1")
            self.assertEqual(s["Seccomp"].strip(), "2")

    def test_descriptors(self):
        """Sockets, and the one that keeps the folder of settings in the kernel's mind."""
        for pid in (self.keeper.pid, self.worker):
            links = [os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir() if int(f.name) > 2]
            self.assertEqual([l for l in links if not l.startswith("socket:")], ["/proc/sys/net"])

    def inject(self, pid, *words):
        run = subprocess.run([INJECT, str(pid), *map(str, words)], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.split(": ", 1)[1].rstrip("\n")

    def test_what_an_intruder_would_try(self):
        some = next(int(f.name) for f in pathlib.Path(f"/proc/{self.keeper.pid}/fd").iterdir()
                    if os.readlink(f).startswith("socket:"))
        for pid in (self.keeper.pid, self.worker):
            for words, want in ((("socket-packet",), "-1 EPERM"), (("ptrace",), "-1 EPERM"),
                                (("io_uring_setup",), "-1 EPERM"), (("kill", os.getpid()), "-1 EPERM"),
                                (("bind", some), "-(13|22|95) .*")):
                with self.subTest(words=words):
                    self.assertRegex(self.inject(pid, *words), f"^({want})$")
        self.keeper.tell("ping")
        self.keeper.wait("pong")

    def test_it_still_works(self):
        scratch = Scratch("pn-box-")
        self.addCleanup(scratch.remove)
        (scratch.path / "rules.conf").write_text(RULES)
        (scratch.path / "postern.conf").write_text("version 1\nmode managed\n")
        self.keeper.apply(scratch.path)
        host.must("iptables", "-F")
        self.assertEqual(self.keeper.wait("changed")["number"], 0)
        self.keeper.put_back()

    def test_the_halves_end_together(self):
        os.kill(self.worker, 9)
        self.assertEqual(self.keeper.wait("ended")["number"], 69)

    def test_without_root(self):
        """It is of no use then, and says so."""
        drive, role = (BUILD / p for p in ("test/net/kernel_drive", "rules/postern-kernel"))
        done = host.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", drive, role, "-")
        self.assertIn("needs CAP_NET_ADMIN", done.stderr)


if __name__ == "__main__":
    main()
