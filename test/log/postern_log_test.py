#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
postern-log as a program: what it says when it starts, rotation, a full disk, senders that misbehave, its end.

    postern_log_test.py PATH-OF-POSTERN-LOG

Prints TAP. RLIMIT_FSIZE stands for a full disk: the last write is a partial one, the next ones fail.
"""
import fcntl
import functools
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
WAIT_S = 10
BATCH_MAX = 65536
MARK, READY, PONG, PING, ADD = 0x5073, 1, 2, 3, 4  # base/msg.c, base/talk.h


class Log:
    """One postern-log, its folder and the sending end of its pair."""

    def __init__(self, maximum=1 << 20, path=None, fsize=None, ready=True):
        self.folder = tempfile.mkdtemp(prefix="postern-log-")
        self.path = path or os.path.join(self.folder, "log.json")
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(WAIT_S)
        folder = os.open(self.folder if path is None else os.path.dirname(path) or ".", os.O_PATH)
        self.socket = None
        self.process = subprocess.Popen(
            [PROGRAM, "-:-:4:optional", "3", self.path, str(maximum)], pass_fds=[3, 4],
            stderr=subprocess.PIPE, preexec_fn=lambda: self.begin(fsize, theirs.fileno(), folder))
        theirs.close()
        os.close(folder)
        if ready:
            said = self.control.recv(64)
            assert said[:4] == struct.pack("=HH", MARK, READY), "no ready: %r, %r" % (said, self.process.stderr.read())
        try:
            self.socket = self.add_sender()
        except BrokenPipeError:  # it has refused its arguments
            self.socket = self.control

    def tell(self, type, body=b"", fds=()):
        socket.send_fds(self.control, [struct.pack("=HHI", MARK, type, len(body)) + body], fds)

    def add_sender(self):
        """Another sending end; its receiving end is handed over."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(WAIT_S)
        self.tell(ADD, fds=[theirs.fileno()])
        theirs.close()
        return ours

    @staticmethod
    def begin(octets, *fds):
        """As posternd starts it: its descriptors follow on from 3, what stands beyond a gap it closes."""
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in fds]
        for to, fd in enumerate(high, 3):
            os.dup2(fd, to)
            os.close(fd)
        if octets:
            resource.setrlimit(resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))

    def send(self, *records):
        self.socket.send(b"".join(records))

    def records(self):
        """Every line of the file; each must be a whole JSON object."""
        with open(self.path, "rb") as f:
            octets = f.read()
        assert octets == b"" or octets.endswith(b"\n"), "half a line: %r" % octets[-200:]
        return [json.loads(line) for line in octets.split(b"\n")[:-1]]

    def wait_for(self, test, what):
        """Until @test(records) holds."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if os.path.exists(self.path) and test(self.records()):
                return
            time.sleep(0.01)  # nothing tells when another process has written a file
        raise AssertionError("%s: not seen; the log holds %r" % (what, self.records()[-5:]))

    def end(self):
        """Closes the sending end and the control pair; exit code and what was said."""
        self.socket.close()
        self.control.close()
        said = self.process.communicate(timeout=WAIT_S)[1].decode()
        return self.process.returncode, said

    def clean(self):
        for s in (self.socket, self.control):
            if s:
                s.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def record(n, width=0):
    return json.dumps({"code": "PN1001", "n": n, "text": "x" * width}).encode() + b"\n"


def numbers(records):
    return [r["n"] for r in records if "n" in r]


def codes(records):
    return [r["code"] for r in records]


def what_was_sent_is_written_before_the_end(log):
    for n in range(500):
        log.send(record(n), record(n))
    assert log.end() == (0, "")
    assert numbers(log.records()) == [n for n in range(500) for _ in range(2)]


def terminating_signals_do_not_end_it(log):
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        log.process.send_signal(sig)
    log.send(record(1))
    log.wait_for(lambda r: numbers(r) == [1], "the record behind the signals")
    assert log.end() == (0, "")


def rotation_loses_nothing(log):
    moved = log.path + ".1"
    log.send(record(1))
    log.wait_for(lambda r: numbers(r) == [1], "the first record")
    os.rename(log.path, moved)
    log.send(record(2))  # still into the old file, or into the new one when the signal is first
    log.process.send_signal(signal.SIGUSR1)
    log.wait_for(lambda r: True, "the new file")
    log.send(record(3))
    log.wait_for(lambda r: 3 in numbers(r), "the record behind the rotation")
    assert log.end() == (0, "")
    with open(moved) as f:
        old = [json.loads(line)["n"] for line in f]
    assert old + numbers(log.records()) == [1, 2, 3]
    assert os.stat(log.path).st_mode & 0o777 & ~0o640 == 0


def a_file_it_may_not_reopen_is_told(log):
    moved = log.path + ".1"
    os.rename(log.path, moved)
    os.symlink(os.path.join(log.folder, "elsewhere"), log.path)
    log.process.send_signal(signal.SIGUSR1)
    assert select.select([log.process.stderr], [], [], WAIT_S)[0], "nothing said"
    log.send(record(1))
    code, said = log.end()
    assert code == 0 and "not a regular file" in said and "stays in use" in said, said
    assert not os.path.exists(os.path.join(log.folder, "elsewhere"))
    with open(moved) as f:
        assert json.loads(f.read())["n"] == 1


def misbehaving_senders_cost_their_batches_only(log):
    log.send(record(1))
    for bad in (b"x", b"{}", b"{}\n{}", b"\x1b[2J\n", b"{\"a\":\"\x00\"}\n", b"{" + b" " * 40000 + b"}\n",
                record(0, 1000) * 100):
        log.socket.send(bad)
    log.socket.send(b"")
    log.send(record(2))
    log.wait_for(lambda r: numbers(r) == [1, 2], "the good records")
    log.send(record(3))
    assert log.end() == (0, "")
    records = log.records()
    assert numbers(records) == [1, 2, 3]
    assert sum(r["records"] for r in records if r["code"] == "PN8001") == 7, records


def the_size_limit_is_told_and_rotation_frees(log):
    for n in range(2000):
        log.send(record(n, 100))
    log.wait_for(lambda r: "PN8002" in codes(r), "PN8002")
    log.send(record(9999))
    assert os.path.getsize(log.path) <= 65536
    assert codes(log.records()).count("PN8002") == 1
    kept = len(numbers(log.records()))
    os.rename(log.path, log.path + ".1")
    log.process.send_signal(signal.SIGUSR1)
    log.wait_for(lambda r: True, "the new file")
    log.send(record(10000))
    log.wait_for(lambda r: 10000 in numbers(r), "the record behind the rotation")
    assert log.end() == (0, "")
    told = [r["records"] for r in log.records() if r["code"] == "PN8001"]
    assert sum(told) + kept + len(numbers(log.records())) == 2002, (told, kept)


def a_full_disk_is_survived_and_counted(log):
    """RLIMIT_FSIZE of 32 KiB; the file is emptied in between, as an administrator may do."""
    for n in range(1000):
        log.send(record(n, 100))
    log.send(record(1000))
    end = time.monotonic() + WAIT_S
    while os.path.getsize(log.path) < 32000 and time.monotonic() < end:
        time.sleep(0.01)
    before = log.records()
    os.truncate(log.path, 0)
    log.send(record(2000))
    log.wait_for(lambda r: 2000 in numbers(r), "the record behind the full disk")
    assert log.end() == (0, "")
    told = sum(r["records"] for r in log.records() if r["code"] == "PN8001")
    assert told > 0
    assert len(numbers(before)) + told + len(numbers(log.records())) >= 1002


def a_stopped_log_holds_nobody_up(log):
    """A sender that finds the socket full goes on; what was taken is written when the log goes on."""
    log.process.send_signal(signal.SIGSTOP)
    log.socket.setblocking(False)
    taken = 0
    try:
        while taken < 100000:
            log.send(record(taken, 1000))
            taken += 1
        raise AssertionError("a stopped log took 100 MB")
    except BlockingIOError:
        pass
    log.process.send_signal(signal.SIGCONT)
    assert log.end() == (0, "")
    assert numbers(log.records()) == list(range(taken))


def every_sending_end_must_be_closed(log):
    other = log.socket.dup()
    log.socket.close()
    other.send(record(1))
    log.wait_for(lambda r: numbers(r) == [1], "the record of the second sender")
    assert log.process.poll() is None
    other.close()
    assert log.end() == (0, "")


def it_ends_however_the_end_falls(log):
    """Between a record and its being read; with LOG_READY never read."""
    for n in range(40):
        other = Log(ready=n % 2 == 0)
        try:
            if n % 4 == 0:
                other.process.send_signal(signal.SIGUSR1)
            other.send(record(n))
            assert other.end() == (0, "")
            assert numbers(other.records()) == [n]
        finally:
            other.clean()
    assert log.end() == (0, "")


def a_sender_that_closes_its_half_has_ended(log):
    """Its descriptor stays readable for ever: polling on would spin."""
    log.send(record(1))
    log.socket.shutdown(socket.SHUT_WR)
    log.wait_for(lambda r: numbers(r) == [1], "the record")
    log.control.close()
    assert log.process.wait(WAIT_S) == 0
    assert numbers(log.records()) == [1]


def a_ping_is_answered(log):
    log.tell(PING)
    assert log.control.recv(200)[:4] == struct.pack("=HH", MARK, PONG)


def nonsense_from_posternd_ends_the_pair_and_no_record(log):
    for bad in (lambda: log.tell(99), lambda: log.tell(ADD), lambda: log.control.send(b"x")):
        other = Log()
        try:
            other.send(record(1))
            log, ours = other, log
            bad()
            assert other.control.recv(200) == b""
            other.send(record(2))
            assert other.end() == (0, "")
            assert numbers(other.records()) == [1, 2]
        finally:
            log = ours
            other.clean()


def a_successor_reads_what_was_sent_meanwhile(log):
    """posternd keeps a copy of the receiving end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log.tell(ADD, fds=[theirs.fileno()])
    ours.send(record(1))
    log.wait_for(lambda r: numbers(r) == [1], "the first record")
    log.process.kill()
    log.process.wait()
    ours.send(record(2))
    other = Log(path=log.path)
    try:
        other.tell(ADD, fds=[theirs.fileno()])
        theirs.close()
        ours.close()
        assert other.end() == (0, "")
        assert numbers(other.records()) == [1, 2]
    finally:
        other.clean()


