# SPDX-License-Identifier: ISC
"""A client that can do wrong: sends what it is told, octet for octet, and reads replies strictly."""
import errno
import re
import socket

from fixture import LOOPBACK, PATIENCE_S


class RawClient:
    """Sends what it is told, octet for octet, and reads replies strictly: CRLF, three digits."""

    def __init__(self, port, source=None, timeout=PATIENCE_S, host=LOOPBACK):
        self.sock = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.dialogue = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, octets):
        self.dialogue.append(("C", octets))
        try:
            self.sock.sendall(octets)
        except OSError as e:
            if e.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            self.dialogue.append(("C", b"[connection is gone]"))

    def line(self):
        while b"\n" not in self.buffer:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise AssertionError("no reply:\n" + self.show()) from None
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r") or not re.match(rb"[2-5]\d\d[ -]|[2-5]\d\d\r$", line):
            raise AssertionError(f"no reply line: {line!r}\n" + self.show())
        return line[:-1]

    def reply(self):
        """(code, text of all lines), or None at the end of the connection."""
        lines = []
        while True:
            line = self.line()
            if line is None:
                if lines:
                    raise AssertionError(f"connection ended within a reply: {lines}\n" + self.show())
                return None
            self.dialogue.append(("S", line))
            lines.append(line)
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(l[4:] for l in lines).decode("utf-8", "replace")

    def expect(self, code):
        got = self.reply()
        if got is None or not str(got[0]).startswith(str(code)):
            raise AssertionError(f"expected {code}, got {got}:\n" + self.show())
        return got

    def command(self, text, code):
        self.send(text.encode() + b"\r\n")
        return self.expect(code)

    def replies_to_end(self):
        found = []
        while (r := self.reply()) is not None:
            found.append(r)
        return found

    def show(self):
        return "\n".join(f"{who}: {text[:300]!r}" for who, text in self.dialogue)


def incident(reply_text):
    """The incident id in a refusal's text, or None."""
    found = re.search(r"\[([0-9A-Z]{6})\]", reply_text)
    return found and found.group(1)
