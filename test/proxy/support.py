# SPDX-License-Identifier: ISC
"""What the tests of the proxy share: rules made from parts, servers that say what they are told.

The fixtures (posternd in a folder, a client octet for octet) are those of test/net.
"""
import os
import socket
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "net"), os.path.join(HERE, "..", "oracle")]

from client import RawClient, incident  # noqa: E402,F401
from fakeserver import FakeServer  # noqa: E402,F401
from fixture import LOOPBACK, PATIENCE_S, free_port, main, wait_for  # noqa: E402,F401
from gateway import Postern  # noqa: E402


def rules(*statements, inspected=True, internal="127.0.0.1:{internal}", after=""):
    """One rule with these statements in it, and what stands behind it."""
    own = ["inspect commands internet", "recipients in in.test"] if inspected else ["pass"]
    if not any(s.startswith("client-address") for s in statements):
        own.append("client-address gateway")
    lines = ["external 127.0.0.1:{external}", "internal " + internal, *own, *statements]
    return "version 1\npublish p {\n" + "".join("    %s\n" % line for line in lines) + "}\n" + after


def gateway(text, internal=0, workers=None, **more):
    if workers:
        more["conf"] = more.get("conf", Postern.CONF) + "workers %d\n" % workers
    return Postern(text, external=free_port(), internal=internal or free_port(), **more)


class Script:
    """A server that does with each connection what @play(sock) says, and keeps what it got."""

    def __init__(self, play, port=0):
        self.play, self.socks = play, []
        self.listener = socket.create_server((LOOPBACK, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.listener.shutdown(socket.SHUT_RDWR)  # an accept(2) under way would take one more
        self.listener.close()
        for sock in self.socks:
            sock.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.socks.append(sock)
            threading.Thread(target=self._play, args=(sock,), daemon=True).start()

    def _play(self, sock):
        try:
            self.play(sock)
        except OSError:
            pass


def replies(*texts):
    """A play: each reply after whatever came; then it reads on until the end."""
    def play(sock):
        for text in texts:
            sock.sendall(text)
            if not sock.recv(65536):
                return
        while sock.recv(65536):
            pass
    return play
