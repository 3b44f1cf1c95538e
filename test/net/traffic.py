# SPDX-License-Identifier: ISC
"""Messages with names, and who knows what became of each

`Traffic` sends them from several threads until it is stopped and keeps what it was told; `Sink` is a server that
keeps what it took and what it said. Each name is sent once only, so that the two can be compared exactly:

    accepted    the client was told 2xx: the sink has it, once
    unknown     the end of the text was sent, and no 2xx came: the sink may have it, once (RFC 1047)
    refused     a 4xx or 5xx before that: the sink has it not
    cut         the connection ended before that: the sink has it not
"""
import collections
import random
import re
import socket
import struct
import threading
import time

from fixture import LOOPBACK, PATIENCE_S, wait_for

LINE = b"0123456789" * 7 + b"\r\n"


def message(name, octets=0):
    """Its text says how long it is, so that half of it is told from the whole."""
    lines = octets // len(LINE)
    return b"Subject: %s\r\nX-Lines: %d\r\n\r\n" % (name.encode(), lines) + LINE * lines


def name_of(text):
    """Of a message that is whole, else None."""
    found = re.match(rb"Subject: (\S+)\r\nX-Lines: (\d+)\r\n\r\n", text)
    if not found or text[found.end():] != LINE * int(found.group(2)):
        return None
    return found.group(1).decode()


class Gone(Exception):
    """The server ends the connection here, as it was told to."""


