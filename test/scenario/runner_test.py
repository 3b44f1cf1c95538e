#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Both runners see what a scenario got wrong, each kind of expectation; a test that cannot fail shows nothing."""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
HELLO = "include banner\nC: EHLO c.test\n> EHLO c.test\nS: 250 in.test\n< 250 in.test\n"
RIGHT = HELLO + "include envelope\ninclude data\nC: text\nC: .\n> text\n> .\nS: 250 stored\n< 250 stored\n= PN2001\ninclude quit\n"

# what is wrong, in RIGHT what, by what
WRONG = [
    ("an octet inward", "> text", "> texT"),
    ("a line inward too many", "> text\n", ""),
    ("a line inward too few", "> text\n", "> text\n> more\n"),
    ("a reply", "< 250 stored", "< 250 Stored"),
    ("a reply too few", "include data\n", "include data\n< 250 ok\n"),
    ("a record", "= PN2001", "= PN3021"),
    ("an end of the client", "include quit", "< [closed]"),
    ("an end of the server", "include quit", "> [closed]"),
    ("a reset", "include quit", "C: NOOP\n> [reset]"),
    ("a dial", "include quit", "> [dialled]"),
]

with open(os.path.join(HERE, "relay", "default.conf"), encoding="ascii") as f:
    RELAY = f.read() + "---\n"
RELAYED = RELAY + "include relay-hello\nC: STARTTLS\n< 220 *\nC: [tls]\nC: HELO c.test\n< 250 gw.in.test\n" \
    "include relay-mail\ninclude relay-data\ninclude relay-text\ninclude relay-quit\n"
WRONG_RELAYED = [
    ("a trace too many", "include relay-text", "> [received]\ninclude relay-text"),
    ("a trace too few", "include relay-data", "C: DATA\n> DATA\nS: 354 go\n< 354 *"),
    ("a handshake", "include relay-mail", "C: [tls]\ninclude relay-mail"),
    ("a handshake of the next hop", "include relay-data", "S: [tls]\ninclude relay-data"),
    ("an end of the next hop", "include relay-quit", "> [closed]\ninclude relay-quit"),
]


def play(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        for shared in ("default.conf", "parts"):
            os.symlink(os.path.join(HERE, shared), os.path.join(folder, shared))
        path = os.path.join(folder, "X-01-wrong.smtp")
        with open(path, "w", encoding="latin-1") as f:
            f.write("# X-01: wrong on purpose\n" + text)
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "runner.py"), *options, path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class Runners(unittest.TestCase):
    def check(self, *options):
        for text, faults in ((RIGHT, WRONG), (RELAYED, WRONG_RELAYED)):
            code, said = play(text, *options)
            self.assertEqual(code, 0, said)
            for what, right, wrong in faults:
                with self.subTest(what):
                    self.assertIn(right, text)
                    code, said = play(text.replace(right, wrong, 1), *options)
                    self.assertEqual(code, 1, said)
                    self.assertIn("0 passed, 1 failed", said)

    def test_through_the_proxy(self):
        self.check("--patience", "1")

    def test_through_replay(self):
        self.check("--replay")


if __name__ == "__main__":
    unittest.main()
