#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Limits that take more than one connection to see, through the real proxy; others are served meanwhile."""
import os
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "oracle")]
import daemon  # noqa: E402
from fakeserver import FakeServer  # noqa: E402

PATIENCE_S = 20


class Client:
    def __init__(self, port, receive_octets=0):
        self.sock = socket.socket()
        self.sock.settimeout(PATIENCE_S)
        if receive_octets:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def reply(self):
        while (line := self.file.readline())[3:4] == b"-":
            pass
        return line

    def says(self, line):
        self.sock.sendall(line + b"\r\n")
        return self.reply()

    def closed(self):
        return self.file.read() == b""

    def close(self):
        self.file.close()
        self.sock.close()


class Limits(unittest.TestCase):
    def gateway(self, statements, override=None):
        with open(os.path.join(HERE, "default.conf"), encoding="utf-8") as f:
            rules = f.read().replace("log   ", statements + "\n    log   ", 1)
        self.server = FakeServer(override=override)
        self.daemon = daemon.Daemon(os.environ["POSTERN_BUILD"], rules, inside=self.server)
        self.addCleanup(self.daemon.stop)

    def tearDown(self):
        self.assertEqual((self.daemon.stop(), self.daemon.complaints()), ("exit 0", []))

    def client(self, *args):
        c = Client(self.daemon.port, *args)
        self.addCleanup(c.close)
        return c

    def greeted(self):
        c = self.client()
        self.assertRegex(c.reply(), rb"220 ")
        return c

    def refused(self, words, code):
        c = self.client()
        self.assertRegex(c.reply(), words)
        self.assertTrue(c.closed())
        self.assertTrue(daemon.until(lambda: code in [r["code"] for r in self.daemon.records()], PATIENCE_S))

    def served_again(self):
        """A place that became free is free for the next one, at once or a moment later."""
        def one():
            c = self.client()
            return c.reply().startswith(b"220 ")
        self.assertTrue(daemon.until(one, PATIENCE_S))

    def test_dos_01_connections_of_one_client(self):
        self.gateway("limit connections 2 per client")
        first, second = self.greeted(), self.greeted()
        self.refused(rb"421 4\.7\.0 ", "PN4001")
        self.assertRegex(second.says(b"NOOP"), rb"250 ")
        first.close()
        self.served_again()

    def test_dos_02_connections_of_all(self):
        self.gateway("limit connections 2 total")
        first, second = self.greeted(), self.greeted()
        self.refused(rb"421 4\.3\.2 ", "PN4002")
        self.assertRegex(second.says(b"NOOP"), rb"250 ")
        first.close()
        self.served_again()

    def test_rate(self):
        self.gateway("limit rate 3 per 1m per client then refuse for 10m")
        for _ in range(3):
            self.greeted().close()
        self.refused(rb"(421|554) ", "PN4003")

    def test_dos_15_client_that_never_reads(self):
        much = (b"550-" + b"x" * 1000 + b"\r\n") * 15 + b"550 end\r\n"  # the kernel holds some MiB before we must
        self.gateway("timeout command 1s", lambda verb, unused: much if verb == b"RCPT" else None)
        c, other = self.client(4096), self.greeted()
        self.assertRegex(c.reply(), rb"220 ")
        self.assertRegex(c.says(b"EHLO c.test"), rb"250 ")
        c.sock.sendall(b"MAIL FROM:<a@out.test>\r\n" + b"RCPT TO:<b@in.test>\r\n" * 900)
        self.assertTrue(daemon.until(lambda: "PN4105" in [r["code"] for r in self.daemon.records()], PATIENCE_S))
        self.assertRegex(other.says(b"NOOP"), rb"250 ")

    def test_tcp_05_urgent_octet(self):
        self.gateway("")
        c = self.greeted()
        c.says(b"EHLO c.test")
        c.says(b"MAIL FROM:<a@out.test>")
        c.sock.sendall(b"RCPT TO:<b")
        c.sock.send(b"X", socket.MSG_OOB)
        self.assertRegex(c.says(b"@in.test>"), rb"250 ")
        c.says(b"QUIT")
        self.server.wait_closed(PATIENCE_S)
        self.assertEqual([k.text for k in self.server.connections[0].parser.commands if k.verb == b"RCPT"],
                         [b"TO:<b@in.test>"])
        self.server.check()


if __name__ == "__main__":
    unittest.main()
