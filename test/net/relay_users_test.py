# SPDX-License-Identifier: ISC
"""Users and servers behind a gateway: mail out by login or smart host, to where DNS says, and through a queue of its own (root)."""
import json
import os
import pathlib
import signal
import smtplib
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "proxy"))

from dns import Dns  # noqa: E402
from client import RawClient  # noqa: E402
from fixture import Scratch, certificate, main, wait_for  # noqa: E402
from gateway import Postern  # noqa: E402
from lab import GATEWAY_EXT, GATEWAY_INT, OTHER_CLIENT, module_lab  # noqa: E402
from servers import Postfix  # noqa: E402

RULES = """version 1
set hosted     { members in.test }
set mail-hosts { members 10.0.0.21 }
certificate mail { chain "{cert}"; key "{key}" }
auth staff { via file "{users}"; mechanisms PLAIN, LOGIN; lockout 5 failures in 10m for 15m }
route inside   { domains hosted; next-hop 10.0.0.21:25; tls opportunistic }
route internet { domains any; next-hop mx; resolver 10.0.0.21:53; tls opportunistic }
route queue    { domains any; next-hop 127.0.0.1:10025; tls none }
relay public   { listen 203.0.113.1:25; recipients in hosted; deliver inside }
relay private  { listen 203.0.113.1:587 starttls required certificate mail; listen 203.0.113.1:465 tls certificate mail
                 auth required staff; recipients any; deliver inside, internet }
relay outbound { listen 10.0.0.1:25; from mail-hosts; recipients any; deliver inside, internet }
relay queued   { listen 203.0.113.1:2465 tls certificate mail; auth required staff; recipients any; deliver queue }
"""
# The queue: a Postfix on the gateway that sends on by itself, and knows one way.
QUEUE = """
myhostname = queue.gw.test
relayhost = [10.0.0.21]:25
default_transport = smtp
relay_transport = smtp
virtual_mailbox_domains =
virtual_mailbox_maps =
smtp_host_lookup = native
"""
SEND = "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"
ZONE = {
    "far.test": {"MX": [(10, "mx.far.test")]}, "mx.far.test": {"A": [OTHER_CLIENT]},
    "null.test": {"MX": [(0, ".")]},
    "loop.test": {"MX": [(10, "mx.loop.test")]}, "mx.loop.test": {"A": [GATEWAY_EXT[4]]},
    "lo.test": {"MX": [(10, "mx.lo.test")]}, "mx.lo.test": {"A": ["127.0.0.1"]},
    "down.test": "SERVFAIL",
}
MESSAGE = b"Subject: T\r\n\r\nHello.\r\n"
USER, PASSWORD = "alice@in.test", "secret"

lab = inside = far = queue = gate = None


def setUpModule():
    global lab, inside, far, queue, gate
    if not Postfix.usable():
        raise unittest.SkipTest("Postfix needs root")
    lab = module_lab()
    inside = unittest.enterModuleContext(lab.server.begin(Postfix("service_throttle_time = 1s\n", addresses=["10.0.0.21:25"])))
    far = unittest.enterModuleContext(lab.client.begin(Postfix("virtual_mailbox_domains = far.test\n", addresses=[OTHER_CLIENT + ":25"])))
    queue = unittest.enterModuleContext(lab.gateway.begin(Postfix(QUEUE, addresses=["127.0.0.1:10025"], master=SEND)))
    with lab.server:
        unittest.enterModuleContext(Dns(ZONE, host="10.0.0.21", port=53))
    scratch = Scratch("pn-staff-")
    unittest.addModuleCleanup(scratch.remove)
    users = scratch.path / "users"
    made = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    users.touch(0o600)
    users.write_text(f"{USER}:{made}\n")
    cert, key = certificate()
    gate = unittest.enterModuleContext(lab.gateway.begin(
        Postern(RULES, Postern.CONF.replace("mode direct", "mode managed"), cert=cert, key=key, users=users)))


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Case(unittest.TestCase):
    def setUp(self):
        for server in inside, far:
            server.forget()

    def smart_host(self):
        with lab.server:
            return smtplib.SMTP(GATEWAY_INT[4], 25, "server.in.test", 60)

    def refused(self, to):
        """What the smart host says to a recipient."""
        client = self.smart_host()
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("a@in.test")
        return client.rcpt(to)


