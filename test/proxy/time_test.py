# SPDX-License-Identifier: ISC
"""Every wait has an end: each timeout of a rule, `limit slow`, and the delay before the greeting."""
import socket
import time
import unittest

from support import FakeServer, RawClient, Script, gateway, incident, main, replies, rules

server = None


def setUpModule():
    global server
    server = unittest.enterModuleContext(FakeServer())


class Timeouts(unittest.TestCase):
    def gate(self, *statements, internal=None, **more):
        return self.enterContext(gateway(rules(*statements, **more), internal or server.port))

    def client(self, gate, hello=True):
        c = self.enterContext(RawClient(gate.external))
        if hello:
            c.expect(220)
            c.command("EHLO c.test", 250)
        return c

    def in_text(self, gate):
        c = self.client(gate)
        c.command("MAIL FROM:<a@out.test>", 250)
        c.command("RCPT TO:<b@in.test>", 250)
        c.command("DATA", 354)
        return c

    def assert_ended(self, gate, c, reply, code):
        """One reply with an incident that the log holds under @code, then the end."""
        got, text = c.reply()
        self.assertEqual((got, incident(text) is not None), (reply, True), text)
        self.assertIsNone(c.reply())
        self.assertEqual([r["incident"] for r in gate.wait_records(code=code)], [incident(text)])
        self.assertEqual(gate.wait_records(event="session-close")[0]["why"], code)

    def test_idle(self):
        gate = self.gate("timeout idle 1s")
        self.assert_ended(gate, self.client(gate), 421, "PN4102")

    def test_dos_03_a_line_is_timed_from_its_first_octet(self):
        gate = self.gate("timeout command 1s, idle 1m")
        c = self.client(gate)
        began = time.monotonic()
        with self.assertRaises((BrokenPipeError, ConnectionResetError, AssertionError)):
            while time.monotonic() < began + 8:
                c.sock.sendall(b"N")
                c.sock.settimeout(0.1)
                try:
                    self.assertEqual(c.sock.recv(1000)[:3], b"421")
                    raise BrokenPipeError
                except TimeoutError:
                    pass
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(len(gate.wait_records(code="PN4101")), 1)

    def test_text(self):
        gate = self.gate("timeout data-block 1s")
        c = self.in_text(gate)
        c.send(b"Subject: x\r\n")
        self.assert_ended(gate, c, 421, "PN4103")
        self.assertEqual(server.messages, [])

    def test_total(self):
        gate = self.gate("timeout total 2s, idle 1m")
        c = self.client(gate)
        for _ in range(3):  # whatever it does meanwhile
            c.command("NOOP", 250)
            time.sleep(0.2)
        self.assert_ended(gate, c, 421, "PN4104")

    def test_slow_text(self):
        gate = self.gate("limit slow 500B per 1s", "timeout data-block 1m")
        c = self.in_text(gate)
        c.send(b"x" * 2000 + b"\r\n")
        c.sock.settimeout(0.2)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            c.send(b"slow\r\n")
            try:
                reply = c.sock.recv(1000)
                break
            except TimeoutError:
                pass
        self.assertEqual(reply[:3], b"421")
        self.assertEqual(len(gate.wait_records(code="PN4007")), 1)

    def test_server_that_does_not_answer_a_command(self):
        with Script(replies(b"220 in.test\r\n", b"250 in.test\r\n")) as silent:
            gate = self.gate("timeout command 1s", internal=silent.port)
            c = self.client(gate)
            c.send(b"MAIL FROM:<a@out.test>\r\n")
            self.assert_ended(gate, c, 421, "PN6004")

    def test_server_that_does_not_answer_an_end_of_message(self):
        with Script(replies(b"220 in.test\r\n", b"250 in.test\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")) as silent:
            gate = self.gate("timeout data-done 1s", internal=silent.port)
            c = self.in_text(gate)
            c.send(b"x\r\n.\r\n")
            self.assertEqual(c.reply()[0], 451)  # RFC 1047: the client shall send it again
            self.assertEqual(len(gate.wait_records(code="PN2004")), 1)

    def test_server_that_does_not_greet(self):
        with Script(lambda sock: sock.recv(1)) as silent:
            gate = self.gate("timeout greeting 1s", internal=silent.port)
            self.assert_ended(gate, self.client(gate, hello=False), 421, "PN6002")

    def test_passed_session_that_is_idle(self):
        gate = self.gate("timeout idle 1s", inspected=False)
        c = self.client(gate)
        self.assertIsNone(c.reply())
        self.assertEqual(gate.wait_records(event="session-close")[0]["why"], "PN4102")

    def test_client_that_does_not_read(self):
        """A server's long replies fill every buffer on the way; nothing more is read meanwhile."""
        mail = b"MAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nBDAT 3 LAST\r\nx\r\n"
        with Script(long_answers) as chatty:
            gate = self.gate("timeout command 1s", internal=chatty.port)
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", gate.external))
                deaf.settimeout(1)
                sent = 0
                try:
                    deaf.sendall(b"EHLO c.test\r\n")
                    while sent < 20 << 20:
                        sent += deaf.send(mail * 100)
                except OSError:
                    pass
                self.assertLess(sent, 20 << 20, "it read without end")
                gate.wait_records(code="PN4105")
                self.assertEqual(gate.wait_records(event="session-close")[0]["why"], "PN4105")


def long_answers(sock):
    """10 KiB to each command but EHLO."""
    file = sock.makefile("rb")
    sock.sendall(b"220 in.test\r\n")
    for line in file:
        if line.startswith(b"EHLO"):
            sock.sendall(b"250-in.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
            continue
        if line.startswith(b"BDAT"):
            file.read(int(line.split()[1]))
        sock.sendall((b"250-" + b"x" * 500 + b"\r\n") * 20 + b"250 x\r\n")


class Delay(unittest.TestCase):
    def test_who_waits_is_greeted_after_the_delay(self):
        with gateway(rules("timeout greet-delay 1s"), server.port) as gate:
            before = len(server.connections)
            began = time.monotonic()
            with RawClient(gate.external) as c:
                c.expect(220)
                self.assertGreaterEqual(time.monotonic() - began, 1)
                c.command("QUIT", 221)
            self.assertEqual(len(server.connections), before + 1)

    def test_early_talker(self):
        with gateway(rules("timeout greet-delay 5s"), server.port) as gate:
            before = len(server.connections)
            with RawClient(gate.external) as c:
                c.send(b"EHLO c.test\r\n")
                c.expect(554)
                self.assertIsNone(c.reply())
            self.assertEqual(len(gate.wait_records(code="PN4106")), 1)
            self.assertEqual(len(server.connections), before, "no server was dialled for it")


if __name__ == "__main__":
    main()