class Sink:
    """A server on loopback. @plan(number of the connection) -> at which step it ends it, and whether by a reset."""

    STEPS = ("accepted", "greeting", "EHLO", "MAIL", "RCPT", "DATA", "354", "text", "taken", "said 250", "QUIT")
    REPLIES = {b"EHLO": b"250-sink.in.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 50000000\r\n",
               b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}

    def __init__(self, plan=None, port=0, pause_s=0):
        self.plan, self.pause_s = plan, pause_s
        self.lock = threading.Lock()
        self.taken, self.said = collections.Counter(), collections.Counter()
        self.broken = []  # what came as a whole message and is none that was sent
        self.deaths = collections.Counter()
        self.connections = self.open = 0
        self.listener = socket.create_server((LOOPBACK, port), backlog=512)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open += 1
                death, reset = self.plan(self.connections) if self.plan else (None, False)
            threading.Thread(target=self._serve, args=(sock, death, reset), daemon=True).start()

    def _serve(self, sock, death, reset):
        def step(name):
            if name == death:
                raise Gone

        try:
            sock.settimeout(120)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._session(sock, step)
        except Gone:
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with self.lock:
                self.deaths[death] += 1
        except OSError:
            pass
        sock.close()
        with self.lock:
            self.open -= 1

    def _session(self, sock, step):
        step("accepted")
        sock.sendall(b"220 sink.in.test\r\n")
        step("greeting")
        with sock.makefile("rb") as octets:
            while line := octets.readline():
                verb = line[:4].upper().rstrip()
                step(verb.decode())
                if verb == b"BDAT":
                    self._chunk(sock, octets, line, step)
                    continue
                sock.sendall(self.REPLIES.get(verb, b"250 ok\r\n"))
                if verb == b"DATA":
                    step("354")
                    self._text(sock, octets, step)
                elif verb == b"QUIT":
                    return

    def _text(self, sock, octets, step):
        lines = []
        while (line := octets.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                raise OSError("half a message")
            lines.append(line[1:] if line.startswith(b".") else line)
            if len(lines) == 4:
                step("text")
        self._take(sock, b"".join(lines), step)

    def _chunk(self, sock, octets, line, step):
        words = line.split()
        text = octets.read(int(words[1]))
        if len(text) < int(words[1]):
            raise OSError("half a chunk")
        self.chunks = None
        self._take(sock, text, step)  # the tests send one chunk a message

    def _take(self, sock, text, step):
        name = name_of(text)
        if self.pause_s:
            time.sleep(self.pause_s)
        with self.lock:
            if name:
                self.taken[name] += 1
            else:
                self.broken.append(text[:200])
        step("taken")
        sock.sendall(b"250 2.0.0 taken\r\n")
        with self.lock:
            self.said[name] += 1
        step("said 250")


class Dialogue:
    """A client that goes on after anything: reply() is (code, text), or None at the end of the connection."""

    def __init__(self, port, source=None, timeout=PATIENCE_S):
        self.sock = socket.create_connection((LOOPBACK, port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.lines.close()
        self.sock.close()

    def reply(self):
        text = []
        while True:
            try:
                line = self.lines.readline()
            except OSError:
                return None
            if not line.endswith(b"\r\n"):
                return None
            text.append(line[4:-2].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(text)

    def say(self, octets):
        try:
            self.sock.sendall(octets)
        except OSError:
            pass  # the next reply shows it

    def code(self, octets=None):
        """Sends, if there is something to, and gives the code of the reply; 0 at the end of the connection."""
        if octets is not None:
            self.say(octets)
        r = self.reply()
        return r[0] if r else 0


class Traffic:
    """Clients that send until stop(). One may be watched: records(since) tells what it met when."""

    def __init__(self, port, threads=4, largest=20000, per_session=3, pause_s=0.0, prefix="m", abort=0.0):
        self.port, self.n_threads, self.largest, self.per_session = port, threads, largest, per_session
        self.pause_s, self.prefix, self.abort = pause_s, prefix, abort
        self.lock = threading.Lock()
        self.outcomes = {}                     # name -> outcome
        self.times = []                        # (monotonic, outcome or what happened to a connection)
        self.answers = collections.Counter()   # replies that were no 2xx or 3xx
        self.met = collections.Counter()       # connections: "refused", "reset", "no greeting", "421", "greeted"
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        self.ended.set()
        for t in self.threads:
            t.join()

    def names(self, *outcomes):
        with self.lock:
            return {name for name, outcome in self.outcomes.items() if outcome in outcomes}

    def count(self, outcome):
        return len(self.names(outcome))

    def wait_accepted(self, more, timeout=PATIENCE_S):
        target = self.count("accepted") + more
        wait_for(lambda: f"{more} more messages; {self.show()}", lambda: self.count("accepted") >= target, timeout)

    def longest_gap_s(self, since):
        """Between one message accepted and the next, after @since."""
        with self.lock:
            times = [t for t, what in self.times if what == "accepted" and t >= since]
        return max((b - a for a, b in zip([since] + times, times)), default=float("inf"))

    def show(self):
        with self.lock:
            return f"{dict(collections.Counter(self.outcomes.values()))}, met {dict(self.met)}, answers {dict(self.answers)}"

    # -- one client

    def _note(self, what):
        with self.lock:
            self.met[what] += 1
            self.times.append((time.monotonic(), what))

    def _outcome(self, name, outcome):
        with self.lock:
            self.outcomes[name] = outcome
            self.times.append((time.monotonic(), outcome))

    def _run(self, number):
        dice, n = random.Random(number), 0
        while not self.ended.is_set():
            try:
                with Dialogue(self.port) as c:
                    n = self._session(c, number, n, dice)
            except ConnectionRefusedError:
                self._note("refused")
                time.sleep(0.02)
            except OSError as e:
                self._note(type(e).__name__)
                time.sleep(0.02)

    def _session(self, c, number, n, dice):
        greeting = c.code()
        if greeting != 220:
            self._note(str(greeting) if greeting else "no greeting")
            time.sleep(0.02)
            return n
        self._note("greeted")
        if c.code(b"EHLO c.test\r\n") != 250:
            return n
        for _ in range(dice.randint(1, self.per_session)):
            n += 1
            name = f"{self.prefix}{number}-{n}"
            outcome = self._message(c, name, dice)
            self._outcome(name, outcome)
            if outcome in ("cut", "unknown") or self.ended.is_set():
                return n
            if self.pause_s:
                time.sleep(self.pause_s)
        c.code(b"QUIT\r\n")
        return n

    def _message(self, c, name, dice):
        for line in (b"MAIL FROM:<a@out.test>", b"RCPT TO:<b@in.test>", b"DATA"):
            code = c.code(line + b"\r\n")
            if code >= 400 or code == 0:
                self._answer(code)
                return "refused" if code and code != 421 else "cut"
        text = message(name, dice.randint(0, self.largest))
        if dice.random() < self.abort:
            c.say(text[:len(text) // 2])
            return "cut"
        half = len(text) // 2
        c.say(text[:half])
        if self.pause_s:
            time.sleep(self.pause_s)
        c.say(text[half:] + b".\r\n")
        code = c.code()
        if 200 <= code < 300:
            return "accepted"
        self._answer(code)
        return "unknown"

    def _answer(self, code):
        with self.lock:
            self.answers[code] += 1


def assert_accounted(test, traffic, sink, may_be_unknown=None):
    """Nothing acknowledged is lost, nothing is there twice, and what the client was refused is not there."""
    taken = collections.Counter(sink.taken)
    test.assertEqual(sink.broken, [], "half a message, or another one, was taken for a whole")
    accepted, unknown = traffic.names("accepted"), traffic.names("unknown")
    test.assertEqual(accepted - set(taken), set(), "250 for a message the server has not")
    test.assertEqual(set(taken) - accepted - unknown, set(), "the server has what the client was refused")
    test.assertEqual([name for name, n in taken.items() if n > 1], [], "taken twice")
    if may_be_unknown is not None:
        test.assertLessEqual(len(unknown), may_be_unknown, traffic.show())
