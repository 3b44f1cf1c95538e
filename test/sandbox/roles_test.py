# SPDX-License-Identifier: ISC
"""What each running role may do is what the table of base/role.c says; what it may not is tried from inside.

    POSTERN_BUILD=build roles_test.py INJECT ROLES

Needs root: it looks into processes of other users, and makes itself users in a mount namespace of its own.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "proxy"))

from support import FakeServer, Postern, RawClient, free_port, main, rules, wait_for  # noqa: E402
from fixture import NOBODY, Scratch, certificate, sandboxed  # noqa: E402

INJECT, ROLES = (os.path.abspath(p) for p in sys.argv[1:3])
del sys.argv[1:3]

WORKERS = 8
CONF = 'version 1\nmode direct\nhostname gw.test\nstate "{dir}/state"\n'
USERS = {"postern-log": (61001, 62001), "postern-socket": (61002, 62002), "postern-proxy": (61003, 62003),
         "postern-gate": (61004, 62004), "postern-verdict": (61005, 62005),
         "postern-relay": (61006, 62006), "postern-key": (61007, 62007), "postern-auth": (61008, 62008),
         "postern-resolve": (61009, 62009)}
SIGSYS = "killed by SIGSYS"
RELAY = """
    set d { members in.test }
    certificate c { chain "{cert}"; key "{key}" }
    auth a { via file "{passwords}"; mechanisms PLAIN }
    auth b { via pam "other"; mechanisms PLAIN }
    route away { domains d; next-hop 127.0.0.1:{internal}; tls none }
    relay r { listen 127.0.0.1:%d starttls certificate c; auth a; recipients in d; deliver away }
    relay s { listen 127.0.0.1:%d starttls certificate c; auth b; recipients in d; deliver away }
"""
MANAGED = {"postern-kernel", "postern-gate", "postern-verdict"}  # only run in "mode managed"
OTHERS = MANAGED | {"postern-resolve"}  # runs where a relay asks DNS

server = None
table = {}
scratch = None


def setUpModule():
    global server, scratch
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    if not sandboxed():
        raise unittest.SkipTest("this build has no sandbox")
    if subprocess.run([INJECT, "0", "getpid"], capture_output=True).returncode == 77:
        raise unittest.SkipTest("inject does not know this architecture")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        raise unittest.SkipTest("mount namespaces are forbidden here")
    for line in subprocess.run([ROLES], capture_output=True, text=True, check=True).stdout.splitlines():
        row = json.loads(line)
        table.setdefault(row["program"], row)  # posternd of "mode managed" has a row behind its first
    server = unittest.enterModuleContext(FakeServer())
    scratch = Scratch("pn-users-")
    unittest.addModuleCleanup(scratch.remove)


def accounts(users):
    """What to put before a command, so that it sees these users of ours and no others: {name: (uid, gid)}."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch.path))
    for name, line in ("passwd", "{0}:x:{1}:{2}::/nonexistent:/usr/sbin/nologin\n"), ("group", "{0}:x:{2}:\n"):
        others = [l for l in pathlib.Path("/etc", name).read_text().splitlines(True) if not l.startswith("postern")]
        ours = [line.format(user, *ids) for user, ids in users.items()]
        (folder / name).write_text("".join(others + ours))
    return ["unshare", "-m", "/bin/sh", "-ec",
            'mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/group" /etc/group; exec "$@"', str(folder)]


def gateway(conf=CONF, **more):
    relay = free_port()
    cert, key = certificate()
    passwords = scratch.path / "passwords"
    passwords.touch(0o600)
    for path in key, passwords:  # whoever posternd is, nobody else
        if os.geteuid() == 0:
            os.chown(path, 65534 if more.get("unprivileged") else 0, -1)
    gate = Postern(rules(after=RELAY % (relay, free_port())), conf=conf + "workers %d\n" % WORKERS, external=free_port(), internal=server.port,
                   cert=cert, key=key, passwords=passwords, **more)
    gate.listens = {"postern-proxy": gate.external, "postern-relay": relay}
    return gate


def status(pid):
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def kinds_of_descriptors(pid):
    """What the numbers above the standard three are: socket, memfd:NAME, anon_inode:NAME, or a path."""
    kinds = set()
    for fd in pathlib.Path("/proc/%d/fd" % pid).iterdir():
        if int(fd.name) > 2:
            try:
                link = os.readlink(fd)
            except FileNotFoundError:  # a socket in hand, given away meanwhile
                continue
            kinds.add(re.sub(r":\[[0-9]+\]$", "", link).removeprefix("/").removesuffix(" (deleted)") if not link.startswith("/")
                      else "memfd" if link.startswith("/memfd:postern-") else link)
    return kinds


def told(gate):
    """{program: its words on the sandbox} of `show status`."""
    shown = gate.tool("show", "status", "--json")
    return {r["program"]: r["sandbox"] for r in json.loads(shown.stdout)["roles"]}


