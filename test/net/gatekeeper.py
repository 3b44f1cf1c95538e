# SPDX-License-Identifier: ISC
"""postern-gate and postern-verdict as posternd would run them, with its kernel rules made by hand (root)

    with lab.gateway.begin(Gatekeeper(lab.gateway, RULES)) as gate:
        gate.divert({25: PUBLISHED})           # iptables: see rules() below
        ...
        gate.records(code="PN1002")

filter/gate/roles.h is the contract. What is logged is kept here; there is no postern-log.
"""
import array
import contextlib
import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from fixture import BUILD, SRC, Fixture, Scratch, guard, sandboxed, wait_for

NFNL_QUEUE, NFNL_CONNTRACK, NFNL_ULOG = 3, 1, 4
NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 12, 270, 1
SO_RCVBUFFORCE = 33
QUEUE, COPY = 525, 128
LANE_MASK = 0xff000000
RESET, REFUSE = 255, 254


def numbers(header, enum):
    """{name: number} of an enum of the sources, without its prefix: they are the build's own affair."""
    text = re.sub(r"(?s)/\*.*?\*/", "", (SRC / header).read_text())
    found, last = {}, -1
    for item in re.search(r"enum %s \{(.*?)\}" % enum, text, re.S)[1].split(","):
        name, _, value = (part.strip() for part in item.partition("="))
        if name:
            last = found[name] = last + 1 if not value else int(value) if value.isdigit() else TALK[value]
    return found


TALK = {}
TALK = numbers("base/talk.h", "talk")
GATE = numbers("filter/gate/roles.h", "gate_message")
READY, PONG, PING, SESSIONS, KILLED, STOP, MEMBERS, ASK_SESSIONS, KILL = (
    TALK["ROLE_" + name] for name in "READY PONG PING SESSIONS KILLED STOP MEMBERS ASK_SESSIONS KILL".split())
HOLD, RULES, GO, DEAD, HELD, RULED, FAULT = (
    GATE["GATE_" + name] for name in "HOLD RULES GO DEAD HELD RULED FAULT".split())
MARK = 0x5073


def lane_mark(lane):
    return f"{lane << 24:#x}/{LANE_MASK:#x}"


def netlink():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)