class Mail(Case):
    def test_in(self):
        with lab.client, smtplib.SMTP(GATEWAY_EXT[4], 25, "far.test", 60) as client:
            client.sendmail("x@far.test", ["b@in.test"], MESSAGE)
            self.assertEqual(client.mail("x@far.test")[0], 250)
            code, said = client.rcpt("y@victim.test")
            self.assertEqual((code, said[:5]), (550, b"5.7.1"))
        trace = " ".join(inside.wait_messages(1)[0].headers.get_all("Received")[0].split())
        self.assertIn("with ESMTPS", trace)  # the last leg

    def test_out_by_the_smart_host(self):
        with self.smart_host() as client:
            client.sendmail("a@in.test", ["x@far.test"], MESSAGE)
        self.assertEqual(far.wait_messages(1)[0].headers["Subject"], "T")
        record = gate.wait_records(1, code="PN2001", rule="outbound")[-1]
        self.assertEqual((record["internal"], record["rule"]), (OTHER_CLIENT, "outbound"))

    def test_out_by_login(self):
        with lab.client, smtplib.SMTP(GATEWAY_EXT[4], 587, "laptop.test", 60) as client:
            self.assertEqual(client.docmd("MAIL FROM:<a@in.test>")[0], 530)
            client.starttls(context=context())
            client.ehlo()
            self.assertEqual(client.mail("a@in.test")[0], 530)
            client.login(USER, PASSWORD)
            client.sendmail("a@in.test", ["x@far.test"], MESSAGE)
            client.sendmail("a@in.test", ["b@in.test"], MESSAGE)
        trace = far.wait_messages(1)[0].headers.get_all("Received")
        self.assertIn("with ESMTPSA", trace[1])
        self.assertEqual(len(inside.wait_messages(1)), 1)

    def test_two_routes_in_one_message(self):
        """The recipients of another next hop are put off to the sender's next transaction."""
        with self.smart_host() as client:
            put_off = client.sendmail("a@in.test", ["x@far.test", "b@in.test"], MESSAGE)
            self.assertEqual({k: (v[0], v[1][:5]) for k, v in put_off.items()}, {"b@in.test": (452, b"4.5.3")})
        far.wait_messages(1)

    def test_it_is_all_in_the_log(self):
        with self.smart_host() as client:
            client.sendmail("a@in.test", ["logged@far.test"], MESSAGE)
        wait_for("its record", lambda: "logged@far.test" in gate.tool("log", "find", "--rule", "outbound").stdout)
        far.wait_messages(1)


class Relaying(Case):
    def test_a_stranger_finds_no_way(self):
        with lab.client:
            done = gate.tool("--json", "selftest", "relay")
        places = {(p["rule"], p["to_port"], p["tls"]): p["result"] for p in json.loads(done.stdout)}
        self.assertEqual({rule: result for (rule, _, _), result in places.items()},
                         {"public": "refused", "private": "refused", "queued": "refused", "outbound": "refused"}, done.stdout)
        self.assertEqual((done.returncode, len(places)), (0, 6), done.stderr)
        self.assertEqual(far.messages() + inside.messages(), [])


class Clients(Case):
    """Programs that people use."""

    def test_curl(self):
        for url in f"smtps://{GATEWAY_EXT[4]}:465", f"smtp://{GATEWAY_EXT[4]}:587":
            with self.subTest(url):
                far.forget()
                done = lab.client.run("curl", "-sS", "-k", "--ssl-reqd", url, "--mail-from", "a@in.test", "--mail-rcpt", "x@far.test",
                                      "-u", f"{USER}:{PASSWORD}", "-T", "-", input="Subject: curl\r\n\r\nx\r\n")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(far.wait_messages(1)[0].headers["Subject"], "curl")

    def test_swaks(self):
        for options in (["--port", "587", "--tls"], ["--port", "465", "--tls-on-connect"]):
            for mechanism in "PLAIN", "LOGIN":
                with self.subTest(options=options, mechanism=mechanism):
                    far.forget()
                    done = lab.client.run("swaks", "--server", GATEWAY_EXT[4], *options, "--auth", mechanism, "--auth-user", USER,
                                          "--auth-password", PASSWORD, "--from", "a@in.test", "--to", "x@far.test", "--helo", "laptop.test")
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertEqual(len(far.wait_messages(1)), 1)

    def test_s_client(self):
        done = lab.client.run("openssl", "s_client", "-connect", GATEWAY_EXT[4] + ":587", "-starttls", "smtp", "-quiet", "-crlf",
                              input="EHLO x\nQUIT\n")
        self.assertIn("AUTH PLAIN LOGIN", done.stdout)
        self.assertIn("221 2.0.0", done.stdout)

    def test_a_wrong_password(self):
        done = lab.client.run("curl", "-sS", "-k", f"smtps://{GATEWAY_EXT[4]}:465", "--mail-from", "a@in.test", "--mail-rcpt", "x@far.test",
                              "-u", f"{USER}:wrong", "-T", "-", input="Subject: curl\r\n\r\nx\r\n")
        self.assertEqual(done.returncode, 67, done.stderr)  # login denied
        self.assertEqual(far.messages(), [])


