# SPDX-License-Identifier: ISC
"""How posternd starts, refuses to start, and ends: exit codes, messages, what is left behind."""
import fcntl
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import unittest

from client import RawClient
from fixture import LOOPBACK, NOBODY, free_port, main, wait_for
from gateway import PUBLISH, Postern
from servers import Aiosmtpd

ROOT = os.geteuid() == 0

# rules that parse, and that this version cannot carry out: the statement the message must point at
LATER = {
    "client-address keep, the default": ("""version 1
set protected { members in.test }
publish p {
    external    127.0.0.1:{external}
    internal    127.0.0.1:{internal}
    recipients  in protected
}
""", r"rules\.conf:3", "client-address"),
    "a relay with a screen": ("""version 1
set protected { members in.test }
screen s { attachment name "*.exe" refuse }
route inside { domains any; next-hop mx }
relay r {
    listen      127.0.0.1:{external}
    recipients  in protected
    inspect     commands internet screen s
    deliver     inside
}
""", r"rules\.conf:8", "screen"),
    "a screen": ("""version 1
set protected { members in.test }
screen s { attachment name "*.exe" refuse }
publish p {
    external        127.0.0.1:{external}
    internal        127.0.0.1:{internal}
    inspect         commands internet screen s
    recipients      in protected
    client-address  gateway
}
""", r"rules\.conf:[37]", "screen"),
}


def gateway(rules=PUBLISH, **more):
    return Postern(rules, external=more.pop("external", None) or free_port(),
                   internal=more.pop("internal", None) or free_port(), **more)


class Refusals(unittest.TestCase):
    def assert_refused(self, gate, exit_code, *patterns):
        code, said = gate.run_to_end()
        self.assertEqual(code, exit_code, said)
        for pattern in patterns:
            self.assertRegex(said, pattern)
        for word in ("Sanitizer", "runtime error:"):
            self.assertNotIn(word, said)
        return said

    def test_port_taken(self):
        with socket.create_server((LOOPBACK, 0)) as taken:
            port = taken.getsockname()[1]
            said = self.assert_refused(gateway(external=port), 69, rf"127\.0\.0\.1:{port}", "rules.conf:4")
        self.assertEqual(len(said.splitlines()), 1, said)

    @unittest.skipUnless(ROOT, "needs a network namespace")
    def test_no_right_to_the_port(self):
        # in a namespace of its own, since the host may have opened low ports to everybody
        gate = gateway(external=25, unprivileged=True,
                       prefix=["unshare", "--net", "/usr/bin/python3", "-B", __file__, "--loopback-up"])
        said = self.assert_refused(gate, 77, r"127\.0\.0\.1:25\b")
        self.assertEqual(len(said.splitlines()), 1, said)

    def test_rules_with_errors(self):
        gate = gateway(PUBLISH.replace("publish inspected", "publish inspected\n    frm any\npublish other", 1))
        self.assert_refused(gate, 78, r"rules\.conf:\d+:\d+: error: ")

    def test_all_errors_are_told_at_once(self):
        gate = gateway(PUBLISH.replace("in protected", "in protectd").replace("gateway", "gatway"))
        said = self.assert_refused(gate, 78, "protectd", "gatway", 'did you mean "protected"', r"\^")
        self.assertRegex(said.splitlines()[-1], r"\b2 errors")

    def test_open_relay(self):
        self.assert_refused(gateway(re.sub(r"    recipients .*\n", "", PUBLISH)), 78, r"rules\.conf:\d+:\d+: error: ")

    def test_no_rules_file(self):
        gate = gateway()
        (gate.dir / "rules.conf").unlink()
        self.assert_refused(gate, 78, "rules.conf")

    @unittest.skipUnless(ROOT, "needs a second user")
    def test_rules_file_that_may_not_be_read(self):
        gate = gateway(unprivileged=True)
        os.chown(gate.dir / "rules.conf", 0, 0)
        (gate.dir / "rules.conf").chmod(0o600)
        self.assert_refused(gate, 77, "rules.conf: error: .*permission")

    def test_no_such_folder(self):
        gate = gateway()
        gate.dir = gate.dir / "nowhere"
        self.assert_refused(gate, 78, "nowhere")

    def test_error_in_postern_conf(self):
        gate = gateway(conf=Postern.CONF + "workers many\n")
        self.assert_refused(gate, 78, r"postern\.conf:\d+:\d+: error: ")

    @unittest.skipUnless(ROOT, "needs a second user")
    def test_log_folder_without_right(self):
        gate = gateway(unprivileged=True)
        os.chown(gate.dir / "state", 0, 0)
        (gate.dir / "state").chmod(0o700)
        self.assert_refused(gate, 77, "state folder .*state")

    def test_log_that_is_a_symbolic_link(self):
        gate = gateway()
        (gate.dir / "state/log").mkdir()
        (gate.dir / "state/log/log.json").symlink_to("/etc/hostname")
        before = pathlib.Path("/etc/hostname").read_bytes()
        self.assert_refused(gate, 78, "log.json")
        self.assertEqual(pathlib.Path("/etc/hostname").read_bytes(), before)

    def test_what_this_version_cannot_do_is_refused_by_line(self):
        for name, (rules, place, word) in LATER.items():
            with self.subTest(name):
                # root may keep the client's address: nobody may not
                self.assert_refused(gateway(rules, unprivileged=ROOT and "keep" in name), 78, place, word)

    def test_usage(self):
        program = Postern.program("proxy/posternd")
        for arguments in (["-x"], ["-c"], ["surplus"]):
            done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 64, done)

    def test_a_refused_start_holds_no_port_and_leaves_no_process(self):
        gate = gateway(PUBLISH + "publish second { external 127.0.0.1:{external} }\n")
        self.assert_refused(gate, 78)
        with socket.create_server((LOOPBACK, gate.external)):
            pass


