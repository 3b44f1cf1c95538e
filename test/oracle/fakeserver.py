#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
A mail server for tests: speaks SMTP strictly, keeps what it was sent, remembers every octet.

    with FakeServer(extensions=("PIPELINING", "CHUNKING")) as server:
        ...                         # connect to 127.0.0.1, server.port
        server.wait_messages(1)     # [Message(sender, recipients, how, body)]
        server.check()              # parser agreement over each connection; raises AssertionError

A test changes one answer by `override`: a function (verb, argument) -> reply octets, or None for the
usual answer; b"" closes the connection. As a program it prints its port and each message it got.
"""
import argparse
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle  # noqa: E402

EXTENSIONS = ("PIPELINING", "SIZE 10240000", "8BITMIME", "CHUNKING", "SMTPUTF8", "DSN",
              "ENHANCEDSTATUSCODES")


class Connection:
    """One session. Every octet goes through the oracle's strict personality, which is its parser."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.chunks = []
        self.parser = oracle.Personality()
        self.open = True
        self.ended = False

    def send(self, octets):
        self.chunks.append(("s", octets))
        self.sock.sendall(octets)
        self.parser.server(octets)

    def run(self):
        try:
            self.send(b"220 %s ESMTP fake\r\n" % self.server.name)
            while self.open and (octets := self.sock.recv(65536)):
                self.chunks.append(("c", octets))
                self.parser.client(octets)
                self.answer()
        except OSError:
            pass
        finally:
            self.sock.close()
            with self.server.changed:
                self.ended = True
                self.server.changed.notify_all()

    def answer(self):
        """Replies in order for all that was parsed; a reply may let the parser go on."""
        while self.open and self.parser.outstanding:
            pending = self.parser.outstanding[0]
            if self.parser.mode == "chunk" and len(self.parser.outstanding) == 1:
                return  # the octets of this BDAT are still to come
            reply = self.reply_to(pending)
            if not reply:
                self.open = False
                return
            self.send(reply)
            if pending.command.verb == b"QUIT":
                self.open = False

    def reply_to(self, pending):
        command, message = pending
        if self.server.override:
            reply = self.server.override(command.verb, command.text)
            if reply is not None:
                return reply
        if message is not None:
            self.parser.seal(message)
            return self.server.store(self.parser.messages[message])
        return self.usual(command)

    def usual(self, command):
        if command.verb == b"EHLO":
            lines = [self.server.name] + [e.encode() for e in self.server.extensions]
            return b"".join(b"250%s%s\r\n" % (b" " if i == len(lines) - 1 else b"-", ln)
                            for i, ln in enumerate(lines))
        if command.verb == b"DATA":
            return b"354 go ahead\r\n" if self.parser.recipients else b"503 5.5.1 no recipient\r\n"
        if command.verb == b"RCPT" and self.parser.sender is None:
            return b"503 5.5.1 MAIL first\r\n"
        return {b"QUIT": b"221 2.0.0 bye\r\n", oracle.UNPARSED: b"500 5.5.2 what\r\n",
                b"AUTH": b"235 2.7.0 ok\r\n", b"*SASL": b"235 2.7.0 ok\r\n"}.get(
                    command.verb, b"250 2.0.0 ok\r\n")


class FakeServer:
    def __init__(self, port=0, host="127.0.0.1", name="in.test", extensions=EXTENSIONS,
                 override=None):
        self.name, self.extensions, self.override = name.encode(), extensions, override
        self.connections, self.messages = [], []
        self.changed = threading.Condition()
        self.listener = socket.create_server((host, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for c in list(self.connections):
            try:
                c.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def store(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()
        return b"250 2.0.0 stored %d\r\n" % len(self.messages)

    def wait_messages(self, n, seconds=10):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.messages) >= n, seconds):
                raise AssertionError("%d of %d messages came" % (len(self.messages), n))
            return list(self.messages)

    def wait_closed(self, seconds=10):
        with self.changed:
            if not self.changed.wait_for(lambda: all(c.ended for c in self.connections), seconds):
                raise AssertionError("a connection is still open")

    def check(self):
        self.judge(self.connections)

    def judge(self, connections):
        for i, c in enumerate(connections):
            ok, why = oracle.agree(list(c.chunks))
            if not ok:
                raise AssertionError("connection %d: %s" % (i + 1, why))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--name", default="in.test")
    p.add_argument("--extension", action="append")
    args = p.parse_args()
    with FakeServer(args.port, name=args.name, extensions=args.extension or EXTENSIONS) as server:
        print("ready %d" % server.port, flush=True)
        shown = 0
        try:
            while True:
                with server.changed:
                    server.changed.wait(60)
                for message in server.messages[shown:]:
                    print(message, flush=True)
                    shown += 1
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
