# SPDX-License-Identifier: ISC
"""What the tests of relay listeners have in common: a next hop that does as it is told, and a gateway in front of it."""
import ssl
import unittest

from support import LOOPBACK, Postern, RawClient, Script, free_port  # finds the next one, too
from fixture import certificate

TEXT = b"Subject: x\r\n\r\n..stuffed\r\nhello\r\n"
OFFER = ("PIPELINING", "SIZE 10000000", "8BITMIME", "DSN")


class Hop(Script):
    """An SMTP server that keeps what it was told, and does as it is told

    @answers: the first word of a line -> reply, or None: it closes then, or bytes that are sent as they are.
    """

    def __init__(self, offer=OFFER, answers=None, tls=None, broken=False, port=0):
        self.offer, self.answers, self.tls, self.broken = offer, answers or {}, tls, broken
        self.lines, self.messages, self.connections, self.resets = [], [], 0, 0
        self.resumed = []  # of each handshake: was it?
        super().__init__(self.talk, port)

    def talk(self, sock):
        self.connections += 1
        try:
            self.converse(sock)
        except ConnectionResetError:
            self.resets += 1

    def converse(self, sock):
        if not self.say(sock, "GREETING", "220 hop ESMTP"):
            return
        stream = sock.makefile("rb")
        while line := stream.readline():
            line = line.decode("latin-1").rstrip("\r\n")
            self.lines.append(line)
            verb = line.split(" ")[0].split(":")[0].upper()
            usual = {"EHLO": "\r\n".join(["250-hop"] + ["250-" + o for o in self.offers(sock)] + ["250 HELP"]),
                     "DATA": "354 go", "QUIT": "221 bye"}.get(verb, "250 2.0.0 ok")
            if verb == "STARTTLS":
                usual = "220 go"
            if not self.say(sock, verb, usual):
                return
            if verb == "DATA" and self.answers.get("DATA", "354").startswith("354"):
                if not self.take_text(sock, stream):
                    return
            elif verb == "STARTTLS" and self.broken:
                sock.recv(1000)
                sock.sendall(b"no TLS here at all\r\n")
                return
            elif verb == "STARTTLS" and self.tls and verb not in self.answers:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self.resumed.append(sock.session_reused)
                stream = sock.makefile("rb")
            elif verb == "QUIT":
                sock.close()
                return

    def offers(self, sock):
        return [*self.offer, *(["STARTTLS"] if self.tls and not isinstance(sock, ssl.SSLSocket) else [])]

    def take_text(self, sock, stream):
        text = bytearray()  # bytes would be copied with each line
        while not text.endswith(b"\r\n.\r\n"):
            line = stream.readline()
            if not line:
                return False
            text += line
        self.messages.append(bytes(text[:-3]))
        return self.say(sock, ".", "250 2.0.0 queued")

    def say(self, sock, what, usual):
        reply = self.answers.get(what, usual)
        if reply is None:
            sock.close()
            return False
        sock.sendall(reply if isinstance(reply, bytes) else reply.encode() + b"\r\n")
        return True


def rules(*ports, tls="none", more=""):
    hops = ", ".join("%s:%d" % (LOOPBACK, p) for p in ports)
    return ("version 1\nset d { members in.test }\nroute away { domains d; next-hop %s; tls %s }\n"
            "relay r { listen 127.0.0.1:{external}; recipients in d; deliver away; %s }\n" % (hops, tls, more))


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate()))
    return context


class Case(unittest.TestCase):
    def hop(self, **more):
        return self.enterContext(Hop(**more))

    def gateway(self, text, conf="", **more):
        return self.enterContext(Postern(text, conf=Postern.CONF + "workers 1\n" + conf, external=free_port(), internal=free_port(), **more))

    def client(self, gate):
        client = self.enterContext(RawClient(gate.external))
        client.expect(220)
        client.command("EHLO client.test", 250)
        return client

    def send(self, client, text=TEXT, code=250, to="b@in.test"):
        client.command("MAIL FROM:<a@out.test>", 250)
        client.command("RCPT TO:<%s>" % to, 250)
        client.command("DATA", 354)
        client.send(text + b".\r\n")
        return client.expect(code)[1]
