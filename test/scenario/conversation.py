# SPDX-License-Identifier: ISC
"""
One scenario played through a running posternd: a scripted client outside, a scripted server inside.
"""
import os
import re
import selectors
import socket
import ssl
import sys
import time

import keys
from daemon import DaemonFault, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import oracle  # noqa: E402

STEP_S = 10  # deadline of one expectation; a large transfer gets more, see _deadline()
END_S = 10
WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
TRACE = re.compile(rb"Received: (?:[^\n]*\n\t)+[^\n]*\n(?=[^\t]|\Z)")  # what a relay adds (RFC 5321 4.4)
DRAIN_OCTETS = 65536  # the filter reads at most so much behind its last reply (DESIGN 4)


class Failed(Exception):
    pass


class Peer:
    """One end of a connection under the script's control."""

    def __init__(self, name, sock):
        self.name, self.sock = name, sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbuf, self.outbuf = bytearray(), bytearray()
        self.chunks = []  # ("c"|"s", octets): what went inward and outward, for the oracle
        self.end = None  # "eof" or "reset", as the filter ended it
        self.closed = False  # by the script
        self.group = 0  # octets of the last send

    def end_sending(self):
        try:
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.unwrap()
        except (*WAITS, OSError):  # it goes on reading
            pass
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_WR)  # of an SSLSocket, below TLS
        except OSError:
            pass


