# SPDX-License-Identifier: ISC
"""scripts/demo does what it says, says what it does, and leaves nothing behind, also when interrupted."""
import glob
import os
import re
import signal
import subprocess
import unittest

from fixture import BUILD, SRC, as_nobody, end_process, main, spawn, wait_for

DEMO = SRC / "scripts/demo"
PATIENCE_S = 60

# in this order
SAID = [
    r"^\d\. A message from swaks arrives",
    r"Subject: Through the postern",
    r"^\d\. A message from Python's smtplib arrives",
    r"Subject: From smtplib",
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
    r"still holds two messages",
    r"^\d\. STARTTLS on the pass rule",
    r"New, TLSv1\.[23]",
    r"PN1004",
    r"Three commands to try next",
]


def left_behind():
    """Folders and processes of a demo."""
    found = glob.glob("/tmp/pn-demo-*")
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "/tmp/pn-demo-" in line or "test/net/serve.py" in line:
            found.append(line)
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        self.before = left_behind()  # of another demo on this host

    def left(self):
        return [one for one in left_behind() if one not in self.before]

    def environment(self):
        return dict(os.environ, POSTERN_BUILD=str(BUILD), NO_COLOR="1")

    def run_demo(self, prefix=()):
        done = subprocess.run([*prefix, DEMO], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S,
                              stdin=subprocess.DEVNULL, env=self.environment())
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.assertEqual(self.left(), [])
        return said

    def assert_said(self, said, patterns):
        at = 0
        for pattern in patterns:
            found = re.compile(pattern, re.M).search(said, at)
            self.assertTrue(found, f"no {pattern!r} behind octet {at} of:\n{said}")
            at = found.end()

    def test_every_step(self):
        said = self.run_demo()
        self.assert_said(said, SAID)
        self.assertIn("A real Postfix" if os.geteuid() == 0 else "aiosmtpd", said)
        self.assertNotIn("SMUGGLED\n", said.split("still holds two messages")[1])

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
        self.assert_said(said, SAID)
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
            wait_for(lambda: f"nothing to be left: {self.left()}", lambda: not self.left())
        finally:
            demo.stdout.close()
            end_process(demo)


if __name__ == "__main__":
    main()
