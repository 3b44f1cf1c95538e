# SPDX-License-Identifier: ISC
"""Bans and members of dynamic sets: told, shown, lifted, and there again after a restart."""
import json
import os
import signal
import unittest

from support import FakeServer, RawClient, gateway, main, rules, wait_for

BANNING = "limit rate 3 per 1h per client then refuse for 1h"
SET = "set blocked { dynamic timeout 4h }\n"
FRIEND = "127.0.0.2"
MEMBERS = "state/members"


class Case(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(FakeServer())

    def gate(self, *statements, after=SET):
        return self.enterContext(gateway(rules(*statements, after=after), self.server.port, workers=2))

    def heard(self, gate, source=None):
        with RawClient(gate.external, source) as c:
            return c.reply()

    def code(self, gate, source=None):
        reply = self.heard(gate, source)
        return reply and reply[0]

    def ban(self, gate, source=None):
        self.assertEqual([self.code(gate, source) for _ in range(5)], [220] * 3 + [554] * 2)

    def listed(self, gate, *name):
        return json.loads(gate.tool("--json", "set", "list", *name).stdout)

    def wait_bans(self, gate, count):
        wait_for(f"{count} bans", lambda: len(self.listed(gate, "bans")) == count and "rule" in self.listed(gate, "bans")[0])
        return self.listed(gate, "bans")

    def said(self, gate, *words, want=0):
        done = gate.tool(*words)
        self.assertEqual(done.returncode, want, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def again(self, gate):
        gate.stop_daemon()
        gate.start()


class Bans(Case):
    def test_one_is_told_once_and_shown(self):
        gate = self.gate(BANNING)
        self.ban(gate)
        (record,) = gate.wait_records(code="PN7007")
        self.assertEqual((record["client"], record["rule"], record["limit"], record["at"]),
                         ("127.0.0.1", "p", "rate", "rules.conf:8"), record)
        self.assertRegex(record["until"], r"^\d{4}-\d\d-\d\dT")
        (ban,) = self.wait_bans(gate, 1)
        self.assertEqual({k: ban[k] for k in ("set", "member", "rule", "limit", "to")},
                         {"set": "bans", "member": "127.0.0.1", "rule": "p", "limit": "rate", "to": f"127.0.0.1:{gate.external}"})
        self.assertTrue(3500 < ban["left_s"] <= 3600, ban)
        self.assertIn(ban, [dict(b, left_s=ban["left_s"]) for b in self.listed(gate)])
        self.assertIn("RULE", self.said(gate, "set", "list", "bans"))
        self.assertEqual(len(gate.records(code="PN7007")), 1)

    def test_one_is_lifted_at_once(self):
        gate = self.gate(BANNING)
        for words in (("del", "bans", "127.0.0.1"), ("flush", "bans")):
            self.ban(gate)
            self.wait_bans(gate, 1)
            self.said(gate, "set", *words)
            self.assertEqual(self.listed(gate, "bans"), [{"set": "bans", "members": 0}])
            self.assertEqual([b["set"] for b in self.listed(gate)], ["blocked"])
        self.ban(gate)  # it has as much as one that never came
        self.assertIn("not banned", self.said(gate, "set", "del", "bans", FRIEND, want=1))
        self.assertIn("127.0.0.1 deleted", self.said(gate, "set", "del", "bans", "127.0.0.1"))
        self.assertEqual([r["what"] for r in gate.wait_records(3, code="PN7006", set="bans")], ["deleted", "flushed", "deleted"])

    def test_nobody_is_banned_by_hand(self):
        gate = self.gate(BANNING)
        self.assertIn("dynamic set", self.said(gate, "set", "add", "bans", FRIEND, want=64))

    def test_errors_of_a_session_too(self):
        gate = self.gate("limit errors 2 then tempfail for 1h")
        with RawClient(gate.external) as c:
            c.expect(220)
            c.send(b"VRFY x\r\nVRFY x\r\n")
            c.replies_to_end()
        self.assertEqual(self.wait_bans(gate, 1)[0]["limit"], "errors")
        self.assertEqual(self.code(gate), 421)

    def test_of_other_rules_are_forgotten(self):
        gate = self.gate(BANNING)
        self.ban(gate)
        self.wait_bans(gate, 1)
        gate.write("rules.conf", rules("limit rate 3 per 1h per client", after=SET))
        self.said(gate, "apply")
        self.assertEqual(self.listed(gate, "bans"), [{"set": "bans", "members": 0}])


class Restarts(Case):
    def test_bans_and_members_are_there_again(self):
        gate = self.gate(BANNING, "from any except blocked")
        self.ban(gate)
        self.wait_bans(gate, 1)
        self.said(gate, "set", "add", "blocked", FRIEND, "for", "1h")
        self.said(gate, "set", "add", "blocked", "192.0.2.0/24")
        for _ in range(2):
            self.again(gate)
            self.assertEqual([self.code(gate), self.code(gate, "127.0.0.3")], [554, 220])
            self.assertIn("not publish", (self.heard(gate, FRIEND) or [0, "not publish"])[1].lower())
            self.assertEqual(len(self.wait_bans(gate, 1)), 1)
            left = {m["member"]: m["left_s"] for m in self.listed(gate, "blocked")}
            self.assertTrue(3500 < left[FRIEND] <= 3600 and 14300 < left["192.0.2.0/24"] <= 14400, left)
        self.said(gate, "set", "del", "bans", "127.0.0.1")
        self.said(gate, "set", "flush", "blocked")
        self.again(gate)
        self.assertEqual([self.code(gate), self.code(gate, FRIEND)], [220, 220])

    def test_also_after_sigkill_a_moment_later(self):
        gate = self.gate(BANNING)
        self.ban(gate)
        wait_for("the file", lambda: (gate.dir / MEMBERS).exists() and "ban p 127.0.0.1 rate " in (gate.dir / MEMBERS).read_text())
        os.kill(gate.process.pid, signal.SIGKILL)
        gate.abandon()
        gate.start()
        self.assertEqual(self.code(gate), 554)

    def test_what_is_damaged_is_told_and_the_rest_counts(self):
        gate = self.gate(BANNING, "from any except blocked")
        gate.stop_daemon()
        ends = 4102444800  # in 2100; the rule says an hour
        (gate.dir / MEMBERS).write_text(f"postern-members 1 {ends - 86400}\nmember blocked {FRIEND} -\nmember blocked x -\n"
                                        f"\0\nmember gone 192.0.2.1 -\nban p 127.0.0.1 rate {ends}\nban p 0.0.0.0/1 rate {ends}\nban p 1")
        gate.start()
        self.assertEqual([self.code(gate), self.code(gate, "127.0.0.3")], [554, 220])
        self.assertNotEqual(self.code(gate, FRIEND), 220)
        self.assertTrue(3500 < self.wait_bans(gate, 1)[0]["left_s"] <= 3600)
        self.assertIn("left out: 3, the first of them line 3", gate.stderr())

    def test_one_that_is_no_such_file_is_told(self):
        gate = self.gate(BANNING)
        for content in (b"", b"postern-members 2 0\n", os.urandom(5000)):
            gate.stop_daemon()
            (gate.dir / MEMBERS).write_bytes(content)
            gate.start()
            self.assertIn("nobody is banned or blocked by it", gate.stderr())
            self.assertEqual(self.listed(gate, "bans"), [{"set": "bans", "members": 0}])


if __name__ == "__main__":
    main()
