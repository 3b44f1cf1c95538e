# SPDX-License-Identifier: ISC
"""CASES OPS-04, DOS-13, DOS-17, OPS-31: no room on the disk, no descriptors, no memory, and calls that fail

Mail goes on or is refused for the moment; what is lost of the log is counted; when there is room again all is as before.
"""
import collections
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest
import unittest.mock

import pressure_test
from fixture import end_process, free_port, main, sandboxed, spawn, wait_for
from gateway import PASS, PUBLISH, Postern
from traffic import Dialogue, Sink, Traffic, assert_accounted

ROOT = os.geteuid() == 0
SESSIONS_ONLY = PUBLISH.replace("sessions, denials, commands, messages", "sessions")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def may_mount():
    return ROOT and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0


class SmallDisk(Postern):
    """Its log lies on a file system of 1 MiB that only it sees."""

    MOUNT = 'mount -t tmpfs -o size=1m,mode=755 none "$0" && exec "$@"'

    def __init__(self, *rest, **more):
        super().__init__(*rest, **more)
        (self.dir / "state/log").mkdir(parents=True)
        self.prefix = ["unshare", "--mount", "sh", "-c", self.MOUNT, str(self.dir / "state/log")]

    def start(self):
        super().start()
        self.inside = pathlib.Path(f"/proc/{self.process.pid}/root{self.dir}/state/log")
        self.LOG = str(self.inside / "log.json")

    def fill(self, left):
        """All but so many octets: fewer where the log takes some meanwhile, so one write(2), which may be short."""
        with open(self.inside / "filler", "wb", buffering=0) as f:
            free = os.statvfs(self.inside)
            f.write(b"x" * (free.f_bavail * free.f_bsize - left))


@unittest.skipUnless(may_mount(), "needs root and mounts of its own")
class Disk(unittest.TestCase):
    def test_ops_04_full_log_disk(self):
        with Sink() as sink, SmallDisk(SESSIONS_ONLY, external=free_port(), internal=sink.port) as gate:
            gate.fill(left=16384)
            with Traffic(gate.external, threads=3) as traffic:
                wait_for("the disk to be full", lambda: os.statvfs(gate.inside).f_bavail == 0)
                traffic.wait_accepted(200)
                self.assertEqual(gate.tool("apply").returncode, 0, "new rules come into force with a full log, too")
                traffic.wait_accepted(50)
                (gate.inside / "filler").unlink()
                traffic.wait_accepted(20)
            assert_accounted(self, traffic, sink, may_be_unknown=0)
            self.assertEqual(set(traffic.met), {"greeted"}, traffic.show())
            gate.wait_records(1, code="PN8001")
            sessions = traffic.met["greeted"]
            wait_for("the last record", lambda: self.counted(gate) >= 2 * sessions)
            self.assertEqual(self.counted(gate), 2 * sessions, "written or counted as dropped: each record of each session")
            # they may be told in several records
            self.assertGreater(sum(r["records"] for r in gate.all_records() if r["code"] == "PN8001"), 100)

    @staticmethod
    def counted(gate):
        """Records of sessions that are there or that were counted; of others, one of the start and one of the reload."""
        records = collections.Counter(r["code"] for r in gate.all_records())
        others = 2 - records["PN7001"] - records["PN7003"]
        dropped = sum(r["records"] for r in gate.all_records() if r["code"] == "PN8001")
        return records["PN1001"] + records["PN1002"] + dropped - others

    def test_log_killed_while_the_disk_is_full(self):
        with Sink() as sink, SmallDisk(SESSIONS_ONLY, external=free_port(), internal=sink.port) as gate:
            gate.fill(left=0)
            with Traffic(gate.external, threads=2) as traffic:
                traffic.wait_accepted(20)
                log, = gate.ready("postern-log")
                os.kill(log, signal.SIGKILL)
                wait_for("another log", lambda: gate.ready("postern-log") not in ([], [log]))
                traffic.wait_accepted(20)
                (gate.inside / "filler").unlink()
                traffic.wait_accepted(20)
            assert_accounted(self, traffic, sink, may_be_unknown=0)
            gate.wait_records(1, code="PN8001")


