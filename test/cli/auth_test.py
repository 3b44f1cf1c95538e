# SPDX-License-Identifier: ISC
"""postern auth: users in a password file, written and tried."""
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "net"))

from fixture import BUILD, Scratch, main  # noqa: E402


class Auth(unittest.TestCase):
    def setUp(self):
        scratch = Scratch("pn-auth-")
        self.addCleanup(scratch.remove)
        self.dir = scratch.path
        (self.dir / "rules.conf").write_text('version 1\nauth staff { via file "users"; mechanisms PLAIN }\n')

    def run_auth(self, *arguments, password="secret\n"):
        return subprocess.run([BUILD / "cli/postern", "-c", self.dir, "auth", *arguments], input=password, capture_output=True,
                              text=True, timeout=60)

    def test_a_user_is_written_and_tried(self):
        done = self.run_auth("passwd", "alice")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("user alice is new", done.stdout)
        users = self.dir / "users"
        self.assertEqual(users.stat().st_mode & 0o777, 0o600)
        self.assertRegex(users.read_text(), r"^alice:\$y\$\S+\n$")
        self.assertEqual(self.run_auth("test", "alice").returncode, 0)
        wrong = self.run_auth("test", "alice", password="Secret\n")
        self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
        self.assertEqual(self.run_auth("test", "bob").returncode, 1)

    def test_others_stay(self):
        users = self.dir / "users"
        users.write_text("# ours\nbob:$6$x$y\nalice:$6$x$y\ncarol:$6$x$z")
        os.chmod(users, 0o640)
        self.assertIn("has another password", self.run_auth("passwd", "alice").stdout)
        lines = users.read_text().splitlines()
        self.assertEqual(lines[:3], ["# ours", "bob:$6$x$y", "carol:$6$x$z"])
        self.assertTrue(lines[3].startswith("alice:$y$"))
        self.assertEqual(users.stat().st_mode & 0o777, 0o640)

    def test_what_is_refused(self):
        (self.dir / "bad").write_text("alice:$6$x$y\nbob:guess\n")
        for arguments, password, code, words in (
                (("passwd", "a:b"), "x\n", 64, "no name in a file"), (("passwd", "a\tb"), "x\n", 64, "is no name"),
                (("passwd", "a"), "\n", 64, "1 to 511 octets"), (("passwd", "a"), "", 64, "1 to 511 octets"),
                (("passwd", "a"), "x" * 512 + "\n", 64, "1 to 511 octets"), (("passwd", "-f", str(self.dir / "bad"), "a"), "x\n", 78, "bad:2: "),
                (("passwd", "-r", "nobody", "a"), "x\n", 64, "nobody"), (("test",), "", 64, "usage"), (("other", "a"), "", 64, "passwd")):
            with self.subTest(arguments):
                done = self.run_auth(*arguments, password=password)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertIn(words, done.stderr)
        self.assertFalse((self.dir / "users").exists())

    def test_others_than_files(self):
        (self.dir / "rules.conf").write_text('version 1\nauth staff { via pam "postern"; mechanisms PLAIN }\n')
        self.assertEqual(self.run_auth("passwd", "-r", "staff", "a").returncode, 69)
        self.assertEqual(self.run_auth("test", "a").returncode, 69)  # no posternd runs


if __name__ == "__main__":
    main()