class Roles(unittest.TestCase):
    maxDiff = None

    def session(self, gate):
        with RawClient(gate.external) as c:
            c.expect(220)
            c.command("QUIT", 221)

    # -- what the system says of them

    def assert_privileges(self, gate, ids, baseline):
        """@ids: of the program as root; None: they have those of posternd, as all else but what it gave up."""
        seen = {}
        for pid, program in gate.processes():
            seen[program] = seen.get(program, 0) + 1
            with self.subTest(program=program):
                self.assert_row(pid, table[program], ids(program), baseline)
        self.assertEqual(seen, {"posternd": 1, "postern-log": 1, "postern-proxy": WORKERS, "postern-relay": WORKERS, "postern-key": 1, "postern-auth": 1, "postern-pam": 1,
                                **({"postern-socket": 1} if ids("postern-proxy") else {})})
        layers = told(gate)
        for program, words in layers.items():
            wanted = [l for l in table[program]["layers"] if ids(program) or l not in ("root", "ids")]
            self.assertEqual(words, ", ".join(wanted))

    def assert_row(self, pid, row, ids, baseline):
        s = status(pid)
        have = int(baseline["CapPrm"], 16)
        keeps, children = row["keeps"] & have, row["keeps"] & row["children"] & have
        is_role = "seccomp" in row["layers"]
        if ids and row["user"]:
            self.assertEqual(s["Uid"].split(), [str(ids[0])] * 4)
            self.assertEqual(s["Gid"].split(), [str(ids[1])] * 4)
            self.assertEqual(s["Groups"].split(), [])
        elif not ids:
            keeps = children = 0
            self.assertEqual(s["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(int(s["CapInh"], 16), 0)
        self.assertEqual(int(s["CapPrm"], 16), keeps)
        self.assertEqual(int(s["CapEff"], 16), keeps)
        self.assertEqual(int(s["CapAmb"], 16), 0)
        if ids:
            self.assertEqual(int(s["CapBnd"], 16), children)
        self.assertEqual(s["NoNewPrivs"].strip(), "1")
        filters = int(baseline.get("Seccomp_filters", 0))
        self.assertEqual(s["Seccomp"].strip(), "2" if is_role or filters else "0")
        if "Seccomp_filters" in s:
            self.assertEqual(int(s["Seccomp_filters"]), filters + is_role)

    def assert_roots(self, gate):
        for pid, program in gate.processes():
            root = pathlib.Path("/proc/%d/root" % pid)
            if program in ("posternd", "postern-pam"):
                self.assertEqual(os.readlink(root), "/")
            elif program == "postern-log":
                self.assertEqual(os.listdir(root), ["log.json"])
                self.assertTrue(os.path.samestat(os.stat(str(root) + "/"), os.stat(gate.dir / "state/log")))
            else:
                self.assertEqual(os.listdir(root), [])
                self.assertEqual(os.stat(str(root) + "/").st_nlink, 0, "it has a name no more")
            if program not in ("posternd", "postern-pam"):
                self.assertTrue(os.path.samestat(os.stat("/proc/%d/cwd/" % pid), os.stat(str(root) + "/")))

    def assert_descriptors(self, gate):
        log = {str(gate.dir / "state/log"), str(gate.dir / "state/log/log.json")}
        allowed = {
            "postern-proxy": {"socket", "memfd", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[signalfd]", "pipe"},
            "postern-socket": {"socket"},
            "postern-relay": {"socket", "memfd", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[signalfd]"},
            "postern-key": {"socket", "memfd", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[signalfd]"},
            "postern-auth": {"socket", "memfd", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[signalfd]"},
            "postern-pam": {"socket", "memfd", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[signalfd]"},
            "postern-log": {"socket", "anon_inode:[signalfd]", "log.json", "/", *log},
        }
        for pid, program in gate.processes():
            if program in allowed:
                with self.subTest(program=program):
                    self.assertEqual(kinds_of_descriptors(pid) - allowed[program], set())

    # -- what an intruder would try

    def inject(self, pid, *words):
        run = subprocess.run([INJECT, str(pid), *map(str, words)], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.split(": ", 1)[1].rstrip("\n")

    @staticmethod
    def listener_of(pid, port):
        """The number of a descriptor of the process that listens on the port of 127.0.0.1."""
        rows = [l.split() for l in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {r[9] for r in rows if r[1] == "0100007F:%04X" % port and r[3] == "0A"}
        for fd in pathlib.Path("/proc/%d/fd" % pid).iterdir():
            if os.readlink(fd)[8:-1] in inodes:
                return int(fd.name)
        raise AssertionError("it listens nowhere")

    @staticmethod
    def some_socket_of(pid):
        for fd in pathlib.Path("/proc/%d/fd" % pid).iterdir():
            if os.readlink(fd).startswith("socket:"):
                return int(fd.name)
        raise AssertionError("it has no socket")

    def try_all(self, gate, program, answers):
        """@answers: call -> pattern of what comes of it, SIGSYS where none is named."""
        other = gate.process.pid
        for call in "open", "socket-inet", "socket-packet", "execve", "ptrace", "bind", "kill", "io_uring_setup":
            pid = wait_for("the role", lambda: self.ready(gate, program))
            words = [call]
            if call == "bind":
                words.append(self.listener_of(pid, gate.listens[program]) if program in gate.listens else self.some_socket_of(pid))
            elif call == "kill":
                words.append(other)
            with self.subTest(program=program, call=call):
                said = self.inject(pid, *words)
                self.assertRegex(said, "^(%s)$" % answers.get(call, SIGSYS))
                if said == SIGSYS:
                    self.assertNotEqual(wait_for("another one", lambda: self.ready(gate, program, pid)), pid)
                else:
                    os.kill(pid, 0)
                self.session(gate)
        self.assertIsNone(gate.process.poll())

    def ready(self, gate, program, gone=0):
        """A process of the program, all of which are ready, and none is the one that is gone; of proxies that one that was
        started again the fewest times, whose rest will be shortest."""
        facts = [r for r in json.loads(gate.tool("show", "status", "--json").stdout)["roles"] if r["program"] == program]
        if any(f["state"] != "ready" or f["pid"] == gone for f in facts):
            return None
        return min(facts, key=lambda f: f["restarts"])["pid"]

    LANDLOCKED = "-13 EACCES|-2 ENOENT"

    def test_as_root_with_one_user(self):
        baseline = status(os.getpid())
        with gateway(CONF + "user nobody\n") as gate:
            self.session(gate)
            self.assert_privileges(gate, lambda program: (NOBODY, NOBODY), baseline)
            self.assert_roots(gate)
            self.assert_descriptors(gate)
            self.assertEqual({p for _, p in gate.processes()}, set(table) - OTHERS)

    def test_as_root_with_a_user_for_each(self):
        baseline = status(os.getpid())
        with gateway(prefix=accounts(USERS)) as gate:
            self.session(gate)
            self.assert_privileges(gate, lambda program: USERS.get(program, (0, 0)), baseline)
            self.assert_roots(gate)
            self.try_all(gate, "postern-proxy", {"bind": "-13 EACCES"})
            self.try_all(gate, "postern-relay", {"bind": "-13 EACCES"})
            self.try_all(gate, "postern-key", {})
            self.try_all(gate, "postern-auth", {})
            self.try_all(gate, "postern-socket", {"socket-inet": "[0-9]+"})
            self.try_all(gate, "postern-log", {"open": self.LANDLOCKED})
            killed = gate.wait_records(20, code="PN8003")
            self.assertEqual({r["role"] for r in killed}, set(USERS) - OTHERS)
            self.assert_privileges(gate, lambda program: USERS.get(program, (0, 0)), baseline)

    def test_without_root(self):
        with gateway(unprivileged=True) as gate:
            self.session(gate)
            self.assert_privileges(gate, lambda program: None, {"CapPrm": "0", "Seccomp_filters": status(os.getpid()).get("Seccomp_filters", 0)})
            self.assert_descriptors(gate)
            self.try_all(gate, "postern-proxy", {"bind": "-13 EACCES", "socket-inet": "[0-9]+"})
            self.try_all(gate, "postern-log", {"open": self.LANDLOCKED})

    # -- what is missing

    def test_a_missing_user_is_refused(self):
        for conf in CONF, CONF + "require-sandbox yes\n":
            gate = gateway(conf, prefix=accounts({"postern-log": (61001, 62001)}))
            code, said = gate.run_to_end()
            gate.scratch.remove()
            self.assertEqual(code, 78, said)
            self.assertIn('posternd: error: no user "postern-proxy" on this host', said)
            self.assertNotIn('"postern-log"', said)

    def test_a_user_that_is_root_is_refused(self):
        for conf, prefix in (CONF + "user root\n", []), (CONF, accounts({**USERS, "postern-proxy": (61003, 0)})):
            gate = gateway(conf, prefix=prefix)
            code, said = gate.run_to_end()
            gate.scratch.remove()
            self.assertEqual(code, 78, said)
            self.assertRegex(said, r'posternd: error: user "(root|postern-proxy)" .*root')

    def test_what_is_missing_is_told_where_it_is_not_required(self):
        users = dict(USERS)
        del users["postern-proxy"]
        with gateway(CONF + "require-sandbox no\n", prefix=accounts(users)) as gate:
            self.session(gate)
            self.assertIn('posternd: warning: no user "postern-proxy" on this host', gate.stderr())
            words = told(gate)
            self.assertEqual(words["postern-proxy"], "missing: root, ids; capabilities, no-new-privs, Landlock, seccomp")
            self.assertNotIn("missing", words["postern-log"])
            self.assertIn("missing: root, ids", gate.tool("show", "status").stdout)


if __name__ == "__main__":
    main()
