# SPDX-License-Identifier: ISC
"""inject on a process that nothing confines: each call is made, and the process goes on as it was.

What a confined one says of it is the matter of test/unit/role_test.c and of the tests of running roles.
"""
import os
import socket
import subprocess
import sys
import unittest

INJECT = sys.argv.pop(1)
SKIP = 77
ROOT = os.geteuid() == 0

# Waits for a line and repeats it; its descriptor 0 is in the middle of read(2) when inject comes.
ECHO = ["/bin/sh", "-c", "while read -r line; do echo \"$line\"; done"]


class Inject(unittest.TestCase):
    def setUp(self):
        self.sock = socket.socket()
        self.child = subprocess.Popen(ECHO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      pass_fds=[self.sock.fileno()])
        self.addCleanup(self.end)
        self.goes_on()
        self.skip_where_tracing_is_forbidden()

    def skip_where_tracing_is_forbidden(self):
        run = subprocess.run([INJECT, str(self.child.pid), "getpid"], text=True, capture_output=True)
        if run.returncode == 69 and "not permitted" in run.stderr:  # Yama, or a container
            self.skipTest("ptrace(2) of another process is forbidden here")

    def end(self):
        self.sock.close()
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()

    def goes_on(self):
        self.child.stdin.write("still here\n")
        self.child.stdin.flush()
        self.assertEqual(self.child.stdout.readline(), "still here\n")

    def descriptors(self):
        return sorted(os.listdir("/proc/%d/fd" % self.child.pid))

    def inject(self, *words, status=0):
        run = subprocess.run([INJECT, str(self.child.pid), *map(str, words)], text=True, capture_output=True)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout

    def test_the_control_succeeds_and_nothing_is_left_behind(self):
        for _ in range(20):
            self.assertEqual(self.inject("getpid"), "getpid: %d\n" % self.child.pid)
            self.goes_on()

    def test_what_it_opens_is_closed_again(self):
        before = self.descriptors()
        for call in "open", "socket-inet":
            self.assertRegex(self.inject(call), r"^%s: [0-9]+\n$" % call)
            self.assertEqual(self.descriptors(), before)
            self.goes_on()

    def test_errors_are_told_by_number_and_name(self):
        self.assertEqual(self.inject("kill", 0x7ffffff0), "kill: -3 ESRCH\n")
        self.assertEqual(self.inject("bind", 999), "bind: -9 EBADF\n")
        self.assertEqual(self.inject("ptrace"), "ptrace: -1 EPERM\n")  # inject traces it already
        self.assertEqual(self.inject("io_uring_setup")[:17], "io_uring_setup: -")
        self.goes_on()

    def test_rights_decide_what_nothing_else_does(self):
        self.assertRegex(self.inject("socket-packet"), r"^socket-packet: [0-9]+$" if ROOT else "-1 EPERM")
        self.assertEqual(self.inject("kill", os.getpid()), "kill: 0\n")
        self.goes_on()

    def test_the_address_arrives(self):
        self.assertEqual(self.sock.getsockname()[1], 0)
        said = self.inject("bind", self.sock.fileno())
        if said == "bind: 0\n":
            self.assertEqual(self.sock.getsockname(), ("0.0.0.0", 25))
        else:
            self.assertIn(said, ("bind: -13 EACCES\n", "bind: -98 EADDRINUSE\n"))
        self.goes_on()

    def test_exec_replaces_it(self):
        self.assertEqual(self.inject("execve"), "execve: 0\n")
        self.assertEqual(self.child.wait(), 0)
        self.assertEqual(self.child.stdout.read(), "")

    def test_a_process_in_the_middle_of_computing(self):
        with subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) as busy:
            for _ in range(20):
                run = subprocess.run([INJECT, str(busy.pid), "getpid"], text=True, capture_output=True)
                self.assertEqual((run.returncode, run.stdout), (0, "getpid: %d\n" % busy.pid), run.stderr)
            self.assertIsNone(busy.poll())
            busy.kill()

    def test_arguments(self):
        for words in [], ["nothing"], ["getpid", "1"], ["kill"], ["bind"]:
            self.inject(*words, status=64)
        run = subprocess.run([INJECT, str(0x7ffffff0), "getpid"], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout), (69, ""))


if __name__ == "__main__":
    if subprocess.run([INJECT, "0", "getpid"], stderr=subprocess.DEVNULL).returncode == SKIP:
        sys.exit(SKIP)
    unittest.main()
