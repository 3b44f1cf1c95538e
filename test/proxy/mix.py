# SPDX-License-Identifier: ISC
"""Clients, next hops and a login check that do by chance what they may, and what they may not: late, in pieces, or not at all.

Each keeps what must hold afterwards: which messages a next hop took, which a client was told were taken, and what a client was
given that was not due to it.
"""
import asyncio
import base64
import logging
import os
import random

PASSWORD = "secret"
EXTENSIONS = (b"PIPELINING", b"SIZE 100000", b"8BITMIME", b"CHUNKING", b"SMTPUTF8", b"DSN", b"STARTTLS", b"AUTH PLAIN LOGIN")
PATIENCE_S = 30  # of a client; all that may be waited for is much shorter
GONE = (OSError, asyncio.IncompleteReadError)  # a connection that ends as it likes, TLS too


logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # which warns of every lost connection


class Chance(random.Random):
    def often(self, p):
        return self.random() < p

    async def nap(self, p, most):
        if self.often(p):
            await asyncio.sleep(self.random() * most)

    async def put(self, writer, octets):
        """In one piece, as a rule."""
        if len(octets) > 1 and self.often(0.15):
            at = self.randrange(1, len(octets))
            writer.write(octets[:at])
            await writer.drain()
            await asyncio.sleep(self.random() * 0.05)
            octets = octets[at:]
        writer.write(octets)
        await writer.drain()

    def close(self, writer):
        if self.often(0.3):
            writer.transport.abort()
        else:
            writer.close()


class NextHop:
    """Half of its connections are an honest server's."""

    def __init__(self, chance, tls):
        self.chance, self.tls = chance, tls
        self.connections = 0
        self.taken = set()  # tokens of messages it said 250 for

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            await Conversation(self, reader, writer).run()
        except (*GONE, ValueError, IndexError):
            pass
        finally:
            self.chance.close(writer)


class Conversation:
    def __init__(self, hop, reader, writer):
        self.hop, self.chance, self.reader, self.writer = hop, hop.chance, reader, writer
        self.bad = self.chance.often(0.5)
        self.text = b""

    def fails(self, p):
        return self.bad and self.chance.often(p)

    async def say(self, text):
        await self.chance.put(self.writer, text)

    async def run(self):
        if self.fails(0.1):
            await asyncio.sleep(self.chance.random() * 3)
            return
        await self.chance.nap(0.1, 1.2)
        if self.fails(0.15):
            await self.say(self.chance.choice([b"554 no\r\n", b"421 later\r\n", b"garbage\r\n"]))
            return
        await self.say(b"220-hop\r\n220 hop\r\n")
        while line := await self.reader.readline():
            if self.fails(0.05):  # gone, or silent, or it says what nobody asked
                await asyncio.sleep(self.chance.choice([0, self.chance.random() * 3]))
                if self.chance.often(0.6):
                    return
                await self.say(self.chance.choice([b"250 more\r\n", b"nonsense\r\n", b"421 bye\r\n"]))
            await self.chance.nap(0.05, 1.2)
            if not await self.obey(line):
                return

    async def obey(self, line):
        """False: the connection is over."""
        verb = line[:4].upper().strip()
        command = {b"EHLO": self.ehlo, b"STAR": self.starttls, b"AUTH": self.auth, b"DATA": self.data, b"BDAT": self.bdat}.get(verb)
        if command:
            return await command(line) is not False
        if verb == b"MAIL":
            self.text = b""
        usual = [b"250 ok\r\n"] * 8
        if verb in (b"MAIL", b"RCPT"):
            usual += [b"450 no\r\n", b"550 no\r\n", b"250-a\r\n250 b\r\n"]
        await self.say(b"221 bye\r\n" if verb == b"QUIT" else self.chance.choice(usual))
        return verb != b"QUIT"

    async def ehlo(self, _):
        if self.fails(0.05):
            await self.say(b"502 no\r\n")
            return
        offer = [b"250-hop\r\n"] + [b"250-%s\r\n" % e for e in EXTENSIONS if self.chance.often(0.8)]
        await self.say(b"".join(offer) + b"250 HELP\r\n")

    async def starttls(self, _):
        if self.fails(0.3):
            await self.say(self.chance.choice([b"454 no\r\n", b"220 go\r\n250 injected\r\n", b"220 go\r\nno handshake at all\r\n"]))
            return
        await self.say(b"220 go\r\n")
        if self.fails(0.1):
            await asyncio.sleep(3)
            return False
        await self.writer.start_tls(self.hop.tls)

    async def auth(self, line):
        words = line.split()
        for _ in range(2 if words[1] == b"LOGIN" else 1 if len(words) == 2 or self.fails(0.1) else 0):
            await self.say(b"334 \r\n")
            if (await self.reader.readline()).strip() == b"*":
                break
        await self.chance.nap(0.2, 1.2)
        await self.say(self.chance.choice([b"235 in\r\n"] * 3 + [b"535 no\r\n", b"454 later\r\n", b"500 what\r\n"]))

    async def end_of_message(self):
        """False: no word of it."""
        if self.fails(0.1):
            await asyncio.sleep(self.chance.choice([0, 3]))
            return False
        await self.chance.nap(0.1, 1.2)
        reply = self.chance.choice([b"250 taken\r\n"] * 6 + [b"250-a\r\n250 b\r\n", b"451 later\r\n", b"550 no\r\n"])
        if reply.startswith(b"250"):
            self.hop.taken.add(token_of(self.text))
        await self.say(reply)

    async def data(self, _):
        if self.fails(0.1):
            await self.say(b"451 no\r\n")
            return
        await self.say(b"354 go\r\n")
        self.text = await self.reader.readuntil(b"\r\n.\r\n")
        return await self.end_of_message()

    async def bdat(self, line):
        self.text += await self.reader.readexactly(int(line.split()[1]))
        if b"LAST" in line.upper():
            return await self.end_of_message()
        await self.say(b"452 no\r\n" if self.fails(0.1) else b"250 chunk\r\n")


