# SPDX-License-Identifier: ISC
"""docs/examples/B-no-screen as it is written: three listeners, users, a smart host, a queue (root)."""
import shutil
import smtplib
import ssl
import subprocess
import unittest

from fixture import SRC, certificate, main
from gateway import Postern
from lab import GATEWAY_INT, module_lab
from servers import Postfix

PUBLIC, PRIVATE = "198.51.100.2", "198.51.100.3"
MESSAGE = b"Subject: T\r\n\r\nHello.\r\n"
EXCHANGE = "virtual_mailbox_domains = example.org, example.com\n"
QUEUE = "myhostname = queue.gw.test\nvirtual_mailbox_domains = elsewhere.example, example.org\n"

lab = exchange = queue = gate = None


def setUpModule():
    global lab, exchange, queue, gate
    if not Postfix.usable():
        raise unittest.SkipTest("Postfix needs root")
    lab = module_lab()
    for address in PUBLIC, PRIVATE:
        lab.gateway.run("ip", "address", "add", address + "/32", "dev", "lo")
    exchange = unittest.enterModuleContext(lab.server.begin(Postfix(EXCHANGE, addresses=["10.0.0.21:25"])))
    queue = unittest.enterModuleContext(lab.gateway.begin(Postfix(QUEUE, addresses=["127.0.0.1:10025"])))
    rules = (SRC / "docs/examples/B-no-screen/rules.conf").read_text()
    gate = Postern(rules, Postern.CONF.replace("mode direct", "mode managed"))
    (gate.dir / "tls").mkdir()
    cert, key = certificate()
    shutil.copy(cert, gate.dir / "tls/fullchain.pem")
    shutil.copy(key, gate.dir / "tls/privkey.pem")
    made = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    (gate.dir / "staff.passwd").touch(0o600)
    (gate.dir / "staff.passwd").write_text(f"you:{made}\n")
    unittest.enterModuleContext(lab.gateway.begin(gate))


class Example(unittest.TestCase):
    def setUp(self):
        exchange.forget()
        queue.forget()

    def test_checks(self):
        done = gate.tool("check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_public(self):
        with lab.client, smtplib.SMTP(PUBLIC, 25, "c.test", 30) as client:
            client.sendmail("a@out.example", ["you@example.org"], MESSAGE)
            client.mail("a@out.example")
            self.assertEqual(client.rcpt("x@elsewhere.example")[0], 550)
        self.assertEqual(len(exchange.wait_messages(1)), 1)

    def test_private(self):
        made = ssl.create_default_context()
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        with lab.client, smtplib.SMTP(PRIVATE, 587, "c.test", 30) as client:
            self.assertEqual(client.docmd("MAIL FROM:<you@example.org>")[0], 530)
            client.starttls(context=made)
            client.login("you", "secret")
            client.sendmail("you@example.org", ["x@elsewhere.example"], MESSAGE)
            client.sendmail("you@example.org", ["you@example.com"], MESSAGE)
        self.assertEqual(len(queue.wait_messages(1)), 1)
        self.assertEqual(len(exchange.wait_messages(1)), 1)

    def test_outbound_is_for_the_mail_hosts(self):
        with lab.server, smtplib.SMTP(GATEWAY_INT[4], 25, "exchange.test", 30) as client:
            client.ehlo()
            client.mail("you@example.org")
            self.assertEqual(client.rcpt("x@blocked.example")[0], 550)


if __name__ == "__main__":
    main()
