# SPDX-License-Identifier: ISC
"""scripts/demo does what it says, says what it does, and leaves nothing behind, also when interrupted."""
import os
import pathlib
import re
import signal
import subprocess
import unittest

from fixture import BUILD, SRC, Scratch, as_nobody, end_process, main, spawn, wait_for
from lab import Lab

DEMO = SRC / "scripts/demo"
PATIENCE_S = 60

# in this order
ARRIVES = [
    r"^\d\. A message from swaks arrives",
    r"Subject: Through the postern",
    r"^\d\. A message from Python's smtplib arrives",
    r"Subject: From smtplib",
]
ARRIVES_IN_LAB = [
    r"Three hosts",
    r"-d 198\.51\.100\.2/32 .*-j NFQUEUE",
    r"publish inbound .*-j REDIRECT",
    r"publish partners .*-j DROP",
    *ARRIVES[:2],
    r"client=unknown\[203\.0\.113\.9\]",
    *ARRIVES[2:],
    r"client=unknown\[203\.0\.113\.9\]",
    r"^\d\. A message over IPv6 arrives",
    r"Subject: Over IPv6",
    r"client=unknown\[2001:db8:1::9\]",
]
REFUSED = [
    r"^\d\. VRFY",
    r"S: 5\d\d [^\n]*\[[0-9A-Z]{6}\]",
    r"\$ postern log find [0-9A-Z]{6}",
    r"PN3101",
    r"\$ postern explain [^\n]*VRFY",
    r"^\d\. An overlong HELO",
    r"PN3001",
    r"^\d\. STARTTLS on the inspected rule",
    r"PN3102",
    r"\$ postern explain [^\n]*STARTTLS",
    r"^\d\. SMTP smuggling",
    r"PN3021",
    r"\$ postern replay",
    r"still holds \d messages",
    r"^\d\. STARTTLS on the pass rule",
    r"New, TLSv1\.[23]",
    r"PN1004",
    r"Three commands to try next",
]


class Demo(unittest.TestCase):
    def setUp(self):
        # all a demo makes lies in here, and its path shows in what its processes were called with
        self.scratch = Scratch("pn-dm-")
        self.addCleanup(self.scratch.remove)
        self.scratch.path.chmod(0o1777)
        self.lab = f"pndm{os.getpid()}-"  # how the names of its hosts begin

    def left_behind(self):
        """Files, processes and hosts of the demo."""
        found, here = list(map(str, self.scratch.path.iterdir())), str(self.scratch.path).encode()
        found += [str(p) for p in pathlib.Path("/run/netns").glob(self.lab + "*")]
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if here in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes())
            except OSError:  # it ended meanwhile, or is another user's
                pass
        return found

    def environment(self):
        return dict(os.environ, POSTERN_BUILD=str(BUILD), NO_COLOR="1", TMPDIR=str(self.scratch.path),
                    POSTERN_LAB=self.lab)

    def run_demo(self, prefix=()):
        done = subprocess.run([*prefix, DEMO], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S,
                              stdin=subprocess.DEVNULL, env=self.environment())
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.wait_gone()
        return said

    def wait_gone(self):
        wait_for(lambda: f"nothing to be left: {self.left_behind()}", lambda: not self.left_behind())

    def assert_said(self, said, patterns):
        at = 0
        for pattern in patterns:
            found = re.compile(pattern, re.M).search(said, at)
            self.assertTrue(found, f"no {pattern!r} behind octet {at} of:\n{said}")
            at = found.end()

    def test_every_step(self):
        said = self.run_demo()
        self.assert_said(said, (ARRIVES if Lab.unusable() else ARRIVES_IN_LAB) + REFUSED)
        self.assertIn("real Postfix" if os.geteuid() == 0 else "aiosmtpd", said)
        self.assertNotIn("SMUGGLED\n", said.split("mailbox still holds")[1])

    def test_the_commands_it_names_work(self):
        said = self.run_demo().split("Three commands to try next:")[1]
        commands = re.findall(r"^   (\S.*)$", said, re.M)
        self.assertEqual(len(commands), 3, said)
        for command in commands:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")

    @unittest.skipUnless(os.geteuid() == 0, "is what happens without root anyway")
    def test_without_root(self):
        said = self.run_demo(as_nobody())
        self.assert_said(said, ARRIVES + REFUSED)
        self.assertIn("aiosmtpd", said)

    def test_interrupted_it_leaves_nothing_behind(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for line in ("A mail server, and Postern", "VRFY"):
                with self.subTest(number, at=line):
                    self.interrupt(number, status, line)

    def interrupt(self, number, status, line):
        # a shell ignores SIGINT in what it starts in the background; Python as its parent makes it heard
        demo = spawn([DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment())
        try:
            for said in demo.stdout:
                if line in said:
                    break
            demo.send_signal(number)
            demo.stdout.read()
            self.assertEqual(demo.wait(PATIENCE_S), status)
            self.wait_gone()
        finally:
            demo.stdout.close()
            end_process(demo)


if __name__ == "__main__":
    main()
