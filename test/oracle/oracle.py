#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Parser agreement: what would different mail servers make of the same octets?

Given one connection to the inside server as an ordered list of (direction, octets), several parser
personalities read the client's side, each with one habit seen in the field (bare LF ends a line, a
NUL ends a string, "BDAT 5LAST" is 5, ...). If they all find the same commands and the same messages,
no server can be made to see what the filter did not. It knows nothing of the filter and links
nothing of it.

The server's replies are part of the input, since they move the mode: 354 begins message text, 334
makes the next line a SASL answer. Every personality follows the replies that were really given.

    chunks = [("s", b"220 in.test\\r\\n"), ("c", b"EHLO c.test\\r\\n"), ...]
    ok, why = agree(chunks)

As a program it reads a file of lines "s TEXT" or "c TEXT" with \\r \\n \\0 \\xHH escapes and exits 1
on disagreement.
"""
import re
import sys
from collections import deque, namedtuple

Command = namedtuple("Command", "verb text")
Message = namedtuple("Message", "sender recipients how body")
Reading = namedtuple("Reading", "name commands messages rest breaches")
Pending = namedtuple("Pending", "command message")  # message: index of the one it ended, or None

VERB = re.compile(rb"[A-Za-z][A-Za-z0-9-]*\Z")
STRICT_BDAT = re.compile(rb"([0-9]{1,10})( LAST)?\Z", re.I)
NO_ARGUMENT = {b"DATA", b"RSET", b"QUIT", b"STARTTLS"}
KNOWN = (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET", b"NOOP", b"QUIT",
         b"VRFY", b"EXPN", b"HELP", b"AUTH", b"ETRN", b"STARTTLS", b"XCLIENT", b"XFORWARD")
UNPARSED = b"?"


class Personality:
    """The strict server of RFC 5321, RFC 3030 and RFC 4954; the others differ by one habit each."""

    name = "strict"
    doc = "only CRLF ends a line, verbs begin at column 0, counts are digits"

    def __init__(self):
        self.inbuf = bytearray()
        self.replies = bytearray()
        self.outstanding = deque()
        self.greeted = False
        self.chunking = None  # unknown until an EHLO reply was seen
        self.reply_lines = []
        self.waiting = None  # DATA or AUTH: what follows depends on the reply
        self.mode = "command"
        self.commands, self.messages, self.breaches = [], [], []
        self.lines, self.chunk, self.left, self.last = [], bytearray(), 0, False
        self.sender, self.recipients = None, []

    # -- habits: one of these is overridden in each personality ------------------------------

    def take_line(self, text):
        """One line off inbuf without its end, or None. @text: inside message text."""
        end = self.inbuf.find(b"\r\n")
        return self.cut(end, end + 2) if end >= 0 else None

    def trim(self, line):
        return line

    def split(self, line):
        """A command line to (verb, argument); the verb is UNPARSED if this server knows none."""
        verb, _, rest = line.partition(b" ")
        if not VERB.match(verb) or (verb.upper() in NO_ARGUMENT and rest.strip(b" ")):
            return UNPARSED, line
        return verb.upper(), rest.rstrip(b" ")

    def count(self, argument):
        """The argument of BDAT to (octets, last), or None: refused, so no octets follow."""
        m = STRICT_BDAT.match(argument)
        if not m or int(m.group(1)) >= 1 << 31:
            return None
        return int(m.group(1)), bool(m.group(2))

    # -- the common machine ------------------------------------------------------------------

    def cut(self, end, skip):
        line = bytes(self.inbuf[:end])
        del self.inbuf[:skip]
        return line

    def forget(self):
        self.sender, self.recipients = None, []

    def client(self, octets):
        if not self.greeted:
            self.breaches.append("%r came before the greeting" % (octets[:40],))
        self.inbuf += octets
        self.parse()
        if self.waiting and self.inbuf:
            self.breaches.append("%r came behind %s before its reply"
                                 % (bytes(self.inbuf[:40]), self.waiting.decode()))

    def server(self, octets):
        self.replies += octets
        while (end := self.replies.find(b"\n")) >= 0:
            line = bytes(self.replies[:end]).rstrip(b"\r")
            del self.replies[: end + 1]
            self.reply_lines.append(line)
            if line[3:4] != b"-":
                self.reply(line[:3])
                self.reply_lines = []
        self.parse()

    def reply(self, code):
        if not self.greeted:
            self.greeted = True
            return
        if not self.outstanding:
            return
        command, message = self.outstanding.popleft()
        good = code[:1] == b"2"
        if command.verb == self.waiting:
            self.waiting = None
        if message is not None:
            self.seal(message)
            self.forget()
        if command.verb == b"DATA" and code == b"354":
            self.mode, self.lines = "text", []
        elif command.verb in (b"AUTH", b"*SASL") and code == b"334":
            self.mode = "sasl"
        elif command.verb == b"MAIL" and good:
            self.sender, self.recipients = command.text, []
        elif command.verb == b"RCPT" and good:
            self.recipients.append(command.text)
        elif command.verb in (b"RSET", b"EHLO", b"HELO") and good:
            self.forget()
        elif command.verb == b"BDAT" and not good:
            self.chunk = bytearray()
        if command.verb == b"EHLO" and good:
            words = [ln[4:].split(b" ")[0].upper() for ln in self.reply_lines[1:]]
            self.chunking = b"CHUNKING" in words

    def parse(self):
        while not self.waiting:
            if self.mode == "chunk":
                more = self.parse_chunk()
            elif self.mode == "text":
                more = self.parse_text()
            else:
                more = self.parse_command()
            if not more:
                return

    def parse_chunk(self):
        part = self.inbuf[: self.left]
        self.chunk += part
        self.left -= len(part)
        del self.inbuf[: len(part)]
        if self.left:
            return False
        self.mode = "command"
        if self.last:
            self.outstanding[-1] = Pending(self.outstanding[-1].command, len(self.messages))
            self.messages.append(Message(None, (), "bdat", bytes(self.chunk)))
            self.chunk = bytearray()
        return True

    def parse_text(self):
        line = self.take_line(True)
        if line is None:
            return False
        line = self.trim(line)
        if line == b".":
            self.outstanding.append(Pending(Command(b"*END", b""), len(self.messages)))
            self.messages.append(Message(None, (), "data", tuple(self.lines)))
            self.lines = []
            self.mode = "command"
        else:
            self.lines.append(line[1:] if line.startswith(b".") else line)
        return True

    def parse_command(self):
        line = self.take_line(False)
        if line is None:
            return False
        line = self.trim(line)
        if self.mode == "sasl":
            self.mode = "command"
            command = Command(b"*SASL", line)
        else:
            command = Command(*self.split(line))
        self.commands.append(command)
        self.outstanding.append(Pending(command, None))
        if command.verb == b"RSET":
            self.chunk = bytearray()
        if command.verb in (b"DATA", b"AUTH", b"*SASL"):
            self.waiting = command.verb
        elif command.verb == b"BDAT":
            self.begin_chunk(command.text)
        return True

    def begin_chunk(self, argument):
        counted = self.count(argument)
        if counted is None:
            self.commands[-1] = Command(UNPARSED, b"BDAT " + argument)
            self.outstanding[-1] = Pending(self.commands[-1], None)
            return
        if self.chunking is False:
            self.breaches.append("BDAT sent to a server that offers no CHUNKING")
        self.left, self.last = counted
        self.mode = "chunk"

    def seal(self, index):
        """Gives a message its envelope, known for certain once all replies before its own came."""
        self.messages[index] = self.messages[index]._replace(
            sender=self.sender, recipients=tuple(self.recipients))

    def reading(self):
        """What was understood, with what was left unfinished when the octets ended."""
        rest = {"text": (tuple(self.lines), bytes(self.inbuf)),
                "chunk": (self.left, bytes(self.chunk)),
                "sasl": (bytes(self.inbuf),),
                "command": (bytes(self.inbuf), bytes(self.chunk))}[self.mode]
        return Reading(self.name, self.commands, self.messages, (self.mode,) + rest,
                       self.breaches)


class BareLf(Personality):
    name = "bare-lf"
    doc = "LF ends a line, CRs before it are dropped"

    def take_line(self, text):
        end = self.inbuf.find(b"\n")
        if end < 0:
            return None
        return self.cut(end, end + 1).rstrip(b"\r")


class BareCr(Personality):
    name = "bare-cr"
    doc = "CR ends a line too; LF only behind CR"

    def take_line(self, text):
        end = self.inbuf.find(b"\r")
        if end < 0 or end + 1 == len(self.inbuf):
            return None  # the next octet decides whether CR stood alone
        return self.cut(end, end + 2 if self.inbuf[end + 1] == 0x0A else end + 1)


class AnyEnd(Personality):
    name = "any-end"
    doc = "CR, LF, CRLF and LFCR each end a line"

    def take_line(self, text):
        m = re.search(rb"[\r\n]", self.inbuf)
        if not m:
            return None
        end = m.start()
        if end + 1 == len(self.inbuf) and self.inbuf[end] == 0x0D:
            return None
        pair = bytes(self.inbuf[end : end + 2])
        return self.cut(end, end + (2 if pair in (b"\r\n", b"\n\r") else 1))


class NulCut(Personality):
    name = "nul-cut"
    doc = "a line ends at its first NUL, as in a C string"

    def trim(self, line):
        return line.partition(b"\0")[0]


class NulSkip(Personality):
    name = "nul-skip"
    doc = "NUL is dropped"

    def trim(self, line):
        return line.replace(b"\0", b"")


class Blanks(Personality):
    name = "blanks"
    doc = "leading blanks and tabs are skipped, a tab is a blank, arguments of DATA are ignored"

    def split(self, line):
        verb, rest = (re.split(rb"[ \t]+", line.strip(b" \t"), maxsplit=1) + [b""])[:2]
        rest = re.sub(rb"^(FROM|TO)[ \t]*:[ \t]*", lambda m: m.group(1) + b":", rest, flags=re.I)
        if not VERB.match(verb):
            return UNPARSED, line
        return verb.upper(), b"" if verb.upper() in NO_ARGUMENT else rest


class Prefix(Personality):
    name = "prefix"
    doc = "a verb is known by its first letters, whatever follows"

    def split(self, line):
        for verb in KNOWN:
            if line[: len(verb)].upper() == verb:
                rest = line[len(verb) :].strip(b" ")
                return verb, b"" if verb in NO_ARGUMENT else rest
        return super().split(line)


class Chop(Personality):
    name = "chop"
    doc = "a command line is cut at 16384 octets, its tail is a new command"

    def take_line(self, text):
        end = self.inbuf.find(b"\r\n")
        if not text and (end > 16384 or (end < 0 and len(self.inbuf) > 16384)):
            return self.cut(16384, 16384)
        return super().take_line(text)


class WrapBdat(Personality):
    name = "wrap-bdat"
    doc = "strtoul() into 32 bits: +5, 0x5, 5LAST, 5 X and 4294967301 all count"
    base = 0

    def count(self, argument):
        m = re.match(rb"[ \t]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)(.*)\Z", argument, re.S)
        if not m:
            return None
        digits = m.group(2)
        value = int(digits, 16) if digits[:2].lower() == b"0x" else int(digits)
        if m.group(1) == b"-":
            value = -value
        return value % (1 << 32), b"LAST" in m.group(3).upper()


class DecimalBdat(WrapBdat):
    name = "decimal-bdat"
    doc = "as wrap-bdat, but sscanf %u: 0x5 is 0"

    def count(self, argument):
        return super().count(re.sub(rb"0[xX]", b"0 ", argument, count=1))


class Lenient(Personality):
    """Each step is one that a real server takes before it decides where a recipient lives."""

    name = "lenient-paths"
    doc = "comments, routes, lists and brackets are undone, quotes and percent signs followed"

    def split(self, line):
        verb, rest = super().split(line)
        m = re.match(rb"(FROM|TO):(.*)\Z", rest, re.S | re.I)
        if verb not in (b"MAIL", b"RCPT") or not m:
            return verb, rest
        keyword, rest = m.groups()
        path, _, parameters = rest.partition(b" ") if b"> <" not in rest else (rest, b"", b"")
        return verb, (keyword + b":<" + self.mailbox(path) + b"> " + parameters).rstrip(b" ")

    def mailbox(self, path):
        path = re.sub(rb"\([^()]*\)|\(.*\Z", b"", path)  # comments
        path = re.split(rb"(?<=>) *,|> (?=<)", path)[-1].strip(b" ")  # the last of a list
        path = re.split(rb"<", path.rstrip(b">"))[-1]  # the innermost bracket
        inner, _, behind = path.partition(b">")
        path = behind or inner
        path = re.sub(rb"\A@[^:]*:", b"", path)  # source route
        m = re.match(rb'("(?:[^"\\]|\\.)*")(?:@(.*))?\Z|(.*)@(.*)\Z', path, re.S)
        local, domain = (m.group(1) or m.group(3), m.group(2) or m.group(4)) if m else (path, b"")
        if re.match(rb'".*[@%!]', local, re.S):
            local = local[1:-1]
        if b"@" in local or b"%" in local:
            local, _, domain = re.sub(rb"%", b"@", local).rpartition(b"@")
        elif b"!" in local:
            domain, _, local = local.partition(b"!")
        return local + (b"@" + domain if domain else b"")


PERSONALITIES = (Personality, BareLf, BareCr, AnyEnd, NulCut, NulSkip, Blanks, Prefix, Chop,
                 WrapBdat, DecimalBdat, Lenient)


def feed(p, chunks):
    for direction, octets in chunks:
        if direction in ("c", "c2s", ">"):
            p.client(octets)
        elif direction in ("s", "s2c", "<"):
            p.server(octets)
        else:
            raise ValueError("direction %r: give 'c' or 's'" % (direction,))


def read(chunks, personality=Personality):
    """The conversation as one personality understands it."""
    p = personality()
    feed(p, chunks)
    return p.reading()


def read_all(chunks):
    chunks = list(chunks)
    return [read(chunks, p) for p in PERSONALITIES]


def _show(thing, most=160):
    text = repr(thing)
    return text if len(text) <= most else text[:most] + "..."


def _first_difference(what, a, b):
    for i in range(max(len(a), len(b))):
        left = a[i] if i < len(a) else None
        right = b[i] if i < len(b) else None
        if left != right:
            return "%s %d: %s against %s" % (what, i + 1, _show(left), _show(right))
    return None


def agree(chunks):
    """(True, "") if every personality reads the same, else (False, the first difference)."""
    readings = read_all(chunks)
    strict = readings[0]
    if strict.breaches:
        return False, strict.breaches[0]
    for other in readings[1:]:
        why = (_first_difference("command", strict.commands, other.commands)
               or _first_difference("message", strict.messages, other.messages)
               or (strict.rest != other.rest
                   and "at the end: %s against %s" % (_show(strict.rest), _show(other.rest))))
        if why:
            return False, "%s and %s disagree, %s" % (strict.name, other.name, why)
    return True, ""


def unanswered(chunks):
    """True if a strict server has read the end of a message and not yet answered it."""
    p = Personality()
    feed(p, chunks)
    return any(pending.message is not None for pending in p.outstanding)


def in_message(chunks):
    """True if a strict server is in the middle of a message when the octets end."""
    mode, *rest = read(chunks).rest
    return mode in ("text", "chunk") or (mode == "command" and bool(rest[1]))


def _unescape(text):
    def one(m):
        word = m.group(1)
        simple = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
        return bytes([int(word[1:], 16)]) if word[:1] == b"x" else simple[word]
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt0\\])", one, text)


def main(argv):
    if len(argv) != 2:
        sys.exit("usage: oracle.py FILE   (lines 's TEXT' and 'c TEXT')")
    with open(argv[1], "rb") as f:
        lines = [ln.rstrip(b"\n") for ln in f if ln[:2] in (b"s ", b"c ")]
    chunks = [(chr(ln[0]), _unescape(ln[2:])) for ln in lines]
    for r in read_all(chunks):
        print("%-13s %d commands, %d messages" % (r.name, len(r.commands), len(r.messages)))
    ok, why = agree(chunks)
    print("agree" if ok else "DISAGREE: " + why)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
