# SPDX-License-Identifier: ISC
"""`postern selftest relay`: what is closed is said to be, what is open is found, and what was not tested is no success."""
import json
import ssl

from support import LOOPBACK, Script, free_port, main
from fixture import certificate, end_process
from hop import Case, Hop, server_context

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

    def rule(self, text):
        """A rules file of one relay or so, with its own listener and `next hop`."""
        self.next = self.hop()
        return self.gateway("version 1\nset hosted { members in.test }\nroute away { domains any; next-hop 127.0.0.1:%d; tls none }\n%s\n" % (self.next.port, text))

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

    def test_forms_that_the_rule_takes_are_no_attempts(self):
        """Members that look like an attempt, and "*.domain": what the rule allows is not said to be open."""
        gate = self.rule("set odd { members *.in.test, xown.test, own.test, *.example, victim-own.test }\n"
                         "relay r { listen 127.0.0.1:{external}; recipients in odd; deliver away }")
        place, = self.run_it(gate, code=0)
        tried = {a["to"] for a in place["attempts"]}
        self.assertEqual((place["result"], place["control"]["result"]), ("refused", "taken"))
        self.assertIn("<t@relay-test.test>", tried)
        self.assertNotIn("<t@relay-test.example>", tried)
        self.assertFalse(tried & {"<t@xown.test>", "<t@victim-own.test>", "<t@xx.example>", "<t@x.example>"})

    def test_near_forms_of_a_wildcard(self):
        place, = self.run_it(self.rule("set below { members *.in.test }\nrelay r { listen 127.0.0.1:{external}; recipients in below; deliver away }"), code=0)
        self.assertEqual({a["to"] for a in place["attempts"] if a["case"] == "RLY-30"}, {"<t@xin.test>", "<t@in.test.relay-test.example>", "<t@victim-in.test>"})

    def test_an_excepted_mailbox_is_no_excepted_domain(self):
        text = "set blocked {{ members bad@mild.example{} }}\nrelay r {{ listen 127.0.0.1:{{external}}; from 127.0.0.0/8; recipients any except blocked; deliver away }}"
        self.assertEqual(self.results(self.run_it(self.rule(text.format("")), code=0)), [("r", "clear", "allowed")])
        place, = self.run_it(self.rule(text.format(", worse.example")), code=0)
        self.assertEqual(place["result"], "refused")
        self.assertIn("<t@worse.example>", {a["to"] for a in place["attempts"]})

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


    def test_a_rule_for_others_trusts_us_in_nothing(self):
        """Somebody else answers where the rule would turn us away: that is tried as a stranger would."""
        gate = self.rule("relay r { listen 127.0.0.1:{external}; from 127.0.0.9; recipients any; deliver away }")
        taker = self.enterContext(Hop())
        place, = self.run_it(gate, "--rule", "r", "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual(place["result"], "open")
        end_process(gate.process)
        with Hop(port=gate.external):
            place, = self.run_it(gate, code=1)
        self.assertEqual((place["result"], place["attempts"][0]["to"]), ("open", "<t@relay-test.example>"))

    def test_a_refused_sender_shows_nothing_of_the_recipient(self):
        class Picky(Hop):
            def say(self, sock, verb, usual):
                line = self.lines[-1] if self.lines else ""
                return super().say(sock, verb, "550 5.1.8 no such sender" if verb == "MAIL" and "<>" not in line else usual)
        taker = self.enterContext(Picky())
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual({(a["result"], a["from"]) for a in place["attempts"]}, {("taken", "<>")})

    def test_a_stranger_inside_tls(self):
        """A server that is open only inside TLS."""
        class Inside(Hop):
            def say(self, sock, verb, usual):
                return super().say(sock, verb, "550 5.7.1 no" if verb == "RCPT" and not isinstance(sock, ssl.SSLSocket) else usual)
        taker = self.enterContext(Inside(tls=server_context()))
        places = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual([(p["tls"], p["result"]) for p in places], [("clear", "refused"), ("inside", "open")])

    def test_a_server_without_ehlo(self):
        taker = self.enterContext(Hop(answers={"EHLO": "502 5.5.1 what"}))
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual(place["result"], "open")

    def test_put_off_once(self):
        """Greylisting that lets the second try by."""
        class Grey(Hop):
            seen = set()

            def say(self, sock, verb, usual):
                line = self.lines[-1] if self.lines else ""
                later = verb == "RCPT" and line not in self.seen
                self.seen.add(line)
                return super().say(sock, verb, "451 4.7.1 greylisted" if later else usual)
        taker = self.enterContext(Grey())
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{taker.port}", code=1)
        self.assertEqual({a["result"] for a in place["attempts"]}, {"taken"})

    def test_a_session_that_could_not_be_had_for_once(self):
        """The second connection is turned away: the rest is tried at the end all the same."""
        class Busy(Hop):
            def say(self, sock, verb, usual):
                busy = verb == "GREETING" and self.connections == 2
                return super().say(sock, verb, "421 4.3.2 busy" if busy else "550 5.7.1 no" if verb == "RCPT" else usual)
        server = self.enterContext(Busy())
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{server.port}", code=0)
        self.assertEqual({a["result"] for a in place["attempts"]}, {"refused"})


class Untested(Selftest):
    def test_no_sender_is_taken(self):
        hop = self.enterContext(Hop(answers={"MAIL": "550 5.7.1 no mail from you"}))
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{hop.port}", code=69)
        self.assertEqual((place["result"], {a["reply"] for a in place["attempts"]}), ("undecided", {550}))

    def test_what_is_only_skipped_is_no_success(self):
        self.assertEqual(self.results(self.run_it(self.gate(), "--rule", "passed", code=69)), [("passed", "clear", "skipped")])

    def test_nobody_where_no_rule_takes_us(self):
        gate = self.rule("relay r { listen 127.0.0.1:{external}; from 127.0.0.9; recipients any; deliver away }")
        self.assertEqual(self.results(self.run_it(gate, code=0)), [("r", "clear", "refused")])
        end_process(gate.process)
        self.assertEqual(self.results(self.run_it(gate, code=69)), [("r", "clear", "unreached")])

    def test_421_to_each_recipient(self):
        hop = self.enterContext(Hop(answers={"RCPT": "421 4.3.2 later"}))
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{hop.port}", code=69)
        self.assertEqual((place["result"], {a["reply"] for a in place["attempts"]}), ("undecided", {421}))

    def test_nobody_there(self):
        place, = self.run_it(self.gate(), "--to", f"{LOOPBACK}:{free_port()}", code=69)
        self.assertEqual((place["result"], place["why"]), ("unreached", "Connection refused"))

    def test_only_a_rules_own_address_may_be_diverted(self):
        gate = self.rule("relay r { listen 127.0.0.1:{external}; recipients in hosted; deliver away }")
        done = gate.tool("selftest", "relay", "--rule", "r", "--to", f"{LOOPBACK}:{free_port()}")
        self.assertEqual(done.returncode, 69)
        self.assertIn("1 of 1 were not tested to the end\n", done.stderr)

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
