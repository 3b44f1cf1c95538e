# SPDX-License-Identifier: ISC
"""Processes and folders that a test starts and that are gone when it ends.

Every fixture is a context manager: ready when `with` begins, and gone, with all its processes and files, when
it ends; also when the test is interrupted or runs out of time (SIGINT, SIGTERM), or is killed outright.
No process is ended but those started here.

Environment
    POSTERN_BUILD  the build folder (default: build in the source tree)
    POSTERN_KEEP   when set, scratch folders are left for a look at them
"""
import atexit
import ctypes
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SRC = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD") or SRC / "build").resolve()
NOBODY = 65534
PATIENCE_S = 20  # for whatever is sure to come; sanitizer builds are slow
LOOPBACK = "127.0.0.1"


def wait_for(what, probe, timeout=PATIENCE_S):
    """Calls probe() until it gives something true, and returns that; fails naming `what`."""
    end = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for {what() if callable(what) else what}")
        time.sleep(0.01)


@functools.lru_cache(maxsize=None)
def sandboxed():
    """Was this build made with a sandbox?"""
    options = json.loads((BUILD / "meson-info/intro-buildoptions.json").read_text())
    return next(o["value"] for o in options if o["name"] == "sandbox") != "disabled"


def free_port():
    """A port nobody listens on now. The kernel hands out others for a long while before this one again."""
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        return s.getsockname()[1]


def listening(port, pid_lives=lambda: True, host=LOOPBACK):
    if not pid_lives():
        return True  # the caller finds out why
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        return s.connect_ex((host, port)) == 0


def orphans_of(process, number=signal.SIGTERM):
    """Ends it by a signal. Return: the names of those whose parent ended with it and that live on, or have ended unseen."""
    pr_set_child_subreaper = 36
    adopt = functools.partial(ctypes.CDLL(None).prctl, pr_set_child_subreaper)
    before = {pid for pid, _ in children()}
    if adopt(1) != 0:
        raise OSError("prctl")
    try:
        process.send_signal(number)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return [name for pid, name in children() if pid not in before]
    finally:
        adopt(0)


def children():
    """(process id, program) of each of this process, ended or not."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == os.getpid():
                yield int(folder.name), (folder / "comm").read_text().rstrip("\n")
        except OSError:  # it ended meanwhile
            pass


def end_process(process, patience=10):
    """SIGTERM, then SIGKILL to its process group; the exit status, or None when it had to be killed."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        guard.tell(f"-{process.pid}")


class Guard:
    """A small process that outlives this one, however it ends, and then clears up what was left

    A test that runs out of time is killed outright, and Postfix would go on for ever. It is told of process
    groups, folders and labs ("lab:" and the prefix of scripts/lab).
    """

    PROGRAM = """
        while read -r what; do
            case $what in
            +*) left="$left ${what#+}" ;;
            -*) left=$(printf '%s\\n' $left | grep -vxF -e "${what#-}") ;;
            esac
        done
        exec 2>/dev/null
        for what in $left; do case $what in [0-9]*) kill -KILL "-$what" ;; esac; done
        for what in $left; do
            case $what in
            /*) rm -rf "$what" ;;
            lab:*) POSTERN_LAB=${what#lab:} "$0/scripts/lab" down ;;
            esac
        done
    """

    def __init__(self):
        self.process = None

    def tell(self, what):
        if not self.process:
            self.process = subprocess.Popen(["/bin/sh", "-c", self.PROGRAM, SRC], stdin=subprocess.PIPE,
                                            stdout=subprocess.DEVNULL, start_new_session=True)
        self.process.stdin.write(f"{what}\n".encode())
        self.process.stdin.flush()

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


guard = Guard()


def spawn(command, **more):
    """A child that leads a process group; end_process() ends both."""
    process = subprocess.Popen(command, start_new_session=True, **{"stdin": subprocess.DEVNULL, **more})
    guard.tell(f"+{process.pid}")
    return process


@functools.lru_cache(maxsize=None)
def as_nobody():
    """What root puts before a command for a user without rights to run it."""
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if subprocess.run([*prefix, "test", "-r", SRC / "scripts/demo", "-a", "-x", BUILD]).returncode:
        # the tree lies in somebody's private folder: let it be read, and nothing else
        prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return prefix


class Fixture:
    """Something with start() and stop(), stopped whatever happens."""

    _alive = []

    def __enter__(self):
        Fixture._alive.append(self)
        try:
            self.start()
        except BaseException:
            Fixture._end(self)
            raise
        return self

    def __exit__(self, kind, *exc):
        Fixture._alive.remove(self)
        try:
            self.stop()
        except AssertionError:
            if kind is None:  # else what failed first says more
                raise

    @staticmethod
    @atexit.register
    def _end_all():
        while Fixture._alive:
            Fixture._end(Fixture._alive[-1])
        for scratch in list(Scratch.all):
            scratch.remove()
        guard.end()

    def _end(self):
        Fixture._alive.remove(self)
        try:
            self.stop()
        except AssertionError:
            pass


def _interrupted(number, frame):
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt  # which unittest lets through; what is alive then ends at exit


for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _interrupted)


class Scratch:
    """A folder that other users may enter, its path short, since those of UNIX sockets are bounded."""

    all = set()
    below = os.environ.get("TMPDIR", "/tmp")
    if len(below) > 40:
        below = "/tmp"

    def __init__(self, prefix):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=self.below))
        Scratch.all.add(self)
        self.path.chmod(0o755)
        self.kept = os.environ.get("POSTERN_KEEP")
        if not self.kept:
            guard.tell(f"+{self.path}")

    def remove(self):
        if self in Scratch.all and not self.kept:
            Scratch.all.remove(self)
            shutil.rmtree(self.path, ignore_errors=True)
            guard.tell(f"-{self.path}")


@functools.lru_cache(maxsize=None)
def certificate():
    """(certificate, key) for localhost and 127.0.0.1, self-made; the files live as long as the process."""
    scratch = Scratch("pn-tls-")
    cert, key = scratch.path / "cert.pem", scratch.path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key


def main():
    """Runs the tests of the file; 77 when each of them was skipped, which meson shows as skipped."""
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and result.testsRun <= len(result.skipped) else 0)