def text_of(token, lines):
    return b"Token: %s.\r\n\r\n" % token + b"x" * 60 + b"\r\n" * lines


def token_of(text):
    return text.rpartition(b"Token: ")[2].partition(b".")[0]


class Dovecot:
    """Says anything, about one or the other."""

    def __init__(self, chance):
        self.chance = chance

    async def serve(self, reader, writer):
        try:
            await self.chance.nap(0.1, 1.2)
            writer.write(b"VERSION\t1\t1\nMECH\tPLAIN\nDONE\n" if self.chance.often(0.95) else b"VERSION\t9\n")
            while line := await reader.readline():
                await self.chance.nap(0.2, 1.2)
                number = line.split(b"\t")[1].strip()
                answers = (b"OK\t%s\tuser=alice", b"OK\t%s", b"FAIL\t%s", b"FAIL\t%s\ttemp", b"CONT\t%s\tdGVzdA==", b"CONT\t%s\t", b"CONT\t%s\t!!",
                           b"WHAT\t%s")
                for _ in range(self.chance.choice([1, 1, 1, 2])):
                    writer.write(self.chance.choice(answers) % number + b"\n")
                if self.chance.often(0.03):
                    return
        except (*GONE, IndexError):
            pass
        finally:
            writer.close()


class Mix:
    """The clients of one run, and what they found."""

    def __init__(self, chance, ports, tls):
        self.chance, self.ports, self.tls = chance, ports, tls
        self.sessions = 0
        self.replies = {}
        self.told = set()  # tokens of messages that a client was told were taken
        self.wrong = []  # what no client should have been given
        self.next = 0

    async def session(self):
        self.sessions += 1
        try:
            await Client(self).run()
        except GONE:
            pass


