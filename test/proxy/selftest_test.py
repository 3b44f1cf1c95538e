# SPDX-License-Identifier: ISC
"""`postern selftest relay`: what is closed is said to be, what is open is found, and what was not tested is no success."""
import json

from support import LOOPBACK, Script, free_port, main
from fixture import certificate
from hop import Case, Hop

RULES = """version 1
certificate c {{ chain "{cert}"; key "{key}" }}
commands tolerant like internet {{ local-part tolerant }}
set hosted {{ members in.test }}
set blocked {{ members blocked.example }}
auth staff {{ via pam "postern"; mechanisms PLAIN }}
route away {{ domains any; next-hop 127.0.0.1:{hop}; tls none }}
relay public {{ listen 127.0.0.1:{{external}} starttls certificate c; recipients in hosted; deliver away }}
relay private {{ listen 127.0.0.1:{starttls} starttls required certificate c; listen 127.0.0.1:{tls} tls certificate c
    auth required staff; recipients any; deliver away }}
relay outbound {{ listen 127.0.0.1:{outbound}; from 127.0.0.0/8; recipients any{blocked}; deliver away }}
publish inspected {{ external 127.0.0.2:{published}; internal 127.0.0.1:{hop}; client-address gateway; recipients in hosted; {more} }}
publish passed {{ external 127.0.0.2:{passed}; internal 127.0.0.1:{hop}; client-address gateway; pass }}
"""


