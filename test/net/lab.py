# SPDX-License-Identifier: ISC
"""Three hosts of scripts/lab: a client, the gateway with two networks, a server (root)

    with Lab() as lab, lab.server.begin(Postfix(addresses=["10.0.0.21:25"])) as postfix, \
         lab.gateway.begin(Postern(RULES, EXTERNAL)) as gate:
        lab.redirect()
        with lab.client, RawClient(25, host=PUBLISHED[4]) as c: ...

Sockets, processes and threads belong to the host they were begun on, wherever they are used. Nothing is changed outside of the three. Labs of several tests do not see each other.

Environment
    POSTERN_LAB  how the names of labs begin (pn unless said)
"""
import contextlib
import ctypes
import functools
import itertools
import os
import re
import shutil
import subprocess
import threading
import unittest

from fixture import PATIENCE_S, SRC, Fixture, end_process, guard, spawn

# as in scripts/lab; the addresses of one host are of IPv4, then of IPv6
CLIENT = {4: "203.0.113.9", 6: "2001:db8:1::9"}
OTHER_CLIENT = "203.0.113.10"
GATEWAY_EXT = {4: "203.0.113.1", 6: "2001:db8:1::1"}
GATEWAY_INT = {4: "10.0.0.1", 6: "fd00:10::1"}
PUBLISHED = {4: "198.51.100.2", 6: "2001:db8:2::2"}
OTHER_PUBLISHED = "198.51.100.20"
SERVER = {4: "10.0.0.21", 6: "fd00:10::21"}
OTHER_SERVER = {4: "10.0.0.30", 6: "fd00:10::22"}
PORT = 10525  # of posternd, in "mode external"
IPTABLES = {4: "iptables", 6: "ip6tables"}

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """A network namespace: `with host:` moves the calling thread there."""

    def __init__(self, name):
        self.name = name
        self.before = threading.local()

    def __enter__(self):
        stack = self.before.__dict__.setdefault("stack", [])
        stack.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        try:
            self._move(f"/run/netns/{self.name}")
        except OSError:
            os.close(stack.pop())
            raise
        return self

    def __exit__(self, *exc):
        fd = self.before.stack.pop()
        try:
            self._set(fd)
        finally:
            os.close(fd)

    def _move(self, path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._set(fd)
        finally:
            os.close(fd)

    @staticmethod
    def _set(fd):
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    @contextlib.contextmanager
    def begin(self, fixture):
        """The fixture, started on this host."""
        with contextlib.ExitStack() as stack:
            with self:
                begun = stack.enter_context(fixture)
            yield begun

    def run(self, *command, **more):
        """A command on this host, to its end; it may fail."""
        if "input" not in more:
            more["stdin"] = subprocess.DEVNULL
        with self:
            return subprocess.run([*map(str, command)], capture_output=True, text=True,
                                  errors="replace", timeout=PATIENCE_S, **more)

    def must(self, *command):
        done = self.run(*command)
        if done.returncode:
            raise AssertionError(f"{command} on {self.name} failed: {done.stdout}{done.stderr}")
        return done.stdout


class Lab(Fixture):
    _number = itertools.count(1)

    @staticmethod
    @functools.lru_cache(maxsize=None)
    def unusable():
        """Why there can be none, or None."""
        if os.geteuid() != 0:
            return "a lab (network namespaces) needs root"
        for tool in ("ip", "iptables", "ip6tables", "nsenter"):
            if not shutil.which(tool):
                return f"a lab needs {tool} (scripts/deps test)"
        # root of a container may have no right to make them
        name = f"pn{os.getpid()}-probe"
        probe = f"ip netns add {name} && ip netns exec {name} iptables -t nat -S && ip netns exec {name} ip6tables -S"
        possible = subprocess.run(["sh", "-c", probe], capture_output=True).returncode == 0
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        return None if possible else "network namespaces with iptables cannot be made here"

    def __init__(self):
        self.name = f"{os.environ.get('POSTERN_LAB', 'pn')}{os.getpid()}-{next(self._number)}"
        self.client, self.gateway, self.server = (Host(f"{self.name}-{h}") for h in ("client", "gateway", "server"))

    def start(self):
        guard.tell(f"+lab:{self.name}")
        self.script("up")

    def stop(self):
        self.script("down")
        guard.tell(f"-lab:{self.name}")

    def script(self, *arguments):
        """scripts/lab for this lab; what it printed."""
        process = spawn([SRC / "scripts/lab", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True, env=dict(os.environ, POSTERN_LAB=self.name))
        with process.stdout:
            try:
                said, _ = process.communicate(timeout=PATIENCE_S)
            finally:
                end_process(process)
        if process.returncode:
            raise AssertionError(f"scripts/lab {' '.join(map(str, arguments))} failed: {said}")
        return said

    def redirect(self, *options):
        self.script("redirect", *options)

    def tproxy(self, *options):
        self.script("tproxy", *options)

    def clear(self):
        self.script("clear")


def module_lab(*needs):
    """A lab for all tests of a module, which are skipped where there can be none, or where a server they need is missing."""
    why = Lab.unusable() or next((f"needs {server.__name__}" for server in needs if not server.usable()), None)
    if why:
        raise unittest.SkipTest(why)
    return unittest.enterModuleContext(Lab())


def rules_of(host):
    """Kernel rules and routing of a host, a line each, without what counts and dates, and without empty tables:
    iptables-nft makes one where it looks, and never removes it."""
    seen = []
    for family, program in IPTABLES.items():
        saved = re.sub(r"^#.*\n| \[.*(?=\n)", "", host.must(f"{program}-save"), flags=re.MULTILINE)
        seen += re.sub(r"\*[a-z]+\n(:[A-Z]+ ACCEPT\n)*COMMIT\n", "", saved).splitlines()
        seen += host.must("ip", f"-{family}", "rule").splitlines()
        seen += host.must("ip", f"-{family}", "route", "show", "table", "all").splitlines()
    return seen