class Names(Case):
    def test_where_nothing_can_go(self):
        for domain, code, said in (("null.test", 556, b"5.1.10"), ("gone.test", 550, b"5.1.2"), ("loop.test", 554, b"5.4.6"),
                                   ("lo.test", 550, b"5.4.4"), ("down.test", 451, b"4.4.3")):
            with self.subTest(domain):
                got, text = self.refused("x@" + domain)
                self.assertEqual((got, text[:len(said)]), (code, said))

    def test_the_resolver_killed(self):
        """It comes again, and what was asked waits: nobody hears 250 for nothing."""
        client = self.smart_host()
        self.addCleanup(client.close)
        client.ehlo()
        os.kill(gate.roles("postern-resolve")[0], signal.SIGKILL)
        code = client.docmd("MAIL FROM:<a@in.test>")[0]
        self.assertEqual(code, 250)
        self.assertIn(client.rcpt("x@far.test")[0], (250, 451))
        client.close()
        with self.smart_host() as client:
            client.sendmail("a@in.test", ["x@far.test"], MESSAGE)
        self.assertEqual(len(far.wait_messages(1)), 1)


    def test_the_resolver_killed_at_every_step(self):
        """Before it is asked, while a name server is silent, and when the hop is there: no 250 but the hop's."""
        for step in range(4):
            with self.subTest(step):
                far.forget()
                with self.smart_host() as client:
                    client.ehlo()
                    for i, word in enumerate(("MAIL FROM:<a@in.test>", "RCPT TO:<x@far.test>", "DATA")):
                        client.putcmd(word)
                        if i == step:
                            os.kill(gate.roles("postern-resolve")[0], signal.SIGKILL)
                        code = client.getreply()[0]
                        if code not in (250, 354):
                            break
                    if code == 354:
                        client.sock.sendall(MESSAGE + b".\r\n")
                        if step == 3:
                            os.kill(gate.roles("postern-resolve")[0], signal.SIGKILL)
                        code = client.getreply()[0]
                    self.assertIn(code, (250, 451))
                    if code == 250:
                        far.wait_messages(1)
                wait_for("another one", lambda: gate.roles("postern-resolve"))

    def test_the_next_hop_killed(self):
        """A real Postfix that dies with the message: 451, and nothing arrives twice or never."""
        with self.smart_host() as client:
            client.ehlo()
            client.mail("a@in.test")
            self.assertEqual(client.rcpt("b@in.test")[0], 250)
            self.assertEqual(client.docmd("DATA")[0], 354)
            for pid in inside.processes("smtpd"):
                os.kill(pid, signal.SIGKILL)
            client.sock.sendall(MESSAGE + b".\r\n")
            self.assertEqual(client.getreply()[0], 451)
            client.sendmail("a@in.test", ["b@in.test"], MESSAGE)
        self.assertEqual(len(inside.wait_messages(1)), 1)


class Queue(Case):
    """A Postfix of the gateway takes it, and the mail program sees one next hop for all."""

    def test_all_recipients_at_once(self):
        with lab.client, smtplib.SMTP_SSL(GATEWAY_EXT[4], 2465, "laptop.test", context=context(), timeout=60) as client:
            client.login(USER, PASSWORD)
            self.assertEqual(client.sendmail("a@in.test", ["b@in.test", "c@in.test"], MESSAGE), {})
        self.assertEqual(len(inside.wait_messages(2)), 2)  # a copy each, in the one box

    def test_what_cannot_go_now_waits_there(self):
        lab.gateway.must("ip", "route", "add", "blackhole", "10.0.0.21")
        try:
            with lab.client, smtplib.SMTP_SSL(GATEWAY_EXT[4], 2465, "laptop.test", context=context(), timeout=60) as client:
                client.login(USER, PASSWORD)
                client.sendmail("a@in.test", ["b@in.test"], MESSAGE)
            self.assertEqual(inside.messages(), [])
        finally:
            lab.gateway.must("ip", "route", "del", "blackhole", "10.0.0.21")


if __name__ == "__main__":
    main()