class Selftest(Case):
    def gate(self, blocked=" except blocked", more=""):
        cert, key = certificate()
        self.next = self.hop()
        self.ports = {name: free_port() for name in ("starttls", "tls", "outbound", "published", "passed")}
        return self.gateway(RULES.format(cert=cert, key=key, hop=self.next.port, blocked=blocked, more=more, **self.ports))

    def run_it(self, gate, *args, code):
        done = gate.tool("--json", "selftest", "relay", *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def results(self, places):
        return [(p["rule"], p["tls"], p["result"]) for p in places]


class Closed(Selftest):
    def test_every_place_is_tried(self):
        places = self.run_it(self.gate(), code=0)
        self.assertEqual(self.results(places), [
            ("public", "clear", "refused"), ("public", "inside", "refused"), ("private", "clear", "refused"), ("private", "inside", "refused"),
            ("private", "inside", "refused"), ("outbound", "clear", "refused"), ("inspected", "clear", "refused"), ("passed", "clear", "skipped")])
        for place in places[:-1]:
            self.assertGreaterEqual(place["tried"], 20, place)
            self.assertEqual({a["result"] for a in place["attempts"]}, {"refused"})
        self.assertEqual(self.next.messages, [])
        self.assertNotIn("DATA", self.next.lines)

    def test_a_hosted_recipient_shows_that_recipients_are_asked_for(self):
        places = {(p["rule"], p["tls"]): p for p in self.run_it(self.gate(), code=0)}
        self.assertEqual(places["public", "inside"]["control"]["result"], "taken")
        self.assertEqual(places["inspected", "clear"]["control"]["result"], "taken")
        self.assertEqual({a["reply"] for a in places["private", "inside"]["attempts"]}, {530})

    def test_exceptions_hold_for_those_who_may_send_anywhere(self):
        outbound, = self.run_it(self.gate(), "--rule", "outbound", code=0)
        self.assertIn("<t@blocked.example>", {a["to"] for a in outbound["attempts"]})
        outbound, = self.run_it(self.gate(blocked=""), "--rule", "outbound", code=0)
        self.assertEqual((outbound["result"], outbound["attempts"]), ("allowed", []))

    def test_a_client_that_no_rule_takes(self):
        gate = self.gate()
        gate.write("rules.conf", (gate.dir / "rules.conf").read_text().replace("from 127.0.0.0/8", "from 127.0.0.9"))
        self.assertEqual(gate.tool("apply").returncode, 0)
        outbound, = self.run_it(gate, "--rule", "outbound", code=0)
        self.assertEqual((outbound["result"], outbound["tried"]), ("refused", 0))
        outbound, = self.run_it(gate, "--rule", "outbound", "--from", "127.0.0.9", code=0)
        self.assertEqual((outbound["result"], outbound["client"]), ("refused", "127.0.0.9"))
        self.assertGreater(outbound["tried"], 20)

    def test_a_table_for_people(self):
        done = self.gate().tool("selftest", "relay", "-v", "--rule", "public")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^RULE +ADDRESS +TLS +FROM +TRIED +RESULT\npublic +127\.0\.0\.1:\d+ +clear +127\.0\.0\.1 +\d+ +refused$")
        self.assertRegex(done.stdout, r"RLY-17 refused  MAIL FROM:<s@relay-test\.example> RCPT TO:<t%relay-test\.example@in\.test>")
        self.assertIn("control taken", done.stdout)


class Open(Selftest):
    def test_a_server_that_takes_all(self):
        gate = self.gate()
        taker = self.enterContext(Hop())
        place, = self.run_it(gate, "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual((place["result"], {a["result"] for a in place["attempts"]}), ("open", {"taken"}))
        done = gate.tool("selftest", "relay", "--rule", "public", "--to", f"{LOOPBACK}:{taker.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("RLY-21 taken  MAIL FROM:<s@relay-test.example> RCPT TO:(x@in.test)<t@relay-test.example>", done.stdout)
        self.assertIn("mail for others is taken", done.stderr)

    def test_local_parts_that_a_rule_lets_through(self):
        place, = self.run_it(self.gate(more="inspect commands tolerant"), "--rule", "inspected", code=1)
        self.assertEqual({a["case"] for a in place["attempts"] if a["result"] == "taken"}, {"RLY-10", "RLY-16", "RLY-17", "RLY-34"})

    def test_one_form_only(self):
        taker = self.enterContext(Hop(answers={"RCPT": "550 5.7.1 no"}))
        say = taker.say
        taker.say = lambda sock, verb, usual: say(sock, "x" if verb == "RCPT" and "<t@relay-test.example(" in taker.lines[-1] else verb, usual)
        place, = self.run_it(self.gate(), "--rule", "public", "--to", f"{LOOPBACK}:{taker.port}", code=1)[:1]
        self.assertEqual([a["case"] for a in place["attempts"] if a["result"] == "taken"], ["RLY-23"])


class Untested(Selftest):
    def test_nobody_there(self):
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{free_port()}", code=69)
        self.assertEqual((place["result"], place["why"]), ("unreached", "Connection refused"))

    def test_put_off(self):
        """A refusal for now shows nothing."""
        hop = self.enterContext(Hop(answers={"RCPT": "451 4.7.1 greylisted"}))
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{hop.port}", code=69)
        self.assertEqual((place["result"], {a["result"] for a in place["attempts"]}), ("undecided", {"undecided"}))

    def test_sessions_that_end(self):
        hop = self.enterContext(Hop(answers={"RCPT": None}))
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{hop.port}", code=69)
        self.assertEqual(place["result"], "undecided")
        self.assertLessEqual(hop.connections, 2 * place["tried"] + 1)

    def test_no_server_at_all(self):
        for said in b"x" * 5000, b"220 \0\r\n", b"\r\n" * 9, b"220-a\r\n" * 3000:
            with self.subTest(said[:10]):
                script = self.enterContext(Script(lambda sock, said=said: sock.sendall(said)))
                place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{script.port}", code=69)
                self.assertEqual(place["result"], "unreached")

    def test_an_inside_that_is_none(self):
        """What stands behind the answer to STARTTLS is no reply from inside."""
        hop = self.enterContext(Hop(answers={"STARTTLS": b"220 go\r\n250-x\r\n250 y\r\n"}))
        places = self.run_it(self.gate(), "--rule", "private", "--to", f"{LOOPBACK}:{hop.port}", code=1)
        self.assertEqual([p["result"] for p in places], ["open", "unreached"])

    def test_words_that_are_wrong(self):
        gate = self.gate()
        for args, said in ((("--rule", "nobody"), 'no rule is called "nobody"'), (("--to", "host:25"), "give an address and a port"),
                           (("--from", "host"), "give an address of this host"), (("more",), "usage")):
            with self.subTest(args):
                done = gate.tool("selftest", "relay", *args)
                self.assertEqual(done.returncode, 64)
                self.assertIn(said, done.stderr)


if __name__ == "__main__":
    main()