class Descriptors(unittest.TestCase):
    def gate(self, rules, port, limit):
        gate = self.enterContext(Postern(rules, conf=Postern.CONF + "workers 1\n", external=free_port(), internal=port))
        gate.limit_descriptors(limit)
        return gate

    @unittest.skipUnless(ROOT, "limits another process")
    def test_dos_13_orders_are_obeyed_without_descriptors(self):
        """A proxy at its limit tells of itself and takes members of sets; none of it costs a session."""
        rules = PUBLISH.replace("publish", "set bad { dynamic timeout 1h }\npublish").replace(
            "    client-address", "    from            any except bad\n    client-address")
        with Sink() as sink:
            gate = self.gate(rules, sink.port, 80)
            greeted = []
            while (c := self.enterContext(Dialogue(gate.external))).code() == 220:
                greeted.append(c)
            self.assertGreater(len(greeted), 15)
            clients = greeted + [Dialogue(gate.external) for _ in range(60)]
            gate.wait_records(1, code="PN4009")
            before = gate.ready("postern-proxy")
            began, ticks = time.monotonic(), gate.cpu_ticks()
            for n in range(5):
                self.assertEqual(gate.tool("set", "add", "bad", f"192.0.2.{n}").returncode, 0)
                self.assertEqual(gate.tool("show", "status").returncode, 0)
            done = gate.tool("session", "list")
            self.assertEqual(done.returncode, 0, done.stderr)
            if done.stdout:  # empty where other roles of the same user have many descriptors under way: ETOOMANYREFS
                self.assertGreater(len(done.stdout.splitlines()), len(greeted), done.stdout)
            time.sleep(1)
            self.assertLess((gate.cpu_ticks() - ticks) / CLOCK_TICKS / (time.monotonic() - began), 0.2, "it spins")
            self.assertEqual(gate.ready("postern-proxy"), before, gate.stderr())
            for c in greeted:
                self.assertEqual(c.code(b"EHLO c.test\r\n"), 250)
            for c in clients:
                c.close()
            with Traffic(gate.external, threads=2) as traffic:
                traffic.wait_accepted(20)
            assert_accounted(self, traffic, sink, may_be_unknown=0)
            self.assertEqual(gate.records(severity="error", role="postern-proxy"), [])

    def test_dos_17_many_large_messages_to_a_server_that_reads_nothing(self):
        sessions, largest = 200, 10 << 20
        with pressure_test.Deaf() as deaf:
            gate = self.enterContext(Postern(pressure_test.limited("connections 400 per client, 400 total"), external=free_port(), internal=deaf.port))
            clients = [Dialogue(gate.external) for _ in range(sessions)]
            for c in clients:
                self.assertEqual((c.code(), c.code(b"EHLO c.test\r\n"), c.code(b"MAIL FROM:<a@out.test>\r\n"),
                                  c.code(b"RCPT TO:<b@in.test>\r\n"), c.code(b"DATA\r\n")), (220, 250, 250, 250, 354))
                c.sock.setblocking(False)
            pressure_test.Pressure.send_all_it_takes([c.sock for c in clients], (b"x" * 76 + b"\r\n") * 1000, most=sessions * largest)
            resident = gate.resident_kib()
            self.assertLess(resident, pressure_test.RESIDENT_KIB + sessions * pressure_test.WAITING_KIB)
            self.assertEqual(gate.tool("show", "status").returncode, 0)
            for c in clients:
                c.close()
            gate.wait_sessions_closed(sessions)


