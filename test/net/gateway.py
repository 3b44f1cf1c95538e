# SPDX-License-Identifier: ISC
"""Postern itself: a folder with rules, the posternd that serves it, its log, and the administrator's tool."""
import datetime
import json
import os
import pathlib
import subprocess
import threading

from fixture import BUILD, NOBODY, PATIENCE_S, Fixture, Scratch, as_nobody, end_process, guard, spawn, sandboxed, wait_for

# one user for all roles, since the host may not have one for each; and what a sanitizer cannot live in is not asked for
USER = "user nobody\n"
ROLES = (USER if os.geteuid() == 0 else "") + ("" if sandboxed() else "require-sandbox no\n")
DELIVERED = "PN2001"  # the code of a message that the server accepted


class Postern(Fixture):
    """A folder with rules.conf and postern.conf, and the posternd that serves it

    In the texts, {NAME} stands for ports the test gave as keywords, {dir} for the folder:

        with Postern(PUBLISH, external=free_port(), internal=server.port) as gate: ...
    """

    CONF = 'version 1\nmode direct\nhostname gw.test\nstate "{dir}/state"\n' + ROLES
    LOG = "state/log/log.json"

    def __init__(self, rules, conf=CONF, unprivileged=False, prefix=(), **values):
        self.scratch = Scratch("pn-gw-")
        self.dir = self.scratch.path
        self.values = dict(values, dir=self.dir)
        self.prefix = prefix  # put before the command
        self.unprivileged = unprivileged  # run by nobody, to whom root then hands the folder over
        (self.dir / "state").mkdir()
        self.write("rules.conf", rules)
        self.write("postern.conf", conf.replace(USER, "") if unprivileged else conf)
        if unprivileged:
            for path in [self.dir, *self.dir.iterdir()]:
                os.chown(path, NOBODY, NOBODY)
        self.process = None
        self.since = ""

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def write(self, name, text):
        for key, value in self.values.items():
            text = text.replace("{%s}" % key, str(value))
        (self.dir / name).write_text(text)

    @staticmethod
    def program(name):
        path = BUILD / name
        if not path.exists():
            raise AssertionError(f"{path} is not built; POSTERN_BUILD names the build folder")
        return str(path)

    def command(self):
        return [*self.prefix, *(as_nobody() if self.unprivileged else []), self.program("proxy/posternd"), "-c", str(self.dir), "-f"]

    def start(self):
        self.said = []
        self.process = spawn(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             errors="replace")
        ready = threading.Event()

        def listen():
            for line in self.process.stderr:
                self.said.append(line.rstrip("\n"))
                if line.startswith("posternd: ready"):
                    ready.set()
            ready.set()  # it ended

        self.reader = threading.Thread(target=listen, daemon=True)
        self.reader.start()
        if not ready.wait(PATIENCE_S) or not any(s.startswith("posternd: ready") for s in self.said):
            raise AssertionError("posternd is not ready; it said:\n" + self.stderr())

    def abandon(self):
        """It has ended already, and not as stop_daemon() wants it."""
        self.process.wait()
        self.reader.join(5)
        self.process.stderr.close()
        guard.tell(f"-{self.process.pid}")
        self.process = None

    def processes(self):
        """(process id, program) of posternd and its roles. By name: without root their executables are not told."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.getsid(int(folder.name)) == self.process.pid:
                    yield int(folder.name), (folder / "comm").read_text().rstrip("\n")
            except OSError:  # it ended meanwhile
                pass

    def roles(self, program):
        return [pid for pid, name in self.processes() if name == program]

    def limit_descriptors(self, count):
        """Of the proxies alone. Of a user's roles together, those of other tests too, the kernel counts descriptors that are
        under way in sockets, and postern-socket would be at its limit for them."""
        for pid in self.roles("postern-proxy"):
            command = ["prlimit", f"--pid={pid}", f"--nofile={count}:{count}"]  # their own user may, and root only with a capability
            others = os.geteuid() == 0 and sandboxed()  # without a sandbox they are root's like we
            subprocess.run([*(as_nobody() if others else []), *command], check=True)

    def resident_kib(self):
        """Of all its processes. A sanitizer's keep what was freed, and more: they are counted for half."""
        total = 0
        for pid, _ in self.processes():
            total += int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])
        return total if sandboxed() else total // 2

    def cpu_ticks(self):
        total = 0
        for pid, _ in self.processes():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total

    def run_to_end(self):
        """For starts that must fail: the exit status and what stood on stderr."""
        done = subprocess.run(self.command(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=PATIENCE_S)
        return done.returncode, done.stderr

    def stderr(self):
        return "\n".join(self.said)

    def stop(self):
        try:
            self.stop_daemon()
        finally:
            self.scratch.remove()

    @staticmethod
    def runs(group):
        """Is there a process of it that is not dead already? A leak checker killed at its work leaves its helper to init."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == group and (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                    return True
            except OSError:  # it ended meanwhile
                pass
        return False

    def stop_daemon(self):
        """Ends posternd, keeps its folder. Fails when it did not end well, left a process behind, or a sanitizer spoke."""
        process, self.process = self.process, None
        if not process:
            return
        group_left = False
        if process.poll() is None:
            process.terminate()
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            status = None
        else:
            group_left = self.runs(process.pid)
        end_process(process)
        self.reader.join(5)
        process.stderr.close()
        said = self.stderr()
        if status != 0:
            raise AssertionError(f"posternd ended with {status} on SIGTERM; it said:\n{said}")
        if group_left:
            raise AssertionError(f"posternd left processes behind; it said:\n{said}")
        for word in ("Sanitizer", "runtime error:"):
            if word in said:
                raise AssertionError(f"a sanitizer spoke:\n{said}")

    # -- its log

    def all_records(self):
        file = self.dir / self.LOG
        if not file.exists():
            return []
        lines = file.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]  # the last one may still be in writing

    def forget(self):
        """Draws a line under the sessions so far; their last records may still come."""
        self.since = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def records(self, **fields):
        """The records of sessions opened since forget(), and of none, whose fields have these values."""
        found, began = [], {}
        for r in self.all_records():
            session = r.get("session")
            if began.setdefault(session, r["time"]) >= self.since or session is None and r["time"] >= self.since:
                found.append(r)
        return [r for r in found if all(r.get(k) == v for k, v in fields.items())]

    def wait_records(self, count=1, **fields):
        wait_for(lambda: f"{count} log records with {fields}; there are:\n" + self.show_log(),
                 lambda: len(self.records(**fields)) >= count)
        return self.records(**fields)

    def wait_sessions_closed(self, count=1):
        """Until each session is closed in the log, at least @count of them."""
        def closed():
            ended = {r["session"] for r in self.records(event="session-close")}
            return len(ended) >= count and {r["session"] for r in self.records(event="session-open")} <= ended
        wait_for(lambda: f"all sessions, {count} or more, to be closed in the log:\n" + self.show_log(), closed)

    def show_log(self):
        return "\n".join(json.dumps(r) for r in self.records())

    # -- the administrator's tool

    def tool(self, *arguments, **more):
        return subprocess.run([self.program("cli/postern"), "-c", str(self.dir), *map(str, arguments)],
                              capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, **more)

    def status(self):
        """What "show status" tells: its parts, each with the keys proxy/control.h lists."""
        done = self.tool("--json", "show", "status")
        if done.returncode:
            raise AssertionError(f"show status: {done.stderr}; posternd said:\n" + self.stderr())
        return json.loads(done.stdout)

    def ready(self, program):
        """Process ids of those that serve, as posternd tells."""
        return [r["pid"] for r in self.status()["roles"] if r["program"] == program and r["state"] == "ready"]


PUBLISH = """version 1
set protected { members in.test }
publish inspected {
    external        127.0.0.1:{external}
    internal        127.0.0.1:{internal}
    inspect         commands internet
    recipients      in protected
    client-address  gateway
    limit           connections 200 per client, 400 total
    limit           rate 100000 per 1m per client
    log             sessions, denials, commands, messages
}
"""

PASS = """version 1
publish passed {
    external        127.0.0.1:{external}
    internal        127.0.0.1:{internal}
    pass
    client-address  gateway
    log             sessions
}
"""