def attribute(kind, octets):
    return struct.pack("=HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def configure(sock, *attributes, command=NFNL_QUEUE << 8 | 2):
    body = struct.pack("!BBH", 0, 0, QUEUE) + b"".join(attributes)
    sock.send(struct.pack("=IHHII", 16 + len(body), command, 5, 1, 0) + body)  # REQUEST | ACK
    error = struct.unpack("=i", sock.recv(4096)[16:20])[0]
    if error:
        raise OSError(-error, "queue")


def bound_queue(copy=COPY, room=1 << 20, length=1024):
    sock = netlink()
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
    configure(sock, attribute(1, struct.pack("!BBH", 1, 0, 0)))        # NFQA_CFG_CMD: BIND
    configure(sock, attribute(2, struct.pack("!IB", copy, 2)))         # NFQA_CFG_PARAMS: COPY_PACKET
    configure(sock, attribute(3, struct.pack("!I", length)))           # NFQA_CFG_QUEUE_MAXLEN
    return sock


def bound_log(room=1 << 20):
    sock = netlink()
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
    configure(sock, attribute(1, b"\1"), command=NFNL_ULOG << 8 | 1)                       # NFULA_CFG_CMD: BIND
    configure(sock, attribute(2, struct.pack("!IBB", 4224, 2, 0)),                          # NFULA_CFG_MODE: COPY_PACKET
              attribute(5, struct.pack("!I", 1)), command=NFNL_ULOG << 8 | 1)               # NFULA_CFG_QTHRESH
    return sock


def joined_track(room=1 << 20):
    sock = netlink()
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
    for group in 1, 2, 3:
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return sock


class Role:
    """A program with these descriptors from 3 on; its control messages."""

    def __init__(self, program, words, files):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = tempfile.mkdtemp()
        with contextlib.ExitStack() as stack:
            empty = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            stack.callback(os.close, empty)
            os.rmdir(folder)
            numbers = [os.dup(f.fileno() if hasattr(f, "fileno") else f) for f in [empty, theirs, *files]]
            high = [self.above(n, 200) for n in numbers]
            for n in numbers + high:
                stack.callback(os.close, n)
            theirs.close()
            path = BUILD / "filter/gate" / program
            argv = [program, "61010:62010:3:%s" % ("required" if sandboxed() else "optional"), *words, *(str(4 + i) for i in range(len(files) + 1))]
            actions = [(os.POSIX_SPAWN_DUP2, n, 3 + i) for i, n in enumerate(high)]
            self.pid = os.posix_spawn(path, argv, os.environ, file_actions=actions, setpgroup=0)
        guard.tell(f"+{self.pid}")
        self.alive = True
        self.layers = struct.unpack("=I", self.expect(READY)[0])[0]

    @staticmethod
    def above(fd, least):
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)

    def send(self, kind, body=b"", fd=None):
        head = struct.pack("=HHI", MARK, kind, len(body))
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.control.sendmsg([head + body], rights)

    def expect(self, kind, timeout=20):
        if not select.select([self.control], [], [], timeout)[0]:
            raise AssertionError(f"no message {kind}")
        octets, fds, _, _ = socket.recv_fds(self.control, 1 << 17, 4)
        if not octets:
            raise AssertionError("it has ended")
        mark, got, size = struct.unpack("=HHI", octets[:8])
        if (mark, got, size) != (MARK, kind, len(octets) - 8):
            raise AssertionError(f"expected message {kind}, got {got}: {octets[8:]!r}")
        return octets[8:], fds

    def ask(self, kind, answer, body=b"", fd=None):
        self.send(kind, body, fd)
        return self.expect(answer)

    def pong(self):
        return dict(zip(("sessions", "opened", "refused", "messages", "dropped", "lent"),
                        struct.unpack("=6Q", self.ask(PING, PONG)[0])))

    def kill(self):
        """At once; the status of its end."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        if self.alive:
            self.alive = False
            self.status = os.waitpid(self.pid, 0)[1]
            guard.tell(f"-{self.pid}")
            self.control.close()
        return self.status


class Gatekeeper(Fixture):
    """Both roles, with what they are handed kept here so that each can be started anew."""

    def __init__(self, host, rules, conf="version 1\n", track_room=1 << 20, queue_room=1 << 20, copy=COPY):
        self.host, self.rules, self.conf = host, rules, conf
        self.track_room, self.queue_room, self.copy = track_room, queue_room, copy
        self.gate = self.writer = None
        self.lines, self.chains, self.open = [], [], []

    def start(self):
        self.scratch = Scratch("pn-gate-")
        self.queue, self.track = bound_queue(self.copy, self.queue_room), joined_track(self.track_room)
        self.copies = bound_log()
        self.verdicts = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log, self.log_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.lanes = b""
        self.bundle, self.counts, _ = self.parts(self.rules)
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        self.start_writer()
        self.start_gate()

    def stop(self):
        for role in self.gate, self.writer:
            if role:
                role.kill()
        self.clear()
        for sock in (self.queue, self.track, self.copies, *self.verdicts, self.log_theirs):
            sock.close()
        self.reader.join()
        self.log.close()
        for fd in self.open:
            os.close(fd)
        self.scratch.remove()

    def parts(self, rules):
        """Bundle, counts and ledger; the lanes are kept."""
        folder = self.scratch.path / "conf"
        folder.mkdir(exist_ok=True)
        (folder / "rules.conf").write_text(rules)
        (folder / "postern.conf").write_text(self.conf)
        before = self.scratch.path / "lanes"
        before.write_bytes(self.lanes)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            done = subprocess.run([BUILD / "test/net/gate_parts", str(theirs.fileno()), folder, before],
                                  pass_fds=[theirs.fileno()], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(done.stderr)
            self.lanes, fds, _, _ = socket.recv_fds(ours, 1 << 16, 3)
        self.open += fds
        return fds

    def lane(self, name, internal="-"):
        """The number of a rule's lane."""
        for line in self.lanes.decode().splitlines()[1:]:
            number, *key = line.split(" ")
            if key == [name, internal]:
                return int(number)
        raise AssertionError(f"no lane {name} {internal} in {self.lanes!r}")

    # -- roles

    def start_writer(self):
        self.writer = Role("postern-verdict", [], [self.queue, self.track, self.verdicts[1]])

    def start_gate(self, judge=True):
        ledger = self.parts(self.rules)[2]
        self.gate = Role("postern-gate", ["7"],
                         [self.log_theirs, self.counts, ledger, self.queue, self.track, self.verdicts[0], self.copies])
        if judge:
            self.judge_by(self.rules)

    def judge_by(self, rules):
        self.bundle = self.parts(rules)[0]
        self.gate.ask(RULES, RULED, self.lanes, self.bundle)

    def sessions(self):
        _, fds = self.gate.ask(ASK_SESSIONS, SESSIONS)
        if not fds:
            return []
        with os.fdopen(fds[0]) as f:
            f.seek(0)  # where it stands is shared with who wrote it
            return [json.loads(line) for line in f]

    def members(self, *lines):
        fd = os.memfd_create("members", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(fd, "".join(line + "\n" for line in ("members 1", *lines)).encode())
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 15)
        self.gate.send(MEMBERS, fd=fd)
        os.close(fd)

    def dead(self, *servers):
        body = b""
        for address, port in servers:
            family = 6 if ":" in address else 4
            octets = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address)
            body += struct.pack("=I16sHxx", family, octets, port)
        self.gate.send(DEAD, body)

    # -- records

    def read_log(self):
        while octets := self.log.recv(1 << 17):
            self.lines += [json.loads(line) for line in octets.splitlines()]

    def records(self, **want):
        return [r for r in list(self.lines) if all(r.get(k) == v for k, v in want.items())]

    def wait_records(self, n=1, timeout=20, **want):
        wait_for(lambda: f"{n} records {want}; there are {self.lines}", lambda: len(self.records(**want)) >= n, timeout)
        return self.records(**want)

    # -- the kernel's part

    def rule(self, family, *words):
        program = "iptables" if family == 4 else "ip6tables"
        self.host.must(program, "-w", *words)
        self.chains.append((program, words))

    def clear(self):
        """The rules made by hand, the last one first; they are this namespace's alone."""
        while self.chains:
            program, words = self.chains.pop()
            undo = [{"-A": "-D"}.get(str(w), str(w)) for w in words]
            self.host.must(program, "-w", *undo)

    def divert(self, published, port, ways):
        """The first packets for the published addresses and port go to the gate; @ways: lane -> words of a rule in nat,
        by family."""
        none = lane_mark(0)
        for family, address in published.items():
            tcp = ["-p", "tcp", "-d", address, "--dport", port]
            mangle = ["-t", "mangle", "-A", "PREROUTING", *tcp]
            self.rule(family, *mangle, "--syn", "-m", "connmark", "--mark", none, "-m", "mark", "--mark", none,
                      "-j", "NFQUEUE", "--queue-num", QUEUE)
            self.rule(family, *mangle, "-m", "mark", "!", "--mark", none,
                      "-j", "CONNMARK", "--save-mark", "--nfmask", LANE_MASK, "--ctmask", LANE_MASK)
            self.rule(family, *mangle, "-j", "MARK", "--set-xmark", none)
            for lane, words in ways.get(family, {}).items():
                self.rule(family, "-t", "nat", "-A", "PREROUTING", *tcp, "-m", "connmark", "--mark", lane_mark(lane), *words)
            self.rule(family, "-A", "INPUT", *tcp, "-m", "connmark", "--mark", lane_mark(RESET),
                      "-j", "REJECT", "--reject-with", "tcp-reset")
            self.rule(family, "-A", "INPUT", *tcp, "-j", "DROP")