# program, call, error, which of the calls fail, rules, may the program end for it?
FAILING = [
    ("postern-proxy", "accept4", "ENOMEM", "2+3", PUBLISH, False),
    ("postern-proxy", "accept4", "EMFILE", "2+3", PUBLISH, False),
    ("postern-proxy", "accept4", "ECONNABORTED", "2+3", PUBLISH, False),
    ("postern-proxy", "connect", "ENOMEM", "2+3", PUBLISH, False),
    ("postern-proxy", "connect", "EADDRNOTAVAIL", "2+3", PUBLISH, False),
    ("postern-proxy", "recvfrom", "EIO", "5+23", PUBLISH, False),
    ("postern-proxy", "recvfrom", "ENOMEM", "5+23", PUBLISH, False),
    ("postern-proxy", "sendto", "EIO", "5+23", PUBLISH, False),
    ("postern-proxy", "sendto", "ENOMEM", "5+23", PUBLISH, False),
    ("postern-proxy", "writev,sendmsg", "ENOMEM", "5+23", PUBLISH, True),
    ("postern-proxy", "recvmsg", "ENOMEM", "2+5", PUBLISH, True),  # also what posternd says to it
    ("postern-proxy", "epoll_ctl", "ENOMEM", "3+11", PUBLISH, False),
    ("postern-proxy", "getsockopt,getpeername", "ENOMEM", "2+5", PUBLISH, False),
    ("postern-proxy", "splice", "EIO", "5+17", PASS, False),
    ("postern-proxy", "splice", "ENOMEM", "5+17", PASS, False),
    ("postern-proxy", "pipe2", "EMFILE", "1+2", PASS, False),
    ("postern-log", "write", "EIO", "1+2", PUBLISH, False),
    ("postern-log", "write", "ENOSPC", "1+2", PUBLISH, False),
    ("postern-log", "recvfrom", "ENOMEM", "2+3", PUBLISH, False),
    ("postern-log", "openat", "EMFILE", "1+1", PUBLISH, False),
    ("postern-log", "poll", "ENOMEM", "3+10", PUBLISH, True),
    ("postern-socket", "socket", "EMFILE", "2+3", PUBLISH, False),
    ("postern-socket", "sendmsg", "ENOBUFS", "2+3", PUBLISH, False),
]


class Failing:
    """strace, attached to a process until the end of the block."""

    def __init__(self, pid, call, error, when):
        self.command = ["strace", "-q", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}", "-p", str(pid)]
        self.pid = pid

    def __enter__(self):
        self.process = spawn(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        status = pathlib.Path(f"/proc/{self.pid}/status")
        wait_for("strace to attach", lambda: "TracerPid:\t0\n" not in status.read_text())
        return self

    def __exit__(self, *exc):
        end_process(self.process)


def may_trace():
    """Not in a sandbox: strace makes a call fail by putting number -1 in its place, for which a sandbox kills."""
    return ROOT and not sandboxed() and shutil.which("strace") and subprocess.run(
        ["strace", "-q", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(may_trace(), "needs root, strace and ptrace(2), and a build without a sandbox")
class Calls(unittest.TestCase):
    """OPS-31, of system calls: a clean 4xx or a closed connection, never a message acknowledged and lost."""

    def setUp(self):
        leaks = unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        self.enterContext(leaks)  # the leak checker of a process that is traced fails

    def test_each_call_that_may_fail(self):
        for row in FAILING:
            with self.subTest(row[:4]):
                self.one(*row)

    def one(self, program, call, error, when, rules, may_end):
        with Sink() as sink, Postern(rules, conf=Postern.CONF + "workers 1\n", external=free_port(), internal=sink.port) as gate:
            victim, = gate.ready(program)
            with Traffic(gate.external, threads=3) as traffic:
                with Failing(victim, call, error, when):
                    if call == "openat":
                        gate.process.send_signal(signal.SIGUSR1)
                    end = time.monotonic() + 0.7
                    wait_for("messages", lambda: time.monotonic() > end)
                traffic.wait_accepted(10)
            assert_accounted(self, traffic, sink)
            self.assertNotIn(5, {code // 100 for code in traffic.answers}, "what passes is no permanent failure")
            if not may_end:
                self.assertEqual(gate.ready(program), [victim], gate.stderr())
            self.assertNotRegex(gate.stderr(), "signal (?!9)")


if __name__ == "__main__":
    main()
