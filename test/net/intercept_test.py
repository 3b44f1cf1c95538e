# SPDX-License-Identifier: ISC
"""Interception by the kernel (mode external), on a lab: REDIRECT and TPROXY, IPv4 and IPv6 (root)

The client knows the published addresses only. What arrives on the server, from whom, what the log says of it, and that
there is no way around: CASES TCP-11 (one family without rules), TCP-13 (the gateway's own address), OPS-20 (all
daemons stopped).
"""
import smtplib
import socket
import subprocess
import threading
import unittest

from client import RawClient, incident
from fixture import PATIENCE_S, certificate, main, wait_for
from gateway import DELIVERED, ROLES, Postern
from lab import (CLIENT, GATEWAY_EXT, GATEWAY_INT, OTHER_CLIENT, OTHER_PUBLISHED, OTHER_SERVER, PORT, PUBLISHED,
                 SERVER, Lab, module_lab)
from servers import Aiosmtpd, Postfix

FAMILIES = (4, 6)
BODY = b"Subject: T\r\n\r\nHello.\r\n"

CONF = """version 1
mode external
intercept {how}
hostname gw.test
state "{dir}/state"
""" + ROLES

RULES = """version 1
set protected { members in.test }
set inside { members 10.0.0.0/24, fd00:10::/64 }
publish first {
    external        198.51.100.2:25, [2001:db8:2::2]:25
    internal        10.0.0.21:25, [fd00:10::21]:25
    recipients      in protected
    client-address  {client_address}
    log             sessions, denials, commands, messages
}
publish second {
    external        198.51.100.20:25
    internal        10.0.0.30:25
    recipients      in protected
    client-address  {client_address}
}
publish passed {
    external        198.51.100.20:587
    internal        10.0.0.21:25
    pass
    client-address  {client_address}
}
"""

OUTBOUND = """publish outbound {
    external        any:25
    internal        original
    from            inside
    log             sessions, denials, messages
}
"""

ONLY_IPV4 = """version 1
publish first { external 198.51.100.2:25; internal 10.0.0.21:25 }
default refuse "554 5.7.1 Not published"
"""

lab = postfix = second = None


def setUpModule():
    global lab, postfix, second
    lab = module_lab(Postfix)
    postfix = unittest.enterModuleContext(lab.server.begin(
        Postfix(addresses=[f"{SERVER[4]}:25", f"[{SERVER[6]}]:25"])))
    second = unittest.enterModuleContext(lab.server.begin(Aiosmtpd(port=25, address=OTHER_SERVER[4])))


def intercept(how):
    lab.script(how, "-o", 25, 587)


def postern(how, rules=RULES + OUTBOUND, client_address="keep"):
    """On the gateway, which brings it its connections."""
    intercept(how)
    return lab.gateway.begin(Postern(rules, CONF, how=how, client_address=client_address))


def reach(host, address, port, timeout=0.5):
    """What becomes of a connection from that host: a greeting, "refused" (also when it ends unsaid) or "nothing"."""
    with host:
        try:
            with socket.create_connection((address, port), timeout) as s:
                s.settimeout(PATIENCE_S)
                return s.recv(1000).decode() or "refused"
        except (ConnectionRefusedError, ConnectionResetError):
            return "refused"
        except TimeoutError:
            return "nothing"


def send(host, address, port=25, source=None, body=BODY, recipient="b@in.test"):
    """A message; the port it was sent from."""
    with host, smtplib.SMTP(address, port, "c.test", PATIENCE_S, (source, 0) if source else None) as client:
        own = client.sock.getsockname()[1]
        client.sendmail("a@out.test", [recipient], body)
    return own


def send_at_once(host, sources, n):
    """From each source, @n messages to the first published address of its family; what went wrong."""
    errors = []

    def one(source):
        try:
            for _ in range(n):
                send(host, PUBLISHED[6 if ":" in source else 4], source=source)
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)
    threads = [threading.Thread(target=one, args=(s,)) for s in sources]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return errors


