# SPDX-License-Identifier: ISC
"""What systemd and logrotate say about the files made for them. Where a tool is missing, its checks are skipped."""
import grp
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", SOURCE / "build" / "plain"))
UNIT = BUILD / "packaging" / "postern.service"
EXPOSURE_MAX = 2.9  # 2.8 but for CAP_NET_ADMIN, which "mode managed" is made of

# in a shell of Debian these are on nobody's path but root's
os.environ["PATH"] += ":/usr/sbin:/sbin"


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), tool + " is not installed")


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class Folder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)


class Unit(Folder):
    def exposure(self, unit):
        code, said = run("systemd-analyze", "security", "--no-pager", "--offline=true", unit)
        self.assertEqual(code, 0, said)
        return float(re.search(r"Overall exposure level for .*: ([0-9.]+)", said)[1])

    @needs("systemd-analyze")
    def test_exposure(self):
        self.assertLessEqual(self.exposure(UNIT), EXPOSURE_MAX)

    @needs("systemd-analyze")
    def test_exposure_of_an_open_unit_is_seen(self):
        unit = self.folder / "postern.service"
        unit.write_text(UNIT.read_text().replace("NoNewPrivileges=yes", "").replace("ProtectSystem=strict", ""))
        self.assertGreater(self.exposure(unit), EXPOSURE_MAX)

    def verify(self, change=str):
        """With the programs of this build folder, since systemd looks for them."""
        text = UNIT.read_text()
        for name, folder in (("posternd", "proxy"), ("postern", "cli")):
            text, n = re.subn(r"=/\S*/%s(?= )" % name, "=%s" % (BUILD / folder / name), text)
            self.assertEqual(n, 1, name)
        unit = self.folder / "postern.service"
        unit.write_text(change(text))
        # of other units of this host nothing is our matter
        said = run("systemd-analyze", "verify", "--man=no", "--no-pager", unit)[1]
        return [line for line in said.splitlines() if "postern" in line]

    @needs("systemd-analyze")
    def test_verify_says_nothing(self):
        self.assertEqual(self.verify(), [])

    @needs("systemd-analyze")
    def test_verify_sees_a_mistake(self):
        self.assertNotEqual(self.verify(lambda text: text.replace("WatchdogSec=30", "WatchdogSec=soon")), [])
        self.assertNotEqual(self.verify(lambda text: text.replace("chroot seccomp", "chroot secomp")), [])

    def test_reloading_waits_for_its_result(self):
        """A signal would be a success whatever the daemon makes of it."""
        reload = re.findall(r"^ExecReload=(.*)$", UNIT.read_text(), re.M)
        self.assertEqual([re.sub(r".*/postern -c \S+", "postern", line) for line in reload], ["postern apply"], reload)

    def test_every_path_is_filled_in(self):
        self.assertNotIn("@", re.sub(r"^#.*|=~?@[a-z-]+( @[a-z-]+)*$|~@resources.*", "", UNIT.read_text(), flags=re.M))


class Root(Folder):
    """Users and folders, made below a folder."""

    def setUp(self):
        super().setUp()
        (self.folder / "etc").mkdir()
        (self.folder / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.folder / "etc" / "group").write_text("root:x:0:\nadm:x:4:\n")

    def quietly(self, tool, name, *options):
        # systemd takes the configuration's path within the root folder; - is its standard input
        done = subprocess.run([tool, "--root=%s" % self.folder, *options, "-"], text=True, check=False,
                              input=(SOURCE / "packaging" / name).read_text(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    @needs("systemd-sysusers")
    @needs("systemd-tmpfiles")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_users_and_folders(self):
        self.quietly("systemd-sysusers", "sysusers.conf")
        users = dict(line.split(":", 1) for line in (self.folder / "etc" / "passwd").read_text().splitlines())
        for user in ("postern-log", "postern-socket", "postern-proxy", "postern-gate", "postern-verdict", "postern-relay"):
            self.assertRegex(users[user], r"^x:\d+:\d+:[^:]+:/nonexistent:/usr/sbin/nologin$")
        self.assertEqual(self.quietly("systemd-tmpfiles", "tmpfiles.conf", "--create"), "")
        log = (self.folder / "var" / "lib" / "postern" / "log").stat()
        self.assertEqual((log.st_mode & 0o7777, log.st_gid), (0o2750, 4))
        self.assertEqual(str(log.st_uid), users["postern-log"].split(":")[1])

    @needs("systemd-sysusers")
    def test_sysusers_takes_its_file(self):
        said = self.quietly("systemd-sysusers", "sysusers.conf", "--dry-run")
        self.assertNotRegex(said, "(?i)fail|invalid|unknown|ignor")


class Rotation(Folder):
    def logrotate(self, text):
        conf = self.folder / "postern"
        conf.write_text(text)
        conf.chmod(0o644)
        return run("logrotate", "-d", "-s", self.folder / "state", conf)

    def setUp(self):
        super().setUp()
        # its user is made at installation; here it is who runs this
        me = "su %s %s" % (pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name)
        self.text = (SOURCE / "packaging" / "logrotate").read_text()
        self.here, n = re.subn(r"\bsu postern-log adm\b", me, self.text)
        self.assertEqual(n, 1)

    @needs("logrotate")
    def test_logrotate_takes_its_file(self):
        code, said = self.logrotate(self.here)
        self.assertEqual(code, 0, said)
        self.assertNotIn("error", said)
        self.assertIn("/var/lib/postern/log/log.json", said)

    @needs("logrotate")
    def test_logrotate_sees_a_mistake(self):
        self.assertIn("error", self.logrotate(self.here.replace("daily", "dayly"))[1])

    @needs("logrotate")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_rotating_moves_the_file_and_tells_posternd(self):
        log, told = self.folder / "log.json", self.folder / "told"
        log.write_text("{}\n")
        text = self.here.replace("/var/lib/postern/log/log.json", str(log))
        text = text.replace("systemctl", "echo").replace("2>/dev/null || true", ">%s" % told)
        conf = self.folder / "postern"
        conf.write_text(text)
        conf.chmod(0o644)
        code, said = run("logrotate", "-f", "-s", self.folder / "state", conf)
        self.assertEqual(code, 0, said)
        self.assertEqual(told.read_text(), "kill --kill-whom=main -s USR1 postern.service\n")
        self.assertEqual((log.exists(), (self.folder / "log.json.1").read_text()), (False, "{}\n"))


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)  # says what is skipped, and why
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if len(program.result.skipped) >= program.result.testsRun - 1 else 0)
