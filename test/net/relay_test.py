# SPDX-License-Identifier: ISC
"""Relay listeners on a gateway, beside its kernel rules: mail from outside for hosted domains, a real Postfix as next hop (root)."""
import smtplib
import unittest

from client import RawClient
from fixture import main
from gateway import Postern
from lab import CLIENT, GATEWAY_EXT, GATEWAY_INT, SERVER, module_lab
from servers import Postfix

RULES = """version 1
set hosted     { members in.test }
set mail-hosts { members 10.0.0.21 }
route inside { domains hosted; next-hop 10.0.0.21:25; tls none }
relay public   { listen 203.0.113.1:25; listen [2001:db8:1::1]:25; recipients in hosted; deliver inside }
relay outbound { listen 10.0.0.1:25; from mail-hosts; recipients in hosted; deliver inside }
"""
MESSAGE = b"Subject: T\r\n\r\nHello.\r\n"

lab = postfix = gate = None


def setUpModule():
    global lab, postfix, gate
    if not Postfix.usable():
        raise unittest.SkipTest("Postfix needs root")
    lab = module_lab()
    postfix = unittest.enterModuleContext(lab.server.begin(Postfix(addresses=["10.0.0.21:25"])))
    gate = unittest.enterModuleContext(lab.gateway.begin(Postern(RULES, Postern.CONF.replace("mode direct", "mode managed"))))


class Relays(unittest.TestCase):
    def setUp(self):
        postfix.forget()

    def send(self, host, target, to="b@in.test"):
        with host, smtplib.SMTP(target, 25, "c.test", 20) as client:
            client.sendmail("a@out.test", [to], MESSAGE)

    def test_mail_from_outside(self):
        for family in 4, 6:
            with self.subTest(family):
                postfix.forget()
                self.send(lab.client, GATEWAY_EXT[family])
                message = postfix.wait_messages(1)[0]
                trace = message.headers.get_all("Received")
                self.assertIn(CLIENT[family], trace[1])
                self.assertIn("by gw.test with ESMTP id", " ".join(trace[1].split()))
                self.assertEqual(postfix.clients(1)[0], GATEWAY_INT[4])

    def test_what_is_not_hosted_is_refused(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send(lab.client, GATEWAY_EXT[4], "b@victim.test")
        self.assertEqual(refused.exception.recipients["b@victim.test"][0], 550)
        self.assertEqual(postfix.messages(), [])

    def test_the_smart_host_is_for_the_inside(self):
        self.send(lab.server, GATEWAY_INT[4])
        self.assertEqual(len(postfix.wait_messages(1)), 1)
        with lab.client, RawClient(25, host=GATEWAY_INT[4]) as c:
            self.assertIn("Not published", c.expect(554)[1])

    def test_a_known_battery_finds_no_open_relay(self):
        """RLY-43: nmap's own tests, from an outside domain."""
        said = lab.client.run("nmap", "-Pn", "-n", "-p25", "--script", "smtp-open-relay", "--script-args",
                              "smtp-open-relay.domain=victim.test,smtp-open-relay.ip=203.0.113.1", GATEWAY_EXT[4]).stdout
        self.assertIn("25/tcp open", said)
        self.assertRegex(said, "doesn't seem to be an open relay")
        self.assertEqual(postfix.messages(), [])

    def test_next_hop_away(self):
        """No 250 without the next hop's: a 451, and mail again when it is back."""
        lab.gateway.must("ip", "route", "add", "blackhole", SERVER[4])
        try:
            with lab.client, RawClient(25, host=GATEWAY_EXT[4]) as c:
                c.expect(220)
                c.command("EHLO c.test", 250)
                c.command("MAIL FROM:<a@out.test>", 250)
                c.command("RCPT TO:<b@in.test>", 451)
        finally:
            lab.gateway.must("ip", "route", "del", "blackhole", SERVER[4])
        self.send(lab.client, GATEWAY_EXT[4])
        self.assertEqual(len(postfix.wait_messages(1)), 1)


if __name__ == "__main__":
    main()
