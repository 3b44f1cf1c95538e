# SPDX-License-Identifier: ISC
"""posternd as the keeper of its roles: signals at awkward moments, reloads, its control socket."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from support import LOOPBACK, FakeServer, Postern, RawClient, Script, free_port, gateway, main, rules, wait_for
from fixture import BUILD, Scratch  # support.py knows where it is

MARK = 0x5073
STATUS, SESSIONS, SET_ADD, APPLY, CONFIRM, ROLLBACK = 1, 2, 5, 8, 9, 10
TEXT, FILE, DONE = 100, 101, 102

MESSAGE = (b"220 ready\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")


class Tool:
    """One connection to the control socket."""

    def __init__(self, gate):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(30)
        self.sock.connect(str(gate.dir / "control"))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def ask(self, kind, body=b""):
        self.sock.send(struct.pack("=HHI", MARK, kind, len(body)) + body)
        return self

    def answer(self):
        """(exit code, text of CONTROL_DONE, what stood in CONTROL_TEXT)."""
        before = b""
        while True:
            octets, fds, _, _ = socket.recv_fds(self.sock, 70000, 8)
            for fd in fds:
                os.close(fd)
            if not octets:
                raise AssertionError("posternd closed the connection")
            _, kind, _ = struct.unpack("=HHI", octets[:8])
            if kind == DONE:
                return struct.unpack("=I", octets[8:12])[0], octets[12:].decode(), before.decode()
            before += octets[8:]


def ask(gate, kind, body=b""):
    with Tool(gate) as tool:
        return tool.ask(kind, body).answer()


class own_programs:
    """A folder of roles that may be told to do something else before they begin."""

    def __init__(self):
        self.scratch = Scratch("pn-libexec-")
        self.prefix = ["env", "POSTERN_LIBEXEC=%s" % self.scratch.path]
        for name, path in ("postern-proxy", "proxy"), ("postern-socket", "proxy"), ("postern-log", "log"):
            program = self.scratch.path / name
            program.write_text("#!/bin/sh\n. %s.first\nexec %s/%s/%s \"$@\"\n" % (program, BUILD, path, name))
            program.chmod(0o755)
            self.say(name, "")

    def say(self, name, words):
        (self.scratch.path / (name + ".first")).write_text(words + "\n:\n")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.scratch.remove()


class Ends(unittest.TestCase):
    def message_under_way(self, gate):
        c = RawClient(gate.external)
        c.expect(220)
        for line, code in ("EHLO c.test", 250), ("MAIL FROM:<a@c.test>", 250), ("RCPT TO:<b@in.test>", 250), ("DATA", 354):
            c.command(line, code)
        c.send(b"Subject: long\r\n\r\nfirst\r\n")
        return c

    def test_a_message_under_way_may_end_after_sigterm(self):
        def play(sock):
            for text in MESSAGE:
                sock.sendall(text)
                sock.recv(65536)
            got = b""
            while not got.endswith(b"\r\n.\r\n"):
                got += sock.recv(65536)
            sock.sendall(b"250 taken\r\n")
            sock.recv(65536)
        with Script(play) as server, gateway(rules(), server.port, workers=1) as gate:
            c = self.message_under_way(gate)
            gate.process.terminate()
            time.sleep(1.5)  # a few rounds of posternd's clock
            c.send(b"last\r\n.\r\n")
            c.expect(250)
            c.sock.close()
            self.assertEqual(gate.process.wait(20), 0)


class Failures(unittest.TestCase):
    def test_sigusr1_while_the_log_role_starts_does_not_end_it(self):
        with gateway(rules(), 1) as gate:
            for _ in range(5):
                os.kill(gate.roles("postern-log")[0], signal.SIGKILL)
                for _ in range(200):
                    gate.process.send_signal(signal.SIGUSR1)
                    time.sleep(0.0005)
                time.sleep(0.5)
            self.assertNotIn("User defined signal", gate.stderr())
            self.assertEqual(len(gate.wait_records(5, code="PN8003")), 5)

    def test_the_log_role_keeps_its_file_until_a_restart(self):
        with gateway(rules(), 1) as gate:
            gate.write("postern.conf", Postern.CONF + 'log json "{dir}/state/log/other.json"\n')
            self.assertIn("restart posternd", ask(gate, APPLY, b"0")[1])
            os.kill(gate.roles("postern-log")[0], signal.SIGKILL)
            gate.wait_records(code="PN8003")
            self.assertFalse((gate.dir / "state/log/other.json").exists())

    def test_a_generation_that_cannot_start_says_which_role_and_no_other(self):
        with own_programs() as programs, gateway(rules(), 1, workers=3, prefix=programs.prefix) as gate:
            first = set(gate.roles("postern-proxy"))
            programs.say("postern-proxy", "[ $2 = 4 ] && kill -KILL $$; kill -STOP $$")  # the second of the new
            code, text, _ = ask(gate, APPLY, b"0")
            self.assertEqual(code, 69)
            self.assertIn("nothing was changed", text)
            told = [line for line in gate.said if "ended unexpectedly" in line]
            self.assertEqual(len(told), 1, told)
            self.assertIn("signal 9", told[0])
            self.assertEqual(len(gate.wait_records(code="PN8003")), 1)
            wait_for("those that were killed to be gone", lambda: set(gate.roles("postern-proxy")) == first)
            programs.say("postern-proxy", "")
            self.assertEqual(ask(gate, APPLY, b"0")[0], 0)


class Reloads(unittest.TestCase):
    def status(self, gate, what):
        return [f for f in map(json.loads, ask(gate, STATUS)[2].splitlines()) if f["what"] == what]

    def listens(self, gate):
        return {f["port"] for f in self.status(gate, "listener")}

    def test_sighup_while_a_reload_is_under_way_is_not_lost(self):
        with own_programs() as programs, gateway(rules(), 1, prefix=programs.prefix) as gate:
            programs.say("postern-proxy", "sleep 0.7")
            gate.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            gate.process.send_signal(signal.SIGHUP)
            wait_for("the second", lambda: self.listens(gate) == {gate.external})

    def test_sighup_before_it_is_ready_is_not_lost(self):
        with own_programs() as programs:
            programs.say("postern-log", "sleep 1")
            gate = gateway(rules(), 1, prefix=programs.prefix)
            starting = threading.Thread(target=gate.start)
            starting.start()
            wait_for("the log role", lambda: gate.process and any(name == "posternd" for _, name in gate.processes())
                     and (gate.dir / "control").exists())
            time.sleep(0.3)
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            gate.process.send_signal(signal.SIGHUP)
            starting.join()
            try:
                wait_for("the new rules", lambda: self.listens(gate) == {gate.external})
            finally:
                gate.stop()

    def test_sigterm_before_it_is_ready(self):
        with own_programs() as programs:
            programs.say("postern-log", "sleep 1")
            gate = gateway(rules(), 1, prefix=programs.prefix)
            gate.process = gate_process = subprocess.Popen(gate.command(), stderr=subprocess.PIPE, text=True)
            wait_for("the control socket", (gate.dir / "control").exists)
            time.sleep(0.3)
            gate_process.terminate()
            _, said = gate_process.communicate(timeout=20)
            self.assertEqual((gate_process.returncode, said), (0, ""))
            gate.scratch.remove()

    def test_what_was_before_returns_also_when_it_is_not_on_disk(self):
        with gateway(rules(), 1) as gate:
            before = gate.external
            shutil.rmtree(gate.dir / "state/generations")
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            self.assertIn("within 1 s or generation 1 returns", ask(gate, APPLY, b"1")[1])
            wait_for("its return", lambda: self.listens(gate) == {before})
            self.assertNotIn("confirm_left_s", self.status(gate, "daemon")[0])

    def test_what_cannot_return_is_tried_until_it_can(self):
        with gateway(rules(), 1) as gate:
            before = gate.external
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            self.assertEqual(ask(gate, APPLY, b"2")[0], 0)
            taken = wait_for("the port to be free", lambda: self.take(before))
            wait_for("the first attempt", lambda: "another program listens there" in gate.stderr())
            self.assertEqual(self.listens(gate), {gate.external})
            taken.close()
            wait_for("its return", lambda: self.listens(gate) == {before})

    @staticmethod
    def take(port):
        try:
            return socket.create_server((LOOPBACK, port), reuse_port=False)
        except OSError:
            return None

    def test_a_confirmed_one_stays(self):
        with gateway(rules(), 1) as gate:
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            self.assertEqual(ask(gate, APPLY, b"1")[0], 0)
            self.assertEqual(ask(gate, CONFIRM)[0], 0)
            self.assertEqual(ask(gate, CONFIRM)[0], 1)
            time.sleep(1.5)
            self.assertEqual(self.listens(gate), {gate.external})

    def test_of_history_only_what_can_be_carried_out_is_taken(self):
        with gateway(rules(), 1) as gate:
            kept = gate.dir / "state/generations/1"
            text = kept.read_bytes()
            host = text.replace(b"mode direct", b"mode managed")
            # the sizes that stand before the text
            grown = len(host) - len(text)
            self.assertGreater(grown, 0)
            kept.write_bytes(resized(host, grown))
            gate.values["external"] = free_port()
            gate.write("rules.conf", rules())
            self.assertEqual(ask(gate, APPLY, b"0")[0], 0)
            code, said, _ = ask(gate, ROLLBACK, b"1")
            self.assertEqual(code, 78, said)
            self.assertIn("restart" if os.geteuid() == 0 else "mode", said)
            self.assertEqual(self.listens(gate), {gate.external})

    def test_new_rules_do_not_wait_for_a_log_that_does_not_come(self):
        with own_programs() as programs, gateway(rules(), 1, prefix=programs.prefix) as gate:
            programs.say("postern-log", "kill -STOP $$")
            os.kill(gate.roles("postern-log")[0], signal.SIGKILL)
            time.sleep(0.5)
            code, said, _ = ask(gate, APPLY, b"0")
            self.assertEqual(code, 0, said)
            programs.say("postern-log", "")
            for pid in gate.roles("dash") + gate.roles("sh"):
                os.kill(pid, signal.SIGCONT)
            wait_for("the log", lambda: ask(gate, APPLY, b"0")[0] == 0)


def resized(bundle, grown):
    """A bundle in which the section of postern.conf has become longer, with the sizes put right."""
    magic, version, n, size = struct.unpack("<8sIIQ", bundle[:24])
    out, at = b"", 24
    for _ in range(n):
        kind, zero, name, zero2, content = struct.unpack("<IIIIQ", bundle[at:at + 24])
        content += grown if bundle[at + 24:at + 24 + name] == b"postern.conf" else 0
        end = at + 24 + name + 1 + content
        out += struct.pack("<IIIIQ", kind, zero, name, zero2, content) + bundle[at + 24:end]
        at = end
    return struct.pack("<8sIIQ", magic, version, n, size + grown) + out


if __name__ == "__main__":
    main()
