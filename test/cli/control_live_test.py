# SPDX-License-Identifier: ISC
"""The verbs that ask posternd, against the real one: what they show is so, and what they do is done.

    POSTERN_BUILD=build control_live_test.py
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "net"))

from fixture import LOOPBACK, free_port, main, wait_for  # noqa: E402
from gateway import Postern  # noqa: E402

RULES = """version 1
set blocked { dynamic timeout 4h }
publish mail {
    external 127.0.0.1:{external}
    internal 127.0.0.1:{internal}
    from any except blocked
    client-address gateway
    pass
}
default reset
"""


class Greeter:
    """A server that says one line and then listens."""

    def __init__(self, line=b"220 first\r\n"):
        self.line, self.open = line, []
        self.socket = socket.create_server((LOOPBACK, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(peer)
            peer.sendall(self.line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for peer in self.open:
            peer.close()


class Control(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(Greeter())
        self.external = free_port()
        self.gate = self.enterContext(Postern(RULES, conf=Postern.CONF + "drain 1s\n", external=self.external,
                                              internal=self.server.port))
        if not (self.gate.dir / "control").is_socket():
            self.skipTest("this posternd has no control socket")

    def run_tool(self, *words, want=0):
        ran = subprocess.run([self.gate.program("cli/postern"), "-c", str(self.gate.dir), *words], capture_output=True,
                             text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})
        self.assertEqual(ran.returncode, want, ran.stdout + ran.stderr)
        return ran.stdout

    def facts(self, *words):
        return json.loads(self.run_tool(*words, "--json"))

    def connect(self):
        """A client, and what it is greeted with; b"": it was let in no further."""
        client = socket.create_connection((LOOPBACK, self.external), timeout=10)
        self.addCleanup(client.close)
        try:
            return client, client.recv(100)
        except ConnectionResetError:
            return client, b""

    def generation(self):
        return self.facts("show", "status")["daemon"]["generation"]

    def test_status_tells_of_daemon_listeners_and_roles(self):
        got = self.facts("show", "status")
        self.assertEqual(got["daemon"]["pid"], self.gate.process.pid)
        self.assertNotIn("confirm_left_s", got["daemon"])
        self.assertIn((LOOPBACK, self.external), [(one["address"], one["port"]) for one in got["listeners"]])
        programs = {role["program"] for role in got["roles"]}
        self.assertLessEqual({"postern-proxy", "postern-log"}, programs)
        self.assertEqual({role["state"] for role in got["roles"]}, {"ready"})
        self.assertTrue(all(role["pid"] > 1 for role in got["roles"]))
        self.assertEqual([g["number"] for g in got["generations"] if g["state"] == "running"], [got["daemon"]["generation"]])

    def test_a_session_is_listed_and_ended(self):
        client, greeting = self.connect()
        self.assertEqual(greeting, b"220 first\r\n")
        wait_for("the session", lambda: len(self.facts("session", "list")) == 1)
        (session,) = self.facts("session", "list")
        self.assertEqual([session[k] for k in ("rule", "client", "client_port", "to_port", "internal_port")],
                         ["mail", LOOPBACK, client.getsockname()[1], self.external, self.server.port])
        self.run_tool("session", "kill", session["session"])
        try:
            self.assertEqual(client.recv(100), b"")
        except ConnectionResetError:
            pass
        wait_for("no session", lambda: self.facts("session", "list") == [])
        self.run_tool("session", "kill", session["session"], want=1)

    def test_a_member_added_has_effect_at_once_and_survives_a_reload(self):
        self.assertEqual(self.connect()[1], b"220 first\r\n")
        self.run_tool("set", "add", "blocked", LOOPBACK, "for", "1h")
        (member,) = self.facts("set", "list", "blocked")
        self.assertEqual((member["set"], member["member"]), ("blocked", LOOPBACK))
        self.assertTrue(3500 < member["left_s"] <= 3600)
        self.assertEqual(self.connect()[1], b"")
        self.run_tool("apply")
        self.assertEqual(self.connect()[1], b"")
        self.run_tool("set", "del", "blocked", LOOPBACK)
        self.assertEqual(self.connect()[1], b"220 first\r\n")
        self.run_tool("set", "add", "blocked", "127.0.0.0/8")
        self.assertEqual(self.connect()[1], b"")
        self.run_tool("set", "flush", "blocked")
        self.assertEqual(self.connect()[1], b"220 first\r\n")

    def test_sets_that_are_not_dynamic_and_members_of_another_kind_are_refused(self):
        self.run_tool("set", "add", "nosuch", LOOPBACK, want=64)
        self.run_tool("set", "add", "blocked", "example.org", want=64)
        self.run_tool("set", "list", "nosuch", want=64)

    def test_diff_apply_and_rollback(self):
        self.assertEqual(self.run_tool("diff"), "")
        before = self.generation()
        with Greeter(b"220 second\r\n") as second:
            self.gate.write("rules.conf", RULES.replace("{internal}", str(second.port)))
            self.assertEqual(self.run_tool("diff", want=2), "~ publish mail  internal 127.0.0.1:%d -> 127.0.0.1:%d\n"
                             % (self.server.port, second.port))
            old, _ = self.connect()
            self.assertIn("generation %d is in force" % (before + 1), self.run_tool("apply"))
            self.assertEqual(self.connect()[1], b"220 second\r\n")
            old.sendall(b"NOOP\r\n")  # a session keeps the rules it began with
            self.assertEqual(self.server.open[0].recv(100), b"NOOP\r\n")
            self.assertEqual(self.run_tool("diff"), "")
            self.gate.write("rules.conf", "version 1\nnonsense\n")
            self.run_tool("apply", want=78)
            self.assertEqual(self.connect()[1], b"220 second\r\n")
            self.run_tool("rollback")
            self.assertEqual(self.connect()[1], b"220 first\r\n")
            self.run_tool("rollback", "999999", want=64)

    def test_unless_confirmed_the_generation_before_returns(self):
        before = self.generation()
        self.run_tool("confirm", want=1)
        with Greeter(b"220 second\r\n") as second:
            self.gate.write("rules.conf", RULES.replace("{internal}", str(second.port)))
            said = self.run_tool("apply", "--confirm", "2s")
            self.assertIn('generation %d is in force; type "postern confirm" within 2 s or generation %d returns'
                          % (before + 1, before), said)
            self.assertEqual(self.connect()[1], b"220 second\r\n")
            wait_for("the generation before", lambda: self.connect()[1] == b"220 first\r\n")
            self.run_tool("confirm", want=1)
            self.run_tool("apply", "--confirm", "60s")
            self.assertLessEqual(self.facts("show", "status")["daemon"]["confirm_left_s"], 60)
            self.run_tool("confirm")
            self.assertNotIn("confirm_left_s", self.facts("show", "status")["daemon"])
            self.assertEqual(self.connect()[1], b"220 second\r\n")


if __name__ == "__main__":
    main()