class Client:
    def __init__(self, mix):
        self.mix, self.chance = mix, mix.chance
        self.kind = self.chance.choice(list(mix.ports))
        self.login = self.kind in ("users", "implicit", "dovecot", "hop")
        self.implicit = self.kind in ("implicit", "hop")
        self.logged_in = False

    async def run(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.mix.ports[self.kind], ssl=self.mix.tls if self.implicit else None)
        try:
            await self.greet()
            for _ in range(self.chance.randrange(1, 9)):
                await self.chance.nap(0.15, 2.2)
                if not await self.act():
                    return
        finally:
            self.chance.close(self.writer)

    async def say(self, *lines):
        await self.chance.put(self.writer, b"".join(line.encode() + b"\r\n" for line in lines))

    async def reply(self):
        while True:
            try:
                line = await asyncio.wait_for(self.reader.readline(), PATIENCE_S)
            except TimeoutError:
                self.mix.wrong.append(f"{self.kind}: no reply in {PATIENCE_S} s")
                line = b""
            if not line:
                raise ConnectionError
            if line[3:4] != b"-":
                code = int(line[:3])
                self.mix.replies[code] = self.mix.replies.get(code, 0) + 1
                return code

    async def ask(self, line):
        await self.say(line)
        return await self.reply()

    async def greet(self):
        await self.reply()
        await self.ask("EHLO c.test")
        if self.implicit or self.kind == "clear" or self.chance.often(0.1):
            return
        await self.say(*["STARTTLS", "NOOP"][:self.chance.choice([1] * 20 + [2])])
        await self.reply()
        if self.chance.often(0.05):
            await self.say("no handshake at all")
            await asyncio.sleep(self.chance.random() * 2)
        await self.writer.start_tls(self.mix.tls)
        await self.ask("EHLO c.test")

    async def act(self):
        """False: it leaves."""
        if self.chance.often(0.06):
            return False
        if self.login and not self.logged_in and self.chance.often(0.6):
            return await self.log_in()
        if self.chance.often(0.8):
            return await self.mail()
        if self.chance.often(0.3):
            await self.ask("QUIT")
            return False
        await self.ask(self.chance.choice(["RSET", "NOOP", "VRFY x", "HELO c", "EHLO d.test", "STARTTLS", "*", "", "DATA", "BDAT 0 LAST"]))
        return True

    async def log_in(self):
        right = self.chance.often(0.7)
        secret = PASSWORD if right else "wrong"
        plain = base64.b64encode(f"\0alice\0{secret}".encode()).decode()
        words = [base64.b64encode(word.encode()).decode() for word in ("alice", secret)]
        first, more = self.chance.choice([(f"PLAIN {plain}", []), ("PLAIN", [plain]), ("LOGIN", words), (f"LOGIN {words[0]}", words[1:])])
        await self.say(f"AUTH {first}")
        if self.chance.often(0.04):
            return False
        code = await self.reply()
        while code == 334:
            await self.chance.nap(0.3, 1.8)
            if self.chance.often(0.05):
                return False
            code = await self.ask("*" if self.chance.often(0.05) else "!!" if self.chance.often(0.05) or not more else more.pop(0))
        self.logged_in = code == 235
        if self.logged_in and not right and self.kind in ("users", "implicit"):
            self.mix.wrong.append("235 for a wrong password")
        return True

    async def mail(self):
        domains = [self.chance.choice(["in.test", "in.test", "named.test", "other.test", "required.test"]) for _ in range(self.chance.randrange(1, 4))]
        lines = ["MAIL FROM:<a@out.test>" + self.chance.choice(["", "", " SIZE=100", " BODY=8BITMIME", " SMTPUTF8"])]
        lines += [f"RCPT TO:<b@{domain}>" for domain in domains]
        if self.chance.often(0.5):
            await self.say(*lines)
            codes = [await self.reply() for _ in lines]
        else:
            codes = [await self.ask(line) for line in lines]
        for domain, code in zip(domains, codes[1:]):
            if code == 250 and domain != "in.test" and not self.logged_in:
                self.mix.wrong.append(f"{code} for {domain} without a login")
        if self.chance.often(0.1):
            return await self.ask("RSET") and True
        self.mix.next += 1
        token = b"%d" % self.mix.next
        text = text_of(token, self.chance.choice([1, 5, 2000]))
        code = await (self.chunks(text) if self.chance.often(0.4) else self.data(text))
        if code == 250:
            self.mix.told.add(token)
        return code != 0

    async def data(self, text):
        """Code of the end; 0: it leaves before."""
        code = await self.ask("DATA")
        if code != 354:
            return code
        await self.chance.put(self.writer, text[:len(text) // 2])
        if self.chance.often(0.05):
            return 0
        await self.chance.nap(0.1, 2)
        await self.chance.put(self.writer, text[len(text) // 2:] + b".\r\n")
        return await self.reply()

    async def chunks(self, text):
        parts = [text] if self.chance.often(0.5) else [text[:40], text[40:]]
        for i, part in enumerate(parts):
            await self.chance.put(self.writer, b"BDAT %d%s\r\n" % (len(part), b" LAST" if i + 1 == len(parts) else b"") + part)
            if self.chance.often(0.04):
                return 0
            await self.chance.nap(0.05, 2)
        return [await self.reply() for _ in parts][-1]


async def listen(serve, path=None):
    """Port of a server on loopback, or None: at @path."""
    if path:
        await asyncio.start_unix_server(serve, path)
        os.chmod(path, 0o777)
        return None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    return server.sockets[0].getsockname()[1]