class Conversation:
    def __init__(self, scenario, daemon):
        self.scenario, self.daemon = scenario, daemon
        self.selector = selectors.DefaultSelector()
        self.began = time.monotonic()
        self.story = []
        self.servers, self.waiting = [], []  # accepted and used; accepted, not yet named by the script
        self.client = None
        self.follows = False  # this step continues the group of the one before
        self.loose = False  # between [text...] and [reset]
        self.saw_closed, self.saw_ended = False, []  # ends the script expected
        self.offset = daemon.log_size()
        self.known = {r.get("session") for r in daemon.records()} - {None}
        self.selector.register(daemon.inside.sock, selectors.EVENT_READ, None)

    # -- what happened, for a failure ------------------------------------------------------------

    def tell(self, mark, what):
        at = time.monotonic() - self.began
        text = what if isinstance(what, str) else repr(bytes(what[:400]))[2:-1]
        if not isinstance(what, str) and len(what) > 400:
            text += "... (%d octets)" % len(what)
        self.story.append("    %7.3f %-9s %s" % (at, mark, text))

    def transcript(self):
        story = self.story if len(self.story) < 120 else \
            self.story[:40] + ["    ..."] + self.story[-79:]
        return "\n".join(story)

    # -- sockets ---------------------------------------------------------------------------------

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=STEP_S)
        self.client = self.adopt("client", sock)
        self.tell("client", "connected")

    def adopt(self, name, sock):
        peer = Peer(name, sock)
        self.selector.register(sock, selectors.EVENT_READ, peer)
        return peer

    def pump(self, condition, seconds):
        """Moves octets until condition() holds. Return: whether it does."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.watch_writes()
            for key, mask in self.selector.select(left):
                self.ready(key.data, mask)
        return True

    def settle(self):
        """Reads what is there already, so that octets sent too early are seen before what we say next."""
        self.watch_writes()
        for key, mask in self.selector.select(0):
            self.ready(key.data, mask)

    def watch_writes(self):
        for peer in [self.client] + self.servers + self.waiting:
            if peer and not peer.end:
                want = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.outbuf else 0)
                self.selector.modify(peer.sock, want, peer)

    def ready(self, peer, mask):
        if peer is None:
            self.accept()
            return
        if mask & selectors.EVENT_WRITE and peer.outbuf:
            self.write(peer)
        while mask & selectors.EVENT_READ and not peer.end and self.read(peer):
            if not isinstance(peer.sock, ssl.SSLSocket):
                break  # of others no descriptor tells: records were read ahead

    def accept(self):
        try:
            sock, _ = self.daemon.inside.sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        number = len(self.servers) + len(self.waiting) + 1
        self.waiting.append(self.adopt("server%s" % ("" if number == 1 else number), sock))
        self.tell(self.waiting[-1].name, "connected")

    def write(self, peer):
        try:
            n = peer.sock.send(peer.outbuf[: 1 << 18])
        except WAITS:
            return
        except OSError as e:  # the filter closed: reading tells how
            self.tell(peer.name, "could not send %d octets: %s" % (len(peer.outbuf), e.strerror))
            peer.outbuf.clear()
            return
        if peer is not self.client:
            peer.chunks.append(("s", bytes(peer.outbuf[:n])))
        del peer.outbuf[:n]

    def read(self, peer):
        """False: there is nothing now."""
        try:
            octets = peer.sock.recv(1 << 18)
        except WAITS:
            return False
        except OSError:
            octets, peer.end = b"", "reset"
        if not octets:
            peer.end = peer.end or "eof"
            self.selector.unregister(peer.sock)
            self.tell(peer.name, "<- [%s]" % peer.end)
            return False
        self.tell(peer.name, b"<- " + octets)
        peer.inbuf += octets
        if peer is not self.client:
            peer.chunks.append(("c", octets))
        return True

    # -- steps -----------------------------------------------------------------------------------

    def play(self):
        self.prepare()
        self.connect()
        for step in self.scenario.steps:
            self.step = step
            getattr(self, "do_" + step.kind)(step)
            self.follows = step.joined
        self.finish()

    def prepare(self):
        if any(st.word == "down" for st in self.scenario.steps):
            self.selector.unregister(self.daemon.inside.sock)
            self.daemon.inside.down()

    def fail(self, why):
        raise Failed("%s: %s: %s" % (self.step.where, self.step.source[:100], why))

    def deadline(self):
        moving = len(self.client.outbuf) + sum(len(s.outbuf) for s in self.servers)
        return STEP_S + moving / 1e6  # 1 MB/s is slow even under a sanitizer

    def server(self):
        """The server's end of the newest connection; the first one needs no [dialled]."""
        if not self.servers:
            self.take_dialled()
        return self.servers[-1]

    def take_dialled(self):
        if not self.pump(lambda: self.waiting, self.deadline()):
            self.fail("the filter did not connect to the server")
        self.servers.append(self.waiting.pop(0))

    def do_send(self, step):
        peer = self.client if step.side == "C" else self.server()
        if not self.follows:
            self.settle()
            peer.group = 0
        self.tell(peer.name, b"-> " + step.octets)
        peer.group += len(step.octets)
        peer.outbuf += step.octets
        if not step.joined:
            self.write(peer)  # one segment for one group where it fits

    def do_act(self, step):
        if step.word == "down":
            return
        peer = self.client if step.side == "C" else self.server()
        self.pump(lambda: not peer.outbuf or peer.end, self.deadline())
        self.tell(peer.name, "-> [%s]" % step.word)
        if step.word == "tls":
            self.shake_hands(peer, server=step.side == "S")
            return
        peer.closed = True
        if step.word == "close":
            peer.end_sending()
            return
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if not peer.end:
            self.selector.unregister(peer.sock)
        peer.end = peer.end or "reset"
        peer.sock.close()

    def shake_hands(self, peer, server):
        if peer.end:
            self.fail("no handshake: the connection ended")
        context = keys.contexts(self.daemon.folder)[server]
        self.selector.unregister(peer.sock)
        peer.sock.settimeout(STEP_S)
        try:
            peer.sock = context.wrap_socket(peer.sock, server_side=server, server_hostname=None if server else "gw.in.test")
        except OSError as e:
            peer.end = "reset"
            self.fail("no handshake: %s" % e)
        peer.sock.setblocking(False)
        self.selector.register(peer.sock, selectors.EVENT_READ, peer)

    def do_login(self, step):
        """What a login check says is told to replay alone: here a real one speaks for itself."""

    def do_wait(self, step):
        self.pump(lambda: False, step.seconds)

    def do_log(self, step):
        def written():
            return any(step.pattern.match(str(r["code"]).encode()) for r in self.records())
        if not until(written, STEP_S):
            self.fail("no such record; written were: %s"
                      % ", ".join(str(r["code"]) for r in self.records()))

    def records(self):
        return [r for r in self.daemon.records(self.offset) if r.get("session") not in self.known]

    def do_expect(self, step):
        if step.side == "<":
            self.expect_reply(step)
        else:
            self.expect_octets(step)

    def expect_reply(self, step):
        client = self.client
        self.pump(lambda: b"\n" in client.inbuf or client.end, self.deadline())
        end = client.inbuf.find(b"\n") + 1
        if not end:
            self.fail("the client got %s" % self.got(client))
        if not step.pattern.match(bytes(client.inbuf[:end])):
            self.fail("the client got %r" % bytes(client.inbuf[:end]))
        del client.inbuf[:end]

    def expect_octets(self, step):
        server, want = self.server(), step.octets

        def enough():
            return len(server.inbuf) >= len(want) or server.end \
                or not want.startswith(bytes(server.inbuf))
        self.pump(enough, self.deadline())
        if bytes(server.inbuf[: len(want)]) != want:
            self.fail("the server got %s" % self.got(server))
        del server.inbuf[: len(want)]

    def got(self, peer):
        if peer.inbuf:
            return repr(bytes(peer.inbuf[:300]))
        return "[%s]" % peer.end if peer.end else "nothing in time"

    def do_event(self, step):
        name = step.word.rstrip(".") + ("_inward" if step.side == ">" else "")
        getattr(self, "event_" + name)(step)

    def event_dialled_inward(self, step):
        self.take_dialled()  # the first connection may be named, too

    def event_text_inward(self, step):
        self.loose = True  # judged when the reset came

    def event_received_inward(self, step):
        server = self.server()
        self.pump(lambda: TRACE.match(server.inbuf) or server.end, self.deadline())
        trace = TRACE.match(server.inbuf)
        if not trace:
            self.fail("the server got %s" % self.got(server))
        del server.inbuf[: trace.end()]

    def event_reset_inward(self, step):
        server = self.server()
        self.ended_by_filter(server)
        if server.end != "reset":
            self.fail("the connection was closed in order: some server may take that for an end")
        if self.loose:
            self.judge_loose_text(server)
        elif self.scenario.inspected and not self.scenario.relayed and not oracle.in_message(server.chunks):
            self.fail("the server was in no message: this is [closed], not [reset]")
        if self.scenario.inspected and oracle.unanswered(server.chunks):
            self.fail("the server saw the end of that message")

    def judge_loose_text(self, server):
        """What was let in of a message before it was refused: text of the client's, nothing else."""
        text, self.loose = bytes(server.inbuf), False
        sent = b"".join(st.octets for st in self.scenario.steps
                        if st.kind == "send" and st.side == "C")
        if text.replace(b"\r\n", b"\n") not in sent.replace(b"\r\n", b"\n"):  # it may be mended
            self.fail("what went inward is no part of what the client sent: %r" % text[-200:])
        server.inbuf.clear()

    def event_closed_inward(self, step):
        server = self.server()
        self.ended_by_filter(server)
        if self.scenario.inspected and oracle.in_message(server.chunks):
            self.fail("the server was in mid-message: this is [reset], not [closed]")

    def ended_by_filter(self, peer):
        if not self.pump(lambda: peer.end, self.deadline()):
            self.fail("the %s's connection is still open" % peer.name)
        self.saw_ended.append(peer)

    def event_closed(self, step):
        client = self.client
        self.ended_by_filter(client)
        if client.inbuf:
            self.fail("before the end the client got %r" % bytes(client.inbuf[:200]))
        if client.end == "reset" and client.group <= DRAIN_OCTETS:
            self.fail("reset instead of closed: the last reply may be lost")
        self.saw_closed = True

    # -- the end ---------------------------------------------------------------------------------

    def finish(self):
        client = self.client
        judged = not client.closed  # who closed in mid-session may miss replies
        if judged and not client.end:
            self.judge_no_early_end()
            self.tell("client", "-> [close] (end of the scenario)")
            client.end_sending()
        elif judged and not self.saw_closed:
            self.fail("the filter closed the client's connection")
        if self.scenario.relayed:
            self.pump(lambda: client.end, END_S)
            self.end_servers()
        elif not self.scenario.inspected:  # then the server's end is its own
            self.pump(lambda: all(s.end for s in self.servers), END_S)
            self.end_servers()
        ends = [client] + self.servers + self.waiting
        if not self.pump(lambda: all(p.end for p in ends), END_S):
            open_ends = [p.name for p in ends if not p.end]
            self.fail("the client is gone, but %s still connected" % " and ".join(open_ends))
        if judged and client.inbuf:
            self.fail("left over at the client: %r" % bytes(client.inbuf[:300]))
        for server in self.servers:
            if server.inbuf and not server.closed:
                self.fail("left over at the %s: %r" % (server.name, bytes(server.inbuf[:300])))
        self.judge_unnamed()
        self.judge_agreement()
        self.daemon.records(self.offset)  # every line written is a clean record

    def end_servers(self):
        for server in self.servers + self.waiting:
            server.end_sending()

    def judge_no_early_end(self):
        for server in self.servers:
            if server.end and not server.closed and server not in self.saw_ended:
                self.fail("the filter ended the connection to the %s" % server.name)

    def judge_unnamed(self):
        """A server the script never speaks of may have been dialled once, and must have got nothing."""
        expected = 0 if self.servers else 1
        if len(self.waiting) > expected:
            self.fail("the filter connected to the server once more")
        if any(w.inbuf for w in self.waiting):
            self.fail("left over at the server: %r" % bytes(self.waiting[0].inbuf[:300]))

    def judge_agreement(self):
        if not self.scenario.inspected:
            return
        for server in self.servers + self.waiting:
            ok, why = oracle.agree(server.chunks)
            if not ok:
                self.fail("the oracle: %s" % why)

    def close(self):
        for peer in [self.client] + self.servers + self.waiting:
            if peer:
                peer.sock.close()
        self.selector.close()
        if any(st.word == "down" for st in self.scenario.steps):
            self.daemon.inside.up()


def play(scenario, daemon):
    """None, or why it failed, with the transcript both sides saw."""
    conversation = Conversation(scenario, daemon)
    try:
        conversation.play()
        if daemon.ended() or daemon.complaints():
            raise Failed("posternd ended or complained")
        return None
    except (Failed, DaemonFault, OSError) as e:
        died = "\n    posternd ended: %s" % daemon.ended() if daemon.ended() else ""
        return "%s%s\n%s\n  posternd said:\n%s" % (e, died, conversation.transcript(),
                                                 daemon.stderr())
    finally:
        conversation.close()
