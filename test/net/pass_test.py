# SPDX-License-Identifier: ISC
"""A pass rule (CASES TLS-06): not one octet is looked at or changed, TLS goes end to end, the log says `passed`."""
import hashlib
import random
import re
import smtplib
import socket
import ssl
import subprocess
import threading
import unittest

from client import RawClient
from fixture import LOOPBACK, PATIENCE_S, certificate, free_port, main
from gateway import PASS, Postern
from servers import Aiosmtpd, Postfix


def tls_server():
    return Postfix() if Postfix.usable() else Aiosmtpd(tls=True)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(tls_server())
        cls.gate = cls.enterClassContext(Postern(PASS, external=free_port(), internal=cls.server.port))

    def setUp(self):
        self.server.forget()
        self.gate.forget()

    def test_openssl_s_client_with_starttls(self):
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-crlf", "-ign_eof", "-verify_return_error",
             "-CAfile", certificate()[0], "-verify_ip", LOOPBACK, "-connect", f"{LOOPBACK}:{self.gate.external}"],
            input="EHLO c.test\nMAIL FROM:<a@out.test>\nRCPT TO:<b@in.test>\nDATA\nSubject: over TLS\n\nx\n.\nQUIT\n",
            capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"New, TLSv1\.[23]")
        self.assertIn("Verify return code: 0 (ok)", done.stdout)
        self.assertEqual([m.header("Subject") for m in self.server.wait_messages(1)], ["over TLS"])

    def test_smtplib_with_starttls(self):
        context = ssl.create_default_context(cafile=certificate()[0])
        text = "Subject: T\r\n\r\nHello.\r\n"
        with smtplib.SMTP("localhost", self.gate.external, "c.test", PATIENCE_S) as client:
            client.starttls(context=context)
            client.sendmail("a@out.test", ["b@in.test"], text)
        self.assertEqual([m.text for m in self.server.wait_messages(1)], [text.replace("\r\n", "\n").encode()])

    def test_log_says_passed_and_counts_the_octets(self):
        with RawClient(self.gate.external) as c:
            banner = c.expect(220)[1]
            c.command("NOOP", 250)
            c.command("QUIT", 221)
        opened = self.gate.wait_records(code="PN1004")[0]
        self.assertEqual((opened["rule"], opened["client"]), ("passed", LOOPBACK), opened)
        self.assertRegex(opened["rule_at"], r"rules\.conf:2$", opened)
        closed = self.gate.wait_records(event="session-close")[0]
        self.assertEqual(closed["session"], opened["session"])
        self.assertEqual(closed["c2s"], len(b"NOOP\r\nQUIT\r\n"), closed)
        self.assertGreater(closed["s2c"], len(banner), closed)


class Octets(unittest.TestCase):
    """Any TCP service may be published: octets, order, half-closed connections, resets."""

    @classmethod
    def setUpClass(cls):
        cls.listener = socket.create_server((LOOPBACK, 0))
        cls.addClassCleanup(cls.listener.close)
        cls.listener.settimeout(PATIENCE_S)
        cls.gate = cls.enterClassContext(
            Postern(PASS, external=free_port(), internal=cls.listener.getsockname()[1]))

    def connected(self):
        client = socket.create_connection((LOOPBACK, self.gate.external), PATIENCE_S)
        self.addCleanup(client.close)
        server, _ = self.listener.accept()
        self.addCleanup(server.close)
        server.settimeout(PATIENCE_S)
        return client, server

    @staticmethod
    def digest_of_all(sock, found):
        digest, size = hashlib.sha256(), 0
        while octets := sock.recv(1 << 16):
            digest.update(octets)
            size += len(octets)
        found.append((size, digest.hexdigest()))

    def test_24_mib_each_way_at_once(self):
        client, server = self.connected()
        octets = {client: random.Random(1).randbytes(24 << 20), server: random.Random(2).randbytes(24 << 20)}
        found = {client: [], server: []}

        def write(sock):
            sock.sendall(octets[sock])
            sock.shutdown(socket.SHUT_WR)

        threads = [threading.Thread(target=write, args=(s,)) for s in octets]
        threads += [threading.Thread(target=self.digest_of_all, args=(s, found[s])) for s in octets]
        for t in threads:
            t.start()
        for t in threads:
            t.join(PATIENCE_S)
        for reader, writer in ((client, server), (server, client)):
            self.assertEqual(found[reader], [(24 << 20, hashlib.sha256(octets[writer]).hexdigest())])

    def test_either_side_may_finish_first(self):
        for first in (0, 1):
            with self.subTest(first=("client", "server")[first]):
                ends = self.connected()
                early, late = ends[first], ends[1 - first]
                early.sendall(b"done")
                early.shutdown(socket.SHUT_WR)
                self.assertEqual(late.recv(100), b"done")
                self.assertEqual(late.recv(100), b"")
                late.sendall(b"not yet")
                self.assertEqual(early.recv(100), b"not yet")
                late.close()
                self.assertEqual(early.recv(100), b"")

    def test_smtp_that_an_inspected_rule_would_refuse_passes(self):
        client, server = self.connected()
        rude = b"\0VRFY root\nSTARTTLS\r\nXCLIENT ADDR=192.0.2.1\r\n" + bytes(range(256)) * 100
        client.sendall(rude)
        got = b""
        while len(got) < len(rude):
            got += server.recv(65536)
        self.assertEqual(got, rude)

    def test_server_down_is_told_by_a_close_and_a_record(self):
        with socket.socket() as nobody:
            nobody.bind((LOOPBACK, 0))  # bound, not listening: connections are refused
            with Postern(PASS, external=free_port(), internal=nobody.getsockname()[1]) as gate:
                said = b""
                try:
                    with socket.create_connection((LOOPBACK, gate.external), PATIENCE_S) as client:
                        while octets := client.recv(4096):
                            said += octets
                except ConnectionResetError:
                    pass
                # which protocol is spoken there nobody knows: either silence, or what SMTP has for it
                self.assertTrue(not said or re.match(rb"421 4\.3\.2 [^\r\n]*\r\n$", said), said)
                gate.wait_records(code="PN6001")


if __name__ == "__main__":
    main()
