# SPDX-License-Identifier: ISC
"""Nothing is lost: a client is told 250 only for what the server took, whole, whenever the server dies

The server ends its connections at every step a session has, in order or by a reset, as a random plan (with a
fixed seed) says; clients try each message again until it is taken. What a client was told must be what
the server did; only where the server died between taking a message and saying so may it hold it twice.
"""
import collections
import random
import socket
import struct
import threading
import unittest

from client import RawClient
from fixture import LOOPBACK, PATIENCE_S, free_port, main
from gateway import DELIVERED, PUBLISH, Postern

STEPS = ("accepted", "EHLO", "MAIL", "RCPT", "DATA", "text", "half the text", "taken", "said 250", "QUIT")
CLIENTS, MESSAGES, TRIES = 8, 20, 60


class Gone(Exception):
    pass


class Mortal:
    """A server that keeps messages, and that ends a connection where its plan says."""

    REPLIES = {"EHLO": b"250-mortal.in.test\r\n250 PIPELINING\r\n", "DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}

    def __init__(self):
        self.plan = random.Random(7)
        self.taken = []
        self.deaths = collections.Counter()
        self.lock = threading.Lock()

    def __enter__(self):
        self.listener = socket.create_server((LOOPBACK, 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                death = self.plan.choice(STEPS + ("never",) * 3), self.plan.random() < 0.5
            threading.Thread(target=self.serve, args=(sock, *death), daemon=True).start()

    def serve(self, sock, death, reset):
        def step(name):
            if name == death:
                raise Gone

        try:
            sock.settimeout(PATIENCE_S)
            self.session(sock, step)
        except (Gone, OSError):
            with self.lock:
                self.deaths[death] += 1
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def session(self, sock, step):
        step("accepted")
        sock.sendall(b"220 mortal.in.test\r\n")
        with sock.makefile("rb") as lines:
            while line := lines.readline():
                verb = line[:4].decode()
                step(verb)
                sock.sendall(self.REPLIES.get(verb, b"250 ok\r\n"))
                if verb == "DATA":
                    self.message(sock, lines, step)

    def message(self, sock, lines, step):
        step("text")
        text = b""
        while (line := lines.readline()) != b".\r\n":
            if not line:
                raise Gone
            text += line
            if len(text) > 20000:
                step("half the text")
        with self.lock:
            self.taken.append(text)
        step("taken")
        sock.sendall(b"250 2.0.0 taken\r\n")
        step("said 250")


def message(name):
    return (f"Subject: {name}\r\n\r\n" + f"{name} and some words\r\n" * 1500 + "end\r\n").encode()


class Loss(unittest.TestCase):
    def send(self, port, text):
        """The first digit of the last reply to the message, 0 when the connection ended without one."""
        reply = None
        try:
            with RawClient(port) as c:
                c.expect(220)
                for line in (b"EHLO c.test", b"MAIL FROM:<a@out.test>", b"RCPT TO:<b@in.test>", b"DATA"):
                    c.send(line + b"\r\n")
                    reply = c.reply()
                    if not reply or reply[0] >= 400:
                        return reply[0] // 100 if reply else 0
                reply = None
                c.send(text + b".\r\n")
                reply = c.reply()
                c.send(b"QUIT\r\n")
                c.reply()
        except (AssertionError, OSError):
            pass
        return reply[0] // 100 if reply else 0

    def client(self, port, number, told):
        for n in range(MESSAGES):
            text = message(f"message {number}-{n}")
            for _ in range(TRIES):
                answer = self.send(port, text)
                told.append((text, answer))
                if answer == 2:
                    break

    def test_what_the_client_is_told_is_what_the_server_did(self):
        with Mortal() as server, Postern(PUBLISH, external=free_port(), internal=server.port) as gate:
            told = []
            threads = [threading.Thread(target=self.client, args=(gate.external, n, told)) for n in range(CLIENTS)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            gate.wait_sessions_closed()
            taken = collections.Counter(server.taken)
            accepted = collections.Counter(text for text, answer in told if answer == 2)
            sent = {message(f"message {number}-{n}") for number in range(CLIENTS) for n in range(MESSAGES)}
            self.assertEqual(set(taken) - sent, set(), "a message the server holds is none that was sent")
            self.assertEqual(set(accepted), sent, "a message was never taken")
            for text in sent:
                self.assertLessEqual(accepted[text], taken[text], "250 for a message the server has not")
            # the rest of its copies are those the server took and then died before it said so, or as it said so
            twice = sum(taken.values()) - sum(accepted.values())
            self.assertGreaterEqual(twice, server.deaths["taken"])
            self.assertLessEqual(twice, server.deaths["taken"] + server.deaths["said 250"])
            self.assertNotIn(5, [answer for _, answer in told], "a dead server is no permanent failure")
            self.assertEqual(set(server.deaths), set(STEPS), "the plan left a step out")
            self.assertEqual(len(gate.wait_records(len(sent), code=DELIVERED)), sum(accepted.values()))


if __name__ == "__main__":
    main()
