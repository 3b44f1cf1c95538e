# SPDX-License-Identifier: ISC
"""
One posternd under test: its folder, its ports, its log, and its end.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import keys
from scenario import EXTERNAL, INTERNAL

READY_S = 15
STOP_S = 10

_alive = set()  # every daemon not yet stopped, for an interrupted run
_lock = threading.Lock()


# one user for all roles: the host need not have one for each
USER = "user nobody\n" if os.geteuid() == 0 else ""


class DaemonFault(Exception):
    pass


def sandbox(build):
    """What a build without a sandbox must say to be run by root."""
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        value = next(o["value"] for o in json.load(f) if o["name"] == "sandbox")
    return "require-sandbox no\n" if value == "disabled" else ""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class InsideServer:
    """The port of the inside server. It may be down: then it is bound, so that nobody else gets it."""

    def __init__(self):
        self.sock = None
        self.port = 0
        self.up()

    def _bind(self):
        if self.sock:
            self.sock.close()
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", self.port))
        self.port = self.sock.getsockname()[1]

    def up(self):
        self._bind()
        self.sock.listen(512)
        self.sock.setblocking(False)

    down = _bind

    def close(self):
        self.sock.close()


class Daemon:
    """posternd -c DIR -f with @rules; starts in the constructor, ready when it returns.

    @inside: a server of the caller's (port, close()); otherwise a port without anybody behind it.
    """

    def __init__(self, build, rules, extra="", inside=None):
        self.inside = inside or InsideServer()
        self.folder = tempfile.mkdtemp(prefix="postern-scenario-")
        self.log = os.path.join(self.folder, "state", "log", "log.json")
        self.process, self.said = None, []
        self.ready = threading.Event()
        self.reader = None
        with _lock:
            _alive.add(self)
        try:
            self._start(build, rules, extra)
        except BaseException:
            self.stop()
            raise

    def _start(self, build, rules, extra):
        self.build = build
        for attempt in range(3):  # another process may take the free port first
            self.port = free_port()
            self._write(rules, extra)
            self._spawn(os.path.join(build, "proxy", "posternd"))
            if self._wait_ready():
                return
            if attempt == 2 or not re.search("in use|taken", self.stderr()):
                break
        raise DaemonFault("posternd is not ready%s; it said:\n%s"
                          % (" (%s)" % self.ended() if self.ended() else "", self.stderr()))

    def _write(self, rules, extra):
        rules = rules.replace(EXTERNAL, "127.0.0.1:%d" % self.port)
        rules = rules.replace(INTERNAL, "127.0.0.1:%d" % self.inside.port)
        state = os.path.join(self.folder, "state")
        os.makedirs(state, exist_ok=True)
        if keys.CHAIN in rules or keys.USERS in rules:
            keys.write(self.folder)
        self._file("rules.conf", rules)
        self._file("postern.conf", 'version 1\nmode direct\nhostname gw.in.test\nworkers 1\n'
                   'state "%s"\n%s%s%s' % (state, USER, sandbox(self.build), extra))

    def _file(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def _spawn(self, program):
        self.process = subprocess.Popen([program, "-c", self.folder, "-f"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
        self.ready.clear()
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()

    def _read(self, pipe):
        for line in pipe:
            self.said.append(line.decode("utf-8", "replace").rstrip("\n"))
            if self.said[-1] == "posternd: ready":
                self.ready.set()
        self.ready.set()  # the end of the pipe: nobody waits any longer

    def _wait_ready(self):
        return self.ready.wait(READY_S) and "posternd: ready" in self.said

    def stderr(self):
        return "\n".join("    " + line for line in self.said[-40:])

    def complaints(self):
        """What a sanitizer said of it, or nothing."""
        return [line for line in self.said if re.search("runtime error:|Sanitizer", line)]

    def ended(self):
        """How it ended, or None while it runs."""
        code = self.process.poll() if self.process else None
        if code is None:
            return None
        return "signal %d" % -code if code < 0 else "exit %d" % code

    # -- the log -----------------------------------------------------------------------------

    def log_size(self):
        """Octets of whole records: one may be on its way into the file just now."""
        try:
            with open(self.log, "rb") as f:
                return f.read().rfind(b"\n") + 1
        except FileNotFoundError:
            return 0

    def records(self, offset=0):
        """Whole records from byte @offset on; DaemonFault for a line that is no JSON object."""
        try:
            with open(self.log, "rb") as f:
                f.seek(offset)
                lines = f.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict) or "code" not in record \
                    or re.search(rb"[\x00-\x1f\x7f]", line):
                raise DaemonFault("log line is no clean record: %r" % line[:300])
            found.append(record)
        return found

    def stop(self):
        """SIGTERM, then SIGKILL to what it started (its own process group)."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.said.append("(did not end at SIGTERM within %d s: killed)" % STOP_S)
        clean = self.ended()
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # a role it left behind
            except ProcessLookupError:
                pass
            self.process.wait()
            self.reader.join(STOP_S)
            self.process.stderr.close()
        self.inside.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        with _lock:
            _alive.discard(self)
        return clean


def stop_all():
    with _lock:
        left = list(_alive)
    for daemon in left:
        daemon.stop()


def until(condition, seconds, pause=0.01):
    """Polls what cannot be waited for otherwise (a file's growth)."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got or time.monotonic() > end:
            return got
        time.sleep(pause)
