# SPDX-License-Identifier: ISC
"""Which server, which answer, which end: choice of internals, default actions, half-closed clients, roles that die."""
import os
import signal
import socket
import threading
import time
import unittest

from support import LOOPBACK, FakeServer, RawClient, Script, free_port, gateway, incident, main, replies, rules, wait_for

# what one idle inspected session may take of the proxy's memory, all in all
SESSION_OCTETS = 1536

server = None


def setUpModule():
    global server
    server = unittest.enterModuleContext(FakeServer())


def reset(test, port):
    """The connection is reset, whether that is met while connecting or while reading."""
    try:
        with socket.create_connection((LOOPBACK, port), 10) as c:
            test.assertEqual(c.recv(1000), b"")
            test.fail("closed in order, not reset")
    except ConnectionResetError:
        pass


class Silent:
    """A port where connections neither stand nor fail: its queue is full."""

    def __enter__(self):
        self.listener = socket.socket()
        self.listener.bind((LOOPBACK, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = [socket.socket() for _ in range(4)]
        for s in self.fillers:
            s.setblocking(False)
            s.connect_ex((LOOPBACK, self.port))
        return self

    def __exit__(self, *unused):
        for s in (self.listener, *self.fillers):
            s.close()


class Choice(unittest.TestCase):
    def greeting(self, gate):
        with RawClient(gate.external) as c:
            _, text = c.expect(220)
            c.command("QUIT", 221)
            return text

    def names(self, name):
        return self.enterContext(Script(replies(b"220 %s\r\n" % name, b"221 bye\r\n")))

    def test_first_that_answers(self):
        second = self.names(b"second")
        text = rules(internal="127.0.0.1:%d, 127.0.0.1:%d" % (free_port(), second.port))
        with gateway(text, workers=1) as gate:
            self.assertEqual([self.greeting(gate) for _ in range(3)], ["second"] * 3)
            self.assertEqual(len(gate.wait_records(code="PN6001")), 1, "one that failed rests")

    def test_one_that_failed_costs_one_session_its_timeout(self):
        silent, second = self.enterContext(Silent()), self.names(b"second")
        text = rules("timeout connect 2s", internal="127.0.0.1:%d, 127.0.0.1:%d" % (silent.port, second.port))
        with gateway(text, workers=1) as gate:
            self.assertEqual(self.greeting(gate), "second")
            self.assertEqual([self.greeting(gate) for _ in range(5)], ["second"] * 5)
            self.assertEqual(len(gate.wait_records(code="PN6001")), 1)

    def test_one_that_rests_is_tried_when_the_others_fail(self):
        port = free_port()
        with Script(replies(b"220 second\r\n", b"221 bye\r\n")) as second:
            gate = self.enterContext(gateway(rules(internal="127.0.0.1:%d, 127.0.0.1:%d" % (port, second.port)), workers=1))
            self.assertEqual(self.greeting(gate), "second")
        self.enterContext(Script(replies(b"220 first\r\n", b"221 bye\r\n"), port))
        self.assertEqual([self.greeting(gate) for _ in range(3)], ["first"] * 3)

    def test_one_that_came_back_is_found(self):
        port, second = free_port(), self.names(b"second")
        with gateway(rules(internal="127.0.0.1:%d, 127.0.0.1:%d" % (port, second.port)), workers=1) as gate:
            began = time.monotonic()
            self.assertEqual(self.greeting(gate), "second")
            self.enterContext(Script(replies(b"220 first\r\n", b"221 bye\r\n"), port))
            self.assertEqual(self.greeting(gate), "second", "it rests")
            wait_for("the first", lambda: self.greeting(gate) == "first", timeout=20)
            self.assertGreater(time.monotonic() - began, 9)

    def test_one_that_does_not_answer_at_all(self):
        """Each internal has the whole `timeout connect`: the second of two silent ones too."""
        third = self.names(b"third")
        silent = [self.enterContext(Silent()).port for _ in range(2)]
        text = rules("timeout connect 1s", internal="127.0.0.1:%d, 127.0.0.1:%d, 127.0.0.1:%d" % (*silent, third.port))
        with gateway(text) as gate:
            began = time.monotonic()
            self.assertEqual(self.greeting(gate), "third")
            self.assertGreaterEqual(time.monotonic() - began, 2)
            self.assertEqual(len(gate.wait_records(2, code="PN6001")), 2)

    def test_in_turn(self):
        ports = tuple(self.names(name).port for name in (b"one", b"two", b"three"))
        text = rules(internal="127.0.0.1:%d, 127.0.0.1:%d, 127.0.0.1:%d balance round-robin" % ports)
        with gateway(text, workers=1) as gate:  # the turn is each worker's own
            self.assertEqual([self.greeting(gate) for _ in range(6)], ["one", "two", "three"] * 2)

    def test_none_answers(self):
        text = rules(internal="127.0.0.1:%d, 127.0.0.1:%d" % (free_port(), free_port()))
        with gateway(text) as gate, RawClient(gate.external) as c:
            _, said = c.expect(421)
            self.assertIsNone(c.reply())
            found = gate.wait_records(2, code="PN6001")
            self.assertEqual([r.get("incident") for r in found], [None, incident(said)])

    def test_none_answers_for_a_passed_session(self):
        with gateway(rules(inspected=False)) as gate:
            reset(self, gate.external)
            self.assertEqual(len(gate.wait_records(code="PN6001")), 1)


class Unpublished(unittest.TestCase):
    ELSEWHERE = ["from 192.0.2.1"]

    def test_refuse_says_so(self):
        for after, want in (("", "5.7.1"), ('default refuse "550 5.7.1 Nobody here"\n', "5.7.1 Nobody here")):
            with self.subTest(after), gateway(rules(*self.ELSEWHERE, after=after)) as gate, RawClient(gate.external) as c:
                _, text = c.expect(5)
                self.assertTrue(text.startswith(want), text)
                self.assertIsNone(c.reply())
                self.assertEqual(gate.wait_records(code="PN1003")[0]["incident"], incident(text))

    def test_reset_resets(self):
        with gateway(rules(*self.ELSEWHERE, after="default reset\n")) as gate:
            reset(self, gate.external)
            self.assertEqual(len(gate.wait_records(code="PN1003")), 1)

    def test_a_refused_client_that_talks_still_gets_its_reply(self):
        """A bare close with unread input would send RST and lose it."""
        with gateway(rules(*self.ELSEWHERE)) as gate:
            for _ in range(20):
                with RawClient(gate.external) as c:
                    c.send(b"EHLO c.test\r\n" * 100)
                    c.expect(554)


class Rate(unittest.TestCase):
    def test_then_refuse_and_then_tempfail(self):
        for then, code in (("refuse", 554), ("tempfail", 421)):
            with self.subTest(then), gateway(rules("limit rate 2 per 1m per client then %s for 10m" % then), server.port) as gate:
                got = []
                for _ in range(4):
                    with RawClient(gate.external) as c:
                        got.append(c.reply()[0])
                self.assertEqual(got, [220, 220, code, code])

    def test_over_the_limit_of_a_passed_rule_is_a_reset(self):
        with gateway(rules("limit connections 1 per client, 10 total", inspected=False), server.port) as gate:
            with RawClient(gate.external) as c:
                c.expect(220)
                reset(self, gate.external)
            self.assertEqual(len(gate.wait_records(code="PN4001")), 1)


class Ends(unittest.TestCase):
    MAIL = b"EHLO c.test\r\nMAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nDATA\r\n"

    def test_client_that_closes_its_half_gets_every_reply(self):
        with gateway(rules(), server.port) as gate, RawClient(gate.external) as c:
            c.send(b"EHLO c.test\r\nMAIL FROM:<a@out.test>\r\nRCPT TO:<b@in.test>\r\nVRFY x\r\nQUIT\r\n")
            c.sock.shutdown(socket.SHUT_WR)
            self.assertEqual([code for code, _ in c.replies_to_end()], [220, 250, 250, 250, 502, 221])
            gate.wait_records(event="session-close")

    def test_seq_18_client_that_closes_in_a_message(self):
        for how in ("close", "reset"):
            with self.subTest(how), FakeServer() as inside, gateway(rules(), inside.port) as gate:
                with RawClient(gate.external) as c:
                    c.expect(220)
                    c.command("EHLO c.test", 250)
                    c.send(self.MAIL[13:])
                    for code in (250, 250, 354):
                        c.expect(code)
                    c.send(b"Subject: half\r\n\r\nof it\r\n")
                    if how == "reset":
                        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.assertEqual(len(gate.wait_records(code="PN2005")), 1)
                gate.wait_records(event="session-close")
                inside.wait_closed()
                self.assertEqual(inside.messages, [])

    def test_sigterm_waits_for_a_message_under_way(self):
        def slow(verb, argument):
            if verb == b"DATA":
                time.sleep(0.5)
        with FakeServer(override=slow) as inside, gateway(rules(), inside.port) as gate, RawClient(gate.external) as c:
            c.expect(220)
            c.command("EHLO c.test", 250)
            c.send(self.MAIL[13:])
            c.expect(250)
            c.expect(250)
            gate.process.terminate()
            c.expect(354)
            c.send(b"x\r\n.\r\n")
            c.expect(250)
            c.expect(421)
            self.assertIsNone(c.reply())
            self.assertEqual(gate.process.wait(20), 0)
            self.assertEqual(len(inside.messages), 1)

    def test_a_role_that_dies_is_started_again(self):
        for role in ("postern-proxy", "postern-log"):
            with self.subTest(role), gateway(rules(), server.port, workers=1) as gate:
                with RawClient(gate.external) as c:
                    c.expect(220)
                    os.kill(gate.roles(role)[0], signal.SIGKILL)
                    self.assertEqual(len(gate.wait_records(code="PN8003", role=role)), 1)
                    if role == "postern-log":
                        c.command("NOOP", 250)
                self.assertIn("%s (process" % role, gate.stderr())
                with RawClient(gate.external) as c:
                    c.expect(220)


class Memory(unittest.TestCase):
    def resident(self, gate):
        total = 0
        for pid in gate.roles("postern-proxy"):
            with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
                total += next(int(line.split()[1]) for line in f if line.startswith("Private_Dirty:"))
        return total

    def test_idle_sessions_take_what_is_promised(self):
        """Measured between the 500th and the 2,500th session, so that what the process needs once does not count."""
        with Script(echo_smtp) as inside, gateway(rules("limit connections 4000 per client, 4000 total"), inside.port) as gate:
            clients, sizes = [], []
            for target in (500, 2500):
                while len(clients) < target:
                    clients.append(socket.create_connection((LOOPBACK, gate.external)))
                    self.assertEqual(clients[-1].recv(100)[:3], b"220")
                    clients[-1].sendall(b"EHLO c.test\r\n")
                    self.assertEqual(clients[-1].recv(1000)[:3], b"250")
                sizes.append(self.resident(gate))
            each = (sizes[1] - sizes[0]) * 1024 / 2000
            print("octets for each idle session: %d" % each)
            with open("/proc/%d/maps" % gate.roles("postern-proxy")[0], "rb") as maps:
                sanitized = b"asan" in maps.read()
            if not sanitized:
                self.assertLessEqual(each, SESSION_OCTETS)
            for c in clients:
                c.close()
            gate.wait_sessions_closed()


def echo_smtp(sock):
    sock.sendall(b"220 in.test\r\n")
    while sock.recv(1000):
        sock.sendall(b"250 in.test\r\n")


if __name__ == "__main__":
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(128 << 10)
    main()
