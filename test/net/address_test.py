# SPDX-License-Identifier: ISC
"""The client's own address reaches Postfix: client-address xclient and proxy-v2.

Clients connect from 127.0.0.5; what Postfix writes down as the client of the message must be that, not the
gateway's 127.0.0.1.
"""
import smtplib
import unittest

from client import RawClient, incident
from fixture import LOOPBACK, free_port, main
from gateway import PASS, PUBLISH, Postern
from servers import Postfix

CLIENT = "127.0.0.5"
MESSAGE = b"Subject: T\r\n\r\nHello.\r\n"

postfix = None


def setUpModule():
    global postfix
    if not Postfix.usable():
        raise unittest.SkipTest("Postfix needs root")
    postfix = unittest.enterModuleContext(Postfix())


def with_address(rules, how):
    return rules.replace("client-address  gateway", f"client-address  {how}")


class ClientAddress(unittest.TestCase):
    def setUp(self):
        postfix.forget()

    def send(self, gate, source=CLIENT, count=1):
        for _ in range(count):
            with smtplib.SMTP(LOOPBACK, gate.external, "c.test", 20, (source, 0)) as client:
                client.sendmail("a@out.test", ["b@in.test"], MESSAGE)

    def assert_seen(self, *addresses):
        postfix.wait_messages(len(addresses))
        postfix.settle(1)
        self.assertEqual(sorted(postfix.clients(len(addresses))), sorted(addresses), postfix.log_since())

    def test_gateway_is_what_postfix_sees_without(self):
        with Postern(PUBLISH, external=free_port(), internal=postfix.port) as gate:
            self.send(gate)
            self.assert_seen("127.0.0.1")

    def test_xclient(self):
        with Postern(with_address(PUBLISH, "xclient"), external=free_port(), internal=postfix.xclient_port) as gate:
            self.send(gate)
            self.send(gate, "127.0.0.6")
            self.assert_seen(CLIENT, "127.0.0.6")

    def test_xclient_names_the_port_too(self):
        with Postern(with_address(PUBLISH, "xclient"), external=free_port(), internal=postfix.xclient_port) as gate:
            with RawClient(gate.external, CLIENT) as c:
                port = c.sock.getsockname()[1]
                c.expect(220)
                c.command("EHLO c.test", 250)
                c.command("QUIT", 221)
            record = gate.wait_records(event="session-open")[0]
            self.assertEqual((record["client"], record["client_port"]), (CLIENT, port), record)

    def test_xclient_stays_with_a_second_connection(self):
        """After a refused message the server is dialled again; it must be told the address again."""
        with Postern(with_address(PUBLISH, "xclient"), external=free_port(), internal=postfix.xclient_port) as gate:
            with RawClient(gate.external, CLIENT) as c:
                c.expect(220)
                c.command("EHLO c.test", 250)
                for text, code in ((b"Subject: bad\r\n\r\nx\ny\r\n.\r\n", 5), (MESSAGE + b".\r\n", 250)):
                    c.command("MAIL FROM:<a@out.test>", 250)
                    c.command("RCPT TO:<b@in.test>", 250)
                    c.command("DATA", 354)
                    c.send(text)
                    c.expect(code)
                c.command("QUIT", 221)
            stored = postfix.wait_messages(1)
            self.assertEqual([m.header("Subject") for m in stored], ["T"])
            self.assertEqual(set(postfix.clients()), {CLIENT})

    def test_server_that_does_not_offer_xclient(self):
        with Postern(with_address(PUBLISH, "xclient"), external=free_port(), internal=postfix.port) as gate:
            with RawClient(gate.external, CLIENT) as c:
                _, text = c.expect(421)
                self.assertIsNone(c.reply())
            record = gate.wait_records(code="PN6005")[0]
            self.assertEqual(record["incident"], incident(text), record)
            self.assertEqual(postfix.clients(0), [])

    def test_client_cannot_say_xclient_itself(self):
        for how, port in (("gateway", postfix.xclient_port), ("xclient", postfix.xclient_port)):
            with self.subTest(how), Postern(with_address(PUBLISH, how), external=free_port(), internal=port) as gate:
                with RawClient(gate.external, CLIENT) as c:
                    c.expect(220)
                    _, offered = c.command("EHLO c.test", 250)
                    self.assertNotIn("XCLIENT", offered)
                    c.command("XCLIENT ADDR=203.0.113.9", 5)
                    c.command("NOOP", 250)
                    c.command("QUIT", 221)

    def test_proxy_v2_on_an_inspected_rule(self):
        with Postern(with_address(PUBLISH, "proxy-v2"), external=free_port(), internal=postfix.proxy_port) as gate:
            self.send(gate)
            self.send(gate, "127.0.0.6")
            self.assert_seen(CLIENT, "127.0.0.6")

    def test_proxy_v2_on_a_pass_rule(self):
        with Postern(with_address(PASS, "proxy-v2"), external=free_port(), internal=postfix.proxy_port) as gate:
            self.send(gate)
            self.assert_seen(CLIENT)

    def test_client_cannot_bring_a_proxy_header(self):
        """Behind Postern's own header another one is nothing but a malformed command."""
        with Postern(with_address(PUBLISH, "proxy-v2"), external=free_port(), internal=postfix.proxy_port) as gate:
            with RawClient(gate.external, CLIENT) as c:
                c.expect(220)
                c.command("PROXY TCP4 203.0.113.9 198.51.100.2 4000 25", 5)
                c.command("EHLO c.test", 250)
                c.command("MAIL FROM:<a@out.test>", 250)
                c.command("RCPT TO:<b@in.test>", 250)
                c.command("DATA", 354)
                c.send(MESSAGE + b".\r\n")
                c.expect(250)
            self.assert_seen(CLIENT)


if __name__ == "__main__":
    main()
