# SPDX-License-Identifier: ISC
"""posternd as the keeper of its roles: signals at awkward moments, reloads, its control socket."""
import os
import signal
import socket
import struct
import time
import unittest

from support import LOOPBACK, FakeServer, Postern, RawClient, Script, free_port, gateway, main, replies, rules, wait_for

MARK = 0x5073
STATUS, SESSIONS, SET_ADD, APPLY, CONFIRM, ROLLBACK = 1, 2, 5, 8, 9, 10
TEXT, FILE, DONE = 100, 101, 102

MESSAGE = (b"220 ready\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n")


class Tool:
    """One connection to the control socket."""

    def __init__(self, gate):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(30)
        self.sock.connect(str(gate.dir / "control"))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def ask(self, kind, body=b""):
        self.sock.send(struct.pack("=HHI", MARK, kind, len(body)) + body)
        return self

    def answer(self):
        """(exit code, text of CONTROL_DONE, what stood in CONTROL_TEXT)."""
        before = b""
        while True:
            octets, fds, _, _ = socket.recv_fds(self.sock, 70000, 8)
            for fd in fds:
                os.close(fd)
            if not octets:
                raise AssertionError("posternd closed the connection")
            _, kind, _ = struct.unpack("=HHI", octets[:8])
            if kind == DONE:
                return struct.unpack("=I", octets[8:12])[0], octets[12:].decode(), before.decode()
            before += octets[8:]


def ask(gate, kind, body=b""):
    with Tool(gate) as tool:
        return tool.ask(kind, body).answer()


class Ends(unittest.TestCase):
    def message_under_way(self, gate):
        c = RawClient(gate.external)
        c.expect(220)
        for line, code in ("EHLO c.test", 250), ("MAIL FROM:<a@c.test>", 250), ("RCPT TO:<b@in.test>", 250), ("DATA", 354):
            c.command(line, code)
        c.send(b"Subject: long\r\n\r\nfirst\r\n")
        return c

    def test_a_message_under_way_may_end_after_sigterm(self):
        def play(sock):
            for text in MESSAGE:
                sock.sendall(text)
                sock.recv(65536)
            got = b""
            while not got.endswith(b"\r\n.\r\n"):
                got += sock.recv(65536)
            sock.sendall(b"250 taken\r\n")
            sock.recv(65536)
        with Script(play) as server, gateway(rules(), server.port, workers=1) as gate:
            c = self.message_under_way(gate)
            gate.process.terminate()
            time.sleep(1.5)  # a few rounds of posternd's clock
            c.send(b"last\r\n.\r\n")
            c.expect(250)
            c.sock.close()
            self.assertEqual(gate.process.wait(20), 0)


if __name__ == "__main__":
    main()