class Intercepted:
    how = None

    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(lab.clear)
        cls.gate = cls.enterClassContext(postern(cls.how))

    def setUp(self):
        self.forget()

    def forget(self):
        postfix.forget()
        second.forget()
        self.gate.forget()

    # -- what arrives

    def test_mail_arrives_from_the_clients_own_address(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.forget()
                port = send(lab.client, PUBLISHED[family])
                stored = postfix.wait_messages(1)
                self.assertEqual(stored[0].text, BODY.replace(b"\r\n", b"\n"))
                self.assertEqual(postfix.clients(), [CLIENT[family]], postfix.log_since())
                opened = self.gate.wait_records(code="PN1001")[0]
                self.assertEqual((opened["client"], opened["client_port"]), (CLIENT[family], port), opened)
                self.assertEqual((opened["to"], opened["to_port"]), (PUBLISHED[family], 25), opened)
                self.assertEqual(opened["rule"], "first", opened)
                delivered = self.gate.wait_records(code=DELIVERED)[0]
                self.assertEqual((delivered["internal"], delivered["internal_port"]), (SERVER[family], 25), delivered)

    def test_swaks(self):
        done = lab.client.run("swaks", "--server", PUBLISHED[4], "--port", "25", "--helo", "c.test",
                              "--from", "a@out.test", "--to", "b@in.test", "--header", "Subject: swaks")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([m.header("Subject") for m in postfix.wait_messages(1)], ["swaks"])
        self.assertEqual(postfix.clients(), [CLIENT[4]])

    def test_a_large_message(self):
        body = b"Subject: T\r\n\r\n" + b"0123456789abcdef\r\n" * 300000
        for family in FAMILIES:
            with self.subTest(family=family):
                self.forget()
                send(lab.client, PUBLISHED[family], body=body)
                self.assertEqual(postfix.wait_messages(1)[0].text, body.replace(b"\r\n", b"\n"))

    def test_each_client_keeps_its_own_address(self):
        """Many at once, of both families."""
        sources = [f"203.0.113.{n}" for n in range(9, 15)] + [CLIENT[6]]
        self.assertEqual(send_at_once(lab.client, sources, 5), [])
        postfix.wait_messages(5 * len(sources))
        postfix.settle(5 * len(sources))
        self.assertEqual(sorted(postfix.clients(5 * len(sources))), sorted(5 * sources))

    def test_two_published_addresses_two_servers(self):
        send(lab.client, PUBLISHED[4], source=OTHER_CLIENT)
        send(lab.client, OTHER_PUBLISHED, source=OTHER_CLIENT)
        self.assertEqual(len(postfix.wait_messages(1)), 1)
        self.assertEqual(postfix.clients(), [OTHER_CLIENT])
        self.assertEqual([m.client for m in second.wait_messages(1)], [OTHER_CLIENT])
        rules = [r["rule"] for r in self.gate.wait_records(2, code="PN1001")]
        self.assertEqual(sorted(rules), ["first", "second"])  # of two proxies, whose records may come in any order

    def test_a_pass_rule_carries_tls_end_to_end(self):
        with lab.client:
            done = subprocess.run(
                ["openssl", "s_client", "-starttls", "smtp", "-crlf", "-ign_eof", "-verify_return_error",
                 "-CAfile", certificate()[0], "-connect", f"{OTHER_PUBLISHED}:587"],
                input="EHLO c.test\nMAIL FROM:<a@out.test>\nRCPT TO:<b@in.test>\nDATA\nSubject: over TLS\n\nx\n.\nQUIT\n",
                capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([m.header("Subject") for m in postfix.wait_messages(1)], ["over TLS"])
        self.assertEqual(postfix.clients(), [CLIENT[4]])
        self.assertEqual(self.gate.wait_records(code="PN1004")[0]["rule"], "passed")

    # -- what is refused

    def test_vrfy_is_refused(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.forget()
                with lab.client, RawClient(25, host=PUBLISHED[family]) as c:
                    c.expect(220)
                    c.command("EHLO c.test", 250)
                    _, text = c.command("VRFY b", 5)
                    c.command("QUIT", 221)
                record = self.gate.wait_records(code="PN3101")[0]
                self.assertEqual(record["incident"], incident(text))
                self.assertEqual(record["client"], CLIENT[family])
                postfix.settle(1)
                self.assertNotIn("VRFY", postfix.log_since())

    def test_a_port_of_no_rule_is_refused_by_posternd(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.forget()
                said = reach(lab.client, PUBLISHED[family], 587, PATIENCE_S)
                self.assertTrue(said == "refused" or said.startswith("5"), said)
                record = self.gate.wait_records(code="PN1003")[0]
                self.assertEqual((record["to"], record["to_port"]), (PUBLISHED[family], 587), record)

    def test_a_direct_hit(self):
        """The firewall drops it; where that is missing, posternd refuses it and says so."""
        for family, program in zip(FAMILIES, ("iptables", "ip6tables")):
            with self.subTest(family=family):
                self.forget()
                self.assertEqual(reach(lab.client, GATEWAY_EXT[family], PORT), "nothing")
                lab.gateway.must(program, "-F", "LAB-INPUT")
                try:
                    for address in (GATEWAY_EXT[family], PUBLISHED[family]):
                        self.gate.forget()
                        said = reach(lab.client, address, PORT, PATIENCE_S)
                        self.assertTrue(said == "refused" or said.startswith(("4", "5")), said)
                        record = self.gate.wait_records(to_port=PORT)[0]
                        self.assertEqual((record["client"], record["to"]), (CLIENT[family], address), record)
                        self.assertNotEqual(record["code"], "PN1001", record)
                finally:
                    intercept(self.how)
        self.assertEqual(postfix.log_since(), "")

    def test_tcp_13_the_gateways_own_address(self):
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, GATEWAY_EXT[family], 25), "refused")

    # -- mail on its way out

    def test_outbound(self):
        for family in FAMILIES:
            with self.subTest(family=family), lab.client.begin(
                    Aiosmtpd(port=25, address=CLIENT[family], hostname="mx.out.test")) as world:
                self.forget()
                send(lab.server, CLIENT[family], recipient="w@out.test")
                self.assertEqual([m.client for m in world.wait_messages(1)], [SERVER[family]])
                record = self.gate.wait_records(code=DELIVERED)[0]
                self.assertEqual(record["rule"], "outbound", record)
                self.assertEqual((record["client"], record["internal"]), (SERVER[family], CLIENT[family]), record)
                with lab.server, RawClient(25, host=CLIENT[family]) as c:
                    c.expect(220)
                    c.command("EHLO c.test", 250)
                    c.command("VRFY w", 5)
                self.gate.wait_records(code="PN3101")

    def test_outbound_to_the_gateway_itself_does_not_come_round(self):
        for family in FAMILIES:
            for address in (GATEWAY_INT[family], GATEWAY_EXT[family]):
                with self.subTest(address):
                    self.forget()
                    said = reach(lab.server, address, 25, PATIENCE_S)
                    self.assertTrue(said == "refused" or said.startswith(("4", "5")), said)
                    wait_for("a log record", lambda: [r for r in self.gate.records() if r.get("to") == address])
                    self.assertLessEqual(len(self.gate.records(event="session-open")), 1, self.gate.show_log())

    def test_outbound_is_for_inside_hosts(self):
        """The same rule is no way for the world to any server behind the gateway, nor through it back out."""
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")


class Redirect(Intercepted, unittest.TestCase):
    how = "redirect"


class Tproxy(Intercepted, unittest.TestCase):
    how = "tproxy"


class Alone:
    """Each test with a Postern of its own."""

    how = None

    def postern(self, *arguments, **more):
        self.addCleanup(lab.clear)
        postfix.forget()
        return self.enterContext(postern(self.how, *arguments, **more))

    def assert_greeted(self, family):
        self.assertEqual(reach(lab.client, PUBLISHED[family], 25, PATIENCE_S)[:3], "220")

    def test_client_address_gateway(self):
        gate = self.postern(RULES, client_address="gateway")
        for family in FAMILIES:
            with self.subTest(family=family):
                postfix.forget()
                gate.forget()
                send(lab.client, PUBLISHED[family])
                postfix.wait_messages(1)
                self.assertEqual(postfix.clients(), [GATEWAY_INT[4]])  # the first internal serves both families
                self.assertEqual(gate.wait_records(code="PN1001")[0]["client"], CLIENT[family])

    def test_tcp_11_no_rule_of_posterns_for_ipv6(self):
        gate = self.postern(ONLY_IPV4)
        self.assert_greeted(4)
        self.assertEqual(reach(lab.client, PUBLISHED[6], 25, PATIENCE_S)[:3], "554")
        record = gate.wait_records(code="PN1003")[0]
        self.assertEqual((record["client"], record["to"]), (CLIENT[6], PUBLISHED[6]), record)
        self.assertEqual(reach(lab.client, SERVER[6], 25), "nothing")

    def test_tcp_11_no_rule_of_the_kernels_for_ipv6(self):
        gate = self.postern()
        for table in ("nat", "mangle"):
            lab.gateway.must("ip6tables", "-t", table, "-F", "LAB-PREROUTING")
        self.assert_greeted(4)
        self.assertEqual(reach(lab.client, PUBLISHED[6], 25), "refused")
        self.assertEqual(reach(lab.client, SERVER[6], 25), "nothing")
        self.assertEqual(gate.records(client=CLIENT[6]), [])

    def test_ops_20_all_daemons_stopped(self):
        gate = self.postern()
        for family in FAMILIES:
            self.assert_greeted(family)
        postfix.settle(2)
        gate.stop_daemon()
        postfix.forget()
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(reach(lab.client, PUBLISHED[family], 25),
                                 "refused" if self.how == "redirect" else "nothing")
                self.assertEqual(reach(lab.client, SERVER[family], 25), "nothing")
        self.assertEqual(postfix.log_since(), "")
        with lab.gateway:
            gate.start()
        for family in FAMILIES:
            send(lab.client, PUBLISHED[family])
        postfix.wait_messages(2)


class RedirectAlone(Alone, unittest.TestCase):
    how = "redirect"


class TproxyAlone(Alone, unittest.TestCase):
    how = "tproxy"


if __name__ == "__main__":
    main()