class Life(unittest.TestCase):
    def test_rules_that_publish_nothing_are_served_and_told(self):
        with gateway("version 1\n") as gate:
            self.assertIn("no rule publishes anything", gate.stderr())
            with self.assertRaises(ConnectionRefusedError):
                RawClient(gate.external)

    def session_through(self, gate):
        with RawClient(gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.command("QUIT", 221)

    @unittest.skipUnless(ROOT, "is what happens without root anyway")
    def test_another_user_runs_it(self):
        with Aiosmtpd() as server:
            with Postern(PUBLISH, external=free_port(), internal=server.port, unprivileged=True) as gate:
                self.session_through(gate)
                gate.wait_sessions_closed()
                owner = {gate.dir.joinpath("state/log/log.json").stat().st_uid}
                self.assertEqual(owner, {NOBODY})

    def test_sigterm_and_sigint_end_it_with_0_and_the_log_says_so(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), gateway() as gate:
                self.assertEqual(len(gate.wait_records(code="PN7001")), 1)
                gate.process.send_signal(number)
                self.assertEqual(gate.process.wait(20), 0, gate.stderr())
                self.assertEqual(len(gate.records(code="PN7002")), 1, gate.show_log())

    def test_sigusr1_opens_the_log_anew(self):
        with Aiosmtpd() as server, gateway(internal=server.port) as gate:
            log = gate.dir / "state/log/log.json"
            log.rename(gate.dir / "state/old.json")
            os.kill(gate.process.pid, signal.SIGUSR1)
            wait_for("a new log", log.exists)
            self.session_through(gate)

    def test_sigterm_ends_open_sessions_with_a_reply(self):
        with Aiosmtpd() as server, Postern(PUBLISH, external=free_port(), internal=server.port) as gate:
            with RawClient(gate.external) as c:
                c.expect(220)
                c.command("EHLO c.test", 250)
                gate.process.terminate()
                c.expect(421)
                self.assertIsNone(c.reply())
            self.assertEqual(gate.process.wait(20), 0, gate.stderr())
            self.assertEqual(len(gate.records(event="session-close")), 1, gate.show_log())

    def test_a_second_start_right_after_the_end(self):
        with Aiosmtpd() as server, Postern(PUBLISH, external=free_port(), internal=server.port) as gate:
            for _ in range(3):  # its own TIME-WAIT sockets are in nobody's way
                self.session_through(gate)
                gate.stop_daemon()
                gate.start()
            gate.wait_sessions_closed()
            self.assertEqual(len(gate.wait_records(4, code="PN7001")), 4)
            self.assertEqual(len(gate.records(event="session-close")), 3)

    def test_posternd_killed_leaves_no_process(self):
        with gateway() as gate:
            group = gate.process.pid
            gate.process.kill()
            gate.process.wait()  # else its own remains would count

            def gone():
                try:
                    os.killpg(group, 0)
                except ProcessLookupError:
                    return True
                return False
            wait_for("the roles to end with posternd", gone)
            gate.abandon()

    def test_a_role_that_dies_is_told_and_started_again(self):
        with Aiosmtpd() as server, Postern(PUBLISH, external=free_port(), internal=server.port) as gate:
            self.session_through(gate)
            for program in ("postern-proxy", "postern-log") + (("postern-socket",) if ROOT else ()):
                victim = gate.ready(program)[0]
                os.kill(victim, signal.SIGKILL)
                gate.wait_records(code="PN8003", role=program, pid=victim, restart_ms=0)
                wait_for("its successor", lambda: gate.ready(program) and victim not in gate.ready(program))
                self.session_through(gate)


def loopback_up(command):
    """Run in a network namespace of its own: brings lo up there, then becomes the command."""
    with socket.socket() as s:
        name_flags = struct.pack("16sH", b"lo", 1)  # IFF_UP
        fcntl.ioctl(s, 0x8914, name_flags)  # SIOCSIFFLAGS
    os.execvp(command[0], command)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loopback-up"]:
        loopback_up(sys.argv[2:])
    main()