def what_it_cannot_open_is_told_in_one_line(log):
    assert log.end()[0] == 0
    folder = log.folder
    os.symlink("elsewhere", os.path.join(folder, "link"))
    os.mkfifo(os.path.join(folder, "fifo"))
    for name, exit_code, word in (
            ("link", 78, "not a regular file"), ("fifo", 78, "not a regular file"), (".", 78, "directory")):
        bad = Log(path=os.path.join(folder, name), ready=False)
        try:
            code, said = bad.end()
            assert code == exit_code and said.count("\n") == 1, (name, code, said)
            assert all(part in said for part in (word, name, "postern.conf")), (name, said)
        finally:
            bad.clean()
    place = "-:-:3:optional"
    for arguments in ([], [place, "3", "x"], [place, "x", "y", "100000"], [place, "3", "y", "1"], [place, "3", "y", "-1"],
                      ["-:-:-:optional", "3", "y", "100000"], ["x", "3", "y", "100000"]):
        r = subprocess.run([PROGRAM, *arguments], stderr=subprocess.PIPE)
        assert r.returncode == 64, (arguments, r)


TESTS = [
    (what_was_sent_is_written_before_the_end, {}),
    (terminating_signals_do_not_end_it, {}),
    (rotation_loses_nothing, {}),
    (a_file_it_may_not_reopen_is_told, {}),
    (misbehaving_senders_cost_their_batches_only, {}),
    (the_size_limit_is_told_and_rotation_frees, {"maximum": 65536}),
    (a_full_disk_is_survived_and_counted, {"fsize": 32768}),
    (a_stopped_log_holds_nobody_up, {"maximum": 1 << 30}),
    (every_sending_end_must_be_closed, {}),
    (it_ends_however_the_end_falls, {}),
    (a_sender_that_closes_its_half_has_ended, {}),
    (a_ping_is_answered, {}),
    (nonsense_from_posternd_ends_the_pair_and_no_record, {}),
    (a_successor_reads_what_was_sent_meanwhile, {}),
    (what_it_cannot_open_is_told_in_one_line, {}),
]


def with_log(test, how):
    log = Log(**how)
    try:
        test(log)
    finally:
        log.clean()


def main():
    tap.run((test.__name__, functools.partial(with_log, test, how)) for test, how in TESTS)


if __name__ == "__main__":
    main()
