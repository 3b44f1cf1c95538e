# SPDX-License-Identifier: ISC
"""Relay listeners: a message goes to the next hop before its sender hears 250, or it does not go."""
import os
import re
import signal
import ssl
import subprocess
import unittest

from support import LOOPBACK, Postern, RawClient, free_port, main, wait_for  # finds the next one, too
from fixture import BUILD, Scratch
from hop import TEXT, Case, Hop, rules, server_context

class Messages(Case):
    def test_what_arrives(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        self.assertIn("queued", self.send(client))
        trace, rest = re.fullmatch(rb"(Received: .*?\r\n)(?!\t)(.*)", hop.messages[0], re.S).groups()
        self.assertEqual(rest, TEXT)
        self.assertRegex(trace.decode(), r"^Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby \S+ with ESMTP id \w+;\r\n"
                                         r"\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n$")
        record = gate.wait_records(code="PN2001")[0]
        self.assertEqual((record["internal"], record["rule"]), (LOOPBACK, "r"))
        client.command("QUIT", 221)

    def test_a_recipient_elsewhere_is_refused_here(self):
        hop = self.hop()
        client = self.client(self.gateway(rules(hop.port)))
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<b@victim.test>", 550)
        client.command("RCPT TO:<b%victim.test@in.test>", 553)
        self.assertEqual(hop.connections, 0)

    def test_rly_29_a_root_dot_and_capitals_are_the_same_domain(self):
        hop = self.hop()
        client = self.client(self.gateway(rules(hop.port)))
        client.command("MAIL FROM:<a@out.test>", 250)
        for domain in "in.test", "in.test.", "IN.TEST", "In.Test.":
            client.command(f"RCPT TO:<b@{domain}>", 250)
        self.assertEqual({l.split("@")[1].lower() for l in hop.lines if l.startswith("RCPT")}, {"in.test>"})

    def test_what_the_hop_says_of_recipients_passes(self):
        hop = self.hop(answers={"RCPT": "550 5.1.1 nobody"})
        client = self.client(self.gateway(rules(hop.port)))
        client.command("MAIL FROM:<a@out.test>", 250)
        self.assertIn("nobody", client.command("RCPT TO:<b@in.test>", 550)[1])

    def test_chunks(self):
        hop = self.hop()
        client = self.client(self.gateway(rules(hop.port)))
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<b@in.test>", 250)
        client.send(b"BDAT 4\r\n\r\n..BDAT 3 LAST\r\nx\r\n")
        client.expect(250)
        client.expect(250)
        self.assertTrue(hop.messages[0].endswith(b"+0000\r\n\r\n...x\r\n"), hop.messages)

    def test_a_large_one(self):
        hop = self.hop()
        text = b"\r\n" + b"0123456789abcdef" * 4 + b"\r\n"
        client = self.client(self.gateway(rules(hop.port)))
        self.send(client, text * 30000)
        self.assertTrue(hop.messages[0].endswith(text * 30000))

    def test_a_connection_serves_the_next_session(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        for _ in range(3):
            client = self.client(gate)
            self.send(client)
            client.command("QUIT", 221)
        self.assertEqual((hop.connections, len(hop.messages), hop.lines.count("RSET")), (1, 3, 2))

    def test_one_that_was_closed_meanwhile_is_replaced(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        self.send(client)
        hop.answers["RSET"] = None
        self.send(client)
        self.assertEqual((hop.connections, len(hop.messages)), (2, 2))

    def test_a_refused_message_ends_in_a_reset_and_the_session_goes_on(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        self.send(client, b"Subject: x\r\n\r\nbare\nLF\r\n", 554)
        wait_for("a reset", lambda: hop.resets == 1)
        self.assertEqual(hop.messages, [])
        self.send(client)
        self.assertEqual(len(hop.messages), 1, hop.messages)

    def test_what_the_hop_lacks(self):
        hop = self.hop(offer=("PIPELINING",))
        client = self.client(self.gateway(rules(hop.port)))
        client.command("MAIL FROM:<a@out.test> BODY=8BITMIME", 250)
        client.command("RCPT TO:<b@in.test>", 554)
        client.command("RSET", 250)
        self.send(client)


class Hostile(Case):
    ENDS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n.\r\r\n",
            b"\r\n\0.\r\n", b"\r\n.\0\r\n")

    def test_eod_34_no_other_end_of_a_message_leaves(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        for end in self.ENDS:
            with self.subTest(end):
                client = self.client(gate)
                client.command("MAIL FROM:<a@out.test>", 250)
                client.command("RCPT TO:<b@in.test>", 250)
                client.command("DATA", 354)
                client.send(b"Subject: x\r\n\r\none" + end + b"MAIL FROM:<smuggled@out.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\ntwo\r\n.\r\n")
                self.assertGreaterEqual(client.reply()[0], 500)
        self.send(self.client(gate))
        self.assertEqual(len(hop.messages), 1, hop.messages)
        self.assertFalse([l for l in hop.lines if "smuggled" in l])

    def test_srv_16_replies_without_text_or_end(self):
        """What the hop says is printed anew, or not at all; it never decides for the client."""
        for what, reply, code in (("RCPT", b"553-\r\n553\r\n", 553), ("RCPT", b"250-ok\r\n", 451), (".", b"553-\r\n553\r\n", 553), (".", b"250-x\r\n", 451)):
            with self.subTest(what=what, reply=reply):
                hop = self.hop(answers={what: reply})
                client = self.client(self.gateway(rules(hop.port, more="timeout command 2s, data-done 2s")))
                client.command("MAIL FROM:<a@out.test>", 250)
                if what == ".":
                    client.command("RCPT TO:<b@in.test>", 250)
                    client.command("DATA", 354)
                    client.send(TEXT + b".\r\n")
                else:
                    client.send(b"RCPT TO:<b@in.test>\r\n")
                self.assertEqual(client.reply()[0], code)

    def test_srv_16_a_reply_cut_by_its_end(self):
        hop = self.hop()
        hop.say = lambda sock, verb, usual: (sock.sendall(b"250-x"), sock.close(), False)[2] if verb == "." else Hop.say(hop, sock, verb, usual)
        self.send(self.client(self.gateway(rules(hop.port))), code=451)


class Limits(Case):
    def test_a_ban_is_told_and_listed(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port, more="limit rate 2 per 1h per client then refuse for 1h"))
        heard = []
        for _ in range(4):
            with RawClient(gate.external) as client:
                heard.append(client.reply()[0])
        self.assertEqual(heard, [220, 220, 554, 554])
        self.assertEqual(gate.wait_records(code="PN7007")[0]["rule"], "r")
        wait_for("a ban", lambda: '"r"' in gate.tool("--json", "set", "list", "bans").stdout)
        gate.tool("set", "del", "bans", "127.0.0.1")
        with RawClient(gate.external) as client:
            client.expect(220)


class Life(Case):
    def test_a_reload_takes_no_session(self):
        hop = self.hop()
        publish = "version 1\npublish p { external 127.0.0.1:{external}; internal 127.0.0.1:{internal}; client-address gateway; recipients any }\n"
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        for text in rules(hop.port, more="limit message 1MiB"), publish, rules(hop.port):
            gate.write("rules.conf", text)
            self.assertEqual(gate.tool("apply").returncode, 0)
            self.send(client)  # under the rules it began with
        self.send(self.client(gate))
        self.assertEqual(len(hop.messages), 4)
        client.command("QUIT", 221)

    def test_one_that_is_killed_is_started_again(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<b@in.test>", 250)
        client.command("DATA", 354)
        pids = [pid for pid, program in gate.processes() if program == "postern-relay"]
        self.assertEqual(len(pids), 1)
        os.kill(pids[0], signal.SIGKILL)
        client.send(TEXT + b".\r\n")
        self.assertIsNone(client.reply())
        gate.wait_records(code="PN8003")
        wait_for("a new one", lambda: [p for p, program in gate.processes() if program == "postern-relay" and p not in pids])
        self.send(self.client(gate))
        self.assertEqual(len(hop.messages), 1, "the one that was cut has no end")


class Failing(Case):
    def test_the_next_one_is_tried(self):
        hop = self.hop()
        client = self.client(self.gateway(rules(free_port(), hop.port)))
        self.send(client)

    def test_a_hop_that_refuses_is_none(self):
        first, second = self.hop(answers={"GREETING": "554 5.3.2 no"}), self.hop()
        gate = self.gateway(rules(first.port, second.port))
        client = self.client(gate)
        self.send(client)
        self.send(client)
        self.assertEqual((first.connections, len(second.messages)), (1, 2))
        record, = gate.wait_records(code="PN6101")
        self.assertEqual((record["internal_port"], record["reply_text"]), (first.port, "5.3.2 no"), record)

    def test_none_left(self):
        """Each has its record."""
        ports = [free_port(), free_port()]
        gate = self.gateway(rules(*ports))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        self.assertIn("4.4.1", client.command("RCPT TO:<b@in.test>", 451)[1])
        self.assertEqual([r["internal_port"] for r in gate.wait_records(2, code="PN6101")], ports)
        client.command("RSET", 250)
        client.command("QUIT", 221)

    def test_lost_at_every_step(self):
        """No 250 without the hop's, a 4xx otherwise, and the session goes on."""
        for step in "GREETING", "EHLO", "MAIL", "RCPT", "DATA", ".":
            with self.subTest(step), Hop(answers={step: None}) as hop:
                with Postern(rules(hop.port), conf=Postern.CONF + "workers 1\n", external=free_port(), internal=1) as gate:
                    client = self.client(gate)
                    client.send(b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\n")
                    client.expect(250)
                    code = client.reply()[0]
                    if step in ("DATA", "."):
                        self.assertEqual(code, 250)
                        client.send(b"DATA\r\n")
                        code = client.reply()[0]
                    if step == ".":
                        self.assertEqual(code, 354)
                        client.send(TEXT + b".\r\n")
                        code = client.reply()[0]
                    self.assertEqual(code, 451)
                    client.command("RSET", 250)
                    hop.answers.clear()
                    client.command("NOOP", 250)
                    client.command("QUIT", 221)

    def test_a_silent_hop(self):
        hop = self.hop(answers={"RCPT": b""})
        gate = self.gateway(rules(hop.port, more="timeout command 2s"))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<b@in.test>", 451)
        self.assertEqual(len(gate.wait_records(code="PN6103")), 1)

    def test_a_hop_that_never_greets_rests(self):
        """Its time to greet is longer than the client's to wait: the client's next try meets the other one."""
        silent, second = self.hop(answers={"GREETING": b""}), self.hop()
        gate = self.gateway(rules(silent.port, second.port, more="timeout command 2s"))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        self.assertIn("4.4.1", client.command("RCPT TO:<b@in.test>", 451)[1])
        record, = gate.wait_records(code="PN6101")
        self.assertEqual(record["internal_port"], silent.port, record)
        client.command("RSET", 250)
        self.send(client)
        self.assertEqual((silent.connections, len(second.messages)), (1, 1))

    def test_its_words_are_in_the_log(self):
        hop = self.hop(answers={"GREETING": "554 5.3.2 Not today"})
        gate = self.gateway(rules(hop.port))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        self.assertNotIn("today", client.command("RCPT TO:<b@in.test>", 451)[1])
        record = gate.wait_records(code="PN6101")[0]
        self.assertEqual((record["reply_text"], record["internal_port"]), ("5.3.2 Not today", hop.port), record)


class Tls(Case):
    def test_when_it_is_offered(self):
        hop = self.hop(tls=server_context())
        self.gate = self.gateway(rules(hop.port, tls="opportunistic"))
        client = self.client(self.gate)
        self.send(client, TEXT * 5000)
        self.assertRegex(self.gate.wait_records(code="PN2001")[0]["internal_tls"], r"^TLSv1\.[23]$")
        self.assertEqual(hop.lines[:3], ["EHLO gw.test", "STARTTLS", "EHLO gw.test"])
        self.assertTrue(hop.messages[0].endswith(TEXT * 5000))

    def test_opportunistic_without(self):
        hop = self.hop()
        gate = self.gateway(rules(hop.port, tls="opportunistic"))
        self.send(self.client(gate))
        self.assertNotIn("internal_tls", gate.wait_records(code="PN2001")[0])

    def test_sessions_are_resumed(self):
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with self.subTest(version):
                tls = server_context()
                tls.maximum_version = version
                hop = self.hop(tls=tls, answers={"RSET": None})  # each transaction needs another connection
                client = self.client(self.gateway(rules(hop.port, tls="required")))
                for _ in range(4):
                    self.send(client)
                self.assertEqual((hop.resumed, len(hop.messages)), ([False, True, True, True], 4))

    def refused(self, hop, tls):
        gate = self.gateway(rules(hop.port, tls=tls))
        client = self.client(gate)
        client.command("MAIL FROM:<a@out.test>", 250)
        self.assertIn("4.7.4", client.command("RCPT TO:<b@in.test>", 451)[1])
        self.assertEqual(len(gate.wait_records(code="PN6102")), 1)
        self.assertFalse([l for l in hop.lines if l.startswith("MAIL")])

    def test_required_and_not_offered(self):
        self.refused(self.hop(), "required")

    def test_nobody_known_signed_it(self):
        self.refused(self.hop(tls=server_context()), "verify")

    def test_octets_behind_the_answer(self):
        """TLS-19: what was said in clear is never taken for something said inside."""
        self.refused(self.hop(tls=server_context(), answers={"STARTTLS": b"220 ok\r\n250-x\r\n250 AUTH PLAIN\r\n"}), "required")

    def test_a_broken_handshake_goes_on_in_clear_where_it_may(self):
        hop = self.hop(tls=server_context(), broken=True)
        client = self.client(self.gateway(rules(hop.port, tls="opportunistic")))
        self.send(client)
        self.assertEqual((hop.connections, len(hop.messages)), (2, 1))


class Verify(Case):
    """TLS-21: `tls verify`, with an authority of its own in the place of those of the host."""

    def authority(self):
        scratch = Scratch("pn-authority-")
        self.addCleanup(scratch.remove)
        self.folder = scratch.path
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=authority",
                     "-out", "ca.pem", "-keyout", "ca.key")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    def signed(self, name, days="2"):
        """A server's side with a certificate of @name. One that ended yesterday: @days -1."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hop", "-out", "csr", "-keyout", "key")
        (self.folder / "ext").write_text(f"subjectAltName={name}\n")
        self.openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", "ext", "-out", "pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "pem", self.folder / "key")
        return context

    def gate(self, hop):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
            self.skipTest("needs root and mount namespaces")
        mount = f'mount --bind "{self.folder}/ca.pem" /etc/ssl/certs/ca-certificates.crt; exec "$0" "$@"'
        return self.gateway(rules(hop.port, tls="verify"), prefix=["unshare", "-m", "/bin/sh", "-ec", mount])

    def test_of_the_right_name(self):
        self.authority()
        hop = self.hop(tls=self.signed("IP:127.0.0.1"), answers={"RSET": None})
        client = self.client(self.gate(hop))
        self.send(client)
        self.send(client)
        self.assertEqual((hop.resumed, len(hop.messages)), ([False, True], 2))

    def test_another_server_in_its_place(self):
        """What was verified is its session, which another server cannot resume."""
        self.authority()
        hop = self.hop(tls=self.signed("IP:127.0.0.1"), answers={"RSET": None})
        client = self.client(self.gate(hop))
        self.send(client)
        hop.tls = self.signed("IP:127.0.0.2")
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<b@in.test>", 451)
        self.assertEqual(len(hop.messages), 1)

    def test_expired_or_of_another_name(self):
        self.authority()
        for tls, why in ((self.signed("IP:127.0.0.2"), "IP address mismatch"), (self.signed("DNS:127.0.0.1"), "IP address mismatch"),
                         (self.signed("IP:127.0.0.1", "-1"), "certificate has expired")):
            with self.subTest(why):
                hop = self.hop(tls=tls)
                gate = self.gate(hop)
                client = self.client(gate)
                client.command("MAIL FROM:<a@out.test>", 250)
                self.assertIn("4.7.4", client.command("RCPT TO:<b@in.test>", 451)[1])
                self.assertEqual(gate.wait_records(code="PN6102")[0]["reply_text"], why)
                self.assertFalse([l for l in hop.lines if l.startswith("MAIL")])


class Refused(Case):
    """What is not built yet is named by file and line, and nothing starts."""

    CASES = {
        "this address is published, too": "listen 127.0.0.1:{port}; recipients in d; deliver away }}\n"
                                          "publish p {{ external 127.0.0.1:{port}; internal 127.0.0.1:25; client-address gateway; recipients in d",
        "a publish rule has this name, too": "listen 127.0.0.1:{port}; recipients in d; deliver away }}\n"
                                             "publish r {{ external 127.0.0.2:{port}; internal 127.0.0.1:25; client-address gateway; recipients in d",
        "the message screener is not built yet": "listen 127.0.0.1:{port}; recipients in d; inspect commands internet screen s; deliver away",
    }
    HEAD = ("version 1\nset d {{ members in.test }}\nroute away {{ domains d; next-hop 127.0.0.1:25; tls none }}\n"
            "route far {{ domains d; next-hop mx }}\ncertificate c {{ chain \"c\"; key \"k\" }}\n"
            "auth a {{ via file \"p\"; mechanisms PLAIN }}\nscreen s {{ keyword \"x\" in body refuse }}\nrelay r {{ %s }}\n")

    def test_by_name_and_line(self):
        for words, rule in self.CASES.items():
            with self.subTest(words):
                scratch = Scratch("pn-unbuilt-")
                self.addCleanup(scratch.remove)
                (scratch.path / "rules.conf").write_text((self.HEAD % rule).replace("{port}", "2525").replace("{{", "{").replace("}}", "}"))
                (scratch.path / "postern.conf").write_text("version 1\nmode direct\nstate \"%s/state\"\n" % scratch.path)
                done = subprocess.run([BUILD / "proxy/posternd", "-c", scratch.path, "-f"], capture_output=True, text=True, timeout=30)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertRegex(done.stderr, r"rules\.conf:\d+: error: .*" + re.escape(words))


if __name__ == "__main__":
    main()
