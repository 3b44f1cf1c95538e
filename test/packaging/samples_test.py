# SPDX-License-Identifier: ISC
"""The files of /etc/postern as shipped, with the comments taken off, and installed over an administrator's."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = SOURCE / "packaging" / "etc"
POSTERN = pathlib.Path(os.environ.get("POSTERN_BUILD", SOURCE / "build" / "plain")) / "cli" / "postern"

STATEMENT = re.compile(r"^#(?=\S|    )", re.M)  # "# text" is a comment for ever


def postern(folder, *arguments):
    done = subprocess.run([POSTERN, "-c", folder, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.returncode, done.stdout


class Samples(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        os.umask(0o022)

    def copy(self, change):
        for sample in SAMPLES.glob("*.conf"):
            (self.folder / sample.name).write_text(change(sample.read_text()))

    def test_as_shipped_nothing_is_published(self):
        self.copy(str)
        self.assertEqual(postern(self.folder, "check"), (0, "rules.conf: 0 rules, 0 errors, 0 warnings\n"))
        self.assertEqual(postern(self.folder, "fmt", "--diff")[1], "nothing to change\n")

    def test_each_comment_taken_off_is_a_statement(self):
        self.copy(lambda text: STATEMENT.sub("", text))
        code, said = postern(self.folder, "check")
        self.assertEqual((code, said.splitlines()[-1]), (0, "rules.conf: 2 rules, 0 errors, 0 warnings"), said)
        self.assertEqual(postern(self.folder, "fmt", "--diff")[1], "nothing to change\n")

    def install(self):
        subprocess.run([SOURCE / "packaging" / "install_etc", SAMPLES / "rules.conf", "/etc/postern/rules.conf",
                        SAMPLES / "postern.conf", "/etc/postern/postern.conf"],
                       env=dict(os.environ, DESTDIR=str(self.folder)), stdout=subprocess.DEVNULL, check=True,
                       umask=0o077)  # of a careful administrator

    def test_installing_again_keeps_what_the_administrator_wrote(self):
        self.install()
        rules, host = (self.folder / "etc" / "postern" / name for name in ("rules.conf", "postern.conf"))
        self.assertEqual((rules.stat().st_mode & 0o7777, rules.parent.stat().st_mode & 0o7777), (0o644, 0o755))
        rules.write_text("version 1\n")
        host.unlink()
        self.install()
        self.assertEqual(rules.read_text(), "version 1\n")
        self.assertEqual(host.read_text(), (SAMPLES / "postern.conf").read_text())


if __name__ == "__main__":
    unittest.main()
